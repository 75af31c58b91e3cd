//! Access tokens: how long they are valid, and how they are reused, expire and are revoked.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wecom_kf_raw::ErrCode;

use crate::platform::Platform;
use crate::platform::model::assumptions::Assumption;
use crate::platform::model::ids::Ids;
use crate::platform::model::refusal::Refusal;
use crate::platform::model::retention::KEPT;

rule!(access_tokens_have_214_characters);
/// Real ones have about 214 characters; up to 512 bytes are documented.
pub(crate) const LENGTH: usize = 214;
/// The kind of the ids.
const KIND: &str = "access token";

/// Returns whether these ids made the token, whenever that was.
pub(crate) fn is_made_by(ids: &Ids, token: &str) -> bool {
    // Tokens are numbered from 1, and nobody asks for this many. A low limit makes it cheap to recognise other texts.
    ids.unseal_below(KIND, token, LENGTH, u64::from(u32::MAX)).is_some()
}

/// The access tokens of the app.
#[derive(Deserialize, Serialize)]
pub(crate) struct AccessTokens {
    pub(crate) lifetime: Duration,
    current: Option<String>,
    /// All tokens that were issued, except those that expired more than 3 days ago.
    issued: HashMap<String, Issued>,
}

/// An access token that was issued.
#[derive(Deserialize, Serialize)]
struct Issued {
    expiry: Duration,
    standing: Standing,
}

#[derive(Clone, Copy, Deserialize, Eq, PartialEq, Serialize)]
enum Standing {
    Good,
    Revoked,
}

impl AccessTokens {
    pub(crate) fn new(lifetime: Duration) -> Self {
        Self { lifetime, current: None, issued: HashMap::new() }
    }

    /// Checks whether a call may use `token`. A token that has expired is refused with `expired`.
    pub(crate) fn check(&self, token: Option<&str>, now: Duration, expired: ErrCode) -> Result<(), Refusal> {
        let token = token.filter(|token| !token.is_empty()).ok_or(ErrCode::ACCESS_TOKEN_MISSING)?;
        let expiry = self.expiry_of(token).ok_or(ErrCode::INVALID_ACCESS_TOKEN)?;
        if now >= expiry { Err(expired.into()) } else { Ok(()) }
    }

    /// Returns the newest token, even if it is no longer valid.
    pub(crate) fn current(&self) -> Option<&str> {
        self.current.as_deref()
    }

    pub(crate) fn expire(&mut self, now: Duration) {
        if let Some(issued) = self.current.as_ref().and_then(|token| self.issued.get_mut(token)) {
            issued.expiry = now.min(issued.expiry);
        }
    }

    pub(crate) fn revoke(&mut self) {
        if let Some(issued) = self.current.as_ref().and_then(|token| self.issued.get_mut(token)) {
            issued.standing = Standing::Revoked;
        }
    }

    pub(crate) fn revoke_all(&mut self) {
        self.issued.values_mut().for_each(|issued| issued.standing = Standing::Revoked);
    }

    /// Returns whether this token was issued, even if it is no longer valid.
    pub(crate) fn has_issued(&self, token: &str) -> bool {
        self.issued.contains_key(token)
    }

    /// Takes over the tokens from before a reset, and revokes them. A client that still uses one gets the answer of the same
    /// corp.
    pub(crate) fn take_over_revoked(&mut self, mut before: Self) {
        before.revoke_all();
        self.issued = before.issued;
    }

    /// Returns when the newest token expires, unless it was revoked.
    pub(crate) fn expiry(&self) -> Option<Duration> {
        self.expiry_of(self.current.as_ref()?)
    }

    /// Returns when a token expires, if it was issued and not revoked.
    fn expiry_of(&self, token: &str) -> Option<Duration> {
        self.issued.get(token).filter(|issued| issued.standing == Standing::Good).map(|issued| issued.expiry)
    }

    /// Returns the valid token that `gettoken` issues again, and how long it is still valid.
    pub(crate) fn reusable(&self, now: Duration) -> Option<(String, Duration)> {
        let token = self.current.as_ref()?;
        let left = self.expiry_of(token)?.checked_sub(now).filter(|left| !left.is_zero())?;
        Some((token.clone(), left))
    }

    fn issue(&mut self, token: String, now: Duration) {
        self.issued.retain(|_, issued| now <= issued.expiry + KEPT);
        self.issued.insert(token.clone(), Issued { expiry: now + self.lifetime, standing: Standing::Good });
        self.current = Some(token);
    }
}

// `Debug` leaves out the tokens, which are secrets.
impl std::fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessTokens").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

impl Platform {
    /// Checks whether a call may use this access token.
    pub(crate) fn check_access_token(&self, now: Duration, token: Option<&str>) -> Result<(), Refusal> {
        let documented = self.assumptions.hold(Assumption::ExpiredTokenIs42001);
        let expired = if documented { ErrCode::ACCESS_TOKEN_EXPIRED } else { ErrCode::INVALID_ACCESS_TOKEN };
        self.access_tokens.check(token, now, expired)
    }

    pub(crate) fn new_access_token(&mut self, now: Duration) -> (String, Duration) {
        let token = self.ids.next_sealed(KIND, LENGTH);
        self.access_tokens.issue(token.clone(), now);
        (token, self.access_tokens.lifetime)
    }
}
