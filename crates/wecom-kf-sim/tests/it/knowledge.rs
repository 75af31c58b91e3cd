//! Operations on the knowledge base.

use serde_json::{Value, json};
use wecom_kf_sim::{MediaKind, Operation, Simulator, op};

use crate::bot::Bot;

fn text(content: &str) -> Value {
    json!({ "text": { "content": content } })
}

fn intent(group_id: &str, question: &str) -> Value {
    json!({ "group_id": group_id, "question": text(question), "answers": [text("九点")] })
}

async fn add(bot: &Bot, operation: Operation, body: Value) -> String {
    let reply = bot.ok(operation, body).await;
    reply.get("group_id").or(reply.get("intent_id")).unwrap().as_str().unwrap().to_owned()
}

/// All entries, read in pages of `limit`.
async fn all(bot: &Bot, operation: Operation, list: &str, limit: usize) -> Vec<Value> {
    let (mut entries, mut request) = (Vec::new(), json!({ "limit": limit }));
    loop {
        let page = bot.ok(operation, request.clone()).await;
        entries.extend(page[list].as_array().unwrap().iter().cloned());
        if page["has_more"] == 0 {
            return entries;
        }
        assert_eq!(page[list].as_array().unwrap().len(), limit);
        request["cursor"] = page["next_cursor"].clone();
    }
}

#[tokio::test]
async fn groups_come_change_and_go_but_the_default_one_stays() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let first = bot.ok(op::KNOWLEDGE_LIST_GROUP, json!({})).await["group_list"].clone();
    let default = first[0]["group_id"].as_str().unwrap();
    assert_eq!(first, json!([{ "group_id": default, "name": "默认分组", "is_default": 1 }]));

    let group_id = add(&bot, op::KNOWLEDGE_ADD_GROUP, json!({ "name": "常见问题" })).await;
    bot.ok(op::KNOWLEDGE_MOD_GROUP, json!({ "group_id": group_id, "name": "常见问题" })).await;
    bot.ok(op::KNOWLEDGE_MOD_GROUP, json!({ "group_id": group_id, "name": "售后" })).await;
    let only = bot.ok(op::KNOWLEDGE_LIST_GROUP, json!({ "group_id": group_id })).await;
    assert_eq!(only["group_list"], json!([{ "group_id": group_id, "name": "售后", "is_default": 0 }]));

    let cases = [
        (op::KNOWLEDGE_ADD_GROUP, json!({ "name": "售后" })),
        (op::KNOWLEDGE_ADD_GROUP, json!({ "name": "默认分组" })),
        (op::KNOWLEDGE_ADD_GROUP, json!({ "name": "十三个字的名字太长不能用了" })),
        (op::KNOWLEDGE_ADD_GROUP, json!({ "name": "" })),
        (op::KNOWLEDGE_MOD_GROUP, json!({ "group_id": group_id, "name": "默认分组" })),
        (op::KNOWLEDGE_MOD_GROUP, json!({ "group_id": default, "name": "别的" })),
        (op::KNOWLEDGE_MOD_GROUP, json!({ "group_id": "kgNobody", "name": "别的" })),
        (op::KNOWLEDGE_DEL_GROUP, json!({ "group_id": default })),
        (op::KNOWLEDGE_DEL_GROUP, json!({ "group_id": "kgNobody" })),
        (op::KNOWLEDGE_LIST_GROUP, json!({ "group_id": "kgNobody" })),
        (op::KNOWLEDGE_LIST_GROUP, json!({ "limit": 1001 })),
    ];
    for (operation, body) in cases {
        assert_eq!(bot.errcode(operation, body.clone()).await, 40058, "{operation:?} {body}");
    }
    bot.ok(op::KNOWLEDGE_DEL_GROUP, json!({ "group_id": group_id })).await;
    assert_eq!(bot.ok(op::KNOWLEDGE_LIST_GROUP, json!({})).await["group_list"], first);
}

#[tokio::test]
async fn there_are_at_most_100_groups_and_they_come_in_pages() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    for number in 1..100 {
        add(&bot, op::KNOWLEDGE_ADD_GROUP, json!({ "name": format!("组{number}") })).await;
    }
    assert_eq!(bot.errcode(op::KNOWLEDGE_ADD_GROUP, json!({ "name": "组100" })).await, 40058);
    for limit in [1, 33, 50, 100, 1000] {
        let groups = all(&bot, op::KNOWLEDGE_LIST_GROUP, "group_list", limit).await;
        assert_eq!(groups.len(), 100);
        assert_eq!((&groups[0]["is_default"], &groups[99]["name"]), (&json!(1), &json!("组99")), "{limit}");
    }
    assert_eq!(bot.errcode(op::KNOWLEDGE_LIST_GROUP, json!({ "cursor": "made up" })).await, 50100);
    let cursor = &bot.ok(op::KNOWLEDGE_LIST_GROUP, json!({})).await["next_cursor"];
    assert_eq!(bot.errcode(op::KNOWLEDGE_LIST_INTENT, json!({ "cursor": cursor })).await, 50100, "of another list");
}

#[tokio::test]
async fn a_group_that_goes_between_two_pages_hides_no_other() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let mut ids = Vec::new();
    for name in ["甲", "乙", "丙"] {
        ids.push(add(&bot, op::KNOWLEDGE_ADD_GROUP, json!({ "name": name })).await);
    }
    let page = bot.ok(op::KNOWLEDGE_LIST_GROUP, json!({ "limit": 2 })).await;
    assert_eq!(page["group_list"][1]["group_id"], *ids[0]);
    bot.ok(op::KNOWLEDGE_DEL_GROUP, json!({ "group_id": ids[0] })).await;
    let page = bot.ok(op::KNOWLEDGE_LIST_GROUP, json!({ "limit": 2, "cursor": page["next_cursor"] })).await;
    let names: Vec<_> =
        page["group_list"].as_array().unwrap().iter().map(|group| group["name"].as_str().unwrap()).collect();
    assert_eq!((names, &page["has_more"]), (vec!["乙", "丙"], &json!(0)));
}

#[tokio::test]
async fn intents_come_change_and_go() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let group_id = add(&bot, op::KNOWLEDGE_ADD_GROUP, json!({ "name": "常见问题" })).await;
    let mut full = intent(&group_id, "几点开门？");
    full["similar_questions"] = json!({ "items": [text("什么时候开门？")] });
    let intent_id = add(&bot, op::KNOWLEDGE_ADD_INTENT, full.clone()).await;
    let listed = |question: &str, similar: &[&str], answer: &str| {
        let similar: Vec<_> = similar.iter().map(|similar| text(similar)).collect();
        json!([{
            "group_id": group_id, "intent_id": intent_id, "question": text(question),
            "similar_questions": { "items": similar }, "answers": [text(answer)],
        }])
    };
    let list = || bot.ok(op::KNOWLEDGE_LIST_INTENT, json!({ "intent_id": intent_id }));
    assert_eq!(list().await["intent_list"], listed("几点开门？", &["什么时候开门？"], "九点"));

    bot.ok(op::KNOWLEDGE_MOD_INTENT, json!({ "intent_id": intent_id, "question": text("几点开门？") })).await;
    bot.ok(op::KNOWLEDGE_MOD_INTENT, json!({ "intent_id": intent_id, "answers": [text("十点")] })).await;
    assert_eq!(list().await["intent_list"], listed("几点开门？", &["什么时候开门？"], "十点"));
    let mut changed = json!({ "intent_id": intent_id, "question": text("营业时间？") });
    changed["similar_questions"] = json!({ "items": [] });
    bot.ok(op::KNOWLEDGE_MOD_INTENT, changed).await;
    assert_eq!(list().await["intent_list"], listed("营业时间？", &[], "十点"));

    bot.ok(op::KNOWLEDGE_DEL_INTENT, json!({ "intent_id": intent_id })).await;
    assert_eq!(bot.ok(op::KNOWLEDGE_LIST_INTENT, json!({})).await["intent_list"], json!([]));
    for operation in [op::KNOWLEDGE_DEL_INTENT, op::KNOWLEDGE_MOD_INTENT, op::KNOWLEDGE_LIST_INTENT] {
        assert_eq!(bot.errcode(operation, json!({ "intent_id": intent_id })).await, 40058, "{operation:?}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_intent_is_refused() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let one = add(&bot, op::KNOWLEDGE_ADD_GROUP, json!({ "name": "甲" })).await;
    let two = add(&bot, op::KNOWLEDGE_ADD_GROUP, json!({ "name": "乙" })).await;
    add(&bot, op::KNOWLEDGE_ADD_INTENT, intent(&one, "几点开门？")).await;
    let other = add(&bot, op::KNOWLEDGE_ADD_INTENT, intent(&two, "在哪里？")).await;
    let with = |member: &str, value: Value| {
        let mut body = intent(&two, "新问题");
        body[member] = value;
        body
    };
    let cases = [
        ("asked in another group", intent(&two, "几点开门？"), 40058),
        ("no such group", intent("kgNobody", "新问题"), 40058),
        ("long question", intent(&two, &"问".repeat(201)), 40058),
        ("longest question", intent(&two, &"问".repeat(200)), 0),
        ("long answer", with("answers", json!([text(&"答".repeat(501))])), 40058),
        ("longest answer", with("answers", json!([text(&"答".repeat(500))])), 0),
        ("no answer", with("answers", json!([])), 40058),
        ("two answers", with("answers", json!([text("一"), text("二")])), 40058),
        ("101 similar", with("similar_questions", json!({ "items": vec![text("似"); 101] })), 40058),
    ];
    for (what, body, errcode) in cases {
        assert_eq!(bot.errcode(op::KNOWLEDGE_ADD_INTENT, body).await, errcode, "{what}");
    }
    let taken = json!({ "intent_id": other, "question": text("几点开门？") });
    assert_eq!(bot.errcode(op::KNOWLEDGE_MOD_INTENT, taken).await, 40058);
}

#[tokio::test]
async fn a_group_has_at_most_200_intents_which_go_with_it() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let group_id = add(&bot, op::KNOWLEDGE_ADD_GROUP, json!({ "name": "甲" })).await;
    let other = add(&bot, op::KNOWLEDGE_ADD_GROUP, json!({ "name": "乙" })).await;
    for number in 0..200 {
        add(&bot, op::KNOWLEDGE_ADD_INTENT, intent(&group_id, &format!("问{number}"))).await;
    }
    assert_eq!(bot.errcode(op::KNOWLEDGE_ADD_INTENT, intent(&group_id, "问200")).await, 40058);
    add(&bot, op::KNOWLEDGE_ADD_INTENT, intent(&other, "问200")).await;
    assert_eq!(all(&bot, op::KNOWLEDGE_LIST_INTENT, "intent_list", 67).await.len(), 201);
    let of_one = bot.ok(op::KNOWLEDGE_LIST_INTENT, json!({ "group_id": other })).await;
    assert_eq!(of_one["intent_list"].as_array().unwrap().len(), 1);

    bot.ok(op::KNOWLEDGE_DEL_GROUP, json!({ "group_id": group_id })).await;
    assert_eq!(all(&bot, op::KNOWLEDGE_LIST_INTENT, "intent_list", 1000).await.len(), 1);
}

#[tokio::test]
async fn attachments_come_back_without_their_media_ids() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let group_id = add(&bot, op::KNOWLEDGE_ADD_GROUP, json!({ "name": "甲" })).await;
    let image = sim.upload(MediaKind::Image, "菜单.png", &b"1234567"[..]);
    let video = sim.upload(MediaKind::Video, "a.mp4", &b"1234567"[..]);
    let with = |question: &str, attachments: Value| {
        let mut body = intent(&group_id, question);
        body["answers"][0]["attachments"] = attachments;
        body
    };
    let link = json!({ "msgtype": "link", "link": { "title": "t", "desc": "d", "pic_url": "p", "url": "u" } });
    let program = json!({ "title": "t", "appid": "wx1", "pagepath": "a.html" });
    let mut program_in = program.clone();
    program_in["thumb_media_id"] = json!(image);
    let attachments = json!([
        { "msgtype": "image", "image": { "media_id": image } },
        { "msgtype": "video", "video": { "media_id": video } },
        link,
        { "msgtype": "miniprogram", "miniprogram": program_in },
    ]);
    add(&bot, op::KNOWLEDGE_ADD_INTENT, with("全部", attachments.clone())).await;
    let list = bot.ok(op::KNOWLEDGE_LIST_INTENT, json!({})).await;
    let expected = json!([
        { "msgtype": "image", "image": { "name": "菜单.png" } },
        { "msgtype": "video", "video": { "name": "a.mp4" } },
        link,
        { "msgtype": "miniprogram", "miniprogram": program },
    ]);
    assert_eq!(list["intent_list"][0]["answers"][0]["attachments"], expected);

    let image_of = |media_id: &str| json!({ "msgtype": "image", "image": { "media_id": media_id } });
    let cases = [
        ("unknown file", json!([image_of("nope")]), 40007),
        ("file of another kind", json!([image_of(&video)]), 40007),
        ("unknown kind", json!([{ "msgtype": "file" }]), 40008),
        ("no body", json!([{ "msgtype": "image" }]), 40058),
        ("another body", json!([{ "msgtype": "image", "image": { "media_id": image }, "link": link["link"] }]), 40058),
        ("five", json!(vec![link.clone(); 5]), 40058),
        ("four", json!(vec![link.clone(); 4]), 0),
    ];
    for (what, attachments, errcode) in cases {
        assert_eq!(bot.errcode(op::KNOWLEDGE_ADD_INTENT, with(what, attachments)).await, errcode, "{what}");
    }
}
