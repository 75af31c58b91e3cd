//! Members and departments of the corp, which accounts they serve, and whether they take sessions.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::platform::Platform;

/// Whether a servicer takes sessions.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Receiving {
    Yes,
    No,
    /// Not for the time being (暂时挂起).
    Suspended,
}

/// The servicers of an account.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Servicers {
    pub(crate) userids: BTreeSet<String>,
    pub(crate) department_ids: BTreeSet<u64>,
}

/// A servicer as requests name it: one member, or all members of a department.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ServicerId {
    Member(String),
    Department(u64),
}

impl Servicers {
    /// Returns whether this member serves the account, alone or with a department.
    pub(crate) fn has(&self, userid: &str, departments: &BTreeMap<u64, BTreeSet<String>>) -> bool {
        let mut members = self.department_ids.iter().filter_map(|id| departments.get(id));
        self.userids.contains(userid) || members.any(|members| members.contains(userid))
    }

    pub(crate) fn contains(&self, servicer: &ServicerId) -> bool {
        match servicer {
            ServicerId::Member(userid) => self.userids.contains(userid),
            ServicerId::Department(id) => self.department_ids.contains(id),
        }
    }

    /// Returns whether the servicer is new.
    pub(crate) fn insert(&mut self, servicer: ServicerId) -> bool {
        match servicer {
            ServicerId::Member(userid) => self.userids.insert(userid),
            ServicerId::Department(id) => self.department_ids.insert(id),
        }
    }

    /// Returns whether the servicer was there.
    pub(crate) fn remove(&mut self, servicer: &ServicerId) -> bool {
        match servicer {
            ServicerId::Member(userid) => self.userids.remove(userid),
            ServicerId::Department(id) => self.department_ids.remove(id),
        }
    }
}

impl Platform {
    /// Adds a member, if it is new. A new member receives.
    pub(crate) fn meet_member(&mut self, userid: &str) {
        self.members.entry(userid.to_owned()).or_insert(Receiving::Yes);
    }

    /// Adds a member, if it is new. A new member serves every account.
    pub(crate) fn meet_servicer(&mut self, userid: &str) {
        if self.members.contains_key(userid) {
            return;
        }
        self.meet_member(userid);
        for account in &mut self.accounts {
            account.servicers.userids.insert(userid.to_owned());
        }
    }

    /// Lets a member serve these accounts only. What it serves with a department stays.
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

    /// Lets every member who serves another account serve this one too.
    pub(crate) fn serve_too(&mut self, open_kfid: &str) {
        let userids: BTreeSet<_> = self.existing().flat_map(|account| &account.servicers.userids).cloned().collect();
        self.any_account(open_kfid).into_iter().for_each(|account| account.servicers.userids.extend(userids.clone()));
    }

    /// Returns the accounts that a member serves, alone or with a department.
    pub(crate) fn served_by(&self, userid: &str) -> impl Iterator<Item = &str> {
        let served = self.existing().filter(move |account| account.servicers.has(userid, &self.departments));
        served.map(|account| account.open_kfid.as_str())
    }

    pub(crate) fn has_member(&self, userid: &str) -> bool {
        self.members.contains_key(userid)
    }

    /// Returns whether a member serves an account, alone or with a department.
    pub(crate) fn is_served_by(&self, open_kfid: &str, userid: &str) -> bool {
        self.receiving_at(open_kfid, userid).is_some()
    }

    /// Adds members to a department, and both if they are new.
    pub(crate) fn meet_department(&mut self, department_id: u64, userids: &[&str]) {
        userids.iter().for_each(|userid| self.meet_member(userid));
        self.departments.entry(department_id).or_default().extend(userids.iter().map(|userid| (*userid).to_owned()));
    }

    /// Returns whether this member receives at an account, or `None` if the member does not serve it.
    pub(crate) fn receiving_at(&self, open_kfid: &str, userid: &str) -> Option<Receiving> {
        let account = self.accounts.iter().find(|account| account.open_kfid == open_kfid)?;
        let serves = account.servicers.has(userid, &self.departments);
        self.members.get(userid).copied().filter(|_| serves)
    }
}
