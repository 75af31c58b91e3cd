//! How a callback reaches the bot: by HTTP, or by a function in this process.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wecom_kf_callback::{Event, Sealed};

/// What the journal shows as the place of a callback that needs no HTTP.
const IN_PROCESS: &str = "in process";

/// How a callback reaches the bot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Carrier {
    /// By `POST` to the bot's URL.
    Http { url: String, sealed: Arc<Sealed> },
    /// By a call of all [`Wakers`].
    InProcess(Event),
    /// By `GET` to the bot's URL, which is verified so: the bot must answer the text.
    Verification { url: String, query: String, text: String },
}

impl Carrier {
    /// Returns where the callback goes, without the query.
    pub(crate) fn place(&self) -> &str {
        match self {
            Self::Http { url, .. } | Self::Verification { url, .. } => url.split(['?', '#']).next().unwrap_or_default(),
            Self::InProcess(_) => IN_PROCESS,
        }
    }

    /// Returns the method that the journal shows.
    pub(crate) fn method(&self) -> &'static str {
        match self {
            Self::Http { .. } => "POST",
            Self::InProcess(_) => "CALL",
            Self::Verification { .. } => "GET",
        }
    }
}

type Wake = dyn Fn(&Event) + Send + Sync;

/// The functions that are called with each callback: see [`Simulator::wakes`](crate::Simulator::wakes).
#[derive(Default)]
pub(crate) struct Wakers(Mutex<Vec<Arc<Wake>>>);

impl Wakers {
    pub(crate) fn add(&self, wake: impl Fn(&Event) + Send + Sync + 'static) {
        self.lock().push(Arc::new(wake));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    pub(crate) fn wake(&self, event: &Event) {
        // A function may call the simulator, so the lock is released first.
        let all = self.lock().clone();
        all.iter().for_each(|wake| wake(event));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Wake>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Wakers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wakers").finish_non_exhaustive()
    }
}
