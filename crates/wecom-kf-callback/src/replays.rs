//! Detects repeated requests: by a time window, and by remembering the ciphertexts of requests.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha1::Sha1;

use crate::callback::encrypt_of;
use crate::{Query, Reason};

/// The default time window. It is long enough for WeCom's three attempts and for clocks that differ.
const DEFAULT_WINDOW: Duration = Duration::from_secs(10 * 60);
/// How many requests are remembered by default. They take about 1 MB. A request passes the time window for at most 20
/// minutes. Only more than 13 requests a second would exceed this number in that time.
const DEFAULT_CAPACITY: usize = 16_384;

/// A memory of recent requests that detects repeats, for [`Callback::event_once`](crate::Callback::event_once).
///
/// Share one among all requests. It is only in memory: other processes do not share it, and a restart clears it.
///
/// Requests are identified by their ciphertext, which contains 16 random bytes. The timestamp and the nonce would not be
/// enough: WeCom's signature covers its sorted parts without a separator, so the same signature is valid for other pairs
/// of timestamp and nonce. As a timestamp must have ten digits, there is one other valid pair: the joined text, split ten
/// digits from its other end. The timestamp of that pair comes from the nonce, and is rarely inside the time window.
///
/// Only requests with a valid signature are remembered, so forged ones cannot fill the memory. When it is full, the oldest
/// request is forgotten.
pub struct Replays {
    window: Duration,
    capacity: usize,
    seen: Mutex<Seen>,
}

/// The digests of ciphertexts. `in_order` has the oldest first.
#[derive(Default)]
struct Seen {
    known: HashSet<Digest>,
    in_order: VecDeque<Digest>,
}

type Digest = [u8; 20];

impl Default for Replays {
    /// Creates a memory with a time window of 10 minutes and 16,384 requests.
    fn default() -> Self {
        Self::new(DEFAULT_WINDOW, DEFAULT_CAPACITY)
    }
}

impl Replays {
    /// Creates a memory that refuses requests whose timestamp differs from the time of this machine by more than `window`,
    /// and that remembers `capacity` requests, at least one. Each takes about 60 bytes.
    ///
    /// WeCom tries three times, and does not document how long it waits in between, so `window` should be a few minutes.
    pub fn new(window: Duration, capacity: usize) -> Self {
        Self { window, capacity: capacity.max(1), seen: Mutex::default() }
    }

    /// Forgets a request. Call it if you answer the request with an error, so that WeCom's next attempt does not count as a
    /// repeat.
    ///
    /// `body` is the unchanged body of the request. Does nothing if the request is not remembered.
    pub fn forget(&self, body: &[u8]) {
        if let Ok(encrypt) = encrypt_of(body) {
            let (mut seen, digest) = (self.lock(), digest(&encrypt));
            if seen.known.remove(&digest) {
                seen.in_order.retain(|other| *other != digest);
            }
        }
    }

    /// Returns the number of remembered requests.
    pub fn len(&self) -> usize {
        self.lock().known.len()
    }

    /// Returns whether no request is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Refuses a request whose timestamp is too far from `now`.
    pub(crate) fn check_time(&self, query: &Query, now: SystemTime) -> Result<(), Reason> {
        let seconds = timestamp(query).abs_diff(unix_seconds(now));
        if seconds > self.window.as_secs() { Err(Reason::OutsideTimeWindow { seconds }) } else { Ok(()) }
    }

    /// Remembers a request whose signature and timestamp are valid. Returns whether it arrived for the first time.
    ///
    /// Requests are not forgotten when their time window has passed, because the other valid pair of timestamp and nonce
    /// (see [`Replays`]) may have a timestamp in the future.
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

/// Omits the remembered requests.
impl fmt::Debug for Replays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replays").field("window", &self.window).field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Returns the timestamp of the query. Its ten digits always fit into a `u64`.
fn timestamp(query: &Query) -> u64 {
    query.timestamp().parse().unwrap_or(0)
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn digest(encrypt: &str) -> Digest {
    <Sha1 as sha1::Digest>::digest(encrypt).into()
}
