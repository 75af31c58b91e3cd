//! Faults, as a bot meets them.

use std::error::Error;
use std::io::ErrorKind;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wecom_kf_sim::{Customer, Fault, Simulator, op};

use crate::bot::Bot;
use crate::clock::StandingClock;

async fn chat() -> (Simulator, Bot, Customer) {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    wang.says("你好");
    (sim, bot, wang)
}

/// Sends a message on a socket of its own. What came, and how it ended.
async fn on_the_socket(sim: &Simulator, bot: &Bot, wang: &Customer) -> (String, Result<usize, ErrorKind>) {
    let body = bot.text(wang, "您好").to_string();
    let (path, token, length) = (op::SEND_MSG.path, &bot.access_token, body.len());
    let request = format!(
        "POST {path}?access_token={token} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let mut socket = TcpStream::connect(sim.base_url().trim_start_matches("http://")).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let end = socket.read_to_end(&mut answer).await;
    (String::from_utf8(answer).unwrap(), end.map_err(|error| error.kind()))
}

fn io_kind(error: &reqwest::Error) -> Option<ErrorKind> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        source = error.source();
    }
    None
}

#[tokio::test]
async fn an_errcode_answers_once_unless_told_otherwise() {
    let (sim, bot, wang) = chat().await;
    let fault = sim.fault(op::SEND_MSG).errcode(-1);
    let send = || bot.errcode(op::SEND_MSG, bot.text(&wang, "您好"));
    assert_eq!((send().await, send().await), (-1, 0));
    assert_eq!((fault.hits(), wang.heard().len()), (1, 1));

    let twice = sim.fault(op::SEND_MSG).errcode(45009).times(2);
    let always = sim.fault(op::SEND_MSG).errcode(48002).always();
    let codes = [send().await, send().await, send().await, send().await];
    assert_eq!(codes, [45009, 45009, 48002, 48002], "first in, first out");
    assert_eq!(bot.errcode(op::ACCOUNT_LIST, json!({})).await, 0, "other operations go on");
    always.remove();
    assert_eq!(send().await, 0);
    assert_eq!((twice.hits(), always.hits()), (2, 2));
}

#[tokio::test]
async fn a_fault_can_be_removed_before_it_hits() {
    let (sim, bot, wang) = chat().await;
    let fault = sim.fault(op::SEND_MSG).errcode(-1);
    fault.remove();
    assert_eq!(bot.errcode(op::SEND_MSG, bot.text(&wang, "您好")).await, 0);
    assert_eq!(fault.hits(), 0);
}

#[tokio::test]
async fn statuses_pages_and_bodies_are_answered_as_they_are() {
    let (sim, bot, _) = chat().await;
    sim.fault(op::ACCOUNT_LIST).status(502);
    sim.fault(op::ACCOUNT_LIST).html();
    sim.fault(op::ACCOUNT_LIST).body(r#"{"errmsg":"no errcode"}"#);
    let list = || bot.request(op::ACCOUNT_LIST, "{}").send();
    assert_eq!(list().await.unwrap().status(), 502);
    let page = list().await.unwrap();
    assert_eq!(
        (page.status().as_u16(), page.headers()["content-type"].to_str().unwrap()),
        (200, "text/html; charset=UTF-8")
    );
    assert!(page.text().await.unwrap().starts_with("<!DOCTYPE html>"));
    assert_eq!(list().await.unwrap().text().await.unwrap(), r#"{"errmsg":"no errcode"}"#);
    let faults: Vec<_> = sim.journal().into_iter().map(|call| (call.status, call.errcode, call.fault)).collect();
    let expected = [(502, "status 502"), (200, "html"), (200, "body")];
    assert_eq!(faults[1..], expected.map(|(status, fault)| (status, None, Some(fault.to_owned()))));
}

#[tokio::test]
async fn a_reset_before_leaves_the_call_undone() {
    let (sim, bot, wang) = chat().await;
    sim.fault(op::SEND_MSG).reset_before().times(2);
    let (answer, end) = on_the_socket(&sim, &bot, &wang).await;
    assert_eq!((answer.as_str(), end), ("", Err(ErrorKind::ConnectionReset)));
    let error = bot.try_call(op::SEND_MSG, bot.text(&wang, "您好")).await.unwrap_err();
    assert_eq!(io_kind(&error), Some(ErrorKind::ConnectionReset), "{error:?}");
    assert_eq!((wang.heard().len(), wang.state()), (0, 0));
    let call = sim.journal().pop().unwrap();
    assert_eq!((call.status, call.errcode, call.fault.as_deref()), (0, None, Some("reset_before")));
    assert_eq!(bot.errcode(op::SEND_MSG, bot.text(&wang, "您好")).await, 0);
}

#[tokio::test]
async fn a_reset_after_leaves_it_done() {
    let (sim, bot, wang) = chat().await;
    sim.fault(op::SEND_MSG).reset_after();
    let (answer, end) = on_the_socket(&sim, &bot, &wang).await;
    assert_eq!((answer.as_str(), end), ("", Err(ErrorKind::ConnectionReset)));
    assert_eq!((wang.heard().len(), wang.state()), (1, 1));
    let call = sim.journal().pop().unwrap();
    assert_eq!((call.status, call.errcode, call.fault.as_deref()), (0, Some(0), Some("reset_after")));
}

#[tokio::test]
async fn half_a_body_announces_the_whole() {
    let (sim, bot, wang) = chat().await;
    sim.fault(op::SEND_MSG).half_a_body().times(2);
    let (answer, end) = on_the_socket(&sim, &bot, &wang).await;
    let (head, half) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(end, Ok(answer.len()), "closed, not reset");
    let announced: usize =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    assert_eq!(half.len(), announced / 2);
    assert!(half.starts_with('{'), "{half}");
    bot.try_call(op::SEND_MSG, bot.text(&wang, "您好")).await.unwrap_err();
    assert_eq!(wang.heard().len(), 2, "done all the same");
}

async fn until_it_hits(fault: &Fault) {
    while fault.hits() == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn never_means_never() {
    let (sim, bot, wang) = chat().await;
    let (fault, clock) = (sim.fault(op::SEND_MSG).never_answers(), StandingClock::start());
    let call = tokio::spawn(bot.request(op::SEND_MSG, bot.text(&wang, "您好").to_string()).send());
    until_it_hits(&fault).await;
    clock.pass(Duration::from_secs(24 * 3600)).await;
    assert!(!call.is_finished());
    assert_eq!((sim.calls(op::SEND_MSG), wang.heard().len()), (1, 0));
}

#[tokio::test]
async fn a_delayed_call_is_done_even_if_the_caller_gave_up() {
    let (sim, bot, wang) = chat().await;
    let (fault, clock) = (sim.fault(op::SEND_MSG).delay(Duration::from_secs(60)), StandingClock::start());
    let call = tokio::spawn(bot.request(op::SEND_MSG, bot.text(&wang, "您好").to_string()).send());
    until_it_hits(&fault).await;
    clock.pass(Duration::from_secs(59)).await;
    call.abort();
    assert_eq!(wang.heard().len(), 0);
    clock.pass(Duration::from_secs(1)).await;
    assert_eq!(wang.hears().await.unwrap().text(), Some("您好"));
    drop(clock);

    sim.fault(op::SEND_MSG).delay(Duration::from_millis(20));
    let reply: Value = bot.call(op::SEND_MSG, bot.text(&wang, "您好")).await;
    assert_eq!(reply["errcode"], 0);
    assert!(sim.journal().pop().unwrap().took >= Duration::from_millis(20));
}

#[tokio::test]
async fn a_wrong_content_type_is_on_a_call_that_is_done() {
    let (sim, bot, wang) = chat().await;
    sim.fault(op::SEND_MSG).content_type("text/plain");
    sim.fault(op::SEND_MSG).content_type("no\nheader");
    for _ in 0..2 {
        let response = bot.request(op::SEND_MSG, bot.text(&wang, "您好").to_string()).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/plain");
        assert_eq!(response.json::<Value>().await.unwrap()["errcode"], 0);
    }
    assert_eq!(wang.heard().len(), 2);
}

#[tokio::test]
async fn a_message_that_fails_after_it_was_accepted_is_an_event() {
    let (sim, bot, wang) = chat().await;
    let fault = sim.fault(op::SEND_MSG).msg_send_fail(10);
    let sent = bot.ok(op::SEND_MSG, bot.text(&wang, "您好")).await;
    assert_eq!((fault.hits(), wang.heard().len()), (1, 0));
    let page = bot.ok(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
    let event = &page["msg_list"][1]["event"];
    assert_eq!((&event["event_type"], &event["fail_type"]), (&json!("msg_send_fail"), &json!(10)));
    assert_eq!((&event["fail_msgid"], &event["external_userid"]), (&sent["msgid"], &json!(wang.external_userid())));
}

#[tokio::test]
async fn tokens_are_revoked_and_cursors_lost_by_a_fault() {
    let (sim, bot, _) = chat().await;
    let page = bot.ok(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
    let again = || json!({ "open_kfid": sim.open_kfid(), "cursor": page["next_cursor"] });
    bot.ok(op::SYNC_MSG, again()).await;
    sim.fault(op::SYNC_MSG).cursors_lost();
    assert_eq!(bot.errcode(op::SYNC_MSG, again()).await, 40058);
    assert_eq!(bot.errcode(op::SYNC_MSG, again()).await, 40058, "lost for good");
    let page = bot.ok(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
    bot.ok(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid(), "cursor": page["next_cursor"] })).await;

    sim.fault(op::ACCOUNT_LIST).token_revoked();
    assert_eq!(bot.errcode(op::ACCOUNT_LIST, json!({})).await, 40014);
    let bot = Bot::of(&sim).await;
    bot.ok(op::ACCOUNT_LIST, json!({})).await;
}

#[tokio::test]
async fn a_reached_rate_limit_lasts_for_its_window() {
    let (sim, bot, wang) = chat().await;
    sim.fault(op::SEND_MSG).rate_limited(Duration::from_secs(60));
    let send = || bot.errcode(op::SEND_MSG, bot.text(&wang, "您好"));
    assert_eq!([send().await, send().await], [45009, 45009]);
    bot.ok(op::ACCOUNT_LIST, json!({})).await;
    sim.advance(Duration::from_secs(60));
    assert_eq!(send().await, 0);
}

#[tokio::test]
async fn a_probability_is_drawn_from_the_seed_and_spares_go_to_the_next_fault() {
    async fn codes(seed: u64) -> Vec<i64> {
        let sim = Simulator::builder().seed(seed).start().await.unwrap();
        let bot = Bot::of(&sim).await;
        let often = sim.fault(op::ACCOUNT_LIST).errcode(-1).probability(0.3).always();
        sim.fault_anything().errcode(45033).times(5);
        let mut codes = Vec::new();
        for _ in 0..100 {
            codes.push(bot.errcode(op::ACCOUNT_LIST, json!({})).await);
        }
        let hits = codes.iter().filter(|code| **code == -1).count();
        assert_eq!(often.hits(), hits);
        assert!((15..=45).contains(&hits), "{hits}");
        assert_eq!(codes.iter().filter(|code| **code == 45033).count(), 5);
        codes
    }
    let (one, other) = tokio::join!(codes(7), codes(7));
    assert_eq!(one, other);
    assert_ne!(one, codes(8).await);
}
