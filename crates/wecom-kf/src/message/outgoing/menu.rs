//! Menus to send, and their limits.

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
/// When the customer taps a click item, its text arrives as a text message with the item's id as
/// [`menu_id`](crate::message::content::Text::menu_id).
///
/// The methods accept anything. The first problem is reported when the menu is sent, before anything leaves;
/// [`check`](Self::check) reports it earlier.
///
/// `Debug` shows only the name of the type.
#[derive(Clone, PartialEq)]
pub struct Msgmenu {
    body: types::SendRequestMsgmenu,
    /// The first problem found.
    problem: Option<(Bilingual, Problem)>,
}
hidden!(Msgmenu);

impl Msgmenu {
    /// Creates a menu with a text of 1 to 1024 bytes above its items.
    pub fn new(head: impl Into<String>) -> Self {
        let head = head.into();
        let menu = Self::without_head();
        let mut menu = menu.checked(input::bytes("head_content", &head, limits::MSGMENU_HEAD_CONTENT_MAX_BYTES));
        menu.body.head_content = Some(head);
        menu
    }

    /// Creates a menu without a text above its items.
    pub fn without_head() -> Self {
        Self { body: types::SendRequestMsgmenu::default(), problem: None }
    }

    /// Adds an item that sends its text back when the customer taps it. `id` and `content` have 1 to 128 bytes each; `id`
    /// arrives as `menu_id`.
    pub fn click(self, id: impl Into<String>, content: impl Into<String>) -> Self {
        let (id, content) = (id.into(), content.into());
        let menu = self
            .checked(input::bytes("click.id", &id, limits::MSGMENU_LIST_CLICK_ID_MAX_BYTES))
            .checked(input::bytes("click.content", &content, limits::MSGMENU_LIST_CLICK_CONTENT_MAX_BYTES));
        menu.item("click", |item| item.click = Some(types::SendMenuItemClick { id: Some(id), content }))
    }

    /// Adds an item that opens a web page. `content` has 1 to 1024 bytes. `url` has up to 2048 bytes and begins with
    /// http:// or https://.
    pub fn view(self, url: impl Into<String>, content: impl Into<String>) -> Self {
        let (url, content) = (url.into(), content.into());
        let menu = self
            .checked(web_url("view.url", &url, limits::MSGMENU_LIST_VIEW_URL_MAX_BYTES))
            .checked(input::bytes("view.content", &content, limits::MSGMENU_LIST_VIEW_CONTENT_MAX_BYTES));
        menu.item("view", |item| item.view = Some(types::SendMenuItemView { url, content }))
    }

    /// Adds an item that opens a mini program. `content` has 1 to 1024 bytes, `appid` up to 32 bytes, `pagepath` up to
    /// 1024 bytes.
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

    /// Adds a text of 1 to 256 bytes. "\n" breaks the line.
    pub fn text(self, content: impl Into<String>) -> Self {
        self.text_item(content.into(), None)
    }

    /// Adds a text of 1 to 256 bytes. The next item follows on the same line.
    pub fn text_without_newline(self, content: impl Into<String>) -> Self {
        self.text_item(content.into(), Some(limits::MSGMENU_LIST_TEXT_NO_NEWLINE_MAX))
    }

    fn text_item(self, content: String, no_newline: Option<u32>) -> Self {
        let menu = self.checked(input::bytes("text.content", &content, limits::MSGMENU_LIST_TEXT_CONTENT_MAX_BYTES));
        menu.item("text", |item| item.text = Some(types::SendMenuItemText { content, no_newline }))
    }

    /// Sets a text of 1 to 1024 bytes below the items.
    pub fn tail(self, tail: impl Into<String>) -> Self {
        let tail = tail.into();
        let mut menu = self.checked(input::bytes("tail_content", &tail, limits::MSGMENU_TAIL_CONTENT_MAX_BYTES));
        menu.body.tail_content = Some(tail);
        menu
    }

    /// Checks the menu without sending it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: a part exceeds its limit, there are more than ten items (WeCom would refuse them with
    /// 95008), or the menu is empty.
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
