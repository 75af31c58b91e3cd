//! The platform as whoever watches it sees it: the schemas of `control.yaml`.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use serde_json::{Value, json};
use wecom_kf_raw::{Operation, op};

use crate::platform::model::account::Account;
use crate::platform::model::chat::{Author, Entry};
use crate::platform::model::event_codes::Occasion;
use crate::platform::model::message_limit::MAX_MESSAGES;
use crate::platform::model::upgrade::Offered;
use crate::platform::model::window_48h::WINDOW;
use crate::platform::{Change, Chat, Facts, ManagedBy, Platform, Receiving};

/// So much of a token or code is enough to tell it from others.
const SHOWN_CHARS: usize = 4;

/// What was told last, so that only what is new is told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    token: Value,
    accounts: Vec<Value>,
    servicers: Vec<Value>,
    corp: Value,
}

impl Platform {
    /// `Account`s.
    pub(crate) fn show_accounts(&self) -> Vec<Value> {
        self.accounts.iter().map(Account::show).collect()
    }

    /// `Customer`s of all accounts.
    pub(crate) fn show_customers(&self, now: Duration) -> Vec<Value> {
        let chats = self.accounts.iter().flat_map(|account| {
            let open_kfid = account.open_kfid.as_str();
            account.customers.keys().map(move |external_userid| Chat { open_kfid, external_userid })
        });
        chats.filter_map(|chat| self.show_customer(now, chat)).collect()
    }

    /// A `Customer`.
    pub(crate) fn show_customer(&self, now: Duration, chat: Chat<'_>) -> Option<Value> {
        let account = self.accounts.iter().find(|account| account.open_kfid == chat.open_kfid)?;
        let customer = account.customers.get(chat.external_userid)?;
        let session = &customer.session;
        let window_until = session.last_message().map(|at| at + WINDOW);
        let last = customer.history.newest_message();
        Some(json!({
            "external_userid": chat.external_userid,
            "open_kfid": chat.open_kfid,
            "name": customer.name,
            "profile": customer.profile.show(),
            "session": {
                "state": session.state(now) as i64,
                "servicer_userid": session.servicer_userid(now),
                "sent": session.sent_since(),
                "sent_max": MAX_MESSAGES,
                "window_until": window_until.map(|until| until.as_secs()),
                "window_left_s": left(window_until.unwrap_or_default(), now),
                "rejecting": customer.rejecting,
                "codes": self.show_codes(now, chat),
            },
            "last": last.map(|entry| json!({
                "from": entry.from.name(), "text": entry.summary(), "at": entry.at.as_secs(),
            })),
            "chat_end": customer.history.end(),
            "unread": customer.history.unread(),
            "upgrade_offer": customer.upgrade.as_ref().map(Offered::show),
            "asked_to_rate_by": customer.conversation.asked_by(),
        }))
    }

    /// `Servicer`s.
    pub(crate) fn show_servicers(&self, now: Duration) -> Vec<Value> {
        let customers = || self.accounts.iter().flat_map(|account| account.customers.values());
        let sessions =
            |userid: &str| customers().filter(|customer| customer.session.servicer_userid(now) == Some(userid)).count();
        let servicers = self.members.iter().map(|(userid, receiving)| {
            json!({
                "userid": userid,
                "receiving": *receiving == Receiving::Yes,
                "suspended": *receiving == Receiving::Suspended,
                "open_kfids": self.served_by(userid).collect::<Vec<_>>(),
                "sessions": sessions(userid),
            })
        });
        servicers.collect()
    }

    /// A `Corp`.
    pub(crate) fn show_corp(&self) -> Value {
        let range = &self.upgrade_range;
        json!({
            "upgrade": {
                "userids": range.userids,
                "department_ids": range.department_ids,
                "chat_ids": range.chat_ids,
                "managed_in_console": range.managed_by == ManagedBy::Console,
            },
            "wechat_channels_bound": self.is_wechat_channels_bound,
            "departments": self.show_departments(),
        })
    }

    /// The token of a `Token`, without how often it was asked for.
    pub(crate) fn show_token(&self, now: Duration) -> Value {
        let Some(token) = self.access_tokens.current() else {
            return json!({ "status": "none", "shown": null, "expires_at": null, "left_s": null });
        };
        let (status, expires_at) = match self.access_tokens.expiry() {
            None => ("revoked", None),
            Some(expiry) if expiry <= now => ("expired", Some(expiry)),
            Some(expiry) => ("valid", Some(expiry)),
        };
        json!({
            "status": status,
            "shown": shown(token),
            "expires_at": expires_at.map(|expiry| expiry.as_secs()),
            "left_s": expires_at.map_or(0, |expiry| left(expiry, now)),
        })
    }

    /// Returns the newest `limit` entries (`ChatEntry`) of a chat whose numbers are in `range`, and whether the range
    /// has older ones. A chat keeps three days.
    pub(crate) fn show_chat(
        &mut self,
        now: Duration,
        chat: Chat<'_>,
        range: Range<u64>,
        limit: usize,
    ) -> (Vec<Value>, bool) {
        let Some(customer) = self.customer_at(chat) else { return Default::default() };
        customer.history.forget(now);
        let entries: Vec<_> = customer.history.within(range).collect();
        let (older, newest) = entries.split_at(entries.len().saturating_sub(limit));
        (newest.iter().map(|entry| entry.show(chat)).collect(), !older.is_empty())
    }

    /// Returns the name of every customer, by `external_userid`.
    pub(crate) fn customer_names(&self) -> HashMap<String, String> {
        let all = self.accounts.iter().flat_map(|account| &account.customers);
        all.map(|(external_userid, customer)| (external_userid.clone(), customer.name.clone())).collect()
    }

    /// Returns the number of the newest entry of a chat.
    pub(crate) fn chat_end(&mut self, chat: Chat<'_>) -> u64 {
        self.customer_at(chat).map_or(0, |customer| customer.history.end())
    }

    /// Returns the messages (`ChatEntry`) that the bot or a servicer wrote after an entry. Those of the bot follow as soon as
    /// their call is in the journal.
    pub(crate) fn answers_after(&mut self, chat: Chat<'_>, after: u64) -> Vec<Value> {
        let Some(customer) = self.customer_at(chat) else { return Vec::new() };
        let is_complete = |entry: &&Entry| match entry.from {
            Author::Bot(_) => entry.call.is_some(),
            Author::Servicer(_) => true,
            Author::Customer | Author::Note => false,
        };
        customer.history.after(after).filter(is_complete).map(|entry| entry.show(chat)).collect()
    }

    /// What the platform knows when a call comes: whom it is about, and what tells whether it is a mistake.
    pub(crate) fn facts(
        &mut self,
        now: Duration,
        operation: Operation,
        request: &Value,
    ) -> ((Option<String>, Option<String>), Facts) {
        let mut place = self.named(request);
        let mut facts = Facts::default();
        match operation {
            op::SYNC_MSG => facts.is_limited_read = self.is_limited_read(text(request, "token"), now),
            op::GETTOKEN => facts.token_left = self.access_tokens.expiry().and_then(|expiry| expiry.checked_sub(now)),
            op::SEND_MSG_ON_EVENT => {
                let code = text(request, "code").unwrap_or_default();
                if let Some(known) = self.event_codes.get(now, code) {
                    place = (Some(known.open_kfid.clone()), Some(known.external_userid.clone()));
                    facts.is_late_welcome = known.occasion == Occasion::Welcome && now > known.until;
                }
            }
            op::SEND_MSG => {
                let chat = place.0.as_deref().zip(place.1.as_deref());
                let chat = chat.map(|(open_kfid, external_userid)| Chat { open_kfid, external_userid });
                let customer = chat.and_then(|chat| self.customer_at(chat));
                facts.session = customer.map(|customer| {
                    let servicer = customer.session.servicer_userid(now).map(str::to_owned);
                    (customer.session.state(now) as i64, servicer)
                });
            }
            _ => {}
        }
        (place, facts)
    }

    /// Account and customer that a request names, if there are such: anything else may be in it too.
    fn named(&mut self, request: &Value) -> (Option<String>, Option<String>) {
        let account = text(request, "open_kfid").and_then(|open_kfid| self.any_account(open_kfid));
        let Some(account) = account else { return (None, None) };
        let external_userid = text(request, "touser").or_else(|| text(request, "external_userid"));
        let known = external_userid.filter(|external_userid| account.customers.contains_key(*external_userid));
        (Some(account.open_kfid.clone()), known.map(str::to_owned))
    }

    /// A message of the bot's came by this row of the journal.
    pub(crate) fn link_call(&mut self, chat: Chat<'_>, msgid: &str, row: u64) {
        let entry = self.known_customer(chat).history.find(msgid);
        entry.into_iter().for_each(|entry| entry.call = Some(row));
        self.answered = true;
    }

    /// What is new of tokens, accounts, servicers and the corp.
    pub(crate) fn changed_basics(&mut self, now: Duration) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut token = self.show_token(now);
        // Time passes: that is no news.
        token["left_s"].take();
        if self.told.token != token {
            self.told.token = token;
            changes.push(Change { kind: "token", data: self.show_token(now) });
        }
        let accounts = self.show_accounts();
        changes.extend(new_ones("account", &self.told.accounts, &accounts));
        self.told.accounts = accounts;
        let servicers = self.show_servicers(now);
        changes.extend(new_ones("servicer", &self.told.servicers, &servicers));
        self.told.servicers = servicers;
        let corp = self.show_corp();
        if self.told.corp != corp {
            self.told.corp = corp.clone();
            changes.push(Change { kind: "corp", data: corp });
        }
        changes
    }

    fn show_codes(&self, now: Duration, chat: Chat<'_>) -> Vec<Value> {
        let codes = self.event_codes.iter().filter(|(_, code)| {
            code.open_kfid == chat.open_kfid && code.external_userid == chat.external_userid && now <= code.until
        });
        let mut codes: Vec<_> = codes.collect();
        codes.sort_by_key(|(code, known)| (known.until, *code));
        let shown = codes.into_iter().map(|(code, known)| {
            let occasion = match known.occasion {
                Occasion::Welcome => "welcome",
                Occasion::Waiting => "waiting",
                Occasion::Ending => "ending",
            };
            let until = known.until.as_secs();
            json!({ "code": shown(code), "occasion": occasion, "until": until, "left_s": left(known.until, now) })
        });
        shown.collect()
    }
}

impl Account {
    fn show(&self) -> Value {
        json!({ "open_kfid": self.open_kfid, "name": self.name, "deleted": self.deleted })
    }
}

impl Entry {
    /// A `ChatEntry`.
    pub(crate) fn show(&self, chat: Chat<'_>) -> Value {
        let via = if let Author::Bot(via) = self.from { Some(via) } else { None };
        let servicer_userid = if let Author::Servicer(userid) = &self.from { Some(userid) } else { None };
        json!({
            "n": self.n,
            "at": self.at.as_secs(),
            "open_kfid": chat.open_kfid,
            "external_userid": chat.external_userid,
            "from": self.from.name(),
            "msgid": self.msgid,
            "msgtype": self.msgtype,
            "body": self.body(),
            "via": via,
            "servicer_userid": servicer_userid,
            "recalled": self.recalled,
            "call": self.call,
        })
    }
}

impl Author {
    fn name(&self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Bot(_) => "bot",
            Self::Servicer(_) => "servicer",
            Self::Note => "note",
        }
    }
}

fn new_ones(kind: &'static str, old: &[Value], new: &[Value]) -> Vec<Change> {
    let news = new.iter().filter(|shown| !old.contains(shown));
    news.map(|shown| Change { kind, data: shown.clone() }).collect()
}

fn shown(secret: &str) -> String {
    secret.chars().take(SHOWN_CHARS).chain(['…']).collect()
}

fn left(until: Duration, now: Duration) -> u64 {
    until.saturating_sub(now).as_secs()
}

/// Returns a text of a request that is not empty.
fn text<'a>(request: &'a Value, member: &str) -> Option<&'a str> {
    request[member].as_str().filter(|text| !text.is_empty())
}
