//! What servicers do in the WeCom client: take, transfer and end sessions, write, recall, and stop receiving.

use std::time::Duration;

use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use crate::platform::model::chat::{Author, Entry};
use crate::platform::model::event_codes::Occasion;
use crate::platform::model::events::{Event, NewMessage};
use crate::platform::model::happenings::Happening;
use crate::platform::model::notes::{Mover, Note};
use crate::platform::model::servicers::Receiving;
use crate::platform::model::session::State;
use crate::platform::people::NotPossible;
use crate::platform::{Chat, Platform};

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

impl Platform {
    /// A servicer takes the session over, unless it is theirs already.
    pub(crate) fn servicer_takes(&mut self, now: Duration, chat: Chat<'_>, userid: &str) {
        rule!(taken_again_after_end_or_transfer);
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
        rule!(taken_from_pool_in_state_0_and_1);
        let change = match state {
            State::Untreated | State::Assistant | State::Queue => Change::TakenFromPool,
            State::Servicer | State::Ended => Change::TakenAgain,
        };
        self.log_change(now, chat, change, before.as_deref(), Some(userid));
    }

    /// A servicer writes. In a session that is not theirs they take it first: one that has ended is opened so.
    pub(crate) fn servicer_says(&mut self, now: Duration, chat: Chat<'_>, userid: &str, content: &str) -> String {
        rule!(servicer_takes_session_by_writing);
        self.servicer_writes(now, chat, userid, "text", json!({ "content": content }))
    }

    /// A servicer sends a message of any kind.
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
        let body = to_raw_value(&body).expect("JSON stays JSON");
        let message = NewMessage { msgtype, body: &body, servicer_userid: Some(userid) };
        let msgid = self.log_message(now, chat, &message);
        let entry = Entry::new(now, Author::Servicer(userid.to_owned()), Some(&msgid), msgtype, body);
        self.known_customer(chat).history.push(entry);
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

    /// A servicer switches 不再接收消息 on or off.
    pub(crate) fn servicer_rejects(&mut self, now: Duration, chat: Chat<'_>, userid: &str, rejecting: Rejecting) {
        if rejecting == Rejecting::Yes {
            self.happens(now, chat, Happening::Muted(userid));
        }
        let customer = self.known_customer(chat);
        customer.rejecting = rejecting == Rejecting::Yes;
        let note = Note::Rejecting { servicer_userid: userid, rejecting: customer.rejecting };
        customer.history.push(Entry::note(now, &note));
        let event = Event::RejectCustomerMsgSwitchChange { servicer_userid: userid, reject_switch: rejecting as u8 };
        self.log_chat_event(now, chat, &event);
    }

    /// A servicer takes a message back.
    pub(crate) fn servicer_recalls(
        &mut self,
        now: Duration,
        chat: Chat<'_>,
        msgid: &str,
    ) -> Result<String, NotPossible> {
        let from = self.recall(now, chat, msgid, |from| matches!(from, Author::Servicer(_)))?;
        let Author::Servicer(userid) = from else { unreachable!("only a servicer's message passes the filter") };
        let event = Event::ServicerRecallMsg { recall_msgid: msgid, servicer_userid: &userid };
        Ok(self.log_chat_event(now, chat, &event))
    }

    /// The servicer who has the session asks the customer to rate.
    pub(crate) fn servicer_asks_to_rate(
        &mut self,
        now: Duration,
        chat: Chat<'_>,
        userid: &str,
    ) -> Result<(), NotPossible> {
        let customer = self.known_customer(chat);
        if customer.session.last_servicer_userid() != Some(userid) {
            return Err(NotPossible(format!("{userid} does not have, and did not have last, this session")));
        }
        customer.conversation.asked = Some((userid.to_owned(), now));
        customer.history.push(Entry::note(now, &Note::AskedToRate { servicer_userid: userid }));
        self.known_account(chat).figures.on(now).servicer(userid).asked += 1;
        Ok(())
    }

    /// A servicer starts to receive, stops, or suspends it.
    pub(crate) fn set_receiving(&mut self, now: Duration, userid: &str, receiving: Receiving) {
        if self.members.insert(userid.to_owned(), receiving) == Some(receiving) {
            return;
        }
        let (status, stop_type) = match receiving {
            Receiving::Yes => (1, None),
            Receiving::No => (2, Some(0)),
            Receiving::Suspended => (2, Some(1)),
        };
        let event = Event::ServicerStatusChange { servicer_userid: userid, status, stop_type };
        self.log_servicer_event(now, userid, &event);
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
        rule!(taking_and_ending_yield_code);
        let occasion = match change {
            Change::TakenFromPool => Some(Occasion::Waiting),
            Change::Ended => Some(Occasion::Ending),
            Change::Transferred | Change::TakenAgain => None,
        };
        let msg_code = occasion.map(|occasion| self.event_code(now, chat, occasion));
        let (by, servicer_userid) = (Mover::Servicer, new.or(old));
        let note = match change {
            Change::TakenFromPool | Change::TakenAgain => Note::Taken { by, servicer_userid },
            Change::Transferred => Note::Transferred { by, servicer_userid },
            Change::Ended => Note::Ended { by, servicer_userid },
        };
        self.known_customer(chat).history.push(Entry::note(now, &note));
        let event = Event::SessionStatusChange {
            change_type: change as u8,
            old_servicer_userid: old,
            new_servicer_userid: new,
            msg_code: msg_code.as_deref(),
        };
        self.log_chat_event(now, chat, &event);
    }
}
