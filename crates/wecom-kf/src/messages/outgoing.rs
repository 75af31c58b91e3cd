//! Messages to send: one type per kind, and the check of their limits in the unit in which WeCom counts.
//!
//! Creating a message never fails. The first problem is reported when the message is sent, before anything leaves, or by
//! its method `check`. No `Debug` here shows the content of a message.

mod answer;
#[cfg(feature = "markdown")]
mod markdown;
mod menu;
mod menu_link;
mod split;
mod text;

use std::fmt;

pub use answer::Answer;
#[cfg(feature = "markdown")]
pub use markdown::markdown_to_text;
pub use menu::Msgmenu;
pub use menu_link::MenuLink;
pub use text::{Pieces, Text};

use crate::input;
use crate::raw::{limits::send_msg as limits, types};
use crate::{Error, MediaId, UserId};

/// A message to send, by kind. Each type of this module converts into it, and so does a text given as `&str` or `String`,
/// so that [`Messages::send`](super::Messages::send) accepts all of them.
///
/// ```
/// use wecom_kf::messages::Outgoing;
/// use wecom_kf::messages::outgoing::Image;
///
/// let answers: [Outgoing; 2] = ["您好".into(), Image::new("MEDIA_ID").into()];
/// assert!(answers.iter().all(|answer| answer.check().is_ok()));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Outgoing {
    /// A text.
    Text(Text),
    /// A picture.
    Image(Image),
    /// A voice message.
    Voice(Voice),
    /// A video.
    Video(Video),
    /// A file.
    File(File),
    /// A link.
    Link(Link),
    /// A mini program.
    Miniprogram(Miniprogram),
    /// A menu.
    Msgmenu(Msgmenu),
    /// A location.
    Location(Location),
    /// A member's card.
    BusinessCard(BusinessCard),
    /// A customer-acquisition link.
    CaLink(CaLink),
}

impl Outgoing {
    /// Checks the message without sending it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: the first part that is empty or exceeds its limit.
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Self::Text(text) => text.check(),
            Self::Image(image) => image.check(),
            Self::Voice(voice) => voice.check(),
            Self::Video(video) => video.check(),
            Self::File(file) => file.check(),
            Self::Link(link) => link.check(),
            Self::Miniprogram(miniprogram) => miniprogram.check(),
            Self::Msgmenu(menu) => menu.check(),
            Self::Location(location) => location.check(),
            Self::BusinessCard(card) => card.check(),
            Self::CaLink(link) => link.check(),
        }
    }

    /// Returns the kind of message, as WeCom calls it.
    pub fn msgtype(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Image(_) => "image",
            Self::Voice(_) => "voice",
            Self::Video(_) => "video",
            Self::File(_) => "file",
            Self::Link(_) => "link",
            Self::Miniprogram(_) => "miniprogram",
            Self::Msgmenu(_) => "msgmenu",
            Self::Location(_) => "location",
            Self::BusinessCard(_) => "business_card",
            Self::CaLink(_) => "ca_link",
        }
    }

    /// Puts the kind and the body into `request`.
    pub(super) fn put_into(self, request: &mut types::SendRequest) {
        request.msgtype = Some(self.msgtype().to_owned());
        match self {
            Self::Text(text) => {
                request.text = Some(types::SendRequestText { content: Some(text.into_content()) });
            }
            Self::Image(Image { media_id }) => {
                request.image = Some(types::SendRequestImage { media_id: media_id.into() });
            }
            Self::Voice(Voice { media_id }) => {
                request.voice = Some(types::SendRequestVoice { media_id: media_id.into() });
            }
            Self::Video(Video { media_id }) => {
                request.video = Some(types::SendRequestVideo { media_id: media_id.into() });
            }
            Self::File(File { media_id }) => {
                request.file = Some(types::SendRequestFile { media_id: media_id.into() });
            }
            Self::Link(Link(link)) => {
                request.link = Some(link);
            }
            Self::Miniprogram(Miniprogram(miniprogram)) => {
                request.miniprogram = Some(miniprogram);
            }
            Self::Msgmenu(menu) => {
                request.msgmenu = Some(menu.into_body());
            }
            Self::Location(Location(location)) => {
                request.location = Some(location);
            }
            Self::BusinessCard(BusinessCard { userid }) => {
                request.business_card = Some(types::SendRequestBusinessCard { userid: userid.into() });
            }
            Self::CaLink(CaLink { link_url }) => {
                request.ca_link = Some(types::SendRequestCaLink { link_url });
            }
        }
    }
}

/// Declares the kinds whose body is a single id or text.
macro_rules! single_fields {
    ($($(#[$docs:meta])* $name:ident { $field:ident: $ty:ty })*) => {$(
        $(#[$docs])*
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $name {
            $field: $ty,
        }

        impl $name {
            #[doc = concat!("Creates the message from its `", stringify!($field), "`.")]
            pub fn new($field: impl Into<$ty>) -> Self {
                Self { $field: $field.into() }
            }

            /// Checks the message without sending it.
            ///
            /// # Errors
            ///
            #[doc = concat!("[`Error::InvalidInput`]: the `", stringify!($field), "` is empty.")]
            pub fn check(&self) -> Result<(), Error> {
                input::not_empty(stringify!($field), self.$field.as_ref())
            }
        }

        hidden!($name);
    )*};
}

/// Implements a `Debug` that shows only the name of the type, and the conversion into [`Outgoing`].
macro_rules! hidden {
    ($name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }

        impl From<$name> for Outgoing {
            fn from(message: $name) -> Self {
                Self::$name(message)
            }
        }
    };
}
use hidden;

single_fields! {
    /// A picture: an uploaded JPG or PNG.
    Image { media_id: MediaId }

    /// A voice message: an uploaded AMR.
    Voice { media_id: MediaId }

    /// A video: an uploaded MP4.
    Video { media_id: MediaId }

    /// A file. The customer sees the name it was uploaded under.
    File { media_id: MediaId }

    /// A member's card. The customer must have written within 48 hours (95024), and can receive one card in 48 hours
    /// (95025).
    BusinessCard { userid: UserId }

    /// A customer-acquisition link (获客链接) of the same corp.
    CaLink { link_url: String }
}

/// A link.
///
/// ```
/// use wecom_kf::messages::outgoing::Link;
///
/// let link = Link::new("查看物流", "https://example.com/track?id=1", "MEDIA_ID").desc("点击查看详情");
/// assert!(link.check().is_ok());
/// ```
#[derive(Clone, PartialEq)]
pub struct Link(types::SendRequestLink);
hidden!(Link);

impl Link {
    /// Creates a link. `title` has 1 to 128 bytes. `url` has up to 2048 bytes and begins with http:// or https://.
    /// `thumb_media_id` is that of an uploaded picture.
    pub fn new(title: impl Into<String>, url: impl Into<String>, thumb_media_id: impl Into<MediaId>) -> Self {
        Self(types::SendRequestLink {
            title: title.into(),
            url: url.into(),
            thumb_media_id: thumb_media_id.into().into(),
            desc: None,
        })
    }

    /// Sets a description of 1 to 512 bytes.
    pub fn desc(mut self, desc: impl Into<String>) -> Self {
        self.0.desc = Some(desc.into());
        self
    }

    /// Checks the link without sending it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: a part is empty or exceeds its limit. WeCom would cut a longer title or description, and
    /// refuse the URL (45034, 40039).
    pub fn check(&self) -> Result<(), Error> {
        let link = &self.0;
        input::bytes("title", &link.title, limits::LINK_TITLE_MAX_BYTES)?;
        web_url("url", &link.url, limits::LINK_URL_MAX_BYTES)?;
        input::not_empty("thumb_media_id", &link.thumb_media_id)?;
        input::optional_bytes("desc", link.desc.as_deref(), limits::LINK_DESC_MAX_BYTES)
    }
}

/// A mini program. It must be linked to the corp; otherwise WeCom refuses the message with 90206 to 90208.
///
/// ```
/// use wecom_kf::messages::outgoing::Miniprogram;
///
/// let order = Miniprogram::new("wx00", "pages/order.html", "MEDIA_ID").title("我的订单");
/// assert!(order.check().is_ok());
/// ```
#[derive(Clone, PartialEq)]
pub struct Miniprogram(types::SendRequestMiniprogram);
hidden!(Miniprogram);

impl Miniprogram {
    /// Creates a mini program. `pagepath` is the page to open, `thumb_media_id` is that of an uploaded cover of 520 × 416
    /// pixels.
    pub fn new(appid: impl Into<String>, pagepath: impl Into<String>, thumb_media_id: impl Into<MediaId>) -> Self {
        Self(types::SendRequestMiniprogram {
            appid: appid.into(),
            pagepath: pagepath.into(),
            thumb_media_id: thumb_media_id.into().into(),
            title: None,
        })
    }

    /// Sets a title of 1 to 64 bytes.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.0.title = Some(title.into());
        self
    }

    /// Checks the mini program without sending it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: a part is empty, or the title is too long.
    pub fn check(&self) -> Result<(), Error> {
        let miniprogram = &self.0;
        input::not_empty("appid", &miniprogram.appid)?;
        input::not_empty("pagepath", &miniprogram.pagepath)?;
        input::not_empty("thumb_media_id", &miniprogram.thumb_media_id)?;
        input::optional_bytes("title", miniprogram.title.as_deref(), limits::MINIPROGRAM_TITLE_MAX_BYTES)
    }
}

/// A location.
///
/// ```
/// use wecom_kf::messages::outgoing::Location;
///
/// let shop = Location::new(23.1, 113.25).name("某某小区").address("某市某路1号");
/// assert!(shop.check().is_ok());
/// ```
#[derive(Clone, PartialEq)]
pub struct Location(types::SendRequestLocation);
hidden!(Location);

impl Location {
    /// Creates a location from degrees: `latitude` from -90 to 90, `longitude` from -180 to 180.
    pub fn new(latitude: f64, longitude: f64) -> Self {
        Self(types::SendRequestLocation { latitude, longitude, name: None, address: None })
    }

    /// Sets the name of the place.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.0.name = Some(name.into());
        self
    }

    /// Sets the address of the place.
    pub fn address(mut self, address: impl Into<String>) -> Self {
        self.0.address = Some(address.into());
        self
    }

    /// Checks the location without sending it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: the latitude or the longitude is out of range or NaN.
    pub fn check(&self) -> Result<(), Error> {
        degrees("latitude", self.0.latitude, 90.0, "from -90 to 90", "在 -90 到 90 之间")?;
        degrees("longitude", self.0.longitude, 180.0, "from -180 to 180", "在 -180 到 180 之间")
    }
}

fn degrees(what: &'static str, degrees: f64, most: f64, en: &'static str, zh: &'static str) -> Result<(), Error> {
    match degrees.abs() <= most {
        true => Ok(()),
        false => Err(input::malformed(what, en, zh)),
    }
}

fn web_url(what: &'static str, url: &str, limit: usize) -> Result<(), Error> {
    input::bytes(what, url, limit)?;
    match url.starts_with("http://") || url.starts_with("https://") {
        true => Ok(()),
        false => {
            Err(input::malformed(what, "a URL that begins with http:// or https://", "以 http:// 或 https:// 开头"))
        }
    }
}
