//! `Token` of `control.yaml`, without how often it was asked for.

use std::time::Duration;

use serde::Serialize;

use super::{beginning, left};
use crate::platform::Platform;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ShownToken {
    status: &'static str,
    shown: Option<String>,
    expires_at: Option<u64>,
    left_s: Option<u64>,
}

impl Platform {
    pub(crate) fn show_token(&self, now: Duration) -> ShownToken {
        let Some(token) = self.access_tokens.current() else {
            return ShownToken { status: "none", shown: None, expires_at: None, left_s: None };
        };
        let (status, expires_at) = match self.access_tokens.expiry() {
            None => ("revoked", None),
            Some(expiry) if expiry <= now => ("expired", Some(expiry)),
            Some(expiry) => ("valid", Some(expiry)),
        };
        ShownToken {
            status,
            shown: Some(beginning(token)),
            expires_at: expires_at.map(|expiry| expiry.as_secs()),
            left_s: Some(expires_at.map_or(0, |expiry| left(expiry, now))),
        }
    }
}

impl ShownToken {
    /// Returns whether only the time that is left may differ.
    pub(super) fn is_same_token(&self, other: &Self) -> bool {
        (self.status, &self.shown, self.expires_at) == (other.status, &other.shown, other.expires_at)
    }
}
