//! Messages to send: one type per kind. Constructors check the limits in the unit in which WeCom counts.
//!
//! No `Debug` here shows the content of a message.

mod menu;
mod menu_link;
mod text;

use std::fmt;

pub use menu::Msgmenu;
pub use menu_link::MenuLink;
pub use text::{Pieces, Text};

use crate::input::{self, Problem};
use crate::raw::{limits::send_msg as limits, types};
use crate::{Error, input::Unit};

/// A message to send, by kind. Each type of this module converts into it, so that
/// [`Messages::send`](super::Messages::send) accepts all of them.
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
    /// Puts the kind and the body into `request`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: the message is an invalid menu. Menus are only checked here.
    pub(super) fn put_into(self, request: &mut types::SendRequest) -> Result<(), Error> {
        let msgtype = match self {
            Self::Text(text) => {
                request.text = Some(types::SendRequestText { content: Some(text.into_content()) });
                "text"
            }
            Self::Image(image) => {
                request.image = Some(types::SendRequestImage { media_id: image.media_id });
                "image"
            }
            Self::Voice(voice) => {
                request.voice = Some(types::SendRequestVoice { media_id: voice.media_id });
                "voice"
            }
            Self::Video(video) => {
                request.video = Some(types::SendRequestVideo { media_id: video.media_id });
                "video"
            }
            Self::File(file) => {
                request.file = Some(types::SendRequestFile { media_id: file.media_id });
                "file"
            }
            Self::Link(Link(link)) => {
                request.link = Some(link);
                "link"
            }
            Self::Miniprogram(Miniprogram(miniprogram)) => {
                request.miniprogram = Some(miniprogram);
                "miniprogram"
            }
            Self::Msgmenu(menu) => {
                request.msgmenu = Some(menu.into_body()?);
                "msgmenu"
            }
            Self::Location(Location(location)) => {
                request.location = Some(location);
                "location"
            }
            Self::BusinessCard(card) => {
                request.business_card = Some(types::SendRequestBusinessCard { userid: card.userid });
                "business_card"
            }
            Self::CaLink(link) => {
                request.ca_link = Some(types::SendRequestCaLink { link_url: link.link_url });
                "ca_link"
            }
        };
        request.msgtype = Some(msgtype.to_owned());
        Ok(())
    }
}

/// Declares the kinds whose body is a single string.
macro_rules! one_string {
    ($($(#[$docs:meta])* $name:ident { $field:ident })*) => {$(
        $(#[$docs])*
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $name {
            $field: String,
        }

        impl $name {
            #[doc = concat!("Creates the message from its `", stringify!($field), "`.")]
            ///
            /// # Errors
            ///
            /// [`Error::InvalidInput`]: it is empty.
            pub fn new($field: impl Into<String>) -> Result<Self, Error> {
                let $field = $field.into();
                input::not_empty(stringify!($field), &$field)?;
                Ok(Self { $field })
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

one_string! {
    /// A picture: an uploaded JPG or PNG.
    Image { media_id }

    /// A voice message: an uploaded AMR.
    Voice { media_id }

    /// A video: an uploaded MP4.
    Video { media_id }

    /// A file. The customer sees the name it was uploaded under.
    File { media_id }

    /// A member's card. The customer must have written within 48 hours (95024), and can receive one card in 48 hours
    /// (95025).
    BusinessCard { userid }

    /// A customer-acquisition link (获客链接) of the same corp.
    CaLink { link_url }
}

/// A link.
#[derive(Clone, PartialEq)]
pub struct Link(types::SendRequestLink);
hidden!(Link);

impl Link {
    /// Creates a link. `title` has 1 to 128 bytes. `url` has up to 2048 bytes and begins with http:// or https://.
    /// `thumb_media_id` is that of an uploaded picture.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: one of them is empty or exceeds its limit. WeCom would cut a longer title, and refuse the
    /// URL (45034, 40039).
    pub fn new(
        title: impl Into<String>,
        url: impl Into<String>,
        thumb_media_id: impl Into<String>,
    ) -> Result<Self, Error> {
        let link = types::SendRequestLink {
            title: title.into(),
            url: url.into(),
            thumb_media_id: thumb_media_id.into(),
            desc: None,
        };
        input::bytes("title", &link.title, limits::LINK_TITLE_MAX_BYTES)?;
        web_url("url", &link.url, limits::LINK_URL_MAX_BYTES)?;
        input::not_empty("thumb_media_id", &link.thumb_media_id)?;
        Ok(Self(link))
    }

    /// Sets a description of 1 to 512 bytes.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: it is empty or longer. WeCom would cut it.
    pub fn desc(mut self, desc: impl Into<String>) -> Result<Self, Error> {
        let desc = desc.into();
        input::bytes("desc", &desc, limits::LINK_DESC_MAX_BYTES)?;
        self.0.desc = Some(desc);
        Ok(self)
    }
}

/// A mini program. It must be linked to the corp; otherwise WeCom refuses the message with 90206 to 90208.
#[derive(Clone, PartialEq)]
pub struct Miniprogram(types::SendRequestMiniprogram);
hidden!(Miniprogram);

impl Miniprogram {
    /// Creates a mini program. `pagepath` is the page to open, `thumb_media_id` is that of an uploaded cover of 520 × 416
    /// pixels.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: one of them is empty.
    pub fn new(
        appid: impl Into<String>,
        pagepath: impl Into<String>,
        thumb_media_id: impl Into<String>,
    ) -> Result<Self, Error> {
        let (appid, pagepath, thumb_media_id) = (appid.into(), pagepath.into(), thumb_media_id.into());
        input::not_empty("appid", &appid)?;
        input::not_empty("pagepath", &pagepath)?;
        input::not_empty("thumb_media_id", &thumb_media_id)?;
        Ok(Self(types::SendRequestMiniprogram { appid, pagepath, thumb_media_id, title: None }))
    }

    /// Sets a title of 1 to 64 bytes.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: it is empty or longer.
    pub fn title(mut self, title: impl Into<String>) -> Result<Self, Error> {
        let title = title.into();
        input::bytes("title", &title, limits::MINIPROGRAM_TITLE_MAX_BYTES)?;
        self.0.title = Some(title);
        Ok(self)
    }
}

/// A location.
#[derive(Clone, PartialEq)]
pub struct Location(types::SendRequestLocation);
hidden!(Location);

impl Location {
    /// Creates a location from degrees: `latitude` from -90 to 90, `longitude` from -180 to 180.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: one of them is out of range or NaN.
    pub fn new(latitude: f64, longitude: f64) -> Result<Self, Error> {
        degrees("latitude", latitude, 90.0, "from -90 to 90", "在 -90 到 90 之间")?;
        degrees("longitude", longitude, 180.0, "from -180 to 180", "在 -180 到 180 之间")?;
        Ok(Self(types::SendRequestLocation { latitude, longitude, name: None, address: None }))
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
