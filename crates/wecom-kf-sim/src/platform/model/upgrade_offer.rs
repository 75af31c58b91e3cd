//! What the bot may offer a customer in the upgrade service.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the bot offered to a customer: see [`Customer::upgrade_offer`](crate::Customer::upgrade_offer).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum UpgradeOffer {
    /// A specialist (专员服务).
    Member {
        /// The member.
        userid: String,
        /// The recommendation.
        wording: Option<String>,
    },
    /// A customer group (客户群服务).
    Groupchat {
        /// The group.
        chat_id: String,
        /// The recommendation.
        wording: Option<String>,
    },
}

impl UpgradeOffer {
    /// Returns the `userid` or the `chat_id`.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Member { userid, .. } => userid,
            Self::Groupchat { chat_id, .. } => chat_id,
        }
    }

    /// Returns the `type` of the offer in the control API.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Member { .. } => "member",
            Self::Groupchat { .. } => "groupchat",
        }
    }

    pub(crate) fn wording(&self) -> Option<&str> {
        match self {
            Self::Member { wording, .. } | Self::Groupchat { wording, .. } => wording.as_deref(),
        }
    }
}

// For transcripts.
impl fmt::Display for UpgradeOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member { userid, .. } => write!(f, "the member {userid}"),
            Self::Groupchat { chat_id, .. } => write!(f, "the group {chat_id}"),
        }
    }
}
