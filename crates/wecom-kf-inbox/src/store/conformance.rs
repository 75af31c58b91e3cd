//! What every store must pass: run it against your own.
//!
//! Each function takes a maker of stores, which may be empty ones or handles of a shared one: keys are new each time.
//! It panics with a sentence that says what was broken. It takes some seconds of real time, or none on a paused clock.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
//! use wecom_kf_inbox::store::{Memory, conformance};
//!
//! conformance::inbox_store(async || Memory::new()).await;
//! conformance::token_store(async || Memory::new()).await;
//! # }
//! ```
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "it is there to panic")]

use std::time::Duration;

use futures_util::future::{FutureExt, join_all};
use tokio::time::sleep;
use wecom_kf::{AccessToken, CorpSecret, ErrCode};

use super::{
    Acquired, Commit, InboxKey, InboxState, InboxStore, Lease, Parked, ParkedKind, REMEMBERED, Refresh, StoreError,
    StoredToken, TokenFailure, TokenKey, TokenOutcome, TokenStore, TokenTurn, TokenWish,
};
use crate::clock::unix_seconds;

/// Longer than any check takes.
const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(200);
/// After this, SHORT is surely over.
const LATER: Duration = Duration::from_millis(350);

/// Checks an [`InboxStore`].
pub async fn inbox_store<S: InboxStore>(make: impl AsyncFn() -> S) {
    what_is_committed_is_loaded(&make().await).await;
    the_last_ids_are_remembered(&make().await).await;
    a_repeated_commit_changes_nothing(&make().await).await;
    keys_do_not_meet(&make().await).await;
    one_holder_at_a_time(&make().await).await;
    one_of_many_gets_the_lease(&make().await).await;
    a_lease_ends(&make().await).await;
    a_stale_lease_writes_nothing(&make().await).await;
    parked_messages_are_kept(&make().await).await;
    a_dropped_commit_is_whole_or_nothing(&make().await).await;
}

/// Checks a [`TokenStore`].
pub async fn token_store<S: TokenStore>(make: impl AsyncFn() -> S) {
    one_fetches_and_all_get_the_token(&make().await).await;
    a_rejected_token_is_fetched_anew_once(&make().await).await;
    an_old_token_serves_while_a_new_one_is_fetched(&make().await).await;
    a_failure_is_held_and_counted(&make().await).await;
    a_token_may_be_held_too(&make().await).await;
    a_turn_ends(&make().await).await;
    a_token_ends(&make().await).await;
    tokens_do_not_meet(&make().await).await;
}

fn new_key() -> InboxKey {
    InboxKey::new(format!("conformance.invalid/ww{:016x}", fastrand::u64(..)), "wk1".into())
}

fn id(number: usize) -> String {
    format!("msgid-{number:06}")
}

fn ids(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(id).collect()
}

fn parked(id: &str, body: &str) -> Parked {
    let now = unix_seconds();
    Parked {
        id: id.to_owned(),
        kind: ParkedKind::Message,
        body: body.to_owned(),
        reason: format!("because of {id}"),
        tries: 3,
        parked_at: now,
        keep_until: now + 1000,
    }
}

async fn acquire(store: &impl InboxStore, key: &InboxKey, holder: &str, limit: Duration) -> Lease {
    match store.acquire(key, holder, limit).await.unwrap() {
        Acquired::Lease(lease) => {
            assert_eq!((&lease.key, &*lease.holder), (key, holder), "a lease says whose it is and of what");
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

async fn what_is_committed_is_loaded(store: &impl InboxStore) {
    let key = new_key();
    assert_eq!(store.load(&key).await.unwrap(), InboxState::default(), "nothing was committed");
    assert_eq!(store.parked(&key).await.unwrap(), [], "nothing was parked");
    let lease = acquire(store, &key, "a", LONG).await;
    assert_eq!(store.load(&key).await.unwrap(), InboxState::default(), "a lease is no commit");

    let odd_ids = vec!["".to_owned(), "客户-🙂 \" ' \\ \0 \n".to_owned(), "x".repeat(300)];
    let first = Commit {
        revision: 1,
        cursor: Some("cursor 1 \"'\\\0🙂".to_owned()),
        since: Some(-5),
        settled: odd_ids.clone(),
        ..Default::default()
    };
    store.commit(&lease, &first).await.unwrap();
    let expected = InboxState { revision: 1, cursor: first.cursor.clone(), since: Some(-5), settled: odd_ids.clone() };
    assert_eq!(store.load(&key).await.unwrap(), expected, "text is kept byte for byte");

    let second = Commit { revision: 2, settled: vec!["new".to_owned()], ..Default::default() };
    store.commit(&lease, &second).await.unwrap();
    let settled = [odd_ids, vec!["new".to_owned()]].concat();
    let expected = InboxState { revision: 2, cursor: None, since: None, settled };
    assert_eq!(store.load(&key).await.unwrap(), expected, "cursor and since are replaced, ids come after the others");
}

async fn the_last_ids_are_remembered(store: &impl InboxStore) {
    let key = new_key();
    let lease = acquire(store, &key, "a", LONG).await;
    let mut revision = 0;
    let mut commit = async |settled: Vec<String>| {
        revision += 1;
        store.commit(&lease, &Commit { revision, settled, ..Default::default() }).await.unwrap();
        store.load(&key).await.unwrap().settled
    };
    assert_eq!(commit(ids(0..REMEMBERED - 1)).await.len(), REMEMBERED - 1);
    let kept = commit(ids(REMEMBERED - 1..REMEMBERED + 2)).await;
    assert_eq!(kept.len(), REMEMBERED, "as many as are remembered, no more");
    assert!(kept == ids(2..REMEMBERED + 2), "the last ones, oldest first");
    let kept = commit(ids(0..REMEMBERED + 5)).await;
    assert!(kept == ids(5..REMEMBERED + 5), "of more than that in one commit, the last ones");
}

async fn a_repeated_commit_changes_nothing(store: &impl InboxStore) {
    let key = new_key();
    let lease = acquire(store, &key, "a", LONG).await;
    let settled = vec![id(1)];
    let commit = Commit { revision: 7, cursor: Some("c7".into()), settled: settled.clone(), ..Default::default() };
    store.commit(&lease, &commit).await.unwrap();
    store.commit(&lease, &commit).await.unwrap();
    let state = store.load(&key).await.unwrap();
    assert_eq!((state.revision, state.settled), (7, settled), "the same revision again is written once");

    let earlier = Commit { revision: 3, cursor: Some("c3".into()), settled: vec![id(2)], ..Default::default() };
    store.commit(&lease, &earlier).await.unwrap();
    let state = store.load(&key).await.unwrap();
    assert_eq!(
        (state.revision, state.cursor.as_deref()),
        (3, Some("c3")),
        "another revision is written, be it smaller"
    );
}

async fn keys_do_not_meet(store: &impl InboxStore) {
    let key = new_key();
    let other_account = InboxKey::new(key.scope(), "wk2".into());
    let other_corp = InboxKey::new(format!("{}x", key.scope()), "wk1".into());
    let lease = acquire(store, &key, "a", LONG).await;
    let commit = Commit {
        revision: 1,
        cursor: Some("c".into()),
        settled: vec![id(1)],
        parked: vec![parked("p", "{}")],
        ..Default::default()
    };
    store.commit(&lease, &commit).await.unwrap();
    for other in [other_account, other_corp] {
        assert_eq!(store.load(&other).await.unwrap(), InboxState::default(), "{other} has nothing of {key}");
        assert_eq!(store.parked(&other).await.unwrap(), [], "{other} has nothing of {key}");
        assert!(!store.drop_parked(&other, "p").await.unwrap(), "{other} has nothing of {key}");
        acquire(store, &other, "b", LONG).await;
    }
    assert_eq!(store.parked(&key).await.unwrap().len(), 1);
}

async fn one_holder_at_a_time(store: &impl InboxStore) {
    let key = new_key();
    let first = acquire(store, &key, "a", LONG).await;
    assert_held(store, &key, "a", "b").await;
    store.renew(&first, LONG).await.unwrap();

    let again = acquire(store, &key, "a", LONG).await;
    assert!(again.fence > first.fence, "the holder gets a new lease with a greater fence");
    assert!(matches!(store.renew(&first, LONG).await, Err(StoreError::StaleLease)), "the earlier one has ended");

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
    let commit = Commit { revision: 1, cursor: Some("late".into()), ..Default::default() };
    assert!(
        matches!(store.commit(&lease, &commit).await, Err(StoreError::StaleLease)),
        "a lease that is over writes nothing, though nobody has taken it"
    );
    assert!(matches!(store.renew(&lease, LONG).await, Err(StoreError::StaleLease)), "nor is it renewed");
    assert_eq!(store.load(&key).await.unwrap(), InboxState::default());

    let lease = acquire(store, &key, "b", SHORT).await;
    store.renew(&lease, LONG).await.unwrap();
    sleep(LATER).await;
    assert_held(store, &key, "b", "a").await;
    store.commit(&lease, &commit).await.unwrap();
    store.renew(&lease, SHORT).await.unwrap();
    sleep(LATER).await;
    acquire(store, &key, "a", LONG).await;
}

async fn a_stale_lease_writes_nothing(store: &impl InboxStore) {
    let key = new_key();
    let stale = acquire(store, &key, "a", SHORT).await;
    sleep(LATER).await;
    let current = acquire(store, &key, "b", LONG).await;
    let good = Commit { revision: 1, cursor: Some("b1".into()), settled: vec![id(1)], ..Default::default() };
    store.commit(&current, &good).await.unwrap();
    let bad = Commit {
        revision: 2,
        cursor: Some("a1".into()),
        settled: vec![id(2)],
        parked: vec![parked("p", "{}")],
        ..Default::default()
    };
    let same_revision = Commit { revision: 1, ..bad.clone() };
    let guessed = [
        stale.clone(),
        Lease { fence: current.fence, ..stale.clone() },
        Lease { fence: stale.fence, ..current.clone() },
        Lease { fence: current.fence + 1, ..current.clone() },
    ];
    for lease in &guessed {
        for commit in [&bad, &same_revision] {
            let refused = store.commit(lease, commit).await;
            assert!(matches!(refused, Err(StoreError::StaleLease)), "{lease:?} writes nothing: {refused:?}");
        }
        assert!(matches!(store.renew(lease, LONG).await, Err(StoreError::StaleLease)));
        store.release(lease).await.unwrap();
    }
    let expected = InboxState { revision: 1, cursor: Some("b1".into()), since: None, settled: vec![id(1)] };
    assert_eq!(store.load(&key).await.unwrap(), expected);
    assert_eq!(store.parked(&key).await.unwrap(), []);
    assert_held(store, &key, "b", "a").await;
}

async fn parked_messages_are_kept(store: &impl InboxStore) {
    let key = new_key();
    let lease = acquire(store, &key, "a", LONG).await;
    let body = "{\"msgid\":\"m1\",\"text\":\"客户的话 🙂 \\u0000 \0 '\"}";
    let page = Parked { kind: ParkedKind::Page, ..parked("page", "not \u{1} JSON") };
    let over = Parked { keep_until: unix_seconds() - 10, ..parked("over", "{}") };
    let all = vec![parked("m2", body), page.clone(), over, parked("m1", "{}"), parked("m3", "{}")];
    store.commit(&lease, &Commit { revision: 1, parked: all, ..Default::default() }).await.unwrap();
    let kept = store.parked(&key).await.unwrap();
    assert_eq!(
        kept,
        [parked_like(&kept, 0, "m2", body), page, parked_like(&kept, 2, "m1", "{}"), parked_like(&kept, 3, "m3", "{}")],
        "in the order they were parked, byte for byte, and none that is past its time"
    );

    let anew = Parked { reason: "once more".into(), tries: 9, ..kept[0].clone() };
    let commit = Commit {
        revision: 2,
        parked: vec![anew.clone()],
        unparked: vec!["m1".into(), "none".into()],
        ..Default::default()
    };
    store.commit(&lease, &commit).await.unwrap();
    let kept = store.parked(&key).await.unwrap();
    assert_eq!(kept.len(), 3, "one was replaced, one went");
    assert!(kept.contains(&anew) && !kept.iter().any(|parked| parked.id == "m1"));

    assert!(store.drop_parked(&key, "m3").await.unwrap(), "it was there");
    assert!(!store.drop_parked(&key, "m3").await.unwrap(), "it is no more");
    assert_eq!(store.parked(&key).await.unwrap().len(), 2);
}

/// What `parked` makes, with the times of the one that was read: the second may have changed in between.
fn parked_like(kept: &[Parked], at: usize, id: &str, body: &str) -> Parked {
    let times = kept.get(at).map_or((0, 0), |kept| (kept.parked_at, kept.keep_until));
    Parked { parked_at: times.0, keep_until: times.1, ..parked(id, body) }
}

async fn a_dropped_commit_is_whole_or_nothing(store: &impl InboxStore) {
    let key = new_key();
    let lease = acquire(store, &key, "a", LONG).await;
    for revision in 1..=20 {
        let name = format!("c{revision}");
        let commit = Commit {
            revision,
            cursor: Some(name.clone()),
            settled: vec![name.clone()],
            parked: vec![parked(&name, "{}")],
            ..Default::default()
        };
        // Polled once, then dropped.
        let _ = store.commit(&lease, &commit).now_or_never();
        // It may go on in the background for a moment.
        sleep(Duration::from_millis(20)).await;
        let (state, parked) = (store.load(&key).await.unwrap(), store.parked(&key).await.unwrap());
        let is_written = state.cursor.as_ref() == Some(&name);
        assert_eq!(state.revision == revision, is_written, "revision and cursor go together");
        assert_eq!(state.settled.contains(&name), is_written, "cursor and ids go together");
        assert_eq!(parked.iter().any(|parked| parked.id == name), is_written, "cursor and parked go together");
    }
}

fn new_token_key() -> TokenKey {
    TokenKey::new("https://conformance.invalid", &format!("ww{:016x}", fastrand::u64(..)), &CorpSecret::from("s"))
}

fn wish() -> TokenWish {
    TokenWish { rejected: None, at_least: Duration::from_secs(1), limit: LONG }
}

fn rejecting(token: &str) -> TokenWish {
    TokenWish { rejected: Some(AccessToken::from(token)), ..wish() }
}

fn token(token: &str, left: Duration) -> TokenOutcome {
    held_token(token, left, Duration::ZERO)
}

fn held_token(token: &str, left: Duration, hold: Duration) -> TokenOutcome {
    TokenOutcome::Token { token: StoredToken { token: AccessToken::from(token), left }, hold }
}

fn failure(hold: Duration) -> TokenOutcome {
    let message = "gettoken refused: 40001 \"客户🙂\"".to_owned();
    TokenOutcome::Failed { failure: TokenFailure { code: Some(ErrCode(40001)), message }, hold }
}

async fn refresh(store: &impl TokenStore, key: &TokenKey, wish: &TokenWish) -> Refresh {
    match store.turn(key, wish).await.unwrap() {
        TokenTurn::Refresh(refresh) => refresh,
        other => panic!("it should be the caller's turn, but {other:?}"),
    }
}

async fn assert_token(store: &impl TokenStore, key: &TokenKey, wish: &TokenWish, expected: &str) -> Duration {
    match store.turn(key, wish).await.unwrap() {
        TokenTurn::Token(stored) => {
            assert!(stored.token.expose() == expected, "another token than {expected}");
            stored.left
        }
        other => panic!("it should be the token {expected}, but {other:?}"),
    }
}

async fn one_fetches_and_all_get_the_token(store: &impl TokenStore) {
    let key = new_token_key();
    let wish = wish();
    let turns = join_all((0..16).map(|_| store.turn(&key, &wish))).await;
    let mut refreshes = Vec::new();
    for turn in turns {
        match turn.unwrap() {
            TokenTurn::Refresh(refresh) => refreshes.push(refresh),
            TokenTurn::Wait => {}
            other => panic!("there is no token and no outcome yet, but {other:?}"),
        }
    }
    assert_eq!(refreshes.len(), 1, "of 16 that ask at once one fetches");
    assert_eq!(refreshes[0].failures, 0);
    store.finish(&refreshes[0], &token("T1", LONG)).await.unwrap();
    let left = assert_token(store, &key, &wish, "T1").await;
    assert!(left <= LONG && left > LONG - Duration::from_secs(60), "what is left of it: {left:?}");
    assert!(matches!(store.finish(&refreshes[0], &token("T2", LONG)).await, Err(StoreError::StaleLease)));
    assert_token(store, &key, &wish, "T1").await;
}

async fn a_rejected_token_is_fetched_anew_once(store: &impl TokenStore) {
    let key = new_token_key();
    let first = refresh(store, &key, &wish()).await;
    store.finish(&first, &token("T1", LONG)).await.unwrap();
    let second = refresh(store, &key, &rejecting("T1")).await;
    assert_ne!(first.id, second.id, "turns differ");
    assert!(matches!(store.turn(&key, &rejecting("T1")).await.unwrap(), TokenTurn::Wait), "one is fetching");
    store.finish(&second, &token("T2", LONG)).await.unwrap();
    assert_token(store, &key, &rejecting("T1"), "T2").await;
    assert_token(store, &key, &wish(), "T2").await;
}

async fn an_old_token_serves_while_a_new_one_is_fetched(store: &impl TokenStore) {
    let key = new_token_key();
    let first = refresh(store, &key, &wish()).await;
    store.finish(&first, &token("T1", Duration::from_secs(100))).await.unwrap();
    let long_wish = TokenWish { at_least: Duration::from_secs(200), ..wish() };
    let second = refresh(store, &key, &long_wish).await;
    assert_token(store, &key, &long_wish, "T1").await;
    store.finish(&second, &failure(LONG)).await.unwrap();
    assert_token(store, &key, &long_wish, "T1").await;
    assert_token(store, &key, &wish(), "T1").await;
    let rejected = store.turn(&key, &rejecting("T1")).await.unwrap();
    assert!(matches!(&rejected, TokenTurn::Failed(_)), "the failure is held: {rejected:?}");
}

async fn a_failure_is_held_and_counted(store: &impl TokenStore) {
    let key = new_token_key();
    for failures in 0..3 {
        let turn = refresh(store, &key, &wish()).await;
        assert_eq!(turn.failures, failures, "failures in a row are counted");
        store.finish(&turn, &failure(SHORT)).await.unwrap();
        sleep(LATER).await;
    }
    let turn = refresh(store, &key, &wish()).await;
    store.finish(&turn, &failure(LONG)).await.unwrap();
    match store.turn(&key, &wish()).await.unwrap() {
        TokenTurn::Failed(shared) => {
            assert_eq!(shared.code, Some(ErrCode(40001)));
            assert_eq!(shared.message, "gettoken refused: 40001 \"客户🙂\"", "everybody gets the same cause");
        }
        other => panic!("the failure is held, but {other:?}"),
    }

    let key = new_token_key();
    let turn = refresh(store, &key, &wish()).await;
    store.finish(&turn, &failure(SHORT)).await.unwrap();
    sleep(LATER).await;
    let turn = refresh(store, &key, &wish()).await;
    store.finish(&turn, &token("T1", LONG)).await.unwrap();
    assert_eq!(refresh(store, &key, &rejecting("T1")).await.failures, 0, "a token ends the row");
}

async fn a_token_may_be_held_too(store: &impl TokenStore) {
    let key = new_token_key();
    let turn = refresh(store, &key, &wish()).await;
    store.finish(&turn, &held_token("T1", LONG, SHORT * 10)).await.unwrap();
    assert_token(store, &key, &rejecting("T1"), "T1").await;
    sleep(SHORT * 10 + LATER).await;
    refresh(store, &key, &rejecting("T1")).await;
}

async fn a_turn_ends(store: &impl TokenStore) {
    let key = new_token_key();
    let slow = refresh(store, &key, &TokenWish { limit: SHORT, ..wish() }).await;
    sleep(LATER).await;
    let next = refresh(store, &key, &wish()).await;
    let late = store.finish(&slow, &token("late", LONG)).await;
    assert!(matches!(late, Err(StoreError::StaleLease)), "whose turn is over tells nothing: {late:?}");
    assert!(matches!(store.turn(&key, &wish()).await.unwrap(), TokenTurn::Wait));
    store.finish(&next, &token("T1", LONG)).await.unwrap();
    assert_token(store, &key, &wish(), "T1").await;
}

async fn a_token_ends(store: &impl TokenStore) {
    let key = new_token_key();
    let turn = refresh(store, &key, &wish()).await;
    store.finish(&turn, &token("T1", SHORT)).await.unwrap();
    sleep(LATER).await;
    refresh(store, &key, &TokenWish { at_least: Duration::ZERO, ..wish() }).await;
}

async fn tokens_do_not_meet(store: &impl TokenStore) {
    let (key, other) = (new_token_key(), new_token_key());
    let turn = refresh(store, &key, &wish()).await;
    let other_turn = refresh(store, &other, &wish()).await;
    store.finish(&turn, &token("T1", LONG)).await.unwrap();
    store.finish(&other_turn, &token("T2", LONG)).await.unwrap();
    assert_token(store, &key, &wish(), "T1").await;
    assert_token(store, &other, &wish(), "T2").await;
}
