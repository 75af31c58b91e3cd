//! How every store must behave in failures.

use std::future::{Future, ready};

use super::super::{
    Acquired, Commit, Committed, ConversationQuery, ConversationRecord, ConversationWrite, FORMAT, Generation,
    InboxKey, InboxStore, Lease, Parked, StoreError,
};
use super::LONG;
use super::conversations::{find, record};
use super::inbox::{all_parked, begin, commit, first, id, ids, new_key, parked};

/// Causes failures of a store from outside. Implement the methods for the failures that your store can have; by default
/// none of them causes one.
pub trait Mishaps {
    /// Makes commits fail at this step, counted from 0, until [`repair`](Self::repair). Returns whether a commit has
    /// such a step.
    fn break_commits(&self, step: usize) -> impl Future<Output = bool> {
        let _ = step;
        ready(false)
    }

    /// Ends [`break_commits`](Self::break_commits).
    fn repair(&self) -> impl Future<Output = ()> {
        ready(())
    }

    /// Makes the store forget everything, including leases. Returns whether it can.
    fn forget(&self) -> impl Future<Output = bool> {
        ready(false)
    }

    /// Makes the stored data of an inbox, or of all inboxes, look as if it were written in this format. Returns whether
    /// it did.
    fn set_format(&self, key: &InboxKey, format: u32) -> impl Future<Output = bool> {
        let _ = (key, format);
        ready(false)
    }
}

/// Checks how an [`InboxStore`] behaves in failures.
pub async fn mishaps<S: InboxStore>(store: &S, mishaps: &impl Mishaps) {
    a_commit_that_fails_half_way_writes_nothing(store, mishaps).await;
    a_store_that_forgot_takes_nothing_of_a_former_reader(store, mishaps).await;
    another_format_is_refused_and_stays(store, mishaps).await;
}

async fn acquire(store: &impl InboxStore, key: &InboxKey, holder: &str) -> Lease {
    match store.acquire(key, holder, LONG).await.unwrap() {
        Acquired::Lease(lease) => lease,
        held @ Acquired::Held { .. } => panic!("{holder} should get the lease, but {held:?}"),
    }
}

type All = (Option<Committed>, Vec<Parked>, Option<ConversationRecord>);

/// Returns what is stored, with the only conversation.
async fn all_of(store: &impl InboxStore, key: &InboxKey) -> All {
    (store.load(key).await.unwrap(), all_parked(store, key).await, find(store, key, "wm1").await)
}

async fn a_commit_that_fails_half_way_writes_nothing(store: &impl InboxStore, mishaps: &impl Mishaps) {
    let key = new_key();
    let (lease, stored) = begin(store, &key, "a").await;
    let kept: Vec<Parked> = (0..3).map(|number| parked(&id(number), "{}")).collect();
    let mut talk = record("wm1", "{}");
    let conversations = vec![ConversationWrite::Begin(talk.clone())];
    let mut stored = commit(store, &lease, &Commit { parked: kept, conversations, ..Commit::next(&stored) }).await;
    for step in 0.. {
        assert!(step < 10_000, "a commit has only so many steps");
        let name = format!("step {step}");
        let again = parked(&id(0), "once more");
        talk.body.clone_from(&name);
        let next = Commit {
            cursor: Some(name.clone()),
            settled: ids(0..30),
            parked: vec![parked(&name, "{}"), again],
            unparked: vec![id(1), format!("step {}", step.max(1) - 1)],
            conversations: vec![ConversationWrite::Continue(talk.clone())],
            ..Commit::next(&stored)
        };
        let before = all_of(store, &key).await;
        let has_step = mishaps.break_commits(step).await;
        let failed = store.commit(&lease, &next).await;
        mishaps.repair().await;
        if !has_step {
            failed.unwrap();
            break;
        }
        if let Err(error) = failed {
            assert!(!matches!(error, StoreError::StaleLease | StoreError::OutOfStep), "step {step}: {error}");
            let after = all_of(store, &key).await;
            let is_written = after.0.as_ref().is_some_and(|after| next.is_stored(after));
            // The commit may have been written, and only its answer lost.
            assert!(is_written || after == before, "step {step} failed, yet something was written: {after:?}");
        }
        store.commit(&lease, &next).await.unwrap();
        let (after, parked, conversation) = all_of(store, &key).await;
        assert_eq!(conversation.map(|record| record.body), Some(name.clone()), "so is the conversation");
        assert_eq!(after, Some(Committed::after(before.0, &next)), "step {step} is written when it is repeated");
        let parked: Vec<&str> = parked.iter().map(|parked| &*parked.id).collect();
        assert_eq!(parked, ["msgid-000002", &name, "msgid-000000"], "so is what it parks, each once");
        stored = after.expect("it was committed");
    }
}

async fn a_store_that_forgot_takes_nothing_of_a_former_reader(store: &impl InboxStore, mishaps: &impl Mishaps) {
    let key = new_key();
    let (lease, stored) = begin(store, &key, "a").await;
    let conversations = vec![ConversationWrite::Begin(record("wm1", "{}"))];
    let last = Commit { settled: ids(0..3), parked: vec![parked("p", "{}")], conversations, ..Commit::next(&stored) };
    let stored = commit(store, &lease, &last).await;
    if !mishaps.forget().await {
        return;
    }
    assert_eq!(all_of(store, &key).await, (None, vec![], None), "everything is forgotten");
    let late = Commit { settled: ids(3..4), ..Commit::next(&stored) };
    assert!(matches!(store.commit(&lease, &late).await, Err(StoreError::StaleLease)), "its lease is forgotten too");
    assert!(matches!(store.renew(&lease, LONG).await, Err(StoreError::StaleLease)));

    // Another reader begins again, then the former reader comes back.
    let (other, begun) = begin(store, &key, "b").await;
    assert!(matches!(store.commit(&lease, &Commit::whole(&stored)).await, Err(StoreError::StaleLease)));
    store.release(&other).await.unwrap();
    let lease = acquire(store, &key, "a").await;
    assert!(matches!(store.commit(&lease, &late).await, Err(StoreError::OutOfStep)), "it is another history now");
    assert_eq!(store.load(&key).await.unwrap(), Some(begun));
}

async fn another_format_is_refused_and_stays(store: &impl InboxStore, mishaps: &impl Mishaps) {
    let key = new_key();
    let (lease, stored) = begin(store, &key, "a").await;
    let conversations = vec![ConversationWrite::Begin(record("wm1", "{}"))];
    let next = Commit { settled: ids(0..3), parked: vec![parked("p", "{}")], conversations, ..Commit::next(&stored) };
    commit(store, &lease, &next).await;
    let before = all_of(store, &key).await;
    for format in [FORMAT - 1, FORMAT + 1] {
        if !mishaps.set_format(&key, format).await {
            return;
        }
        let refused = store.load(&key).await;
        assert!(matches!(refused, Err(StoreError::Corrupt(_))), "format {format} is not read: {refused:?}");
        let refused = store.commit(&lease, &Commit { generation: Generation::random(), ..first() }).await;
        assert!(
            matches!(refused, Err(StoreError::Corrupt(_) | StoreError::StaleLease)),
            "format {format} is not overwritten: {refused:?}"
        );
        let refused = store.drop_parked(&key, "p").await;
        assert!(matches!(refused, Err(StoreError::Corrupt(_))), "nor is anything dropped: {refused:?}");
        let refused = store.conversations(&key, &ConversationQuery::of("wm1")).await;
        assert!(matches!(refused, Err(StoreError::Corrupt(_))), "no conversation is read: {refused:?}");
        let refused = store.forget_customer(&key, &"wm1".into()).await;
        assert!(matches!(refused, Err(StoreError::Corrupt(_))), "nor deleted: {refused:?}");
        assert!(mishaps.set_format(&key, FORMAT).await);
        assert_eq!(all_of(store, &key).await, before, "what was there in format {format} is still there");
    }
}
