//! Access tokens: issue, reuse, expiry, refusals.

use std::time::Duration;

use serde_json::json;
use wecom_kf_sim::{Simulator, op};

use crate::bot::Bot;

async fn list(bot: &Bot) -> i64 {
    bot.errcode(op::ACCOUNT_LIST, json!({})).await
}

#[tokio::test]
async fn gettoken_names_what_is_wrong() {
    let sim = Simulator::builder().corp("ww1", "s3cret-of-app").start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let cases: [(&[(&str, &str)], i64); 6] = [
        (&[], 41002),
        (&[("corpid", ""), ("corpsecret", "s3cret-of-app")], 41002),
        (&[("corpid", "ww1")], 41004),
        (&[("corpid", "ww2"), ("corpsecret", "s3cret-of-app")], 40013),
        (&[("corpid", "ww1"), ("corpsecret", "wrong")], 40001),
        (&[("corpid", "ww1"), ("corpsecret", "s3cret-of-app")], 0),
    ];
    for (query, errcode) in cases {
        let reply = bot.gettoken_with(query).await;
        assert_eq!(reply["errcode"], errcode, "{query:?}");
        assert_eq!(reply.get("access_token").is_some(), errcode == 0);
    }
}

#[tokio::test]
async fn a_call_needs_a_token_that_is_known() {
    let sim = Simulator::start().await.unwrap();
    let mut bot = Bot::of(&sim).await;
    bot.access_token = "somebody else's".to_owned();
    assert_eq!(list(&bot).await, 40014);
    bot.access_token.clear();
    assert_eq!(list(&bot).await, 41001);
    let without = bot.http.post(bot.url(op::ACCOUNT_LIST)).send().await.unwrap();
    assert_eq!(without.status(), 200);
    assert_eq!(without.json::<serde_json::Value>().await.unwrap()["errcode"], 41001);
}

#[tokio::test]
async fn a_token_lasts_7200_seconds_and_is_handed_out_again_meanwhile() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    assert_eq!(sim.access_token().as_ref(), Some(&bot.access_token));
    sim.advance(Duration::from_secs(7000));
    let again = bot.gettoken(&sim).await;
    assert_eq!(again["access_token"], *bot.access_token);
    let left = again["expires_in"].as_u64().unwrap();
    assert!((190..=200).contains(&left), "{left}");
    assert_eq!(list(&bot).await, 0);

    sim.advance(Duration::from_secs(200));
    assert_eq!(list(&bot).await, 42001);
    let renewed = bot.gettoken(&sim).await;
    assert_ne!(renewed["access_token"], *bot.access_token);
    assert_eq!(renewed["expires_in"], 7200);
}

#[tokio::test]
async fn a_token_can_expire_early_or_be_revoked() {
    let sim = Simulator::start().await.unwrap();
    let mut bot = Bot::of(&sim).await;
    for (end, errcode) in [(Simulator::expire_token as fn(&Simulator), 42001), (Simulator::revoke_token, 40014)] {
        assert_eq!(list(&bot).await, 0);
        end(&sim);
        assert_eq!(list(&bot).await, errcode);
        let renewed = Bot::of(&sim).await;
        assert_eq!(list(&bot).await, errcode, "a new token does not revive the old one");
        bot = renewed;
    }
}

#[tokio::test]
async fn tokens_can_be_fresh_each_time_and_live_as_long_as_told() {
    let builder = Simulator::builder().fresh_token_each_time().token_lifetime(Duration::from_secs(60));
    let sim = builder.start().await.unwrap();
    let (first, second) = (Bot::of(&sim).await, Bot::of(&sim).await);
    assert_ne!(first.access_token, second.access_token);
    assert_eq!((list(&first).await, list(&second).await), (0, 0));
    sim.set_token_lifetime(Duration::from_secs(120));
    let third = Bot::of(&sim).await;
    sim.advance(Duration::from_secs(60));
    assert_eq!((list(&first).await, list(&second).await, list(&third).await), (42001, 42001, 0));
}
