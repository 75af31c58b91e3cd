//! Operations on servicers (接待人员), the people who answer customers.

use std::fmt;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::client::Client;
use crate::input::{self, Problem};
use crate::messages::event::StopType;
use crate::open_number::open_number;
use crate::raw::{limits::servicer_add as limits, op, types};
use crate::{Bilingual, BoxFuture, ErrCode, Error, OpenKfid, UserId};

/// The operations on servicers, returned by [`Client::servicers`].
///
/// ```no_run
/// # async fn example(client: wecom_kf::Client, kf: wecom_kf::OpenKfid) -> Result<(), wecom_kf::Error> {
/// let servicers = client.servicers().list(&kf).await?;
/// for servicer in servicers.members.iter().filter(|servicer| servicer.is_receiving()) {
///     println!("{} is receiving customers", servicer.userid);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Servicers<'a>(&'a Client);

impl Client {
    /// Returns the operations on servicers, the people who answer customers.
    pub fn servicers(&self) -> Servicers<'_> {
        Servicers(self)
    }
}

/// The id of a servicer: a member, or a department whose members are all servicers. Serialized as
/// `{"userid": "zhangsan"}` or `{"department_id": 2}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum ServicerId {
    /// The userid of a member. Third-party apps receive and send encrypted userids.
    #[serde(rename = "userid")]
    Member(UserId),
    /// The number of a department.
    #[serde(rename = "department_id")]
    Department(u32),
}

impl fmt::Display for ServicerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(userid) => userid.fmt(f),
            Self::Department(department) => write!(f, "department {department}"),
        }
    }
}

/// The outcome of one member or department of [`Servicers::add`] or [`Servicers::delete`]. Serialized under WeCom's names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ServicerResult {
    /// The member or the department. `None` if WeCom's answer names neither.
    #[serde(flatten)]
    pub id: Option<ServicerId>,
    /// The errcode of the entry. 0 means success, also if there was nothing to do.
    #[serde(rename = "errcode", serialize_with = "number_of")]
    pub code: ErrCode,
    /// WeCom's message for people: do not match on it. It is "ignored" if there was nothing to do.
    pub errmsg: String,
}

fn number_of<S: Serializer>(code: &ErrCode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_i32(code.0)
}

impl ServicerResult {
    /// Returns whether the entry succeeded, also if there was nothing to do.
    pub fn is_ok(&self) -> bool {
        self.code == ErrCode::OK
    }
}

/// The servicers of an account, returned by [`Servicers::list`]. Serialized as WeCom's `servicer_list`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServicerList {
    /// The members who were added as servicers individually.
    pub members: Vec<Servicer>,
    /// The departments whose members are servicers.
    pub departments: Vec<u32>,
}

impl Serialize for ServicerList {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Entry<'a> {
            Member(&'a Servicer),
            Department { department_id: u32 },
        }
        let members = self.members.iter().map(Entry::Member);
        let departments = self.departments.iter().map(|id| Entry::Department { department_id: *id });
        let mut list = to.serialize_map(Some(1))?;
        list.serialize_entry("servicer_list", &members.chain(departments).collect::<Vec<_>>())?;
        list.end()
    }
}

/// A member who is a servicer. Serialized under WeCom's names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Servicer {
    /// The userid of the member.
    pub userid: UserId,
    /// Whether the servicer receives customers. WeCom only returns it to apps that may manage the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<ReceptionStatus>,
    /// How the servicer stopped receiving, if they stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_type: Option<StopType>,
}

impl Servicer {
    /// Returns whether the servicer receives customers now. `false` if WeCom did not return the status.
    pub fn is_receiving(&self) -> bool {
        self.status == Some(ReceptionStatus::RECEIVING)
    }
}

open_number! {
    /// Whether a servicer receives customers. The event
    /// [`ServicerStatusChange`](crate::messages::event::ServicerStatusChange) uses different numbers for the same states.
    ReceptionStatus {
        /// 接待中.
        RECEIVING = 0,
        /// 停止接待.
        STOPPED = 1,
    }
}

/// Declares a request that names members and departments.
macro_rules! request {
    ($(#[$docs:meta])* $name:ident, $future:literal: $operation:ident, $body:ident) => {
        $(#[$docs])*
        #[derive(Clone, Debug)]
        #[must_use = $future]
        pub struct $name<'a> {
            client: &'a Client,
            open_kfid: OpenKfid,
            members: Vec<UserId>,
            departments: Vec<u32>,
        }

        impl<'a> $name<'a> {
            fn new(client: &'a Client, open_kfid: OpenKfid) -> Self {
                Self { client, open_kfid, members: Vec::new(), departments: Vec::new() }
            }

            /// Adds members to the request by their userids, up to 100 in all.
            pub fn members(mut self, userids: impl IntoIterator<Item = impl Into<UserId>>) -> Self {
                self.members.extend(userids.into_iter().map(Into::into));
                self
            }

            /// Adds departments to the request by their numbers, up to 100 in all.
            pub fn departments(mut self, departments: impl IntoIterator<Item = u32>) -> Self {
                self.departments.extend(departments);
                self
            }

            /// Checks the request without sending anything. Awaiting it runs the same check first.
            ///
            /// # Errors
            ///
            /// [`Error::InvalidInput`]: an id is empty, there are neither members nor departments, or there are more than
            /// 100 of one kind.
            pub fn check(&self) -> Result<(), Error> {
                self.open_kfid.check()?;
                check_ids(&self.members, &self.departments)
            }

            async fn send(self) -> Result<Vec<ServicerResult>, Error> {
                self.check()?;
                let body = types::$body {
                    open_kfid: self.open_kfid.into(),
                    userid_list: self.members.into_iter().map(String::from).collect(),
                    department_id_list: self.departments.into_iter().map(i64::from).collect(),
                };
                Ok(results(self.client.call(&op::$operation { body }).await?.result_list))
            }
        }

        impl<'a> IntoFuture for $name<'a> {
            type Output = Result<Vec<ServicerResult>, Error>;
            type IntoFuture = BoxFuture<'a, Self::Output>;

            fn into_future(self) -> Self::IntoFuture {
                Box::pin(self.send())
            }
        }
    };
}

request! {
    /// Members and departments to add, which happens when this is awaited. Returned by [`Servicers::add`].
    AddServicers, "the servicers are added when this is awaited": ServicerAdd, ServicerAddRequest
}

request! {
    /// Members and departments to remove, which happens when this is awaited. Returned by [`Servicers::delete`].
    DeleteServicers, "the servicers are removed when this is awaited": ServicerDel, ServicerDelRequest
}

impl<'a> Servicers<'a> {
    /// Adds members and departments to the servicers of an account, up to 100 of each per call.
    ///
    /// ```no_run
    /// # async fn example(client: wecom_kf::Client, kf: wecom_kf::OpenKfid) -> Result<(), wecom_kf::Error> {
    /// let results = client.servicers().add(&kf).members(["zhangsan", "lisi"]).departments([2]).await?;
    /// for failed in results.iter().filter(|result| !result.is_ok()) {
    ///     eprintln!("{:?}: {} {}", failed.id, failed.code, failed.errmsg);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// `POST /cgi-bin/kf/servicer/add`, [official page](https://developer.work.weixin.qq.com/document/path/94646).
    /// The client never repeats this call. Calling it again is harmless.
    ///
    /// # Errors
    ///
    /// The call succeeds even if single entries fail, so check each [`ServicerResult`]. Its usual codes are 60111 (the
    /// member is unknown), 60030 (the member is outside the app's visible range) and 95020 (the account has too many
    /// servicers: the limits are 2,000 members and 20 departments). [`Error::InvalidInput`]: see
    /// [`AddServicers::check`].
    #[allow(clippy::should_implement_trait, reason = "it adds servicers, no numbers")]
    pub fn add(self, open_kfid: impl Into<OpenKfid>) -> AddServicers<'a> {
        AddServicers::new(self.0, open_kfid.into())
    }

    /// Removes members and departments from the servicers of an account, up to 100 of each per call.
    ///
    /// ```no_run
    /// # async fn example(client: wecom_kf::Client, kf: wecom_kf::OpenKfid) -> Result<(), wecom_kf::Error> {
    /// client.servicers().delete(&kf).members(["lisi"]).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// `POST /cgi-bin/kf/servicer/del`, [official page](https://developer.work.weixin.qq.com/document/path/94647).
    /// The client never repeats this call. Calling it again is harmless.
    ///
    /// # Errors
    ///
    /// Those of [`add`](Self::add).
    pub fn delete(self, open_kfid: impl Into<OpenKfid>) -> DeleteServicers<'a> {
        DeleteServicers::new(self.0, open_kfid.into())
    }

    /// Returns the servicers of an account.
    ///
    /// `GET /cgi-bin/kf/servicer/list`, [official page](https://developer.work.weixin.qq.com/document/path/94645).
    ///
    /// # Errors
    ///
    /// [`OPEN_KFID_NOT_FOUND`](crate::ErrCode::OPEN_KFID_NOT_FOUND) or
    /// [`INVALID_OPEN_KFID`](crate::ErrCode::INVALID_OPEN_KFID): the app has no such account.
    pub async fn list(self, open_kfid: impl Into<OpenKfid>) -> Result<ServicerList, Error> {
        let open_kfid = open_kfid.into();
        open_kfid.check()?;
        let reply = self.0.call(&op::ServicerList { open_kfid: open_kfid.into() }).await?;
        let mut list = ServicerList::default();
        for servicer in reply.servicer_list {
            match id(servicer.userid, servicer.department_id) {
                Some(ServicerId::Member(userid)) => list.members.push(Servicer {
                    userid,
                    status: servicer.status.map(ReceptionStatus),
                    stop_type: servicer.stop_type.map(StopType),
                }),
                Some(ServicerId::Department(department)) => list.departments.push(department),
                None => {}
            }
        }
        Ok(list)
    }
}

fn check_ids(members: &[UserId], departments: &[u32]) -> Result<(), Error> {
    members.iter().try_for_each(UserId::check)?;
    if members.is_empty() && departments.is_empty() {
        return Err(input::refuse(Bilingual::fixed("servicers", "接待人员列表"), Problem::Empty));
    }
    input::items("userid_list", members.len(), limits::USERID_LIST_MAX_ITEMS)?;
    input::items("department_id_list", departments.len(), limits::DEPARTMENT_ID_LIST_MAX_ITEMS)
}

fn results(list: Vec<types::ServicerResult>) -> Vec<ServicerResult> {
    let result = |result: types::ServicerResult| ServicerResult {
        id: id(result.userid, result.department_id),
        code: ErrCode::from(result.errcode),
        errmsg: result.errmsg,
    };
    list.into_iter().map(result).collect()
}

fn id(userid: Option<String>, department_id: Option<i64>) -> Option<ServicerId> {
    let member = userid.filter(|userid| !userid.is_empty()).map(|userid| ServicerId::Member(userid.into()));
    member.or_else(|| department_id.and_then(|id| u32::try_from(id).ok()).map(ServicerId::Department))
}
