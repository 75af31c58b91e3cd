//! The platform as the control API shows it: the types of `control.yaml`, and what changed since the listeners were last
//! told.

mod account;
mod chat;
mod corp;
mod customer;
mod servicer;
mod token;

use std::time::Duration;

use crate::platform::{Change, Chat, Platform};
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
pub(crate) struct Published {
    token: Option<ShownToken>,
    accounts: Vec<ShownAccount>,
    servicers: Vec<ShownServicer>,
    corp: Option<ShownCorp>,
}

impl Platform {
    /// Forgets what the listeners were told, because there are none: the next ones load everything first.
    pub(crate) fn forget_told(&mut self, touched: &[(String, String)]) {
        self.published = Published::default();
        for (open_kfid, external_userid) in touched {
            if let Some(customer) = self.customer_at(Chat { open_kfid, external_userid }) {
                customer.history.forget_changed();
                customer.published = None;
            }
        }
    }

    /// Returns what changed about tokens, accounts, servicers and the corp. `touched` are the customers that may have changed.
    pub(crate) fn changed_basics(&mut self, now: Duration, touched: &[(String, String)]) -> Vec<Change> {
        let mut changes = Vec::new();
        let token = self.show_token(now);
        if !self.published.token.as_ref().is_some_and(|told| told.is_same_token(&token)) {
            changes.push(Change::Token(token.clone()));
            self.published.token = Some(token);
        }
        let accounts = self.show_accounts();
        changes.extend(new_ones(&self.published.accounts, &accounts).map(Change::Account));
        self.published.accounts = accounts;
        let servicers = match self.is_servicer_changed(now, touched) {
            true => self.show_servicers(now),
            false => self.show_servicers_as(&self.published.servicers),
        };
        changes.extend(new_ones(&self.published.servicers, &servicers).map(Change::Servicer));
        self.published.servicers = servicers;
        let corp = self.show_corp();
        if self.published.corp.as_ref() != Some(&corp) {
            changes.push(Change::Corp(corp.clone()));
            self.published.corp = Some(corp);
        }
        changes
    }

    /// Returns whether another servicer than the listeners were told may have the session of one of these customers.
    fn is_servicer_changed(&mut self, now: Duration, touched: &[(String, String)]) -> bool {
        touched.iter().any(|(open_kfid, external_userid)| {
            let customer = self.customer_at(Chat { open_kfid, external_userid });
            customer.is_some_and(|customer| {
                let told = customer.published.as_ref().map(ShownCustomer::servicer_userid);
                told != Some(customer.session.servicer_userid(now))
            })
        })
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
