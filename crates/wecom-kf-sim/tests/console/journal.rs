//! The journal in the console: turns, outcomes and the search.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::StatusCode;
use serde_json::json;
use tokio::net::TcpListener;
use wecom_kf_sim::{FindingName, Simulator, op};

use crate::browser::{Page, play};
use crate::calls::call;

/// A simulator whose callbacks are answered with 503 as often as `failing` says, then with 200.
async fn with_callbacks(failing: usize) -> (Arc<Simulator>, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/callback", listener.local_addr().unwrap());
    let left = Arc::new(AtomicUsize::new(failing));
    let answer = async move || {
        let fails = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        if fails { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
    };
    let receiver =
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await.unwrap() });
    let sim = Simulator::builder().seed(7).servicer("zhangsan").callback_url(&url).start().await.unwrap();
    (Arc::new(sim), receiver)
}

/// The turns as they are seen: the heading, then each line with its operation, how often, and its outcome.
async fn turns(page: &Page) -> serde_json::Value {
    page.eval(
        "const text = (node) => node?.textContent ?? '';
         return [...document.querySelectorAll('#journal .turn')].map((turn) => [
           text(turn.querySelector('h2')),
           ...[...turn.querySelectorAll('.row')].map((row) =>
             ['.op', '.times', '.outcome'].map((part) => text(row.querySelector(part))).filter(Boolean).join(' ')),
         ])",
    )
    .await
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn a_callback_what_was_read_and_what_was_sent_are_one_turn() {
    let (sim, receiver) = with_callbacks(2).await;
    let wang = sim.customer("小王");
    play(format!("{}/?lang=en", sim.base_url()), |page| async move {
        wang.says("周末开门吗");
        page.sees("#journal .row.callback .outcome", "ok").await;
        call(&sim, op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
        let whose = json!({ "open_kfid": wang.open_kfid(), "external_userid": wang.external_userid() });
        for _ in 0..6 {
            call(&sim, op::SERVICE_STATE_GET, whose.clone()).await;
        }
        let text = |content: &str| {
            json!({ "touser": wang.external_userid(), "open_kfid": wang.open_kfid(), "msgtype": "text", "text": { "content": content } })
        };
        call(&sim, op::SEND_MSG, text("开门的")).await;
        page.sees("#journal .op", "send_msg").await;
        let expected = [
            "小王: 周末开门吗",
            "kf_msg_or_event 3 attempts ok",
            "gettoken ok",
            "sync_msg ok",
            "service_state_get ×6 ok",
            "send_msg ok",
        ];
        assert_eq!(turns(&page).await, json!([expected]));

        // Attempts and repeats are there as soon as somebody looks.
        page.click(".row.delivery .row-head").await;
        page.sees(".details .attempts", "attempt 1 HTTP 503").await;
        page.sees(".details .attempts", "the bot answered with status 503").await;
        page.click("[data-focus=language]").await;
        page.sees(".details .attempts", "机器人返回状态码 503").await;
        page.click("[data-focus=language]").await;
        page.click(".row.fold .row-head").await;
        page.until("each is there", "return document.querySelectorAll('.folded .row').length === 6").await;

        // The next message is the next turn.
        wang.says("谢谢");
        page.until("its callback is there", "return document.querySelectorAll('#journal .turn').length === 2").await;
        page.sees("#journal .turn:last-child h2", "Callback, no message read yet").await;
        sim.servicer("zhangsan").takes(&wang);
        call(&sim, op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
        assert_eq!(call(&sim, op::SEND_MSG, text("不客气")).await["errcode"], 95018);
        page.sees("#journal .turn:nth-child(2) .row.failed .outcome", "95018").await;

        // Problems stand in their turns, below what the customer said.
        page.click("[data-focus=check-errors]").await;
        page.sees("#journal-found", "4 rows found").await;
        let problems = [
            json!(["小王: 周末开门吗", "kf_msg_or_event 2 attempts HTTP 503"]),
            // Without a cursor the bot reads all again, which is a finding.
            json!(["小王: 周末开门吗 and 2 more", "sync_msg ok", "send_msg 95018"]),
        ];
        assert_eq!(turns(&page).await, json!(problems));
    })
    .await;
    receiver.abort();
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn reads_that_bring_nothing_are_one_line() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    let bot = tokio::spawn(crate::my_bot::run(sim.vars()));
    let wang = sim.customer("小王");
    play(format!("{}/?lang=en", sim.base_url()), |page| async move {
        page.sees("#journal .turn.idle h2", "Reads without messages").await;
        page.sees("#journal .turn.idle .times", "×").await;
        assert_eq!(page.count("#journal .turn.idle .row").await, 1);
        wang.says("在吗");
        page.sees("#journal .turn:not(.idle) h2", "小王: 在吗").await;
        page.sees("#journal .turn:not(.idle) .op", "send_msg").await;
        page.until("the bot reads on", "return document.querySelectorAll('#journal .turn.idle').length === 2").await;
    })
    .await;
    bot.abort();
}

/// The hue of a colour of an element: red, amber, or the name of nothing in particular.
fn hue(css: &str, property: &str) -> String {
    format!(
        "const colour = getComputedStyle(document.querySelector('{css}')).{property};
         const [red, green, blue] = colour.match(/[\\d.]+/g).map(Number);
         return green > red * 0.45 && red > blue * 1.5 ? 'amber' : red > green * 1.5 ? 'red' : 'plain'"
    )
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn refusals_are_red_findings_amber_remedies_and_a_missing_token_neither() {
    let sim = Arc::new(Simulator::builder().servicer("zhangsan").start().await.unwrap());
    let wang = sim.customer("小王");
    wang.says("在吗");
    let address = format!("{}/?lang=en&customer={}&tab=faults", sim.base_url(), wang.external_userid());
    play(address, |page| async move {
        page.sees("#token-left", "no token yet").await;
        assert_eq!(page.eval(&hue("#token-left", "color")).await, "plain");
        assert_eq!(page.eval(&hue(".tools .token", "color")).await, "plain");
        page.click("[data-tab=journal]").await;
        sim.servicer("zhangsan").takes(&wang);
        let message = json!({ "touser": wang.external_userid(), "open_kfid": wang.open_kfid(), "msgtype": "text", "text": { "content": "您好" } });
        call(&sim, op::SEND_MSG, message).await;
        page.sees(".row.failed .outcome", "95018").await;
        assert_eq!(page.eval(&hue(".row.failed .outcome", "color")).await, "red");
        assert_eq!(page.eval(&hue(".row.failed .mark.finding", "color")).await, "amber");
        assert_eq!(page.eval(&hue(".tools .count.findings", "color")).await, "amber");
        page.click(".row.failed .row-head").await;
        page.sees(".details .remedy", "What to do:").await;
        assert_eq!(page.eval(&hue(".details .remedy", "backgroundColor")).await, "plain");
        assert_eq!(sim.report().findings[0].name, FindingName::SentWhileHuman);

        // The proof is in the page's language.
        page.click("[data-tab=findings]").await;
        page.sees(".finding", "95018: state 3, zhangsan has the session").await;
        page.click("[data-focus=language]").await;
        page.sees(".finding", "95018：会话状态为 3，由 zhangsan 接待").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn the_search_finds_what_is_not_in_the_page_and_a_finding_leads_there() {
    let sim = Arc::new(Simulator::builder().seed(7).manual_clock().servicer("zhangsan").start().await.unwrap());
    let wang = sim.customer("小王");
    wang.says("独一无二的问题");
    call(&sim, op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
    sim.servicer("zhangsan").takes(&wang);
    let message = json!({ "touser": wang.external_userid(), "open_kfid": wang.open_kfid(), "msgtype": "text", "text": { "content": "您好" } });
    call(&sim, op::SEND_MSG, message).await;
    for _ in 0..600 {
        call(&sim, op::ACCOUNT_LIST, json!({})).await;
    }
    play(format!("{}/?lang=en", sim.base_url()), |page| async move {
        page.sees("#journal .op", "account_list").await;
        assert_eq!(page.count("#journal [data-n='2']").await, 0, "it is not in the page");
        // In the reply of a page of messages.
        page.click("#filter").await;
        page.keys("独一无二").await;
        page.sees("#journal-found", "1 row found").await;
        page.sees("#journal .turn h2", "小王: 独一无二的问题").await;
        page.sees("#journal .row[data-n='2'] .op", "sync_msg").await;
        page.eval("const filter = document.querySelector('#filter'); filter.value = 'account_list'; filter.dispatchEvent(new Event('input'))").await;
        page.sees("#journal-found", "600 rows found").await;
        page.sees("#journal .fold .times", "×500").await;
        call(&sim, op::ACCOUNT_LIST, json!({})).await;
        page.sees("#journal-found", "601 rows found").await;
        page.click("[data-focus=older-rows]").await;
        page.sees("#journal .fold .times", "×601").await;

        page.click("[data-tab=findings]").await;
        page.click(".finding footer button").await;
        page.sees(".row.lit .op", "send_msg").await;
        page.sees(".row.lit .details", "sent_while_human").await;
        assert_eq!(page.eval("return document.querySelector('#filter').value").await, "#3");
        page.eval("const filter = document.querySelector('#filter'); filter.value = ''; filter.dispatchEvent(new Event('input'))").await;
        page.click("[data-focus=older-rows]").await;
        page.sees("#journal .turn h2", "小王: 独一无二的问题").await;
        assert_eq!(page.count("[data-focus=older-rows]").await, 0);
    })
    .await;
}
