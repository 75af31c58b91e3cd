//! Menus to send, and their limits.

use std::fmt;

use super::{Outgoing, hidden, limits, types, web_url};
use crate::input::{self, Problem};
use crate::{Error, MenuId};

/// A menu: a head, up to ten items, a tail.
///
/// ```
/// use wecom_kf::messages::Msgmenu;
///
/// let menu = Msgmenu::new("您好，请选择")
///     .click("hours", "营业时间")
///     .click("human", "转人工")
///     .view("https://example.com/help", "自助查询")
///     .tail("感谢您的咨询");
/// assert!(menu.check().is_ok());
/// ```
///
/// When the customer taps a click item, its text arrives as a text message with the item's id as
/// [`menu_id`](crate::messages::content::TextContent::menu_id).
///
/// `Debug` shows only the name of the type.
#[derive(Clone, PartialEq)]
pub struct Msgmenu(types::SendRequestMsgmenu);
hidden!(Msgmenu);

/// Takes a menu in WeCom's own form, for example from a JSON file.
impl From<types::SendRequestMsgmenu> for Msgmenu {
    fn from(menu: types::SendRequestMsgmenu) -> Self {
        Self(menu)
    }
}

impl Msgmenu {
    /// Creates a menu with a text of 1 to 1024 bytes above its items.
    pub fn new(head: impl Into<String>) -> Self {
        Self(types::SendRequestMsgmenu { head_content: Some(head.into()), ..Default::default() })
    }

    /// Creates a menu without a text above its items.
    pub fn without_head() -> Self {
        Self(types::SendRequestMsgmenu::default())
    }

    /// Adds an item that sends its text back when the customer taps it. `id` and `content` have 1 to 128 bytes each; `id`
    /// arrives as `menu_id`.
    pub fn click(self, id: impl Into<MenuId>, content: impl Into<String>) -> Self {
        let click = types::SendMenuItemClick { id: Some(id.into().into()), content: content.into() };
        self.item("click", |item| item.click = Some(click))
    }

    /// Adds an item that opens a web page. `content` has 1 to 1024 bytes. `url` has up to 2048 bytes and begins with
    /// http:// or https://.
    pub fn view(self, url: impl Into<String>, content: impl Into<String>) -> Self {
        let view = types::SendMenuItemView { url: url.into(), content: content.into() };
        self.item("view", |item| item.view = Some(view))
    }

    /// Adds an item that opens a mini program. `content` has 1 to 1024 bytes, `appid` up to 32 bytes, `pagepath` up to
    /// 1024 bytes.
    pub fn miniprogram(
        self,
        appid: impl Into<String>,
        pagepath: impl Into<String>,
        content: impl Into<String>,
    ) -> Self {
        let miniprogram =
            types::SendMenuItemMiniprogram { appid: appid.into(), pagepath: pagepath.into(), content: content.into() };
        self.item("miniprogram", |item| item.miniprogram = Some(miniprogram))
    }

    /// Adds a text of 1 to 256 bytes. "\n" breaks the line.
    pub fn text(self, content: impl Into<String>) -> Self {
        let text = types::SendMenuItemText { content: content.into(), no_newline: None };
        self.item("text", |item| item.text = Some(text))
    }

    /// Adds a text of 1 to 256 bytes. The next item follows on the same line.
    pub fn text_without_newline(self, content: impl Into<String>) -> Self {
        let no_newline = Some(limits::MSGMENU_LIST_TEXT_NO_NEWLINE_MAX);
        let text = types::SendMenuItemText { content: content.into(), no_newline };
        self.item("text", |item| item.text = Some(text))
    }

    /// Sets a text of 1 to 1024 bytes below the items.
    pub fn tail(mut self, tail: impl Into<String>) -> Self {
        self.0.tail_content = Some(tail.into());
        self
    }

    /// Checks the menu without sending it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: a part is empty or exceeds its limit, there are more than ten items (WeCom would refuse
    /// them with 95008), an item has not exactly the part that its type names, or the menu is empty.
    pub fn check(&self) -> Result<(), Error> {
        let types::SendRequestMsgmenu { head_content, list, tail_content } = &self.0;
        if list.is_empty() && head_content.is_none() && tail_content.is_none() {
            return Err(input::refuse("msgmenu", Problem::Empty));
        }
        input::optional_bytes("head_content", head_content.as_deref(), limits::MSGMENU_HEAD_CONTENT_MAX_BYTES)?;
        list.iter().try_for_each(check_item)?;
        input::items("msgmenu.list", list.len(), limits::MSGMENU_LIST_MAX_ITEMS)?;
        input::optional_bytes("tail_content", tail_content.as_deref(), limits::MSGMENU_TAIL_CONTENT_MAX_BYTES)
    }

    pub(super) fn into_body(self) -> types::SendRequestMsgmenu {
        self.0
    }

    fn item(mut self, kind: &str, fill: impl FnOnce(&mut types::SendMenuItem)) -> Self {
        let mut item = types::SendMenuItem { type_: kind.to_owned(), ..Default::default() };
        fill(&mut item);
        self.0.list.push(item);
        self
    }
}

fn check_item(item: &types::SendMenuItem) -> Result<(), Error> {
    let parts = [
        ("click", item.click.is_some()),
        ("view", item.view.is_some()),
        ("miniprogram", item.miniprogram.is_some()),
        ("text", item.text.is_some()),
    ];
    if parts.iter().any(|(kind, is_there)| *is_there != (item.type_ == *kind))
        || !parts.iter().any(|(_, is_there)| *is_there)
    {
        return Err(input::malformed(
            "msgmenu.list",
            "made of items with the one part that their type names",
            "由各项组成，每项只含其 type 所指的内容",
        ));
    }
    if let Some(types::SendMenuItemClick { id, content }) = &item.click {
        input::optional_bytes("click.id", id.as_deref(), limits::MSGMENU_LIST_CLICK_ID_MAX_BYTES)?;
        input::bytes("click.content", content, limits::MSGMENU_LIST_CLICK_CONTENT_MAX_BYTES)?;
    }
    if let Some(types::SendMenuItemView { url, content }) = &item.view {
        web_url("view.url", url, limits::MSGMENU_LIST_VIEW_URL_MAX_BYTES)?;
        input::bytes("view.content", content, limits::MSGMENU_LIST_VIEW_CONTENT_MAX_BYTES)?;
    }
    if let Some(types::SendMenuItemMiniprogram { appid, pagepath, content }) = &item.miniprogram {
        input::bytes("miniprogram.appid", appid, limits::MSGMENU_LIST_MINIPROGRAM_APPID_MAX_BYTES)?;
        input::bytes("miniprogram.pagepath", pagepath, limits::MSGMENU_LIST_MINIPROGRAM_PAGEPATH_MAX_BYTES)?;
        input::bytes("miniprogram.content", content, limits::MSGMENU_LIST_MINIPROGRAM_CONTENT_MAX_BYTES)?;
    }
    if let Some(types::SendMenuItemText { content, .. }) = &item.text {
        input::bytes("text.content", content, limits::MSGMENU_LIST_TEXT_CONTENT_MAX_BYTES)?;
    }
    Ok(())
}
