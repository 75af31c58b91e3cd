//! The accounts of a corp: what is stored about each, and how they are found.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wecom_kf_raw::ErrCode;

use crate::platform::Platform;
use crate::platform::model::customer::Customer;
use crate::platform::model::log::Log;
use crate::platform::model::refusal::Refusal;
use crate::platform::model::retention::{Aging, KEPT};
use crate::platform::model::servicers::Servicers;
use crate::platform::model::statistics::Figures;

/// An account, with its customers and its messages.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Account {
    pub(crate) open_kfid: String,
    pub(crate) name: String,
    pub(crate) avatar: String,
    /// A deleted account is no longer found, but its customers may still be looked at.
    pub(crate) deleted: bool,
    pub(crate) log: Log,
    pub(crate) servicers: Servicers,
    pub(crate) figures: Figures,
    /// By their `external_userid`.
    pub(crate) customers: BTreeMap<String, Customer>,
    /// The `external_userid` that each accepted message went to, by msgid.
    pub(crate) sent_msgids: Aging<String>,
    /// The customers that may have changed since the listeners were last told.
    #[serde(skip)]
    pub(crate) touched: Vec<String>,
}

impl Account {
    pub(crate) fn new(open_kfid: &str, name: &str) -> Self {
        Self {
            avatar: avatar(open_kfid),
            open_kfid: open_kfid.to_owned(),
            name: name.to_owned(),
            deleted: false,
            log: Log::default(),
            servicers: Servicers::default(),
            figures: Figures::default(),
            customers: BTreeMap::new(),
            sent_msgids: Aging::keeping(KEPT),
            touched: Vec::new(),
        }
    }

    /// Shows another picture.
    pub(crate) fn show_picture(&mut self, media_id: &str) {
        self.avatar = avatar(media_id);
    }

    /// Returns the customer that a request names.
    pub(crate) fn customer(&mut self, external_userid: &str) -> Result<&mut Customer, Refusal> {
        rule!(customers_belong_to_one_account);
        if self.customers.contains_key(external_userid) {
            self.touched.push(external_userid.to_owned());
        }
        self.customers.get_mut(external_userid).ok_or(ErrCode::INVALID_EXTERNAL_USERID.into())
    }
}

impl Platform {
    /// Adds an account as the admin console would, without a picture. Returns its `open_kfid`.
    pub(crate) fn open_account(&mut self, name: &str) -> String {
        let open_kfid = self.ids.next("account", "wk", 30);
        self.accounts.push(Account::new(&open_kfid, name));
        open_kfid
    }

    /// Returns the account that a request names.
    pub(crate) fn account(&mut self, open_kfid: &str) -> Result<&mut Account, Refusal> {
        rule!(unknown_account_codes);
        if !open_kfid.starts_with("wk") {
            return Err(ErrCode::INVALID_OPEN_KFID.into());
        }
        self.any_account(open_kfid).filter(|account| !account.deleted).ok_or(ErrCode::OPEN_KFID_NOT_FOUND.into())
    }

    /// Returns the account, even if it was deleted.
    pub(crate) fn any_account(&mut self, open_kfid: &str) -> Option<&mut Account> {
        self.accounts.iter_mut().find(|account| account.open_kfid == open_kfid)
    }

    /// Returns the accounts that are not deleted, in the order in which they were added.
    pub(crate) fn existing(&self) -> impl Iterator<Item = &Account> {
        self.accounts.iter().filter(|account| !account.deleted)
    }

    /// Returns the ids of the accounts that are not deleted, in the order in which they were added.
    pub(crate) fn open_kfids(&self) -> impl Iterator<Item = &str> {
        self.existing().map(|account| account.open_kfid.as_str())
    }

    /// Returns whether there is such an account, and it is not deleted.
    pub(crate) fn has_account(&self, open_kfid: &str) -> bool {
        self.existing().any(|account| account.open_kfid == open_kfid)
    }

    pub(crate) fn account_name(&self, open_kfid: &str) -> Option<&str> {
        self.existing().find(|account| account.open_kfid == open_kfid).map(|account| account.name.as_str())
    }

    /// Returns the first account that is not deleted, or else the first.
    pub(crate) fn first_account(&self) -> &str {
        let first = self.existing().next().or(self.accounts.first());
        first.map(|account| account.open_kfid.as_str()).unwrap_or_default()
    }
}

/// Returns the address of a picture. No picture is there: `.example` is reserved for addresses that lead nowhere.
fn avatar(of: &str) -> String {
    format!("https://avatar.example/{of}.png")
}
