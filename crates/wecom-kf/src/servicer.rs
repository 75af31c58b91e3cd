//! Servicers (接待人员): who answers customers by hand.

use crate::client::Client;
use crate::input::{self, Problem};
use crate::message::event::StopType;
use crate::open_number::open_number;
use crate::raw::{limits::servicer_add as limits, op, types};
use crate::{Bilingual, ErrCode, Error, OpenKfid};

/// Servicers: [`Client::servicer`].
#[derive(Clone, Copy, Debug)]
pub struct Servicers<'a>(pub(crate) &'a Client);

/// Who may be a servicer: a member, or all members of a department.
///
/// ```
/// use wecom_kf::servicer::ServicerId;
///
/// assert_eq!(ServicerId::from("zhangsan"), ServicerId::Member("zhangsan".to_owned()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServicerId {
    /// A member, by userid; third-party apps have encrypted ones.
    Member(String),
    /// A department, by its number.
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

/// What came of one entry of [`Servicers::add`] or [`Servicers::delete`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServicerResult {
    /// The entry. None if WeCom named neither a member nor a department.
    pub id: Option<ServicerId>,
    /// Its outcome: 0 if it is now as asked for.
    pub code: ErrCode,
    /// WeCom's words: for people, never to be matched. "ignored" where there was nothing to do.
    pub errmsg: String,
}

impl ServicerResult {
    /// Whether the entry is now as asked for.
    pub fn is_ok(&self) -> bool {
        self.code == ErrCode::OK
    }
}

/// What [`Servicers::list`] answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServicerList {
    /// The members who are servicers by themselves.
    pub members: Vec<Servicer>,
    /// The departments whose members are servicers.
    pub departments: Vec<u32>,
}

/// A member who is a servicer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Servicer {
    /// The member.
    pub userid: String,
    /// Whether customers reach them. WeCom says it to apps that may manage the account.
    pub status: Option<ReceptionStatus>,
    /// How they stopped, if they did.
    pub stop_type: Option<StopType>,
}

impl Servicer {
    /// Whether customers reach them now, as far as WeCom says.
    pub fn is_receiving(&self) -> bool {
        self.status == Some(ReceptionStatus::RECEIVING)
    }
}

open_number! {
    /// Whether a servicer takes sessions. The event [`ServicerStatusChange`](crate::message::event::ServicerStatusChange)
    /// has other numbers for the same.
    ReceptionStatus {
        /// 接待中.
        RECEIVING = 0,
        /// 停止接待.
        STOPPED = 1,
    }
}

impl Servicers<'_> {
    /// Makes members and departments servicers of an account, up to 100 of each at a time.
    ///
    /// ```no_run
    /// use wecom_kf::servicer::ServicerId;
    ///
    /// # async fn example(client: wecom_kf::Client, kf: wecom_kf::OpenKfid) -> Result<(), wecom_kf::Error> {
    /// let results = client.servicer().add(&kf, ["zhangsan".into(), ServicerId::Department(2)]).await?;
    /// for failed in results.iter().filter(|result| !result.is_ok()) {
    ///     eprintln!("{:?}: {} {}", failed.id, failed.code, failed.errmsg);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// `POST /cgi-bin/kf/servicer/add`, [official page](https://developer.work.weixin.qq.com/document/path/94646).
    /// Never repeated on its own; doing it again is harmless.
    ///
    /// # Errors
    ///
    /// Single entries that fail are no error of the call: look at each [`ServicerResult`]. There 60111 is an unknown
    /// member, 60030 one outside of the app's visible range, 95020 one too many (2,000 members, 20 departments).
    pub async fn add(
        self,
        open_kfid: &OpenKfid,
        ids: impl IntoIterator<Item = ServicerId>,
    ) -> Result<Vec<ServicerResult>, Error> {
        let (userid_list, department_id_list) = lists(open_kfid, ids)?;
        let body = types::ServicerAddRequest { open_kfid: open_kfid.to_string(), userid_list, department_id_list };
        Ok(results(self.0.call(&op::ServicerAdd { body }).await?.result_list))
    }

    /// Takes members and departments from the servicers of an account, up to 100 of each at a time.
    ///
    /// `POST /cgi-bin/kf/servicer/del`, [official page](https://developer.work.weixin.qq.com/document/path/94647).
    /// Never repeated on its own; doing it again is harmless.
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

    /// The servicers of an account.
    ///
    /// `GET /cgi-bin/kf/servicer/list`, [official page](https://developer.work.weixin.qq.com/document/path/94645).
    ///
    /// # Errors
    ///
    /// [`OPEN_KFID_NOT_FOUND`](crate::ErrCode::OPEN_KFID_NOT_FOUND) or
    /// [`INVALID_OPEN_KFID`](crate::ErrCode::INVALID_OPEN_KFID): there is no such account for this app.
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

/// Members and departments, as requests have them.
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
