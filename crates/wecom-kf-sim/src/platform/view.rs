//! The platform as the control API shows it: the types of `control.yaml`, and what changed since the listeners were last
//! told.

mod account;
mod chat;
mod corp;
mod customer;
mod servicer;
mod token;

use std::time::Duration;

use crate::platform::{Change, Platform};
pub(crate) use account::{ShownAccount, ShownContactWay};
pub(crate) use chat::ShownEntry;
pub(crate) use corp::{ShownCorp, ShownDepartment};
pub(crate) use customer::ShownCustomer;
pub(crate) use servicer::ShownServicer;
pub(crate) use token::ShownToken;

/// This much of a token or code distinguishes it from others.
const SHOWN_CHARS: usize = 4;

/// What the listeners were last told, so that they are told only what is new.
#[derive(Debug, Default)]
pub(crate) struct Told {
    token: Option<ShownToken>,
    accounts: Vec<ShownAccount>,
    servicers: Vec<ShownServicer>,
    corp: Option<ShownCorp>,
}

impl Platform {
    /// Returns what changed about tokens, accounts, servicers and the corp.
    pub(crate) fn changed_basics(&mut self, now: Duration) -> Vec<Change> {
        let mut changes = Vec::new();
        let token = self.show_token(now);
        if !self.told.token.as_ref().is_some_and(|told| told.is_same_token(&token)) {
            changes.push(Change::Token(token.clone()));
            self.told.token = Some(token);
        }
        let accounts = self.show_accounts();
        changes.extend(new_ones(&self.told.accounts, &accounts).map(Change::Account));
        self.told.accounts = accounts;
        let servicers = self.show_servicers(now);
        changes.extend(new_ones(&self.told.servicers, &servicers).map(Change::Servicer));
        self.told.servicers = servicers;
        let corp = self.show_corp();
        if self.told.corp.as_ref() != Some(&corp) {
            changes.push(Change::Corp(corp.clone()));
            self.told.corp = Some(corp);
        }
        changes
    }
}

fn new_ones<T: Clone + PartialEq>(told: &[T], shown: &[T]) -> impl Iterator<Item = T> {
    shown.iter().filter(|shown| !told.contains(shown)).cloned()
}

/// Returns the beginning of a token or code.
fn beginning(secret: &str) -> String {
    secret.chars().take(SHOWN_CHARS).chain(['…']).collect()
}

fn left(until: Duration, now: Duration) -> u64 {
    until.saturating_sub(now).as_secs()
}
