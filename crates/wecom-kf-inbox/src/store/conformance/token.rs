//! What every token store must pass.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::sleep;
use wecom_kf::{AccessToken, CorpSecret, ErrCode};

use super::super::{
    Refresh, StoreError, StoredToken, TokenFailure, TokenKey, TokenOutcome, TokenStore, TokenTurn, TokenWish,
};
use super::{LATER, LONG, SHORT};

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
    store.finish(&turn, &held_token("T1", LONG, SHORT * 3)).await.unwrap();
    assert_token(store, &key, &rejecting("T1"), "T1").await;
    sleep(SHORT * 3 + LATER).await;
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
