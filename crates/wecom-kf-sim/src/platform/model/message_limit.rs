//! The five messages: how many messages the bot may send after the customer's last one.

use serde::{Deserialize, Serialize};
use wecom_kf_raw::ErrCode;

use crate::platform::model::refusal::Refusal;

rule!(five_messages_per_turn);
/// At most 5 messages after the customer's last one.
pub(crate) const MAX_MESSAGES: u32 = 5;

/// Counts the messages that were sent since the customer's last one.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct MessageLimit {
    sent: u32,
}

impl MessageLimit {
    /// Checks whether one more message may be sent.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        if self.sent >= MAX_MESSAGES { Err(ErrCode::MESSAGE_COUNT_LIMIT_EXCEEDED.into()) } else { Ok(()) }
    }

    pub(crate) fn count(&mut self) {
        self.sent += 1;
    }

    /// A new message of the customer resets the count.
    pub(crate) fn reset(&mut self) {
        rule!(message_of_customer_resets_count);
        self.sent = 0;
    }

    pub(crate) fn sent(&self) -> u32 {
        self.sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_message_is_refused_until_the_customer_writes() {
        let mut limit = MessageLimit::default();
        for _ in 0..5 {
            assert_eq!(limit.check(), Ok(()));
            limit.count();
        }
        assert_eq!(limit.check(), Err(ErrCode::MESSAGE_COUNT_LIMIT_EXCEEDED.into()));
        limit.reset();
        assert_eq!(limit.check(), Ok(()));
    }
}
