//! Finding what a customer taps: click items of menus, and links in texts.

use serde_json::Value;

use crate::platform::model::menu_links::{MenuLink, menu_links};
use crate::platform::{Chat, Platform};

impl Platform {
    /// Returns the text of the newest click item or menu link with this id that the customer received.
    pub(crate) fn menu_item(&mut self, chat: Chat<'_>, menu_id: &str) -> Option<String> {
        self.known_customer(chat).history.received().find_map(|entry| {
            let body = entry.body();
            let items = body["list"].as_array().into_iter().flatten();
            let click = items.map(|item| &item["click"]).find(|click| click["id"] == menu_id);
            let of_item = click.and_then(|click| click["content"].as_str()).map(str::to_owned);
            let of_link = || links(&body).into_iter().find(|link| link.id == menu_id).map(|link| link.content);
            of_item.or_else(of_link)
        })
    }

    /// Returns the newest menu link with this label that the customer received.
    pub(crate) fn menu_link(&mut self, chat: Chat<'_>, label: &str) -> Option<MenuLink> {
        let history = &self.known_customer(chat).history;
        history.received().find_map(|entry| links(&entry.body()).into_iter().find(|link| link.label == label))
    }
}

/// Returns the menu links of a message, from every text in it that people read.
fn links(body: &Value) -> Vec<MenuLink> {
    let own = ["content", "head_content", "tail_content"].into_iter().map(|member| &body[member]);
    let items = body["list"].as_array().into_iter().flatten().map(|item| &item["text"]["content"]);
    own.chain(items).filter_map(Value::as_str).flat_map(menu_links).collect()
}
