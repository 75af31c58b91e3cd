//! Refusals: the errcode, and the errmsg as the server words it.

use serde_json::{Value, json};
use wecom_kf_raw::{ErrCode, Lang, Operation};

/// Why the platform does not do a call. `errcode` and `errmsg` say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: ErrCode,
    /// The exact reason, where the meaning of the code says too little.
    detail: Option<String>,
}

impl Refusal {
    pub(crate) fn because(code: ErrCode, detail: impl Into<String>) -> Self {
        Self { code, detail: Some(detail.into()) }
    }

    /// Returns what is wrong, in our words.
    pub(crate) fn what(&self, operation: Operation) -> String {
        match (&self.detail, self.code.meaning_at(operation.id, Lang::En)) {
            (Some(detail), "") => detail.clone(),
            (Some(detail), meaning) => format!("{meaning}: {detail}"),
            (None, "") => "refused".to_owned(),
            (None, meaning) => meaning.to_owned(),
        }
    }

    /// Returns the reply. Its `errmsg` is in the server's style: a hint number, the caller's IP and a help URL.
    pub(crate) fn into_reply(self, operation: Operation, hint: &str) -> Value {
        rule!(errmsg_has_hint);
        let code = self.code.0;
        let what = real_errmsg(self.code).map_or_else(|| self.what(operation), str::to_owned);
        let help = format!("https://open.work.weixin.qq.com/devtool/query?e={code}");
        let errmsg = format!("{what}, hint: [{hint}], from ip: 127.0.0.1, more info at {help}");
        json!({ "errcode": code, "errmsg": errmsg })
    }
}

/// Returns the server's own words, where they are known.
fn real_errmsg(code: ErrCode) -> Option<&'static str> {
    rule!(errmsg_of_server);
    REAL_ERRMSGS.iter().find(|(known, _)| *known == code).map(|(_, errmsg)| *errmsg)
}

const REAL_ERRMSGS: [(ErrCode, &str); 4] = [
    (ErrCode::INVALID_SYNC_TOKEN, "invalid msg token"),
    (ErrCode(95012), "not use in wecom"),
    (ErrCode::SESSION_ENDED, "conversation end"),
    (ErrCode::STATE_TRANSITION_NOT_ALLOWED, "not allow transition state"),
];

impl From<ErrCode> for Refusal {
    fn from(code: ErrCode) -> Self {
        Self { code, detail: None }
    }
}
