//! Each rule that can be switched, on and off.

use std::time::Duration;

use serde_json::{Value, json};
use wecom_kf_sim::{Customer, Lang, MediaKind, Simulator, op};

use crate::bot::Bot;

async fn chat(disabled: &str) -> (Simulator, Bot, Customer) {
    let sim = Simulator::builder().disable_assumption(disabled).unwrap().servicer("zhangsan").start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    wang.says("你好");
    (sim, bot, wang)
}

fn trans(to: i64, servicer: Option<&str>, customer: &Customer) -> Value {
    let mut body = json!({ "open_kfid": customer.open_kfid(), "external_userid": customer.external_userid(), "service_state": to });
    servicer.into_iter().for_each(|servicer| body["servicer_userid"] = json!(servicer));
    body
}

#[tokio::test]
async fn every_rule_that_can_be_switched_is_tried_here() {
    // The rules that have a test of their own in another file.
    let elsewhere = [
        "refetch_gives_same_token",
        "callback_names_account",
        "expired_token_is_42001",
        "media_refusals_are_plain_text",
        "file_names_are_raw",
    ];
    let page = wecom_kf_sim::assumptions_page(Lang::En);
    let here = include_str!("assumptions.rs");
    let switchable = page.split("\n## Access tokens\n").next().unwrap();
    let ids: Vec<_> = switchable.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(ids.len(), 27);
    for id in ids {
        assert!(elsewhere.contains(&id) || here.contains(&format!("(\"{id}\")")), "{id} is not tried");
    }
    Simulator::builder().disable_assumption("nothing").unwrap_err();
}

/// Reads that are in progress until this is dropped.
async fn reads_in_progress(sim: &Simulator, bot: &Bot, count: usize) -> tokio::task::JoinSet<()> {
    let before = sim.journal().len();
    let mut reads = tokio::task::JoinSet::new();
    let _unanswered = sim.fault(op::SYNC_MSG).never_answers().times(count);
    for _ in 0..count {
        let read = bot.request(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() }).to_string()).send();
        reads.spawn(async move { drop(read.await) });
    }
    while sim.journal().len() < before + count {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    reads
}

#[tokio::test]
async fn at_most_five_reads_are_in_progress_at_once() {
    let (sim, bot, _) = chat("tokenless_reads_are_limited").await;
    let read = async || bot.errcode(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
    let four = reads_in_progress(&sim, &bot, 4).await;
    assert_eq!(read().await, 0);
    let fifth = reads_in_progress(&sim, &bot, 1).await;
    assert_eq!(read().await, 45033);
    assert_eq!(bot.errcode(op::ACCOUNT_LIST, json!({})).await, 0, "other operations are not concerned");
    drop((four, fifth));
    let all_are_gone = async {
        while read().await != 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all_are_gone).await.unwrap();
}

#[tokio::test]
async fn reads_without_a_token_are_limited() {
    let sim = Simulator::builder().manual_clock().account("甲").account("乙").start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let [first, second] = &sim.open_kfids()[..] else { panic!("two accounts") };
    let read = async |open_kfid: &str, token: &str| {
        bot.errcode(op::SYNC_MSG, json!({ "open_kfid": open_kfid, "token": token })).await
    };
    for _ in 0..5 {
        assert_eq!([read(first, "").await, read(second, "made up").await], [0, 95007]);
    }
    for open_kfid in [first, second] {
        assert_eq!([read(open_kfid, "").await, read(open_kfid, "made up").await], [45009, 45009]);
        assert_eq!(read(open_kfid, &sim.sync_token()).await, 0, "a callback's token is never limited");
    }
    sim.advance(Duration::from_secs(59));
    assert_eq!(read(first, "").await, 45009, "for a minute");
    sim.advance(Duration::from_secs(1));
    assert_eq!(read(first, "").await, 0);
}

#[tokio::test]
async fn sessions() {
    let (_sim, bot, wang) = chat("assistant_again_is_accepted").await;
    bot.ok(op::SERVICE_STATE_TRANS, trans(1, None, &wang)).await;
    assert_eq!(bot.errcode(op::SERVICE_STATE_TRANS, trans(1, None, &wang)).await, 95016);

    let (_sim, bot, wang) = chat("same_servicer_is_refused").await;
    bot.ok(op::SERVICE_STATE_TRANS, trans(3, Some("zhangsan"), &wang)).await;
    bot.ok(op::SERVICE_STATE_TRANS, trans(3, Some("zhangsan"), &wang)).await;

    let (sim, bot, wang) = chat("closed_window_is_95002").await;
    sim.advance(Duration::from_secs(49 * 3600));
    let bot = Bot { access_token: Bot::of(&sim).await.access_token, ..bot };
    assert_eq!(bot.errcode(op::SEND_MSG, bot.text(&wang, "您好")).await, 95018);

    let (sim, _, wang) = chat("welcome_again_after_48_hours").await;
    sim.advance(Duration::from_secs(49 * 3600));
    assert_eq!(wang.enters(), None);
    assert!(sim.customer("小李").enters().is_some());
}

#[tokio::test]
async fn sending() {
    let (sim, bot, _) = chat("event_reply_does_not_count").await;
    let li = sim.customer("小李");
    let code = li.enters().unwrap();
    li.says("你好");
    bot.ok(op::SEND_MSG_ON_EVENT, json!({ "code": code, "msgtype": "text", "text": { "content": "欢迎" } })).await;
    for _ in 0..4 {
        bot.ok(op::SEND_MSG, bot.text(&li, "您好")).await;
    }
    assert_eq!(bot.errcode(op::SEND_MSG, bot.text(&li, "您好")).await, 95001);

    let card = json!({ "userid": "zhangsan" });
    let (_sim, bot, wang) = chat("business_card_is_limited").await;
    bot.ok(op::SEND_MSG, bot.message(&wang, "business_card", card.clone())).await;
    bot.ok(op::SEND_MSG, bot.message(&wang, "business_card", card.clone())).await;

    let (_sim, bot, wang) = chat("business_card_can_be_sent").await;
    assert_eq!(bot.errcode(op::SEND_MSG, bot.message(&wang, "business_card", card)).await, 40008);
    bot.ok(op::SEND_MSG, bot.message(&wang, "ca_link", json!({ "link_url": "https://work.weixin.qq.com/ca/1" }))).await;

    let (_sim, bot, wang) = chat("empty_counts_as_absent").await;
    for servicer in [json!(""), json!(null)] {
        let mut request = trans(1, None, &wang);
        request["servicer_userid"] = servicer;
        assert_eq!(bot.errcode(op::SERVICE_STATE_TRANS, request).await, 40058);
    }
    let mut message = bot.text(&wang, "您好");
    message["msgmenu"] = json!({});
    assert_eq!(bot.errcode(op::SEND_MSG, message).await, 40058);
}

#[tokio::test]
async fn reading_accounts_and_replies() {
    let (sim, bot, _) = chat("bad_cursor_is_40058").await;
    assert_eq!(bot.errcode(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid(), "cursor": "none" })).await, 50100);

    let (sim, bot, _) = chat("tokenless_reads_are_limited").await;
    for _ in 0..30 {
        bot.ok(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
    }
    assert_eq!(bot.errcode(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid(), "token": "made up" })).await, 95007);

    let (sim, bot, _) = chat("reads_at_once_are_limited").await;
    let _reads = reads_in_progress(&sim, &bot, 9).await;
    bot.ok(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;

    let (sim, bot, _) = chat("last_account_stays").await;
    bot.ok(op::ACCOUNT_DEL, json!({ "open_kfid": sim.open_kfid() })).await;

    let (_sim, bot, _) = chat("account_list_takes_get").await;
    let get = bot.http.get(bot.url(op::ACCOUNT_LIST)).query(&[("access_token", &bot.access_token)]);
    let reply: Value = get.send().await.unwrap().json().await.unwrap();
    assert_eq!(reply["errcode"], 40058);

    let (sim, bot, _) = chat("success_has_errcode").await;
    let reply = bot.call(op::ACCOUNT_LIST, json!({})).await;
    assert!(
        reply["account_list"].is_array() && reply.get("errcode").is_none() && reply.get("errmsg").is_none(),
        "{reply}"
    );
    assert_eq!(sim.journal().pop().unwrap().errcode, Some(0));
    assert_eq!(bot.errcode(op::SYNC_MSG, json!({})).await, 40058);
}

#[tokio::test]
async fn servicers_and_links() {
    let (sim, bot, _) = chat("servicer_list_takes_post").await;
    assert_eq!(bot.errcode(op::SERVICER_LIST, json!({ "open_kfid": sim.open_kfid() })).await, 40058);

    let (sim, bot, _) = chat("servicers_are_limited").await;
    (0..21).for_each(|id| sim.department(id, &[]));
    let add = json!({ "open_kfid": sim.open_kfid(), "department_id_list": (0..21).collect::<Vec<_>>() });
    bot.ok(op::SERVICER_ADD, add).await;

    let (sim, bot, wang) = chat("same_scene_same_link").await;
    let way = json!({ "open_kfid": sim.open_kfid(), "scene": "poster" });
    let links = [bot.ok(op::ADD_CONTACT_WAY, way.clone()).await, bot.ok(op::ADD_CONTACT_WAY, way).await];
    let [one, other] = links.each_ref().map(|link| link["url"].as_str().unwrap());
    assert_ne!(one, other);
    wang.enters_by(one).unwrap();
    wang.enters_by(other).unwrap();

    let (sim, bot, wang) = chat("entering_is_contact").await;
    let li = sim.customer("小李");
    li.enters();
    let both = json!({ "external_userid_list": [wang.external_userid(), li.external_userid()] });
    assert_eq!(bot.ok(op::CUSTOMER_BATCHGET, both).await["invalid_external_userid"], json!([li.external_userid()]));
}

#[tokio::test]
async fn files_recalls_and_knowledge() {
    let (sim, bot, _) = chat("images_have_10_mb").await;
    for (bytes, errcode) in [(2 * 1024 * 1024, 0), (2 * 1024 * 1024 + 1, 40009)] {
        let mut picture = b"\x89PNG\r\n\x1a\n".to_vec();
        picture.resize(bytes, 0);
        let part = reqwest::multipart::Part::bytes(picture).file_name("a.png").mime_str("image/png").unwrap();
        let upload = bot.request(op::MEDIA_UPLOAD, "").query(&[("type", "image")]);
        let upload = upload.multipart(reqwest::multipart::Form::new().part("media", part)).send().await.unwrap();
        assert_eq!(upload.json::<Value>().await.unwrap()["errcode"], errcode, "{bytes}");
    }
    assert_eq!(sim.calls(op::MEDIA_UPLOAD), 2);

    let (sim, bot, wang) = chat("files_fit_their_kind").await;
    let file = json!({ "media_id": sim.upload(MediaKind::File, "a.txt", &b"123456"[..]) });
    bot.ok(op::SEND_MSG, bot.message(&wang, "image", file)).await;

    let (sim, bot, wang) = chat("recall_msg_exists").await;
    let sent = bot.ok(op::SEND_MSG, bot.text(&wang, "您好")).await;
    let recall = json!({ "open_kfid": sim.open_kfid(), "msgid": sent["msgid"] });
    assert_eq!(bot.errcode(op::RECALL_MSG, recall).await, 48002);
    assert_eq!(wang.heard().len(), 1);

    let (_sim, bot, _) = chat("group_takes_its_intents").await;
    let group = bot.ok(op::KNOWLEDGE_ADD_GROUP, json!({ "name": "售前" })).await["group_id"].clone();
    let text = |content: &str| json!({ "text": { "content": content } });
    let intent = json!({ "group_id": group, "question": text("几点开门？"), "answers": [text("九点")] });
    bot.ok(op::KNOWLEDGE_ADD_INTENT, intent).await;
    bot.ok(op::KNOWLEDGE_DEL_GROUP, json!({ "group_id": group })).await;
    let groups = bot.ok(op::KNOWLEDGE_LIST_GROUP, json!({})).await["group_list"].clone();
    let intents = bot.ok(op::KNOWLEDGE_LIST_INTENT, json!({})).await["intent_list"].clone();
    assert_eq!((groups.as_array().unwrap().len(), intents.as_array().unwrap().len()), (1, 1));
    assert_eq!(intents[0]["group_id"], groups[0]["group_id"]);
}
