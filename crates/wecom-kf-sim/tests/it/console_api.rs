//! What the console needs of the control API.

use std::time::Duration;

use futures_util::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;
use wecom_kf_sim::{Simulator, op};

use crate::bot::Bot;
use crate::control::{Control, check_schema};

async fn with_control() -> (Simulator, Control, Bot) {
    let sim = Simulator::builder().seed(7).manual_clock().servicer("zhangsan").servicer("lisi").start().await.unwrap();
    let (control, bot) = (Control::of(&sim), Bot::of(&sim).await);
    (sim, control, bot)
}

async fn add(control: &Control, name: &str) -> (Value, String) {
    let customer = control.post("/customers", json!({ "name": name })).await;
    let id = customer["external_userid"].as_str().unwrap().to_owned();
    (customer, id)
}

#[tokio::test]
async fn the_state_has_everything_at_a_glance() {
    let (sim, control, bot) = with_control().await;
    let (customer, id) = add(&control, "小王").await;
    assert_eq!(customer["session"]["state"], 4);
    assert_eq!(customer["last"], Value::Null);
    control.post(&format!("/customers/{id}/enter"), json!({ "scene": "poster" })).await;
    control.post(&format!("/customers/{id}/messages"), json!({ "msgtype": "text", "text": "你好" })).await;
    let wang = sim.customer("小王");
    bot.ok(op::SEND_MSG, bot.text(&wang, "您好")).await;
    sim.advance(Duration::from_secs(10));

    let state = control.get("/state").await;
    assert_eq!(state["corp_id"], sim.corp_id());
    assert_eq!(state["calls"], 2);
    assert_eq!(state["clock"]["manual"], true);
    assert_eq!(state["clock"]["advanced_s"], 10);
    assert_eq!(state["token"]["status"], "valid");
    assert_eq!(state["token"]["left_s"], 7190);
    assert_eq!(state["token"]["gettoken_calls"], 1);
    let customer = &state["customers"][0];
    let session = &customer["session"];
    assert_eq!((&session["state"], &session["sent"], &session["sent_max"]), (&json!(1), &json!(1), &json!(5)));
    assert_eq!(session["window_left_s"], 48 * 3600 - 10);
    assert_eq!(session["codes"][0]["occasion"], "welcome");
    assert_eq!(session["codes"][0]["left_s"], 10);
    assert_eq!(customer["last"]["text"], "您好");
    assert_eq!(customer["unread"], 1);
    assert_eq!(control.post(&format!("/customers/{id}/read"), json!({})).await["unread"], 0);
    let lisi = json!({
        "userid": "lisi", "receiving": true, "suspended": false, "open_kfids": [sim.open_kfid()], "sessions": 0,
    });
    assert_eq!(state["servicers"][0], lisi);
    assert_eq!(state["corp"], control.get("/corp").await);

    let info = control.get("/info").await;
    assert_eq!((&info["seed"], &info["strictness"]), (&json!("7"), &json!("strict")));
    assert_eq!(info["operations"].as_array().unwrap().len(), op::ALL.len());
    assert_eq!(info["vars"][1], json!({ "name": "WECOM_KF_SECRET", "value": sim.secret() }));
    assert!(!state.to_string().contains(&bot.access_token[..20]));
}

#[tokio::test]
async fn customers_write_every_kind_tap_recall_and_are_renamed() {
    let (sim, control, bot) = with_control().await;
    let (_, id) = add(&control, "小王").await;
    let messages = format!("/customers/{id}/messages");
    for msgtype in ["image", "voice", "video", "file"] {
        let written = control.post(&messages, json!({ "msgtype": msgtype })).await;
        assert_eq!(written["customer"]["last"]["text"], format!("[{msgtype}]"));
    }
    control.post(&messages, json!({ "msgtype": "location", "location": { "latitude": 1.5, "longitude": 2 } })).await;
    control.post(&messages, json!({ "msgtype": "of_tomorrow", "of_tomorrow": { "x": [1] } })).await;
    let text = control.post(&messages, json!({ "msgtype": "text", "text": { "content": "错字" } })).await;

    let recalled = json!({ "msgid": text["msgid"] });
    control.post(&format!("/customers/{id}/recall"), recalled.clone()).await;
    let (status, why) = control.refused(Method::POST, &format!("/customers/{id}/recall"), Some(recalled)).await;
    assert_eq!((status, why.contains("recalled already")), (409, true));

    let page = bot.ok(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
    let list = page["msg_list"].as_array().unwrap();
    assert_eq!(list.len(), 8);
    assert!(list[0]["image"]["media_id"].is_string());
    assert_eq!(list[5]["of_tomorrow"], json!({ "x": [1] }));
    assert_eq!(list[7]["event"]["event_type"], "user_recall_msg");
    assert_eq!(list[7]["event"]["recall_msgid"], text["msgid"]);
    let media = format!("/media/{}", list[0]["image"]["media_id"].as_str().unwrap());
    let file = control.request(Method::GET, &media).send().await.unwrap();
    assert_eq!((file.status().as_u16(), file.headers()["x-content-type-options"].to_str().unwrap()), (200, "nosniff"));

    let taps = format!("/customers/{id}/taps");
    let (status, _) = control.refused(Method::POST, &taps, Some(json!({ "menu_id": "hours" }))).await;
    assert_eq!(status, 409);
    let menu = json!({ "list": [{ "type": "click", "click": { "id": "hours", "content": "营业时间" } }] });
    bot.ok(op::SEND_MSG, bot.message(&sim.customer("小王"), "msgmenu", menu)).await;
    let tapped = control.post(&taps, json!({ "menu_id": "hours" })).await;
    assert_eq!(tapped["customer"]["last"]["text"], "营业时间");

    assert_eq!(control.patch(&format!("/customers/{id}"), json!({ "name": "王总" })).await["name"], "王总");
    assert_eq!(control.get("/customers").await["customers"][0]["name"], "王总");
    assert_eq!(control.get(&format!("/customers/{id}")).await["external_userid"], id);
}

#[tokio::test]
async fn files_are_put_there_sent_and_too_large_ones_come_as_a_text() {
    let (sim, control, bot) = with_control().await;
    let (_, id) = add(&control, "小王").await;
    let put = async |query: &str, bytes: Vec<u8>| {
        let request = control.request(Method::POST, &format!("/media?{query}"));
        let reply = request.header("content-type", "application/octet-stream").body(bytes).send().await.unwrap();
        let (status, reply) = (reply.status().as_u16(), reply.json::<Value>().await.unwrap());
        crate::control::check(&Method::POST, "/media", status, &reply);
        (status, reply)
    };
    let (_, contract) = put("type=file&filename=合同.pdf", b"%PDF-1.7".to_vec()).await;
    let (_, film) = put("type=video", vec![7; 10 * 1024 * 1024 + 1]).await;
    assert_eq!(put("type=thumb", vec![7]).await.0, 400);
    assert_eq!(put("typ=file", vec![7]).await.0, 400);
    assert_eq!(control.refused(Method::POST, "/media?type=file", Some(json!({}))).await.0, 415);

    let messages = format!("/customers/{id}/messages");
    control.post(&messages, json!({ "msgtype": "file", "file": contract })).await;
    let written = control.post(&messages, json!({ "msgtype": "video", "video": film })).await;
    assert!(written["customer"]["last"]["text"].as_str().unwrap().contains("too large"), "{written}");
    for (msgtype, media_id) in [("file", "unknown"), ("image", contract["media_id"].as_str().unwrap())] {
        let message = json!({ "msgtype": msgtype, msgtype: { "media_id": media_id } });
        assert_eq!(control.refused(Method::POST, &messages, Some(message)).await.0, 409, "{msgtype}");
    }
    for msgtype in ["image", "voice", "video", "file"] {
        control.post(&messages, json!({ "msgtype": msgtype })).await;
    }

    let page = bot.ok(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
    let list = page["msg_list"].as_array().unwrap();
    assert_eq!(list.len(), 6);
    // What is made up is of its kind: it could have been uploaded.
    for message in &list[2..] {
        let msgtype = message["msgtype"].as_str().unwrap();
        let media = sim.media(message[msgtype]["media_id"].as_str().unwrap()).unwrap();
        assert_eq!(media.kind.as_str(), msgtype);
        let part = reqwest::multipart::Part::bytes(media.bytes.to_vec()).file_name(media.file_name);
        let form = reqwest::multipart::Form::new().part("media", part.mime_str("application/octet-stream").unwrap());
        let upload = bot.request(op::MEDIA_UPLOAD, "").query(&[("type", msgtype)]).multipart(form);
        assert_eq!(upload.send().await.unwrap().json::<Value>().await.unwrap()["errcode"], 0, "{msgtype}");
    }

    let media_id = contract["media_id"].as_str().unwrap();
    let query = [("access_token", bot.access_token.as_str()), ("media_id", media_id)];
    let file = bot.http.get(bot.url(op::MEDIA_GET)).query(&query).header("range", "bytes=0-3").send().await.unwrap();
    assert_eq!(file.bytes().await.unwrap(), "%PDF");
    let rows = control.get("/journal?limit=5").await["entries"].clone();
    let upload = &rows[3];
    assert_eq!((&upload["operation"], &upload["verdict"]["ok"]), (&json!("media_upload"), &json!(true)));
    assert_eq!(upload["request"], json!({ "type": "file", "filename": "file.txt", "bytes": 13 }));
    assert_eq!(upload["reply"]["type"], "file");
    let get = &rows[4];
    assert_eq!((&get["operation"], &get["status"]), (&json!("media_get"), &json!(206)));
    assert_eq!(get["request"], json!({ "media_id": media_id, "Range": "bytes=0-3" }));
    let shown = json!({ "content_type": "application/octet-stream", "filename": "合同.pdf", "bytes": 4 });
    assert_eq!(get["reply"], shown);
    let broken = bot.request(op::MEDIA_UPLOAD, "no parts").query(&[("type", "file")]).send().await.unwrap();
    assert_eq!(broken.json::<Value>().await.unwrap()["errcode"], 44001);
    let row = control.get("/journal?limit=1").await["entries"][0].clone();
    assert_eq!((&row["verdict"]["ok"], &row["request"]), (&json!(false), &json!({ "type": "file", "bytes": 8 })));
}

#[tokio::test]
async fn customers_come_in_by_a_scene_by_a_link_or_from_channels() {
    let (sim, control, bot) = with_control().await;
    let (_, id) = add(&control, "小王").await;
    let enter = format!("/customers/{id}/enter");
    let way = bot.ok(op::ADD_CONTACT_WAY, json!({ "open_kfid": sim.open_kfid(), "scene": "poster" })).await;
    let shown = json!({ "url": way["url"], "open_kfid": sim.open_kfid(), "scene": "poster" });
    assert_eq!(control.get("/contact_ways").await, json!({ "contact_ways": [shown] }));
    let url = format!("{}&scene_param=a%3D1", way["url"].as_str().unwrap());
    let by_link = control.post(&enter, json!({ "url": url })).await;
    assert_eq!(by_link["welcome_code"].as_str().unwrap().len(), 43);
    control.post(&enter, json!({ "channels": { "scene": 4, "nickname": "小店" } })).await;
    control.post(&enter, json!({ "scene": "footer", "scene_param": "b" })).await;
    control.post(&enter, json!({})).await;
    let page = bot.ok(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
    let told = page["msg_list"].as_array().unwrap().iter().map(|message| {
        let event = &message["event"];
        (event["scene"].clone(), event["scene_param"].clone(), event["wechat_channels"]["shop_nickname"].clone())
    });
    let expected = [
        (json!("poster"), json!("a=1"), json!(null)),
        (json!(""), json!(null), json!("小店")),
        (json!("footer"), json!("b"), json!(null)),
        (json!(""), json!(null), json!(null)),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    // The chat knows the same.
    let chat = control.get(&format!("/customers/{id}/chat")).await;
    let noted = chat["entries"].as_array().unwrap().iter().map(|entry| {
        let note = &entry["body"];
        (note["scene"].clone(), note["scene_param"].clone(), note["wechat_channels"]["shop_nickname"].clone())
    });
    assert_eq!(noted.collect::<Vec<_>>(), expected);

    for (body, status) in [
        (json!({ "url": "https://work.weixin.qq.com/kf/kfc?enc_scene=ENC" }), 409),
        (json!({ "url": url, "scene": "poster" }), 400),
        (json!({ "scene": "x".repeat(33) }), 400),
        (json!({ "scene_param": "x".repeat(129) }), 400),
        (json!({ "channels": { "scene": 1 } }), 400),
    ] {
        assert_eq!(control.refused(Method::POST, &enter, Some(body.clone())).await.0, status, "{body}");
    }
}

#[tokio::test]
async fn a_servicer_serves_accounts_and_may_be_suspended() {
    let (sim, control, bot) = with_control().await;
    let (_, id) = add(&control, "小王").await;
    let added = bot.ok(op::ACCOUNT_ADD, json!({ "name": "售后", "media_id": sim.media_id() })).await;
    let granted = control.post("/accounts", json!({ "name": "三店" })).await;
    let [by_api, by_console] = [&added, &granted].map(|account| account["open_kfid"].as_str().unwrap());
    let lisi = control.get("/servicers").await["servicers"][0].clone();
    assert_eq!(lisi["open_kfids"], json!([sim.open_kfid(), by_console]));

    let suspended = control.put("/servicers/lisi", json!({ "suspended": true, "open_kfids": [by_api] })).await;
    let expected = json!({
        "userid": "lisi", "receiving": false, "suspended": true, "open_kfids": [by_api], "sessions": 0,
    });
    assert_eq!(suspended, expected);
    assert_eq!(
        control.refused(Method::PUT, "/servicers/lisi", Some(json!({ "open_kfids": ["wkNobody"] }))).await.0,
        404
    );
    let take = format!("/sessions/{}/{id}/take", sim.open_kfid());
    let (status, why) = control.refused(Method::POST, &take, Some(json!({ "servicer_userid": "lisi" }))).await;
    assert_eq!((status, why.contains("PUT /sim/v1/servicers/lisi")), (409, true));

    sim.department(3, &["lisi"]);
    bot.ok(op::SERVICER_ADD, json!({ "open_kfid": sim.open_kfid(), "department_id_list": [3] })).await;
    let lisi = control.get("/servicers").await["servicers"][0].clone();
    assert_eq!(lisi["open_kfids"], json!([sim.open_kfid(), by_api]));
    control.post(&take, json!({ "servicer_userid": "lisi" })).await;
    let page = bot.ok(op::SYNC_MSG, json!({ "open_kfid": by_api })).await;
    let event = &page["msg_list"][0]["event"];
    assert_eq!((&event["status"], &event["stop_type"]), (&json!(2), &json!(1)));
}

#[tokio::test]
async fn upgrades_ratings_profiles_departments_and_the_corp_are_played_too() {
    let (sim, control, bot) = with_control().await;
    let (_, id) = add(&control, "小王").await;
    let session = |what: &str| format!("/sessions/{}/{id}/{what}", sim.open_kfid());
    control.post(&format!("/customers/{id}/messages"), json!({ "msgtype": "text", "text": "你好" })).await;
    let changed =
        control.patch(&format!("/customers/{id}"), json!({ "gender": 2, "avatar": "", "unionid": "u1" })).await;
    assert_eq!(changed["profile"], json!({ "gender": 2, "avatar": null, "unionid": "u1" }));
    assert_eq!(control.refused(Method::PATCH, &format!("/customers/{id}"), Some(json!({ "gender": 3 }))).await.0, 400);
    let known =
        bot.ok(op::CUSTOMER_BATCHGET, json!({ "external_userid_list": [id] })).await["customer_list"][0].clone();
    let expected = json!({ "external_userid": id, "nickname": "小王", "gender": 2, "unionid": "u1" });
    assert_eq!(known, expected);

    let departments = control.post("/departments", json!({ "department_id": 7, "userids": ["wangwu"] })).await;
    assert_eq!(departments, json!({ "departments": [{ "department_id": 7, "userids": ["wangwu"] }] }));
    assert_eq!(control.get("/departments").await, departments);
    let offer = json!({
        "open_kfid": sim.open_kfid(), "external_userid": id, "type": 1, "member": { "userid": "wangwu", "wording": "您好" },
    });
    let upgrade = format!("/customers/{id}/upgrade");
    assert_eq!(control.refused(Method::POST, &upgrade, Some(json!({}))).await.0, 409);
    let refused = bot.errcode(op::UPGRADE_SERVICE, offer.clone()).await;
    let corp = control.patch("/corp", json!({ "upgrade": { "department_ids": [7] } })).await;
    let range = json!({ "userids": [], "department_ids": [7], "chat_ids": [], "managed_in_console": false });
    let departments = &departments["departments"];
    assert_eq!(corp, json!({ "upgrade": range, "wechat_channels_bound": false, "departments": departments }));
    bot.ok(op::UPGRADE_SERVICE, offer.clone()).await;
    let taken = control.post(&upgrade, json!({})).await;
    let expected = json!({ "type": "member", "id": "wangwu", "wording": "您好", "accepted": true });
    assert_eq!(taken["upgrade_offer"], expected);
    assert_eq!(control.refused(Method::POST, &upgrade, Some(json!({}))).await.0, 409);
    control.patch("/corp", json!({ "upgrade": { "managed_in_console": true }, "wechat_channels_bound": true })).await;
    assert_eq!((refused, bot.errcode(op::UPGRADE_SERVICE, offer).await), (95021, 95015));
    assert_eq!(control.get("/corp").await["wechat_channels_bound"], true);

    let by = json!({ "servicer_userid": "zhangsan" });
    assert_eq!(control.refused(Method::POST, &session("rating"), Some(by.clone())).await.0, 409, "it is not theirs");
    control.post(&session("take"), by.clone()).await;
    assert_eq!(control.post(&session("rating"), by).await["asked_to_rate_by"], "zhangsan");
    let (rating, satisfied) = (format!("/customers/{id}/rating"), json!({ "rating": "satisfied" }));
    assert_eq!(control.refused(Method::POST, &rating, Some(json!({ "rating": "best" }))).await.0, 400);
    assert_eq!(control.post(&rating, satisfied.clone()).await["asked_to_rate_by"], json!(null));
    assert_eq!(control.refused(Method::POST, &rating, Some(satisfied)).await.0, 409);
    sim.advance(Duration::from_secs(2 * 24 * 3600));
    let bot = Bot { access_token: Bot::of(&sim).await.access_token, ..bot };
    let day = sim.now() - 2 * 24 * 3600;
    let asked = json!({ "open_kfid": sim.open_kfid(), "start_time": day, "end_time": day });
    let figures = bot.ok(op::GET_SERVICER_STATISTIC, asked).await["statistic_list"][0]["statistic"].clone();
    assert_eq!(figures["satisfied_rate"], 1, "{figures}");

    let chat = control.get(&format!("/customers/{id}/chat")).await;
    let told: Vec<_> =
        chat["entries"].as_array().unwrap().iter().filter_map(|entry| entry["body"]["event"].as_str()).collect();
    assert_eq!(told, ["offered", "accepted", "taken", "asked_to_rate", "rated"]);
    let (offered, rated) = (&chat["entries"][1]["body"], &chat["entries"][5]["body"]);
    assert_eq!(
        (&offered["type"], &offered["id"], &offered["wording"]),
        (&json!("member"), &json!("wangwu"), &json!("您好"))
    );
    assert_eq!(rated["rating"], "satisfied");
}

#[tokio::test]
async fn servicers_take_reply_transfer_end_stop_and_resume() {
    let (sim, control, bot) = with_control().await;
    let (_, id) = add(&control, "小王").await;
    let session = |what: &str| format!("/sessions/{}/{id}/{what}", sim.open_kfid());
    let (status, _) = control.refused(Method::POST, &session("end"), Some(json!({}))).await;
    assert_eq!(status, 409, "nobody has it");
    control.post(&format!("/customers/{id}/messages"), json!({ "msgtype": "text", "text": "人工" })).await;
    let taken = control.post(&session("take"), json!({ "servicer_userid": "zhangsan" })).await;
    assert_eq!((&taken["session"]["state"], &taken["session"]["servicer_userid"]), (&json!(3), &json!("zhangsan")));
    let replied = control.post(&session("reply"), json!({ "msgtype": "text", "text": "您好" })).await;
    assert_eq!(replied["customer"]["unread"], 1);
    control.post(&session("recall"), json!({ "msgid": replied["msgid"] })).await;
    let (status, why) = control.refused(Method::POST, &session("transfer"), Some(json!({ "to": "nobody" }))).await;
    assert_eq!((status, why.as_str()), (409, "nobody is not a servicer of this account"));
    assert_eq!(control.put("/servicers/lisi", json!({ "receiving": false })).await["receiving"], false);
    let (status, _) = control.refused(Method::POST, &session("transfer"), Some(json!({ "to": "lisi" }))).await;
    assert_eq!(status, 409);
    assert_eq!(control.put("/servicers/lisi", json!({})).await["receiving"], true);
    control.post(&session("transfer"), json!({ "to": "lisi" })).await;
    assert_eq!(control.get("/servicers").await["servicers"][0]["sessions"], 1);
    let rejecting = json!({ "servicer_userid": "lisi", "rejecting": true });
    assert_eq!(control.post(&session("reject"), rejecting).await["session"]["rejecting"], true);
    assert_eq!(control.post(&session("end"), json!({})).await["session"]["state"], 4);
    let (status, _) = control.refused(Method::POST, &session("take"), Some(json!({ "servicer_userid": "who" }))).await;
    assert_eq!(status, 404);

    let page = bot.ok(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
    let events = page["msg_list"].as_array().unwrap().iter().filter(|message| message["msgtype"] == "event");
    let events: Vec<_> = events.map(|message| message["event"]["event_type"].as_str().unwrap()).collect();
    let expected = [
        "session_status_change",
        "servicer_recall_msg",
        "servicer_status_change",
        "servicer_status_change",
        "session_status_change",
        "reject_customer_msg_switch_change",
        "session_status_change",
    ];
    assert_eq!(events, expected);
    let chat = control.get(&format!("/customers/{id}/chat")).await;
    let told: Vec<_> =
        chat["entries"].as_array().unwrap().iter().filter_map(|entry| entry["body"]["event"].as_str()).collect();
    assert_eq!(told, ["taken", "recalled", "transferred", "rejecting", "ended"]);
}

#[tokio::test]
async fn chat_and_journal_can_be_waited_for() {
    let (sim, control, bot) = with_control().await;
    let (_, id) = add(&control, "小王").await;
    control.post(&format!("/customers/{id}/messages"), json!({ "msgtype": "text", "text": "在吗" })).await;
    let wang = sim.customer("小王");
    let chat_path = format!("/customers/{id}/chat?wait=60s");
    let send = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        bot.ok(op::SEND_MSG, bot.text(&wang, "在")).await
    };
    let (chat, journal, _) =
        tokio::join!(control.get(&chat_path), control.get("/journal?op=send_msg&errcode=0&count=1&wait=60s"), send,);
    assert_eq!((&chat["complete"], &journal["complete"]), (&json!(true), &json!(true)));
    let answer = &chat["entries"][1];
    assert_eq!((&answer["from"], &answer["via"]), (&json!("bot"), &json!("send_msg")));
    assert_eq!(answer["call"], journal["entries"][0]["n"]);
    assert_eq!(journal["entries"][0]["customer"], id);

    let started = Instant::now();
    let late = control.get("/journal?op=recall_msg&wait=200ms").await;
    assert_eq!((&late["complete"], late["entries"].as_array().unwrap().len()), (&json!(false), 0));
    assert!(started.elapsed() >= Duration::from_millis(200));

    assert_eq!(control.get(&format!("/journal?customer={id}")).await["entries"].as_array().unwrap().len(), 1);
    assert_eq!(control.get("/journal?after=1").await["entries"][0]["n"], 2);
    assert_eq!(control.get("/journal?limit=1").await["entries"][0]["operation"], "send_msg");
    assert_eq!(control.get("/journal/1").await["operation"], "gettoken");
    for bad in [
        "/journal?operation=x",
        "/journal?errcode=x",
        "/journal?wait=5",
        "/journal?wait=2m",
        "/journal?kind=x",
        "/journal?finding=x",
        "/journal?count=0",
    ] {
        assert_eq!(control.refused(Method::GET, bad, None).await.0, 400, "{bad}");
    }
    assert_eq!(control.refused(Method::GET, "/journal/99", None).await.0, 404);
}

#[tokio::test]
async fn a_chat_is_that_of_the_last_three_days() {
    let (_sim, control, _bot) = with_control().await;
    let (_, id) = add(&control, "小王").await;
    control.post(&format!("/customers/{id}/messages"), json!({ "msgtype": "text", "text": "你好" })).await;
    let entries = async |advance| {
        control.post("/clock", json!({ "advance": advance })).await;
        control.get(&format!("/customers/{id}/chat")).await["entries"].as_array().unwrap().len()
    };
    let at_first = entries("0s").await;
    assert!(at_first > 0);
    assert_eq!((entries("72h").await, entries("1s").await), (at_first, 0));
}

#[tokio::test]
async fn a_row_has_request_reply_verdict_and_what_to_do() {
    let (_sim, control, bot) = with_control().await;
    bot.errcode(op::ACCOUNT_LIST, json!({ "limit": 5, "ofset": 1 })).await;
    let row = control.get("/journal/2").await;
    assert_eq!(row["request"], json!({ "limit": 5, "ofset": 1 }));
    assert_eq!(row["reply"]["errcode"], 40058);
    assert_eq!(row["verdict"]["ok"], false);
    assert_eq!(row["verdict"]["problems"].as_array().unwrap().len(), 1);
    assert_eq!(row["findings"], json!(["unknown_field"]));
    assert!(row["hint"]["en"].as_str().unwrap().len() > 10 && row["hint"]["zh"].as_str().unwrap().len() > 10);
    assert_eq!(row["took_ms"], 0);
    let first = control.get("/journal/1").await;
    assert_eq!((&first["reply"]["access_token"], &first["hint"]), (&json!("***"), &Value::Null));
}

#[tokio::test]
async fn clock_tokens_and_assumptions_are_set() {
    let (sim, control, bot) = with_control().await;
    let before = control.get("/clock").await["now"].as_u64().unwrap();
    let clock = control.post("/clock", json!({ "advance": "49h" })).await;
    assert_eq!(clock["now"], before + 49 * 3600);
    assert_eq!(control.post("/clock", json!({ "manual": false })).await["manual"], false);
    assert_eq!(control.post("/clock", json!({ "manual": true, "advance": "1s" })).await["manual"], true);
    assert_eq!(control.refused(Method::POST, "/clock", Some(json!({ "advance": "1 day" }))).await.0, 400);
    assert_eq!(bot.errcode(op::ACCOUNT_LIST, json!({})).await, 42001);

    let bot = Bot::of(&sim).await;
    assert_eq!(control.post("/tokens/revoke", json!({})).await["status"], "revoked");
    assert_eq!(bot.errcode(op::ACCOUNT_LIST, json!({})).await, 40014);
    let bot = Bot::of(&sim).await;
    let switched = control.put("/assumptions/expired_token_is_42001", json!({ "holds": false })).await;
    assert_eq!((&switched["holds"], &switched["switchable"]), (&json!(false), &json!(true)));
    assert_eq!(control.post("/tokens/expire", json!({})).await["status"], "expired");
    assert_eq!(bot.errcode(op::ACCOUNT_LIST, json!({})).await, 40014);
    let assumptions = control.get("/assumptions").await;
    let fixed = assumptions["assumptions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|assumption| assumption["switchable"] == false)
        .unwrap();
    let path = format!("/assumptions/{}", fixed["id"].as_str().unwrap());
    assert_eq!(control.refused(Method::PUT, &path, Some(json!({ "holds": false }))).await.0, 409);
    assert_eq!(control.refused(Method::PUT, "/assumptions/none", Some(json!({ "holds": false }))).await.0, 404);
}

#[tokio::test]
async fn a_script_of_faults_is_followed() {
    let (sim, control, bot) = with_control().await;
    let script = json!({ "script": [
        { "operation": "account_list", "effect": "errcode", "errcode": -1, "times": 2 },
        { "operation": "account_list", "effect": "pass" },
        { "operation": "*", "effect": "rate_limited", "window": "60s" },
    ]});
    let added = control.post("/faults", script).await;
    assert_eq!(added["faults"].as_array().unwrap().len(), 3);
    let list = || bot.errcode(op::ACCOUNT_LIST, json!({}));
    assert_eq!([list().await, list().await, list().await, list().await, list().await], [-1, -1, 0, 45009, 45009]);
    sim.advance(Duration::from_secs(61));
    assert_eq!(list().await, 0);
    let faults = control.get("/faults").await;
    assert_eq!(faults["faults"][0]["hits"], 2);
    assert_eq!(faults["faults"][0]["active"], false);
    let id = &faults["faults"][0]["id"];
    assert_eq!(control.delete(&format!("/faults/{id}")).await["faults"].as_array().unwrap().len(), 2);
    assert_eq!(control.refused(Method::DELETE, "/faults/99", None).await.0, 404);
    assert_eq!(control.delete("/faults").await, json!({ "faults": [] }));

    for bad in [
        json!({ "operation": "send_msg", "effect": "errcode" }),
        json!({ "operation": "send_message", "effect": "html" }),
        json!({ "operation": "send_msg", "effect": "lost" }),
        json!({ "operation": "callback", "effect": "html" }),
        json!({ "operation": "send_msg", "effect": "explode" }),
        json!({ "operation": "send_msg", "effect": "html", "times": 0 }),
        json!({ "operation": "send_msg", "effect": "html", "probability": 2 }),
        json!({ "operation": "send_msg", "effect": "html", "always": true, "times": 2 }),
        json!({ "operation": "send_msg", "effect": "delay", "delay": "1h" }),
        json!({ "operation": "send_msg", "effect": "status", "status": 199 }),
        json!({ "operation": "send_msg", "effect": "content_type", "content_type": "text/plain\r\nX: y" }),
        json!({ "operation": "sync_msg", "effect": "msg_send_fail" }),
        json!({ "operation": "send_msg", "effect": "errcode", "errcode": -1, "delay": "2s" }),
        json!({ "operation": "callback", "effect": "lost", "delay": "2s" }),
        json!({ "operation": "send_msg", "effect": "html", "tims": 2 }),
        json!({ "script": [] }),
        json!({ "script": [{ "operation": "*", "effect": "pass" }, { "operation": "x", "effect": "pass" }] }),
        json!({ "operation": "send_msg", "effect": "html", "times": null }),
        json!([]),
    ] {
        assert_eq!(control.refused(Method::POST, "/faults", Some(bad.clone())).await.0, 400, "{bad}");
    }
    assert_eq!(control.get("/faults").await, json!({ "faults": [] }), "a script is added whole or not at all");
}

#[tokio::test]
async fn a_reset_leaves_what_there_was_at_the_start() {
    let (sim, control, bot) = with_control().await;
    let (_, id) = add(&control, "小王").await;
    let wang = sim.customer("小王");
    wang.says("你好");
    sim.fault(op::SEND_MSG).html().always();
    sim.advance(Duration::from_secs(60));
    bot.call(op::ACCOUNT_ADD, json!({ "name": "二", "media_id": sim.media_id() })).await;
    let (corp_id, open_kfid, now) = (sim.corp_id(), sim.open_kfid(), sim.now());
    let state = control.post("/reset", json!({})).await;
    assert_eq!((&state["corp_id"], state["accounts"].as_array().unwrap().len()), (&json!(corp_id), 1));
    assert_eq!((sim.open_kfid(), sim.now()), (open_kfid, now - 60));
    for empty in ["customers", "faults", "findings"] {
        assert_eq!(state[empty], json!([]), "{empty}");
    }
    assert_eq!((&state["calls"], &state["token"]["status"]), (&json!(0), &json!("none")));
    assert_eq!(state["servicers"].as_array().unwrap().len(), 2);
    assert_eq!(control.get("/journal").await["entries"], json!([]));
    assert_eq!(bot.errcode(op::ACCOUNT_LIST, json!({})).await, 40014);
    // A handle from before is of no harm.
    assert_eq!((wang.state(), wang.external_userid()), (4, id.as_str()));
    wang.says("又来");
    assert_eq!(sim.customer("小王").external_userid(), id);
}

#[tokio::test]
async fn a_reset_forgets_files_links_members_settings_and_knowledge() {
    let sim = Simulator::builder().seed(7).servicer("zhangsan").start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let way = bot.ok(op::ADD_CONTACT_WAY, json!({ "open_kfid": sim.open_kfid() })).await;
    bot.ok(op::KNOWLEDGE_ADD_GROUP, json!({ "name": "售前" })).await;
    let media_id = sim.media_id();
    sim.servicer("zhangsan").suspends();
    sim.department(1, &["lisi"]);
    sim.bind_wechat_channels();
    sim.set_upgrade_groupchats(&["wr1"]);
    let wang = sim.customer("小王");
    wang.says("你好");
    bot.ok(op::SEND_MSG, bot.text(&wang, "您好")).await;

    sim.reset();
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    assert_eq!(sim.media(&media_id), None);
    wang.enters_by(way["url"].as_str().unwrap()).unwrap_err();
    let groups = bot.ok(op::KNOWLEDGE_LIST_GROUP, json!({})).await["group_list"].clone();
    assert_eq!(groups.as_array().unwrap().len(), 1);
    let query = [("access_token", bot.access_token.as_str()), ("open_kfid", &sim.open_kfid())];
    let get = async |operation| {
        let reply = bot.http.get(bot.url(operation)).query(&query).send().await.unwrap();
        reply.json::<Value>().await.unwrap()
    };
    assert_eq!(get(op::SERVICER_LIST).await["servicer_list"], json!([{ "userid": "zhangsan", "status": 0 }]));
    assert_eq!(get(op::GET_UPGRADE_SERVICE_CONFIG).await.get("groupchat_range"), None);
    assert_eq!(get(op::GET_CORP_QUALIFICATION).await["wechat_channels_binding"], false);
    let department = json!({ "open_kfid": sim.open_kfid(), "department_id_list": [1] });
    assert_eq!(bot.ok(op::SERVICER_ADD, department).await["result_list"][0]["errcode"], 60123);
    assert_eq!((wang.heard(), wang.upgrade_offer()), (vec![], None));
    // And it makes the same ids again.
    assert_eq!(sim.media_id(), media_id);
}

#[tokio::test]
async fn strangers_are_kept_out() {
    let (_sim, control, _) = with_control().await;
    let get =
        |name: &'static str, value: &'static str| control.request(Method::GET, "/info").header(name, value).send();
    assert_eq!(get("origin", "http://evil.test").await.unwrap().status(), 403);
    assert_eq!(get("origin", "null").await.unwrap().status(), 403);
    assert_eq!(get("host", "evil.test").await.unwrap().status(), 403);
    let post = |content_type: &'static str, body: &'static str| {
        control.request(Method::POST, "/reset").header("content-type", content_type).body(body).send()
    };
    assert_eq!(post("text/plain", "{}").await.unwrap().status(), 415);
    assert_eq!(post("application/x-www-form-urlencoded", "a=b").await.unwrap().status(), 415);
    assert_eq!(control.request(Method::POST, "/customers").send().await.unwrap().status(), 415);
    assert_eq!(post("application/json", "{").await.unwrap().status(), 400);
    assert_eq!(post("application/json", r#"{"x":1}"#).await.unwrap().status(), 400);
    assert_eq!(post("application/json", "[]").await.unwrap().status(), 400);
    assert_eq!(post("application/json; charset=utf-8", "{}").await.unwrap().status(), 200);
    let large = format!("\"{}\"", "x".repeat(1024 * 1024));
    let large = control.request(Method::POST, "/reset").header("content-type", "application/json").body(large);
    assert_eq!(large.send().await.unwrap().status(), 413);
    let unknown = control.request(Method::GET, "/nothing").send().await.unwrap();
    assert_eq!(unknown.status(), 404);
    let wrong = control.request(Method::DELETE, "/info").send().await.unwrap();
    assert_eq!(wrong.status(), 405);
    assert!(wrong.json::<Value>().await.unwrap()["error"].is_string());
    let reply = control.request(Method::GET, "/info").send().await.unwrap();
    assert!(!reply.headers().keys().any(|name| name.as_str().starts_with("access-control")));
    assert_eq!(
        control.request(Method::GET, "/openapi.yaml").send().await.unwrap().headers()["content-type"],
        "application/yaml"
    );
}

/// Events as they are streamed.
struct Events(std::pin::Pin<Box<dyn futures_util::Stream<Item = reqwest::Result<bytes::Bytes>>>>, String);

impl Events {
    async fn open(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self(Box::pin(response.bytes_stream()), String::new())
    }

    async fn next(&mut self) -> (u64, String, Value) {
        loop {
            if let Some((event, rest)) = self.1.split_once("\n\n") {
                let field = |name: &str| {
                    event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{event}")).trim()
                };
                let event = (
                    field("id:").parse().unwrap(),
                    field("event:").to_owned(),
                    serde_json::from_str(field("data:")).unwrap(),
                );
                self.1 = rest.to_owned();
                return event;
            }
            let chunk =
                tokio::time::timeout(Duration::from_secs(60), self.0.next()).await.expect("no event").unwrap().unwrap();
            self.1.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn take(&mut self, count: usize) -> Vec<(u64, String, Value)> {
        let mut events = Vec::new();
        for _ in 0..count {
            events.push(self.next().await);
        }
        events
    }
}

#[tokio::test]
async fn what_changes_is_streamed_numbered_and_resumed() {
    let (sim, control, bot) = with_control().await;
    let after = control.get("/state").await["event"].as_u64().unwrap();
    let mut events = Events::open(control.request(Method::GET, &format!("/events?after={after}"))).await;
    let wang = sim.customer("小王");
    wang.says("你好");
    bot.ok(op::SEND_MSG, bot.text(&wang, "您好")).await;
    sim.fault(op::SEND_MSG).errcode(-1);
    sim.bind_wechat_channels();
    bot.errcode(op::ACCOUNT_LIST, json!({ "x": 1 })).await;
    sim.advance(Duration::from_secs(5));

    let mut kinds = Vec::new();
    let mut all = Vec::new();
    while kinds.last().map(String::as_str) != Some("clock") {
        let event = events.next().await;
        kinds.push(event.1.clone());
        all.push(event);
    }
    assert!(all.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1), "{kinds:?}");
    for wanted in ["customer", "chat", "journal", "faults", "finding", "token"] {
        assert!(kinds.iter().any(|kind| kind == wanted), "{wanted}: {kinds:?}");
    }
    let schemas = [
        ("customer", "Customer"),
        ("chat", "ChatEntry"),
        ("journal", "Entry"),
        ("faults", "FaultList"),
        ("finding", "Finding"),
        ("token", "Token"),
        ("clock", "Clock"),
        ("account", "Account"),
        ("servicer", "Servicer"),
        ("corp", "Corp"),
    ];
    for (_, kind, data) in &all {
        let (_, schema) = schemas.iter().find(|(known, _)| known == kind).unwrap();
        check_schema(json!({ "$ref": format!("#/components/schemas/{schema}") }), data, kind);
    }
    let corp = all.iter().rev().find(|(_, kind, _)| kind == "corp").unwrap();
    assert_eq!(corp.2["wechat_channels_bound"], true);
    let answer: Vec<_> = all.iter().filter(|(_, kind, data)| kind == "chat" && data["from"] == "bot").collect();
    assert_eq!(answer.last().unwrap().2["call"], 2, "the row that brought it comes with a second event");

    // A second reader resumes in the middle, and the header goes before the query.
    let middle = all[2].0;
    let request = control.request(Method::GET, "/events?after=0").header("last-event-id", middle.to_string());
    let resumed = Events::open(request).await.take(all.len() - 3).await;
    assert_eq!(resumed, all[3..]);

    control.post("/reset", json!({})).await;
    let mut later = events.next().await;
    while later.1 != "gap" {
        later = events.next().await;
    }
    let mut behind = Events::open(control.request(Method::GET, &format!("/events?after={middle}"))).await;
    assert_eq!(behind.next().await.1, "gap");
}

fn numbers(journal: &Value) -> Vec<u64> {
    journal["entries"].as_array().unwrap().iter().map(|entry| entry["n"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn the_whole_journal_is_searched_in_pages() {
    let (sim, control, bot) = with_control().await;
    let (wang, li) = (sim.customer("小王"), sim.customer("小李"));
    wang.says("周末开门吗");
    li.says("Invoice please");
    // Rows: 1 gettoken, 2 a page with both messages, 3 to 12 lists of accounts, 13 a refused send, 14 a send.
    bot.ok(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
    for _ in 0..10 {
        bot.ok(op::ACCOUNT_LIST, json!({})).await;
    }
    sim.servicer("zhangsan").takes(&wang);
    assert_eq!(bot.errcode(op::SEND_MSG, bot.text(&wang, "您好")).await, 95018);
    bot.ok(op::SEND_MSG, bot.text(&li, "稍等")).await;

    for (query, rows) in [
        // Words of a reply, of a request, names of customers, the number of a row, in any case.
        ("q=invoice", &[2][..]),
        ("q=%E7%A8%8D%E7%AD%89", &[14]),
        ("q=%E5%B0%8F%E7%8E%8B", &[2, 13]),
        ("q=%E5%B0%8F%E7%8E%8B%20SEND_MSG%2095018", &[13]),
        ("q=sent_while_human", &[13]),
        ("q=%2312", &[12]),
        ("q=nothing%20like%20this", &[]),
        ("trouble=true", &[13]),
        ("trouble=true&q=account_list", &[]),
        (&*format!("involves={}", li.external_userid()), &[2, 14]),
        ("before=4", &[1, 2, 3]),
        ("after=4&before=7", &[5, 6]),
    ] {
        let found = control.get(&format!("/journal?{query}")).await;
        assert_eq!((numbers(&found), &found["found"]), (rows.to_vec(), &json!(rows.len())), "{query}");
    }
    let newest = control.get("/journal?q=account_list&limit=3").await;
    assert_eq!((numbers(&newest), &newest["found"], &newest["last"]), (vec![10, 11, 12], &json!(10), &json!(14)));
    let older = control.get("/journal?q=account_list&limit=3&before=10").await;
    assert_eq!((numbers(&older), &older["found"]), (vec![7, 8, 9], &json!(7)));
    let (status, error) = control.refused(Method::GET, "/journal?trouble=maybe", None).await;
    assert_eq!((status, &*error), (400, "`trouble` must be true or false"));
}

#[tokio::test]
async fn rows_come_in_the_order_in_which_they_began() {
    let (sim, control, bot) = with_control().await;
    sim.fault(op::ACCOUNT_LIST).delay(Duration::from_millis(300));
    let (slow, fast) = tokio::join!(bot.ok(op::ACCOUNT_LIST, json!({})), async {
        // The slow call has come once its fault has hit it.
        while control.get("/faults").await["faults"][0]["active"] == true {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bot.ok(op::SERVICER_LIST, json!({ "open_kfid": sim.open_kfid() })).await
    });
    assert_eq!((&slow["errcode"], &fast["errcode"]), (&json!(0), &json!(0)));
    let journal = control.get("/journal").await;
    let rows = journal["entries"].as_array().unwrap();
    let shown: Vec<_> =
        rows.iter().map(|row| (row["operation"].as_str().unwrap(), row["begun"].as_u64().unwrap())).collect();
    assert_eq!(shown, [("gettoken", 1), ("account_list", 2), ("servicer_list", 3)]);
}

#[tokio::test]
async fn a_chat_is_read_in_pages_from_its_end() {
    let (_sim, control, _bot) = with_control().await;
    let (_, id) = add(&control, "小王").await;
    for number in 1..=5 {
        let message = json!({ "msgtype": "text", "text": format!("第 {number} 条") });
        control.post(&format!("/customers/{id}/messages"), message).await;
    }
    for (query, wanted, has_older) in [
        ("", &[1, 2, 3, 4, 5][..], false),
        ("?limit=2", &[4, 5], true),
        ("?limit=2&before=4", &[2, 3], true),
        ("?limit=2&before=2", &[1], false),
        ("?after=1&before=4&limit=2", &[2, 3], false),
    ] {
        let chat = control.get(&format!("/customers/{id}/chat{query}")).await;
        assert_eq!((numbers(&chat), &chat["older"]), (wanted.to_vec(), &json!(has_older)), "{query}");
    }
}

#[tokio::test]
async fn a_fault_keeps_the_label_it_was_given() {
    let (_sim, control, _bot) = with_control().await;
    let new = json!({ "operation": "send_msg", "effect": "errcode", "errcode": -1, "label": "mine" });
    assert_eq!(control.post("/faults", new).await["faults"][0]["label"], "mine");
    control.post("/faults", json!({ "operation": "send_msg", "effect": "html" })).await;
    let faults = control.get("/faults").await;
    assert_eq!((&faults["faults"][0]["label"], &faults["faults"][1]["label"]), (&json!("mine"), &Value::Null));
    let long = json!({ "operation": "*", "effect": "html", "label": "x".repeat(65) });
    assert_eq!(control.refused(Method::POST, "/faults", Some(long)).await.0, 400);
}

#[tokio::test]
async fn what_a_finding_saw_is_said_in_both_languages() {
    let (sim, control, bot) = with_control().await;
    let wang = sim.customer("小王");
    wang.says("在吗");
    sim.servicer("zhangsan").takes(&wang);
    assert_eq!(bot.errcode(op::SEND_MSG, bot.text(&wang, "您好")).await, 95018);
    let proof = &control.get("/report").await["findings"][0]["proof"];
    let expected =
        json!({ "en": "95018: state 3, zhangsan has the session", "zh": "95018：会话状态为 3，由 zhangsan 接待" });
    assert_eq!(*proof, expected);
}
