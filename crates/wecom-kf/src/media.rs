//! Pictures, voices, videos and files.
//!
//! ```no_run
//! use wecom_kf::media::{MediaType, Upload};
//! use wecom_kf::message::outgoing::Image;
//!
//! # async fn example(client: wecom_kf::Client, kf: wecom_kf::OpenKfid, customer: wecom_kf::ExternalUserId)
//! # -> Result<(), wecom_kf::Error> {
//! let picture = Upload::from_file("menu.png").await?;
//! let uploaded = client.media().upload(MediaType::Image, picture).await?;
//! client.message().send(&kf, &customer, Image::new(uploaded.media_id)?).await?;
//!
//! let saved = client.media().download_into("1Gx7…", "downloads").await?; // under the name it was sent with
//! println!("{} bytes in {}", saved.length, saved.path.display());
//! # Ok(())
//! # }
//! ```

mod download;
mod pause;
mod upload;

use std::path::Path;

pub use download::{Download, Saved, ToFile};
pub use upload::{MediaType, Upload};

use crate::client::Client;
use crate::input;
use crate::raw::media::Range;
use crate::raw::op;
use crate::{Bilingual, Error};
use pause::PauseLimit;

/// Files: [`Client::media`].
#[derive(Clone, Copy, Debug)]
pub struct Media<'a>(pub(crate) &'a Client);

/// What [`Media::upload`] answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Uploaded {
    /// What messages, avatars and the knowledge base take. Good for 3 days, for all apps of the corp.
    pub media_id: String,
    /// When it was uploaded, in Unix seconds, if WeCom says so.
    pub created_at: Option<i64>,
}

impl<'a> Media<'a> {
    /// Uploads a temporary file.
    ///
    /// More than 5 bytes, and at most: an image (JPG, PNG) 10 MB (WeCom's older editions: 2 MB), a voice (AMR, up to 60
    /// seconds) 2 MB, a video (MP4) 10 MB, a file 20 MB. A MB has 1,048,576 bytes. The time limits of a call grow by 1 s
    /// for each 64 KiB.
    ///
    /// `POST /cgi-bin/media/upload`, [official page](https://developer.work.weixin.qq.com/document/path/90253). Repeated
    /// if its bytes can be read again: not if it is a stream. A repeat may leave one more temporary file.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: a limit above, or the first bytes are not of this type.
    /// [`EMPTY_MEDIA_DATA`](crate::ErrCode::EMPTY_MEDIA_DATA): WeCom found no file in the request.
    pub async fn upload(self, media_type: MediaType, upload: Upload) -> Result<Uploaded, Error> {
        let request = op::MediaUpload { type_: media_type.name().to_owned(), media: upload.checked(media_type)? };
        let reply = self.0.call(&request).await?;
        let missing = Error::lacks("media_upload", "media_id");
        Ok(Uploaded {
            media_id: reply.media_id.filter(|id| !id.is_empty()).ok_or(missing)?,
            created_at: reply.created_at.and_then(|time| time.trim().parse().ok()),
        })
    }

    /// Uploads a picture (JPG, PNG; 5 bytes to 2 MB) and returns its permanent URL.
    ///
    /// The URL is for rich text inside of WeCom: neither messages nor avatars take it. 3,000 a month and 1,000 a day for
    /// a corp (older editions: 100 a day).
    ///
    /// `POST /cgi-bin/media/uploadimg`, [official page](https://developer.work.weixin.qq.com/document/path/90256).
    /// Repeated as [`upload`](Self::upload) is; a repeat may count twice.
    ///
    /// # Errors
    ///
    /// As [`upload`](Self::upload).
    pub async fn uploadimg(self, upload: Upload) -> Result<String, Error> {
        let reply = self.0.call(&op::MediaUploadimg { media: upload.checked_for_uploadimg()? }).await?;
        let missing = Error::lacks("media_uploadimg", "url");
        reply.url.filter(|url| !url.is_empty()).ok_or(missing)
    }

    /// Fetches a temporary file: one a customer sent, or an uploaded one, within 3 days.
    ///
    /// The call ends with the first bytes; the rest comes as the stream is read, for which there is no time limit but
    /// that of a pause (60 s, as [`call_timeout`](crate::ClientBuilder::call_timeout)). It has at most 1 GiB
    /// ([`Download::at_most`]).
    ///
    /// `GET /cgi-bin/media/get`, [official page](https://developer.work.weixin.qq.com/document/path/90254).
    ///
    /// # Errors
    ///
    /// [`INVALID_MEDIA_ID`](crate::ErrCode::INVALID_MEDIA_ID): unknown, or older than 3 days.
    /// [`DOWNLOAD_RANGE_TOO_LARGE`](crate::ErrCode::DOWNLOAD_RANGE_TOO_LARGE): it has more than 20 MB, use
    /// [`download_to`](Self::download_to) (from a single source). 45033: the same file too often at once.
    pub async fn get(self, media_id: &str) -> Result<Download, Error> {
        self.fetch(media_id, None).await
    }

    /// Fetches a temporary file into the file at `path`, which is replaced if there is one.
    ///
    /// It appears there when it is complete, not before. What breaks off is fetched on from where it was, if WeCom takes
    /// ranges, else from the start, as often as a call is repeated; a file of more than 20 MB is fetched in parts.
    ///
    /// The file has at most 1 GiB ([`ToFile::at_most`]), and only its owner may read it ([`ToFile::mode`]).
    ///
    /// ```no_run
    /// # async fn example(client: wecom_kf::Client) -> Result<(), wecom_kf::Error> {
    /// client.media().download_to("1Gx7…", "menu.pdf").at_most(20 << 20).mode(0o644).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// `GET /cgi-bin/media/get`, as [`get`](Self::get).
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get). [`Error::File`]: it could not be written.
    pub fn download_to(self, media_id: &str, path: impl AsRef<Path>) -> ToFile<'a> {
        ToFile::path(self, media_id, path.as_ref())
    }

    /// Fetches a temporary file into a folder, under the name it was sent with, as [`download_to`](Self::download_to)
    /// does.
    ///
    /// No file there is replaced: the next one of the same name gets a number, `menu (2).pdf`. If WeCom says no name, it
    /// is the media_id. A name of more than 255 bytes is cut.
    ///
    /// # Errors
    ///
    /// As [`download_to`](Self::download_to).
    pub fn download_into(self, media_id: &str, folder: impl AsRef<Path>) -> ToFile<'a> {
        ToFile::folder(self, media_id, folder.as_ref())
    }

    async fn fetch(self, media_id: &str, range: Option<Range>) -> Result<Download, Error> {
        input::not_empty("media_id", media_id)?;
        let reply = self.0.call(&op::MediaGet { media_id: media_id.to_owned(), range }).await?;
        let missing = Error::bad_reply(
            "media_get",
            Bilingual::fixed("neither a file nor a refusal", "既不是文件，也不是错误信息"),
        );
        Ok(Download(reply.file.ok_or(missing)?, PauseLimit::new(self.0.call_timeout())))
    }
}
