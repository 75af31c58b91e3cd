//! The operation on the corp itself.

use crate::Error;
use crate::client::Client;
use crate::raw::op;

/// The corp itself: [`Client::corp`].
#[derive(Clone, Copy, Debug)]
pub struct Corp<'a>(pub(crate) &'a Client);

/// What [`Corp::qualification`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Qualification {
    /// Whether a 视频号 is bound, which lifts the limit of customers that may be served (else 100 for a corp that is not
    /// verified, 10,000 for one that is). None if WeCom does not say.
    pub wechat_channels_binding: Option<bool>,
}

impl Corp<'_> {
    /// How many customers the corp may serve depends on this.
    ///
    /// `GET /cgi-bin/kf/get_corp_qualification`,
    /// [official page](https://developer.work.weixin.qq.com/document/path/95153).
    ///
    /// # Errors
    ///
    /// [`API_FORBIDDEN`](crate::ErrCode::API_FORBIDDEN): the app may not ask.
    pub async fn qualification(self) -> Result<Qualification, Error> {
        let reply = self.0.call(&op::GetCorpQualification {}).await?;
        Ok(Qualification { wechat_channels_binding: reply.wechat_channels_binding })
    }
}
