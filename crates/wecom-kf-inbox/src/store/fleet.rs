//! What several processes that share accounts need from a store: callbacks reach the reader, members know each other, and
//! reads without a callback's token are counted together.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wecom_kf::{BoxFuture, OpenKfid, SyncToken};
use wecom_kf_callback::KfMsgOrEvent;

use super::{InboxKey, StoreError};

/// What a store of several processes does besides [`InboxStore`](super::InboxStore), which returns it from
/// [`fleet`](super::InboxStore::fleet).
pub trait FleetStore: Send + Sync {
    /// Keeps the callback of an inbox for its reader for [`WAKE_KEPT`], instead of the one before, and notifies the streams of
    /// [`changes`](super::InboxStore::changes). No lease is needed.
    /// Returns the number of the callback, which differs from that of the one before and is not 0.
    fn wake<'a>(&'a self, key: &'a InboxKey, wake: &'a Wake) -> BoxFuture<'a, Result<u64, StoreError>>;

    /// Returns the last callback that is kept for an inbox, with its number.
    fn last_wake<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<Option<(u64, Wake)>, StoreError>>;

    /// Registers a member of the fleet `fleet`, or renews it, for `limit` from now. Returns all members, this one included. If
    /// the member is new, the streams of [`changes`](super::InboxStore::changes) of [`InboxKey::of_fleet`] are notified.
    fn meet<'a>(
        &'a self,
        fleet: &'a str,
        member: &'a str,
        limit: Duration,
    ) -> BoxFuture<'a, Result<BTreeSet<String>, StoreError>>;

    /// Removes a member, and notifies the same streams.
    fn leave<'a>(&'a self, fleet: &'a str, member: &'a str) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Reserves the next time for a `sync_msg` without a callback's token, so that within any `window` there are at most `most`
    /// in the whole fleet. Returns how long to wait until then.
    fn reserve_read<'a>(
        &'a self,
        fleet: &'a str,
        most: usize,
        window: Duration,
    ) -> BoxFuture<'a, Result<Duration, StoreError>>;
}

/// How long a callback is kept for the reader: as long as its token is valid.
pub const WAKE_KEPT: Duration = Duration::from_secs(600);

/// A callback that announces messages, on its way to the process that reads the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Wake {
    /// The token of the callback. `Debug` hides it.
    pub token: Option<SyncToken>,
    /// When the callback was created, in Unix seconds.
    pub create_time: i64,
}

impl Wake {
    /// Creates a callback's hint from its token and the time of its creation.
    pub fn new(token: Option<SyncToken>, create_time: i64) -> Self {
        Self { token, create_time }
    }
}

impl From<&KfMsgOrEvent> for Wake {
    fn from(news: &KfMsgOrEvent) -> Self {
        Self::new(Some(SyncToken::from(news.token.expose())), news.create_time)
    }
}

/// Returns the accounts that `member` reads. All members that know the same accounts and members come to the same result.
///
/// Each account prefers the members in an order of its own (rendezvous hashing), so that few accounts move when members come
/// and go. No member reads more than one account more than another.
pub(crate) fn accounts_of(
    member: &str,
    members: &BTreeSet<String>,
    accounts: &BTreeSet<OpenKfid>,
) -> BTreeSet<OpenKfid> {
    if members.len() <= 1 {
        return accounts.clone();
    }
    let (least, mut extra) = (accounts.len() / members.len(), accounts.len() % members.len());
    let mut counts: BTreeMap<&str, usize> = members.iter().map(|member| (member.as_str(), 0)).collect();
    let mut ours = BTreeSet::new();
    for account in accounts {
        let mut preferred: Vec<_> =
            counts.iter_mut().map(|(member, count)| (preference(account, member), *member, count)).collect();
        preferred.sort_unstable_by_key(|(preference, ..)| std::cmp::Reverse(*preference));
        // Some members read one account more than the others, as long as there are accounts left over.
        let has_room = |count: usize| count < least || count == least && extra > 0;
        let Some((_, chosen, count)) = preferred.into_iter().find(|(_, _, count)| has_room(**count)) else { continue };
        if *count == least {
            extra -= 1;
        }
        *count += 1;
        if chosen == member {
            ours.insert(account.clone());
        }
    }
    ours
}

/// Returns how much an account prefers a member. Every process of every version must come to the same number.
fn preference(account: &OpenKfid, member: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    // An account has no slash.
    hash.update(account.as_str());
    hash.update(b"/");
    hash.update(member);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(prefix: &str, count: usize) -> Vec<String> {
        (0..count).map(|number| format!("{prefix}{number}")).collect()
    }

    fn spread(members: &BTreeSet<String>, accounts: &BTreeSet<OpenKfid>) -> BTreeMap<String, BTreeSet<OpenKfid>> {
        members.iter().map(|member| (member.clone(), accounts_of(member, members, accounts))).collect()
    }

    #[test]
    fn every_account_has_one_reader_and_the_members_read_equally_many() {
        for count in 0..40 {
            let accounts: BTreeSet<OpenKfid> = names("wk", count).into_iter().map(OpenKfid::from).collect();
            for of in 1..7 {
                let members: BTreeSet<String> = names("member-", of).into_iter().collect();
                let spread = spread(&members, &accounts);
                let counts: Vec<usize> = spread.values().map(BTreeSet::len).collect();
                assert_eq!(counts.iter().sum::<usize>(), count, "{spread:?}");
                assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{counts:?}");
                assert_eq!(spread.into_values().flatten().collect::<BTreeSet<_>>(), accounts);
            }
        }
    }

    #[test]
    fn few_accounts_move_when_a_member_goes() {
        let accounts: BTreeSet<OpenKfid> = names("wk", 100).into_iter().map(OpenKfid::from).collect();
        let members: BTreeSet<String> = names("member-", 5).into_iter().collect();
        let before = spread(&members, &accounts);
        let fewer: BTreeSet<String> = members.iter().skip(1).cloned().collect();
        let after = spread(&fewer, &accounts);
        let stayed: usize = fewer.iter().map(|member| before[member].intersection(&after[member]).count()).sum();
        // 20 of them must move, since their reader is gone.
        assert!(stayed >= 60, "{stayed} of 100 stay");
    }

    #[test]
    fn a_token_is_hidden() {
        let wake = Wake::new(Some("canary".into()), 17);
        assert!(!format!("{wake:?}").contains("canary"));
    }
}
