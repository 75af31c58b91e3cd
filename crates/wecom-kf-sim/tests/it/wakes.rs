//! Callbacks that wake a bot in this process, without HTTP.

use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;
use wecom_kf_sim::{Event, Simulator, op};

use crate::bot::Bot;
use crate::control::Control;
use crate::receiver::{KEY, Receiver, TOKEN};

/// The events that the simulator calls from now on.
fn events(sim: &Simulator) -> UnboundedReceiver<Event> {
    let (sender, receiver) = unbounded_channel();
    sim.wakes(move |event| sender.send(event.clone()));
    receiver
}

async fn next(events: &mut UnboundedReceiver<Event>) -> Event {
    timeout(Duration::from_secs(60), events.recv()).await.expect("a callback comes").unwrap()
}

fn token(event: &Event) -> &str {
    let Event::KfMsgOrEvent(news) = event else { panic!("{event:?}") };
    news.token.expose()
}

#[tokio::test]
async fn a_bot_without_a_server_is_woken_with_a_token_that_reads() {
    let sim = Simulator::start().await.unwrap();
    let (bot, mut events) = (Bot::of(&sim).await, events(&sim));
    sim.customer("小王").says("你好");
    let event = next(&mut events).await;
    let page = bot.ok(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid(), "token": token(&event) })).await;
    assert_eq!(page["msg_list"][0]["text"]["content"], "你好");
    let row = sim.callbacks().remove(0);
    assert_eq!((row.url.as_str(), row.status, row.event, row.problem), ("in process", 200, "kf_msg_or_event", None));
    assert!(!row.request.contains(token(&event)), "the journal masks the token");
    assert!(!sim.vars().iter().any(|(name, _)| *name == "WECOM_KF_LISTEN"), "there is no server to start");
}

#[tokio::test]
async fn every_function_and_the_url_get_each_callback() {
    let sim = Simulator::builder().corp("ww7", "s3cret").start().await.unwrap();
    let receiver = Receiver::start("ww7").await;
    sim.set_callback(&receiver.url(), TOKEN, KEY).unwrap();
    let (mut one, mut other) = (events(&sim), events(&sim));
    sim.customer("小王").says("你好");
    let got = receiver.got(1).await;
    assert_eq!(next(&mut one).await, got[0]);
    assert_eq!(next(&mut other).await, got[0]);
}

#[tokio::test]
async fn faults_of_callbacks_apply() {
    let sim = Simulator::start().await.unwrap();
    let mut events = events(&sim);
    sim.fault_callbacks().lost();
    sim.fault_callbacks().duplicated();
    let wang = sim.customer("小王");
    wang.says("一");
    wang.says("二");
    let (first, second) = (next(&mut events).await, next(&mut events).await);
    assert_eq!(first, second);
    assert!(events.try_recv().is_err());
    let mut faults: Vec<_> = sim.callbacks().into_iter().map(|row| row.fault.unwrap()).collect();
    faults.sort();
    assert_eq!(faults, ["duplicated", "duplicated", "lost"]);
}

#[tokio::test]
async fn it_can_be_repeated_and_is_of_its_corp_alone() {
    let builder = Simulator::builder().another(wecom_kf_sim::Corp::new("ww2", "secret-2"));
    let sim = builder.start().await.unwrap();
    let mut events = events(&sim);
    sim.corp("ww2").unwrap().customer("小李").says("您好");
    sim.customer("小王").says("你好");
    let event = next(&mut events).await;
    let control = Control::of(&sim);
    let repeated = control.post(&format!("/callbacks/{}/repeat", sim.callbacks()[0].number), json!({})).await;
    assert_eq!((&repeated["path"], &repeated["method"]), (&json!("in process"), &json!("CALL")));
    assert_eq!(next(&mut events).await, event);
    assert!(events.try_recv().is_err(), "nothing of the other corp");
}
