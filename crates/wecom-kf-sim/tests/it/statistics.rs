//! Statistics of accounts and servicers.

use std::time::Duration;

use serde_json::{Value, json};
use wecom_kf_sim::{Operation, Satisfaction, Simulator, op};

use crate::bot::Bot;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: u64 = 24 * 60 * 60;

/// A simulator at noon in China, and when this day began there.
async fn noon() -> (Simulator, Bot, u64) {
    let builder = Simulator::builder().token_lifetime(10_000 * HOUR).servicer("lisi").servicer("zhangsan");
    let sim = builder.start().await.unwrap();
    let into_the_day = (sim.now() + 8 * 3600) % DAY;
    sim.advance(Duration::from_secs(DAY - into_the_day) + 12 * HOUR);
    let midnight = sim.now() - 12 * 3600;
    let bot = Bot::of(&sim).await;
    (sim, bot, midnight - (midnight + 8 * 3600) % DAY)
}

async fn statistics(bot: &Bot, operation: Operation, sim: &Simulator, first: u64, last: u64) -> Vec<Value> {
    let body = json!({ "open_kfid": sim.open_kfid(), "start_time": first, "end_time": last });
    bot.ok(operation, body).await["statistic_list"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_figures_are_those_of_what_happened() {
    let (sim, bot, midnight) = noon().await;
    let (wang, li) = (sim.customer("小王"), sim.customer("小李"));
    let (zhangsan, lisi) = (sim.servicer("zhangsan"), sim.servicer("lisi"));
    wang.says("你好");
    wang.says("在吗");
    li.says("你好");
    for customer in [&wang, &wang, &li] {
        bot.ok(op::SEND_MSG, bot.text(customer, "您好")).await;
    }
    let request = |members: Value| {
        let mut body = members;
        body["open_kfid"] = json!(wang.open_kfid());
        body["external_userid"] = json!(wang.external_userid());
        body
    };
    let to_zhangsan = request(json!({ "service_state": 3, "servicer_userid": "zhangsan" }));
    bot.ok(op::SERVICE_STATE_TRANS, to_zhangsan).await;
    sim.advance(Duration::from_secs(30));
    zhangsan.says(&wang, "我来");
    zhangsan.says(&wang, "请说");
    wang.says("谢谢");
    lisi.asks_to_rate(&wang).unwrap_err();
    wang.rates(Satisfaction::Satisfied).unwrap_err();
    zhangsan.asks_to_rate(&wang).unwrap();
    wang.rates(Satisfaction::Satisfied).unwrap();
    wang.rates(Satisfaction::Satisfied).unwrap_err();
    sim.set_upgrade_members(&["zhangsan"], &[]);
    bot.ok(op::UPGRADE_SERVICE, request(json!({ "type": 1, "member": { "userid": "zhangsan" } }))).await;
    wang.accepts_upgrade().unwrap();
    lisi.takes(&li);
    lisi.rejects(&li);

    sim.advance(24 * HOUR);
    let corp = statistics(&bot, op::GET_CORP_STATISTIC, &sim, midnight, midnight).await;
    let expected = json!([{ "stat_time": midnight, "statistic": {
        "session_cnt": 2, "customer_cnt": 2, "customer_msg_cnt": 4, "upgrade_service_customer_cnt": 1,
        "ai_session_reply_cnt": 2, "ai_transfer_rate": 1, "msg_rejected_customer_cnt": 1,
    } }]);
    assert_eq!(json!(corp), expected);

    let mut sum = statistics(&bot, op::GET_SERVICER_STATISTIC, &sim, midnight, midnight).await;
    let seconds = sum[0]["statistic"].as_object_mut().unwrap().remove("first_reply_average_sec").unwrap();
    assert!((30..40).contains(&seconds.as_u64().unwrap()), "{seconds}");
    let expected = json!([{ "stat_time": midnight, "statistic": {
        "session_cnt": 2, "reply_rate": 0.5, "customer_cnt": 1, "customer_msg_cnt": 1,
        "satisfaction_investgate_cnt": 1, "satisfaction_participation_rate": 1,
        "satisfied_rate": 1, "middling_rate": 0, "dissatisfied_rate": 0,
        "upgrade_service_customer_cnt": 1, "upgrade_service_member_invite_cnt": 1,
        "upgrade_service_member_customer_cnt": 1, "upgrade_service_groupchat_invite_cnt": 0,
        "upgrade_service_groupchat_customer_cnt": 0, "msg_rejected_customer_cnt": 1,
    } }]);
    assert_eq!(json!(sum), expected);

    let body = json!({
        "open_kfid": sim.open_kfid(), "servicer_userid": "lisi", "start_time": midnight, "end_time": midnight,
    });
    let lisi = &bot.ok(op::GET_SERVICER_STATISTIC, body).await["statistic_list"][0]["statistic"];
    assert_eq!((&lisi["session_cnt"], &lisi["reply_rate"]), (&json!(1), &json!(0)));
    for absent in ["first_reply_average_sec", "satisfaction_participation_rate", "satisfied_rate"] {
        assert_eq!(lisi.get(absent), None, "{absent} cannot be computed");
    }
}

#[tokio::test]
async fn figures_come_at_six_in_the_morning_and_only_for_days_that_have_some() {
    let (sim, bot, midnight) = noon().await;
    let wang = sim.customer("小王");
    wang.says("你好");
    sim.advance(12 * HOUR + 5 * HOUR + Duration::from_secs(59 * 60));
    let before = statistics(&bot, op::GET_CORP_STATISTIC, &sim, midnight - DAY, midnight).await;
    assert_eq!(before, [json!({ "stat_time": midnight - DAY }), json!({ "stat_time": midnight })]);
    sim.advance(Duration::from_secs(60));
    // Any time of the day stands for it.
    let after = statistics(&bot, op::GET_CORP_STATISTIC, &sim, midnight - 1, midnight + DAY - 1).await;
    assert_eq!(after.len(), 2);
    assert_eq!(after[0], json!({ "stat_time": midnight - DAY }));
    let statistic = &after[1]["statistic"];
    assert_eq!((&statistic["session_cnt"], statistic.get("ai_transfer_rate")), (&json!(1), None));
    let servicers = statistics(&bot, op::GET_SERVICER_STATISTIC, &sim, midnight, midnight).await;
    assert_eq!(servicers, [json!({ "stat_time": midnight })], "nobody served");
}

#[tokio::test]
async fn a_day_begins_at_midnight_in_china() {
    let (sim, bot, midnight) = noon().await;
    let wang = sim.customer("小王");
    sim.advance(12 * HOUR - Duration::from_secs(60));
    wang.says("一");
    sim.advance(Duration::from_secs(120));
    wang.says("二");
    wang.says("三");
    sim.advance(30 * HOUR);
    let days = statistics(&bot, op::GET_CORP_STATISTIC, &sim, midnight, midnight + DAY).await;
    let counts: Vec<_> = days.iter().map(|day| &day["statistic"]["customer_msg_cnt"]).collect();
    assert_eq!(counts, [&json!(1), &json!(2)]);
    let sessions: Vec<_> = days.iter().map(|day| &day["statistic"]["session_cnt"]).collect();
    assert_eq!(sessions, [&json!(1), &json!(0)]);
}

#[tokio::test]
async fn the_interval_has_31_days_at_most_and_ends_yesterday() {
    let (sim, bot, midnight) = noon().await;
    let ago = |days: u64| midnight - days * DAY;
    let cases = [
        ("yesterday", ago(1), ago(1), 0),
        ("today", ago(1), midnight, 40058),
        ("31 days", ago(31), ago(1), 0),
        ("32 days", ago(32), ago(1), 40058),
        ("180 days ago", ago(180), ago(150), 0),
        ("181 days ago", ago(181), ago(151), 40058),
        ("backwards", ago(1), ago(2), 40058),
        ("beyond time", u64::MAX, u64::MAX, 40058),
    ];
    for operation in [op::GET_CORP_STATISTIC, op::GET_SERVICER_STATISTIC] {
        for (what, start_time, end_time, errcode) in cases {
            let body = json!({ "open_kfid": sim.open_kfid(), "start_time": start_time, "end_time": end_time });
            assert_eq!(bot.errcode(operation, body).await, errcode, "{operation:?} {what}");
        }
        let nobody = json!({ "open_kfid": "wkNobody", "start_time": ago(1), "end_time": ago(1) });
        assert_eq!(bot.errcode(operation, nobody).await, 95004);
    }
    assert_eq!(statistics(&bot, op::GET_CORP_STATISTIC, &sim, ago(31), ago(1)).await.len(), 31);
}

#[tokio::test]
async fn without_an_account_the_figures_are_those_of_all() {
    let (sim, bot, midnight) = noon().await;
    let added = bot.ok(op::ACCOUNT_ADD, json!({ "name": "售后", "media_id": sim.media_id() })).await;
    sim.customer("小王").says("你好");
    sim.customer_of(added["open_kfid"].as_str().unwrap(), "小王").unwrap().says("你好");
    sim.advance(24 * HOUR);
    let all = json!({ "start_time": midnight, "end_time": midnight });
    let all = &bot.ok(op::GET_CORP_STATISTIC, all.clone()).await["statistic_list"][0]["statistic"];
    assert_eq!((&all["session_cnt"], &all["customer_cnt"]), (&json!(2), &json!(2)));
    let one = statistics(&bot, op::GET_CORP_STATISTIC, &sim, midnight, midnight).await;
    assert_eq!(one[0]["statistic"]["session_cnt"], 1);
    assert_eq!(
        bot.errcode(op::GET_SERVICER_STATISTIC, json!({ "start_time": midnight, "end_time": midnight })).await,
        40058
    );
}

#[tokio::test]
async fn a_share_that_is_not_whole_is_a_fraction_and_days_do_not_mix() {
    let (sim, bot, midnight) = noon().await;
    let customers = ["甲", "乙", "丙"].map(|name| sim.customer(name));
    for customer in &customers {
        customer.says("你好");
        bot.ok(op::SEND_MSG, bot.text(customer, "您好")).await;
    }
    sim.advance(24 * HOUR);
    // The next day, but of a session of the first.
    sim.servicer("zhangsan").takes(&customers[0]);
    sim.servicer("zhangsan").transfers(&customers[0], "lisi").unwrap();
    sim.advance(24 * HOUR);
    let days = statistics(&bot, op::GET_CORP_STATISTIC, &sim, midnight, midnight + DAY).await;
    assert_eq!(days[0]["statistic"]["ai_transfer_rate"], 1.0 / 3.0);
    assert_eq!(days[1]["statistic"]["ai_session_reply_cnt"], 0);
    let servicers = statistics(&bot, op::GET_SERVICER_STATISTIC, &sim, midnight, midnight + DAY).await;
    assert_eq!(servicers[0].get("statistic"), None);
    assert_eq!(servicers[1]["statistic"]["session_cnt"], 2, "one of each servicer");
}
