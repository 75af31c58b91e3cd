//! The platform as the control API shows it: the types of `control.yaml`, and what changed since the listeners were last
//! told.

mod account;
mod chat;
mod corp;
mod customer;
mod servicer;
mod token;

use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use crate::platform::{Change, Platform};
use account::ShownAccount;
use corp::ShownCorp;
pub(crate) use customer::ShownCustomer;
use servicer::ShownServicer;
use token::ShownToken;

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
            changes.push(change("token", &token));
            self.told.token = Some(token);
        }
        let accounts = self.show_accounts();
        changes.extend(new_ones("account", &self.told.accounts, &accounts));
        self.told.accounts = accounts;
        let servicers = self.show_servicers(now);
        changes.extend(new_ones("servicer", &self.told.servicers, &servicers));
        self.told.servicers = servicers;
        let corp = self.show_corp();
        if self.told.corp.as_ref() != Some(&corp) {
            changes.push(change("corp", &corp));
            self.told.corp = Some(corp);
        }
        changes
    }
}

pub(crate) fn change(kind: &'static str, shown: &impl Serialize) -> Change {
    Change { kind, data: json!(shown) }
}

fn new_ones<T: Serialize + PartialEq>(kind: &'static str, told: &[T], shown: &[T]) -> Vec<Change> {
    shown.iter().filter(|shown| !told.contains(shown)).map(|shown| change(kind, shown)).collect()
}

/// Returns the beginning of a token or code.
fn beginning(secret: &str) -> String {
    secret.chars().take(SHOWN_CHARS).chain(['…']).collect()
}

fn left(until: Duration, now: Duration) -> u64 {
    until.saturating_sub(now).as_secs()
}
