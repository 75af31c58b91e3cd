//! What every inbox store must pass.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{FutureExt, join_all};
use tokio::time::{sleep, timeout};

use super::super::{
    Acquired, Commit, Committed, Generation, InboxKey, InboxStore, Lease, Parked, ParkedKind, ParkedOnly, ParkedQuery,
    StoreError,
};
use super::{LATER, LONG, SHORT, conversations::conversations};
use crate::clock::unix_seconds;

/// Checks an [`InboxStore`].
pub async fn inbox_store<S: InboxStore>(make: impl AsyncFn() -> S) {
    what_is_committed_is_loaded(&make().await).await;
    a_whole_commit_replaces_the_state_and_keeps_parked_messages(&make().await).await;
    the_last_ids_are_remembered(&make().await).await;
    a_repeated_commit_changes_nothing(&make().await).await;
    a_commit_that_does_not_follow_writes_nothing(&make().await).await;
    starts_and_the_message_in_progress_are_kept(&make().await).await;
    keys_do_not_meet(&make().await).await;
    keys_are_listed(&make().await).await;
    a_lease_is_seen_and_not_taken(&make().await).await;
    one_holder_at_a_time(&make().await).await;
    one_of_many_gets_the_lease(&make().await).await;
    a_lease_ends(&make().await).await;
    a_former_reader_writes_nothing(&make().await).await;
    parked_messages_are_kept(&make().await).await;
    parked_messages_are_listed_in_pages(&make().await).await;
    wishes_to_replay_are_kept_until_they_are_fulfilled(&make().await).await;
    a_dropped_commit_is_whole_or_nothing(&make().await).await;
    conversations(&make().await).await;
    a_release_is_heard_or_the_next_acquire_succeeds(&make().await).await;
}

pub(super) fn new_key() -> InboxKey {
    InboxKey::new(format!("conformance.invalid/ww{:016x}", fastrand::u64(..)), "wk1".into())
}

pub(super) fn id(number: usize) -> String {
    format!("msgid-{number:06}")
}

pub(super) fn ids(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(id).collect()
}

pub(super) fn parked(id: &str, body: &str) -> Parked {
    let now = unix_seconds();
    Parked::new(id, ParkedKind::Message, body)
        .because(format!("because of {id}"), 3)
        .showing("an error")
        .kept(now, now + 1000)
}

async fn acquire(store: &impl InboxStore, key: &InboxKey, holder: &str, limit: Duration) -> Lease {
    match store.acquire(key, holder, limit).await.unwrap() {
        Acquired::Lease(lease) => {
            assert_eq!((&lease.key, &*lease.holder), (key, holder), "a lease names its inbox and its holder");
            lease
        }
        held @ Acquired::Held { .. } => panic!("{holder} should get the lease, but {held:?}"),
    }
}

async fn assert_held(store: &impl InboxStore, key: &InboxKey, by: &str, asking: &str) {
    match store.acquire(key, asking, LONG).await.unwrap() {
        Acquired::Held { holder, left } => {
            assert_eq!(holder, by, "the holder is named");
            assert!(left <= LONG && !left.is_zero(), "what is left of the lease: {left:?}");
        }
        Acquired::Lease(lease) => panic!("{by} has the lease, yet {asking} got {lease:?}"),
    }
}

/// The first commit of a new history.
pub(super) fn first() -> Commit {
    Commit::whole(&Committed::new(Generation::random()))
}

pub(super) async fn commit(store: &impl InboxStore, lease: &Lease, commit: &Commit) -> Committed {
    let before = store.load(&lease.key).await.unwrap();
    store.commit(lease, commit).await.unwrap();
    let stored = store.load(&lease.key).await.unwrap().expect("something was committed");
    assert_eq!(stored, Committed::after(before, commit), "what a commit leaves");
    stored
}

/// Begins a history.
pub(super) async fn begin(store: &impl InboxStore, key: &InboxKey, holder: &str) -> (Lease, Committed) {
    let lease = acquire(store, key, holder, LONG).await;
    let stored = commit(store, &lease, &first()).await;
    (lease, stored)
}

pub(super) async fn all_parked(store: &impl InboxStore, key: &InboxKey) -> Vec<Parked> {
    let page = store.parked(key, &ParkedQuery::first(1000)).await.unwrap();
    assert_eq!(page.next, None, "there are no more");
    page.items
}

fn is_stale<T>(outcome: &Result<T, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::StaleLease))
}

async fn what_is_committed_is_loaded(store: &impl InboxStore) {
    let key = new_key();
    assert_eq!(store.load(&key).await.unwrap(), None, "nothing was committed");
    assert_eq!(all_parked(store, &key).await, [], "nothing was parked");
    let lease = acquire(store, &key, "a", LONG).await;
    assert_eq!(store.load(&key).await.unwrap(), None, "a lease is no commit");

    let odd_ids = vec!["".to_owned(), "客户-🙂 \" ' \\ \0 \n".to_owned(), "x".repeat(300)];
    let first =
        Commit {
            cursor: Some("cursor 1 \"'\\\0🙂".to_owned()), since: Some(-5), settled: odd_ids.clone(), ..first()
        };
    let stored = commit(store, &lease, &first).await;
    assert_eq!(stored.settled, odd_ids, "text is kept byte for byte");

    let second = Commit { cursor: None, since: None, settled: vec!["new".to_owned()], ..Commit::next(&stored) };
    let stored = commit(store, &lease, &second).await;
    assert_eq!((stored.cursor, stored.since), (None, None), "cursor and since are replaced");
    assert_eq!(stored.settled, [odd_ids, vec!["new".to_owned()]].concat(), "ids come after the others");
}

async fn a_whole_commit_replaces_the_state_and_keeps_parked_messages(store: &impl InboxStore) {
    let key = new_key();
    let (lease, stored) = begin(store, &key, "a").await;
    let kept = vec![parked("p", "{}")];
    let next = Commit { settled: ids(0..3), parked: kept.clone(), cursor: Some("c1".into()), ..Commit::next(&stored) };
    let old = commit(store, &lease, &next).await;
    let new = Commit { settled: ids(7..9), ..first() };
    let stored = commit(store, &lease, &new).await;
    assert_ne!(stored.generation, old.generation, "another history");
    assert_eq!((stored.settled, stored.cursor), (ids(7..9), None), "nothing is left of the old one");
    assert_eq!(all_parked(store, &key).await, kept, "parked messages stay");

    let back = Commit { settled: ids(0..2), ..Commit::whole(&old) };
    let stored = commit(store, &lease, &back).await;
    assert_eq!((stored.generation, stored.revision), (old.generation, old.revision + 1), "it may return to an old one");
}

async fn the_last_ids_are_remembered(store: &impl InboxStore) {
    const REMEMBER: usize = 50;
    let key = new_key();
    let (lease, mut stored) = begin(store, &key, "a").await;
    let mut all = Vec::new();
    for round in 0..20 {
        let new = ids(all.len()..all.len() + 7 + round);
        let next = Commit { settled: new.clone(), remember: REMEMBER, ..Commit::next(&stored) };
        store.commit(&lease, &next).await.unwrap();
        stored = store.load(&key).await.unwrap().unwrap();
        all.extend(new);
        assert!(all.ends_with(&stored.settled), "the last ones, oldest first");
        assert!(stored.settled.len() >= all.len().min(REMEMBER), "at least as many as are to be remembered");
        assert!(stored.settled.len() <= REMEMBER + 100, "and few more: {}", stored.settled.len());
    }
    let many = ids(1000..1000 + 3 * REMEMBER);
    let next = Commit { settled: many.clone(), remember: REMEMBER, ..Commit::next(&stored) };
    store.commit(&lease, &next).await.unwrap();
    let stored = store.load(&key).await.unwrap().unwrap();
    assert!(many.ends_with(&stored.settled[stored.settled.len() - REMEMBER..]), "of more than that, the last ones");
}

async fn a_repeated_commit_changes_nothing(store: &impl InboxStore) {
    let key = new_key();
    let (lease, stored) = begin(store, &key, "a").await;
    let next = Commit {
        settled: vec![id(1)],
        cursor: Some("c1".into()),
        parked: vec![parked("p", "{}")],
        ..Commit::next(&stored)
    };
    store.commit(&lease, &next).await.unwrap();
    assert!(store.drop_parked(&key, "p").await.unwrap());
    store.commit(&lease, &next).await.unwrap();
    let state = store.load(&key).await.unwrap().unwrap();
    assert_eq!((state.revision, state.settled), (next.revision, vec![id(1)]), "it is written once");
    assert_eq!(all_parked(store, &key).await, [], "nor is anything parked again");
}

async fn a_commit_that_does_not_follow_writes_nothing(store: &impl InboxStore) {
    let key = new_key();
    let lease = acquire(store, &key, "a", LONG).await;
    let unfounded = Commit { settled: vec![id(1)], ..Commit::next(&Committed::new(Generation::random())) };
    let refused = store.commit(&lease, &unfounded).await;
    assert!(matches!(refused, Err(StoreError::OutOfStep)), "there is nothing to build on: {refused:?}");
    assert_eq!(store.load(&key).await.unwrap(), None);

    let begun = commit(store, &lease, &first()).await;
    let stored = commit(store, &lease, &Commit { cursor: Some("c".into()), ..Commit::next(&begun) }).await;
    let stored = commit(store, &lease, &Commit { settled: vec![id(2)], ..Commit::next(&stored) }).await;
    let next = Commit { cursor: Some("wrong".into()), parked: vec![parked("p", "{}")], ..Commit::next(&stored) };
    for wrong in [
        Commit { revision: next.revision + 1, ..next.clone() },
        Commit { revision: begun.revision, ..next.clone() },
        Commit { generation: Generation::random(), ..next.clone() },
        Commit { generation: Generation::random(), revision: stored.revision, ..next.clone() },
    ] {
        let refused = store.commit(&lease, &wrong).await;
        assert!(matches!(refused, Err(StoreError::OutOfStep)), "{wrong:?} does not follow: {refused:?}");
    }
    assert_eq!(store.load(&key).await.unwrap(), Some(stored));
    assert_eq!(all_parked(store, &key).await, []);
}

async fn starts_and_the_message_in_progress_are_kept(store: &impl InboxStore) {
    let key = new_key();
    let (lease, stored) = begin(store, &key, "a").await;
    let next = Commit { starts: 3, in_progress: Some("客户 \0".into()), ..Commit::next(&stored) };
    let stored = commit(store, &lease, &next).await;
    assert_eq!((stored.starts, stored.in_progress.as_deref()), (3, Some("客户 \0")));
    let stored = commit(store, &lease, &Commit { starts: 0, in_progress: None, ..Commit::next(&stored) }).await;
    assert_eq!((stored.starts, stored.in_progress), (0, None));
}

async fn keys_do_not_meet(store: &impl InboxStore) {
    let key = new_key();
    let other_account = InboxKey::new(key.scope(), "wk2".into());
    let other_corp = InboxKey::new(format!("{}x", key.scope()), "wk1".into());
    let (lease, stored) = begin(store, &key, "a").await;
    let next = Commit {
        cursor: Some("c".into()),
        settled: vec![id(1)],
        parked: vec![parked("p", "{}")],
        ..Commit::next(&stored)
    };
    commit(store, &lease, &next).await;
    for other in [other_account, other_corp] {
        assert_eq!(store.load(&other).await.unwrap(), None, "{other} has nothing of {key}");
        assert_eq!(all_parked(store, &other).await, [], "{other} has nothing of {key}");
        assert!(!store.drop_parked(&other, "p").await.unwrap(), "{other} has nothing of {key}");
        assert_eq!(store.wish_replays(&other, &["p".into()]).await.unwrap(), 0, "{other} has nothing of {key}");
        let lease = acquire(store, &other, "b", LONG).await;
        assert!(!store.renew(&lease, LONG).await.unwrap().has_wishes);
    }
    assert_eq!(all_parked(store, &key).await.len(), 1);
}

async fn keys_are_listed(store: &impl InboxStore) {
    let key = new_key();
    let odd = InboxKey::new(format!("{}/{{%7D}}*\\\"客户", key.scope()), "wk}1".into());
    let other_account = InboxKey::new(key.scope(), "wk2".into());
    let all = [key, odd, other_account];
    for key in &all {
        assert!(!store.keys().await.unwrap().contains(key), "nothing was committed of {key}");
        begin(store, key, "a").await;
    }
    let listed = store.keys().await.unwrap();
    for key in &all {
        assert!(listed.contains(key), "something was committed of {key}");
    }
    let never_used = new_key();
    store.load(&never_used).await.unwrap();
    store.lease_of(&never_used).await.unwrap();
    assert!(!store.keys().await.unwrap().contains(&never_used), "a question leaves nothing");
}

async fn a_lease_is_seen_and_not_taken(store: &impl InboxStore) {
    let key = new_key();
    assert_eq!(store.lease_of(&key).await.unwrap(), None, "nobody has the lease");
    let first = acquire(store, &key, "a", SHORT).await;
    let held = store.lease_of(&key).await.unwrap();
    if let Some(held) = &held {
        assert_eq!(held.holder, "a", "the holder is named");
        assert!(held.left <= SHORT && !held.left.is_zero(), "what is left of the lease: {:?}", held.left);
    }
    store.renew(&first, LONG).await.unwrap();
    let held = store.lease_of(&key).await.unwrap().expect("the lease lasts for ten minutes more");
    assert!(held.left > SHORT && held.left <= LONG, "what is left of the lease: {:?}", held.left);
    store.renew(&first, LONG).await.expect("the question does not end the lease");
    store.release(&first).await.unwrap();
    assert_eq!(store.lease_of(&key).await.unwrap(), None, "the lease was released");
    acquire(store, &key, "b", SHORT).await;
    sleep(LATER).await;
    assert_eq!(store.lease_of(&key).await.unwrap(), None, "the lease has ended");
}

async fn one_holder_at_a_time(store: &impl InboxStore) {
    let key = new_key();
    let first = acquire(store, &key, "a", LONG).await;
    assert_held(store, &key, "a", "b").await;
    store.renew(&first, LONG).await.unwrap();

    let again = acquire(store, &key, "a", LONG).await;
    assert!(again.fence > first.fence, "the holder gets a new lease with a greater fence");
    assert!(is_stale(&store.renew(&first, LONG).await), "the earlier one has ended");

    store.release(&first).await.unwrap();
    assert_held(store, &key, "a", "b").await;
    store.release(&again).await.unwrap();
    let other = acquire(store, &key, "b", LONG).await;
    assert!(other.fence > again.fence, "every lease has a greater fence than the one before");
    store.release(&again).await.unwrap();
    assert_held(store, &key, "b", "a").await;
}

async fn one_of_many_gets_the_lease(store: &impl InboxStore) {
    let key = new_key();
    let holders: Vec<String> = (0..16).map(|number| format!("holder {number}")).collect();
    let asked = join_all(holders.iter().map(|holder| store.acquire(&key, holder, LONG))).await;
    let leases = asked.into_iter().filter(|asked| matches!(asked, Ok(Acquired::Lease(_)))).count();
    assert_eq!(leases, 1, "of 16 that ask at once one gets it");
}

async fn a_lease_ends(store: &impl InboxStore) {
    let key = new_key();
    let lease = acquire(store, &key, "a", SHORT).await;
    sleep(LATER).await;
    let late = Commit { cursor: Some("late".into()), ..first() };
    assert!(
        is_stale(&store.commit(&lease, &late).await),
        "an expired lease writes nothing, though nobody has taken it"
    );
    assert!(is_stale(&store.renew(&lease, LONG).await), "nor is it renewed");
    assert_eq!(store.load(&key).await.unwrap(), None);

    let lease = acquire(store, &key, "b", SHORT).await;
    store.renew(&lease, LONG).await.unwrap();
    sleep(LATER).await;
    assert_held(store, &key, "b", "a").await;
    store.commit(&lease, &late).await.unwrap();
    store.renew(&lease, SHORT).await.unwrap();
    sleep(LATER).await;
    acquire(store, &key, "a", LONG).await;
}

async fn a_former_reader_writes_nothing(store: &impl InboxStore) {
    let key = new_key();
    let stale = acquire(store, &key, "a", SHORT).await;
    sleep(LATER).await;
    let (current, begun) = begin(store, &key, "b").await;
    let next = Commit { cursor: Some("b1".into()), settled: vec![id(1)], ..Commit::next(&begun) };
    let stored = commit(store, &current, &next).await;
    let bad = Commit {
        cursor: Some("a1".into()),
        settled: vec![id(2)],
        parked: vec![parked("p", "{}")],
        ..Commit::next(&stored)
    };
    let whole = Commit { settled: vec![id(3)], ..first() };
    let guessed = [
        stale.clone(),
        Lease { fence: current.fence, ..stale.clone() },
        Lease { fence: stale.fence, ..current.clone() },
        Lease { fence: current.fence + 1, ..current.clone() },
    ];
    for lease in &guessed {
        for commit in [&bad, &whole, &next] {
            let refused = store.commit(lease, commit).await;
            assert!(is_stale(&refused), "{lease:?} writes nothing: {refused:?}");
        }
        assert!(is_stale(&store.renew(lease, LONG).await));
        store.release(lease).await.unwrap();
    }
    assert_eq!(store.load(&key).await.unwrap(), Some(stored));
    assert_eq!(all_parked(store, &key).await, []);
    assert_held(store, &key, "b", "a").await;
}

async fn parked_messages_are_kept(store: &impl InboxStore) {
    let key = new_key();
    let (lease, stored) = begin(store, &key, "a").await;
    let body = "{\"msgid\":\"m1\",\"text\":\"客户的话 🙂 \\u0000 \0 '\"}";
    let page = Parked { kind: ParkedKind::Page, ..parked("page", "not \u{1} JSON") };
    let over = Parked { keep_until: unix_seconds() - 10, ..parked("over", "{}") };
    let (m2, m1, m3) = (parked("m2", body), parked("m1", "{}"), parked("m3", "{}"));
    let all = vec![m2.clone(), page.clone(), over, m1.clone(), m3.clone()];
    let stored = commit(store, &lease, &Commit { parked: all, ..Commit::next(&stored) }).await;
    let kept = all_parked(store, &key).await;
    assert_eq!(kept, [m2.clone(), page, m1, m3], "in order, byte for byte, and none that is past its time");

    let again = m2.because("once more", 9);
    let next =
        Commit { parked: vec![again.clone()], unparked: vec!["m1".into(), "none".into()], ..Commit::next(&stored) };
    commit(store, &lease, &next).await;
    let kept = all_parked(store, &key).await;
    assert_eq!(
        kept.iter().map(|parked| &*parked.id).collect::<Vec<_>>(),
        ["page", "m3", "m2"],
        "one replaced, one gone"
    );
    assert!(kept.contains(&again));
    let found = store.parked(&key, &ParkedQuery::id("m2")).await.unwrap();
    assert_eq!((found.items, found.next), (vec![again], None), "one is found by its id");
    assert_eq!(store.parked(&key, &ParkedQuery::id("m1")).await.unwrap().items, []);

    assert!(store.drop_parked(&key, "m3").await.unwrap(), "it was there");
    assert!(!store.drop_parked(&key, "m3").await.unwrap(), "it is gone");
    assert_eq!(all_parked(store, &key).await.len(), 2);
}

async fn parked_messages_are_listed_in_pages(store: &impl InboxStore) {
    let key = new_key();
    let (lease, stored) = begin(store, &key, "a").await;
    let all: Vec<Parked> = (0..25).map(|number| parked(&id(number), "{}")).collect();
    let mut stored = commit(store, &lease, &Commit { parked: all[..20].to_vec(), ..Commit::next(&stored) }).await;
    let (mut listed, mut query) = (Vec::new(), ParkedQuery::first(4));
    for round in 0.. {
        let page = store.parked(&key, &query).await.unwrap();
        assert!(page.items.len() <= 4, "no more than asked for");
        listed.extend(page.items.into_iter().map(|parked| parked.id));
        if round == 1 {
            // Messages that change between two pages neither hide nor repeat the others.
            store.drop_parked(&key, &id(0)).await.unwrap();
            store.drop_parked(&key, &id(18)).await.unwrap();
            stored = commit(store, &lease, &Commit { parked: all[20..].to_vec(), ..Commit::next(&stored) }).await;
        }
        match page.next {
            Some(next) => query = query.after(Some(next)),
            None => break,
        }
        assert!(round < 100, "it comes to an end");
    }
    let mut expected = ids(0..25);
    expected.remove(18);
    assert_eq!(listed, expected, "each once, in order");
}

async fn wishes_to_replay_are_kept_until_they_are_fulfilled(store: &impl InboxStore) {
    let key = new_key();
    let (lease, stored) = begin(store, &key, "a").await;
    let all: Vec<Parked> = (0..5).map(|number| parked(&id(number), "{}")).collect();
    let stored = commit(store, &lease, &Commit { parked: all, ..Commit::next(&stored) }).await;
    let wished = async || {
        let page = store.parked(&key, &ParkedQuery::wished(10)).await.unwrap();
        assert!(page.items.iter().all(|parked| parked.is_wished), "a wish is visible");
        let has_wishes = store.renew(&lease, LONG).await.unwrap().has_wishes;
        assert_eq!(has_wishes, !page.items.is_empty(), "whoever renews the lease learns of wishes");
        page.items.into_iter().map(|parked| parked.id).collect::<Vec<_>>()
    };
    assert_eq!(wished().await, Vec::<String>::new());
    let asked = [id(4), "none".to_owned(), id(1), id(2), id(3)];
    assert_eq!(store.wish_replays(&key, &asked).await.unwrap(), 4, "of those that are parked");
    assert_eq!(store.wish_replays(&key, &[id(1)]).await.unwrap(), 1, "again changes nothing");
    assert_eq!(wished().await, ids(1..5), "in the order in which they were parked");
    let page = store.parked(&key, &ParkedQuery { only: ParkedOnly::Wished, ..ParkedQuery::first(2) }).await.unwrap();
    let rest = store.parked(&key, &ParkedQuery::wished(10).after(page.next)).await.unwrap();
    assert_eq!((page.items.len(), rest.items.len()), (2, 2), "wishes are listed in pages too");

    // Each of these ends a wish: dropped, unparked, parked again, unwished.
    store.drop_parked(&key, &id(1)).await.unwrap();
    let again = Parked { is_wished: true, ..parked(&id(3), "{}") };
    let next = Commit { unparked: vec![id(2)], parked: vec![again], ..Commit::next(&stored) };
    let stored = commit(store, &lease, &next).await;
    assert_eq!(wished().await, ids(4..5));
    commit(store, &lease, &Commit { unwished: vec![id(4), id(2)], ..Commit::next(&stored) }).await;
    assert_eq!(wished().await, Vec::<String>::new());
    let kept: Vec<String> = all_parked(store, &key).await.into_iter().map(|parked| parked.id).collect();
    assert_eq!(kept, [id(0), id(4), id(3)]);
}

async fn a_dropped_commit_is_whole_or_nothing(store: &impl InboxStore) {
    let key = new_key();
    let (lease, mut stored) = begin(store, &key, "a").await;
    for round in 1..=20 {
        let name = format!("c{round}");
        let next = Commit {
            cursor: Some(name.clone()),
            settled: vec![name.clone()],
            parked: vec![parked(&name, "{}")],
            ..Commit::next(&stored)
        };
        // Polled once, then dropped.
        let _ = store.commit(&lease, &next).now_or_never();
        // It may continue in the background for a moment.
        sleep(Duration::from_millis(20)).await;
        let (state, parked) = (store.load(&key).await.unwrap().unwrap(), all_parked(store, &key).await);
        let is_written = state.cursor.as_ref() == Some(&name);
        assert_eq!(state.revision == next.revision, is_written, "revision and cursor go together");
        assert_eq!(state.settled.contains(&name), is_written, "cursor and ids go together");
        assert_eq!(parked.iter().any(|parked| parked.id == name), is_written, "cursor and parked go together");
        stored = state;
    }
}

async fn a_release_is_heard_or_the_next_acquire_succeeds(store: &impl InboxStore) {
    let key = new_key();
    let lease = acquire(store, &key, "a", LONG).await;
    let mut changes = store.changes(&key);
    assert_held(store, &key, "a", "b").await;
    store.release(&lease).await.unwrap();
    // A store need not report changes. If it does, the stream must not end at once, and this wait ends early.
    let _ = timeout(Duration::from_secs(1), changes.next()).await;
    acquire(store, &key, "b", LONG).await;
}
