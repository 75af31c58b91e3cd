//! `Account` and `ContactWay` of `control.yaml`.

use serde::Serialize;

use crate::platform::Platform;
use crate::platform::model::account::Account;
use crate::platform::model::contact_ways::ContactWay;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ShownAccount {
    open_kfid: String,
    name: String,
    deleted: bool,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct ShownContactWay {
    url: String,
    open_kfid: String,
    scene: Option<String>,
}

impl Platform {
    pub(crate) fn show_accounts(&self) -> Vec<ShownAccount> {
        self.accounts.iter().map(ShownAccount::of).collect()
    }

    pub(crate) fn show_account(&self, open_kfid: &str) -> Option<ShownAccount> {
        self.accounts.iter().find(|account| account.open_kfid == open_kfid).map(ShownAccount::of)
    }

    pub(crate) fn show_contact_ways(&self) -> Vec<ShownContactWay> {
        let mut ways: Vec<_> = self.contact_ways.values().collect();
        ways.sort_by_key(|way| (&way.open_kfid, &way.scene, &way.url));
        ways.into_iter().map(ShownContactWay::of).collect()
    }
}

impl ShownAccount {
    fn of(account: &Account) -> Self {
        Self { open_kfid: account.open_kfid.clone(), name: account.name.clone(), deleted: account.deleted }
    }
}

impl ShownContactWay {
    fn of(way: &ContactWay) -> Self {
        Self { url: way.url.clone(), open_kfid: way.open_kfid.clone(), scene: way.scene.clone() }
    }
}
