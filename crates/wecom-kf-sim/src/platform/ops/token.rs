//! The tag `token`: how an app gets an access token.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wecom_kf_raw::ErrCode;

use crate::platform::Platform;
use crate::platform::model::assumptions::Assumption;
use crate::platform::model::refusal::Refusal;
use crate::platform::ops::given;

#[derive(Deserialize)]
pub(crate) struct GettokenRequest {
    corpid: Option<String>,
    corpsecret: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct TokenIssued {
    access_token: String,
    expires_in: u64,
}

impl Platform {
    /// `GET /cgi-bin/gettoken` [91039].
    pub(crate) fn gettoken(&mut self, now: Duration, request: GettokenRequest) -> Result<TokenIssued, Refusal> {
        let corpid = given(request.corpid.as_deref()).ok_or(ErrCode::CORPID_MISSING)?;
        let corpsecret = given(request.corpsecret.as_deref()).ok_or(ErrCode::SECRET_MISSING)?;
        if corpid != self.corp_id {
            return Err(ErrCode::INVALID_CORPID.into());
        }
        if corpsecret != self.secret {
            return Err(ErrCode::INVALID_CREDENTIAL.into());
        }
        let again = self.assumptions.hold(Assumption::RefetchGivesSameToken);
        let reusable = self.access_tokens.reusable(now).filter(|_| again);
        let (access_token, left) = reusable.unwrap_or_else(|| self.new_access_token(now));
        // In whole seconds. 0 would say that the token has expired.
        Ok(TokenIssued { access_token, expires_in: left.as_secs().max(1) })
    }
}
