//! Recalling a message that the bot sent. How customers and servicers recall is in `people/`.

use std::time::Duration;

use wecom_kf_raw::types::RecallMsgRequest;
use wecom_kf_raw::{ErrCode, op};

use crate::platform::Platform;
use crate::platform::model::assumptions::Assumption;
use crate::platform::model::chat::Author;
use crate::platform::model::refusal::Refusal;
use crate::platform::ops::Nothing;

const WINDOW: Duration = Duration::from_secs(2 * 60);

impl Platform {
    /// `POST /cgi-bin/kf/recall_msg`. The message still counts among the five, and its msgid stays used.
    pub(crate) fn recall_msg(&mut self, now: Duration, request: RecallMsgRequest) -> Result<Nothing, Refusal> {
        if !self.assumptions.hold(Assumption::RecallMsgExists) {
            return Err(ErrCode::API_FORBIDDEN.into());
        }
        let RecallMsgRequest { open_kfid, msgid } = &request;
        let account = self.account(open_kfid)?;
        let external_userid = account.sent_msgids.get(now, msgid).ok_or(ErrCode::RECALL_MESSAGE_NOT_FOUND)?.clone();
        let customer = account.customer(&external_userid)?;
        rule!(second_recall_is_refused);
        let entry = customer.history.find(msgid).filter(|entry| !entry.recalled);
        let entry = entry.ok_or(ErrCode::RECALL_MESSAGE_NOT_FOUND)?;
        rule!(only_send_msg_can_be_recalled);
        if entry.from != Author::Bot(op::SEND_MSG.id.into()) {
            return Err(Refusal::because(ErrCode::INVALID_PARAMETER, "`send_msg` did not send this message"));
        }
        if now > entry.at + WINDOW {
            return Err(ErrCode::RECALL_WINDOW_CLOSED.into());
        }
        customer.lose(now, msgid);
        Ok(Nothing {})
    }
}
