//! The codes for `send_msg_on_event`: what yields them, how long they are valid, and what may be sent with them [95122].

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::platform::model::session::State;
use crate::platform::model::window_48h::WINDOW;
use crate::platform::{Chat, Platform};

rule!(occasions_of_event_codes);
/// What yields a code for `send_msg_on_event`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Occasion {
    /// The customer enters: a text or a menu.
    Welcome,
    /// The session comes into the pool, or to a servicer, for the first time: a text.
    Waiting,
    /// The session ends: a text or a menu.
    Ending,
}

/// A `welcome_code` or a `msg_code`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct EventCode {
    pub(crate) until: Duration,
    pub(crate) occasion: Occasion,
    pub(crate) open_kfid: String,
    pub(crate) external_userid: String,
    /// The state of the session when the code was made.
    pub(crate) state: State,
}

impl Occasion {
    /// How long its code is good.
    pub(crate) fn code_lifetime(self) -> Duration {
        rule!(lifetime_of_event_codes);
        match self {
            Self::Waiting => WINDOW,
            Self::Welcome | Self::Ending => Duration::from_secs(20),
        }
    }

    /// What may be sent.
    pub(crate) fn takes(self, msgtype: &str) -> bool {
        rule!(kinds_of_event_replies);
        match self {
            Self::Waiting => msgtype == "text",
            Self::Welcome | Self::Ending => matches!(msgtype, "text" | "msgmenu"),
        }
    }
}

impl Platform {
    /// Makes a code that is valid from now on.
    pub(crate) fn event_code(&mut self, now: Duration, chat: Chat<'_>, occasion: Occasion) -> String {
        let state = self.known_customer(chat).session.state(now);
        let code = self.ids.next("event code", "", 43);
        let until = now + occasion.code_lifetime();
        let (open_kfid, external_userid) = (chat.open_kfid.to_owned(), chat.external_userid.to_owned());
        self.event_codes.insert(now, code.clone(), EventCode { until, occasion, open_kfid, external_userid, state });
        let mut codes = std::mem::take(&mut self.known_customer(chat).codes);
        codes.retain(|code| self.event_codes.get(now, code).is_some());
        codes.push(code.clone());
        self.known_customer(chat).codes = codes;
        code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_valid_for_20_seconds_or_as_long_as_the_window() {
        let seconds = |occasion: Occasion| occasion.code_lifetime().as_secs();
        assert_eq!([seconds(Occasion::Welcome), seconds(Occasion::Ending)], [20, 20]);
        assert_eq!(seconds(Occasion::Waiting), 48 * 60 * 60);
    }
}
