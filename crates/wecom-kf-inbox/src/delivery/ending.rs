//! What became of a delivery, as its span and the metrics say it.

use crate::FailureClass;

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The message is handled.
    Acked,
    /// It is not meant for the handler, and its conversation notes it.
    Noted,
    /// The attempt failed, and is followed by another one.
    Retried(FailureClass),
    /// The message, or those of the batch, are parked.
    Parked { why: Why, messages: u64 },
    /// It was not handed out after all, and comes again.
    PutBack,
    /// The answer settles nothing, since the lease was lost or another process has settled the message.
    Lost,
}

/// Why something is parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The handler asked for it.
    Asked,
    /// The handler failed for good.
    Failed(FailureClass),
    /// The window was full while the message waited for a retry.
    WindowWasFull,
    /// The message ended its process again and again.
    KilledProcess,
    /// WeCom returned a page that cannot be decoded.
    Unreadable,
}

impl Ending {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Acked => "acked",
            Self::Noted => "noted",
            Self::Retried(_) => "retried",
            Self::Parked { .. } => "parked",
            Self::PutBack => "put_back",
            Self::Lost => "lost",
        }
    }
}

impl Why {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Failed(class) => class.name(),
            Self::WindowWasFull => "window_full",
            Self::KilledProcess => "killed_process",
            Self::Unreadable => "unreadable",
        }
    }
}
