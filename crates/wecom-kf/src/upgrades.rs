//! Upgrades (升级服务): recommendations of members and groups to customers.

use std::fmt;

use serde::Serialize;

use crate::client::Client;
use crate::raw::{op, types};
use crate::{BoxFuture, ChatId, Error, ExternalUserId, OpenKfid, UserId};

/// The operations on upgrades, returned by [`Client::upgrades`].
/// [`recommend_member`](Self::recommend_member) has an example.
#[derive(Clone, Copy, Debug)]
pub struct Upgrades<'a>(&'a Client);

impl Client {
    /// Returns the operations on upgrades (升级服务): recommending members and groups to customers.
    pub fn upgrades(&self) -> Upgrades<'_> {
        Upgrades(self)
    }
}

/// The members and groups that may be recommended, returned by [`Upgrades::config`]. Serialized under WeCom's names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UpgradeConfig {
    /// The members who may be recommended (专员服务).
    #[serde(rename = "userid_list")]
    pub members: Vec<UserId>,
    /// The departments whose members may be recommended.
    #[serde(rename = "department_id_list")]
    pub departments: Vec<u32>,
    /// The customer groups that may be recommended (客户群服务).
    #[serde(rename = "chat_id_list")]
    pub groups: Vec<ChatId>,
}

/// A recommendation to a customer, made when it is awaited. Returned by [`Upgrades::recommend_member`] and
/// [`Upgrades::recommend_group`]. `Debug` hides the wording.
#[derive(Clone)]
#[must_use = "the recommendation is made when this is awaited"]
pub struct Recommend<'a> {
    client: &'a Client,
    open_kfid: OpenKfid,
    external_userid: ExternalUserId,
    target: Target,
    wording: Option<String>,
}

#[derive(Clone, Debug)]
enum Target {
    Member(UserId),
    Group(ChatId),
}

impl Recommend<'_> {
    /// Replaces WeCom's text of the recommendation with your own.
    pub fn wording(mut self, wording: impl Into<String>) -> Self {
        self.wording = Some(wording.into());
        self
    }

    /// Checks the ids without sending anything. Awaiting the recommendation runs the same check first.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: one of them is empty or invalid.
    pub fn check(&self) -> Result<(), Error> {
        self.open_kfid.check()?;
        self.external_userid.check()?;
        match &self.target {
            Target::Member(userid) => userid.check(),
            Target::Group(chat_id) => chat_id.check(),
        }
    }

    async fn send(self) -> Result<(), Error> {
        self.check()?;
        let Self { client, open_kfid, external_userid, target, wording } = self;
        let (type_, member, groupchat) = match target {
            Target::Member(userid) => {
                (1, Some(types::UpgradeServiceRequestMember { userid: userid.into(), wording }), None)
            }
            Target::Group(chat_id) => {
                (2, None, Some(types::UpgradeServiceRequestGroupchat { chat_id: chat_id.into(), wording }))
            }
        };
        let body = types::UpgradeServiceRequest {
            open_kfid: open_kfid.into(),
            external_userid: external_userid.into(),
            type_,
            member,
            groupchat,
        };
        client.call(&op::UpgradeService { body }).await.map(drop)
    }
}

impl<'a> IntoFuture for Recommend<'a> {
    type Output = Result<(), Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl fmt::Debug for Recommend<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recommend")
            .field("open_kfid", &self.open_kfid)
            .field("external_userid", &self.external_userid)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

impl<'a> Upgrades<'a> {
    /// Returns the members and groups that may be recommended. They are configured in the admin console.
    ///
    /// `GET /cgi-bin/kf/customer/get_upgrade_service_config`,
    /// [official page](https://developer.work.weixin.qq.com/document/path/94674).
    ///
    /// # Errors
    ///
    /// [`API_FORBIDDEN`](crate::ErrCode::API_FORBIDDEN): the app has no permission for this operation.
    pub async fn config(self) -> Result<UpgradeConfig, Error> {
        let reply = self.0.call(&op::GetUpgradeServiceConfig {}).await?;
        let members = reply.member_range.unwrap_or_default();
        // The official page uses both names.
        let departments = match members.department_id_list.is_empty() {
            true => members.department_list,
            false => members.department_id_list,
        };
        let chats = reply.groupchat_range.unwrap_or_default().chat_id_list;
        Ok(UpgradeConfig {
            members: members.userid_list.into_iter().map(UserId::from).collect(),
            departments: departments.into_iter().filter_map(|id| u32::try_from(id).ok()).collect(),
            groups: chats.into_iter().map(ChatId::from).collect(),
        })
    }

    /// Recommends a member to a customer (专员服务). The member must be one of [`config`](Self::config).
    ///
    /// ```no_run
    /// # async fn example(client: wecom_kf::Client, kf: wecom_kf::OpenKfid, customer: wecom_kf::ExternalUserId)
    /// # -> Result<(), wecom_kf::Error> {
    /// let offer = client.upgrades().recommend_member(&kf, &customer, "zhangsan");
    /// offer.wording("您好，我是您的专属顾问").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// `POST /cgi-bin/kf/customer/upgrade_service`,
    /// [official page](https://developer.work.weixin.qq.com/document/path/94674). The client never repeats this call.
    ///
    /// # Errors
    ///
    /// [`UPGRADE_TARGET_NOT_CONFIGURED`](crate::ErrCode::UPGRADE_TARGET_NOT_CONFIGURED): the member is not one of
    /// [`config`](Self::config).
    /// [`UPGRADE_SERVICE_CONFIGURED_IN_CONSOLE`](crate::ErrCode::UPGRADE_SERVICE_CONFIGURED_IN_CONSOLE): upgrades are
    /// set up in the admin console, so the API cannot make them. Both codes are known from a single source.
    /// [`Error::InvalidInput`]: see [`Recommend::check`].
    pub fn recommend_member(
        self,
        open_kfid: impl Into<OpenKfid>,
        external_userid: impl Into<ExternalUserId>,
        userid: impl Into<UserId>,
    ) -> Recommend<'a> {
        self.recommend(open_kfid.into(), external_userid.into(), Target::Member(userid.into()))
    }

    /// Recommends a customer group to a customer (客户群服务). The group must be one of [`config`](Self::config).
    ///
    /// `POST /cgi-bin/kf/customer/upgrade_service`,
    /// [official page](https://developer.work.weixin.qq.com/document/path/94674). The client never repeats this call.
    ///
    /// # Errors
    ///
    /// Those of [`recommend_member`](Self::recommend_member).
    pub fn recommend_group(
        self,
        open_kfid: impl Into<OpenKfid>,
        external_userid: impl Into<ExternalUserId>,
        chat_id: impl Into<ChatId>,
    ) -> Recommend<'a> {
        self.recommend(open_kfid.into(), external_userid.into(), Target::Group(chat_id.into()))
    }

    fn recommend(self, open_kfid: OpenKfid, external_userid: ExternalUserId, target: Target) -> Recommend<'a> {
        Recommend { client: self.0, open_kfid, external_userid, target, wording: None }
    }

    /// Cancels a recommendation, after the customer accepted it or when it is no longer valid (known from a single
    /// source).
    ///
    /// `POST /cgi-bin/kf/customer/cancel_upgrade_service`,
    /// [official page](https://developer.work.weixin.qq.com/document/path/94674). The client never repeats this call.
    ///
    /// # Errors
    ///
    /// [`INVALID_EXTERNAL_USERID`](crate::ErrCode::INVALID_EXTERNAL_USERID): the id belongs to another corp.
    pub async fn cancel(
        self,
        open_kfid: impl Into<OpenKfid>,
        external_userid: impl Into<ExternalUserId>,
    ) -> Result<(), Error> {
        let (open_kfid, external_userid) = (open_kfid.into(), external_userid.into());
        open_kfid.check()?;
        external_userid.check()?;
        let body =
            types::CancelUpgradeServiceRequest { open_kfid: open_kfid.into(), external_userid: external_userid.into() };
        self.0.call(&op::CancelUpgradeService { body }).await.map(drop)
    }
}
