//! What an admin does with accounts in the console.

use crate::platform::Platform;
use crate::platform::model::pending::PendingCallback;
use crate::platform::people::NotPossible;

impl Platform {
    /// Adds an account as the admin console does, which grants it to the app.
    pub(crate) fn grant_account(&mut self, name: &str) -> String {
        let open_kfid = self.open_account(name);
        // The console asks who is to serve it: here everybody who serves another.
        self.serve_too(&open_kfid);
        self.pending_callbacks.push(PendingCallback::Granted { open_kfid: open_kfid.clone() });
        open_kfid
    }

    /// Takes an account away from the app, as the admin console does.
    pub(crate) fn withdraw_account(&mut self, open_kfid: &str) -> Result<(), NotPossible> {
        rule!(withdrawn_account_is_unknown);
        if self.existing().count() == 1 {
            return Err(NotPossible("it is the last account, and a simulator keeps one".to_owned()));
        }
        let account = self.any_account(open_kfid).filter(|account| !account.deleted);
        account.ok_or_else(|| NotPossible(format!("there is no account {open_kfid}")))?.deleted = true;
        self.pending_callbacks.push(PendingCallback::Withdrawn { open_kfid: open_kfid.to_owned() });
        Ok(())
    }
}
