//! Sessions: their states, who may change them, and when the bot may send. The numbers are in `window_48h.rs`,
//! `message_limit.rs` and `event_codes.rs`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wecom_kf_raw::ErrCode;

use crate::platform::model::assumptions::{Assumption, Assumptions};
use crate::platform::model::event_codes::Occasion;
use crate::platform::model::message_limit::MessageLimit;
use crate::platform::model::refusal::Refusal;
use crate::platform::model::window_48h::within_window;

rule!(states_of_a_session);
/// The state of a session.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum State {
    /// The session is new. The API may reply, assign a servicer, or move it to the pool.
    Untreated = 0,
    /// The API answers.
    Assistant = 1,
    /// The session waits in the pool for a servicer.
    Queue = 2,
    /// A servicer answers.
    Servicer = 3,
    /// The session is closed, or never began.
    #[default]
    Ended = 4,
}

impl State {
    pub(crate) fn from_number(number: i64) -> Option<Self> {
        let all = [Self::Untreated, Self::Assistant, Self::Queue, Self::Servicer, Self::Ended];
        all.into_iter().find(|state| *state as i64 == number)
    }

    /// The moves that the API may make.
    fn may_become(self, target: Self, assumptions: &Assumptions) -> bool {
        rule!(moves_of_the_api);
        rule!(api_may_end_session);
        match (self, target) {
            (Self::Untreated, Self::Assistant | Self::Queue | Self::Servicer) => true,
            (Self::Assistant, Self::Queue | Self::Servicer) => true,
            (Self::Queue, Self::Servicer) => true,
            (Self::Servicer, Self::Servicer | Self::Ended) => true,
            (Self::Untreated | Self::Assistant | Self::Queue, Self::Ended) => true,
            (Self::Assistant, Self::Assistant) => assumptions.hold(Assumption::AssistantAgainIsAccepted),
            _ => false,
        }
    }
}

/// The session of a customer with an account.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Session {
    state: State,
    servicer_userid: Option<String>,
    /// When the customer last wrote or tapped.
    last_message: Option<Duration>,
    /// When the customer last wrote. A tap on a menu does not count as writing.
    last_typed: Option<Duration>,
    last_business_card: Option<Duration>,
    last_welcome: Option<Duration>,
    limit: MessageLimit,
    queue_text_given: bool,
    servicer_text_given: bool,
}

impl Session {
    /// Without a message of the customer in the last 48 hours a session counts as ended.
    pub(crate) fn state(&self, now: Duration) -> State {
        rule!(session_ends_after_48_hours);
        if self.window_is_open(now) { self.state } else { State::Ended }
    }

    /// Returns the servicer who answers, in state 3.
    pub(crate) fn servicer_userid(&self, now: Duration) -> Option<&str> {
        self.servicer_userid.as_deref().filter(|_| self.state(now) == State::Servicer)
    }

    /// Returns the servicer who answered last, even if the session has ended since.
    pub(crate) fn last_servicer_userid(&self) -> Option<&str> {
        self.servicer_userid.as_deref()
    }

    pub(crate) fn customer_typed(&mut self, now: Duration) {
        self.customer_tapped(now);
        self.last_typed = Some(now);
    }

    pub(crate) fn customer_tapped(&mut self, now: Duration) {
        if self.state(now) == State::Ended {
            rule!(message_opens_new_session);
            self.state = State::Untreated;
            self.servicer_userid = None;
            self.queue_text_given = false;
            self.servicer_text_given = false;
        }
        self.last_message = Some(now);
        self.limit.reset();
    }

    /// Checks whether the bot may send now.
    pub(crate) fn check_send(&self, now: Duration, assumptions: &Assumptions) -> Result<(), Refusal> {
        rule!(only_states_0_and_1_send);
        match self.state {
            State::Untreated | State::Assistant => {}
            state => {
                let why = format!("session state is {}, only 0 and 1 may send", state as i64);
                return Err(Refusal::because(ErrCode::SESSION_STATE_FORBIDS_SENDING, why));
            }
        }
        if !self.window_is_open(now) {
            let documented = assumptions.hold(Assumption::ClosedWindowIs95002);
            let code = if documented { ErrCode::MESSAGE_WINDOW_CLOSED } else { ErrCode::SESSION_STATE_FORBIDS_SENDING };
            return Err(code.into());
        }
        self.limit.check()
    }

    pub(crate) fn check_business_card(&self, now: Duration) -> Result<(), Refusal> {
        if !within_window(self.last_typed, now) {
            return Err(ErrCode::BUSINESS_CARD_NEEDS_CUSTOMER_MESSAGE.into());
        }
        if within_window(self.last_business_card, now) {
            return Err(ErrCode::BUSINESS_CARD_LIMIT_EXCEEDED.into());
        }
        Ok(())
    }

    pub(crate) fn message_sent(&mut self) {
        self.count_message();
        rule!(sending_moves_state_0_to_1);
        if self.state == State::Untreated {
            self.state = State::Assistant;
        }
    }

    /// Only a customer who has not written, and got no welcome in the last 48 hours, is welcomed.
    pub(crate) fn may_be_welcomed(&self, now: Duration, assumptions: &Assumptions) -> bool {
        rule!(welcome_for_new_customers);
        let forgets = assumptions.hold(Assumption::WelcomeAgainAfter48Hours);
        let has_written = if forgets { self.window_is_open(now) } else { self.last_message.is_some() };
        !has_written && !within_window(self.last_welcome, now)
    }

    pub(crate) fn welcomed(&mut self, now: Duration) {
        self.last_welcome = Some(now);
    }

    pub(crate) fn business_card_sent(&mut self, now: Duration) {
        self.last_business_card = Some(now);
    }

    /// Checks whether the API may move the session to `target`.
    pub(crate) fn check_move(
        &self,
        target: State,
        servicer_userid: Option<&str>,
        now: Duration,
        assumptions: &Assumptions,
    ) -> Result<(), Refusal> {
        let state = self.state(now);
        if state == State::Ended {
            return Err(ErrCode::SESSION_ENDED.into());
        }
        let same_servicer =
            state == State::Servicer && target == State::Servicer && self.servicer_userid.as_deref() == servicer_userid;
        let is_refused = same_servicer && assumptions.hold(Assumption::SameServicerIsRefused);
        if !state.may_become(target, assumptions) || is_refused {
            let why = format!("from {} to {}", state as i64, target as i64);
            return Err(Refusal::because(ErrCode::STATE_TRANSITION_NOT_ALLOWED, why));
        }
        Ok(())
    }

    /// Moves the session to `target`. Returns the occasion if that yields a code for `send_msg_on_event`.
    pub(crate) fn move_to(&mut self, target: State, servicer_userid: Option<&str>) -> Option<Occasion> {
        rule!(one_msg_code_for_each_state);
        self.state = target;
        match target {
            State::Untreated | State::Assistant => None,
            State::Queue => first_time(&mut self.queue_text_given),
            State::Servicer => {
                self.servicer_userid = servicer_userid.map(str::to_owned);
                first_time(&mut self.servicer_text_given)
            }
            State::Ended => Some(Occasion::Ending),
        }
    }

    /// Returns whether only the bot was to answer, even if the session has timed out since.
    pub(crate) fn is_with_the_bot(&self) -> bool {
        matches!(self.state, State::Untreated | State::Assistant)
    }

    /// Returns when the customer last wrote or tapped.
    pub(crate) fn last_message(&self) -> Option<Duration> {
        self.last_message
    }

    /// Returns how many messages were sent since then.
    pub(crate) fn sent_since(&self) -> u32 {
        self.limit.sent()
    }

    /// Counts a message that the bot sent among the five.
    pub(crate) fn count_message(&mut self) {
        self.limit.count();
    }

    fn window_is_open(&self, now: Duration) -> bool {
        within_window(self.last_message, now)
    }
}

fn first_time(given: &mut bool) -> Option<Occasion> {
    let before = std::mem::replace(given, true);
    (!before).then_some(Occasion::Waiting)
}
