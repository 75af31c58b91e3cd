//! The file of a message: a picture, a voice message, a video or another file.

use wecom_kf::Error;
use wecom_kf::media::Download;
use wecom_kf::messages::Message;

use super::Delivery;
use crate::Batch;

impl Delivery {
    /// Downloads the picture, voice message, video or file of this message as a stream: see
    /// [`Media::get`](wecom_kf::media::Media::get). Returns `None` for a message of another kind.
    ///
    /// ```no_run
    /// # use wecom_kf_inbox::{Delivery, Failure};
    /// async fn handle(delivery: Delivery) -> Result<(), Failure> {
    ///     if let Some(file) = delivery.download().await? {
    ///         let bytes = file.into_bytes(10 << 20).await?;
    ///         delivery.reply(format!("收到 {} 字节。", bytes.len())).await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Media::get`](wecom_kf::media::Media::get).
    pub async fn download(&self) -> Result<Option<Download>, Error> {
        self.download_of(self.message()).await
    }

    async fn download_of(&self, message: &Message) -> Result<Option<Download>, Error> {
        match message.content().media() {
            Some(media) => self.client().media().get(&media.media_id).await.map(Some),
            None => Ok(None),
        }
    }
}

impl Batch {
    /// Downloads the file of one of [`messages`](Self::messages): see [`Delivery::download`].
    ///
    /// # Errors
    ///
    /// Those of [`Media::get`](wecom_kf::media::Media::get).
    pub async fn download(&self, message: &Message) -> Result<Option<Download>, Error> {
        self.download_of(message).await
    }
}
