//! Customers' profiles: names, avatars, and how the customers came in.

use std::fmt;

use crate::client::Client;
use crate::input::{self, Problem};
use crate::message::event::{WechatChannels, WechatChannelsScene};
use crate::open_number::open_number;
use crate::raw::{limits::customer_batchget as limits, op, types};
use crate::{Error, ExternalUserId};

/// The operations on customers, returned by [`Client::customers`].
///
/// ```no_run
/// # async fn example(client: wecom_kf::Client, customer: wecom_kf::ExternalUserId) -> Result<(), wecom_kf::Error> {
/// let batch = client.customers().batchget(&[customer]).await?;
/// for customer in &batch.customers {
///     println!("{} is {}", customer.external_userid, customer.nickname.as_deref().unwrap_or("unnamed"));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Customers<'a>(&'a Client);

impl Client {
    /// Returns the operations on customers: reading their profiles.
    pub fn customers(&self) -> Customers<'_> {
        Customers(self)
    }
}

/// The profiles returned by [`Customers::batchget`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CustomerBatch {
    /// The profiles of the customers that WeCom knows.
    pub customers: Vec<Customer>,
    /// The ids without a profile: they belong to another corp, or the customer had no contact within 48 hours.
    pub invalid: Vec<ExternalUserId>,
}

/// The profile of a customer. `Debug` shows only the id.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Customer {
    /// The id of the customer.
    pub external_userid: ExternalUserId,
    /// The name in WeChat.
    pub nickname: Option<String>,
    /// The URL of the avatar, http or https. It may stop working, and third-party apps do not receive it.
    pub avatar: Option<String>,
    /// The gender. It is always unknown for third-party apps.
    pub gender: Option<Gender>,
    /// The unionid, if the corp has bound an account of the WeChat open platform.
    pub unionid: Option<String>,
    /// How the customer last came in, within 48 hours. Only set by [`Customers::batchget_with_context`].
    pub enter_session_context: Option<EnterSessionContext>,
}

impl fmt::Debug for Customer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Customer").field("external_userid", &self.external_userid).finish_non_exhaustive()
    }
}

open_number! {
    /// A customer's gender according to WeChat.
    Gender {
        /// Unknown.
        UNKNOWN = 0,
        /// Male.
        MALE = 1,
        /// Female.
        FEMALE = 2,
    }
}

/// How a customer came into the chat. `Debug` hides the parameter and the 视频号.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnterSessionContext {
    /// The label of the [contact way](crate::Accounts::add_contact_way).
    pub scene: Option<String>,
    /// The parameter that was appended to the link. Customers can change it.
    pub scene_param: Option<String>,
    /// The 视频号 the customer came from.
    pub wechat_channels: Option<WechatChannels>,
}

impl fmt::Debug for EnterSessionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnterSessionContext").field("scene", &self.scene).finish_non_exhaustive()
    }
}

impl Customers<'_> {
    /// Returns the profiles of 1 to 100 customers.
    ///
    /// `POST /cgi-bin/kf/customer/batchget`, [official page](https://developer.work.weixin.qq.com/document/path/95159).
    ///
    /// # Errors
    ///
    /// Ids without a profile are not an error: they are returned in [`CustomerBatch::invalid`].
    /// [`INSUFFICIENT_MEMBER_ACTIVITY`](crate::ErrCode::INSUFFICIENT_MEMBER_ACTIVITY): WeCom withholds the profiles.
    pub async fn batchget(self, ids: &[ExternalUserId]) -> Result<CustomerBatch, Error> {
        self.get(ids, None).await
    }

    /// Returns the profiles of 1 to 100 customers, and how each last came into the chat, if that was within 48 hours.
    ///
    /// # Errors
    ///
    /// As [`batchget`](Self::batchget).
    pub async fn batchget_with_context(self, ids: &[ExternalUserId]) -> Result<CustomerBatch, Error> {
        self.get(ids, Some(limits::NEED_ENTER_SESSION_CONTEXT_MAX)).await
    }

    async fn get(self, ids: &[ExternalUserId], context: Option<u32>) -> Result<CustomerBatch, Error> {
        if ids.is_empty() {
            return Err(input::refuse("external_userid_list", Problem::Empty));
        }
        input::items("external_userid_list", ids.len(), limits::EXTERNAL_USERID_LIST_MAX_ITEMS)?;
        ids.iter().try_for_each(ExternalUserId::check)?;
        let body = types::CustomerBatchgetRequest {
            external_userid_list: ids.iter().map(ToString::to_string).collect(),
            need_enter_session_context: context,
        };
        let reply = self.0.call(&op::CustomerBatchget { body }).await?;
        Ok(CustomerBatch {
            customers: reply.customer_list.into_iter().map(Customer::from).collect(),
            invalid: reply.invalid_external_userid.into_iter().map(ExternalUserId::from).collect(),
        })
    }
}

impl From<types::Customer> for Customer {
    fn from(customer: types::Customer) -> Self {
        Self {
            external_userid: ExternalUserId::from(customer.external_userid.unwrap_or_default()),
            nickname: some(customer.nickname),
            avatar: some(customer.avatar),
            gender: customer.gender.map(Gender),
            unionid: some(customer.unionid),
            enter_session_context: customer.enter_session_context.map(|context| EnterSessionContext {
                scene: some(context.scene),
                scene_param: some(context.scene_param),
                wechat_channels: context.wechat_channels.map(|channels| WechatChannels {
                    nickname: some(channels.nickname),
                    shop_nickname: some(channels.shop_nickname),
                    scene: channels.scene.map(WechatChannelsScene),
                }),
            }),
        }
    }
}

/// Turns an empty text into `None`, because WeCom writes "" for a missing value.
fn some(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}
