//! Sessions: their states, who may do what, and when they end.

use std::time::Duration;

use serde_json::{Value, json};
use wecom_kf_sim::{Customer, Simulator, op};

use crate::bot::Bot;

fn trans(customer: &Customer, state: i64, servicer: Option<&str>) -> Value {
    let mut request = of(customer);
    request["service_state"] = json!(state);
    if let Some(userid) = servicer {
        request["servicer_userid"] = json!(userid);
    }
    request
}

fn of(customer: &Customer) -> Value {
    json!({ "open_kfid": customer.open_kfid(), "external_userid": customer.external_userid() })
}

async fn with_servicers() -> (Simulator, Bot) {
    let sim = Simulator::builder().servicer("zhangsan").servicer("lisi").start().await.unwrap();
    let bot = Bot::of(&sim).await;
    (sim, bot)
}

/// A customer whose session is in this state; in state 3 zhangsan has it.
async fn customer_in(sim: &Simulator, bot: &Bot, state: i64, name: &str) -> Customer {
    let customer = sim.customer(name);
    if state == 4 {
        return customer;
    }
    customer.says("你好");
    if state > 0 {
        bot.ok(op::SERVICE_STATE_TRANS, trans(&customer, state, Some("zhangsan"))).await;
    }
    assert_eq!(customer.state(), state);
    customer
}

#[tokio::test]
async fn the_moves_are_those_of_the_table() {
    let (sim, bot) = with_servicers().await;
    // Rows: from 0 to 4; columns: to 0 to 4. The move from 1 to 1 is not in the document's table.
    let table = [
        [95016, 0, 0, 0, 0],
        [95016, 0, 0, 0, 0],
        [95016, 95016, 95016, 0, 0],
        [95016, 95016, 95016, 0, 0],
        [95013, 95013, 95013, 95013, 95013],
    ];
    for (from, row) in (0..).zip(table) {
        for (to, errcode) in (0..).zip(row) {
            let customer = customer_in(&sim, &bot, from, &format!("{from}-{to}")).await;
            let reply = bot.errcode(op::SERVICE_STATE_TRANS, trans(&customer, to, Some("lisi"))).await;
            assert_eq!(reply, errcode, "{from} to {to}");
            assert_eq!(customer.state(), if errcode == 0 { to } else { from }, "{from} to {to}");
            let servicer = if errcode == 0 && to == 3 {
                Some("lisi")
            } else {
                Some("zhangsan").filter(|_| from == 3 && errcode != 0)
            };
            assert_eq!(customer.servicer_userid().as_deref(), servicer, "{from} to {to}");
        }
    }
    let same = customer_in(&sim, &bot, 3, "same").await;
    assert_eq!(bot.errcode(op::SERVICE_STATE_TRANS, trans(&same, 3, Some("zhangsan"))).await, 95016);
    assert_eq!(bot.errcode(op::SERVICE_STATE_TRANS, trans(&same, 5, None)).await, 40058);
}

#[tokio::test]
async fn a_servicer_must_be_one_and_receive() {
    let (sim, bot) = with_servicers().await;
    let wang = customer_in(&sim, &bot, 0, "小王").await;
    sim.servicer("lisi").stops();
    let cases = [(None, 40058), (Some("nobody"), 95014), (Some("lisi"), 95019), (Some("zhangsan"), 0)];
    for (servicer, errcode) in cases {
        assert_eq!(bot.errcode(op::SERVICE_STATE_TRANS, trans(&wang, 3, servicer)).await, errcode, "{servicer:?}");
    }
    sim.servicer("lisi").resumes();
    assert_eq!(bot.errcode(op::SERVICE_STATE_TRANS, trans(&wang, 3, Some("lisi"))).await, 0);
}

#[tokio::test]
async fn the_state_is_read_with_its_servicer() {
    let (sim, bot) = with_servicers().await;
    for state in 0..=4 {
        let customer = customer_in(&sim, &bot, state, &state.to_string()).await;
        let reply = bot.ok(op::SERVICE_STATE_GET, of(&customer)).await;
        assert_eq!(reply["service_state"], state);
        assert_eq!(reply.get("servicer_userid"), Some(&json!("zhangsan")).filter(|_| state == 3));
    }
    let unknown = json!({ "open_kfid": sim.open_kfid(), "external_userid": "wmNobody" });
    assert_eq!(bot.errcode(op::SERVICE_STATE_GET, unknown.clone()).await, 40096);
    let mut unknown = unknown;
    unknown["service_state"] = json!(1);
    assert_eq!(bot.errcode(op::SERVICE_STATE_TRANS, unknown).await, 40096);
}

#[tokio::test]
async fn after_48_hours_a_session_counts_as_ended() {
    let (sim, bot) = with_servicers().await;
    let wang = customer_in(&sim, &bot, 3, "小王").await;
    sim.advance(Duration::from_secs(48 * 60 * 60 + 1));
    let bot = Bot::of(&sim).await;
    assert_eq!(bot.ok(op::SERVICE_STATE_GET, of(&wang)).await["service_state"], 4);
    assert_eq!(bot.errcode(op::SERVICE_STATE_TRANS, trans(&wang, 4, None)).await, 95013);
    assert_eq!(wang.servicer_userid(), None);
    wang.says("又来了");
    assert_eq!(wang.state(), 0);
}

#[tokio::test]
async fn the_first_move_into_2_and_3_and_the_end_yield_a_code_and_no_event() {
    let (sim, bot) = with_servicers().await;
    let wang = customer_in(&sim, &bot, 0, "小王").await;
    let moves =
        [(1, None, false), (2, None, true), (3, Some("zhangsan"), true), (3, Some("lisi"), false), (4, None, true)];
    let mut codes = Vec::new();
    for (state, servicer, has_code) in moves {
        let reply = bot.ok(op::SERVICE_STATE_TRANS, trans(&wang, state, servicer)).await;
        assert_eq!(reply.get("msg_code").is_some(), has_code, "to {state}");
        codes.extend(reply.get("msg_code").cloned());
    }
    codes.dedup();
    assert_eq!(codes.len(), 3);
    let page = bot.ok(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
    assert_eq!(page["msg_list"].as_array().unwrap().len(), 1, "only what the customer wrote");

    wang.says("又来了");
    let reply = bot.ok(op::SERVICE_STATE_TRANS, trans(&wang, 2, None)).await;
    assert!(reply.get("msg_code").is_some(), "a new session begins anew");
}
