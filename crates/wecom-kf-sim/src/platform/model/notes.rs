//! The notes of a chat: lines for what happens besides messages. `ChatEntry` in `control.yaml` describes their JSON.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use wecom_kf_raw::types::CustomerEnterSessionContext;

use crate::platform::UpgradeOffer;

/// Something that happened in a chat.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Note<'a> {
    Entered {
        #[serde(skip)]
        customer: &'a str,
        #[serde(flatten)]
        context: &'a CustomerEnterSessionContext,
    },
    /// The API moved the session.
    State {
        by: Mover,
        from: i64,
        state: i64,
        servicer_userid: Option<&'a str>,
    },
    Taken {
        by: Mover,
        servicer_userid: Option<&'a str>,
    },
    Transferred {
        by: Mover,
        servicer_userid: Option<&'a str>,
    },
    Ended {
        by: Mover,
        servicer_userid: Option<&'a str>,
    },
    Recalled {
        msgid: &'a str,
    },
    Rejecting {
        servicer_userid: &'a str,
        rejecting: bool,
    },
    Offered(ShownOffer<'a>),
    Withdrawn,
    Accepted {
        #[serde(skip)]
        customer: &'a str,
    },
    AskedToRate {
        servicer_userid: &'a str,
    },
    Rated {
        #[serde(skip)]
        customer: &'a str,
        rating: &'static str,
    },
    #[serde(rename = "other")]
    NotDelivered {
        #[serde(skip)]
        fail_type: i64,
    },
}

/// Who moved a session.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mover {
    Api,
    Servicer,
}

/// An offer of the upgrade service as `control.yaml` describes it.
#[derive(Serialize)]
pub(crate) struct ShownOffer<'a> {
    #[serde(skip)]
    offer: &'a UpgradeOffer,
    id: &'a str,
    r#type: &'static str,
    wording: Option<&'a str>,
}

impl<'a> From<&'a UpgradeOffer> for ShownOffer<'a> {
    fn from(offer: &'a UpgradeOffer) -> Self {
        Self { offer, id: offer.id(), r#type: offer.kind(), wording: offer.wording() }
    }
}

impl Note<'_> {
    /// Returns the note with its line in English.
    pub(crate) fn body(&self) -> Box<RawValue> {
        #[derive(Serialize)]
        struct Body<'a> {
            #[serde(flatten)]
            note: &'a Note<'a>,
            text: String,
        }
        let body = Body { note: self, text: self.text() };
        to_raw_value(&body).expect("the keys of a note are strings")
    }

    fn text(&self) -> String {
        match self {
            Self::Entered { customer, .. } => format!("({customer} enters)"),
            Self::State { from, state, .. } => format!("(the API moves the session from {from} to {state})"),
            Self::Taken { servicer_userid, .. } | Self::Transferred { servicer_userid, .. } => {
                format!("({} has the session)", servicer_userid.unwrap_or_default())
            }
            Self::Ended { .. } => "(the session ends)".to_owned(),
            Self::Recalled { .. } => "(a message is recalled)".to_owned(),
            Self::Rejecting { servicer_userid, rejecting } => {
                format!("({servicer_userid} switches rejecting to {})", u8::from(*rejecting))
            }
            Self::Offered(shown) => format!("(bot offers {})", shown.offer),
            Self::Withdrawn => "(bot withdraws the offer)".to_owned(),
            Self::Accepted { customer } => format!("({customer} takes the offer)"),
            Self::AskedToRate { servicer_userid } => format!("({servicer_userid} asks to rate)"),
            Self::Rated { customer, .. } => format!("({customer} rates)"),
            Self::NotDelivered { fail_type } => format!("(not delivered, fail_type {fail_type})"),
        }
    }
}
