//! What the corp can know of customers [95159].

use std::time::Duration;

use serde_json::{Value, json};

use crate::platform::model::assumptions::{Assumption, Assumptions};
use crate::platform::model::contact_ways::Entrance;
use crate::platform::model::refusal::Refusal;
use crate::platform::model::session::within_window;
use crate::platform::{Customer, Platform};

/// What a customer says of themselves in WeChat.
#[derive(Debug)]
pub(crate) struct Profile {
    /// 0 unknown, 1 male, 2 female.
    pub(crate) gender: i64,
    pub(crate) avatar: Option<String>,
    /// Only if the corp has bound an account of the WeChat open platform.
    pub(crate) unionid: Option<String>,
}

impl Profile {
    pub(crate) fn of(name: &str) -> Self {
        // Leads nowhere: `.example` is reserved for that.
        let path: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
        Self { gender: 0, avatar: Some(format!("http://avatar.example/{path}/0")), unionid: None }
    }

    /// The `profile` of a `Customer`.
    pub(crate) fn show(&self) -> Value {
        json!({ "gender": self.gender, "avatar": self.avatar, "unionid": self.unionid })
    }
}

/// When and how a customer came in last.
#[derive(Debug)]
pub(crate) struct Entered {
    pub(crate) at: Duration,
    pub(crate) entrance: Entrance,
}

impl Platform {
    /// `POST /cgi-bin/kf/customer/batchget` [95159].
    pub(crate) fn customer_batchget(&mut self, now: Duration, request: &Value) -> Result<Value, Refusal> {
        let wants_context = request["need_enter_session_context"] == 1;
        let (mut found, mut invalid) = (Vec::new(), Vec::new());
        for external_userid in request["external_userid_list"].as_array().into_iter().flatten() {
            let external_userid = external_userid.as_str().unwrap_or_default();
            let customer = self.existing().find_map(|account| account.customers.get(external_userid));
            // Neither one of another corp nor one without a contact in 48 hours can be read [95159].
            match customer.filter(|customer| customer.had_contact(now, &self.assumptions)) {
                None => invalid.push(external_userid),
                Some(customer) => {
                    let mut shown = customer.shown(external_userid);
                    // Only if asked for, and if there is one in the last 48 hours [95159].
                    if let Some(entrance) = customer.recently_entered(now).filter(|_| wants_context) {
                        shown["enter_session_context"] = entrance.members();
                    }
                    found.push(shown);
                }
            }
        }
        Ok(json!({ "customer_list": found, "invalid_external_userid": invalid }))
    }
}

impl Customer {
    /// unverified: that entering is a contact too; that writing is one is sure.
    fn had_contact(&self, now: Duration, assumptions: &Assumptions) -> bool {
        let has_entered = self.recently_entered(now).is_some() && assumptions.hold(Assumption::EnteringIsContact);
        within_window(self.session.last_message(), now) || has_entered
    }

    fn recently_entered(&self, now: Duration) -> Option<&Entrance> {
        let entered = self.entered.as_ref().filter(|entered| within_window(Some(entered.at), now));
        entered.map(|entered| &entered.entrance)
    }

    fn shown(&self, external_userid: &str) -> Value {
        let Profile { gender, avatar, unionid } = &self.profile;
        let mut shown = json!({ "external_userid": external_userid, "nickname": self.name, "gender": gender });
        if let Some(avatar) = avatar {
            shown["avatar"] = json!(avatar);
        }
        if let Some(unionid) = unionid {
            shown["unionid"] = json!(unionid);
        }
        shown
    }
}
