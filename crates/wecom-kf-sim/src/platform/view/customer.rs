//! `Customer` of `control.yaml`.

use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;

use crate::platform::model::chat::Entry;
use crate::platform::model::customer::Customer;
use crate::platform::model::event_codes::{EventCode, Occasion};
use crate::platform::model::message_limit::MAX_MESSAGES;
use crate::platform::model::upgrade::{Accepted, Offered};
use crate::platform::model::window_48h::WINDOW;
use crate::platform::{Chat, Platform};

use super::{beginning, left};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ShownCustomer {
    external_userid: String,
    open_kfid: String,
    name: String,
    profile: ShownProfile,
    session: ShownSession,
    last: Option<ShownMessage>,
    chat_end: u64,
    unread: usize,
    upgrade_offer: Option<ShownOffered>,
    asked_to_rate_by: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct ShownProfile {
    gender: i64,
    avatar: Option<String>,
    unionid: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct ShownSession {
    state: i64,
    servicer_userid: Option<String>,
    sent: u32,
    sent_max: u32,
    window_until: Option<u64>,
    window_left_s: u64,
    rejecting: bool,
    codes: Vec<ShownCode>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct ShownCode {
    code: String,
    occasion: &'static str,
    until: u64,
    left_s: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct ShownMessage {
    from: &'static str,
    text: String,
    at: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct ShownOffered {
    r#type: &'static str,
    id: String,
    wording: Option<String>,
    accepted: bool,
}

impl Platform {
    /// Returns the customers of all accounts.
    pub(crate) fn show_customers(&self, now: Duration) -> Vec<ShownCustomer> {
        let chats = self.accounts.iter().flat_map(|account| {
            let open_kfid = account.open_kfid.as_str();
            account.customers.keys().map(move |external_userid| Chat { open_kfid, external_userid })
        });
        chats.filter_map(|chat| self.show_customer(now, chat)).collect()
    }

    pub(crate) fn show_customer(&self, now: Duration, chat: Chat<'_>) -> Option<ShownCustomer> {
        let account = self.accounts.iter().find(|account| account.open_kfid == chat.open_kfid)?;
        let customer = account.customers.get(chat.external_userid)?;
        Some(ShownCustomer {
            external_userid: chat.external_userid.to_owned(),
            open_kfid: chat.open_kfid.to_owned(),
            name: customer.name.clone(),
            profile: ShownProfile::of(customer),
            session: ShownSession::of(customer, now, self.show_codes(now, customer)),
            last: customer.history.newest_message().map(ShownMessage::of),
            chat_end: customer.history.end(),
            unread: customer.history.unread(),
            upgrade_offer: customer.upgrade.as_ref().map(ShownOffered::of),
            asked_to_rate_by: customer.conversation.asked_by().map(str::to_owned),
        })
    }

    /// Returns the name of a customer.
    pub(crate) fn customer_name(&self, external_userid: &str) -> Option<&str> {
        let customer = self.accounts.iter().find_map(|account| account.customers.get(external_userid));
        customer.map(|customer| customer.name.as_str())
    }

    /// Returns the name of every customer, by `external_userid`.
    pub(crate) fn customer_names(&self) -> HashMap<String, String> {
        let all = self.accounts.iter().flat_map(|account| &account.customers);
        all.map(|(external_userid, customer)| (external_userid.clone(), customer.name.clone())).collect()
    }

    fn show_codes(&self, now: Duration, customer: &Customer) -> Vec<ShownCode> {
        let codes = customer.codes.iter().filter_map(|code| Some((code.as_str(), self.event_codes.get(now, code)?)));
        let mut codes: Vec<_> = codes.filter(|(_, known)| now <= known.until).collect();
        codes.sort_by_key(|(code, known)| (known.until, *code));
        codes.into_iter().map(|(code, known)| ShownCode::of(code, known, now)).collect()
    }
}

impl ShownCustomer {
    pub(super) fn servicer_userid(&self) -> Option<&str> {
        self.session.servicer_userid.as_deref()
    }
}

impl ShownProfile {
    fn of(customer: &Customer) -> Self {
        let profile = &customer.profile;
        Self { gender: profile.gender, avatar: profile.avatar.clone(), unionid: profile.unionid.clone() }
    }
}

impl ShownSession {
    fn of(customer: &Customer, now: Duration, codes: Vec<ShownCode>) -> Self {
        let session = &customer.session;
        let window_until = session.last_message().map(|at| at + WINDOW);
        Self {
            state: session.state(now) as i64,
            servicer_userid: session.servicer_userid(now).map(str::to_owned),
            sent: session.sent_since(),
            sent_max: MAX_MESSAGES,
            window_until: window_until.map(|until| until.as_secs()),
            window_left_s: left(window_until.unwrap_or_default(), now),
            rejecting: customer.rejecting,
            codes,
        }
    }
}

impl ShownCode {
    fn of(code: &str, known: &EventCode, now: Duration) -> Self {
        let occasion = match known.occasion {
            Occasion::Welcome => "welcome",
            Occasion::Waiting => "waiting",
            Occasion::Ending => "ending",
        };
        Self { code: beginning(code), occasion, until: known.until.as_secs(), left_s: left(known.until, now) }
    }
}

impl ShownMessage {
    fn of(entry: &Entry) -> Self {
        Self { from: entry.from.name(), text: entry.summary(), at: entry.at.as_secs() }
    }
}

impl ShownOffered {
    fn of(offered: &Offered) -> Self {
        let Offered { offer, accepted, .. } = offered;
        Self {
            r#type: offer.kind(),
            id: offer.id().to_owned(),
            wording: offer.wording().map(str::to_owned),
            accepted: *accepted == Accepted::Yes,
        }
    }
}
