//! Who serves an account [94645, 94646, 94647].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use wecom_kf_raw::{ErrCode, Lang};

use crate::platform::model::assumptions::Assumption;
use crate::platform::model::refusal::Refusal;
use crate::platform::{Platform, Receiving};

/// unverified: this limit, and 95020 for it, are in the newest errcode list only.
const MAX_MEMBERS: usize = 2_000;
/// unverified: likewise.
const MAX_DEPARTMENTS: usize = 20;
/// A member's id has at most 64 bytes.
const MAX_USERID_BYTES: usize = 64;

/// The servicers of an account.
#[derive(Debug, Default)]
pub(crate) struct Servicers {
    userids: BTreeSet<String>,
    department_ids: BTreeSet<u64>,
}

impl Servicers {
    /// Whether this member serves, alone or with a department.
    pub(crate) fn has(&self, userid: &str, departments: &BTreeMap<u64, BTreeSet<String>>) -> bool {
        let mut members = self.department_ids.iter().filter_map(|id| departments.get(id));
        self.userids.contains(userid) || members.any(|members| members.contains(userid))
    }

    fn contains(&self, entry: &Entry) -> bool {
        match entry {
            Entry::Member(userid) => self.userids.contains(userid),
            Entry::Department(id) => self.department_ids.contains(id),
        }
    }

    fn insert(&mut self, entry: Entry) -> bool {
        match entry {
            Entry::Member(userid) => self.userids.insert(userid),
            Entry::Department(id) => self.department_ids.insert(id),
        }
    }

    fn remove(&mut self, entry: &Entry) -> bool {
        match entry {
            Entry::Member(userid) => self.userids.remove(userid),
            Entry::Department(id) => self.department_ids.remove(id),
        }
    }
}

/// What a request names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Entry {
    Member(String),
    Department(u64),
}

impl Entry {
    /// The outcome of this entry; `errmsg` says "ignored" where there was nothing to do [94646].
    fn result(&self, outcome: Result<bool, ErrCode>) -> Value {
        let (errcode, errmsg) = match outcome {
            Ok(true) => (0, "success"),
            Ok(false) => (0, "ignored"),
            Err(code) => (code.0, code.meaning(Lang::En)),
        };
        match self {
            Self::Member(userid) => json!({ "userid": userid, "errcode": errcode, "errmsg": errmsg }),
            Self::Department(id) => json!({ "department_id": id, "errcode": errcode, "errmsg": errmsg }),
        }
    }
}

impl Platform {
    /// Who is new receives.
    pub(crate) fn meet_member(&mut self, userid: &str) {
        self.members.entry(userid.to_owned()).or_insert(Receiving::Yes);
    }

    /// Who is new serves every account there is.
    pub(crate) fn meet_servicer(&mut self, userid: &str) {
        if self.members.contains_key(userid) {
            return;
        }
        self.meet_member(userid);
        for account in &mut self.accounts {
            account.servicers.userids.insert(userid.to_owned());
        }
    }

    /// Lets a member serve these accounts, and no others but for those of a department.
    pub(crate) fn set_served(&mut self, userid: &str, open_kfids: &[String]) {
        for account in &mut self.accounts {
            let userids = &mut account.servicers.userids;
            if open_kfids.contains(&account.open_kfid) {
                userids.insert(userid.to_owned());
            } else {
                userids.remove(userid);
            }
        }
    }

    /// Lets everybody who serves another account serve this one.
    pub(crate) fn serve_too(&mut self, open_kfid: &str) {
        let userids: BTreeSet<_> = self.existing().flat_map(|account| &account.servicers.userids).cloned().collect();
        self.any_account(open_kfid).into_iter().for_each(|account| account.servicers.userids.extend(userids.clone()));
    }

    /// The accounts that a member serves, alone or with a department.
    pub(crate) fn served_by(&self, userid: &str) -> impl Iterator<Item = &str> {
        let served = self.existing().filter(move |account| account.servicers.has(userid, &self.departments));
        served.map(|account| account.open_kfid.as_str())
    }

    pub(crate) fn has_member(&self, userid: &str) -> bool {
        self.members.contains_key(userid)
    }

    /// Whether a member serves an account, alone or with a department.
    pub(crate) fn is_served_by(&self, open_kfid: &str, userid: &str) -> bool {
        self.receiving_at(open_kfid, userid).is_some()
    }

    pub(crate) fn meet_department(&mut self, department_id: u64, userids: &[&str]) {
        userids.iter().for_each(|userid| self.meet_member(userid));
        self.departments.entry(department_id).or_default().extend(userids.iter().map(|userid| (*userid).to_owned()));
    }

    /// `Department`s of `control.yaml`.
    pub(crate) fn show_departments(&self) -> Vec<Value> {
        let departments = self.departments.iter();
        departments.map(|(id, userids)| json!({ "department_id": id, "userids": userids })).collect()
    }

    /// Whether this member receives at an account; None if they do not serve it.
    pub(crate) fn receiving_at(&self, open_kfid: &str, userid: &str) -> Option<Receiving> {
        let account = self.accounts.iter().find(|account| account.open_kfid == open_kfid)?;
        let serves = account.servicers.has(userid, &self.departments);
        self.members.get(userid).copied().filter(|_| serves)
    }

    /// `POST /cgi-bin/kf/servicer/add` [94646].
    pub(crate) fn servicer_add(&mut self, _now: Duration, request: &Value) -> Result<Value, Refusal> {
        let entries = entries(request)?;
        self.check_room(request, &entries)?;
        let known: Vec<_> = entries.into_iter().map(|entry| (self.check_exists(&entry), entry)).collect();
        let servicers = &mut self.account(request)?.servicers;
        let results = known.into_iter().map(|(exists, entry)| {
            let outcome = exists.map(|()| servicers.insert(entry.clone()));
            entry.result(outcome)
        });
        Ok(json!({ "result_list": results.collect::<Vec<_>>() }))
    }

    /// `POST /cgi-bin/kf/servicer/del` [94647]. Who is not there is "ignored", whether or not the corp has such a member.
    pub(crate) fn servicer_del(&mut self, _now: Duration, request: &Value) -> Result<Value, Refusal> {
        let entries = entries(request)?;
        // unverified: what becomes of the sessions of who is taken out; here they stay with them.
        let servicers = &mut self.account(request)?.servicers;
        let results = entries.into_iter().map(|entry| entry.result(Ok(servicers.remove(&entry))));
        Ok(json!({ "result_list": results.collect::<Vec<_>>() }))
    }

    /// `GET /cgi-bin/kf/servicer/list` [94645]. There are no pages.
    pub(crate) fn servicer_list(&mut self, _now: Duration, request: &Value) -> Result<Value, Refusal> {
        let Servicers { userids, department_ids } = &self.account(request)?.servicers;
        let (userids, department_ids) = (userids.clone(), department_ids.clone());
        let members = userids.iter().map(|userid| {
            // 0 receiving, 1 stopped; the event has 1 and 2 [94645].
            match self.members.get(userid) {
                Some(Receiving::No) => json!({ "userid": userid, "status": 1, "stop_type": 0 }),
                Some(Receiving::Suspended) => json!({ "userid": userid, "status": 1, "stop_type": 1 }),
                Some(Receiving::Yes) | None => json!({ "userid": userid, "status": 0 }),
            }
        });
        // Departments are entries of their own, without a status [94645].
        let departments = department_ids.iter().map(|id| json!({ "department_id": id }));
        Ok(json!({ "servicer_list": members.chain(departments).collect::<Vec<_>>() }))
    }

    /// unverified: that the whole call is refused, rather than the entries that are too many.
    fn check_room(&mut self, request: &Value, entries: &[Entry]) -> Result<(), Refusal> {
        if !self.assumptions.hold(Assumption::ServicersAreLimited) {
            return Ok(());
        }
        let new: BTreeSet<_> = entries.iter().filter(|entry| self.check_exists(entry).is_ok()).collect();
        let servicers = &self.account(request)?.servicers;
        let new = new.into_iter().filter(|entry| !servicers.contains(entry));
        let (members, departments): (Vec<_>, Vec<_>) = new.partition(|entry| matches!(entry, Entry::Member(_)));
        let too_many = servicers.userids.len() + members.len() > MAX_MEMBERS
            || servicers.department_ids.len() + departments.len() > MAX_DEPARTMENTS;
        if too_many { Err(ErrCode::SERVICER_LIMIT_EXCEEDED.into()) } else { Ok(()) }
    }

    /// unverified: which of 40031 and 60111 is whose; both are reported for members that do not exist.
    fn check_exists(&self, entry: &Entry) -> Result<(), ErrCode> {
        match entry {
            Entry::Member(userid) if userid.len() > MAX_USERID_BYTES => Err(ErrCode::INVALID_USERID_LIST),
            Entry::Member(userid) if !self.members.contains_key(userid) => Err(ErrCode::USERID_NOT_FOUND),
            Entry::Department(id) if !self.departments.contains_key(id) => Err(ErrCode::DEPARTMENT_NOT_FOUND),
            _ => Ok(()),
        }
    }
}

/// One of the two lists must have something [94646].
fn entries(request: &Value) -> Result<Vec<Entry>, Refusal> {
    let list = |member: &str| request[member].as_array().into_iter().flatten();
    let userids = list("userid_list").filter_map(Value::as_str).map(|userid| Entry::Member(userid.to_owned()));
    let department_ids = list("department_id_list").filter_map(Value::as_u64).map(Entry::Department);
    let entries: Vec<_> = userids.chain(department_ids).collect();
    if entries.is_empty() {
        let why = "one of `userid_list` and `department_id_list` must not be empty";
        return Err(Refusal::because(ErrCode::INVALID_PARAMETER, why));
    }
    Ok(entries)
}
