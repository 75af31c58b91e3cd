use std::error::Error as StdError;
use std::sync::Arc;

/// Why a store did not do what it was asked.
///
/// Keep secrets and customers' words out of the sources: they are printed and logged.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It could not be reached, or did not answer in time. Whether something was written is unknown. It may pass: the
    /// inbox keeps its place, waits and asks again.
    #[error("the store is down: {}  do: bring it back; the inbox goes on by itself from where it is", in_one_line(&**.0))]
    Down(#[source] Arc<dyn StdError + Send + Sync>),

    /// The lease is over or somebody else's; nothing was written. The inbox drops what is at work and asks for the
    /// lease again.
    #[error("the lease is no longer ours: nothing was written, whoever has it reads on")]
    StaleLease,

    /// What is stored cannot have been written by a store, or not by this version. No repeat helps: a person must look.
    #[error("the store holds what cannot be: {0}  do: look at it, restore it, or begin with an empty one")]
    Corrupt(String),

    /// It is in use by another process and can serve one only.
    #[error("the store is in use: {0}  do: stop the other process, or give each a store of its own")]
    InUse(String),
}

impl StoreError {
    /// For what may pass.
    pub fn down(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Down(Arc::from(source.into()))
    }

    /// For content that cannot be.
    pub fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt(what.into())
    }

    /// Whether asking again may help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Down(_) => true,
            Self::StaleLease | Self::Corrupt(_) | Self::InUse(_) => false,
        }
    }
}

/// An error and its sources.
pub(crate) fn in_one_line(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
