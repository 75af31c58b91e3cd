//! Requests that came before: a time window, and a memory of ciphertexts.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha1::Sha1;

use crate::callback::encrypt_of;
use crate::{Query, Reason};

/// WeCom's three attempts, and clocks that differ, fit into this.
const DEFAULT_WINDOW: Duration = Duration::from_secs(10 * 60);
/// This many requests are remembered, about 1 MB. It takes 13 requests a second to exceed it within 20 minutes, which is
/// how long one may pass the time window.
const DEFAULT_CAPACITY: usize = 16_384;

/// Remembers requests of a time window, to recognise those that are sent again: see
/// [`Callback::event_once`](crate::Callback::event_once).
///
/// Share one among all requests. It is in memory: another process, or the same one after a restart, knows nothing of it.
///
/// A request is known by its ciphertext, which holds 16 random bytes. Timestamp and nonce would not do: WeCom's signature
/// joins its sorted parts without a mark between them, so the same signature also fits other pairs of timestamp and
/// nonce. As a timestamp must have ten digits, one other pair is left: the same digits, divided from the other end. Its
/// timestamp is an accident of the nonce, and rarely near the time here.
///
/// Only requests with the right signature get here, so forged ones do not fill it. When it is full it forgets the oldest.
pub struct Replays {
    window: Duration,
    capacity: usize,
    seen: Mutex<Seen>,
}

/// The digests of ciphertexts, the oldest first.
#[derive(Default)]
struct Seen {
    known: HashSet<Digest>,
    in_order: VecDeque<Digest>,
}

type Digest = [u8; 20];

impl Default for Replays {
    /// A window of 10 minutes, and 16,384 requests.
    fn default() -> Self {
        Self::new(DEFAULT_WINDOW, DEFAULT_CAPACITY)
    }
}

impl Replays {
    /// Refuses requests whose timestamp is more than `window` before or after the time here, and remembers `capacity`
    /// requests, at least one. Each takes about 60 bytes.
    ///
    /// WeCom tries three times, and nobody says how long it waits in between: leave a few minutes.
    pub fn new(window: Duration, capacity: usize) -> Self {
        Self { window, capacity: capacity.max(1), seen: Mutex::default() }
    }

    /// Forgets a request, so that its next attempt counts as the first: for one that you answer with an error after all.
    ///
    /// `body` is the body as it came. Does nothing if the request is not known.
    pub fn forget(&self, body: &[u8]) {
        if let Ok(encrypt) = encrypt_of(body) {
            let (mut seen, digest) = (self.lock(), digest(&encrypt));
            if seen.known.remove(&digest) {
                seen.in_order.retain(|other| *other != digest);
            }
        }
    }

    /// How many requests are remembered.
    pub fn len(&self) -> usize {
        self.lock().known.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Refuses a request whose timestamp is too far from `now`.
    pub(crate) fn check_time(&self, query: &Query, now: SystemTime) -> Result<(), Reason> {
        let seconds = timestamp(query).abs_diff(unix_seconds(now));
        if seconds > self.window.as_secs() { Err(Reason::OutsideTimeWindow { seconds }) } else { Ok(()) }
    }

    /// Remembers a request whose signature and timestamp are right. Returns whether it came for the first time.
    ///
    /// Nothing is forgotten because time has passed: the other pair of the same digits may lie in the future.
    pub(crate) fn is_first(&self, encrypt: &str) -> bool {
        let mut seen = self.lock();
        let digest = digest(encrypt);
        if !seen.known.insert(digest) {
            return false;
        }
        seen.in_order.push_back(digest);
        if seen.in_order.len() > self.capacity
            && let Some(oldest) = seen.in_order.pop_front()
        {
            seen.known.remove(&oldest);
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without what was remembered.
impl fmt::Debug for Replays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replays").field("window", &self.window).field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Ten digits always fit.
fn timestamp(query: &Query) -> u64 {
    query.timestamp().parse().unwrap_or(0)
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn digest(encrypt: &str) -> Digest {
    <Sha1 as sha1::Digest>::digest(encrypt).into()
}
