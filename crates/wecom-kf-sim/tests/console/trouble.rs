//! The console when something fails: faults, refusals, a simulator that stops.

use std::sync::Arc;

use fantoccini::key::Key;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use wecom_kf_sim::{Simulator, op};

use crate::browser::play;
use crate::calls::call;
use crate::my_bot;

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn a_fault_is_switched_on_and_its_hit_is_in_the_journal() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    let bot = tokio::spawn(my_bot::run(sim.vars()));
    let wang = sim.customer("小王");
    let address = format!("{}/?lang=en&customer={}&tab=faults", sim.base_url(), wang.external_userid());
    play(address, |page| async move {
        page.sees("#panel-faults", "No faults: every call works normally.").await;
        page.click("[data-preset=busy]").await;
        page.sees(".tools .count.faults", "faults 1").await;
        page.write("有货吗").await;
        page.sees("#panel-faults .faults", "hit 1 of 2").await;
        page.click("[data-tab=journal]").await;
        page.sees(".row.failed .mark.fault", "errcode -1").await;
        page.sees(".row.failed .outcome", "-1").await;
        page.click(".row.failed .row-head").await;
        page.sees(".details", "Fault injected: errcode -1").await;
        page.sees(".details .json", "\"errmsg\"").await;
        page.click("[data-tab=faults]").await;
        page.click("[data-preset=busy]").await;
        page.sees("#panel-faults", "No faults: every call works normally.").await;
        assert_eq!(page.eval("return document.querySelector('[data-preset=busy]').ariaChecked").await, "false");
        assert_eq!(sim.calls(op::SEND_MSG), 1);
    })
    .await;
    bot.abort();
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn after_48_hours_a_send_is_refused_and_seen_so() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    let wang = sim.customer("小王");
    wang.says("在吗");
    let address = format!("{}/?lang=en&customer={}", sim.base_url(), wang.external_userid());
    play(address, |page| async move {
        page.sees("#meters", "left").await;
        page.click("#clock").await;
        page.sees("#clock", "manual").await;
        page.click("[data-focus=step-49h]").await;
        page.sees("dialog", "More than 48 hours pass at once").await;
        page.submit().await;
        page.sees("#meters", "48 h have passed").await;
        page.sees("#meters .chip", "4 ended").await;

        let message = json!({ "touser": wang.external_userid(), "open_kfid": wang.open_kfid(), "msgtype": "text", "text": { "content": "还在吗" } });
        let reply = call(&sim, op::SEND_MSG, message).await;
        let errcode = reply["errcode"].as_i64().unwrap();
        assert_ne!(errcode, 0, "{reply}");
        page.sees(".row.failed .outcome", &errcode.to_string()).await;
        page.sees(".row.failed .about", "小王").await;
        assert_eq!(page.count(".entry.bot").await, 0);
        let token = sim.access_token().unwrap();
        page.click(".row.failed .row-head").await;
        page.sees(".details", "POST /cgi-bin/kf/send_msg").await;
        assert_eq!(page.eval(&format!("return document.documentElement.outerHTML.includes('{token}')")).await, false);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn a_stop_keeps_the_page_and_another_start_is_found() {
    let sim = Simulator::start().await.unwrap();
    let port = sim.base_url().rsplit_once(':').unwrap().1.parse().unwrap();
    let wang = sim.customer("小王");
    wang.says("在吗");
    let address = format!("{}/?lang=en&customer={}", sim.base_url(), wang.external_userid());
    play(address, move |page| async move {
        page.sees(".entry.customer .bubble", "在吗").await;
        drop(sim);
        page.sees("#stopped", "The simulator has stopped. Reconnecting…").await;
        page.sees("#live", "stopped").await;
        page.sees(".entry.customer .bubble", "在吗").await;

        let another = Simulator::builder().port(port).account("新店").start().await.unwrap();
        page.sees("#live", "live").await;
        page.sees(".account h2", "新店").await;
        assert_eq!(page.count(".entry").await, 0);
        another.customer("小李").says("我来了");
        page.sees(".customer .says", "我来了").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn a_chat_that_cannot_be_had_is_not_asked_for_over_and_over() {
    let sim = Simulator::start().await.unwrap();
    let (wang, li) = (sim.customer("小王"), sim.customer("小李"));
    wang.says("在吗");
    li.says("在吗");
    let address = format!("{}/?lang=en&customer={}", sim.base_url(), wang.external_userid());
    play(address, move |page| async move {
        page.sees(".entry.customer .bubble", "在吗").await;
        drop(sim);
        page.sees("#live", "stopped").await;
        page.eval(
            "window.asked = 0;
             const real = window.fetch;
             window.fetch = (place, ...rest) => {
               if (place.includes('/chat?')) window.asked += 1;
               return real(place, ...rest);
             }",
        )
        .await;
        page.click(&format!("[data-customer={}]", li.external_userid())).await;
        page.sees("#entries .hint", "loading…").await;
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        // Once by itself, and with each try to find the simulator again.
        let asked = page.eval("return window.asked").await.as_u64().unwrap();
        assert!((1..=4).contains(&asked), "{asked}");
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn another_start_with_the_same_seed_is_found_too() {
    let start = async |port: u16| Simulator::builder().seed(7).port(port).start().await.unwrap();
    let sim = start(0).await;
    let port = sim.base_url().rsplit_once(':').unwrap().1.parse().unwrap();
    sim.customer("小王").says("在吗");
    let address = format!("{}/?lang=en", sim.base_url());
    play(address, move |page| async move {
        page.sees(".customer .says", "在吗").await;
        drop(sim);
        page.sees("#live", "stopped").await;

        let another = start(port).await;
        // Somebody else looks first, so that its events have greater numbers than the page has seen.
        reqwest::get(format!("{}/sim/v1/state", another.base_url())).await.unwrap();
        (0..20).for_each(|_| drop(another.customer("小李").says("我来了")));
        page.sees(".customer .says", "我来了").await;
        page.until("the other is gone", "return document.querySelectorAll('.customers li').length === 1").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn a_callback_is_seen_and_delivered_again_and_an_assumption_is_switched() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/callback", listener.local_addr().unwrap());
    let (came, mut callbacks) = mpsc::unbounded_channel();
    let receiver = axum::Router::new().fallback(async move || came.send(()).unwrap());
    let receiver = tokio::spawn(async move { axum::serve(listener, receiver).await });
    let wang = sim.customer("小王");
    let address = format!("{}/?lang=en&customer={}&tab=callbacks", sim.base_url(), wang.external_userid());
    play(address, |page| async move {
        page.sees("#panel-callbacks", "No callback URL is set").await;
        page.click("[data-focus=callback-set]").await;
        page.until(
            "it is asked",
            "return document.querySelector('#ask-url')?.select() ?? document.querySelector('#ask-url') !== null",
        )
        .await;
        page.keys(&url).await;
        page.press(Key::Enter).await;
        page.sees("#panel-callbacks code", &url).await;
        page.write("在吗").await;
        callbacks.recv().await.unwrap();
        page.sees(".callback-rows", "ok").await;
        page.click(".callback-rows [data-focus^=again-]").await;
        callbacks.recv().await.unwrap();
        page.until("both are there", "return document.querySelectorAll('.callback-rows li').length === 2").await;
        assert_eq!(sim.callbacks().len(), 2);

        page.click("[data-tab=assumptions]").await;
        let assumption =
            page.until("they are there", "return document.querySelector('.assumptions .switch')?.dataset.focus").await;
        let switch = format!("[data-focus={}]", assumption.as_str().unwrap());
        assert_eq!(page.text(&switch).await, "holds");
        page.click(&switch).await;
        page.sees(&switch, "does not hold").await;
        page.until("it kept the focus", &format!("return document.activeElement.matches('{switch}')")).await;
    })
    .await;
    receiver.abort();
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn a_preset_is_on_for_its_own_fault_and_off_removes_only_that() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    play(format!("{}/?lang=en&tab=faults", sim.base_url()), |page| async move {
        page.sees("#panel-faults", "No faults: every call works normally.").await;
        // The same operation and effect, by somebody else.
        let own = sim.fault(op::SEND_MSG).errcode(45009);
        page.sees("#panel-faults .faults", "errcode 45009").await;
        let is_on = "return document.querySelector('[data-preset=busy]').ariaChecked";
        assert_eq!(page.eval(is_on).await, "false");
        page.click("[data-preset=busy]").await;
        page.sees("#panel-faults .faults", "errcode -1").await;
        assert_eq!(page.eval(is_on).await, "true");
        // Another page knows it too.
        page.open(&format!("{}/?lang=en&tab=faults", sim.base_url())).await;
        page.until("it is on", "return document.querySelector('[data-preset=busy]')?.ariaChecked === 'true'").await;
        page.click("[data-preset=busy]").await;
        page.until("one is left", "return document.querySelectorAll('#panel-faults .faults li').length === 1").await;
        page.sees("#panel-faults .faults", "errcode 45009").await;
        assert_eq!(own.hits(), 0);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn a_fault_is_added_with_one_form() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    play(format!("{}/?lang=en&tab=faults", sim.base_url()), |page| async move {
        page.click("[data-focus=fault-add]").await;
        page.fill("operation", "sync_msg").await;
        page.fill("on_call", "delay").await;
        page.fill("value_delay", "3s").await;
        page.fill("times", "4").await;
        page.fill("probability", "50").await;
        page.submit().await;
        page.sees("#panel-faults .faults", "delay 3s").await;
        page.sees("#panel-faults .faults", "hit 0 of 4").await;
        page.sees("#panel-faults .faults", "50 %").await;
        page.click("[data-focus=fault-add]").await;
        page.fill("operation", "callback").await;
        page.fill("on_callback", "duplicated").await;
        let shown = "return [...document.querySelectorAll('dialog [name]')].filter((node) => node.checkVisibility()).map(({ name }) => name)";
        assert_eq!(page.eval(shown).await, json!(["operation", "on_callback", "times", "probability"]));
        page.submit().await;
        page.sees("#panel-faults .faults", "duplicated").await;
        // What is refused stays in the form, with the reason.
        page.click("[data-focus=fault-add]").await;
        page.fill("on_call", "delay").await;
        page.fill("value_delay", "soon").await;
        page.click("dialog [type=submit]").await;
        page.sees("dialog .error", "`delay`").await;
        drop(sim);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn the_step_past_48_hours_asks_once() {
    let sim = Arc::new(Simulator::builder().manual_clock().start().await.unwrap());
    let start = sim.now();
    play(format!("{}/?lang=en", sim.base_url()), |page| async move {
        page.sees("[data-focus=reset]", "Start over").await;
        page.click("[data-focus=step-49h]").await;
        page.sees("dialog", "More than 48 hours pass at once").await;
        page.press(Key::Escape).await;
        page.until("it is closed", "return !document.querySelector('dialog')").await;
        assert_eq!(sim.now(), start);
        page.click("[data-focus=step-49h]").await;
        page.submit().await;
        page.click("[data-focus=step-49h]").await;
        page.click("[data-focus=step-20s]").await;
        let advanced = 2 * 49 * 3600 + 20;
        let is_there = format!("return fetch('/sim/v1/clock').then((reply) => reply.json()).then((clock) => clock.advanced_s === {advanced})");
        page.until("both steps are done", &is_there).await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs chromedriver"]
async fn why_a_callback_failed_has_the_whole_width() {
    let builder = Simulator::builder().callback_url("http://127.0.0.1:9/nobody-listens");
    let sim = Arc::new(builder.start().await.unwrap());
    sim.customer("小王").says("在吗");
    play(format!("{}/?lang=en&tab=callbacks", sim.base_url()), |page| async move {
        page.sees(".callback-rows", "attempt 3").await;
        page.sees(".callback-rows .outcome", "no answer").await;
        let widths = "
            const width = (node) => node.getBoundingClientRect().width;
            return [...document.querySelectorAll('.callback-rows li')].every((row) => width(row.querySelector('p.bad')) === width(row))";
        assert_eq!(page.eval(widths).await, true);
        drop(sim);
    })
    .await;
}
