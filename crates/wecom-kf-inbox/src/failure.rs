use std::fmt;

use wecom_kf::{Class, ErrCode, Error};

use crate::delivery::Verdict;
use crate::store::in_one_line;

/// Why a handler failed, and so what becomes of the message.
///
/// `?` makes one of any error, and looks inside for an error of [`wecom_kf`]:
///
/// | what failed | the message |
/// |---|---|
/// | network, no answer, WeCom is busy, too many calls, no access token | is tried again |
/// | 95018: people have the session, or it is over | is acknowledged, as no repeat helps |
/// | permission, bad input, not found, quota, another state | is parked at once |
/// | a code that is not known, or an error that is not WeCom's | is tried again |
///
/// What is tried again often enough is parked. Customers never see an error.
///
/// It does not implement `Error`, so that it can be made of anything that does.
pub struct Failure {
    verdict: Verdict,
    kind: FailureKind,
}

/// What may be told of a failure in a log.
#[derive(Clone, Debug)]
enum FailureKind {
    /// An error of ours, which holds no secrets and no customer's words.
    WeCom(String),
    /// One of the handler's own: what is in it, nobody here knows.
    Own,
}

impl Failure {
    /// Sets the message aside at once, with this reason.
    pub fn park(reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::Park { reason: reason.into() }, kind: FailureKind::Own }
    }

    /// Tries the message again after a while, until it was tried often enough.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::Retry { reason: reason.into() }, kind: FailureKind::Own }
    }

    pub(crate) fn into_verdict(self) -> Verdict {
        self.verdict
    }

    fn of(error: &Error) -> Self {
        let reason = error.to_string();
        Self { kind: FailureKind::WeCom(reason.clone()), verdict: verdict(error, reason) }
    }
}

fn verdict(error: &Error, reason: String) -> Verdict {
    match error {
        // Whatever keeps the token away passes or is mended, and is no fault of this message.
        Error::NoToken { .. } => Verdict::Retry { reason },
        Error::Refused(refusal) if refusal.code == ErrCode::SESSION_STATE_FORBIDS_SENDING => Verdict::Ack,
        Error::InvalidInput { .. } => Verdict::Park { reason },
        _ => match error.class() {
            Class::Permission | Class::InvalidParam | Class::NotFound | Class::Quota | Class::StateConflict => {
                Verdict::Park { reason }
            }
            _ => Verdict::Retry { reason },
        },
    }
}

impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&*error);
        while let Some(inner) = cause {
            if let Some(error) = inner.downcast_ref::<Error>() {
                return Self::of(error);
            }
            cause = inner.source();
        }
        Self::retry(in_one_line(&*error))
    }
}

/// Shows what WeCom said, and nothing of an error of the handler's own.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Ack => "acknowledged",
            Verdict::Retry { .. } => "tried again",
            Verdict::Park { .. } => "parked",
        };
        match &self.kind {
            FailureKind::WeCom(error) => write!(f, "{error} ({verdict})"),
            FailureKind::Own => write!(f, "an error of the handler's own ({verdict})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use wecom_kf::raw::op;

    use super::*;

    fn of(code: i32) -> &'static str {
        let failure = Failure::from(Error::refused(op::SEND_MSG, ErrCode(code), ""));
        match failure.into_verdict() {
            Verdict::Ack => "ack",
            Verdict::Retry { .. } => "retry",
            Verdict::Park { .. } => "park",
        }
    }

    #[test]
    fn what_becomes_of_a_message_follows_the_class_of_the_errcode() {
        for (code, expected) in [
            (-1, "retry"),      // busy
            (45009, "retry"),   // too many calls
            (45033, "retry"),   // too many at once
            (42001, "retry"),   // token
            (424_242, "retry"), // not known
            (95018, "ack"),     // people have the session
            (60020, "park"),    // permission
            (40058, "park"),    // bad input
            (95001, "park"),    // quota
        ] {
            assert_eq!(of(code), expected, "{code}");
        }
    }

    #[test]
    fn an_error_of_wecom_is_found_inside_of_another() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot greet")]
        struct Outer(#[source] Error);

        let failure = Failure::from(Outer(Error::refused(op::SEND_MSG, ErrCode(95001), "")));
        assert!(matches!(failure.into_verdict(), Verdict::Park { reason } if reason.contains("95001")));
    }

    #[test]
    fn the_text_of_a_handlers_own_error_is_kept_as_the_reason_and_shown_nowhere() {
        let failure = Failure::from("the customer said 你好");
        assert!(!format!("{failure:?}").contains("你好"));
        assert!(matches!(failure.into_verdict(), Verdict::Retry { reason } if reason.contains("你好")));
    }
}
