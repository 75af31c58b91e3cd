//! Customers' profiles: names, avatars, and how the customers came in.

use std::fmt;

use serde::Serialize;

use crate::client::Client;
use crate::input::{self, Problem};
use crate::messages::event::{WechatChannels, WechatChannelsScene};
use crate::open_number::open_number;
use crate::raw::{limits::customer_batchget as limits, op, types};
use crate::{BoxFuture, Error, ExternalUserId};

/// The operations on customers, returned by [`Client::customers`].
///
/// ```no_run
/// # async fn example(client: wecom_kf::Client, customer: wecom_kf::ExternalUserId) -> Result<(), wecom_kf::Error> {
/// let batch = client.customers().get_many([customer]).await?;
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

/// The profiles returned by [`Customers::get_many`]. Serialized under WeCom's names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CustomerBatch {
    /// The profiles of the customers that WeCom knows.
    #[serde(rename = "customer_list")]
    pub customers: Vec<Customer>,
    /// The ids without a profile: they belong to another corp, or the customer had no contact within 48 hours.
    #[serde(rename = "invalid_external_userid")]
    pub invalid: Vec<ExternalUserId>,
}

/// The profile of a customer. `Debug` shows only the id. Serialized completely, under WeCom's names.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Customer {
    /// The id of the customer.
    pub external_userid: ExternalUserId,
    /// The name in WeChat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nickname: Option<String>,
    /// The URL of the avatar, http or https. It may stop working, and third-party apps do not receive it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    /// The gender. It is always unknown for third-party apps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gender: Option<Gender>,
    /// The unionid, if the corp has bound an account of the WeChat open platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unionid: Option<String>,
    /// How the customer last came in, within 48 hours. Only set with
    /// [`with_session_context`](GetCustomers::with_session_context).
    #[serde(skip_serializing_if = "Option::is_none")]
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
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EnterSessionContext {
    /// The label of the [contact way](crate::Accounts::contact_way).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scene: Option<String>,
    /// The parameter that was appended to the link. Customers can change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scene_param: Option<String>,
    /// The 视频号 the customer came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wechat_channels: Option<WechatChannels>,
}

impl fmt::Debug for EnterSessionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnterSessionContext").field("scene", &self.scene).finish_non_exhaustive()
    }
}

/// A request for the profiles of customers, sent when it is awaited. Returned by [`Customers::get_many`].
#[derive(Clone, Debug)]
#[must_use = "the profiles are read when this is awaited"]
pub struct GetCustomers<'a> {
    client: &'a Client,
    ids: Vec<ExternalUserId>,
    session_context: bool,
}

impl GetCustomers<'_> {
    /// Also returns how each customer last came into the chat ([`Customer::enter_session_context`]), if that was within 48
    /// hours.
    pub fn with_session_context(mut self) -> Self {
        self.session_context = true;
        self
    }

    /// Checks the ids without sending anything. Awaiting the request runs the same check first.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: there are no ids or more than 100, or an id is empty.
    pub fn check(&self) -> Result<(), Error> {
        if self.ids.is_empty() {
            return Err(input::refuse("external_userid_list", Problem::Empty));
        }
        input::items("external_userid_list", self.ids.len(), limits::EXTERNAL_USERID_LIST_MAX_ITEMS)?;
        self.ids.iter().try_for_each(ExternalUserId::check)
    }

    async fn send(self) -> Result<CustomerBatch, Error> {
        self.check()?;
        let body = types::CustomerBatchgetRequest {
            external_userid_list: self.ids.into_iter().map(String::from).collect(),
            need_enter_session_context: self.session_context.then_some(limits::NEED_ENTER_SESSION_CONTEXT_MAX),
        };
        let reply = self.client.call(&op::CustomerBatchget { body }).await?;
        Ok(CustomerBatch {
            customers: reply.customer_list.into_iter().map(Customer::from).collect(),
            invalid: reply.invalid_external_userid.into_iter().map(ExternalUserId::from).collect(),
        })
    }
}

impl<'a> IntoFuture for GetCustomers<'a> {
    type Output = Result<CustomerBatch, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl<'a> Customers<'a> {
    /// Returns the profiles of 1 to 100 customers.
    ///
    /// ```no_run
    /// # async fn example(client: wecom_kf::Client) -> Result<(), wecom_kf::Error> {
    /// let batch = client.customers().get_many(["wm1", "wm2"]).with_session_context().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// `POST /cgi-bin/kf/customer/batchget`, [official page](https://developer.work.weixin.qq.com/document/path/95159).
    ///
    /// # Errors
    ///
    /// Ids without a profile are not an error: they are returned in [`CustomerBatch::invalid`].
    /// [`INSUFFICIENT_MEMBER_ACTIVITY`](crate::ErrCode::INSUFFICIENT_MEMBER_ACTIVITY): WeCom withholds the profiles.
    /// [`Error::InvalidInput`]: see [`GetCustomers::check`].
    pub fn get_many(self, ids: impl IntoIterator<Item = impl Into<ExternalUserId>>) -> GetCustomers<'a> {
        GetCustomers { client: self.0, ids: ids.into_iter().map(Into::into).collect(), session_context: false }
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
