//! Upload and download of files. These operations are written by hand, because the generator supports neither multipart
//! requests nor replies of bytes.
//!
//! Their requests are in [`op`] like all others: [`op::MediaUpload`], [`op::MediaUploadimg`], [`op::MediaGet`].

mod download;
mod upload;

use std::time::Duration;

use reqwest::RequestBuilder;
use reqwest::multipart::Form;

pub use download::{DOWNLOAD_LIMIT, Download, MediaGetResponse, Range};
pub use reqwest::Body;
pub use upload::Upload;

use crate::client::Parameters;
use crate::request::{Operation, Repeat, Request};
use crate::{AccessToken, Client, Error, op, types};

/// The time limit of a file transfer in the HTTP client. It replaces the usual limit, which would be too short for large
/// files; the caller sets the real one.
const NO_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// A request to upload a temporary file.
///
/// `POST /cgi-bin/media/upload`. [Official page](https://developer.work.weixin.qq.com/document/path/90253)
#[derive(Debug)]
pub struct MediaUpload {
    /// The type: `image`, `voice`, `video` or `file`.
    pub type_: String,
    /// The file.
    pub media: Upload,
}

/// A request to upload an image and get a permanent URL for it.
///
/// `POST /cgi-bin/media/uploadimg`. [Official page](https://developer.work.weixin.qq.com/document/path/90256)
#[derive(Debug)]
pub struct MediaUploadimg {
    /// The image.
    pub media: Upload,
}

/// A request to download a temporary file.
///
/// `GET /cgi-bin/media/get`. [Official page](https://developer.work.weixin.qq.com/document/path/90254)
#[derive(Clone, Debug, Default)]
pub struct MediaGet {
    /// The id of the file, valid for 3 days.
    pub media_id: String,
    /// The part of the file to download; `None` for the whole file.
    pub range: Option<Range>,
}

impl Request for MediaUpload {
    type Reply = types::MediaUploadResponse;
    fn operation(&self) -> Operation {
        op::MEDIA_UPLOAD
    }

    async fn send(&self, client: &Client, access_token: &AccessToken) -> Result<Self::Reply, Error> {
        let request = client.file_request(self.operation(), access_token, &[("type", &self.type_)])?;
        client.exchange(request.multipart(self.media.form().await?).build()?).await
    }

    fn repeat(&self) -> Repeat {
        self.media.repeat()
    }

    fn private(&self) -> Vec<&str> {
        vec![self.media.file_name()]
    }

    fn is_spent(&self) -> bool {
        self.media.is_spent()
    }

    fn moves_file(&self) -> bool {
        true
    }

    fn extra_time(&self) -> Duration {
        self.media.extra_time()
    }
}

impl Request for MediaUploadimg {
    type Reply = types::MediaUploadimgResponse;
    fn operation(&self) -> Operation {
        op::MEDIA_UPLOADIMG
    }

    async fn send(&self, client: &Client, access_token: &AccessToken) -> Result<Self::Reply, Error> {
        let form: Form = self.media.form().await?;
        client.exchange(client.file_request(self.operation(), access_token, &[])?.multipart(form).build()?).await
    }

    fn repeat(&self) -> Repeat {
        self.media.repeat()
    }

    fn private(&self) -> Vec<&str> {
        vec![self.media.file_name()]
    }

    fn is_spent(&self) -> bool {
        self.media.is_spent()
    }

    fn moves_file(&self) -> bool {
        true
    }

    fn extra_time(&self) -> Duration {
        self.media.extra_time()
    }
}

impl Request for MediaGet {
    type Reply = MediaGetResponse;
    fn operation(&self) -> Operation {
        op::MEDIA_GET
    }

    /// Sends the request. It returns a [`Download`] as soon as the first bytes have arrived.
    async fn send(&self, client: &Client, access_token: &AccessToken) -> Result<Self::Reply, Error> {
        let request = client.file_request(self.operation(), access_token, &[("media_id", &self.media_id)])?;
        let request = match self.range {
            Some(range) => request.header(reqwest::header::RANGE, range.to_string()),
            None => request,
        };
        MediaGetResponse::of(client.http.execute(request.build()?).await?).await
    }

    fn moves_file(&self) -> bool {
        true
    }
}

impl Client {
    fn file_request(
        &self,
        operation: Operation,
        access_token: &AccessToken,
        parameters: Parameters<'_>,
    ) -> Result<RequestBuilder, Error> {
        let request = self.request_of(operation, Some(access_token), parameters)?;
        Ok(RequestBuilder::from_parts(self.http.clone(), request).timeout(NO_LIMIT))
    }
}
