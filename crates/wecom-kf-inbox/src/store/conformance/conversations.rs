//! What every inbox store must pass with conversations.

use std::time::Duration;

use futures_util::future::FutureExt;
use tokio::time::sleep;
use wecom_kf::ExternalUserId;

use super::super::{
    Commit, ConversationPage, ConversationQuery, ConversationRecord, ConversationWrite, InboxKey, InboxStore, Lease,
    StoreError,
};
use super::inbox::{begin, commit, first, id, new_key};
use crate::clock::unix_seconds;

pub(super) async fn conversations(store: &impl InboxStore) {
    a_commit_writes_conversations(store).await;
    a_repeated_commit_changes_no_conversation(store).await;
    a_refused_commit_changes_no_conversation(store).await;
    a_dropped_commit_writes_its_conversations_or_nothing(store).await;
    a_deleted_conversation_is_not_continued(store).await;
    a_conversation_ends(store).await;
    conversations_are_listed_in_pages(store).await;
    conversations_of_inboxes_do_not_meet(store).await;
}

pub(super) fn record(customer: &str, body: &str) -> ConversationRecord {
    let now = unix_seconds();
    ConversationRecord::new(customer, body).kept(now, now + 1000)
}

pub(super) async fn find(store: &impl InboxStore, key: &InboxKey, customer: &str) -> Option<ConversationRecord> {
    let page = store.conversations(key, &ConversationQuery::of(customer)).await.unwrap();
    assert_eq!(page.next, None, "a customer has one conversation");
    assert!(page.items.len() <= 1, "a customer has one conversation");
    page.items.into_iter().next()
}

async fn all(store: &impl InboxStore, key: &InboxKey) -> Vec<ConversationRecord> {
    let ConversationPage { items, next } = store.conversations(key, &ConversationQuery::first(100)).await.unwrap();
    assert_eq!(next, None, "there are no more");
    items
}

/// Writes these changes in one commit.
async fn write(store: &impl InboxStore, lease: &Lease, writes: Vec<ConversationWrite>) {
    let stored = store.load(&lease.key).await.unwrap().unwrap();
    commit(store, lease, &Commit { conversations: writes, ..Commit::next(&stored) }).await;
}

async fn a_commit_writes_conversations(store: &impl InboxStore) {
    let key = new_key();
    assert_eq!(all(store, &key).await, [], "nothing was committed");
    let (lease, stored) = begin(store, &key, "a").await;
    let odd = record("wm 客户-🙂 \" ' \\ \0", "{\"text\":\"客户的话 🙂 \\u0000 \0 '\"}");
    let large = record("wm2", &"x".repeat(300_000));
    let both = vec![ConversationWrite::Begin(odd.clone()), ConversationWrite::Begin(large.clone())];
    commit(store, &lease, &Commit { settled: vec![id(1)], conversations: both, ..Commit::next(&stored) }).await;
    assert_eq!(find(store, &key, odd.customer.as_str()).await, Some(odd.clone()), "byte for byte");
    assert_eq!(find(store, &key, "wm2").await, Some(large), "however large it is");
    assert_eq!(find(store, &key, "wm").await, None, "only the customer with this very id");

    let changed = ConversationRecord { body: "{}".into(), keep_until: odd.keep_until + 5, ..odd };
    write(store, &lease, vec![ConversationWrite::Continue(changed.clone())]).await;
    assert_eq!(find(store, &key, changed.customer.as_str()).await, Some(changed.clone()));
    let other = record(changed.customer.as_str(), "a new conversation");
    write(store, &lease, vec![ConversationWrite::Begin(other.clone())]).await;
    assert_eq!(find(store, &key, other.customer.as_str()).await, Some(other), "one that begins replaces the other");

    let stored = store.load(&key).await.unwrap().unwrap();
    commit(store, &lease, &Commit::whole(&stored)).await;
    commit(store, &lease, &first()).await;
    assert_eq!(all(store, &key).await.len(), 2, "a whole commit leaves conversations as they are");
}

async fn a_repeated_commit_changes_no_conversation(store: &impl InboxStore) {
    let key = new_key();
    let (lease, stored) = begin(store, &key, "a").await;
    let begins = vec![ConversationWrite::Begin(record("wm1", "{}"))];
    let next = Commit { settled: vec![id(1)], conversations: begins, ..Commit::next(&stored) };
    store.commit(&lease, &next).await.unwrap();
    assert!(store.forget_customer(&key, &"wm1".into()).await.unwrap());
    store.commit(&lease, &next).await.unwrap();
    assert_eq!(find(store, &key, "wm1").await, None, "the commit is written once");
}

async fn a_refused_commit_changes_no_conversation(store: &impl InboxStore) {
    let key = new_key();
    let (lease, _) = begin(store, &key, "a").await;
    let (kept, ended) = (record("wm1", "1"), record("wm2", "2"));
    let begins = [&kept, &ended].map(|record| ConversationWrite::Begin(record.clone()));
    write(store, &lease, begins.to_vec()).await;
    let stored = store.load(&key).await.unwrap().unwrap();
    let changes = vec![
        ConversationWrite::Continue(ConversationRecord { body: "changed".into(), ..kept.clone() }),
        ConversationWrite::End(ended.customer.clone()),
        ConversationWrite::Begin(record("wm3", "3")),
    ];
    let next = Commit { conversations: changes, ..Commit::next(&stored) };
    let late = Commit { revision: next.revision + 1, ..next.clone() };
    let refused = store.commit(&lease, &late).await;
    assert!(matches!(refused, Err(StoreError::OutOfStep)), "it does not follow: {refused:?}");
    let stale = Lease { fence: lease.fence.wrapping_sub(1), ..lease.clone() };
    let refused = store.commit(&stale, &next).await;
    assert!(matches!(refused, Err(StoreError::StaleLease)), "its lease has ended: {refused:?}");
    assert_eq!(all(store, &key).await, [kept, ended], "nothing has changed");
}

async fn a_dropped_commit_writes_its_conversations_or_nothing(store: &impl InboxStore) {
    let key = new_key();
    let (lease, mut stored) = begin(store, &key, "a").await;
    for round in 1..=20 {
        let name = format!("wm{round}");
        let begins = vec![ConversationWrite::Begin(record(&name, "{}"))];
        let next = Commit { settled: vec![name.clone()], conversations: begins, ..Commit::next(&stored) };
        // Polled once, then dropped.
        let _ = store.commit(&lease, &next).now_or_never();
        // It may continue in the background for a moment.
        sleep(Duration::from_millis(20)).await;
        let state = store.load(&key).await.unwrap().unwrap();
        let is_written = find(store, &key, &name).await.is_some();
        assert_eq!(state.settled.contains(&name), is_written, "a message and what it changed go together");
        stored = state;
    }
}

async fn a_deleted_conversation_is_not_continued(store: &impl InboxStore) {
    let key = new_key();
    let (lease, _) = begin(store, &key, "a").await;
    let customer = ExternalUserId::from("wm1");
    assert!(!store.forget_customer(&key, &customer).await.unwrap(), "there is nothing");
    let old = record("wm1", "1");
    write(store, &lease, vec![ConversationWrite::Begin(old.clone()), ConversationWrite::Begin(record("wm2", "2"))])
        .await;
    assert!(store.forget_customer(&key, &customer).await.unwrap(), "it was there");
    assert!(!store.forget_customer(&key, &customer).await.unwrap(), "it is gone");
    assert_eq!(find(store, &key, "wm1").await, None);
    assert!(find(store, &key, "wm2").await.is_some(), "another customer's stays");

    // A handler loaded it before it was deleted. Its message is settled, and the conversation stays deleted.
    let stored = store.load(&key).await.unwrap().unwrap();
    let continues = vec![ConversationWrite::Continue(ConversationRecord { body: "1, 2".into(), ..old.clone() })];
    let next = Commit { settled: vec![id(2)], conversations: continues.clone(), ..Commit::next(&stored) };
    assert_eq!(commit(store, &lease, &next).await.settled, [id(2)]);
    assert_eq!(find(store, &key, "wm1").await, None, "it stays deleted");
    let new = record("wm1", "a new conversation");
    write(store, &lease, vec![ConversationWrite::Begin(new.clone())]).await;
    write(store, &lease, continues).await;
    assert_eq!(find(store, &key, "wm1").await, Some(new), "nor does it replace the next one");
}

async fn a_conversation_ends(store: &impl InboxStore) {
    let key = new_key();
    let (lease, _) = begin(store, &key, "a").await;
    let now = unix_seconds();
    let over = record("wm1", "over").kept(now - 20, now - 10);
    let begins = [over.clone(), record("wm2", "2"), record("wm3", "3")].map(ConversationWrite::Begin);
    write(store, &lease, begins.to_vec()).await;
    assert_eq!(find(store, &key, "wm1").await, None, "its time is over");
    assert_eq!(all(store, &key).await.len(), 2, "it is not listed either");
    let later = record("wm1", "later");
    write(store, &lease, vec![ConversationWrite::Begin(later.clone()), ConversationWrite::End("wm2".into())]).await;
    write(store, &lease, vec![ConversationWrite::End("wm4".into())]).await;
    assert_eq!(find(store, &key, "wm1").await, Some(later.clone()), "the next one begins");
    assert_eq!(find(store, &key, "wm2").await, None, "it was ended");

    // Of one that is changed, the time begins again.
    let shorter = ConversationRecord { keep_until: now - 1, ..later };
    write(store, &lease, vec![ConversationWrite::Continue(shorter.clone())]).await;
    assert_eq!(find(store, &key, "wm1").await, None);
    write(store, &lease, vec![ConversationWrite::Begin(record("wm5", "5"))]).await;
    let listed: Vec<String> = all(store, &key).await.iter().map(|record| record.customer.to_string()).collect();
    assert_eq!(listed, ["wm3", "wm5"]);
}

async fn conversations_are_listed_in_pages(store: &impl InboxStore) {
    let key = new_key();
    let (lease, _) = begin(store, &key, "a").await;
    let name = |number: usize| format!("wm-{number:03}");
    // They are written in another order than that of the list.
    let writes = (0..25).rev().map(|number| ConversationWrite::Begin(record(&name(number * 2), "{}")));
    write(store, &lease, writes.collect()).await;
    let (mut listed, mut query) = (Vec::new(), ConversationQuery::first(4));
    for round in 0.. {
        let page = store.conversations(&key, &query).await.unwrap();
        assert!(page.items.len() <= 4, "no more than asked for");
        listed.extend(page.items.into_iter().map(|record| record.customer.to_string()));
        if round == 1 {
            // What changes between two pages neither hides nor repeats the others.
            assert!(store.forget_customer(&key, &name(0).into()).await.unwrap());
            assert!(store.forget_customer(&key, &name(40).into()).await.unwrap());
            let known = find(store, &key, &name(2)).await.unwrap();
            let changed = ConversationRecord { body: "changed".into(), ..known };
            let new = ConversationWrite::Begin(record(&name(41), "{}"));
            write(store, &lease, vec![ConversationWrite::Continue(changed), new]).await;
        }
        match page.next {
            Some(next) => query = query.after(Some(next)),
            None => break,
        }
        assert!(round < 100, "it comes to an end");
    }
    let mut expected: Vec<String> = (0..25).map(|number| name(number * 2)).collect();
    expected[20] = name(41);
    assert_eq!(listed, expected, "each once, in the order of their ids");
}

async fn conversations_of_inboxes_do_not_meet(store: &impl InboxStore) {
    let key = new_key();
    let other_account = InboxKey::new(key.scope(), "wk2".into());
    let other_corp = InboxKey::new(format!("{}x", key.scope()), "wk1".into());
    let (lease, _) = begin(store, &key, "a").await;
    write(store, &lease, vec![ConversationWrite::Begin(record("wm1", "1"))]).await;
    for other in [other_account, other_corp] {
        assert_eq!(all(store, &other).await, [], "{other} has nothing of {key}");
        assert!(!store.forget_customer(&other, &"wm1".into()).await.unwrap(), "{other} has nothing of {key}");
        let (lease, _) = begin(store, &other, "b").await;
        write(store, &lease, vec![ConversationWrite::Begin(record("wm1", "2"))]).await;
        assert_eq!(all(store, &key).await.len(), 1);
    }
    assert_eq!(find(store, &key, "wm1").await.map(|record| record.body), Some("1".to_owned()));
}
