//! Export and import of the whole state.

use std::time::Duration;

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use wecom_kf_sim::{Corp, Simulator, StateError, op};

use crate::bot::Bot;
use crate::control::Control;
use crate::receiver::{KEY, TOKEN};

/// A simulator with something of everything, and its bot.
async fn lived_in() -> (Simulator, Bot) {
    let builder = Simulator::builder().manual_clock().account("售前").account("售后").servicer("zhangsan");
    let builder = builder.disable_assumption("last_account_stays").unwrap();
    let sim = builder.start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let (wang, kf) = (sim.customer("小王"), sim.open_kfid());
    wang.enters();
    wang.says("你好");
    bot.ok(op::SEND_MSG, bot.text(&wang, "您好")).await;
    sim.servicer("zhangsan").says(&wang, "我是张三");
    sim.department(1, &["lisi"]);
    bot.ok(op::SERVICER_ADD, json!({ "open_kfid": kf, "department_id_list": [1] })).await;
    bot.ok(op::ADD_CONTACT_WAY, json!({ "open_kfid": kf, "scene": "poster" })).await;
    let group = bot.ok(op::KNOWLEDGE_ADD_GROUP, json!({ "name": "售前" })).await;
    let question = json!({ "text": { "content": "几点开门？" } });
    let answers = json!([{ "text": { "content": "九点" } }]);
    let intent = json!({ "group_id": group["group_id"], "question": question, "answers": answers });
    bot.ok(op::KNOWLEDGE_ADD_INTENT, intent).await;
    sim.set_upgrade_members(&["zhangsan"], &[1]);
    sim.fault(op::ACCOUNT_LIST).errcode(-1).probability(0.5).always();
    sim.fault(op::SEND_MSG_ON_EVENT).delay(Duration::from_secs(1));
    sim.advance(Duration::from_secs(600));
    sim.set_callback("http://127.0.0.1:9/callback", TOKEN, KEY).unwrap();
    (sim, bot)
}

async fn upload(bot: &Bot) -> Value {
    let part = Part::bytes(&b"\x89PNG\r\n\x1a\n"[..]).file_name("a.png").mime_str("image/png").unwrap();
    let upload = bot.request(op::MEDIA_UPLOAD, "").query(&[("type", "image")]);
    let reply = upload.multipart(Form::new().part("media", part)).send().await.unwrap();
    reply.json::<Value>().await.unwrap()["media_id"].clone()
}

/// What the control API shows, but for what no state has.
async fn shown(sim: &Simulator) -> Value {
    let control = Control::of(sim);
    let mut state = control.get("/state").await;
    for member in ["event", "instance", "findings", "calls"] {
        state[member].take();
    }
    state["token"]["gettoken_calls"].take();
    let chat = control.get(&format!("/customers/{}/chat", sim.customer("小王").external_userid())).await;
    json!({ "state": state, "chat": chat, "ways": control.get("/contact_ways").await })
}

fn document(state: &str) -> Value {
    serde_json::from_str(state).unwrap()
}

#[tokio::test]
async fn a_new_simulator_goes_on_where_another_was() {
    let (sim, mut bot) = lived_in().await;
    let media_id = upload(&bot).await;
    let page = bot.ok(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
    let (state, before) = (sim.export(), shown(&sim).await);
    let token = sim.sync_token();
    drop(sim);

    let sim = Simulator::builder().state(&state).unwrap().start().await.unwrap();
    assert_eq!(shown(&sim).await, before);
    assert_eq!(document(&sim.export()), document(&state));

    // Access token, cursor, callback token, file and msgid of before are good.
    bot.base_url = sim.base_url();
    sim.customer("小王").says("还在吗？");
    let read = json!({ "open_kfid": sim.open_kfid(), "cursor": page["next_cursor"], "token": token });
    let next = bot.ok(op::SYNC_MSG, read).await;
    let list = next["msg_list"].as_array().unwrap();
    assert_eq!((list.len(), &list[0]["text"]["content"]), (1, &json!("还在吗？")));
    let query = [("access_token", bot.access_token.as_str()), ("media_id", media_id.as_str().unwrap())];
    let file = bot.http.get(bot.url(op::MEDIA_GET)).query(&query).send().await.unwrap();
    assert_eq!(file.bytes().await.unwrap(), &b"\x89PNG\r\n\x1a\n"[..]);
    let intents = bot.ok(op::KNOWLEDGE_LIST_INTENT, json!({})).await;
    assert!(intents["intent_list"].to_string().contains("几点开门？"), "{intents}");
    // New rows have numbers that no chat has.
    let newest = before["chat"]["entries"].as_array().unwrap().iter().filter_map(|entry| entry["call"].as_u64()).max();
    assert!(sim.journal()[0].number > newest.unwrap());
}

#[tokio::test]
async fn a_simulator_goes_back_to_an_earlier_state() {
    let (sim, bot) = lived_in().await;
    let control = Control::of(&sim);
    let state = control.get("/export").await;
    let before = shown(&sim).await;
    control.delete("/callback").await;
    sim.customer("小李").says("您好");
    sim.servicer("lisi").takes(&sim.customer("小王"));
    sim.advance(Duration::from_secs(60));
    control.delete("/faults").await;
    bot.errcode(op::ACCOUNT_LIST, json!({ "limitt": 1 })).await;

    let imported = control.post("/import", state).await;
    assert_eq!((&imported["calls"], &imported["findings"]), (&json!(0), &json!([])));
    assert_eq!(shown(&sim).await, before);
}

#[tokio::test]
async fn several_corps_are_in_one_state() {
    let builder =
        Simulator::builder().seed(7).corp("ww1", "secret-1").another(Corp::new("ww2", "secret-2").account("二店"));
    let sim = builder.start().await.unwrap();
    sim.corp("ww2").unwrap().customer("小李").says("您好");
    let copy = Simulator::builder().state(&sim.export()).unwrap().start().await.unwrap();
    let other = copy.corp("ww2").unwrap();
    assert_eq!((other.account_name(&other.open_kfid()).as_deref(), copy.seed()), (Some("二店"), Some(7)));
    assert_eq!(Control::of(&copy).get("/customers?corp_id=ww2").await["customers"][0]["last"]["text"], "您好");
}

#[tokio::test]
async fn a_clock_that_runs_has_run_since_the_export() {
    let sim = Simulator::start().await.unwrap();
    sim.advance(Duration::from_secs(3600));
    let mut state = document(&sim.export());
    // A day ago.
    let now = state["clock"]["now"]["secs"].as_u64().unwrap();
    state["clock"]["now"]["secs"] = json!(now - 86_400);
    let copy = Simulator::builder().state(&state.to_string()).unwrap().start().await.unwrap();
    assert!(copy.now() >= now && copy.now() < now + 600, "{} {now}", copy.now());
}

#[tokio::test]
async fn what_cannot_be_loaded_is_refused_and_changes_nothing() {
    let (sim, _) = lived_in().await;
    let (control, state) = (Control::of(&sim), document(&sim.export()));
    let with = |pointer: &str, value: Value| {
        let mut state = state.clone();
        *state.pointer_mut(pointer).unwrap() = value;
        state
    };
    let elsewhere = json!("http://192.0.2.1/callback");
    for (bad, status, why) in [
        (
            with("/format", json!(2)),
            409,
            "the state has format 2, and this version reads formats up to 1: use wecom-kf-sim 0.1.0 or later",
        ),
        (with("/corps/0/platform/ids/seed", json!(1)), 409, "the state is that of another simulator"),
        (with("/corps/0/callback/url", elsewhere), 409, "the callback of the state cannot be used: "),
        (
            with("/corps/0/platform/accounts", json!([])),
            400,
            "this is not the state of a simulator: a corp has no account",
        ),
        (
            with("/corps/0/platform/accounts/0/customers", json!(sim.secret())),
            400,
            "this is not the state of a simulator: line 1,",
        ),
        (json!({ "accounts": [] }), 400, "this is not the state of a simulator: line 1,"),
    ] {
        let (is, problem) = control.refused(Method::POST, "/import", Some(bad)).await;
        assert_eq!((is, problem.starts_with(why)), (status, true), "{problem}");
        assert!(!problem.contains(&sim.secret()), "{problem}");
    }
    assert_eq!(document(&sim.export()), state);
    let other = Simulator::start().await.unwrap();
    assert!(matches!(other.import(&sim.export()), Err(StateError::OtherSimulator)));
    let elsewhere = with("/corps/0/callback/url", json!("http://192.0.2.1/callback")).to_string();
    assert!(Simulator::builder().state(&elsewhere).unwrap().start().await.is_err());
}
