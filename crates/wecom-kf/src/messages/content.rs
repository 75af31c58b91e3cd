//! The content of received messages: one type per kind.
//!
//! Fields that WeCom may omit are `Option`s. No `Debug` here shows a customer's text. `Serialize` writes a content as WeCom
//! does, for exports; [`Message`](super::Message) serializes the whole message as it arrived.

use std::fmt;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::Event;
use super::fields::{Members, body, optional_integer, optional_text};
use crate::open_number::open_number;
use crate::raw::__private::{lenient, repaired};
use crate::raw::types;
use crate::{MediaId, MenuId, UserId};

/// The content of a received message, by kind.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Content {
    /// A text, typed by the customer or sent by tapping a menu item. WeCom also sends a text as a notice instead of media
    /// that are too large.
    Text(TextContent),
    /// A picture.
    Image(MediaContent),
    /// A voice message, in the format that [`ReadPage::voice_format`](super::ReadPage::voice_format) asked for.
    Voice(MediaContent),
    /// A video.
    Video(MediaContent),
    /// A file. Its name is only known after the download.
    File(MediaContent),
    /// A location.
    Location(LocationContent),
    /// A link.
    Link(LinkContent),
    /// A member's card, sent by a servicer.
    BusinessCard(BusinessCardContent),
    /// A mini program.
    Miniprogram(MiniprogramContent),
    /// A menu that a servicer or WeCom's own bot sent.
    Msgmenu(MsgmenuContent),
    /// A product of a 视频号 shop.
    ChannelsShopProduct(ChannelsShopProduct),
    /// An order of a 视频号 shop.
    ChannelsShopOrder(ChannelsShopOrder),
    /// A forwarded chat history (聊天记录).
    MergedMsg(MergedMsg),
    /// A post, a live stream or a card of 视频号.
    Channels(Channels),
    /// A meeting. WeCom does not document its body: see [`Message::raw`](super::Message::raw).
    Meeting,
    /// A schedule. WeCom does not document its body: see [`Message::raw`](super::Message::raw).
    Schedule,
    /// A note (用户笔记). WeCom does not document its body: see [`Message::raw`](super::Message::raw).
    Note,
    /// An event.
    Event(Event),
    /// A kind without a type in this crate, or a known kind whose body is missing or malformed: see
    /// [`Message::raw`](super::Message::raw).
    Unknown {
        /// The msgtype in the message.
        msgtype: String,
    },
}

impl Content {
    /// Decodes the body of a message of the kind `msgtype`.
    pub(super) fn decode(msgtype: &str, body: Option<&str>) -> Self {
        Self::known(msgtype, body).unwrap_or_else(|| Self::Unknown { msgtype: msgtype.to_owned() })
    }

    /// Returns the msgtype, such as `text`.
    pub fn msgtype(&self) -> &str {
        match self {
            Self::Text(_) => "text",
            Self::Image(_) => "image",
            Self::Voice(_) => "voice",
            Self::Video(_) => "video",
            Self::File(_) => "file",
            Self::Location(_) => "location",
            Self::Link(_) => "link",
            Self::BusinessCard(_) => "business_card",
            Self::Miniprogram(_) => "miniprogram",
            Self::Msgmenu(_) => "msgmenu",
            Self::ChannelsShopProduct(_) => "channels_shop_product",
            Self::ChannelsShopOrder(_) => "channels_shop_order",
            Self::MergedMsg(_) => "merged_msg",
            Self::Channels(_) => "channels",
            Self::Meeting => "meeting",
            Self::Schedule => "schedule",
            Self::Note => "note",
            Self::Event(_) => "event",
            Self::Unknown { msgtype } => msgtype,
        }
    }

    /// Returns the file of a picture, a voice message, a video or a file. `None` for other kinds.
    pub fn media(&self) -> Option<&MediaContent> {
        match self {
            Self::Image(media) | Self::Voice(media) | Self::Video(media) | Self::File(media) => Some(media),
            _ => None,
        }
    }

    fn known(msgtype: &str, json: Option<&str>) -> Option<Self> {
        Some(match msgtype {
            "text" => Self::Text(body(json)?),
            "image" => Self::Image(body(json)?),
            "voice" => Self::Voice(body(json)?),
            "video" => Self::Video(body(json)?),
            "file" => Self::File(body(json)?),
            "location" => Self::Location(body(json)?),
            "link" => Self::Link(body(json)?),
            "business_card" => Self::BusinessCard(body(json)?),
            "miniprogram" => Self::Miniprogram(body(json)?),
            "msgmenu" => Self::Msgmenu(body(json)?),
            "channels_shop_product" => {
                Self::ChannelsShopProduct(body::<types::MessageChannelsShopProduct>(json)?.into())
            }
            "channels_shop_order" => Self::ChannelsShopOrder(body(json)?),
            "merged_msg" => Self::MergedMsg(body(json)?),
            "channels" => Self::Channels(body(json)?),
            "meeting" => Self::Meeting,
            "schedule" => Self::Schedule,
            "note" => Self::Note,
            "event" => Self::Event(Event::decode(json?)?),
            _ => return None,
        })
    }
}

/// Writes the msgtype and, under its name, the body, as WeCom does.
impl Serialize for Content {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        let msgtype = self.msgtype();
        map.serialize_entry("msgtype", msgtype)?;
        match self {
            Self::Text(body) => map.serialize_entry(msgtype, body)?,
            Self::Image(body) | Self::Voice(body) | Self::Video(body) | Self::File(body) => {
                map.serialize_entry(msgtype, body)?;
            }
            Self::Location(body) => map.serialize_entry(msgtype, body)?,
            Self::Link(body) => map.serialize_entry(msgtype, body)?,
            Self::BusinessCard(body) => map.serialize_entry(msgtype, body)?,
            Self::Miniprogram(body) => map.serialize_entry(msgtype, body)?,
            Self::Msgmenu(body) => map.serialize_entry(msgtype, body)?,
            Self::ChannelsShopProduct(body) => map.serialize_entry(msgtype, body)?,
            Self::ChannelsShopOrder(body) => map.serialize_entry(msgtype, body)?,
            Self::MergedMsg(body) => map.serialize_entry(msgtype, body)?,
            Self::Channels(body) => map.serialize_entry(msgtype, body)?,
            Self::Event(body) => map.serialize_entry(msgtype, body)?,
            Self::Meeting | Self::Schedule | Self::Note | Self::Unknown { .. } => {}
        }
        map.end()
    }
}

/// Declares the types of bodies. Their `Debug` shows only the name of the type, because the fields contain what people
/// wrote or looked at.
macro_rules! bodies {
    ($($(#[$docs:meta])* $name:ident { $($(#[$field:meta])* $field_name:ident: $ty:ty,)* })*) => {$(
        $(#[$docs])*
        #[derive(Clone, PartialEq, Deserialize, Serialize)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$field])* pub $field_name: $ty,)*
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}

bodies! {
    /// A text.
    TextContent {
        /// The text.
        #[serde(deserialize_with = "lenient::string")]
        content: String,
        /// The id of the menu item that the customer tapped. `None` for typed text.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        menu_id: Option<MenuId>,
    }

    /// A picture, voice message, video or file.
    MediaContent {
        /// The id for [`Media::get`](crate::media::Media::get). WeCom keeps the file for 3 days.
        media_id: MediaId,
    }

    /// A location.
    LocationContent {
        /// Degrees, -90 to 90.
        #[serde(deserialize_with = "lenient::number")]
        latitude: f64,
        /// Degrees, -180 to 180.
        #[serde(deserialize_with = "lenient::number")]
        longitude: f64,
        /// The name of the place.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The address of the place.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        address: Option<String>,
    }

    /// A link. WeCom may omit each part.
    LinkContent {
        /// The title.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// The description.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        desc: Option<String>,
        /// The URL.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        url: Option<String>,
        /// The URL of the thumbnail.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        pic_url: Option<String>,
    }

    /// A member's card.
    BusinessCardContent {
        /// The userid of the member.
        userid: UserId,
    }

    /// A mini program.
    MiniprogramContent {
        /// The title.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// The id of the mini program.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        appid: Option<String>,
        /// The page that it opens.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        pagepath: Option<String>,
        /// The cover.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        thumb_media_id: Option<MediaId>,
    }

    /// A menu.
    MsgmenuContent {
        /// The text above the items.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        head_content: Option<String>,
        /// The items.
        #[serde(default, deserialize_with = "lenient::list")]
        list: Vec<MenuItem>,
        /// The text below the items.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        tail_content: Option<String>,
    }

    /// A product of a 视频号 shop.
    ChannelsShopProduct {
        /// The id of the product.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        product_id: Option<String>,
        /// The picture. Some servers write `head_img`.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        head_image: Option<String>,
        /// The title.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// The price in fen (分), as digits.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        sales_price: Option<String>,
        /// The name of the shop.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        shop_nickname: Option<String>,
        /// The picture of the shop. Some servers write `shop_head_img`.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        shop_head_image: Option<String>,
    }

    /// An order of a 视频号 shop.
    ChannelsShopOrder {
        /// The id of the order.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        order_id: Option<String>,
        /// The titles of the products.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        product_titles: Option<String>,
        /// The price as it is shown.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        price_wording: Option<String>,
        /// The state as it is shown.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        state: Option<String>,
        /// The picture.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        image_url: Option<String>,
        /// The name of the shop.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        shop_nickname: Option<String>,
    }

    /// A forwarded chat history.
    MergedMsg {
        /// The title.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// The quoted messages.
        #[serde(default, deserialize_with = "lenient::list")]
        item: Vec<MergedItem>,
    }

    /// A post, a live stream or a card of 视频号.
    Channels {
        /// Whether it is a post, a live stream or a card.
        sub_type: ChannelsSubType,
        /// The name of the 视频号.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        nickname: Option<String>,
        /// The title. Only a post has one.
        #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        title: Option<String>,
    }
}

impl From<types::MessageChannelsShopProduct> for ChannelsShopProduct {
    /// Accepts the field names `head_img` and `shop_head_img`, which some servers use, and treats an empty text as
    /// missing.
    fn from(product: types::MessageChannelsShopProduct) -> Self {
        let some = |text: Option<String>| text.filter(|text| !text.is_empty());
        Self {
            product_id: some(product.product_id),
            head_image: some(product.head_image).or(some(product.head_img)),
            title: some(product.title),
            sales_price: some(product.sales_price),
            shop_nickname: some(product.shop_nickname),
            shop_head_image: some(product.shop_head_image).or(some(product.shop_head_img)),
        }
    }
}

/// A quoted message of a chat history. `Debug` shows only its kind and time.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MergedItem {
    /// The time at which the quoted message was sent, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_time: Option<i64>,
    /// The kind of the quoted message.
    pub msgtype: String,
    /// The name of the author.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_name: Option<String>,
    /// The quoted message as a JSON document in a string. It may be empty or invalid; [`content`](Self::content) decodes
    /// it.
    pub msg_content: String,
}

impl<'de> Deserialize<'de> for MergedItem {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        struct Item {
            #[serde(default, deserialize_with = "optional_integer")]
            send_time: Option<i64>,
            #[serde(default, deserialize_with = "optional_text")]
            msgtype: Option<String>,
            #[serde(default, deserialize_with = "optional_text")]
            sender_name: Option<String>,
            msg_content: Option<Box<RawValue>>,
        }
        let json = Box::<RawValue>::deserialize(from)?;
        let item: Item = body(Some(json.get())).unwrap_or_default();
        // Usually a string that contains JSON. Some servers send the JSON object itself.
        let inner = item.msg_content.as_deref().map_or("", RawValue::get);
        let msg_content = serde_json::from_str(inner).unwrap_or_else(|_| inner.to_owned());
        Ok(Self {
            send_time: item.send_time,
            msgtype: item.msgtype.unwrap_or_default(),
            sender_name: item.sender_name,
            msg_content,
        })
    }
}

impl fmt::Debug for MergedItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MergedItem")
            .field("send_time", &self.send_time)
            .field("msgtype", &self.msgtype)
            .finish_non_exhaustive()
    }
}

impl MergedItem {
    /// Decodes and returns the content of the quoted message. Returns [`Content::Unknown`] if it cannot be decoded.
    pub fn content(&self) -> Content {
        let (json, _) = repaired(&self.msg_content);
        let members = Members::of(&json);
        let said = members.msgtype.as_deref().unwrap_or(&self.msgtype);
        // The kind may be missing inside, and outside it may be a number. Then the name of the only body is the kind.
        let msgtype = if members.body(said).is_some() { said } else { members.only_kind().unwrap_or(said) };
        Content::decode(msgtype, members.body(msgtype))
    }
}

open_number! {
    /// The kind of 视频号 content that was sent.
    ChannelsSubType {
        /// A post (动态).
        POST = 1,
        /// A live stream (直播).
        LIVE = 2,
        /// A card (名片).
        CARD = 3,
    }
}

/// An item of a received menu.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum MenuItem {
    /// An item that sends its text back when the customer taps it.
    Click {
        /// The id, which arrives as [`TextContent::menu_id`] when the customer taps the item.
        id: Option<MenuId>,
        /// The text of the item.
        content: String,
    },
    /// An item that opens a web page.
    View {
        /// The URL of the page.
        url: Option<String>,
        /// The text of the item.
        content: String,
    },
    /// An item that opens a mini program.
    Miniprogram {
        /// The id of the mini program.
        appid: Option<String>,
        /// The page it opens.
        pagepath: Option<String>,
        /// The text of the item.
        content: String,
    },
    /// An item that is only text.
    Text {
        /// The text.
        content: String,
    },
    /// A kind without a variant here, or a malformed item.
    Unknown {
        /// The type in the item.
        kind: String,
    },
}

impl<'de> Deserialize<'de> for MenuItem {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(from)?;
        #[derive(Default, Deserialize)]
        struct Kind {
            #[serde(default, rename = "type", deserialize_with = "optional_text")]
            kind: Option<String>,
        }
        let kind = body::<Kind>(Some(json.get())).unwrap_or_default().kind.unwrap_or_default();
        let item: types::MessageMenuItem = body(Some(json.get())).unwrap_or_default();
        Ok(match kind.as_str() {
            "click" => {
                item.click.and_then(|item| Some(Self::Click { id: item.id.map(MenuId::from), content: item.content? }))
            }
            "view" => item.view.and_then(|item| Some(Self::View { url: item.url, content: item.content? })),
            "miniprogram" => item.miniprogram.and_then(|item| {
                Some(Self::Miniprogram { appid: item.appid, pagepath: item.pagepath, content: item.content? })
            }),
            "text" => item.text.and_then(|item| Some(Self::Text { content: item.content? })),
            _ => None,
        }
        .unwrap_or(Self::Unknown { kind }))
    }
}

/// Writes the type and, under its name, the item, as WeCom does.
impl Serialize for MenuItem {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut item = types::MessageMenuItem::default();
        let kind = match self.clone() {
            Self::Click { id, content } => {
                item.click = Some(types::MessageMenuItemClick { id: id.map(String::from), content: Some(content) });
                "click".to_owned()
            }
            Self::View { url, content } => {
                item.view = Some(types::MessageMenuItemView { url, content: Some(content) });
                "view".to_owned()
            }
            Self::Miniprogram { appid, pagepath, content } => {
                item.miniprogram = Some(types::MessageMenuItemMiniprogram { appid, pagepath, content: Some(content) });
                "miniprogram".to_owned()
            }
            Self::Text { content } => {
                item.text = Some(types::MessageMenuItemText { content: Some(content), ..Default::default() });
                "text".to_owned()
            }
            Self::Unknown { kind } => kind,
        };
        item.type_ = Some(kind);
        item.serialize(to)
    }
}

impl fmt::Debug for MenuItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Click { .. } => "Click { .. }",
            Self::View { .. } => "View { .. }",
            Self::Miniprogram { .. } => "Miniprogram { .. }",
            Self::Text { .. } => "Text { .. }",
            Self::Unknown { .. } => "Unknown { .. }",
        })
    }
}
