//! The operation on the corp itself.

use serde::Serialize;

use crate::Error;
use crate::client::Client;
use crate::raw::op;

/// The operation on the corp itself, returned by [`Client::corp`].
///
/// ```no_run
/// # async fn example(client: wecom_kf::Client) -> Result<(), wecom_kf::Error> {
/// let qualification = client.corp().qualification().await?;
/// println!("a 视频号 is bound: {:?}", qualification.wechat_channels_binding);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Corp<'a>(&'a Client);

impl Client {
    /// Returns the operation on the corp itself.
    pub fn corp(&self) -> Corp<'_> {
        Corp(self)
    }
}

/// The qualification of a corp, returned by [`Corp::qualification`]. Serialized under WeCom's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Qualification {
    /// Whether a 视频号 is bound, which removes the limit on the number of customers that the corp may serve. Without one
    /// the limit is 100 customers for a corp that is not verified and 10,000 for a verified one. `None` if WeCom does not
    /// return it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wechat_channels_binding: Option<bool>,
}

impl Corp<'_> {
    /// Returns whether the corp has bound a 视频号, on which the number of customers that it may serve depends.
    ///
    /// `GET /cgi-bin/kf/get_corp_qualification`,
    /// [official page](https://developer.work.weixin.qq.com/document/path/95153).
    ///
    /// # Errors
    ///
    /// [`API_FORBIDDEN`](crate::ErrCode::API_FORBIDDEN): the app has no permission for this operation.
    pub async fn qualification(self) -> Result<Qualification, Error> {
        let reply = self.0.call(&op::GetCorpQualification {}).await?;
        Ok(Qualification { wechat_channels_binding: reply.wechat_channels_binding })
    }
}
