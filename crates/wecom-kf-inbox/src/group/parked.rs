//! The parked messages of all accounts of a group: listed, replayed and dropped, whichever process reads the account.

use serde::{Deserialize, Serialize};
use wecom_kf::OpenKfid;

use super::GroupHandle;
use crate::InboxHandle;
use crate::store::error::no_such_page;
use crate::store::{Parked, ParkedQuery, StoreError, wish_all};

/// A parked message of a [group](crate::InboxGroup), with its account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GroupParked {
    /// The account.
    pub open_kfid: OpenKfid,
    /// What is parked.
    #[serde(flatten)]
    pub parked: Parked,
}

/// A part of the parked messages of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupParkedPage {
    /// The messages, account by account. Those of an account are in the order in which they were parked.
    pub items: Vec<GroupParked>,
    /// Where to continue; `None` at the end.
    pub next: Option<String>,
}

impl GroupHandle {
    /// Lists the parked messages and pages of all accounts that the last search for accounts found, whichever process reads
    /// them. They hold what customers wrote. It takes the same queries as [`InboxHandle::parked`](crate::InboxHandle::parked).
    ///
    /// ```no_run
    /// # use wecom_kf_inbox::{GroupHandle, store::{ParkedQuery, StoreError}};
    /// # async fn example(handle: GroupHandle) -> Result<(), StoreError> {
    /// let mut query = ParkedQuery::first(100);
    /// loop {
    ///     let page = handle.parked(&query).await?;
    ///     for item in &page.items {
    ///         println!("{} {} {}", item.open_kfid, item.parked.id, item.parked.reason);
    ///     }
    ///     let Some(next) = page.next else { break };
    ///     query = query.after(Some(next));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn parked(&self, query: &ParkedQuery) -> Result<GroupParkedPage, StoreError> {
        // A place is an account and a place in its list.
        let begin = match query.after.as_deref().map(|after| (after, after.split_once('/'))) {
            None => None,
            Some((_, Some((account, after)))) => Some((OpenKfid::new(account), after.to_owned())),
            Some((after, None)) => return Err(no_such_page(after)),
        };
        let mut page = GroupParkedPage::default();
        for open_kfid in self.known() {
            let after = match &begin {
                Some((account, _)) if open_kfid < *account => continue,
                Some((account, after)) if open_kfid == *account => {
                    Some(after.clone()).filter(|after| !after.is_empty())
                }
                _ => None,
            };
            let room = query.limit.saturating_sub(page.items.len());
            if room == 0 {
                page.next = Some(format!("{open_kfid}/"));
                return Ok(page);
            }
            let query = ParkedQuery { after, limit: room, only: query.only.clone() };
            let of_one = self.0.store.parked(&self.key_of(&open_kfid), &query).await?;
            let items = of_one.items.into_iter();
            page.items.extend(items.map(|parked| GroupParked { open_kfid: open_kfid.clone(), parked }));
            if let Some(next) = of_one.next {
                page.next = Some(format!("{open_kfid}/{next}"));
                return Ok(page);
            }
        }
        Ok(page)
    }

    /// Asks for a parked message or page to be delivered again: see [`InboxHandle::replay`](crate::InboxHandle::replay).
    /// Returns whether there is one with this id.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn replay(&self, open_kfid: &OpenKfid, id: &str) -> Result<bool, StoreError> {
        match self.reader_of(open_kfid) {
            Some(inbox) => inbox.replay(id).await,
            None => Ok(self.0.store.wish_replays(&self.key_of(open_kfid), &[id.to_owned()]).await? > 0),
        }
    }

    /// Asks for all parked messages and pages for which `is_meant` returns true to be delivered again: see
    /// [`InboxHandle::replay`](crate::InboxHandle::replay). Returns the number of these.
    ///
    /// # Errors
    ///
    /// Those of the store. Some of the wishes may have been stored by then.
    pub async fn replay_all(
        &self,
        is_meant: impl Fn(&OpenKfid, &Parked) -> bool + Send + Sync,
    ) -> Result<usize, StoreError> {
        let mut count = 0;
        for open_kfid in self.known() {
            let is_meant = |parked: &Parked| is_meant(&open_kfid, parked);
            count += match self.reader_of(&open_kfid) {
                Some(inbox) => inbox.replay_all(is_meant).await?,
                None => wish_all(&*self.0.store, &self.key_of(&open_kfid), is_meant).await?,
            };
        }
        Ok(count)
    }

    /// Deletes what is parked under this id. Returns whether there was something.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn drop_parked(&self, open_kfid: &OpenKfid, id: &str) -> Result<bool, StoreError> {
        match self.reader_of(open_kfid) {
            Some(inbox) => inbox.drop_parked(id).await,
            None => self.0.store.drop_parked(&self.key_of(open_kfid), id).await,
        }
    }

    /// Returns the inbox of an account if it runs in this process. Its handle acts at once.
    fn reader_of(&self, open_kfid: &OpenKfid) -> Option<InboxHandle> {
        self.inboxes().get(open_kfid).cloned()
    }
}
