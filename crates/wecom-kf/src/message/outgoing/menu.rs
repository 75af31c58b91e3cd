//! Menus to send, with their limits.

use std::fmt;

use super::{Outgoing, Problem, hidden, limits, types, web_url};
use crate::{Bilingual, Error, input};

/// A menu: a head, up to ten items, a tail.
///
/// ```
/// use wecom_kf::message::Msgmenu;
///
/// let menu = Msgmenu::new("您好，请选择")
///     .click("hours", "营业时间")
///     .click("human", "转人工")
///     .view("https://example.com/help", "自助查询")
///     .tail("感谢您的咨询");
/// ```
///
/// Tapping a click item sends its text back, with the item's id as `menu_id`. What is wrong with a menu comes out when
/// it is sent, or with [`check`](Self::check); nothing is sent then.
///
/// Its Debug shows its name only.
#[derive(Clone, PartialEq)]
pub struct Msgmenu {
    body: types::SendRequestMsgmenu,
    /// What is wrong first.
    problem: Option<(Bilingual, Problem)>,
}
hidden!(Msgmenu);

impl Msgmenu {
    /// A menu under this text, 1 to 1024 bytes.
    pub fn new(head: impl Into<String>) -> Self {
        let head = head.into();
        let menu = Self::without_head();
        let mut menu = menu.checked(input::bytes("head_content", &head, limits::MSGMENU_HEAD_CONTENT_MAX_BYTES));
        menu.body.head_content = Some(head);
        menu
    }

    /// A menu of items only.
    pub fn without_head() -> Self {
        Self { body: types::SendRequestMsgmenu::default(), problem: None }
    }

    /// An item that sends its text back, 1 to 128 bytes, with `id`, 1 to 128 bytes, as `menu_id`.
    pub fn click(self, id: impl Into<String>, content: impl Into<String>) -> Self {
        let (id, content) = (id.into(), content.into());
        let menu = self
            .checked(input::bytes("click.id", &id, limits::MSGMENU_LIST_CLICK_ID_MAX_BYTES))
            .checked(input::bytes("click.content", &content, limits::MSGMENU_LIST_CLICK_CONTENT_MAX_BYTES));
        menu.item("click", |item| item.click = Some(types::SendMenuItemClick { id: Some(id), content }))
    }

    /// An item that opens a page, of 1 to 1024 bytes; `url` has up to 2048 and begins with http:// or https://.
    pub fn view(self, url: impl Into<String>, content: impl Into<String>) -> Self {
        let (url, content) = (url.into(), content.into());
        let menu = self
            .checked(web_url("view.url", &url, limits::MSGMENU_LIST_VIEW_URL_MAX_BYTES))
            .checked(input::bytes("view.content", &content, limits::MSGMENU_LIST_VIEW_CONTENT_MAX_BYTES));
        menu.item("view", |item| item.view = Some(types::SendMenuItemView { url, content }))
    }

    /// An item that opens a mini program, of 1 to 1024 bytes; `appid` has up to 32 bytes, `pagepath` up to 1024.
    pub fn miniprogram(
        self,
        appid: impl Into<String>,
        pagepath: impl Into<String>,
        content: impl Into<String>,
    ) -> Self {
        let (appid, pagepath, content) = (appid.into(), pagepath.into(), content.into());
        let menu = self
            .checked(input::bytes("miniprogram.appid", &appid, limits::MSGMENU_LIST_MINIPROGRAM_APPID_MAX_BYTES))
            .checked(input::bytes(
                "miniprogram.pagepath",
                &pagepath,
                limits::MSGMENU_LIST_MINIPROGRAM_PAGEPATH_MAX_BYTES,
            ))
            .checked(input::bytes("miniprogram.content", &content, limits::MSGMENU_LIST_MINIPROGRAM_CONTENT_MAX_BYTES));
        menu.item("miniprogram", |item| {
            item.miniprogram = Some(types::SendMenuItemMiniprogram { appid, pagepath, content });
        })
    }

    /// An item of text only, 1 to 256 bytes; "\n" breaks the line.
    pub fn text(self, content: impl Into<String>) -> Self {
        self.text_item(content.into(), None)
    }

    /// An item of text only, 1 to 256 bytes; the next item follows on the same line.
    pub fn text_without_newline(self, content: impl Into<String>) -> Self {
        self.text_item(content.into(), Some(limits::MSGMENU_LIST_TEXT_NO_NEWLINE_MAX))
    }

    fn text_item(self, content: String, no_newline: Option<u32>) -> Self {
        let menu = self.checked(input::bytes("text.content", &content, limits::MSGMENU_LIST_TEXT_CONTENT_MAX_BYTES));
        menu.item("text", |item| item.text = Some(types::SendMenuItemText { content, no_newline }))
    }

    /// A text below the items, 1 to 1024 bytes.
    pub fn tail(self, tail: impl Into<String>) -> Self {
        let tail = tail.into();
        let mut menu = self.checked(input::bytes("tail_content", &tail, limits::MSGMENU_TAIL_CONTENT_MAX_BYTES));
        menu.body.tail_content = Some(tail);
        menu
    }

    /// Says what is wrong with it, as sending it would.
    ///
    /// # Errors
    ///
    /// A limit above, more than ten items (WeCom: 95008), or nothing at all in it.
    pub fn check(&self) -> Result<(), Error> {
        match &self.problem {
            Some((what, problem)) => Err(input::refuse(what.clone(), problem.clone())),
            None if self.body.list.is_empty()
                && self.body.head_content.is_none()
                && self.body.tail_content.is_none() =>
            {
                Err(input::refuse("msgmenu", Problem::Empty))
            }
            None => Ok(()),
        }
    }

    pub(super) fn into_body(self) -> Result<types::SendRequestMsgmenu, Error> {
        self.check()?;
        Ok(self.body)
    }

    fn item(mut self, kind: &str, fill: impl FnOnce(&mut types::SendMenuItem)) -> Self {
        let mut item = types::SendMenuItem { type_: kind.to_owned(), ..Default::default() };
        fill(&mut item);
        self.body.list.push(item);
        let items = self.body.list.len();
        self.checked(input::items("msgmenu.list", items, limits::MSGMENU_LIST_MAX_ITEMS))
    }

    fn checked(mut self, result: Result<(), Error>) -> Self {
        if let (None, Err(Error::InvalidInput { what, problem })) = (&self.problem, result) {
            self.problem = Some((what, problem));
        }
        self
    }
}
