//! Upgrades (升级服务): recommendations of members and groups to customers.

use std::fmt;

use crate::client::Client;
use crate::input;
use crate::raw::{op, types};
use crate::{Error, ExternalUserId, OpenKfid};

/// The operations on upgrades, returned by [`Client::upgrades`]. [`upgrade`](Self::upgrade) has an example.
#[derive(Clone, Copy, Debug)]
pub struct Upgrades<'a>(&'a Client);

impl Client {
    /// Returns the operations on upgrades (升级服务): recommending members and groups to customers.
    pub fn upgrades(&self) -> Upgrades<'_> {
        Upgrades(self)
    }
}

/// The members and groups that may be recommended, returned by [`Upgrades::config`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpgradeConfig {
    /// The userids of members who may be recommended (专员服务).
    pub userids: Vec<String>,
    /// The departments whose members may be recommended.
    pub department_ids: Vec<i64>,
    /// The customer groups that may be recommended (客户群服务).
    pub chat_ids: Vec<String>,
}

/// A recommendation, for [`Upgrades::upgrade`]. `Debug` hides the wording.
#[derive(Clone, PartialEq, Eq)]
pub struct Upgrade {
    to: Target,
    wording: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Member(String),
    Groupchat(String),
}

impl Upgrade {
    /// Recommends a member, who must be one of [`Upgrades::config`].
    pub fn to_member(userid: impl Into<String>) -> Self {
        Self { to: Target::Member(userid.into()), wording: None }
    }

    /// Recommends a customer group, which must be one of [`Upgrades::config`].
    pub fn to_groupchat(chat_id: impl Into<String>) -> Self {
        Self { to: Target::Groupchat(chat_id.into()), wording: None }
    }

    /// Replaces WeCom's text of the recommendation with your own.
    pub fn wording(mut self, wording: impl Into<String>) -> Self {
        self.wording = Some(wording.into());
        self
    }
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrade").field("to", &self.to).finish_non_exhaustive()
    }
}

impl Upgrades<'_> {
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
        let department_ids = match members.department_id_list.is_empty() {
            true => members.department_list,
            false => members.department_id_list,
        };
        let chat_ids = reply.groupchat_range.unwrap_or_default().chat_id_list;
        Ok(UpgradeConfig { userids: members.userid_list, department_ids, chat_ids })
    }

    /// Recommends a member or a group to a customer.
    ///
    /// ```no_run
    /// use wecom_kf::upgrades::Upgrade;
    ///
    /// # async fn example(client: wecom_kf::Client, kf: wecom_kf::OpenKfid, customer: wecom_kf::ExternalUserId)
    /// # -> Result<(), wecom_kf::Error> {
    /// let offer = Upgrade::to_member("zhangsan").wording("您好，我是您的专属顾问");
    /// client.upgrades().upgrade(&kf, &customer, offer).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// `POST /cgi-bin/kf/customer/upgrade_service`,
    /// [official page](https://developer.work.weixin.qq.com/document/path/94674). The client never repeats this call.
    ///
    /// # Errors
    ///
    /// [`UPGRADE_TARGET_NOT_CONFIGURED`](crate::ErrCode::UPGRADE_TARGET_NOT_CONFIGURED): the member or group is not one of
    /// [`config`](Self::config).
    /// [`UPGRADE_SERVICE_CONFIGURED_IN_CONSOLE`](crate::ErrCode::UPGRADE_SERVICE_CONFIGURED_IN_CONSOLE): upgrades are set
    /// up in the admin console, so the API cannot make them. Both codes are known from a single source.
    pub async fn upgrade(
        self,
        open_kfid: &OpenKfid,
        external_userid: &ExternalUserId,
        offer: Upgrade,
    ) -> Result<(), Error> {
        open_kfid.check()?;
        external_userid.check()?;
        let Upgrade { to, wording } = offer;
        let (type_, member, groupchat) = match to {
            Target::Member(userid) => {
                input::not_empty("userid", &userid)?;
                (1, Some(types::UpgradeServiceRequestMember { userid, wording }), None)
            }
            Target::Groupchat(chat_id) => {
                input::not_empty("chat_id", &chat_id)?;
                (2, None, Some(types::UpgradeServiceRequestGroupchat { chat_id, wording }))
            }
        };
        let body = types::UpgradeServiceRequest {
            open_kfid: open_kfid.to_string(),
            external_userid: external_userid.to_string(),
            type_,
            member,
            groupchat,
        };
        self.0.call(&op::UpgradeService { body }).await.map(drop)
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
    pub async fn cancel(self, open_kfid: &OpenKfid, external_userid: &ExternalUserId) -> Result<(), Error> {
        open_kfid.check()?;
        external_userid.check()?;
        let body = types::CancelUpgradeServiceRequest {
            open_kfid: open_kfid.to_string(),
            external_userid: external_userid.to_string(),
        };
        self.0.call(&op::CancelUpgradeService { body }).await.map(drop)
    }
}
