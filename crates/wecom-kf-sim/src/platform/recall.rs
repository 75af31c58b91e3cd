use std::time::Duration;

use serde_json::{Value, json};
use wecom_kf_raw::ErrCode;

use super::{Customer, Platform, required};
use crate::refusal::Refusal;

/// unverified: 2 minutes, and all of this operation, by one SDK and the stand-alone edition.
const WINDOW: Duration = Duration::from_secs(2 * 60);

/// What is known of a message that was accepted.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(super) at: Duration,
    pub(super) external_userid: String,
    pub(super) by: SentBy,
}

/// What sent it, and whether it is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SentBy {
    SendMsg,
    SendMsgOnEvent,
    /// It was recalled.
    Nobody,
}

impl Platform {
    /// `POST /cgi-bin/kf/recall_msg`. The message still counts among the five, and its msgid stays used.
    pub(crate) fn recall_msg(&mut self, now: Duration, request: &Value) -> Result<Value, Refusal> {
        let msgid = required(request, "msgid")?;
        let account = self.account(request)?;
        let sent = account.sent_msgids.get_mut(msgid).ok_or(ErrCode::RECALL_MESSAGE_NOT_FOUND)?;
        match sent.by {
            SentBy::SendMsg => {}
            // unverified: that a second recall is answered so.
            SentBy::Nobody => return Err(ErrCode::RECALL_MESSAGE_NOT_FOUND.into()),
            // unverified: that these cannot be recalled is documented, the errcode is not.
            SentBy::SendMsgOnEvent => {
                return Err(Refusal::because(ErrCode::INVALID_PARAMETER, "`send_msg` did not send this message"));
            }
        }
        if now > sent.at + WINDOW {
            return Err(ErrCode::RECALL_WINDOW_CLOSED.into());
        }
        sent.by = SentBy::Nobody;
        let external_userid = sent.external_userid.clone();
        account.customer(&external_userid)?.forget_heard(now, msgid);
        Ok(json!({}))
    }
}

impl Customer {
    fn forget_heard(&mut self, now: Duration, msgid: &str) {
        if let Some(at) = self.heard.iter().position(|(_, heard)| heard.msgid == msgid) {
            self.heard.remove(at);
            if at < self.asked_for {
                self.asked_for -= 1;
            }
        }
        self.note(now, "(bot recalls a message)".to_owned());
    }
}
