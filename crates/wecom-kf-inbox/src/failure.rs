//! Why a handler failed, and what becomes of the message.

use std::error::Error as StdError;
use std::fmt;

use serde::Serialize;
use wecom_kf::{Class, ErrCode, Error};

use crate::defaults;
use crate::delivery::{Failed, Then, Verdict};
use crate::report::in_one_line;
use crate::{ConversationError, RetryPolicy};

/// Why a handler failed, and what becomes of the message.
///
/// `?` turns any error into a failure, and looks inside it for an error of [`wecom_kf`]. The [class](FailureClass)
/// decides:
///
/// | what failed | the message |
/// |---|---|
/// | network, no answer, WeCom is busy, too many calls, no access token | is tried again for an hour |
/// | 95018: a servicer has the session, or the session is over | is acknowledged, since another attempt does not help |
/// | permission, bad input, not found, quota, another state | is parked at once |
/// | the store of a [conversation](ConversationError) is down | is tried again for an hour |
/// | the state of a conversation is too large | is parked at once |
/// | an unknown errcode, an error that is not WeCom's, a panic, a time limit | is tried again for 10 minutes |
///
/// The times can be set for an inbox ([`InboxBuilder::retry`](crate::InboxBuilder::retry)) and for one failure
/// ([`policy`](Self::policy)). When the time is over, the message is parked. Customers never see an error.
///
/// A failure does not implement `Error`, so that `From` can accept every type that does.
pub struct Failure {
    class: FailureClass,
    then: Fate,
    reason: String,
    /// The type of the handler's own error.
    type_name: Option<&'static str>,
    error: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    Ack,
    Park,
    ByClass,
    Retry(RetryPolicy),
}

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureClass {
    /// The handler's own error, an errcode that is not known, or a delivery that asked for another try.
    Unknown,
    /// The handler panicked.
    Panic,
    /// The handler took longer than [`handler_timeout`](crate::InboxBuilder::handler_timeout).
    TimedOut,
    /// The delivery was dropped without an answer.
    Unanswered,
    /// WeCom, the network or the access token is not available.
    Unavailable,
    /// WeCom refused for good: permission, bad input, not found, quota, another state.
    Rejected,
}

impl FailureClass {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Unknown, Self::Panic, Self::TimedOut, Self::Unanswered, Self::Unavailable, Self::Rejected];

    /// Returns a short name for logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Panic => "panic",
            Self::TimedOut => "timed_out",
            Self::Unanswered => "unanswered",
            Self::Unavailable => "unavailable",
            Self::Rejected => "rejected",
        }
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The policy for each class.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retries([RetryPolicy; FailureClass::ALL.len()]);

impl Default for Retries {
    fn default() -> Self {
        Self(FailureClass::ALL.map(|class| match class {
            FailureClass::Unavailable => RetryPolicy::within(defaults::RETRY_UNAVAILABLE_FOR),
            FailureClass::Rejected => RetryPolicy::never(),
            _ => RetryPolicy::within(defaults::RETRY_FOR),
        }))
    }
}

impl Retries {
    pub(crate) fn of(&self, class: FailureClass) -> RetryPolicy {
        self.0[class as usize]
    }

    pub(crate) fn set(&mut self, class: FailureClass, policy: RetryPolicy) {
        self.0[class as usize] = policy;
    }

    pub(crate) fn are_valid(&self) -> bool {
        self.0.iter().all(RetryPolicy::is_valid)
    }
}

impl Failure {
    /// Parks the message at once, with this reason.
    pub fn park(reason: impl Into<String>) -> Self {
        Self { then: Fate::Park, ..Self::retry(reason) }
    }

    /// Tries the message again after a while.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self { class: FailureClass::Unknown, then: Fate::ByClass, reason: reason.into(), type_name: None, error: None }
    }

    /// Sets how often and for how long this message is tried again, whatever the class of the failure.
    #[must_use]
    pub fn policy(mut self, policy: RetryPolicy) -> Self {
        self.then = Fate::Retry(policy);
        self
    }

    /// Returns what kind of failure it is.
    pub fn class(&self) -> FailureClass {
        self.class
    }

    /// Returns the whole error in one line. It is stored with a message that is parked, and may hold what a customer
    /// wrote if the handler's error does.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Returns the error that it was made from.
    pub fn error(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.error.as_deref()
    }

    pub(crate) fn of_panic() -> Self {
        Self { class: FailureClass::Panic, ..Self::retry("the handler panicked") }
    }

    pub(crate) fn of_time_limit(limit: std::time::Duration) -> Self {
        Self { class: FailureClass::TimedOut, ..Self::retry(format!("the handler did not end within {limit:?}")) }
    }

    /// Returns the text for logs and metrics. Errors of this project hold no secret and no customer's words. Of another
    /// error only the type is shown, unless the user asked for the text.
    pub(crate) fn shown(&self, shows_handler_errors: bool) -> String {
        let is_ours = matches!(self.class, FailureClass::Panic | FailureClass::TimedOut | FailureClass::Unanswered);
        match self.type_name {
            None if self.error.is_some() || is_ours || shows_handler_errors => self.reason.clone(),
            Some(_) if shows_handler_errors => self.reason.clone(),
            Some(type_name) => format!("an error of type {type_name}"),
            None => "a failure that the handler returned".to_owned(),
        }
    }

    pub(crate) fn into_verdict(self, shows_handler_errors: bool) -> Verdict {
        let shown = self.shown(shows_handler_errors);
        let then = match self.then {
            Fate::Ack => return Verdict::Ack,
            Fate::Park => Then::Retry(RetryPolicy::never()),
            Fate::ByClass => Then::ByClass,
            Fate::Retry(policy) => Then::Retry(policy),
        };
        Verdict::Failed(Failed { class: self.class, reason: self.reason, then, shown })
    }
}

fn class_of(error: &Error) -> (FailureClass, Fate) {
    match error {
        // Whatever prevents a token passes or is repaired by people. It is not the fault of this message.
        Error::NoToken { .. } => (FailureClass::Unavailable, Fate::ByClass),
        Error::Refused(refusal) if refusal.code == ErrCode::SESSION_STATE_FORBIDS_SENDING => {
            (FailureClass::Rejected, Fate::Ack)
        }
        Error::InvalidInput { .. } => (FailureClass::Rejected, Fate::ByClass),
        _ if error.is_retryable() => (FailureClass::Unavailable, Fate::ByClass),
        _ => match error.class() {
            Class::Permission | Class::InvalidParam | Class::NotFound | Class::Quota | Class::StateConflict => {
                (FailureClass::Rejected, Fate::ByClass)
            }
            Class::Token | Class::Busy | Class::RateLimited => (FailureClass::Unavailable, Fate::ByClass),
            _ => (FailureClass::Unknown, Fate::ByClass),
        },
    }
}

fn class_of_conversation(error: &ConversationError) -> FailureClass {
    match error {
        ConversationError::Store(error) if error.is_retryable() => FailureClass::Unavailable,
        // Another version of the bot may be able to read it.
        ConversationError::Store(_)
        | ConversationError::OtherVersion { .. }
        | ConversationError::Migration { .. }
        | ConversationError::Unreadable { .. } => FailureClass::Unknown,
        ConversationError::NoCustomer
        | ConversationError::Unwritable { .. }
        | ConversationError::TooLarge { .. }
        | ConversationError::Answered
        | ConversationError::NoTranscript => FailureClass::Rejected,
    }
}

/// Returns the type that logs show instead of the text. The error of a migration may hold what a customer wrote.
fn shown_type(error: &ConversationError) -> Option<&'static str> {
    matches!(error, ConversationError::Migration { .. }).then_some("ConversationError::Migration")
}

impl<E: Into<Box<dyn StdError + Send + Sync>>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        let mut cause: Option<&(dyn StdError + 'static)> = Some(&*error);
        while let Some(inner) = cause {
            if let Some(wecom) = inner.downcast_ref::<Error>() {
                let (class, then) = class_of(wecom);
                let reason = in_one_line(wecom);
                return Self { class, then, reason, type_name: None, error: Some(error) };
            }
            if let Some(conversation) = inner.downcast_ref::<ConversationError>() {
                let reason = in_one_line(&*error);
                let class = class_of_conversation(conversation);
                return Self { class, type_name: shown_type(conversation), error: Some(error), ..Self::retry(reason) };
            }
            cause = inner.source();
        }
        let reason = in_one_line(&*error);
        Self { type_name: Some(std::any::type_name::<E>()), error: Some(error), ..Self::retry(reason) }
    }
}

/// Shows WeCom's refusal, and only the type of the handler's own error.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.shown(false), self.class)
    }
}

#[cfg(test)]
mod tests {
    use wecom_kf::raw::op;

    use super::*;

    fn of(code: i32) -> &'static str {
        let failure = Failure::from(Error::refused(op::SEND_MSG, ErrCode(code), ""));
        match failure.into_verdict(false) {
            Verdict::Ack => "ack",
            Verdict::Failed(Failed { class, then: Then::ByClass, .. }) => class.name(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_class_follows_the_errcode() {
        for (code, expected) in [
            (-1, "unavailable"),    // busy
            (45009, "unavailable"), // too many calls
            (45033, "unavailable"), // too many at once
            (42001, "unavailable"), // token
            (424_242, "unknown"),   // not known
            (95018, "ack"),         // a servicer has the session
            (60020, "rejected"),    // permission
            (40058, "rejected"),    // bad input
            (95001, "rejected"),    // quota
        ] {
            assert_eq!(of(code), expected, "{code}");
        }
    }

    #[test]
    fn rejected_messages_are_parked_and_others_tried_again() {
        let retries = Retries::default();
        for class in FailureClass::ALL {
            let first_wait = retries.of(class).wait(1, std::time::Duration::ZERO);
            assert_eq!(first_wait.is_none(), class == FailureClass::Rejected, "{class}");
        }
    }

    #[test]
    fn an_error_of_wecom_is_found_inside_another() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot greet")]
        struct Outer(#[source] Error);

        let failure = Failure::from(Outer(Error::refused(op::SEND_MSG, ErrCode(95001), "")));
        assert_eq!(failure.class(), FailureClass::Rejected);
        assert!(failure.reason().contains("95001"));
    }

    #[test]
    fn the_text_of_a_handlers_own_error_is_shown_only_when_asked_for() {
        let failure = Failure::from("the customer said 你好");
        assert!(failure.reason().contains("你好"), "it is kept as the reason");
        assert!(!format!("{failure:?}").contains("你好"));
        assert!(failure.shown(false).contains("str"), "the type is named: {}", failure.shown(false));
        assert!(failure.shown(true).contains("你好"));
        assert!(!Failure::park("你好").shown(false).contains("你好"));
    }
}
