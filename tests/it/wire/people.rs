//! Requests and replies about servicers, customers, upgrades, the corp, links and recalls.

use serde_json::json;
use wecom_kf::customers::Gender;
use wecom_kf::messages::Text;
use wecom_kf::messages::event::{StopType, WechatChannelsScene};
use wecom_kf::servicers::{ReceptionStatus, Servicer, ServicerId};
use wecom_kf::{ErrCode, Error, ExternalUserId, MsgId, OpenKfid, SessionState};

use super::{CUSTOMER, KF, get, post, server};
use crate::chinese::assert_chinese;

#[tokio::test]
async fn servicers_are_added_and_deleted_each_with_an_outcome_of_its_own() {
    let (server, client) = server().await;
    let kf = OpenKfid::from(KF);
    let reply = json!({ "errcode": 0, "errmsg": "ok", "result_list": [
        { "userid": "zhangsan", "errcode": 0, "errmsg": "success" },
        { "userid": "lisi", "errcode": 0, "errmsg": "ignored" },
        { "department_id": 2, "errcode": 60123, "errmsg": "invalid party id" },
        { "errcode": "7" },
    ] });
    let both = json!({ "open_kfid": KF, "userid_list": ["zhangsan", "lisi"], "department_id_list": [2] });
    let add = post(&server, "servicer/add", both, reply.clone()).await;
    let results = client.servicers().add(&kf).members(["zhangsan", "lisi"]).departments([2]).await.unwrap();
    add.assert_calls_async(1).await;
    let outcomes: Vec<_> = results.iter().map(|result| (result.id.clone(), result.is_ok(), result.code.0)).collect();
    let expected = [
        (Some(ServicerId::Member("zhangsan".into())), true, 0),
        (Some(ServicerId::Member("lisi".into())), true, 0),
        (Some(ServicerId::Department(2)), false, 60123),
        (None, false, 7),
    ];
    assert_eq!(outcomes, expected);
    assert_eq!(results[1].errmsg, "ignored");
    assert_eq!(outcomes[2].0.as_ref().unwrap().to_string(), "department 2");
    assert_eq!(
        serde_json::to_value(&results[1..]).unwrap(),
        json!([
            { "userid": "lisi", "errcode": 0, "errmsg": "ignored" },
            { "department_id": 2, "errcode": 60123, "errmsg": "invalid party id" },
            { "errcode": 7, "errmsg": "" },
        ])
    );

    let one = json!({ "open_kfid": KF, "userid_list": ["lisi"] });
    let delete = post(&server, "servicer/del", one, json!({ "errcode": 0, "result_list": null })).await;
    assert_eq!(client.servicers().delete(&kf).members(["lisi"]).await.unwrap(), []);
    delete.assert_calls_async(1).await;
}

#[tokio::test]
async fn listing_servicers_tells_members_from_departments() {
    let (server, client) = server().await;
    let reply = json!({ "errcode": 0, "servicer_list": [
        { "userid": "zhangsan", "status": 0 }, { "userid": "lisi", "status": "1", "stop_type": 1 },
        { "userid": "wangwu" }, { "department_id": 2 }, { "userid": "", "department_id": 3 },
        { "department_id": 4_294_967_296_u64 }, {},
    ] });
    let list = get(&server, "kf/servicer/list", &[("open_kfid", KF)], reply).await;
    let servicers = client.servicers().list(KF).await.unwrap();
    list.assert_calls_async(1).await;
    assert_eq!(servicers.departments, [2, 3]);
    let [zhangsan, lisi, wangwu] = &servicers.members[..] else { panic!("{servicers:?}") };
    assert!(zhangsan.is_receiving() && !lisi.is_receiving() && !wangwu.is_receiving());
    assert_eq!((lisi.status, lisi.stop_type), (Some(ReceptionStatus::STOPPED), Some(StopType::SUSPENDED)));
    assert_eq!(servicers.members.iter().find(|servicer| Servicer::is_receiving(servicer)).unwrap().userid, "zhangsan");
    assert_eq!(
        serde_json::to_value(&servicers).unwrap(),
        json!({ "servicer_list": [
            { "userid": "zhangsan", "status": 0 }, { "userid": "lisi", "status": 1, "stop_type": 1 },
            { "userid": "wangwu" }, { "department_id": 2 }, { "department_id": 3 },
        ] })
    );
}

#[tokio::test]
async fn customers_are_read_with_and_without_how_they_came_in() {
    let (server, client) = server().await;
    let (one, other) = (ExternalUserId::from(CUSTOMER), ExternalUserId::from("wmOther"));
    let reply = json!({ "errcode": 0, "customer_list": [{
        "external_userid": CUSTOMER, "nickname": "小明", "avatar": "", "gender": 2, "unionid": "o1",
        "enter_session_context": { "scene": "web", "scene_param": "a=1",
            "wechat_channels": { "nickname": "号", "scene": "2" } },
    }], "invalid_external_userid": ["wmOther"] });
    let plain = json!({ "external_userid_list": [CUSTOMER, "wmOther"] });
    let batchget = post(&server, "customer/batchget", plain, reply.clone()).await;
    let batch = client.customers().get_many([&one, &other]).await.unwrap();
    batchget.assert_calls_async(1).await;
    assert_eq!(batch.invalid, [other]);
    let customer = &batch.customers[0];
    assert_eq!((customer.nickname.as_deref(), customer.avatar.as_deref()), (Some("小明"), None));
    assert_eq!((customer.gender, customer.unionid.as_deref()), (Some(Gender::FEMALE), Some("o1")));
    assert_eq!(format!("{customer:?}"), format!("Customer {{ external_userid: ExternalUserId(\"{CUSTOMER}\"), .. }}"));

    let with_context = json!({ "external_userid_list": [CUSTOMER], "need_enter_session_context": 1 });
    let batchget = post(&server, "customer/batchget", with_context, reply).await;
    let batch = client.customers().get_many([one]).with_session_context().await.unwrap();
    batchget.assert_calls_async(1).await;
    let context = batch.customers[0].enter_session_context.as_ref().unwrap();
    assert_eq!((context.scene.as_deref(), context.scene_param.as_deref()), (Some("web"), Some("a=1")));
    let channels = context.wechat_channels.as_ref().unwrap();
    assert_eq!(channels.scene, Some(WechatChannelsScene::LIVE_PRODUCT_LIST));
    assert!(!format!("{context:?}").contains("a=1"));
    assert_eq!(
        serde_json::to_value(&batch).unwrap(),
        json!({ "customer_list": [{
            "external_userid": CUSTOMER, "nickname": "小明", "gender": 2, "unionid": "o1",
            "enter_session_context": { "scene": "web", "scene_param": "a=1",
                "wechat_channels": { "nickname": "号", "scene": 2 } },
        }], "invalid_external_userid": ["wmOther"] })
    );
}

#[tokio::test]
async fn upgrades_are_configured_offered_and_withdrawn() {
    let (server, client) = server().await;
    let (kf, customer) = (OpenKfid::from(KF), ExternalUserId::from(CUSTOMER));
    for departments in ["department_id_list", "department_list"] {
        let reply = json!({ "errcode": 0, "groupchat_range": { "chat_id_list": ["wr1"] },
            "member_range": { "userid_list": ["zhangsan"], departments: ["2", 3, 4_294_967_296_u64] } });
        let config = get(&server, "kf/customer/get_upgrade_service_config", &[], reply).await;
        let ranges = client.upgrades().config().await.unwrap();
        assert_eq!((&ranges.members[..], &ranges.departments[..]), (&["zhangsan".into()][..], &[2, 3][..]));
        assert_eq!(ranges.groups, ["wr1"]);
        let names = json!({ "userid_list": ["zhangsan"], "department_id_list": [2, 3], "chat_id_list": ["wr1"] });
        assert_eq!(serde_json::to_value(&ranges).unwrap(), names);
        config.assert_calls_async(1).await;
        config.delete_async().await;
    }
    let who = json!({ "open_kfid": KF, "external_userid": CUSTOMER });
    let with = |more: serde_json::Value| {
        let mut body = who.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let upgrades = client.upgrades();
    let offers = [
        (
            upgrades.recommend_member(&kf, &customer, "zhangsan").wording("您好，我是您的专属顾问"),
            json!({ "type": 1, "member": { "userid": "zhangsan", "wording": "您好，我是您的专属顾问" } }),
        ),
        (upgrades.recommend_group(&kf, &customer, "wr1"), json!({ "type": 2, "groupchat": { "chat_id": "wr1" } })),
    ];
    for (offer, body) in offers {
        assert!(!format!("{offer:?}").contains("您好"));
        let upgrade = post(&server, "customer/upgrade_service", with(body), json!({ "errcode": 0 })).await;
        offer.await.unwrap();
        upgrade.assert_calls_async(1).await;
    }
    let cancel = post(&server, "customer/cancel_upgrade_service", who.clone(), json!({ "errcode": 0 })).await;
    client.upgrades().cancel(&kf, &customer).await.unwrap();
    cancel.assert_calls_async(1).await;
}

#[tokio::test]
async fn the_corp_says_whether_it_has_a_video_channel() {
    let (server, client) = server().await;
    for (reply, expected) in [(json!(true), Some(true)), (json!("false"), Some(false)), (json!(null), None)] {
        let reply = json!({ "errcode": 0, "wechat_channels_binding": reply });
        let mock = get(&server, "kf/get_corp_qualification", &[], reply).await;
        let qualification = client.corp().qualification().await.unwrap();
        assert_eq!(qualification.wechat_channels_binding, expected);
        let named = expected.map_or(json!({}), |binding| json!({ "wechat_channels_binding": binding }));
        assert_eq!(serde_json::to_value(qualification).unwrap(), named);
        mock.assert_calls_async(1).await;
        mock.delete_async().await;
    }
}

#[tokio::test]
async fn a_link_with_a_scene_takes_a_parameter() {
    let (server, client) = server().await;
    let kf = OpenKfid::from(KF);
    let url = "https://work.weixin.qq.com/kf/kfc1?enc_scene=ENC1";
    let reply = json!({ "errcode": 0, "url": url });
    let plain = post(&server, "add_contact_way", json!({ "open_kfid": KF }), reply.clone()).await;
    let link = client.accounts().contact_way(&kf).await.unwrap();
    plain.assert_calls_async(1).await;
    assert_eq!(link.url(), url);
    assert_eq!(serde_json::to_value(&link).unwrap(), json!({ "url": url }));
    let error = link.url_with_param("a").unwrap_err().to_string();
    assert_eq!(error, "contact way must be created with a scene; nothing was sent");

    let scene = post(&server, "add_contact_way", json!({ "open_kfid": KF, "scene": "web-1" }), reply).await;
    let link = client.accounts().contact_way(&kf).scene("web-1").await.unwrap();
    scene.assert_calls_async(1).await;
    assert_eq!(link.url_with_param("a=1&b=二").unwrap(), format!("{url}&scene_param=a%3D1%26b%3D%E4%BA%8C"));
    assert!(link.url_with_param(&"二".repeat(42)).is_ok(), "126 bytes before they are encoded");
    assert!(link.url_with_param(&"二".repeat(43)).is_err(), "129 bytes");
}

#[tokio::test]
async fn a_message_is_recalled_by_account_and_msgid() {
    let (server, client) = server().await;
    let body = json!({ "open_kfid": KF, "msgid": "own-1" });
    let recall = post(&server, "recall_msg", body, json!({ "errcode": 95029, "errmsg": "too late" })).await;
    let error = client.messages().recall(KF, &MsgId::new("own-1")).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrCode::RECALL_WINDOW_CLOSED));
    recall.assert_calls_async(1).await;
}

/// If servicers have the session, the error names who has it, whether WeCom or the check before sending refused it.
#[tokio::test]
async fn a_send_that_the_session_forbids_names_who_has_it() {
    let (server, client) = server().await;
    let (kf, customer) = (OpenKfid::from(KF), ExternalUserId::from(CUSTOMER));
    let who = json!({ "open_kfid": KF, "external_userid": CUSTOMER });
    let state = json!({ "errcode": 0, "service_state": 3, "servicer_userid": "zhangsan" });
    let get = post(&server, "service_state/get", who.clone(), state).await;
    let send = server
        .mock_async(|when, then| {
            when.path("/cgi-bin/kf/send_msg");
            then.json_body(json!({ "errcode": 95018, "errmsg": "session status invalid" }));
        })
        .await;
    let text = || Text::new("您好");

    let refused = client.messages().send(&kf, &customer, text()).await.unwrap_err();
    assert_eq!(refused.refusal().unwrap().session.as_ref().unwrap().state, SessionState::SERVICER);
    let line =
        "send_msg refused: 95018, the session state forbids sending: state 3 servicer, servicer zhangsan (just read)";
    assert!(refused.to_string().starts_with(line), "{refused}");
    assert!(refused.in_lang(wecom_kf::Lang::Zh).contains("由人工接待（3），zhangsan（刚查询）"));

    let checked = client.messages().send(&kf, &customer, text()).checking_session().await.unwrap_err();
    assert!(
        matches!(&checked, Error::SessionForbidsSending(session) if session.servicer_userid.as_ref().map(|id| id.as_str()) == Some("zhangsan"))
    );
    assert_eq!((checked.code(), checked.class()), (refused.code(), refused.class()));
    assert!(!checked.is_retryable());
    send.assert_calls_async(1).await;
    get.assert_calls_async(2).await;
    get.delete_async().await;

    // If the check of the session fails, the refusal is still returned.
    let refused = client.messages().send(&kf, &customer, text()).await.unwrap_err();
    assert_eq!((refused.code(), &refused.refusal().unwrap().session), (Some(ErrCode(95018)), &None));
}

#[tokio::test]
async fn a_checked_send_moves_a_session_that_nobody_has() {
    let (server, client) = server().await;
    let (kf, customer) = (OpenKfid::from(KF), ExternalUserId::from(CUSTOMER));
    let who = json!({ "open_kfid": KF, "external_userid": CUSTOMER });
    let mut to_assistant = who.clone();
    to_assistant["service_state"] = json!(1);
    let send = server
        .mock_async(|when, then| {
            when.path("/cgi-bin/kf/send_msg");
            then.json_body(json!({ "errcode": 0, "msgid": "m" }));
        })
        .await;
    // The state, the answer to the move, the number of moves, and whether the message is sent.
    let cases = [
        (0, 0, 1, true),
        (1, 0, 0, true),
        (4, 0, 1, true),
        (4, 95013, 1, false),
        (0, 95016, 1, false),
        (2, 0, 0, false),
    ];
    let mut sent = 0;
    for (state, errcode, moves, goes_out) in cases {
        let get = post(&server, "service_state/get", who.clone(), json!({ "service_state": state })).await;
        let trans = post(&server, "service_state/trans", to_assistant.clone(), json!({ "errcode": errcode })).await;
        let text = Text::new("您好");
        let outcome = client.messages().send(&kf, &customer, text).checking_session().await;
        sent += usize::from(goes_out);
        assert_eq!(outcome.is_ok(), goes_out, "{state} {errcode}: {outcome:?}");
        assert!(outcome.is_ok() || matches!(outcome, Err(Error::SessionForbidsSending(_))));
        send.assert_calls_async(sent).await;
        trans.assert_calls_async(moves).await;
        get.delete_async().await;
        trans.delete_async().await;
    }
}

#[tokio::test]
async fn bad_input_is_refused_before_a_request_is_made() {
    let (server, client) = server().await;
    let everything = server.mock_async(|when, then| drop((when.method("POST"), then.status(500)))).await;
    let (kf, customer) = (OpenKfid::from(KF), ExternalUserId::from(CUSTOMER));
    let cases = [
        (client.servicers().add(&kf).await.err(), "servicers is empty"),
        (client.servicers().delete(&kf).members([""]).await.err(), "userid is empty"),
        (client.servicers().add("").members(["a"]).await.err(), "open_kfid is empty"),
        (
            client.servicers().add(&kf).members(["a"; 101]).await.err(),
            "userid_list has 101 items, at most 100 are allowed",
        ),
        (
            client.servicers().add(&kf).departments([1; 101]).await.err(),
            "department_id_list has 101 items, at most 100 are allowed",
        ),
        (client.servicers().list("").await.err(), "open_kfid is empty"),
        (client.customers().get_many([""; 0]).await.err(), "external_userid_list is empty"),
        (client.customers().get_many([&customer; 101]).await.err(), "external_userid_list has 101 items, at most 100"),
        (client.customers().get_many([""]).await.err(), "external_userid is empty"),
        (client.upgrades().recommend_member(&kf, &customer, "").await.err(), "userid is empty"),
        (client.upgrades().recommend_group(&kf, &customer, "").await.err(), "chat_id is empty"),
        (client.upgrades().cancel(&kf, "").await.err(), "external_userid is empty"),
        (client.accounts().contact_way(&kf).scene("").await.err(), "scene is empty"),
        (client.accounts().contact_way(&kf).scene("a b").await.err(), "scene must be made of 0-9"),
        (client.accounts().contact_way(&kf).scene("a".repeat(33)).await.err(), "scene has 33 bytes"),
    ];
    for (error, expected) in cases {
        let error = error.unwrap_or_else(|| panic!("{expected} was taken"));
        assert!(error.to_string().starts_with(expected), "{error} / {expected}");
        assert_chinese(&error);
    }
    // `check` returns the same errors without a call.
    let checked = [
        (client.servicers().add(&kf).check().err(), "servicers is empty"),
        (client.servicers().delete(&kf).members([""]).check().err(), "userid is empty"),
        (client.customers().get_many([""]).check().err(), "external_userid is empty"),
        (client.upgrades().recommend_member("", &customer, "a").check().err(), "open_kfid is empty"),
        (client.accounts().contact_way(&kf).scene("a b").check().err(), "scene must be made of 0-9"),
        (client.accounts().update(&kf).check().err(), "update is empty"),
    ];
    for (error, expected) in checked {
        assert!(error.is_some_and(|error| error.to_string().starts_with(expected)), "{expected}");
    }
    assert!(client.servicers().add(&kf).members(["a"]).check().is_ok());
    everything.assert_calls_async(0).await;
}
