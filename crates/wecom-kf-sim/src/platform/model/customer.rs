//! The customers of an account: what is stored about each, and how they are found.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::platform::model::account::Account;
use crate::platform::model::chat::{Author, Entry, History};
use crate::platform::model::contact_ways::Entrance;
use crate::platform::model::happenings::Conversation;
use crate::platform::model::notes::Note;
use crate::platform::model::session::Session;
use crate::platform::model::upgrade::Offered;
use crate::platform::view::ShownCustomer;
use crate::platform::{ANSWER_WITHIN, Platform, Unanswered};

/// The place of a chat: a customer at an account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chat<'a> {
    pub(crate) open_kfid: &'a str,
    pub(crate) external_userid: &'a str,
}

/// A customer of an account.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Customer {
    pub(crate) name: String,
    pub(crate) profile: Profile,
    pub(crate) entered: Option<Entered>,
    pub(crate) upgrade: Option<Offered>,
    pub(crate) session: Session,
    pub(crate) conversation: Conversation,
    pub(crate) history: History,
    /// Whether a servicer switched 不再接收消息 on.
    pub(crate) rejecting: bool,
    /// The codes for `send_msg_on_event` that this customer yielded and that are not forgotten.
    pub(crate) codes: Vec<String>,
    /// What the listeners were last told about this customer.
    #[serde(skip)]
    pub(crate) published: Option<ShownCustomer>,
}

/// What a customer's WeChat profile says.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Profile {
    /// 0 unknown, 1 male, 2 female.
    pub(crate) gender: i64,
    pub(crate) avatar: Option<String>,
    /// `None` unless the corp has bound an account of the WeChat open platform.
    pub(crate) unionid: Option<String>,
}

/// When and how a customer last entered the chat.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Entered {
    pub(crate) at: Duration,
    pub(crate) entrance: Entrance,
}

impl Customer {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            profile: Profile::of(name),
            entered: None,
            upgrade: None,
            session: Session::default(),
            conversation: Conversation::default(),
            history: History::default(),
            rejecting: false,
            codes: Vec::new(),
            published: None,
        }
    }

    /// Removes a message from the chat.
    pub(crate) fn lose(&mut self, now: Duration, msgid: &str) {
        self.history.find(msgid).into_iter().for_each(|entry| entry.recalled = true);
        self.history.push(Entry::note(now, &Note::Recalled { msgid }));
    }
}

impl Platform {
    /// Returns the account of a chat. Only a handle from before a reset can name one that does not exist: it is added, as
    /// a deleted one.
    pub(crate) fn known_account(&mut self, chat: Chat<'_>) -> &mut Account {
        let at = self.accounts.iter().position(|account| account.open_kfid == chat.open_kfid);
        let at = at.unwrap_or_else(|| {
            self.accounts.push(Account { deleted: true, ..Account::new(chat.open_kfid, "") });
            self.accounts.len() - 1
        });
        &mut self.accounts[at]
    }

    /// Returns the customer of a chat. Only a handle from before a reset can name one that does not exist: it is added.
    pub(crate) fn known_customer(&mut self, chat: Chat<'_>) -> &mut Customer {
        let account = self.known_account(chat);
        account.touched.push(chat.external_userid.to_owned());
        account.customers.entry(chat.external_userid.to_owned()).or_insert_with(|| Customer::new(chat.external_userid))
    }

    /// Returns the customer of a chat, and does not count it as changed.
    pub(crate) fn customer_at(&mut self, chat: Chat<'_>) -> Option<&mut Customer> {
        self.any_account(chat.open_kfid)?.customers.get_mut(chat.external_userid)
    }

    /// Returns the account of the customer with this id.
    pub(crate) fn account_of(&self, external_userid: &str) -> Option<&str> {
        let account = self.accounts.iter().find(|account| account.customers.contains_key(external_userid))?;
        Some(&account.open_kfid)
    }

    pub(crate) fn session_state(&mut self, now: Duration, chat: Chat<'_>) -> i64 {
        self.known_customer(chat).session.state(now) as i64
    }

    pub(crate) fn session_servicer(&mut self, now: Duration, chat: Chat<'_>) -> Option<String> {
        self.known_customer(chat).session.servicer_userid(now).map(str::to_owned)
    }

    /// Returns how many messages and events the account of a chat has had, and how many of them the bot has read.
    pub(crate) fn written_and_read(&mut self, chat: Chat<'_>) -> (u64, u64) {
        let log = &self.known_account(chat).log;
        (log.end(), log.read_up_to())
    }

    /// Returns the customers who wrote a while ago and got no answer since, neither from the bot nor from a servicer.
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
}

impl Profile {
    fn of(name: &str) -> Self {
        // No picture is there: `.example` is reserved for addresses that lead nowhere.
        let path: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
        Self { gender: 0, avatar: Some(format!("http://avatar.example/{path}/0")), unionid: None }
    }
}
