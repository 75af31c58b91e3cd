//! The customers whose sessions were found to allow replies, remembered for some seconds.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use wecom_kf::ExternalUserId;

/// How long a session that allowed a reply is not read again. Servicers may take it meanwhile: then WeCom refuses the reply.
const REMEMBERED: Duration = Duration::from_secs(5);
/// With so many customers, those whose time is over are removed.
const MANY: usize = 1000;

#[derive(Debug, Default)]
pub(crate) struct OpenSessions(Mutex<HashMap<ExternalUserId, Instant>>);

impl OpenSessions {
    fn noted(&self) -> MutexGuard<'_, HashMap<ExternalUserId, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_open(&self, customer: &ExternalUserId) -> bool {
        self.noted().get(customer).is_some_and(|until| Instant::now() < *until)
    }

    pub(crate) fn note(&self, customer: ExternalUserId) {
        let (now, mut noted) = (Instant::now(), self.noted());
        if noted.len() >= MANY {
            noted.retain(|_, until| now < *until);
        }
        noted.insert(customer, now + REMEMBERED);
    }

    pub(crate) fn forget(&self, customer: &ExternalUserId) {
        self.noted().remove(customer);
    }
}
