//! Callbacks: what is told, how often, and what goes wrong on the way.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use wecom_kf_callback::Event;
use wecom_kf_sim::{CallbackError, Delivery, DeliveryProblem, FindingName, Lang, Simulator, StartError, op};

use crate::bot::Bot;
use crate::clock::StandingClock;
use crate::control::Control;
use crate::receiver::{Answer, KEY, Receiver, TOKEN};

async fn with_receiver() -> (Simulator, Receiver) {
    let sim = Simulator::builder().seed(7).corp("ww7", "s3cret").servicer("zhangsan").start().await.unwrap();
    let receiver = Receiver::start("ww7").await;
    sim.set_callback(&receiver.url(), TOKEN, KEY).unwrap();
    (sim, receiver)
}

/// Waits until so many attempts were recorded.
async fn deliveries(sim: &Simulator, count: usize) -> Vec<Delivery> {
    let enough = async {
        while sim.callbacks().len() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    if tokio::time::timeout(Duration::from_secs(60), enough).await.is_err() {
        panic!("{} of {count} attempts were recorded", sim.callbacks().len());
    }
    sim.callbacks()
}

fn account(event: &Event) -> (Option<&str>, &str) {
    let Event::KfMsgOrEvent(news) = event else { panic!("{event:?}") };
    (news.open_kfid.as_deref(), news.token.expose())
}

#[tokio::test]
async fn every_message_and_event_is_told_with_a_token_that_reads_it() {
    let (sim, receiver) = with_receiver().await;
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    wang.says("你好");
    wang.enters();
    sim.servicer("zhangsan").takes(&wang);
    let got = receiver.got(3).await;
    for event in &got {
        let (open_kfid, token) = account(event);
        assert_eq!(open_kfid, Some(wang.open_kfid()));
        let page = bot.ok(op::SYNC_MSG, json!({ "open_kfid": wang.open_kfid(), "token": token })).await;
        assert_eq!(page["msg_list"].as_array().unwrap().len(), 3);
    }
    // What the bot sends is no news.
    bot.call(op::SEND_MSG, bot.text(&wang, "您好")).await;
    let rows = deliveries(&sim, 3).await;
    assert_eq!((rows.len(), receiver.count()), (3, 3));
    assert!(rows.iter().all(|row| (row.status, row.attempt, row.event) == (200, 1, "kf_msg_or_event")));
    assert!(rows.iter().all(|row| row.problem.is_none() && row.open_kfid.as_deref() == Some(wang.open_kfid())));
    sim.advance(Duration::from_secs(601));
    let late = json!({ "open_kfid": wang.open_kfid(), "token": account(&got[0]).1 });
    assert_eq!(bot.errcode(op::SYNC_MSG, late).await, 95007);
}

#[tokio::test]
async fn what_people_do_besides_is_told_too() {
    let (sim, receiver) = with_receiver().await;
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    let way = bot.ok(op::ADD_CONTACT_WAY, json!({ "open_kfid": wang.open_kfid(), "scene": "poster" })).await;
    wang.enters_by(way["url"].as_str().unwrap()).unwrap();
    let msgid = wang.sends_image(&b"\x89PNG\r\n\x1a\n"[..]);
    let zhangsan = sim.servicer("zhangsan");
    zhangsan.rejects(&wang);
    zhangsan.suspends();
    Control::of(&sim).post(&format!("/customers/{}/recall", wang.external_userid()), json!({ "msgid": msgid })).await;
    let got = receiver.got(5).await;
    assert!(got.iter().all(|event| account(event).0 == Some(wang.open_kfid())));
    let page = bot.ok(op::SYNC_MSG, json!({ "open_kfid": wang.open_kfid() })).await;
    let kinds = page["msg_list"].as_array().unwrap().iter().map(|message| match &message["event"]["event_type"] {
        serde_json::Value::Null => message["msgtype"].clone(),
        event_type => event_type.clone(),
    });
    let expected =
        ["enter_session", "image", "reject_customer_msg_switch_change", "servicer_status_change", "user_recall_msg"];
    assert_eq!(kinds.collect::<Vec<_>>(), expected);
    // What only the API does is no news.
    bot.ok(op::SERVICER_DEL, json!({ "open_kfid": wang.open_kfid(), "userid_list": ["zhangsan"] })).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(receiver.count(), 5);
}

#[tokio::test]
async fn any_status_but_200_is_tried_three_times() {
    let (sim, receiver) = with_receiver().await;
    receiver.answers(&[Answer::Status(500), Answer::Status(204)]);
    sim.customer("小王").says("你好");
    receiver.got(3).await;
    let rows = deliveries(&sim, 3).await;
    let outcomes: Vec<_> = rows.iter().map(|row| (row.attempt, row.status, row.problem.is_some())).collect();
    assert_eq!(outcomes, [(1, 500, true), (2, 204, true), (3, 200, false)]);

    receiver.answers(&[Answer::Status(503), Answer::Status(302), Answer::Status(404)]);
    sim.customer("小王").says("在吗");
    let rows = deliveries(&sim, 6).await;
    let outcomes: Vec<_> = rows[3..].iter().map(|row| (row.attempt, row.status)).collect();
    assert_eq!(outcomes, [(1, 503), (2, 302), (3, 404)]);
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(receiver.count(), 6, "no fourth attempt");
    assert!(sim.report().is_clean());
}

#[tokio::test]
async fn nobody_listening_is_a_failure_with_a_reason() {
    let (sim, _) = with_receiver().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    sim.set_callback(&format!("http://{closed}/"), TOKEN, KEY).unwrap();
    sim.customer("小王").says("你好");
    let rows = deliveries(&sim, 3).await;
    assert!(rows.iter().all(|row| row.status == 0 && row.problem == Some(DeliveryProblem::NoConnection)), "{rows:?}");
}

#[tokio::test]
async fn a_callback_that_takes_more_than_5_seconds_is_given_up_and_found() {
    let (sim, receiver) = with_receiver().await;
    receiver.answers(&[Answer::After(Duration::from_secs(7))]);
    sim.customer("小王").says("你好");
    let started = Instant::now();
    let rows = deliveries(&sim, 2).await;
    assert!(started.elapsed() >= Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!((rows[0].status, rows[1].status), (0, 200));
    assert_eq!(rows[0].findings, [FindingName::CallbackSlow]);
    let report = sim.report();
    assert_eq!(report.findings.len(), 1);
    assert_eq!(report.findings[0].entries, [rows[0].number]);
    assert!(report.in_lang(Lang::En).contains("attempt 1 of 3"), "{report}");
}

#[tokio::test]
async fn the_url_is_verified_within_a_second() {
    let (sim, receiver) = with_receiver().await;
    // The second is the simulator's: a receiver on a busy machine has as long as it needs.
    let clock = StandingClock::start();
    let row = sim.verify_callback().await.unwrap();
    assert_eq!((row.event, row.status, row.problem), ("verify_url", 200, None));

    receiver.answers(&[Answer::Status(403), Answer::After(Duration::from_secs(3))]);
    assert_eq!(sim.verify_callback().await.unwrap().problem, Some(DeliveryProblem::Status(403)));
    drop(clock);
    let slow = sim.verify_callback().await.unwrap();
    assert!(slow.problem.unwrap().to_string().contains("1 s"));
    let report = sim.report().in_lang(Lang::En);
    assert!(report.contains("verify_url: no answer within 1 s") && !report.contains("attempt"), "{report}");
    assert_eq!(slow.findings, [FindingName::CallbackSlow]);

    sim.unset_callback();
    assert_eq!(sim.verify_callback().await, None);
}

#[tokio::test]
async fn a_wrong_echo_is_explained_in_two_languages() {
    let (sim, receiver) = with_receiver().await;
    let control = Control::of(&sim);
    receiver.answers(&[
        Answer::Echo(|text| format!("{text}\n")),
        Answer::Echo(|text| format!("\"{text}\"")),
        Answer::Echo(|_| "success".to_owned()),
    ]);
    let expected = [
        ("echo_has_space", "white space", "空白或换行"),
        ("echo_has_quotes", "not as JSON", "JSON"),
        ("echo_is_wrong", "check that token and key", "Token 和 EncodingAESKey"),
    ];
    for (code, en, zh) in expected {
        let row = control.post("/callback/verify", json!({})).await;
        let problem = &row["problem"];
        assert_eq!(problem["code"], code);
        assert!(problem["en"].as_str().unwrap().contains(en), "{problem}");
        assert!(problem["zh"].as_str().unwrap().contains(zh), "{problem}");
    }
    // The search knows both languages.
    let found = control.get("/journal?q=%E7%A9%BA%E7%99%BD").await;
    assert_eq!(found["found"], 1, "{found}");
}

#[tokio::test]
async fn accounts_that_the_console_grants_and_takes_away_are_told() {
    let (sim, receiver) = with_receiver().await;
    let control = Control::of(&sim);
    let added = control.post("/accounts", json!({ "name": "售后" })).await;
    let open_kfid = added["open_kfid"].as_str().unwrap();
    control.delete(&format!("/accounts/{open_kfid}")).await;
    let mut changes: Vec<_> = receiver
        .got(2)
        .await
        .into_iter()
        .map(|event| match event {
            Event::KfAccountAuthChange(change) => (change.added, change.removed),
            other => panic!("{other:?}"),
        })
        .collect();
    changes.sort();
    assert_eq!(changes, [(vec![], vec![open_kfid.to_owned()]), (vec![open_kfid.to_owned()], vec![])]);
    // Added by API it is the app's from the start.
    let bot = Bot::of(&sim).await;
    bot.ok(op::ACCOUNT_ADD, json!({ "name": "三", "media_id": sim.media_id() })).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(receiver.count(), 2);
}

#[tokio::test]
async fn older_servers_leave_the_account_out() {
    let (sim, receiver) = with_receiver().await;
    sim.disable_assumption("callback_names_account").unwrap();
    sim.customer("小王").says("你好");
    assert_eq!(account(&receiver.got(1).await[0]).0, None);
}

#[tokio::test]
async fn callbacks_are_lost_late_doubled_and_reordered_as_told() {
    let (sim, receiver) = with_receiver().await;
    let (wang, li) = (sim.customer("小王"), sim.customer_of(&sim.open_kfid(), "小李").unwrap());
    let lost = sim.fault_callbacks().lost();
    wang.says("一");
    let rows = deliveries(&sim, 1).await;
    assert_eq!((rows[0].fault.as_deref(), rows[0].status, receiver.count(), lost.hits()), (Some("lost"), 0, 0, 1));

    sim.fault_callbacks().duplicated();
    wang.says("二");
    let got = receiver.got(2).await;
    assert_eq!(got[0], got[1]);

    sim.fault_callbacks().late(Duration::from_millis(300));
    let started = Instant::now();
    li.says("三");
    receiver.got(3).await;
    assert!(started.elapsed() >= Duration::from_millis(300));

    sim.fault_callbacks().reordered();
    let before = deliveries(&sim, 4).await.len();
    let accounts = [
        sim.open_kfid(),
        Control::of(&sim).post("/accounts", json!({ "name": "二店" })).await["open_kfid"].as_str().unwrap().to_owned(),
    ];
    sim.customer_of(&accounts[0], "小王").unwrap().says("四");
    let rows = deliveries(&sim, before + 2).await;
    let order: Vec<_> = rows[before..].iter().map(|row| (row.event, row.fault.clone())).collect();
    let expected = [("kf_msg_or_event", None), ("kf_account_auth_change", Some("reordered".to_owned()))];
    assert_eq!(order, expected);
}

#[tokio::test]
async fn a_callback_can_be_repeated_and_has_the_same_bytes() {
    let (sim, receiver) = with_receiver().await;
    let control = Control::of(&sim);
    sim.customer("小王").says("你好");
    let first = deliveries(&sim, 1).await.remove(0);
    let row = control.post(&format!("/callbacks/{}/repeat", first.number), json!({})).await;
    assert_eq!((row["kind"].as_str(), row["status"].as_i64()), (Some("callback"), Some(200)));
    let got = receiver.got(2).await;
    assert_eq!(got[0], got[1]);
}

#[tokio::test]
async fn the_settings_are_checked_and_shown_without_secrets() {
    let (sim, receiver) = with_receiver().await;
    let control = Control::of(&sim);
    for (url, token, key) in [
        ("http://10.0.0.7/callback", TOKEN, KEY),
        ("http://evil.test/", TOKEN, KEY),
        ("https://127.0.0.1/", TOKEN, KEY),
        ("http://user:pass@127.0.0.1/", TOKEN, KEY),
        ("nowhere", TOKEN, KEY),
        (&receiver.url(), "has space", KEY),
        (&receiver.url(), TOKEN, "short"),
    ] {
        sim.set_callback(url, token, key).unwrap_err();
        let body = json!({ "url": url, "token": token, "encoding_aes_key": key });
        let (status, why) = control.refused(reqwest::Method::PUT, "/callback", Some(body)).await;
        assert_eq!(status, 400);
        assert!(!why.contains(KEY) && !why.contains(TOKEN), "{why}");
    }
    let error = Simulator::builder().callback("http://127.0.0.1/", TOKEN, "short").start().await.unwrap_err();
    assert!(matches!(error, StartError::Callback { source: CallbackError::Settings(_), .. }), "{error:?}");

    let shown = control.get("/callback").await;
    assert_eq!(shown, json!({ "url": receiver.url(), "token_set": true, "aes_key_set": true }));
    sim.customer("小王").says("你好");
    let sync_token = account(&receiver.got(1).await[0]).1.to_owned();
    deliveries(&sim, 1).await;
    let journal = control.get("/journal").await.to_string();
    for secret in [TOKEN, KEY, &sync_token, "s3cret"] {
        assert!(!journal.contains(secret) && !format!("{:?}", sim.callbacks()).contains(secret), "{journal}");
    }
    assert_eq!(control.delete("/callback").await["url"], json!(null));
    sim.customer("小王").says("还在吗");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn the_variables_of_the_callback_come_with_its_url() {
    let sim = Simulator::builder().seed(7).callback_url("http://127.0.0.1:8080/callback").start().await.unwrap();
    let vars = sim.vars();
    let names: Vec<_> = vars.iter().map(|(name, _)| *name).collect();
    assert_eq!(names[4..], ["WECOM_KF_CALLBACK_TOKEN", "WECOM_KF_CALLBACK_AES_KEY", "WECOM_KF_LISTEN"]);
    assert_eq!((vars[4].1.len(), vars[5].1.len(), vars[6].1.as_str()), (24, 43, "127.0.0.1:8080"));
    wecom_kf_callback::Callback::new(&vars[4].1, &vars[5].1, sim.corp_id()).unwrap();
    let again = Simulator::builder().seed(7).callback_url("http://127.0.0.1:8080/callback").start().await.unwrap();
    assert_eq!(vars[4..], again.vars()[4..]);
}
