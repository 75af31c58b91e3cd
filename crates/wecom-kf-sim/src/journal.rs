use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use serde_json::Value;

/// The journal keeps this many calls, the newest.
const KEPT_CALLS: usize = 10_000;
const MASK: &str = "***";

/// A call as the simulator saw it.
///
/// Access tokens, the secret and callback tokens are nowhere in it: where one stood are three asterisks.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Call {
    /// The operation, such as `send_msg`; `unknown_path` where there is none.
    pub operation: &'static str,
    /// What was answered. With the fault `reset_after` what would have been. None if the answer was not a reply of the
    /// platform's.
    pub errcode: Option<i32>,
    /// The HTTP status, 0 if no answer was sent.
    pub status: u16,
    /// When it came, in Unix seconds of the simulator's clock.
    pub at: u64,
    /// How long it took, in real time.
    pub took: Duration,
    /// The body; of `gettoken` the corpid; a text if it was not JSON; null if there was none.
    pub request: Value,
    /// The fault that hit it, such as `errcode -1` or `reset_after`.
    pub fault: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Journal {
    calls: VecDeque<Call>,
    counts: HashMap<&'static str, usize>,
}

impl Journal {
    /// Counts a call that has come, whatever becomes of it.
    pub(crate) fn count(&mut self, operation: &'static str) {
        *self.counts.entry(operation).or_default() += 1;
    }

    pub(crate) fn push(&mut self, call: Call) {
        if self.calls.len() == KEPT_CALLS {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }

    pub(crate) fn counted(&self, operation: &str) -> usize {
        self.counts.get(operation).copied().unwrap_or(0)
    }

    pub(crate) fn calls(&self) -> impl DoubleEndedIterator<Item = &Call> {
        self.calls.iter()
    }
}

/// Masks every secret in `value`, wherever a client put it.
pub(crate) fn mask(value: &mut Value, secrets: &[&str]) {
    match value {
        Value::String(text) => mask_text(text, secrets),
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, secrets)),
        Value::Object(members) => {
            // Names too: a client may put anything anywhere.
            *members = std::mem::take(members)
                .into_iter()
                .map(|(mut name, mut member)| {
                    mask_text(&mut name, secrets);
                    mask(&mut member, secrets);
                    (name, member)
                })
                .collect();
        }
        _ => {}
    }
}

pub(crate) fn mask_text(text: &mut String, secrets: &[&str]) {
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        if text.contains(secret) {
            *text = text.replace(secret, MASK);
        }
    }
}

/// What `sync_msg` calls `token` is a callback token, known to us or not.
pub(crate) fn mask_sync_token(request: &mut Value) {
    if let Some(token) = request.get_mut("token") {
        *token = MASK.into();
    }
}
