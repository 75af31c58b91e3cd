//! The bodies of messages that a bot sends: what each kind needs, and what the customer receives.

use serde::Serialize;
use wecom_kf_raw::ErrCode;
use wecom_kf_raw::limits::send_msg::{LINK_DESC_MAX_BYTES, LINK_TITLE_MAX_BYTES};
use wecom_kf_raw::types::{
    SendMenuItem, SendMenuItemClick, SendMenuItemMiniprogram, SendMenuItemText, SendMenuItemView,
    SendOnEventRequestMsgmenu, SendOnEventRequestText, SendRequest, SendRequestBusinessCard, SendRequestCaLink,
    SendRequestFile, SendRequestImage, SendRequestLink, SendRequestLocation, SendRequestMiniprogram,
    SendRequestMsgmenu, SendRequestText, SendRequestVideo, SendRequestVoice,
};

use crate::platform::MediaKind;
use crate::platform::model::assumptions::Assumptions;
use crate::platform::model::ids::Ids;
use crate::platform::model::refusal::Refusal;
use crate::platform::ops::one_body::one_body;
use crate::platform::ops::required;

rule!(kinds_of_sent_messages);
/// What can be sent; `ca_link` is documented elsewhere.
pub(crate) const MSGTYPES: [&str; 11] = [
    "text",
    "image",
    "voice",
    "video",
    "file",
    "link",
    "miniprogram",
    "msgmenu",
    "location",
    "business_card",
    "ca_link",
];
rule!(menu_items);
/// What a menu is made of.
pub(crate) const MENU_ITEM_TYPES: [&str; 4] = ["click", "view", "miniprogram", "text"];

/// The body of a message.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Body {
    Text(SendRequestText),
    Image(SendRequestImage),
    Voice(SendRequestVoice),
    Video(SendRequestVideo),
    File(SendRequestFile),
    Link(SendRequestLink),
    Miniprogram(SendRequestMiniprogram),
    Msgmenu(SendRequestMsgmenu),
    Location(SendRequestLocation),
    BusinessCard(SendRequestBusinessCard),
    CaLink(SendRequestCaLink),
}

/// The body of a menu item.
#[derive(Serialize)]
#[serde(untagged)]
enum ItemBody<'a> {
    Click(&'a SendMenuItemClick),
    View(&'a SendMenuItemView),
    Miniprogram(&'a SendMenuItemMiniprogram),
    Text(&'a SendMenuItemText),
}

/// Returns the body of a request of `send_msg`, after its checks.
pub(crate) fn body_of_message(request: SendRequest, msgtype: &str, assumptions: &Assumptions) -> Result<Body, Refusal> {
    let bodies = [
        ("text", request.text.map(Body::Text)),
        ("image", request.image.map(Body::Image)),
        ("voice", request.voice.map(Body::Voice)),
        ("video", request.video.map(Body::Video)),
        ("file", request.file.map(Body::File)),
        ("link", request.link.map(Body::Link)),
        ("miniprogram", request.miniprogram.map(Body::Miniprogram)),
        ("msgmenu", request.msgmenu.map(Body::Msgmenu)),
        ("location", request.location.map(Body::Location)),
        ("business_card", request.business_card.map(Body::BusinessCard)),
        ("ca_link", request.ca_link.map(Body::CaLink)),
    ];
    let body = one_body(msgtype, "msgtype", bodies, assumptions)?;
    body.check(assumptions)?;
    Ok(body)
}

/// Returns the body of a request of `send_msg_on_event`, after its checks.
pub(crate) fn body_of_event_reply(
    text: Option<SendOnEventRequestText>,
    msgmenu: Option<SendOnEventRequestMsgmenu>,
    msgtype: &str,
    assumptions: &Assumptions,
) -> Result<Body, Refusal> {
    let text = text.map(|SendOnEventRequestText { content }| SendRequestText { content: Some(content) });
    let msgmenu = msgmenu.map(|SendOnEventRequestMsgmenu { head_content, list, tail_content }| SendRequestMsgmenu {
        head_content,
        list,
        tail_content,
    });
    let request = SendRequest { text, msgmenu, ..SendRequest::default() };
    body_of_message(request, msgtype, assumptions)
}

impl Body {
    fn check(&self, assumptions: &Assumptions) -> Result<(), Refusal> {
        match self {
            Self::Text(text) if text.content.as_deref() == Some("") => Err(ErrCode::EMPTY_TEXT.into()),
            Self::Text(text) => required(text.content.as_deref(), "content").map(drop),
            Self::Link(link) => check_link(&link.url),
            Self::Msgmenu(menu) => menu.list.iter().try_for_each(|item| check_menu_item(item, assumptions)),
            _ => Ok(()),
        }
    }

    /// Returns the `media_id` of the file in the body, and the kind of file that belongs there. A cover is a picture.
    pub(crate) fn file(&self) -> Option<(&str, MediaKind)> {
        Some(match self {
            Self::Image(image) => (&image.media_id, MediaKind::Image),
            Self::Voice(voice) => (&voice.media_id, MediaKind::Voice),
            Self::Video(video) => (&video.media_id, MediaKind::Video),
            Self::File(file) => (&file.media_id, MediaKind::File),
            Self::Link(link) => (&link.thumb_media_id, MediaKind::Image),
            Self::Miniprogram(miniprogram) => (&miniprogram.thumb_media_id, MediaKind::Image),
            _ => return None,
        })
    }

    /// Returns what the customer receives.
    pub(crate) fn delivered(mut self, ids: &mut Ids) -> Self {
        match &mut self {
            Self::Link(link) => {
                rule!(link_title_and_description_are_cut);
                cut(&mut link.title, LINK_TITLE_MAX_BYTES);
                link.desc.iter_mut().for_each(|desc| cut(desc, LINK_DESC_MAX_BYTES));
            }
            Self::Msgmenu(menu) => {
                rule!(click_id_is_made_by_server);
                for click in menu.list.iter_mut().filter_map(|item| item.click.as_mut()) {
                    click.id.get_or_insert_with(|| ids.next("menu item", "", 16));
                }
            }
            _ => {}
        }
        self
    }
}

fn check_link(url: &str) -> Result<(), Refusal> {
    rule!(view_url_needs_scheme);
    let has_scheme = ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme));
    if has_scheme { Ok(()) } else { Err(ErrCode::URL_SCHEME_MISSING.into()) }
}

fn check_menu_item(item: &SendMenuItem, assumptions: &Assumptions) -> Result<(), Refusal> {
    let bodies = [
        ("click", item.click.as_ref().map(ItemBody::Click)),
        ("view", item.view.as_ref().map(ItemBody::View)),
        ("miniprogram", item.miniprogram.as_ref().map(ItemBody::Miniprogram)),
        ("text", item.text.as_ref().map(ItemBody::Text)),
    ];
    one_body(&item.type_, "type of the menu item", bodies, assumptions).map(drop)
}

fn cut(text: &mut String, max_bytes: usize) {
    rule!(texts_are_cut_between_characters);
    let border = (0..=max_bytes.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.truncate(border.unwrap_or(0));
}
