//! `Servicer` of `control.yaml`.

use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;

use crate::platform::{Platform, Receiving};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ShownServicer {
    userid: String,
    receiving: bool,
    suspended: bool,
    open_kfids: Vec<String>,
    sessions: usize,
}

impl Platform {
    pub(crate) fn show_servicers(&self, now: Duration) -> Vec<ShownServicer> {
        let mut sessions = HashMap::<&str, usize>::new();
        let customers = self.accounts.iter().flat_map(|account| account.customers.values());
        customers
            .filter_map(|customer| customer.session.servicer_userid(now))
            .for_each(|userid| *sessions.entry(userid).or_default() += 1);
        self.show_servicers_with(&sessions)
    }

    /// Shows the servicers with the sessions that `told` has, which saves to look at every customer.
    pub(super) fn show_servicers_as(&self, told: &[ShownServicer]) -> Vec<ShownServicer> {
        self.show_servicers_with(&told.iter().map(|told| (told.userid.as_str(), told.sessions)).collect())
    }

    fn show_servicers_with(&self, sessions: &HashMap<&str, usize>) -> Vec<ShownServicer> {
        let servicers = self.members.iter().map(|(userid, receiving)| ShownServicer {
            userid: userid.clone(),
            receiving: *receiving == Receiving::Yes,
            suspended: *receiving == Receiving::Suspended,
            open_kfids: self.served_by(userid).map(str::to_owned).collect(),
            sessions: sessions.get(userid.as_str()).copied().unwrap_or_default(),
        });
        servicers.collect()
    }

    pub(crate) fn show_servicer(&self, now: Duration, userid: &str) -> Option<ShownServicer> {
        self.show_servicers(now).into_iter().find(|servicer| servicer.userid == userid)
    }
}
