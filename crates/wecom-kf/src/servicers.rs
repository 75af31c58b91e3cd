//! Operations on servicers (接待人员), the people who answer customers.

use crate::client::Client;
use crate::input::{self, Problem};
use crate::message::event::StopType;
use crate::open_number::open_number;
use crate::raw::{limits::servicer_add as limits, op, types};
use crate::{Bilingual, ErrCode, Error, OpenKfid};

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

/// The id of a servicer: a member, or a department whose members are all servicers.
///
/// ```
/// use wecom_kf::servicers::ServicerId;
///
/// assert_eq!(ServicerId::from("zhangsan"), ServicerId::Member("zhangsan".to_owned()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServicerId {
    /// The userid of a member. Third-party apps receive and send encrypted userids.
    Member(String),
    /// The number of a department.
    Department(u32),
}

impl From<&str> for ServicerId {
    fn from(userid: &str) -> Self {
        Self::Member(userid.to_owned())
    }
}

impl From<String> for ServicerId {
    fn from(userid: String) -> Self {
        Self::Member(userid)
    }
}

/// The outcome of one entry of [`Servicers::add`] or [`Servicers::delete`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServicerResult {
    /// The entry. `None` if WeCom's answer names neither a member nor a department.
    pub id: Option<ServicerId>,
    /// The errcode of the entry. 0 means success, also if there was nothing to do.
    pub code: ErrCode,
    /// WeCom's message for people: do not match on it. It is "ignored" if there was nothing to do.
    pub errmsg: String,
}

impl ServicerResult {
    /// Returns whether the entry succeeded, also if there was nothing to do.
    pub fn is_ok(&self) -> bool {
        self.code == ErrCode::OK
    }
}

/// The servicers of an account, returned by [`Servicers::list`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServicerList {
    /// The members who were added as servicers individually.
    pub members: Vec<Servicer>,
    /// The departments whose members are servicers.
    pub departments: Vec<u32>,
}

/// A member who is a servicer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Servicer {
    /// The userid of the member.
    pub userid: String,
    /// Whether the servicer receives customers. WeCom only returns it to apps that may manage the account.
    pub status: Option<ReceptionStatus>,
    /// How the servicer stopped receiving, if they stopped.
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
    /// [`ServicerStatusChange`](crate::message::event::ServicerStatusChange) uses different numbers for the same states.
    ReceptionStatus {
        /// 接待中.
        RECEIVING = 0,
        /// 停止接待.
        STOPPED = 1,
    }
}

impl Servicers<'_> {
    /// Adds members and departments to the servicers of an account, up to 100 of each per call.
    ///
    /// ```no_run
    /// use wecom_kf::servicers::ServicerId;
    ///
    /// # async fn example(client: wecom_kf::Client, kf: wecom_kf::OpenKfid) -> Result<(), wecom_kf::Error> {
    /// let results = client.servicers().add(&kf, ["zhangsan".into(), ServicerId::Department(2)]).await?;
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
    /// servicers: the limits are 2,000 members and 20 departments).
    pub async fn add(
        self,
        open_kfid: &OpenKfid,
        ids: impl IntoIterator<Item = ServicerId>,
    ) -> Result<Vec<ServicerResult>, Error> {
        let (userid_list, department_id_list) = lists(open_kfid, ids)?;
        let body = types::ServicerAddRequest { open_kfid: open_kfid.to_string(), userid_list, department_id_list };
        Ok(results(self.0.call(&op::ServicerAdd { body }).await?.result_list))
    }

    /// Removes members and departments from the servicers of an account, up to 100 of each per call.
    ///
    /// `POST /cgi-bin/kf/servicer/del`, [official page](https://developer.work.weixin.qq.com/document/path/94647).
    /// The client never repeats this call. Calling it again is harmless.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub async fn delete(
        self,
        open_kfid: &OpenKfid,
        ids: impl IntoIterator<Item = ServicerId>,
    ) -> Result<Vec<ServicerResult>, Error> {
        let (userid_list, department_id_list) = lists(open_kfid, ids)?;
        let body = types::ServicerDelRequest { open_kfid: open_kfid.to_string(), userid_list, department_id_list };
        Ok(results(self.0.call(&op::ServicerDel { body }).await?.result_list))
    }

    /// Returns the servicers of an account.
    ///
    /// `GET /cgi-bin/kf/servicer/list`, [official page](https://developer.work.weixin.qq.com/document/path/94645).
    ///
    /// # Errors
    ///
    /// [`OPEN_KFID_NOT_FOUND`](crate::ErrCode::OPEN_KFID_NOT_FOUND) or
    /// [`INVALID_OPEN_KFID`](crate::ErrCode::INVALID_OPEN_KFID): the app has no such account.
    pub async fn list(self, open_kfid: &OpenKfid) -> Result<ServicerList, Error> {
        open_kfid.check()?;
        let reply = self.0.call(&op::ServicerList { open_kfid: open_kfid.to_string() }).await?;
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

/// Splits the ids into the two lists of a request, and checks them.
fn lists(open_kfid: &OpenKfid, ids: impl IntoIterator<Item = ServicerId>) -> Result<(Vec<String>, Vec<i64>), Error> {
    open_kfid.check()?;
    let (mut members, mut departments) = (Vec::new(), Vec::new());
    for id in ids {
        match id {
            ServicerId::Member(userid) => {
                input::not_empty("userid", &userid)?;
                members.push(userid);
            }
            ServicerId::Department(department) => departments.push(department.into()),
        }
    }
    if members.is_empty() && departments.is_empty() {
        return Err(input::refuse(Bilingual::fixed("servicers", "接待人员列表"), Problem::Empty));
    }
    input::items("userid_list", members.len(), limits::USERID_LIST_MAX_ITEMS)?;
    input::items("department_id_list", departments.len(), limits::DEPARTMENT_ID_LIST_MAX_ITEMS)?;
    Ok((members, departments))
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
    let member = userid.filter(|userid| !userid.is_empty()).map(ServicerId::Member);
    member.or_else(|| department_id.and_then(|id| u32::try_from(id).ok()).map(ServicerId::Department))
}
