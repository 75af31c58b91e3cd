//! The tag `servicer`: which servicers an account may have [94645, 94646, 94647]. Who serves an account and whether they
//! receive is stored in `model/servicers.rs`.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wecom_kf_raw::types::{Servicer, ServicerAddRequest, ServicerDelRequest, ServicerResult};
use wecom_kf_raw::{ErrCode, Lang};

use crate::platform::Platform;
use crate::platform::model::assumptions::Assumption;
use crate::platform::model::refusal::Refusal;
use crate::platform::model::servicers::{Receiving, ServicerId, Servicers};
use crate::platform::ops::{lenient_text, required};

const MAX_MEMBERS: usize = 2_000;
const MAX_DEPARTMENTS: usize = 20;
/// A member's id has at most 64 bytes.
const MAX_USERID_BYTES: usize = 64;

#[derive(Deserialize)]
pub(crate) struct ServicerListRequest {
    #[serde(default, deserialize_with = "lenient_text")]
    open_kfid: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct ServicerResults {
    result_list: Vec<ServicerResult>,
}

#[derive(Serialize)]
pub(crate) struct ServicerList {
    servicer_list: Vec<Servicer>,
}

impl Platform {
    /// `POST /cgi-bin/kf/servicer/add` [94646].
    pub(crate) fn servicer_add(
        &mut self,
        _now: Duration,
        request: ServicerAddRequest,
    ) -> Result<ServicerResults, Refusal> {
        let ServicerAddRequest { open_kfid, userid_list, department_id_list } = request;
        let servicers = servicers(userid_list, department_id_list)?;
        self.check_room(&open_kfid, &servicers)?;
        let checked: Vec<_> = servicers.into_iter().map(|servicer| (self.check_exists(&servicer), servicer)).collect();
        let served = &mut self.account(&open_kfid)?.servicers;
        let results = checked.into_iter().map(|(exists, servicer)| {
            let outcome = exists.map(|()| served.insert(servicer.clone()));
            result(servicer, outcome)
        });
        Ok(ServicerResults { result_list: results.collect() })
    }

    /// `POST /cgi-bin/kf/servicer/del` [94647]. A servicer that the account does not have is "ignored", whether or not the
    /// corp has such a member.
    pub(crate) fn servicer_del(
        &mut self,
        _now: Duration,
        request: ServicerDelRequest,
    ) -> Result<ServicerResults, Refusal> {
        rule!(absent_servicer_is_ignored);
        let ServicerDelRequest { open_kfid, userid_list, department_id_list } = request;
        let servicers = servicers(userid_list, department_id_list)?;
        rule!(sessions_stay_with_removed_servicer);
        let served = &mut self.account(&open_kfid)?.servicers;
        let results = servicers.into_iter().map(|servicer| {
            let outcome = Ok(served.remove(&servicer));
            result(servicer, outcome)
        });
        Ok(ServicerResults { result_list: results.collect() })
    }

    /// `GET /cgi-bin/kf/servicer/list` [94645]. There are no pages.
    pub(crate) fn servicer_list(
        &mut self,
        _now: Duration,
        request: ServicerListRequest,
    ) -> Result<ServicerList, Refusal> {
        rule!(servicer_list_has_no_pages);
        let open_kfid = required(request.open_kfid.as_deref(), "open_kfid")?;
        let Servicers { userids, department_ids } = &self.account(open_kfid)?.servicers;
        let (userids, department_ids) = (userids.clone(), department_ids.clone());
        let members = userids.into_iter().map(|userid| {
            rule!(servicer_status_numbers);
            let (status, stop_type) = match self.members.get(&userid) {
                Some(Receiving::No) => (1, Some(0)),
                Some(Receiving::Suspended) => (1, Some(1)),
                Some(Receiving::Yes) | None => (0, None),
            };
            Servicer { department_id: None, status: Some(status), stop_type, userid: Some(userid) }
        });
        rule!(departments_are_entries);
        let departments =
            department_ids.into_iter().map(|id| Servicer { department_id: Some(signed(id)), ..Servicer::default() });
        Ok(ServicerList { servicer_list: members.chain(departments).collect() })
    }

    fn check_room(&mut self, open_kfid: &str, servicers: &[ServicerId]) -> Result<(), Refusal> {
        rule!(servicers_over_the_limit_refuse_the_call);
        if !self.assumptions.hold(Assumption::ServicersAreLimited) {
            return Ok(());
        }
        let new: BTreeSet<_> = servicers.iter().filter(|servicer| self.check_exists(servicer).is_ok()).collect();
        let served = &self.account(open_kfid)?.servicers;
        let new = new.into_iter().filter(|servicer| !served.contains(servicer));
        let (members, departments): (Vec<_>, Vec<_>) =
            new.partition(|servicer| matches!(servicer, ServicerId::Member(_)));
        let too_many = served.userids.len() + members.len() > MAX_MEMBERS
            || served.department_ids.len() + departments.len() > MAX_DEPARTMENTS;
        if too_many { Err(ErrCode::SERVICER_LIMIT_EXCEEDED.into()) } else { Ok(()) }
    }

    fn check_exists(&self, servicer: &ServicerId) -> Result<(), ErrCode> {
        rule!(unknown_member_codes);
        match servicer {
            ServicerId::Member(userid) if userid.len() > MAX_USERID_BYTES => Err(ErrCode::INVALID_USERID_LIST),
            ServicerId::Member(userid) if !self.members.contains_key(userid) => Err(ErrCode::USERID_NOT_FOUND),
            ServicerId::Department(id) if !self.departments.contains_key(id) => Err(ErrCode::DEPARTMENT_NOT_FOUND),
            _ => Ok(()),
        }
    }
}

/// Returns the servicers that a request names. One of its two lists must not be empty.
fn servicers(userids: Vec<String>, department_ids: Vec<i64>) -> Result<Vec<ServicerId>, Refusal> {
    rule!(servicer_call_names_somebody);
    let userids = userids.into_iter().map(ServicerId::Member);
    let department_ids = department_ids.into_iter().filter_map(|id| u64::try_from(id).ok());
    let servicers: Vec<_> = userids.chain(department_ids.map(ServicerId::Department)).collect();
    if servicers.is_empty() {
        let why = "one of `userid_list` and `department_id_list` must not be empty";
        return Err(Refusal::because(ErrCode::INVALID_PARAMETER, why));
    }
    Ok(servicers)
}

/// Returns the outcome for one servicer. The `errmsg` is "ignored" where there was nothing to do.
fn result(servicer: ServicerId, outcome: Result<bool, ErrCode>) -> ServicerResult {
    rule!(no_change_is_ignored);
    let (errcode, errmsg) = match outcome {
        Ok(true) => (0, "success"),
        Ok(false) => (0, "ignored"),
        Err(code) => (code.0, code.meaning(Lang::En)),
    };
    let (department_id, userid) = match servicer {
        ServicerId::Member(userid) => (None, Some(userid)),
        ServicerId::Department(id) => (Some(signed(id)), None),
    };
    ServicerResult { department_id, errcode: errcode.into(), errmsg: errmsg.to_owned(), userid }
}

/// The reply types have signed ids.
fn signed(department_id: u64) -> i64 {
    i64::try_from(department_id).unwrap_or(i64::MAX)
}
