//! The exact requests that are sent, and the results of replies. The mock server has no state.

mod knowledge;
mod media;
mod people;
mod statistic;

use futures_util::{StreamExt, TryStreamExt};
use httpmock::{Method, Mock, MockServer};
use serde_json::{Value, json};
use wecom_kf::messages::{Content, Message, Origin, Outgoing, Text, VoiceFormat, outgoing};
use wecom_kf::{Client, Credentials, Error, ExternalUserId, MsgId, OpenKfid, Problem, SessionState, Transition, Unit};

use crate::broken::patient;
use crate::chinese::assert_chinese;

const KF: &str = "wkAJ2GCAAAZSfhHCt7IFSvLKtMPxyJTw";
const CUSTOMER: &str = "wmAJ2GCAAAme1XQRC-NI-q0_ZM9ukoAw";

async fn server() -> (MockServer, Client) {
    let server = MockServer::start_async().await;
    server
        .mock_async(|when, then| {
            when.method(Method::GET)
                .path("/cgi-bin/gettoken")
                .query_param("corpid", "ww1")
                .query_param("corpsecret", "s&1=");
            then.json_body(json!({ "errcode": 0, "errmsg": "ok", "access_token": "T+1/=", "expires_in": 7200 }));
        })
        .await;
    let builder = Client::builder(Credentials::new("ww1", "s&1=")).base_url(server.base_url());
    let client = patient(builder).build().unwrap();
    (server, client)
}

/// Mocks a POST with exactly this body, and with the token as the only query parameter.
async fn post<'a>(server: &'a MockServer, path: &str, body: Value, reply: Value) -> Mock<'a> {
    let path = format!("/cgi-bin/kf/{path}");
    server
        .mock_async(|when, then| {
            when.method(Method::POST)
                .path(path)
                .query_param("access_token", "T+1/=")
                .query_param_count(".*", ".*", 1)
                .header("content-type", "application/json")
                .header_missing("referer")
                .header_missing("api-version")
                .json_body(body);
            then.json_body(reply);
        })
        .await
}

/// Mocks a GET with exactly these parameters and the token in the query.
async fn get<'a>(server: &'a MockServer, path: &str, query: &[(&str, &str)], reply: Value) -> Mock<'a> {
    let path = format!("/cgi-bin/{path}");
    server
        .mock_async(|when, then| {
            let when = when.method(Method::GET).path(path).query_param("access_token", "T+1/=");
            let when = when.query_param_count(".*", ".*", 1 + query.len()).header_missing("api-version");
            query.iter().fold(when, |when, (name, value)| when.query_param(*name, *value));
            then.json_body(reply);
        })
        .await
}

#[tokio::test]
async fn account_operations() {
    let (server, client) = server().await;
    let kf = OpenKfid::from(KF);

    let add = post(
        &server,
        "account/add",
        json!({ "name": "售后客服", "media_id": "m1" }),
        json!({ "errcode": 0, "errmsg": "ok", "open_kfid": KF }),
    )
    .await;
    assert_eq!(client.accounts().add("售后客服", "m1").await.unwrap(), kf);
    add.assert_calls_async(1).await;

    let update =
        post(&server, "account/update", json!({ "open_kfid": KF, "name": "二组" }), json!({ "errcode": 0 })).await;
    client.accounts().update(&kf).name("二组").await.unwrap();
    update.assert_calls_async(1).await;

    let delete = post(&server, "account/del", json!({ "open_kfid": KF }), json!({})).await;
    client.accounts().delete(&kf).await.unwrap();
    delete.assert_calls_async(1).await;
}

#[tokio::test]
async fn listing_accounts_ends_at_the_first_page_that_is_not_full() {
    let (server, client) = server().await;
    let account = |number: usize| json!({ "open_kfid": format!("wk{number}"), "name": format!("客服{number}"), "avatar": "", "manage_privilege": true });
    let page = |from: usize, count: usize| json!({ "errcode": 0, "account_list": (from..from + count).map(account).collect::<Vec<_>>() });
    let first = post(&server, "account/list", json!({ "offset": 0, "limit": 100 }), page(0, 100)).await;
    let second = post(&server, "account/list", json!({ "offset": 100, "limit": 100 }), page(100, 100)).await;
    let last = post(
        &server,
        "account/list",
        json!({ "offset": 200, "limit": 100 }),
        json!({ "errcode": 0, "account_list": null }),
    )
    .await;

    let accounts = client.accounts().list().await.unwrap();
    assert_eq!(accounts.len(), 200);
    assert_eq!((accounts[199].open_kfid.as_str(), accounts[199].name.as_str()), ("wk199", "客服199"));
    assert_eq!((accounts[0].avatar.as_deref(), accounts[0].manage_privilege), (None, Some(true)));
    let named = json!({ "open_kfid": "wk0", "name": "客服0", "manage_privilege": true });
    assert_eq!(serde_json::to_value(&accounts[0]).unwrap(), named);
    for page in [&first, &second, &last] {
        page.assert_calls_async(1).await;
    }
    // A stream fetches only the pages that are needed.
    let mut stream = std::pin::pin!(client.accounts().stream());
    stream.try_next().await.unwrap().unwrap();
    first.assert_calls_async(2).await;
    second.assert_calls_async(1).await;
}

#[tokio::test]
async fn endlessly_repeated_full_pages_are_an_error() {
    let (server, client) = server().await;
    let page: Vec<_> = (0..100).map(|number| json!({ "open_kfid": format!("wk{number}") })).collect();
    let list = server
        .mock_async(|when, then| {
            when.path("/cgi-bin/kf/account/list");
            then.json_body(json!({ "account_list": page }));
        })
        .await;
    let error = client.accounts().list().await.unwrap_err();
    assert!(matches!(error, Error::BadReply { operation: "account_list", .. }), "{error}");
    list.assert_calls_async(2).await;
}

#[tokio::test]
async fn session_operations() {
    let (server, client) = server().await;
    let (kf, customer) = (OpenKfid::from(KF), ExternalUserId::from(CUSTOMER));
    let who = json!({ "open_kfid": KF, "external_userid": CUSTOMER });

    let get = post(
        &server,
        "service_state/get",
        who.clone(),
        json!({ "errcode": 0, "service_state": 3, "servicer_userid": "zhangsan" }),
    )
    .await;
    let state = client.sessions().get(&kf, &customer).await.unwrap();
    assert_eq!(
        (state.state, state.servicer_userid.as_ref().map(|id| id.as_str())),
        (SessionState::SERVICER, Some("zhangsan"))
    );
    get.assert_calls_async(1).await;
    get.delete_async().await;

    let mut body = who.clone();
    body["service_state"] = json!(3);
    body["servicer_userid"] = json!("lisi");
    let trans =
        post(&server, "service_state/trans", body, json!({ "errcode": 0, "errmsg": "ok", "msg_code": "CODE" })).await;
    let transferred = client.sessions().transition(&kf, &customer, Transition::to_servicer("lisi")).await.unwrap();
    assert_eq!(transferred.msg_code.as_ref().map(|id| id.as_str()), Some("CODE"));
    trans.assert_calls_async(1).await;

    for (to, number) in [(Transition::to_assistant(), 1), (Transition::to_queue(), 2), (Transition::to_end(), 4)] {
        let mut body = who.clone();
        body["service_state"] = json!(number);
        let state = json!({ "service_state": number, "servicer_userid": "" });
        let get = post(&server, "service_state/get", who.clone(), state).await;
        let session = client.sessions().get(&kf, &customer).await.unwrap();
        assert_eq!((session.state, session.servicer_userid), (SessionState(number), None));
        get.delete_async().await;
        let trans = post(&server, "service_state/trans", body, json!({ "errcode": 0, "msg_code": "" })).await;
        assert_eq!(client.sessions().transition(&kf, &customer, to).await.unwrap().msg_code, None);
        trans.assert_calls_async(1).await;
    }
}

#[tokio::test]
async fn sending_a_text_under_our_msgid() {
    let (server, client) = server().await;
    let body = json!({
        "touser": CUSTOMER, "open_kfid": KF, "msgid": "own-1", "msgtype": "text", "text": { "content": "您的订单已发货 📦\n\"ok\"" },
    });
    let send = post(&server, "send_msg", body, json!({ "errcode": 0, "errmsg": "ok", "msgid": "own-1" })).await;
    let text = "您的订单已发货 📦\n\"ok\"";
    let own = MsgId::new("own-1");
    assert_eq!(client.messages().send(KF, CUSTOMER, text).msgid(&own).await.unwrap(), own);
    send.assert_calls_async(1).await;
    send.delete_async().await;
    // If the reply has no msgid, the result has ours.
    server
        .mock_async(|when, then| drop((when.path("/cgi-bin/kf/send_msg"), then.json_body(json!({ "msgid": "" })))))
        .await;
    assert_eq!(client.messages().send(KF, CUSTOMER, text).msgid(&own).await.unwrap(), own);
    let random = [MsgId::random().unwrap(), MsgId::random().unwrap()];
    assert!(random[0] != random[1] && random[0].as_str().len() == 32 && random[0].check().is_ok());
}

#[tokio::test]
async fn a_message_on_an_event_has_a_code_and_no_recipient() {
    let (server, client) = server().await;
    let send = server
        .mock_async(|when, then| {
            when.method(Method::POST)
                .path("/cgi-bin/kf/send_msg_on_event")
                .query_param("access_token", "T+1/=")
                .json_body_includes(r#"{ "code": "CODE", "msgtype": "text", "text": { "content": "您好" } }"#)
                .is_true(|request| {
                    serde_json::from_slice::<Value>(request.body_ref()).unwrap().as_object().unwrap().len() == 4
                });
            then.json_body(json!({ "errcode": 0, "errmsg": "ok", "msgid": "own" }));
        })
        .await;
    let msgid = client.messages().send_on_event("CODE", "您好").await.unwrap();
    assert_eq!(msgid.as_str(), "own");
    send.assert_calls_async(1).await;
    let item = json!({ "type": "click", "click": { "id": "1", "content": "满意" } });
    let menu = json!({ "code": "C2", "msgtype": "msgmenu",
        "msgmenu": { "head_content": "满意吗？", "list": [item], "tail_content": "再见" } });
    let ended = server
        .mock_async(|when, then| {
            when.path("/cgi-bin/kf/send_msg_on_event").json_body_includes(menu.to_string());
            then.json_body(json!({ "errcode": 0 }));
        })
        .await;
    let menu = wecom_kf::messages::Msgmenu::new("满意吗？").click("1", "满意").tail("再见");
    client.messages().send_on_event("C2", menu).await.unwrap();
    ended.assert_calls_async(1).await;
    let card = wecom_kf::messages::outgoing::BusinessCard::new("lisi");
    let refused = client.messages().send_on_event("CODE", card).await.unwrap_err();
    assert!(refused.to_string().starts_with("message must be a text or a menu"), "{refused}");
    assert!(client.messages().send_on_event("", "x").await.is_err());
    send.assert_calls_async(1).await;
}

#[tokio::test]
async fn reading_a_page_with_a_malformed_message() {
    let (server, client) = server().await;
    let odd = r#"{"msgid":"m3","send_time":"1718001002","origin":"3","msgtype":"text","text":["no","object"],"open_kfid":"wk"}"#;
    let event = r#"{"msgid":"m2","send_time":1718001001,"origin":4,"msgtype":"event","event":{"event_type":"enter_session","open_kfid":"wk","external_userid":"wm","scene":7}}"#;
    let text = r#"{ "msgid":"m1","open_kfid":"wk","external_userid":"wm","send_time":1718001000,"origin":3,"msgtype":"text","text":{"content":"在吗","menu_id":"101"},"new":{} }"#;
    let reply = format!(
        r#"{{"errcode":0,"errmsg":"ok","next_cursor":"c2","has_more":1,"msg_list":[{text},{event},{odd},17,{{"msgtype":"hologram"}}]}}"#
    );
    let body = json!({ "open_kfid": KF, "cursor": "c1", "token": "t1", "limit": 50, "voice_format": 1 });
    let sync = server
        .mock_async(|when, then| {
            when.method(Method::POST).path("/cgi-bin/kf/sync_msg").json_body(body);
            then.header("content-type", "text/plain").body(reply);
        })
        .await;
    let request = client.messages().page(KF).cursor("c1").token("t1").limit(50).voice_format(VoiceFormat::Silk);
    let page = request.await.unwrap();
    sync.assert_calls_async(1).await;
    assert_eq!((page.next_cursor(), page.has_more(), page.messages().len()), (Some(&"c2".into()), true, 5));

    let [first, second, third, number, unknown] = page.messages() else { panic!("{page:?}") };
    assert_eq!(first.raw(), text);
    let Content::Text(received) = first.content() else { panic!("{first:?}") };
    assert_eq!((received.content.as_str(), received.menu_id.as_ref().map(|id| id.as_str())), ("在吗", Some("101")));
    assert_eq!((first.origin(), first.send_time()), (Some(Origin::CUSTOMER), Some(1_718_001_000)));
    // In an event, account and customer are inside the body.
    assert_eq!(second.open_kfid().map(OpenKfid::as_str), Some("wk"));
    assert_eq!(second.external_userid().map(ExternalUserId::as_str), Some("wm"));
    // An invalid body does not affect the msgid or other members.
    assert_eq!(third.msgid().map(MsgId::as_str), Some("m3"));
    assert_eq!((third.send_time(), third.origin()), (Some(1_718_001_002), Some(Origin::CUSTOMER)));
    assert_eq!(third.content(), &Content::Unknown { msgtype: "text".into() });
    assert_eq!((number.raw(), number.msgtype(), number.msgid()), ("17", "", None));
    assert_eq!(unknown.content(), &Content::Unknown { msgtype: "hologram".into() });
    assert!(!format!("{page:?} {first:#?}").contains("在吗"), "Debug shows what the customer wrote");
}

/// A successful reply without its essential value must be an error.
#[tokio::test]
async fn a_success_without_its_value_is_an_error() {
    let (server, client) = server().await;
    let empty =
        json!({ "errcode": 0, "open_kfid": "", "service_state": "", "media_id": "", "url": "", "group_id": "" });
    server.mock_async(|when, then| drop((when.method(Method::POST), then.json_body(empty.clone())))).await;
    let add = client.accounts().add("n", "m").await.unwrap_err();
    let get = client.sessions().get(KF, CUSTOMER).await.unwrap_err();
    let (media, knowledge) = (client.media(), client.knowledge());
    let picture = || wecom_kf::media::Upload::from_bytes("a.jpg", b"\xff\xd8\xff...".to_vec());
    let upload = media.upload(wecom_kf::media::MediaType::Image, picture()).await.unwrap_err();
    let uploadimg = media.upload_image(picture()).await.unwrap_err();
    let group = knowledge.add_group("n").await.unwrap_err();
    let link = client.accounts().contact_way(KF).await.unwrap_err();
    for (error, operation) in [
        (add, "account_add"),
        (get, "service_state_get"),
        (upload, "media_upload"),
        (uploadimg, "media_uploadimg"),
        (group, "knowledge_add_group"),
        (link, "add_contact_way"),
    ] {
        assert!(matches!(&error, Error::BadReply { .. }) && !error.is_retryable(), "{error}");
        assert_chinese(&error);
        assert_eq!(error.operation(), Some(operation));
    }
}

#[tokio::test]
async fn an_empty_cursor_counts_as_none() {
    let (server, client) = server().await;
    post(&server, "sync_msg", json!({ "open_kfid": KF }), json!({ "errcode": 0, "next_cursor": "", "msg_list": null }))
        .await;
    let page = client.messages().page(KF).await.unwrap();
    assert_eq!((page.next_cursor(), page.has_more(), page.messages().len()), (None, false, 0));
}

/// Each is refused with the limit and the actual value, and no request is sent.
#[tokio::test]
async fn invalid_input_is_refused_and_not_sent() {
    let server = MockServer::start_async().await;
    let everything = server.mock_async(|_, then| drop(then.status(500))).await;
    let client = patient(Client::builder(Credentials::new("ww1", "s")).base_url(server.base_url())).build().unwrap();
    let (kf, customer, empty) = (OpenKfid::from(KF), ExternalUserId::from(CUSTOMER), "");
    let long = |bytes: usize| "x".repeat(bytes);
    let (account, message, state) = (client.accounts(), client.messages(), client.sessions());
    let cases = [
        (account.add("", "m").await.err(), "name is empty"),
        (account.add("名".repeat(17), "m").await.err(), "name has 17 characters, at most 16 are allowed"),
        (account.add("n", "").await.err(), "media_id is empty"),
        (account.delete(empty).await.err(), "open_kfid is empty"),
        (account.delete(long(65)).await.err(), "open_kfid has 65 bytes, at most 64 are allowed"),
        (account.update(&kf).await.err(), "update is empty"),
        (account.update(&kf).name("").await.err(), "name is empty"),
        (account.update(&kf).media_id("").await.err(), "media_id is empty"),
        (message.send(empty, &customer, "x").await.err(), "open_kfid is empty"),
        (message.send(&kf, empty, "x").await.err(), "external_userid is empty"),
        (message.send(&kf, &customer, "").await.err(), "text is empty"),
        (message.send(&kf, &customer, "长".repeat(683)).await.err(), "text has 2049 bytes, at most 2048 are allowed"),
        (message.send(&kf, &customer, "x").msgid("").await.err(), "msgid is empty"),
        (message.send(&kf, &customer, "x").msgid(long(33)).await.err(), "msgid has 33 bytes, at most 32 are allowed"),
        (
            message.send(&kf, &customer, "x").msgid("a b").await.err(),
            "msgid must be made of 0-9, A-Z, a-z, _ and - only",
        ),
        (message.send(&kf, &customer, "").checking_session().await.err(), "text is empty"),
        (message.page("").await.err(), "open_kfid is empty"),
        (message.page(&kf).limit(0).await.err(), "limit is 0, but must be 1 to 1000"),
        (message.page(&kf).limit(1001).await.err(), "limit is 1001, but must be 1 to 1000"),
        (message.page(&kf).cursor("").await.err(), "cursor is empty"),
        (message.page(&kf).token("").await.err(), "token is empty"),
        (state.get(&kf, empty).await.err(), "external_userid is empty"),
        (state.transition(&kf, &customer, Transition::to_servicer("")).await.err(), "servicer_userid is empty"),
        (account.delete("wk\u{200b}1").await.err(), "open_kfid is not as WeCom issued it: character 3 is U+200B"),
        (
            message.send_on_event("code", Outgoing::from(outgoing::Image::new("m"))).await.err(),
            "message must be a text",
        ),
        (message.send_on_event("", "x").await.err(), "code is empty"),
        (message.send_on_event("code", "").await.err(), "text is empty"),
        (message.send_on_event("code", "x").msgid("a b").await.err(), "msgid must be made of 0-9"),
        (message.recall(empty, "m").await.err(), "open_kfid is empty"),
        (message.recall(&kf, empty).await.err(), "msgid is empty"),
    ];
    for (error, expected) in cases {
        let error = error.unwrap_or_else(|| panic!("{expected} was taken"));
        assert!(error.to_string().starts_with(expected), "{error} / {expected}");
        assert!(matches!(error, Error::InvalidInput { .. }) && !error.is_retryable());
        assert_chinese(&error);
    }
    assert!(Text::new("长".repeat(682)).check().is_ok() && Text::new("x".repeat(2048)).check().is_ok());
    let Err(Error::InvalidInput { problem, .. }) = Text::new("长".repeat(683)).check() else { panic!("taken") };
    assert_eq!(problem, Problem::TooLong { actual: 2049, limit: 2048, unit: Unit::Bytes });
    everything.assert_calls_async(0).await;
}

#[tokio::test]
async fn a_stream_of_messages_goes_on_to_the_newest_one_and_never_in_circles() {
    let (server, client) = server().await;
    let message = |id: &str| json!({ "msgid": id, "msgtype": "text", "text": { "content": "x" } });
    let asks = |cursor: Option<&str>| match cursor {
        None => json!({ "open_kfid": KF }),
        Some(cursor) => json!({ "open_kfid": KF, "cursor": cursor }),
    };
    let page = |next: &str, more: i64, messages: &[&str]| {
        json!({ "errcode": 0, "next_cursor": next, "has_more": more,
        "msg_list": messages.iter().map(|id| message(id)).collect::<Vec<_>>() })
    };
    post(&server, "sync_msg", asks(None), page("c1", 1, &["m1", "m2"])).await;
    post(&server, "sync_msg", asks(Some("c1")), page("c2", 1, &[])).await;
    post(&server, "sync_msg", asks(Some("c2")), page("c3", 0, &["m3"])).await;
    let ids = |messages: Vec<Message>| -> Vec<String> {
        messages.iter().map(|message| message.msgid().unwrap().to_string()).collect()
    };
    let messages: Vec<_> = client.messages().stream(KF).try_collect().await.unwrap();
    assert_eq!(ids(messages), ["m1", "m2", "m3"]);
    let later: Vec<_> = client.messages().page(KF).cursor("c2").stream().try_collect().await.unwrap();
    assert_eq!(ids(later), ["m3"]);

    post(&server, "sync_msg", asks(Some("d1")), page("d2", 1, &["m1"])).await;
    post(&server, "sync_msg", asks(Some("d2")), page("d1", 1, &["m2"])).await;
    let circle: Vec<_> = client.messages().page(KF).cursor("d1").stream().collect().await;
    let outcomes: Vec<_> = circle.iter().map(|message| message.is_ok()).collect();
    assert_eq!(outcomes, [true, false]);
    assert!(circle[1].as_ref().unwrap_err().to_string().contains("no new cursor"), "{circle:?}");
    assert!(client.messages().stream("").try_collect::<Vec<_>>().await.is_err(), "an empty open_kfid");
}

/// WeCom documents 64 bytes for a cursor and 128 for a callback's token. If it lengthens them, readers must go on.
#[tokio::test]
async fn what_wecom_issued_is_returned_as_it_is_however_long() {
    let (server, client) = server().await;
    let (cursor, token) = ("c".repeat(1000), "t".repeat(1000));
    let body = json!({ "open_kfid": KF, "cursor": cursor, "token": token });
    let mock = post(&server, "sync_msg", body, json!({ "errcode": 0, "next_cursor": cursor })).await;
    let page = client.messages().page(KF).cursor(&cursor).token(&token).await.unwrap();
    assert_eq!(page.next_cursor().map(|cursor| cursor.as_str()), Some(cursor.as_str()));
    let body = json!({ "name": "n", "media_id": cursor });
    let add = post(&server, "account/add", body, json!({ "errcode": 0, "open_kfid": "wk" })).await;
    client.accounts().add("n", &cursor).await.unwrap();
    mock.assert_calls_async(1).await;
    add.assert_calls_async(1).await;
}

#[tokio::test]
async fn any_operation_goes_through_call() {
    let (server, client) = server().await;
    let body = json!({ "open_kfid": KF, "external_userid": CUSTOMER });
    let mock = post(&server, "service_state/get", body, json!({ "errcode": 0, "service_state": 1 })).await;
    let body = wecom_kf::raw::types::GetServiceStateRequest { open_kfid: KF.into(), external_userid: CUSTOMER.into() };
    let reply = client.call(&wecom_kf::raw::op::ServiceStateGet { body }).await.unwrap();
    assert_eq!(reply.service_state, Some(1));
    mock.assert_calls_async(1).await;
}
