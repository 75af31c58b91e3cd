//! Several corps at one address.

use std::time::Duration;

use futures_util::StreamExt;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use wecom_kf_sim::{Corp, FindingName, Simulator, StartError, op};

use crate::bot::Bot;
use crate::control::Control;
use crate::receiver::{KEY, Receiver, TOKEN};

/// Two corps, ww1 and ww2: the handle of each.
async fn two() -> (Simulator, Simulator) {
    let other = Corp::new("ww2", "secret-2").account("二店").servicer("lisi");
    let builder = Simulator::builder().seed(7).manual_clock().corp("ww1", "secret-1").servicer("zhangsan");
    let sim = builder.another(other).start().await.unwrap();
    let other = sim.corp("ww2").unwrap();
    (sim, other)
}

fn calls(sim: &Simulator) -> Vec<(&'static str, Option<i32>)> {
    sim.journal().iter().map(|call| (call.operation, call.errcode)).collect()
}

#[tokio::test]
async fn each_corp_is_found_by_its_id() {
    let (first, second) = two().await;
    assert_eq!((first.corp_id(), first.secret()), ("ww1".to_owned(), "secret-1".to_owned()));
    assert_eq!((second.corp_id(), second.secret()), ("ww2".to_owned(), "secret-2".to_owned()));
    assert_eq!(first.base_url(), second.base_url());
    let ids: Vec<_> = second.corps().iter().map(Simulator::corp_id).collect();
    assert_eq!(ids, ["ww1", "ww2"]);
    assert_eq!(second.corp("ww1").unwrap().open_kfid(), first.open_kfid());
    assert!(first.corp("ww3").is_none());
    let state = Control::of(&first).get("/state?corp_id=ww2").await;
    let shown = (&state["corp_id"], &state["accounts"][0]["name"], &state["servicers"][0]["userid"]);
    assert_eq!(shown, (&json!("ww2"), &json!("二店"), &json!("lisi")));
}

#[tokio::test]
async fn tokens_and_messages_of_two_corps_do_not_mix() {
    let (first, second) = two().await;
    let (one, other) = (Bot::of(&first).await, Bot::of(&second).await);
    assert_ne!(one.access_token, other.access_token);
    first.customer("小王").says("给一店");
    second.customer("小王").says("给二店");
    second.customer("小王").says("还给二店");
    let texts = async |bot: &Bot, sim: &Simulator| {
        let page = bot.ok(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
        page["msg_list"]
            .as_array()
            .unwrap()
            .iter()
            .map(|message| message["text"]["content"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(texts(&one, &first).await, ["给一店"]);
    assert_eq!(texts(&other, &second).await, ["给二店", "还给二店"]);
    let listed = other.ok(op::ACCOUNT_LIST, json!({})).await["account_list"].clone();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["name"]), (1, &json!("二店")));

    other.ok(op::SEND_MSG, other.text(&second.customer("小王"), "二店的回答")).await;
    assert_eq!(second.customer("小王").hears().await.unwrap().text(), Some("二店的回答"));
    assert_eq!((first.calls(op::SEND_MSG), second.calls(op::SEND_MSG)), (0, 1));
    assert_eq!((first.requests(), second.requests()), (2, 4));
}

#[tokio::test]
async fn gettoken_is_answered_by_the_corp_whose_id_it_has() {
    let (first, second) = two().await;
    let bot = Bot::of(&first).await;
    let errcode = async |corpid: &str, secret: &str| {
        bot.gettoken_with(&[("corpid", corpid), ("corpsecret", secret)]).await["errcode"].clone()
    };
    assert_eq!(errcode("ww2", "secret-1").await, 40001);
    assert_eq!(errcode("ww1", "secret-2").await, 40001);
    assert_eq!(errcode("ww2", "secret-2").await, 0);
    // Which corp it is not, any would say: the first does.
    assert_eq!(errcode("ww3", "secret-1").await, 40013);
    assert_eq!(errcode("", "secret-1").await, 41002);
    let gettoken = |errcode| ("gettoken", Some(errcode));
    assert_eq!(calls(&first), [0, 40001, 40013, 41002].map(gettoken));
    assert_eq!(calls(&second), [40001, 0].map(gettoken));
    // Not even a token of its own in the query makes it the other's.
    let mixed = [("access_token", bot.access_token.as_str()), ("corpid", "ww2"), ("corpsecret", "secret-2")];
    assert_eq!(bot.gettoken_with(&mixed).await["errcode"], 0);
    assert_eq!(calls(&second).len(), 3);
}

#[tokio::test]
async fn what_is_good_at_one_corp_is_unknown_at_the_other() {
    let (first, second) = two().await;
    let (one, other) = (Bot::of(&first).await, Bot::of(&second).await);
    let (wang, theirs) = (first.customer("小王"), second.customer("小王"));
    wang.says("你好");
    theirs.says("你好");
    assert_ne!(wang.external_userid(), theirs.external_userid());

    let unknown = json!({ "open_kfid": format!("wk{}", "x".repeat(30)) });
    let unknown = one.errcode(op::SYNC_MSG, unknown).await;
    assert_eq!(unknown, 95004);
    assert_eq!(one.errcode(op::SYNC_MSG, json!({ "open_kfid": second.open_kfid() })).await, unknown);
    assert_eq!(one.errcode(op::SEND_MSG, one.text(&theirs, "您好")).await, unknown);

    let to = json!({
        "touser": theirs.external_userid(), "open_kfid": first.open_kfid(), "msgtype": "text", "text": { "content": "您好" },
    });
    assert_eq!(one.errcode(op::SEND_MSG, to).await, 40096);
    let page = other.ok(op::SYNC_MSG, json!({ "open_kfid": second.open_kfid() })).await;
    let cursor = json!({ "open_kfid": first.open_kfid(), "cursor": page["next_cursor"] });
    assert_eq!(one.errcode(op::SYNC_MSG, cursor).await, 40058);
    let token = json!({ "open_kfid": first.open_kfid(), "token": second.sync_token() });
    assert_eq!(one.errcode(op::SYNC_MSG, token).await, 95007);

    let picture = Part::bytes(&b"\x89PNG\r\n\x1a\n"[..]).file_name("a.png").mime_str("image/png").unwrap();
    let upload = other.request(op::MEDIA_UPLOAD, "").query(&[("type", "image")]);
    let uploaded = upload.multipart(Form::new().part("media", picture)).send().await.unwrap();
    let media_id = uploaded.json::<Value>().await.unwrap()["media_id"].clone();
    assert_eq!(one.errcode(op::ACCOUNT_ADD, json!({ "name": "三店", "media_id": media_id })).await, 40007);
    other.ok(op::ACCOUNT_ADD, json!({ "name": "三店", "media_id": media_id })).await;
    assert_eq!((first.open_kfids().len(), second.open_kfids().len()), (1, 2));
}

#[tokio::test]
async fn whose_token_a_call_has_that_corp_says_what_became_of_it() {
    let (first, second) = two().await;
    let bot = Bot::of(&second).await;
    let list = async || bot.errcode(op::ACCOUNT_LIST, json!({})).await;
    assert_eq!(list().await, 0);
    second.advance(Duration::from_secs(7200));
    assert_eq!(list().await, 42001);
    let renewed = Bot::of(&second).await;
    second.revoke_token();
    assert_eq!(renewed.errcode(op::ACCOUNT_LIST, json!({})).await, 40014);
    second.fault(op::ACCOUNT_LIST).token_revoked();
    assert_eq!((list().await, list().await), (40014, 40014));
    second.reset();
    // It is not the first one's mistake that the other's bot goes on with a token of before.
    assert_eq!(list().await, 40014);
    assert_eq!(second.journal().len(), 1);
    assert_eq!(first.journal().len(), 0);
    // Nobody's token is refused by the first.
    let stranger = Bot { access_token: "nobody's".to_owned(), ..renewed };
    assert_eq!(stranger.errcode(op::ACCOUNT_LIST, json!({})).await, 40014);
    assert_eq!((calls(&first), calls(&second).len()), (vec![("account_list", Some(40014))], 1));
}

#[tokio::test]
async fn journals_findings_and_faults_are_each_corps_own() {
    let (first, second) = two().await;
    let (one, other) = (Bot::of(&first).await, Bot::of(&second).await);
    let fault = second.fault(op::ACCOUNT_LIST).errcode(-1).times(2);
    first.fault_anything().errcode(45009).probability(0.0).always();
    assert_eq!(one.errcode(op::ACCOUNT_LIST, json!({})).await, 0);
    assert_eq!(other.errcode(op::ACCOUNT_LIST, json!({})).await, -1);
    assert_eq!(fault.hits(), 1);
    other.gettoken(&second).await;
    assert!(first.report().is_clean());
    let found: Vec<_> = second.report().findings.iter().map(|finding| finding.name).collect();
    assert_eq!(found, [FindingName::TokenRefetched]);
    assert_eq!(calls(&first), [("gettoken", Some(0)), ("account_list", Some(0))]);
    assert_eq!(calls(&second), [("gettoken", Some(0)), ("account_list", Some(-1)), ("gettoken", Some(0))]);
    let corp_ids: Vec<_> = second.journal().iter().map(|call| (call.number, call.corp_id.clone())).collect();
    assert_eq!(corp_ids, [1, 2, 3].map(|number| (number, "ww2".to_owned())));
    let control = Control::of(&first);
    let faults = async |query: &str| control.get(&format!("/faults{query}")).await["faults"].as_array().unwrap().len();
    assert_eq!((faults("?corp_id=ww1").await, faults("?corp_id=ww2").await, faults("").await), (1, 1, 1));
    control.delete("/faults?corp_id=ww2").await;
    assert_eq!((faults("").await, faults("?corp_id=ww2").await), (1, 0));
    first.disable_assumption("refetch_gives_same_token").unwrap();
    let tokens = [one.gettoken(&first).await, one.gettoken(&first).await].map(|reply| reply["access_token"].clone());
    assert_ne!(tokens[0], tokens[1]);
    assert_eq!(other.gettoken(&second).await["access_token"], *other.access_token);
}

#[tokio::test]
async fn callbacks_go_where_each_corps_settings_say() {
    let (of_first, of_second) = (Receiver::start("ww1").await, Receiver::start("ww2").await);
    let other = Corp::new("ww2", "secret-2").callback(of_second.url(), TOKEN, KEY);
    let third = Corp::new("ww3", "secret-3").callback_url("http://127.0.0.1:9/callback");
    let builder = Simulator::builder().corp("ww1", "secret-1").callback(of_first.url(), TOKEN, KEY);
    let first = builder.another(other).another(third).start().await.unwrap();
    let [second, third] = ["ww2", "ww3"].map(|corp_id| first.corp(corp_id).unwrap());
    second.customer("小王").says("你好");
    second.customer("小王").says("在吗");
    assert_eq!(of_second.got(2).await.len(), 2);
    first.customer("小王").says("你好");
    // Each only takes what is encrypted for its corp.
    assert_eq!((of_first.got(1).await.len(), of_second.count()), (1, 2));
    // A row is written after the answer.
    let control = Control::of(&first);
    control.get("/journal?kind=callback&wait=5s").await;
    control.get("/journal?kind=callback&count=2&wait=5s&corp_id=ww2").await;
    assert_eq!(first.callbacks().len(), 1);
    let senders: Vec<_> = second.callbacks().into_iter().map(|delivery| delivery.corp_id).collect();
    assert_eq!(senders, ["ww2", "ww2"]);
    assert!(second.verify_callback().await.unwrap().problem.is_none());

    let var = |sim: &Simulator, wanted: &str| sim.vars().into_iter().find(|(name, _)| *name == wanted).unwrap().1;
    assert_eq!((var(&second, "WECOM_CORP_ID"), var(&second, "WECOM_KF_SECRET")), ("ww2".into(), "secret-2".into()));
    assert_eq!(var(&second, "WECOM_KF_OPEN_KFID"), second.open_kfid());
    assert_eq!(var(&second, "WECOM_KF_CALLBACK_TOKEN"), TOKEN);
    assert_eq!(var(&third, "WECOM_KF_LISTEN"), "127.0.0.1:9");
    second.unset_callback();
    assert_eq!(control.get("/callback?corp_id=ww2").await["url"], json!(null));
    assert_eq!(control.get("/callback").await["url"], json!(of_first.url()));
}

#[tokio::test]
async fn the_clock_is_one() {
    let (first, second) = two().await;
    let (one, other) = (Bot::of(&first).await, Bot::of(&second).await);
    let theirs = second.customer("小王");
    theirs.says("你好");
    let control = Control::of(&first);
    let start = first.now();
    let mut watched = Vec::new();
    for corp_id in ["ww1", "ww2"] {
        let state = control.get(&format!("/state?corp_id={corp_id}")).await;
        watched.push((corp_id, state["event"].as_u64().unwrap()));
    }
    control.post("/clock?corp_id=ww1", json!({ "advance": "49h" })).await;
    assert_eq!((first.now(), second.now()), (start + 49 * 3600, start + 49 * 3600));
    assert_eq!(theirs.state(), 4);
    for bot in [&one, &other] {
        assert_eq!(bot.errcode(op::ACCOUNT_LIST, json!({})).await, 42001);
    }
    for (corp_id, event) in watched {
        // The corp that was not asked tells its watchers too: of the clock, and of the customer whose window closed.
        let events = control.request(Method::GET, &format!("/events?corp_id={corp_id}&after={event}"));
        let mut stream = events.send().await.unwrap().bytes_stream();
        let mut told = String::new();
        while !told.contains("event: clock") {
            let chunk = tokio::time::timeout(Duration::from_secs(60), stream.next()).await.expect("no event comes");
            told.push_str(&String::from_utf8_lossy(&chunk.unwrap().unwrap()));
        }
        assert_eq!(told.matches("event: customer").count(), usize::from(corp_id == "ww2"), "{told}");
    }
    second.run_clock();
    assert!(!first.has_manual_clock());
    second.stop_clock();
    assert!(first.has_manual_clock());
}

#[tokio::test]
async fn a_reset_is_of_one_corp_and_leaves_the_time_that_all_share() {
    let (first, second) = two().await;
    let (one, other) = (Bot::of(&first).await, Bot::of(&second).await);
    first.customer("小王").says("你好");
    second.customer("小王").says("你好");
    second.advance(Duration::from_secs(60));
    let now = first.now();
    let control = Control::of(&first);
    let state = control.post("/reset?corp_id=ww2", json!({})).await;
    assert_eq!((&state["corp_id"], &state["customers"], &state["calls"]), (&json!("ww2"), &json!([]), &json!(0)));
    assert_eq!((first.now(), first.journal().len(), second.journal().len()), (now, 1, 0));
    assert_eq!(control.get("/state").await["customers"].as_array().unwrap().len(), 1);
    assert_eq!(one.errcode(op::ACCOUNT_LIST, json!({})).await, 0);
    assert_eq!(other.errcode(op::ACCOUNT_LIST, json!({})).await, 40014);
    // From the seed comes the same token as before, and it is good once it is handed out.
    assert_eq!(Bot::of(&second).await.access_token, other.access_token);
    assert_eq!(other.errcode(op::ACCOUNT_LIST, json!({})).await, 0);
}

#[tokio::test]
async fn the_control_api_is_about_the_corp_that_is_named_and_knows_no_other() {
    let (first, second) = two().await;
    let control = Control::of(&first);
    let info = control.get("/info").await;
    assert_eq!((&info["corp_id"], &info["corps"]), (&json!("ww1"), &json!(["ww1", "ww2"])));
    let info = control.get("/info?corp_id=ww2").await;
    assert_eq!((&info["corp_id"], &info["corps"]), (&json!("ww2"), &json!(["ww1", "ww2"])));
    assert_eq!((&info["vars"][1]["value"], &info["seed"]), (&json!("secret-2"), &json!("7")));

    let customer = control.post("/customers?corp_id=ww2", json!({ "name": "小王" })).await;
    let id = customer["external_userid"].as_str().unwrap();
    assert_eq!(id, second.customer("小王").external_userid());
    let text = json!({ "msgtype": "text", "text": "你好" });
    control.post(&format!("/customers/{id}/messages?corp_id=ww2"), text.clone()).await;
    assert_eq!(control.refused(Method::POST, &format!("/customers/{id}/messages"), Some(text)).await.0, 404);
    // Beside parameters of the path's own.
    let chat = control.get(&format!("/customers/{id}/chat?after=0&corp_id=ww2")).await;
    assert_eq!(chat["entries"].as_array().unwrap().len(), 1);
    let (status, why) = control.refused(Method::GET, "/journal?corp_id=ww2&opp=send_msg", None).await;
    assert_eq!((status, why.contains("`opp`")), (400, true));

    let unknown = [
        (Method::GET, "/state", None),
        (Method::GET, "/journal", None),
        (Method::POST, "/reset", Some(json!({}))),
        (Method::GET, "/openapi.yaml", None),
        (Method::DELETE, "/faults", None),
    ];
    for (method, path, body) in unknown {
        for corp_id in ["ww3", "", "WW2"] {
            let refused = control.refused(method.clone(), &format!("{path}?corp_id={corp_id}"), body.clone()).await;
            assert_eq!((refused.0, refused.1.contains("there is no such corp")), (404, true), "{path} {corp_id}");
        }
    }
    // Foreign pages do not even learn which corps there are.
    let foreign = control.request(Method::GET, "/state?corp_id=ww3").header("origin", "http://evil.test");
    assert_eq!(foreign.send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn with_one_corp_its_id_may_be_named_and_no_other() {
    let sim = Simulator::builder().corp("ww1", "secret-1").start().await.unwrap();
    let control = Control::of(&sim);
    assert_eq!(control.get("/state?corp_id=ww1").await["corp_id"], "ww1");
    assert_eq!(control.get("/info").await["corps"], json!(["ww1"]));
    assert_eq!(control.refused(Method::GET, "/state?corp_id=ww2", None).await.0, 404);
    assert!(sim.corp("ww2").is_none());
}

#[tokio::test]
async fn a_path_that_is_none_is_the_first_corps_but_with_a_token() {
    let (first, second) = two().await;
    let bot = Bot::of(&second).await;
    let path = format!("{}/cgi-bin/kf/sync_message", first.base_url());
    for query in [vec![], vec![("access_token", bot.access_token.as_str())]] {
        assert_eq!(bot.http.post(&path).query(&query).send().await.unwrap().status(), 404);
    }
    assert_eq!(calls(&first), [("unknown_path", None)]);
    assert_eq!(calls(&second), [("gettoken", Some(0)), ("unknown_path", None)]);
    // The console is the same for all, and leaves no trace.
    for path in ["/?corp_id=ww2", "/console/main.js"] {
        assert_eq!(reqwest::get(format!("{}{path}", first.base_url())).await.unwrap().status(), 200);
    }
    assert_eq!((first.requests(), second.requests()), (1, 2));
}

#[tokio::test]
async fn no_secret_of_any_corp_is_in_the_journal_of_another() {
    let (first, second) = two().await;
    let (one, other) = (Bot::of(&first).await, Bot::of(&second).await);
    let sync_token = second.sync_token();
    // Who serves two corps may mix them up.
    let mixed = json!({ "open_kfid": first.open_kfid(), &other.access_token: [sync_token, "secret-2"] });
    let errmsg = one.call(op::SYNC_MSG, mixed).await;
    one.http.get(format!("{}/{}", one.base_url, other.access_token)).send().await.unwrap();
    other.call(op::SYNC_MSG, json!({ "open_kfid": one.access_token, "cursor": "secret-1" })).await;
    let shown = format!("{errmsg} {:?} {:?} {first:?} {second:?}", first.journal(), second.journal());
    assert_eq!((first.journal().len(), second.journal().len()), (3, 2));
    for canary in [&one.access_token[..40], &other.access_token[..40], &sync_token[..20], "secret-1", "secret-2"] {
        assert!(!shown.contains(canary), "{canary} in {shown}");
    }
    let corp = Corp::new("ww4", "canary").callback("http://127.0.0.1/", "canary", "canary");
    assert_eq!(format!("{corp:?}"), "Corp { corp_id: Some(\"ww4\"), .. }");
}

#[tokio::test]
async fn it_serves_until_the_last_handle_is_gone() {
    let (first, second) = two().await;
    let bot = Bot::of(&second).await;
    let url = first.base_url();
    drop(first);
    assert_eq!(bot.errcode(op::ACCOUNT_LIST, json!({})).await, 0);
    drop(second);
    let gone = tokio::time::timeout(Duration::from_secs(60), async {
        while reqwest::get(format!("{url}/sim/v1/info")).await.is_ok() {
            tokio::task::yield_now().await;
        }
    });
    gone.await.expect("it still serves");
}

#[tokio::test]
async fn two_corps_with_one_id_and_bad_callbacks_are_refused_at_the_start() {
    let twice = Simulator::builder().corp("ww1", "canary").another(Corp::new("ww1", "canary"));
    let error = twice.start().await.unwrap_err();
    assert!(matches!(&error, StartError::SameCorpId { corp_id, .. } if corp_id == "ww1"), "{error:?}");
    assert!(error.to_string().contains("two corps have the id ww1"), "{error}");
    let others = [("ww2", "s2"), ("ww3", "s3"), ("ww2", "s4")].map(|(corp_id, secret)| Corp::new(corp_id, secret));
    let error = others.into_iter().fold(Simulator::builder(), |builder, corp| builder.another(corp)).start().await;
    assert!(matches!(error, Err(StartError::SameCorpId { corp_id, .. }) if corp_id == "ww2"));

    let bad = Corp::new("ww2", "canary").callback("http://127.0.0.1/", "CallbackToken", "short");
    let error = Simulator::builder().another(bad).start().await.unwrap_err();
    assert_eq!(error.to_string(), "cannot send callbacks of the corp ww2");
}

#[tokio::test]
async fn another_simulator_is_told_from_this_one_even_with_the_same_seed() {
    let instance = async |sim: &Simulator, query: &str| {
        Control::of(sim).get(&format!("/state{query}")).await["instance"].as_str().unwrap().to_owned()
    };
    let ((first, second), (other, _)) = (two().await, two().await);
    let before = instance(&first, "").await;
    assert_eq!(instance(&first, "?corp_id=ww2").await, before);
    second.reset();
    assert_eq!(instance(&first, "?corp_id=ww2").await, before);
    assert_ne!(instance(&other, "").await, before);
}

#[tokio::test]
async fn with_no_account_left_the_first_there_was_stands_for_it() {
    let sim = Simulator::builder().disable_assumption("last_account_stays").unwrap().start().await.unwrap();
    let (bot, open_kfid) = (Bot::of(&sim).await, sim.open_kfid());
    bot.ok(op::ACCOUNT_DEL, json!({ "open_kfid": open_kfid })).await;
    assert_eq!((sim.open_kfids().len(), sim.open_kfid()), (0, open_kfid.clone()));
    assert_eq!(sim.customer("小王").open_kfid(), open_kfid);
    assert_eq!(sim.vars()[3], ("WECOM_KF_OPEN_KFID", open_kfid));
}
