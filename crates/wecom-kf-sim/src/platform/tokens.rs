use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};
use wecom_kf_raw::ErrCode;

use super::{KEPT, Platform, text};
use crate::refusal::Refusal;

/// What a second `gettoken` answers while a token is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refetch {
    /// unverified: the same token, with what is left of its time [91039, editions to 2023; silent since].
    Same,
    /// unverified: a new one, and the old one stays valid.
    Fresh,
}

/// The access tokens of the app.
pub(crate) struct AccessTokens {
    pub(crate) lifetime: Duration,
    refetch: Refetch,
    current: Option<String>,
    /// When each token expires; a revoked one is not here any more.
    expiry: HashMap<String, Duration>,
}

impl AccessTokens {
    pub(crate) fn new(lifetime: Duration, refetch: Refetch) -> Self {
        Self { lifetime, refetch, current: None, expiry: HashMap::new() }
    }

    /// Whether a call with `token` may go on.
    pub(crate) fn check(&self, token: Option<&str>, now: Duration) -> Result<(), Refusal> {
        let token = token.filter(|token| !token.is_empty()).ok_or(ErrCode::ACCESS_TOKEN_MISSING)?;
        let expiry = self.expiry.get(token).ok_or(ErrCode::INVALID_ACCESS_TOKEN)?;
        // Practice also knows 40014 for a token past its time [seen in practice]; `revoke` plays that one.
        if now >= *expiry { Err(ErrCode::ACCESS_TOKEN_EXPIRED.into()) } else { Ok(()) }
    }

    /// The token handed out last, whether still good or not.
    pub(crate) fn current(&self) -> Option<&str> {
        self.current.as_deref()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        self.expiry.keys().chain(&self.current).map(String::as_str)
    }

    pub(crate) fn expire(&mut self, now: Duration) {
        if let Some(expiry) = self.current.as_ref().and_then(|token| self.expiry.get_mut(token)) {
            *expiry = now.min(*expiry);
        }
    }

    pub(crate) fn revoke(&mut self) {
        if let Some(token) = self.current.as_ref() {
            self.expiry.remove(token);
        }
    }

    /// The valid token that `gettoken` hands out again, if it does, and what is left of its time.
    fn reusable(&self, now: Duration) -> Option<(String, Duration)> {
        if self.refetch == Refetch::Fresh {
            return None;
        }
        let token = self.current.as_ref()?;
        let left = self.expiry.get(token)?.checked_sub(now).filter(|left| !left.is_zero())?;
        Some((token.clone(), left))
    }

    fn issue(&mut self, token: String, now: Duration) {
        self.expiry.retain(|_, expiry| now <= *expiry + KEPT);
        self.expiry.insert(token.clone(), now + self.lifetime);
        self.current = Some(token);
    }
}

// Without the tokens.
impl std::fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessTokens").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

impl Platform {
    /// `GET /cgi-bin/gettoken` [91039].
    pub(crate) fn gettoken(&mut self, now: Duration, request: &Value) -> Result<Value, Refusal> {
        let corpid = text(request, "corpid").ok_or(ErrCode::CORPID_MISSING)?;
        let corpsecret = text(request, "corpsecret").ok_or(ErrCode::SECRET_MISSING)?;
        if corpid != self.corp_id {
            return Err(ErrCode::INVALID_CORPID.into());
        }
        if corpsecret != self.secret {
            return Err(ErrCode::INVALID_CREDENTIAL.into());
        }
        let (access_token, left) = self.access_tokens.reusable(now).unwrap_or_else(|| self.new_access_token(now));
        // Whole seconds; a token that is still good never says 0.
        Ok(json!({ "access_token": access_token, "expires_in": left.as_secs().max(1) }))
    }

    fn new_access_token(&mut self, now: Duration) -> (String, Duration) {
        // Real ones have about 214 characters; up to 512 bytes are documented [91039].
        let token = self.ids.next("access token", "", 214);
        self.access_tokens.issue(token.clone(), now);
        (token, self.access_tokens.lifetime)
    }
}
