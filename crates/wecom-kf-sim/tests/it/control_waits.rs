//! Requests of the control API that wait for what the bot does.

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use wecom_kf_sim::{Customer, Simulator, op};

use crate::bot::Bot;
use crate::control::Control;

async fn with_bot() -> (Simulator, Control, Bot, Customer) {
    let sim = Simulator::builder().servicer("zhangsan").start().await.unwrap();
    let (control, bot, wang) = (Control::of(&sim), Bot::of(&sim).await, sim.customer("小王"));
    (sim, control, bot, wang)
}

fn path(customer: &Customer, of: &str) -> String {
    format!("/customers/{}/{of}", customer.external_userid())
}

/// What wakes the bot from now on.
fn callbacks(sim: &Simulator) -> UnboundedReceiver<()> {
    let (sender, receiver) = unbounded_channel();
    sim.wakes(move |_| sender.send(()));
    receiver
}

/// Answers with these texts when the next callback comes.
async fn answer(callbacks: &mut UnboundedReceiver<()>, bot: &Bot, wang: &Customer, texts: &[&str]) {
    callbacks.recv().await.unwrap();
    for text in texts {
        bot.ok(op::SEND_MSG, bot.text(wang, text)).await;
    }
}

fn texts(reply: &Value) -> Vec<&str> {
    let answers = reply["answers"].as_array().unwrap().iter();
    answers.map(|entry| entry["body"]["content"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_message_returns_what_the_bot_answers() {
    let (sim, control, bot, wang) = with_bot().await;
    let mut callbacks = callbacks(&sim);
    let message = json!({ "msgtype": "text", "text": "营业时间？" });
    let messages = path(&wang, "messages?wait=60s&count=2");
    let (written, ()) =
        tokio::join!(control.post(&messages, message), answer(&mut callbacks, &bot, &wang, &["9:00", "18:00"]));
    assert_eq!((texts(&written), &written["complete"]), (vec!["9:00", "18:00"], &json!(true)));
    assert_eq!(written["answers"][0]["call"], control.get("/journal?op=send_msg").await["entries"][0]["n"]);
    // The customer is as after the answers.
    assert_eq!((&written["customer"]["unread"], &written["customer"]["last"]["text"]), (&json!(2), &json!("18:00")));
}

#[tokio::test]
async fn entering_tapping_and_recalling_return_what_the_bot_answers() {
    let (sim, control, bot, wang) = with_bot().await;
    wang.says("菜单");
    let menu = json!({ "list": [{ "type": "click", "click": { "id": "hours", "content": "营业时间" } }] });
    bot.ok(op::SEND_MSG, bot.message(&wang, "msgmenu", menu)).await;
    let msgid = wang.says("错字");
    let mut callbacks = callbacks(&sim);
    for (of, body) in [
        ("enter?wait=60s", json!({})),
        ("taps?wait=60s", json!({ "menu_id": "hours" })),
        ("recall?wait=60s", json!({ "msgid": msgid })),
    ] {
        let (path, answers) = (path(&wang, of), [of]);
        let (reply, ()) = tokio::join!(control.post(&path, body), answer(&mut callbacks, &bot, &wang, &answers));
        assert_eq!((texts(&reply), &reply["complete"]), (vec![of], &json!(true)));
    }
}

#[tokio::test]
async fn a_wait_that_is_not_fulfilled_is_told_from_one_that_was_not_asked_for() {
    let (_sim, control, bot, wang) = with_bot().await;
    let message = json!({ "msgtype": "text", "text": "在吗" });
    let at_once = control.post(&path(&wang, "messages"), message.clone()).await;
    assert_eq!((&at_once["answers"], &at_once["complete"]), (&json!([]), &json!(null)));
    let late = control.post(&path(&wang, "messages?wait=50ms"), message).await;
    assert_eq!((&late["answers"], &late["complete"]), (&json!([]), &json!(false)));
    bot.ok(op::SEND_MSG, bot.text(&wang, "在")).await;
    for (path, complete) in [
        (path(&wang, "chat"), json!(null)),
        (path(&wang, "chat?wait=50ms"), json!(true)),
        (path(&wang, "chat?wait=50ms&count=2"), json!(false)),
        ("/journal?op=send_msg".to_owned(), json!(null)),
        ("/journal?op=send_msg&wait=50ms".to_owned(), json!(true)),
        ("/journal?op=send_msg&wait=50ms&count=2".to_owned(), json!(false)),
    ] {
        assert_eq!(control.get(&path).await["complete"], complete, "{path}");
    }
}

#[tokio::test]
async fn a_chat_is_followed_with_after() {
    let (_sim, control, bot, wang) = with_bot().await;
    wang.says("一");
    bot.ok(op::SEND_MSG, bot.text(&wang, "甲")).await;
    let customer = control.get(&format!("/customers/{}", wang.external_userid())).await;
    let chat_end = &customer["chat_end"];
    let next = path(&wang, &format!("chat?wait=60s&after={chat_end}"));
    let (chat, _) = tokio::join!(control.get(&next), bot.ok(op::SEND_MSG, bot.text(&wang, "乙")));
    let entries = chat["entries"].as_array().unwrap();
    assert_eq!((entries.len(), &entries[0]["body"]["content"]), (1, &json!("乙")));
    assert!(entries[0]["n"].as_u64() > chat_end.as_u64());
}
