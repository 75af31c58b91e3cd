//! What a call is about, and what tells whether it is a mistake of the bot.

use std::time::Duration;

use serde_json::Value;
use wecom_kf_raw::{Operation, op};

use crate::platform::model::event_codes::Occasion;
use crate::platform::{Chat, Platform};

/// A customer may wait this long for an answer, by the simulator's clock.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(5 * 60);

/// What the platform knew when a call came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// The state and the servicer.
    pub(crate) session: Option<(i64, Option<String>)>,
    pub(crate) is_late_welcome: bool,
    /// How long the newest access token was still valid.
    pub(crate) token_left: Option<Duration>,
    /// Whether a call of `sync_msg` counts towards the limit for reads without the token of a callback.
    pub(crate) is_limited_read: bool,
}

/// A customer who waits for an answer.
#[derive(Clone, Debug)]
pub(crate) struct Unanswered {
    pub(crate) open_kfid: String,
    pub(crate) external_userid: String,
    pub(crate) since: Duration,
}

impl Platform {
    /// Returns the account and the customer that a call is about, and the facts. The request has not been checked.
    pub(crate) fn facts(
        &mut self,
        now: Duration,
        operation: Operation,
        request: &Value,
    ) -> ((Option<String>, Option<String>), Facts) {
        let mut place = self.named(request);
        let mut facts = Facts::default();
        match operation {
            op::SYNC_MSG => facts.is_limited_read = self.is_limited_read(text(request, "token"), now),
            op::GETTOKEN => facts.token_left = self.access_tokens.expiry().and_then(|expiry| expiry.checked_sub(now)),
            op::SEND_MSG_ON_EVENT => {
                let code = text(request, "code").unwrap_or_default();
                if let Some(known) = self.event_codes.get(now, code) {
                    place = (Some(known.open_kfid.clone()), Some(known.external_userid.clone()));
                    facts.is_late_welcome = known.occasion == Occasion::Welcome && now > known.until;
                }
            }
            op::SEND_MSG => {
                let chat = place.0.as_deref().zip(place.1.as_deref());
                let chat = chat.map(|(open_kfid, external_userid)| Chat { open_kfid, external_userid });
                let customer = chat.and_then(|chat| self.customer_at(chat));
                facts.session = customer.map(|customer| {
                    let servicer = customer.session.servicer_userid(now).map(str::to_owned);
                    (customer.session.state(now) as i64, servicer)
                });
            }
            _ => {}
        }
        (place, facts)
    }

    /// Returns the account and the customer that a request names, if they exist. Anything else is not returned, because it
    /// may be a secret in the wrong place.
    fn named(&mut self, request: &Value) -> (Option<String>, Option<String>) {
        let account = text(request, "open_kfid").and_then(|open_kfid| self.any_account(open_kfid));
        let Some(account) = account else { return (None, None) };
        let external_userid = text(request, "touser").or_else(|| text(request, "external_userid"));
        let known = external_userid.filter(|external_userid| account.customers.contains_key(*external_userid));
        (Some(account.open_kfid.clone()), known.map(str::to_owned))
    }
}

/// Returns a text of a request that is not empty.
fn text<'a>(request: &'a Value, member: &str) -> Option<&'a str> {
    request[member].as_str().filter(|text| !text.is_empty())
}
