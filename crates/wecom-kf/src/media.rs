//! Media: upload and download of images, voice messages, videos and files.
//!
//! ```no_run
//! use wecom_kf::media::{MediaType, Upload};
//! use wecom_kf::messages::outgoing::Image;
//!
//! # async fn example(client: wecom_kf::Client, kf: wecom_kf::OpenKfid, customer: wecom_kf::ExternalUserId)
//! # -> Result<(), wecom_kf::Error> {
//! let picture = Upload::from_file("menu.png").await?;
//! let uploaded = client.media().upload(MediaType::Image, picture).await?;
//! client.messages().send(&kf, &customer, Image::new(uploaded.media_id)).await?;
//!
//! let saved = client.media().download_into("1Gx7…", "downloads").await?; // under the name it was sent with
//! println!("{} bytes in {}", saved.length, saved.path.display());
//! # Ok(())
//! # }
//! ```

mod download;
mod pause;
mod to_file;
mod upload;

use std::path::Path;

use serde::Serialize;

pub use download::Download;
pub use to_file::{Saved, ToFile};
pub use upload::{MediaType, Upload};

use crate::client::Client;
use crate::raw::media::Range;
use crate::raw::op;
use crate::{Bilingual, Error, MediaId};
use pause::PauseLimit;

/// The operations on media, returned by [`Client::media`]. The [module](self) has an example.
#[derive(Clone, Copy, Debug)]
pub struct Media<'a>(&'a Client);

impl Client {
    /// Returns the operations on media: upload and download of images, voice messages, videos and files.
    pub fn media(&self) -> Media<'_> {
        Media(self)
    }
}

/// An uploaded file, returned by [`Media::upload`]. Serialized under WeCom's names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Uploaded {
    /// The id to use in messages, avatars and the knowledge base. It is valid for 3 days, for all apps of the corp.
    pub media_id: MediaId,
    /// The time of the upload in Unix seconds, if WeCom returned it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<i64>,
}

impl<'a> Media<'a> {
    /// Uploads a temporary file, which WeCom keeps for 3 days.
    ///
    /// A file has more than 5 bytes. The size limits (1 MB is 1,048,576 bytes) are:
    ///
    /// | type | limit |
    /// |---|---|
    /// | image (JPG, PNG) | 10 MB; 2 MB with older editions of WeCom |
    /// | voice (AMR, up to 60 seconds) | 2 MB |
    /// | video (MP4) | 10 MB |
    /// | file | 20 MB |
    ///
    /// The time limits of the call grow by 1 s for each 64 KiB.
    ///
    /// `POST /cgi-bin/media/upload`, [official page](https://developer.work.weixin.qq.com/document/path/90253). The client
    /// repeats the call unless the upload is a stream, which cannot be read again. A repeat may create one more temporary
    /// file.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: the size is outside the limits, or the first bytes do not match the type
    /// ([`Upload::check`]).
    /// [`EMPTY_MEDIA_DATA`](crate::ErrCode::EMPTY_MEDIA_DATA): WeCom found no file in the request.
    pub async fn upload(self, media_type: MediaType, upload: Upload) -> Result<Uploaded, Error> {
        let request = op::MediaUpload { type_: media_type.name().to_owned(), media: upload.checked(media_type)? };
        let reply = self.0.call(&request).await?;
        let missing = || Error::lacks("media_upload", "media_id");
        Ok(Uploaded {
            media_id: reply.media_id.filter(|id| !id.is_empty()).ok_or_else(missing)?.into(),
            created_at: reply.created_at.and_then(|time| time.trim().parse().ok()),
        })
    }

    /// Uploads an image (JPG or PNG, 5 bytes to 2 MB) and returns its permanent URL.
    ///
    /// The URL is for rich text inside WeCom; messages and avatars do not accept it. A corp may upload 3,000 images a month
    /// and 1,000 a day (100 a day with older editions).
    ///
    /// `POST /cgi-bin/media/uploadimg`, [official page](https://developer.work.weixin.qq.com/document/path/90256). It is
    /// repeated like [`upload`](Self::upload), and a repeat may count twice.
    ///
    /// # Errors
    ///
    /// Those of [`upload`](Self::upload).
    pub async fn upload_image(self, upload: Upload) -> Result<String, Error> {
        let reply = self.0.call(&op::MediaUploadimg { media: upload.checked_for_upload_image()? }).await?;
        let missing = || Error::lacks("media_uploadimg", "url");
        reply.url.filter(|url| !url.is_empty()).ok_or_else(missing)
    }

    /// Downloads a temporary file as a stream: a file that a customer sent or that was uploaded, within 3 days.
    ///
    /// The call returns with the first bytes; the others arrive while the stream is read. The only time limit of
    /// the stream is that of a single pause: 60 s, or the [`call_timeout`](crate::ClientBuilder::call_timeout) of the
    /// client. The size limit is 1 GiB unless [`Download::at_most`] sets another.
    ///
    /// `GET /cgi-bin/media/get`, [official page](https://developer.work.weixin.qq.com/document/path/90254).
    ///
    /// # Errors
    ///
    /// [`INVALID_MEDIA_ID`](crate::ErrCode::INVALID_MEDIA_ID): the file is unknown or older than 3 days.
    /// [`DOWNLOAD_RANGE_TOO_LARGE`](crate::ErrCode::DOWNLOAD_RANGE_TOO_LARGE): the file has more than 20 MB, so use
    /// [`download_to`](Self::download_to) (known from a single source). 45033: too many downloads of the same file at once.
    pub async fn get(self, media_id: impl Into<MediaId>) -> Result<Download, Error> {
        let media_id = media_id.into();
        self.fetch(&media_id, None).await
    }

    /// Downloads a temporary file to `path`, and replaces a file that exists there unless
    /// [`ToFile::create_new`] is set.
    ///
    /// The file appears at `path` only when it is complete. A download that breaks off continues where it stopped if
    /// WeCom supports ranges, and otherwise starts again, as many times as the [`RetryPolicy`](crate::RetryPolicy) allows.
    /// A file of more than 20 MB is downloaded in parts.
    ///
    /// The size limit is 1 GiB unless [`ToFile::at_most`] sets another. Only the owner may read the file unless
    /// [`ToFile::mode`] sets another mode.
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
    /// Those of [`get`](Self::get). [`Error::File`]: the file could not be written.
    pub fn download_to(self, media_id: impl Into<MediaId>, path: impl AsRef<Path>) -> ToFile<'a> {
        ToFile::path(self, media_id.into(), path.as_ref())
    }

    /// Downloads a temporary file into a folder, under the name with which it was sent. Otherwise it is the same as
    /// [`download_to`](Self::download_to).
    ///
    /// If WeCom returns no name, the file is named after its `media_id`. A name of more than 255 bytes is shortened.
    ///
    /// # Errors
    ///
    /// Those of [`download_to`](Self::download_to). [`Error::File`] with the kind `AlreadyExists`: the folder already
    /// has a file with that name, and [`overwrite`](ToFile::overwrite) was not called. Many customers send files with
    /// the same name: use a folder per message, or [`download_to`](Self::download_to) with a name of your own.
    pub fn download_into(self, media_id: impl Into<MediaId>, folder: impl AsRef<Path>) -> ToFile<'a> {
        ToFile::folder(self, media_id.into(), folder.as_ref())
    }

    async fn fetch(self, media_id: &MediaId, range: Option<Range>) -> Result<Download, Error> {
        media_id.check()?;
        let reply = self.0.call(&op::MediaGet { media_id: media_id.to_string(), range }).await?;
        let missing = || {
            Error::bad_reply(
                "media_get",
                Bilingual::fixed("it is neither a file nor an errcode", "既不是文件，也不是错误信息"),
            )
        };
        Ok(Download(reply.file.ok_or_else(missing)?, PauseLimit::new(self.0.call_timeout())))
    }
}
