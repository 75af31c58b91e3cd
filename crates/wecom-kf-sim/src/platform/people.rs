//! What people do in WeChat and in the WeCom client, and what the log says of it [94670].

use std::time::Duration;

use serde_json::{Value, json};

use crate::platform::Heard;
use crate::platform::model::assumptions::Assumption;
use crate::platform::model::chat::{Author, Entry};
use crate::platform::model::contact_ways::Entrance;
use crate::platform::model::ids::Ids;
use crate::platform::model::menu_links::{MenuLink, menu_links};
use crate::platform::model::news::News;
use crate::platform::model::session::{Occasion, State};
use crate::platform::ops::customer::{Entered, Profile};
use crate::platform::ops::statistic::Happening;
use crate::platform::{ANSWER_WITHIN, Unanswered};
use crate::platform::{Account, Customer, Platform, Receiving};

/// The menu links of a message, wherever it has text that people read.
fn links(body: &Value) -> Vec<MenuLink> {
    let own = ["content", "head_content", "tail_content"].into_iter().map(|member| &body[member]);
    let items = body["list"].as_array().into_iter().flatten().map(|item| &item["text"]["content"]);
    own.chain(items).filter_map(Value::as_str).flat_map(menu_links).collect()
}

/// What somebody was to do cannot be done, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotPossible(pub(crate) String);

/// Who wrote a message of the log.
#[derive(Clone, Copy)]
enum Origin {
    Customer = 3,
    System = 4,
    Servicer = 5,
}

/// What `session_status_change` reports.
#[derive(Clone, Copy)]
enum Change {
    TakenFromPool = 1,
    Transferred = 2,
    Ended = 3,
    TakenAgain = 4,
}

/// Whether a servicer has switched 不再接收消息 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejecting {
    No = 0,
    Yes = 1,
}

/// Where a customer is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chat<'a> {
    pub(crate) open_kfid: &'a str,
    pub(crate) external_userid: &'a str,
}

impl Platform {
    /// The `external_userid` of the customer with this name at an account, who comes into being if new.
    pub(crate) fn meet_customer(&mut self, open_kfid: &str, name: &str) -> Result<String, NotPossible> {
        let external_userid = self.ids.named("customer", &format!("{open_kfid} {name}"), "wm", 30);
        let account = self.any_account(open_kfid);
        let account = account.ok_or_else(|| NotPossible(format!("there is no account {open_kfid}")))?;
        account.customers.entry(external_userid.clone()).or_insert_with(|| Customer::new(name));
        account.touched.push(external_userid.clone());
        Ok(external_userid)
    }

    /// unverified: servers of 2021 and 2022 leave `OpenKfId` out [96238].
    pub(crate) fn callbacks_name_account(&self) -> bool {
        self.assumptions.hold(Assumption::CallbackNamesAccount)
    }

    /// The customers who wrote a while ago and got nothing since, neither from the bot nor from a servicer.
    pub(crate) fn unanswered(&mut self, now: Duration) -> Vec<Unanswered> {
        let chats = self.accounts.iter().filter(|account| !account.deleted).flat_map(|account| {
            account.customers.iter().map(move |(external_userid, customer)| (account, external_userid, customer))
        });
        let waiting = chats.filter_map(|(account, external_userid, customer)| {
            let newest = customer.history.newest_message()?;
            let waits = newest.from == Author::Customer && !newest.recalled && now >= newest.at + ANSWER_WITHIN;
            (waits && customer.session.is_with_the_bot()).then(|| Unanswered {
                open_kfid: account.open_kfid.clone(),
                external_userid: external_userid.clone(),
                since: newest.at,
            })
        });
        waiting.collect()
    }

    /// The account of the customer with this id.
    pub(crate) fn account_of(&self, external_userid: &str) -> Option<&str> {
        let account = self.accounts.iter().find(|account| account.customers.contains_key(external_userid))?;
        Some(&account.open_kfid)
    }

    /// Whether there is such an account, and it is not deleted.
    pub(crate) fn has_account(&self, open_kfid: &str) -> bool {
        self.existing().any(|account| account.open_kfid == open_kfid)
    }

    pub(crate) fn account_name(&self, open_kfid: &str) -> Option<&str> {
        self.existing().find(|account| account.open_kfid == open_kfid).map(|account| account.name.as_str())
    }

    /// Nothing in the chat is unread any more.
    pub(crate) fn customer_reads(&mut self, chat: Chat<'_>) {
        self.known_customer(chat).history.read();
    }

    pub(crate) fn rename_customer(&mut self, chat: Chat<'_>, name: &str) {
        name.clone_into(&mut self.known_customer(chat).name);
    }

    /// Adds an account as the admin console does, which grants it to the app.
    pub(crate) fn grant_account(&mut self, name: &str) -> String {
        let open_kfid = self.open_account(name);
        // The console asks who is to serve it: here everybody who serves another.
        self.serve_too(&open_kfid);
        self.news.push(News::Granted { open_kfid: open_kfid.clone() });
        open_kfid
    }

    /// Takes an account away from the app, as the admin console does. unverified: that its calls then find no account.
    pub(crate) fn withdraw_account(&mut self, open_kfid: &str) -> Result<(), NotPossible> {
        if self.existing().count() == 1 {
            return Err(NotPossible("it is the last account, and a simulator keeps one".to_owned()));
        }
        let account = self.any_account(open_kfid).filter(|account| !account.deleted);
        account.ok_or_else(|| NotPossible(format!("there is no account {open_kfid}")))?.deleted = true;
        self.news.push(News::Withdrawn { open_kfid: open_kfid.to_owned() });
        Ok(())
    }

    /// A customer's text, typed or tapped.
    pub(crate) fn customer_says(
        &mut self,
        now: Duration,
        chat: Chat<'_>,
        content: &str,
        menu_id: Option<&str>,
    ) -> String {
        let mut body = json!({ "content": content });
        if let Some(menu_id) = menu_id {
            // Only a tap has a menu_id [94670].
            body["menu_id"] = json!(menu_id);
        }
        self.customer_writes(now, chat, "text", body)
    }

    /// A customer's message of any kind, known or not.
    pub(crate) fn customer_writes(&mut self, now: Duration, chat: Chat<'_>, msgtype: &str, body: Value) -> String {
        if let Some(notice) = self.too_large(now, msgtype, &body) {
            return self.customer_writes(now, chat, "text", notice);
        }
        let customer = self.known_customer(chat);
        let before = customer.session.state(now);
        match body.get("menu_id") {
            None => customer.session.customer_typed(now),
            Some(_) => customer.session.customer_tapped(now),
        }
        self.customer_wrote(now, chat, before);
        let msgid = log_msgid(&mut self.ids);
        let message = chat_message(now, chat, Origin::Customer, &msgid, msgtype, &body);
        let history = &mut self.known_customer(chat).history;
        history.push(Entry::new(now, Author::Customer, Some(&msgid), msgtype, body));
        history.read();
        self.known_account(chat).log.push(now, message);
        msgid
    }

    /// The text of the newest click item or menu link with this id that the customer got.
    pub(crate) fn menu_item(&mut self, chat: Chat<'_>, menu_id: &str) -> Option<String> {
        let mut entries = self.known_customer(chat).history.newest().filter(|entry| entry.from != Author::Customer);
        entries.find_map(|entry| {
            let body = entry.body();
            let items = body["list"].as_array().into_iter().flatten();
            let click = items.map(|item| &item["click"]).find(|click| click["id"] == menu_id);
            let of_item = click.and_then(|click| click["content"].as_str()).map(str::to_owned);
            let of_link = || links(&body).into_iter().find(|link| link.id == menu_id).map(|link| link.content);
            of_item.or_else(of_link)
        })
    }

    /// The newest menu link with this label that the customer got.
    pub(crate) fn menu_link(&mut self, chat: Chat<'_>, label: &str) -> Option<MenuLink> {
        let mut entries = self.known_customer(chat).history.newest().filter(|entry| entry.from != Author::Customer);
        entries.find_map(|entry| links(&entry.body()).into_iter().find(|link| link.label == label))
    }

    /// A message that was accepted could not be delivered after all.
    pub(crate) fn message_fails(&mut self, now: Duration, chat: Chat<'_>, msgid: &str, fail_type: i64) {
        let customer = self.known_customer(chat);
        if let Some(entry) = customer.history.find(msgid) {
            entry.recalled = true;
        }
        customer.note_event(now, format!("(not delivered, fail_type {fail_type})"), json!({ "event": "other" }));
        let event = json!({ "event_type": "msg_send_fail", "fail_msgid": msgid, "fail_type": fail_type });
        self.log_chat_event(now, chat, event);
    }

    /// A customer opens the chat. Gives the `welcome_code`, if there is one.
    pub(crate) fn customer_enters(&mut self, now: Duration, chat: Chat<'_>) -> Option<String> {
        self.customer_enters_by(now, chat, Entrance::default())
    }

    /// A customer opens the chat, and it is known how.
    pub(crate) fn customer_enters_by(&mut self, now: Duration, chat: Chat<'_>, entrance: Entrance) -> Option<String> {
        let assumptions = self.assumptions.clone();
        let customer = self.known_customer(chat);
        let line = format!("({} enters)", customer.name);
        let mut note = entrance.members();
        note["event"] = json!("entered");
        customer.note_event(now, line, note);
        customer.history.read();
        let mut event = entrance.members();
        event["event_type"] = json!("enter_session");
        customer.entered = Some(Entered { at: now, entrance });
        let welcome = customer.session.may_be_welcomed(now, &assumptions);
        let welcome_code = welcome.then(|| self.event_code(now, chat, Occasion::Welcome));
        if let Some(code) = &welcome_code {
            event["welcome_code"] = json!(code);
        }
        self.log_chat_event(now, chat, event);
        welcome_code
    }

    /// What the customer says of themselves.
    pub(crate) fn profile(&mut self, chat: Chat<'_>) -> &mut Profile {
        &mut self.known_customer(chat).profile
    }

    /// A servicer takes the session over, if it is not theirs already.
    pub(crate) fn servicer_takes(&mut self, now: Duration, chat: Chat<'_>, userid: &str) {
        let session = &mut self.known_customer(chat).session;
        let state = session.state(now);
        if session.servicer_userid(now) == Some(userid) {
            return;
        }
        // None in a session that no servicer had yet, such as one from the pool.
        let before = session.last_servicer_userid().map(str::to_owned);
        session.move_to(State::Servicer, Some(userid));
        if state == State::Ended {
            self.happens(now, chat, Happening::SessionOpened);
        }
        self.happens(now, chat, Happening::Assigned(userid));
        // unverified: a session in state 0 or 1 is not in the pool; the account's own rule may hand it to people all
        // the same [seen in practice], and it is reported here as if taken from there.
        let change = match state {
            State::Untreated | State::Assistant | State::Queue => Change::TakenFromPool,
            // Taken up again after it had ended or been transferred [94670].
            State::Servicer | State::Ended => Change::TakenAgain,
        };
        self.log_change(now, chat, change, before.as_deref(), Some(userid));
    }

    /// A servicer writes. In a session that is not theirs they take it first: one that has ended is opened so [94669].
    pub(crate) fn servicer_says(&mut self, now: Duration, chat: Chat<'_>, userid: &str, content: &str) -> String {
        self.servicer_writes(now, chat, userid, "text", json!({ "content": content }))
    }

    /// A servicer's message of any kind.
    pub(crate) fn servicer_writes(
        &mut self,
        now: Duration,
        chat: Chat<'_>,
        userid: &str,
        msgtype: &str,
        body: Value,
    ) -> String {
        self.servicer_takes(now, chat, userid);
        self.happens(now, chat, Happening::ServicerAnswered(userid));
        let msgid = log_msgid(&mut self.ids);
        let mut message = chat_message(now, chat, Origin::Servicer, &msgid, msgtype, &body);
        let entry = Entry::new(now, Author::Servicer(userid.to_owned()), Some(&msgid), msgtype, body);
        self.known_customer(chat).history.push(entry);
        // Only for origin 5 [94670].
        message["servicer_userid"] = json!(userid);
        self.known_account(chat).log.push(now, message);
        self.answered = true;
        msgid
    }

    pub(crate) fn servicer_transfers(
        &mut self,
        now: Duration,
        chat: Chat<'_>,
        userid: &str,
        to: &str,
    ) -> Result<(), NotPossible> {
        self.check_serves(now, chat, userid)?;
        match self.receiving_at(chat.open_kfid, to) {
            Some(Receiving::Yes) if to != userid => {}
            Some(Receiving::Yes) => return Err(NotPossible(format!("{userid} has the session already"))),
            Some(Receiving::No | Receiving::Suspended) => {
                return Err(NotPossible(format!("{to} has stopped receiving")));
            }
            None => return Err(NotPossible(format!("{to} is not a servicer of this account"))),
        }
        self.known_customer(chat).session.move_to(State::Servicer, Some(to));
        self.happens(now, chat, Happening::Assigned(to));
        self.log_change(now, chat, Change::Transferred, Some(userid), Some(to));
        Ok(())
    }

    pub(crate) fn servicer_ends(&mut self, now: Duration, chat: Chat<'_>, userid: &str) -> Result<(), NotPossible> {
        self.check_serves(now, chat, userid)?;
        self.known_customer(chat).session.move_to(State::Ended, None);
        self.log_change(now, chat, Change::Ended, Some(userid), None);
        Ok(())
    }

    /// A servicer switches 不再接收消息.
    pub(crate) fn servicer_rejects(&mut self, now: Duration, chat: Chat<'_>, userid: &str, rejecting: Rejecting) {
        if rejecting == Rejecting::Yes {
            self.happens(now, chat, Happening::Muted(userid));
        }
        let customer = self.known_customer(chat);
        customer.rejecting = rejecting == Rejecting::Yes;
        let line = format!("({userid} switches rejecting to {})", rejecting as u8);
        let body = json!({ "event": "rejecting", "servicer_userid": userid, "rejecting": customer.rejecting });
        customer.note_event(now, line, body);
        let event = json!({
            "event_type": "reject_customer_msg_switch_change",
            "servicer_userid": userid,
            "reject_switch": rejecting as u8,
        });
        self.log_chat_event(now, chat, event);
    }

    /// Receives, stops, or is suspended.
    pub(crate) fn set_receiving(&mut self, now: Duration, userid: &str, receiving: Receiving) {
        if self.members.insert(userid.to_owned(), receiving) == Some(receiving) {
            return;
        }
        // 1 receiving, 2 stopped, and why [94670]; servicer/list numbers them 0 and 1.
        let mut event = match receiving {
            Receiving::Yes => json!({ "status": 1 }),
            Receiving::No => json!({ "status": 2, "stop_type": 0 }),
            Receiving::Suspended => json!({ "status": 2, "stop_type": 1 }),
        };
        event["event_type"] = json!("servicer_status_change");
        event["servicer_userid"] = json!(userid);
        for account in self.accounts.iter_mut().filter(|account| !account.deleted) {
            if !account.servicers.has(userid, &self.departments) {
                continue;
            }
            event["open_kfid"] = json!(account.open_kfid);
            let msgid = log_msgid(&mut self.ids);
            account.log.push(now, event_message(now, &msgid, event.clone()));
        }
    }

    pub(crate) fn session_state(&mut self, now: Duration, chat: Chat<'_>) -> i64 {
        self.known_customer(chat).session.state(now) as i64
    }

    pub(crate) fn session_servicer(&mut self, now: Duration, chat: Chat<'_>) -> Option<String> {
        self.known_customer(chat).session.servicer_userid(now).map(str::to_owned)
    }

    pub(crate) fn heard(&mut self, chat: Chat<'_>) -> Vec<Heard> {
        self.known_customer(chat).history.heard().collect()
    }

    /// The next message that was not asked for yet, if it was sent by then.
    pub(crate) fn next_heard(&mut self, chat: Chat<'_>, by: Duration) -> Option<Heard> {
        self.known_customer(chat).history.next_heard(by)
    }

    /// How many messages and events the account of a chat has had, and how many of them the bot has read.
    pub(crate) fn written_and_read(&mut self, chat: Chat<'_>) -> (u64, u64) {
        let log = &self.known_account(chat).log;
        (log.end(), log.read_up_to())
    }

    /// What was said and done in a chat, a line each.
    pub(crate) fn transcript(&mut self, chat: Chat<'_>) -> Vec<String> {
        let customer = self.known_customer(chat);
        customer.history.lines(&customer.name)
    }

    fn check_serves(&mut self, now: Duration, chat: Chat<'_>, userid: &str) -> Result<(), NotPossible> {
        let customer = self.known_customer(chat);
        if customer.session.servicer_userid(now) == Some(userid) {
            return Ok(());
        }
        let state = customer.session.state(now) as i64;
        Err(NotPossible(format!("{userid} does not have the session of {}, which is in state {state}", customer.name)))
    }

    fn log_change(&mut self, now: Duration, chat: Chat<'_>, change: Change, old: Option<&str>, new: Option<&str>) {
        let mut event = json!({ "event_type": "session_status_change", "change_type": change as i64 });
        if let Some(old) = old {
            event["old_servicer_userid"] = json!(old);
        }
        if let Some(new) = new {
            event["new_servicer_userid"] = json!(new);
        }
        // Taking from the pool and ending yield a code, the others none [94670].
        let occasion = match change {
            Change::TakenFromPool => Some(Occasion::Waiting),
            Change::Ended => Some(Occasion::Ending),
            Change::Transferred | Change::TakenAgain => None,
        };
        if let Some(occasion) = occasion {
            event["msg_code"] = json!(self.event_code(now, chat, occasion));
        }
        let line = match (old, new) {
            (_, Some(new)) => format!("({new} has the session)"),
            (_, None) => "(the session ends)".to_owned(),
        };
        let what = match change {
            Change::TakenFromPool | Change::TakenAgain => "taken",
            Change::Transferred => "transferred",
            Change::Ended => "ended",
        };
        let body = json!({ "event": what, "by": "servicer", "servicer_userid": new.or(old) });
        self.known_customer(chat).note_event(now, line, body);
        self.log_chat_event(now, chat, event);
    }

    /// Account and customer of an event are inside of it [94670, seen in practice].
    pub(crate) fn log_chat_event(&mut self, now: Duration, chat: Chat<'_>, mut event: Value) -> String {
        event["open_kfid"] = json!(chat.open_kfid);
        event["external_userid"] = json!(chat.external_userid);
        let msgid = log_msgid(&mut self.ids);
        self.known_account(chat).log.push(now, event_message(now, &msgid, event));
        msgid
    }

    /// The account of a chat. Only a handle from before a reset can name one that is gone.
    pub(crate) fn known_account(&mut self, chat: Chat<'_>) -> &mut Account {
        let at = self.accounts.iter().position(|account| account.open_kfid == chat.open_kfid);
        let at = at.unwrap_or_else(|| {
            self.accounts.push(Account { deleted: true, ..Account::new(chat.open_kfid, "") });
            self.accounts.len() - 1
        });
        &mut self.accounts[at]
    }

    /// The customer of a chat. Only a handle from before a reset can name one that is gone.
    pub(crate) fn known_customer(&mut self, chat: Chat<'_>) -> &mut Customer {
        let account = self.known_account(chat);
        account.touched.push(chat.external_userid.to_owned());
        account.customers.entry(chat.external_userid.to_owned()).or_insert_with(|| Customer::new(chat.external_userid))
    }
}

fn log_msgid(ids: &mut Ids) -> String {
    ids.next_digits("log msgid", "from_msgid_", 19)
}

fn chat_message(now: Duration, chat: Chat<'_>, origin: Origin, msgid: &str, msgtype: &str, body: &Value) -> Value {
    json!({
        "msgid": msgid,
        "open_kfid": chat.open_kfid,
        "external_userid": chat.external_userid,
        "send_time": now.as_secs(),
        "origin": origin as i64,
        "msgtype": msgtype,
        msgtype: body,
    })
}

fn event_message(now: Duration, msgid: &str, event: Value) -> Value {
    json!({
        "msgid": msgid,
        "send_time": now.as_secs(),
        "origin": Origin::System as i64,
        "msgtype": "event",
        "event": event,
    })
}
