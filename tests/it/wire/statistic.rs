//! Requests and replies of the daily statistics.

use serde_json::json;
use wecom_kf::statistics::Date;

use super::{KF, post, server};

#[tokio::test]
async fn figures_are_asked_for_by_days_in_china_and_come_as_numbers() {
    let (server, client) = server().await;
    let date = |text: &str| text.parse::<Date>().unwrap();
    let days = || date("2024-06-10")..=date("2024-06-12");
    let body = json!({ "open_kfid": KF, "start_time": 1_717_948_800, "end_time": 1_718_121_600 });
    let reply = json!({ "errcode": 0, "statistic_list": [
        { "stat_time": 1_717_948_800, "statistic": {
            "session_cnt": 12, "customer_cnt": 9, "customer_msg_cnt": "57", "upgrade_service_customer_cnt": 1,
            "ai_session_reply_cnt": 10, "ai_transfer_rate": 0.25, "ai_knowledge_hit_rate": 1,
            "msg_rejected_customer_cnt": 2 } },
        { "stat_time": "1718035200", "statistic": { "session_cnt": 2 } },
        { "stat_time": 1_718_121_600 },
    ] });
    let account = post(&server, "get_corp_statistic", body, reply.clone()).await;
    let figures = client.statistics().account(KF, days()).await.unwrap();
    account.assert_calls_async(1).await;
    let dates: Vec<_> = figures.iter().map(|day| day.date).collect();
    assert_eq!(dates, [date("2024-06-10"), date("2024-06-11"), date("2024-06-12")]);
    let first = figures[0].figures.as_ref().unwrap();
    assert_eq!((first.session_cnt, first.customer_cnt, first.customer_msg_cnt), (12, 9, 57));
    assert_eq!(
        (first.upgrade_service_customer_cnt, first.ai_session_reply_cnt, first.msg_rejected_customer_cnt),
        (1, 10, 2)
    );
    assert_eq!((first.ai_transfer_rate, first.ai_knowledge_hit_rate), (Some(0.25), Some(1.0)));
    let second = figures[1].figures.as_ref().unwrap();
    assert_eq!((second.session_cnt, second.customer_cnt, second.ai_transfer_rate), (2, 0, None));
    assert_eq!(figures[2].figures, None, "a day without data");
    assert_eq!(
        serde_json::to_value(&figures[1..]).unwrap(),
        json!([
            { "stat_time": 1_718_035_200, "statistic": {
                "session_cnt": 2, "customer_cnt": 0, "customer_msg_cnt": 0, "upgrade_service_customer_cnt": 0,
                "ai_session_reply_cnt": 0, "msg_rejected_customer_cnt": 0 } },
            { "stat_time": 1_718_121_600 },
        ])
    );

    // A negative counter becomes 0, and a day without a date is an error.
    for (day, figures) in [
        (json!({ "stat_time": 1_717_948_800, "statistic": { "session_cnt": -1 } }), Some(0)),
        (json!({ "statistic": { "session_cnt": 1 } }), None),
    ] {
        let (server, client) = super::server().await;
        let body = json!({ "open_kfid": KF, "start_time": 1_717_948_800, "end_time": 1_718_121_600 });
        post(&server, "get_corp_statistic", body, json!({ "errcode": 0, "statistic_list": [day] })).await;
        match (client.statistics().account(KF, days()).await, figures) {
            (Ok(days), Some(sessions)) => assert_eq!(days[0].figures.as_ref().unwrap().session_cnt, sessions),
            (Err(error), None) => assert!(error.to_string().contains("no stat_time"), "{error}"),
            (outcome, _) => panic!("{outcome:?}"),
        }
    }

    // Two SDKs also call it without an account.
    let body = json!({ "start_time": 1_717_948_800, "end_time": 1_717_948_800 });
    let reply = json!({ "errcode": 0, "statistic_list": [{ "stat_time": 1_717_948_800 }] });
    let corp = post(&server, "get_corp_statistic", body, reply).await;
    let figures = client.statistics().corp(date("2024-06-10")..=date("2024-06-10")).await.unwrap();
    assert_eq!(figures.len(), 1);
    corp.assert_calls_async(1).await;
}

#[tokio::test]
async fn servicers_have_figures_together_and_alone() {
    let (server, client) = server().await;
    let day = "2024-06-10".parse::<Date>().unwrap();
    let reply = json!({ "errcode": 0, "statistic_list": [{ "stat_time": 1_717_948_800, "statistic": {
        "session_cnt": 1, "customer_cnt": 2, "customer_msg_cnt": 3, "satisfaction_investgate_cnt": 4,
        "upgrade_service_customer_cnt": 5, "upgrade_service_member_invite_cnt": 6,
        "upgrade_service_member_customer_cnt": 7, "upgrade_service_groupchat_invite_cnt": 8,
        "upgrade_service_groupchat_customer_cnt": 9, "msg_rejected_customer_cnt": 10,
        "reply_rate": 1, "first_reply_average_sec": 17, "satisfaction_participation_rate": 0.5,
        "satisfied_rate": 0.25, "middling_rate": "0.5", "dissatisfied_rate": 0 } }] });
    let mut body = json!({ "open_kfid": KF, "start_time": 1_717_948_800, "end_time": 1_717_948_800 });
    let all = post(&server, "get_servicer_statistic", body.clone(), reply.clone()).await;
    let figures = client.statistics().servicers(KF, day..=day).await.unwrap();
    all.assert_calls_async(1).await;
    // WeCom sends rates as strings; here they are numbers.
    let mut named = reply["statistic_list"].clone();
    for rate in ["reply_rate", "first_reply_average_sec", "middling_rate", "dissatisfied_rate"] {
        let value = &mut named[0]["statistic"][rate];
        *value = json!(value.as_f64().unwrap_or(0.5));
    }
    assert_eq!(serde_json::to_value(&figures).unwrap(), named);
    let figures = figures[0].figures.clone().unwrap();
    let counters = [
        figures.session_cnt,
        figures.customer_cnt,
        figures.customer_msg_cnt,
        figures.satisfaction_investgate_cnt,
        figures.upgrade_service_customer_cnt,
        figures.upgrade_service_member_invite_cnt,
        figures.upgrade_service_member_customer_cnt,
        figures.upgrade_service_groupchat_invite_cnt,
        figures.upgrade_service_groupchat_customer_cnt,
        figures.msg_rejected_customer_cnt,
    ];
    assert_eq!(counters, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    let rates = [
        figures.reply_rate,
        figures.first_reply_average_sec,
        figures.satisfaction_participation_rate,
        figures.satisfied_rate,
        figures.middling_rate,
        figures.dissatisfied_rate,
    ];
    assert_eq!(rates.map(Option::unwrap), [1.0, 17.0, 0.5, 0.25, 0.5, 0.0]);

    body["servicer_userid"] = json!("zhangsan");
    let one = post(&server, "get_servicer_statistic", body, json!({ "errcode": 0 })).await;
    assert_eq!(client.statistics().servicers(KF, day..=day).servicer("zhangsan").await.unwrap(), []);
    one.assert_calls_async(1).await;
    let nobody = client.statistics().servicers(KF, day..=day).servicer("").await.unwrap_err().to_string();
    assert!(nobody.starts_with("servicer_userid is empty"), "{nobody}");
    assert!(client.statistics().account(KF, day.tomorrow().unwrap()..=day).await.is_err());
}

#[tokio::test]
async fn more_than_31_days_are_read_by_several_calls() {
    let (server, client) = server().await;
    let date = |text: &str| text.parse::<Date>().unwrap();
    let body = |start: i64, end: i64| json!({ "open_kfid": KF, "start_time": start, "end_time": end });
    let reply =
        |day: i64| json!({ "errcode": 0, "statistic_list": [{ "stat_time": day, "statistic": { "session_cnt": 1 } }] });
    // The first of May to the first of June: 31 days, and one.
    let (first, last, next) = (1_714_492_800, 1_717_084_800, 1_717_171_200);
    let mut mocks = Vec::new();
    for operation in ["get_corp_statistic", "get_servicer_statistic"] {
        mocks.push(post(&server, operation, body(first, last), reply(first)).await);
        mocks.push(post(&server, operation, body(next, next), reply(next)).await);
    }
    let days = || date("2024-05-01")..=date("2024-06-01");
    let account = client.statistics().account(KF, days()).await.unwrap();
    let servicers = client.statistics().servicers(KF, days()).await.unwrap();
    let expected = [date("2024-05-01"), date("2024-06-01")];
    assert_eq!(account.iter().map(|day| day.date).collect::<Vec<_>>(), expected);
    assert_eq!(servicers.iter().map(|day| day.date).collect::<Vec<_>>(), expected);
    for mock in mocks {
        mock.assert_calls_async(1).await;
    }
}
