//! The tag `customer`: which customers a corp can read, and what it reads of them [95159].

use std::time::Duration;

use serde::Serialize;
use wecom_kf_raw::types;
use wecom_kf_raw::types::{CustomerBatchgetRequest, CustomerEnterSessionContext};

use crate::platform::Platform;
use crate::platform::model::assumptions::{Assumption, Assumptions};
use crate::platform::model::contact_ways::Entrance;
use crate::platform::model::customer::{Customer, Profile};
use crate::platform::model::refusal::Refusal;
use crate::platform::model::window_48h::within_window;

#[derive(Serialize)]
pub(crate) struct CustomerBatch {
    customer_list: Vec<types::Customer>,
    invalid_external_userid: Vec<String>,
}

impl Platform {
    /// `POST /cgi-bin/kf/customer/batchget` [95159].
    pub(crate) fn customer_batchget(
        &mut self,
        now: Duration,
        request: CustomerBatchgetRequest,
    ) -> Result<CustomerBatch, Refusal> {
        let wants_context = request.need_enter_session_context == Some(1);
        let mut batch = CustomerBatch { customer_list: Vec::new(), invalid_external_userid: Vec::new() };
        for external_userid in request.external_userid_list {
            let customer = self.existing().find_map(|account| account.customers.get(&external_userid));
            rule!(customers_without_contact_are_unreadable);
            match customer.filter(|customer| customer.had_contact(now, &self.assumptions)) {
                None => batch.invalid_external_userid.push(external_userid),
                Some(customer) => {
                    rule!(context_of_last_48_hours);
                    let entrance = customer.recently_entered(now).filter(|_| wants_context);
                    let enter_session_context = entrance.map(|entrance| entrance.context().clone());
                    batch.customer_list.push(customer.listed(external_userid, enter_session_context));
                }
            }
        }
        Ok(batch)
    }
}

impl Customer {
    fn had_contact(&self, now: Duration, assumptions: &Assumptions) -> bool {
        let has_entered = self.recently_entered(now).is_some() && assumptions.hold(Assumption::EnteringIsContact);
        within_window(self.session.last_message(), now) || has_entered
    }

    fn recently_entered(&self, now: Duration) -> Option<&Entrance> {
        let entered = self.entered.as_ref().filter(|entered| within_window(Some(entered.at), now));
        entered.map(|entered| &entered.entrance)
    }

    fn listed(
        &self,
        external_userid: String,
        enter_session_context: Option<CustomerEnterSessionContext>,
    ) -> types::Customer {
        let Profile { gender, avatar, unionid } = &self.profile;
        types::Customer {
            avatar: avatar.clone(),
            enter_session_context,
            external_userid: Some(external_userid),
            gender: Some(*gender),
            nickname: Some(self.name.clone()),
            unionid: unionid.clone(),
        }
    }
}
