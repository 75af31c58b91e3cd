//! Rules of accounts: names, pictures, the limit, paging.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use wecom_kf_raw::{ErrCode, limits};

use crate::platform::MediaKind;
use crate::platform::model::aging::Aging;
use crate::platform::model::assumptions::Assumption;
use crate::platform::model::log::Log;
use crate::platform::model::refusal::Refusal;
use crate::platform::model::statistics::Figures;
use crate::platform::ops::servicer::Servicers;
use crate::platform::{Account, KEPT, Platform, required, text};

/// A corp has at most 5,000 accounts [94662]; editions before 2022 say 10.
const MAX_ACCOUNTS: usize = 5_000;

impl Platform {
    /// Adds an account as the console would, without a picture to upload. Gives its `open_kfid`.
    pub(crate) fn open_account(&mut self, name: &str) -> String {
        let open_kfid = self.ids.next("account", "wk", 30);
        self.accounts.push(Account::new(&open_kfid, name));
        open_kfid
    }

    /// The accounts there are, in the order they were added.
    pub(crate) fn open_kfids(&self) -> impl Iterator<Item = &str> {
        self.existing().map(|account| account.open_kfid.as_str())
    }

    /// The first account there is. Where all were deleted, the first there was.
    pub(crate) fn first_account(&self) -> &str {
        let first = self.existing().next().or(self.accounts.first());
        first.map(|account| account.open_kfid.as_str()).unwrap_or_default()
    }

    /// `POST /cgi-bin/kf/account/add` [94662].
    pub(crate) fn account_add(&mut self, now: Duration, request: &Value) -> Result<Value, Refusal> {
        let name = required(request, "name")?;
        check_name(name)?;
        // unverified: SDKs send an empty one for an account without a picture, and nobody reports a refusal.
        let has_no_picture = request["media_id"] == "" && self.assumptions.hold(Assumption::EmptyCountsAsAbsent);
        if !has_no_picture {
            self.check_media(required(request, "media_id")?, MediaKind::Image, now)?;
        }
        if self.existing().count() >= MAX_ACCOUNTS {
            return Err(ErrCode::ACCOUNT_COUNT_OUT_OF_RANGE.into());
        }
        Ok(json!({ "open_kfid": self.open_account(name) }))
    }

    /// `POST /cgi-bin/kf/account/del` [94663].
    pub(crate) fn account_del(&mut self, _now: Duration, request: &Value) -> Result<Value, Refusal> {
        // unverified: 95005 also says that at least one must remain [errcodes 95005].
        let is_kept = self.existing().count() == 1 && self.assumptions.hold(Assumption::LastAccountStays);
        let account = self.account(request)?;
        if is_kept {
            return Err(Refusal::because(ErrCode::ACCOUNT_COUNT_OUT_OF_RANGE, "at least one account must remain"));
        }
        account.deleted = true;
        Ok(json!({}))
    }

    /// `POST /cgi-bin/kf/account/update` [94664].
    pub(crate) fn account_update(&mut self, now: Duration, request: &Value) -> Result<Value, Refusal> {
        self.account(request)?;
        let name = text(request, "name");
        name.map_or(Ok(()), check_name)?;
        let media_id = text(request, "media_id");
        media_id.map_or(Ok(()), |media_id| self.check_media(media_id, MediaKind::Image, now))?;

        // What is left out stays as it is [94664].
        let account = self.account(request)?;
        if let Some(name) = name {
            account.name = name.to_owned();
        }
        if let Some(media_id) = media_id {
            account.avatar = avatar(media_id);
        }
        Ok(json!({}))
    }

    /// `POST /cgi-bin/kf/account/list` [94661].
    pub(crate) fn account_list(&mut self, _now: Duration, request: &Value) -> Result<Value, Refusal> {
        let number = |member: &str| request[member].as_u64().and_then(|number| usize::try_from(number).ok());
        let offset = number("offset").unwrap_or(0);
        let limit = number("limit").unwrap_or(limits::account_list::LIMIT_MAX as usize);
        // There is no has_more: a page with fewer than `limit` entries is the last [94661].
        let page: Vec<_> = self.existing().skip(offset).take(limit).map(Account::listed).collect();
        Ok(json!({ "account_list": page }))
    }

    pub(crate) fn existing(&self) -> impl Iterator<Item = &Account> {
        self.accounts.iter().filter(|account| !account.deleted)
    }
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

    fn listed(&self) -> Value {
        json!({
            "open_kfid": self.open_kfid,
            "name": self.name,
            "avatar": self.avatar,
            "manage_privilege": true,
        })
    }
}

/// unverified: what else than its length makes a name bad (95006) is not documented; a blank one surely is.
fn check_name(name: &str) -> Result<(), Refusal> {
    if name.trim().is_empty() { Err(ErrCode::INVALID_ACCOUNT_NAME.into()) } else { Ok(()) }
}

/// Leads nowhere: `.example` is reserved for that.
fn avatar(of: &str) -> String {
    format!("https://avatar.example/{of}.png")
}
