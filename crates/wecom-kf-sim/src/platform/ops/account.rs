//! The tag `account`: names and pictures of accounts, how many a corp may have, and paging. Links to accounts are in
//! `contact_way.rs`.

use std::time::Duration;

use serde::Serialize;
use wecom_kf_raw::types::{
    AddCustomerServiceAccountRequest, DelCustomerServiceAccountRequest, ListCustomerServiceAccountRequest,
    UpdateCustomerServiceAccountRequest,
};
use wecom_kf_raw::{ErrCode, limits};

use crate::platform::MediaKind;
use crate::platform::model::assumptions::Assumption;
use crate::platform::model::refusal::Refusal;
use crate::platform::ops::{Nothing, given, required};
use crate::platform::{Account, Platform};

rule!(corp_has_up_to_5000_accounts);
/// A corp has at most 5,000 accounts; editions before 2022 say 10.
const MAX_ACCOUNTS: usize = 5_000;

#[derive(Serialize)]
pub(crate) struct AccountAdded {
    open_kfid: String,
}

#[derive(Serialize)]
pub(crate) struct AccountPage<'a> {
    account_list: Vec<ListedAccount<'a>>,
}

#[derive(Serialize)]
struct ListedAccount<'a> {
    avatar: &'a str,
    manage_privilege: bool,
    name: &'a str,
    open_kfid: &'a str,
}

impl Platform {
    /// `POST /cgi-bin/kf/account/add` [94662].
    pub(crate) fn account_add(
        &mut self,
        now: Duration,
        request: AddCustomerServiceAccountRequest,
    ) -> Result<AccountAdded, Refusal> {
        check_name(&request.name)?;
        let has_no_picture = request.media_id.is_empty() && self.assumptions.hold(Assumption::EmptyCountsAsAbsent);
        if !has_no_picture {
            self.check_media(required(Some(&request.media_id), "media_id")?, MediaKind::Image, now)?;
        }
        if self.existing().count() >= MAX_ACCOUNTS {
            return Err(ErrCode::ACCOUNT_COUNT_OUT_OF_RANGE.into());
        }
        Ok(AccountAdded { open_kfid: self.open_account(&request.name) })
    }

    /// `POST /cgi-bin/kf/account/del` [94663].
    pub(crate) fn account_del(
        &mut self,
        _now: Duration,
        request: DelCustomerServiceAccountRequest,
    ) -> Result<Nothing, Refusal> {
        let is_kept = self.existing().count() == 1 && self.assumptions.hold(Assumption::LastAccountStays);
        let account = self.account(&request.open_kfid)?;
        if is_kept {
            return Err(Refusal::because(ErrCode::ACCOUNT_COUNT_OUT_OF_RANGE, "at least one account must remain"));
        }
        account.deleted = true;
        Ok(Nothing {})
    }

    /// `POST /cgi-bin/kf/account/update` [94664]. What the request leaves out stays as it is.
    pub(crate) fn account_update(
        &mut self,
        now: Duration,
        request: UpdateCustomerServiceAccountRequest,
    ) -> Result<Nothing, Refusal> {
        rule!(account_update_keeps_the_rest);
        self.account(&request.open_kfid)?;
        let name = given(request.name.as_deref());
        name.map_or(Ok(()), check_name)?;
        let media_id = given(request.media_id.as_deref());
        media_id.map_or(Ok(()), |media_id| self.check_media(media_id, MediaKind::Image, now))?;

        let account = self.account(&request.open_kfid)?;
        if let Some(name) = name {
            name.clone_into(&mut account.name);
        }
        if let Some(media_id) = media_id {
            account.show_picture(media_id);
        }
        Ok(Nothing {})
    }

    /// `POST /cgi-bin/kf/account/list` [94661].
    pub(crate) fn account_list(
        &mut self,
        _now: Duration,
        request: ListCustomerServiceAccountRequest,
    ) -> Result<AccountPage<'_>, Refusal> {
        let number = |number: Option<i32>| number.and_then(|number| usize::try_from(number).ok());
        let offset = number(request.offset).unwrap_or(0);
        let limit = number(request.limit).unwrap_or(limits::account_list::LIMIT_MAX as usize);
        rule!(account_list_has_no_has_more);
        Ok(AccountPage { account_list: self.existing().skip(offset).take(limit).map(ListedAccount::of).collect() })
    }
}

impl<'a> ListedAccount<'a> {
    fn of(account: &'a Account) -> Self {
        let Account { open_kfid, name, avatar, .. } = account;
        Self { avatar, manage_privilege: true, name, open_kfid }
    }
}

fn check_name(name: &str) -> Result<(), Refusal> {
    rule!(blank_account_names_are_refused);
    if name.trim().is_empty() { Err(ErrCode::INVALID_ACCOUNT_NAME.into()) } else { Ok(()) }
}
