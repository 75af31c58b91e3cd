//! Requests and replies of the knowledge base.

use futures_util::TryStreamExt;
use serde_json::json;
use wecom_kf::knowledge::{Intent, IntentAnswer, IntentLink, StoredAttachment};
use wecom_kf::{Client, Error};

use super::{post, server};
use crate::chinese::assert_chinese;

#[tokio::test]
async fn groups_are_added_renamed_deleted_and_listed_page_by_page() {
    let (server, client) = server().await;
    let knowledge = client.knowledge();
    let reply = json!({ "errcode": 0, "group_id": "kg1" });
    let add = post(&server, "knowledge/add_group", json!({ "name": "常见问题" }), reply).await;
    assert_eq!(knowledge.add_group("常见问题").await.unwrap(), "kg1");
    let body = json!({ "group_id": "kg1", "name": "配送" });
    let rename = post(&server, "knowledge/mod_group", body, json!({ "errcode": 0 })).await;
    knowledge.rename_group("kg1", "配送").await.unwrap();
    let delete = post(&server, "knowledge/del_group", json!({ "group_id": "kg1" }), json!({ "errcode": 0 })).await;
    knowledge.delete_group("kg1").await.unwrap();

    let first = json!({ "errcode": 0, "has_more": 1, "next_cursor": "c1",
        "group_list": [{ "group_id": "kg0", "name": "默认分组", "is_default": 1 }] });
    let first = post(&server, "knowledge/list_group", json!({ "limit": 1000 }), first).await;
    // A page may be empty although there are more pages.
    let second = json!({ "has_more": 1, "next_cursor": "c2", "group_list": null });
    let second = post(&server, "knowledge/list_group", json!({ "limit": 1000, "cursor": "c1" }), second).await;
    let last = json!({ "has_more": 0, "next_cursor": "c3", "group_list": [{ "group_id": "kg1", "name": "配送" }] });
    let last = post(&server, "knowledge/list_group", json!({ "limit": 1000, "cursor": "c2" }), last).await;
    let groups = knowledge.list_groups().await.unwrap();
    let named = json!({ "group_id": "kg0", "name": "默认分组", "is_default": true });
    assert_eq!(serde_json::to_value(&groups[0]).unwrap(), named);
    let groups: Vec<_> = groups.iter().map(|group| (group.name.as_str(), group.is_default)).collect();
    assert_eq!(groups, [("默认分组", true), ("配送", false)]);
    for mock in [&add, &rename, &delete, &first, &second, &last] {
        mock.assert_calls_async(1).await;
    }
    // A stream fetches only the pages that are needed.
    let mut stream = std::pin::pin!(knowledge.list_groups().stream());
    assert_eq!(stream.try_next().await.unwrap().unwrap().group_id, "kg0");
    first.assert_calls_async(2).await;
    second.assert_calls_async(1).await;
    let body = json!({ "limit": 1000, "group_id": "kg1" });
    let one = post(&server, "knowledge/list_group", body, json!({ "group_list": [] })).await;
    assert_eq!(knowledge.list_groups().group("kg1").await.unwrap(), []);
    one.assert_calls_async(1).await;
}

#[tokio::test]
async fn a_page_without_a_new_cursor_is_an_error_not_a_loop() {
    for next in [json!(null), json!("")] {
        let (server, client) = server().await;
        let reply = json!({ "has_more": 1, "next_cursor": next, "group_list": [] });
        let list = post(&server, "knowledge/list_group", json!({ "limit": 1000 }), reply).await;
        let error = client.knowledge().list_groups().await.unwrap_err();
        assert!(matches!(error, Error::BadReply { operation: "knowledge_list_group", .. }), "{error}");
        assert_chinese(&error);
        list.assert_calls_async(1).await;
    }
    let (server, client) = server().await;
    let list = server
        .mock_async(|when, then| {
            when.path("/cgi-bin/kf/knowledge/list_intent");
            then.json_body(json!({ "has_more": 1, "next_cursor": "same", "intent_list": [] }));
        })
        .await;
    assert!(client.knowledge().list_intents().await.is_err());
    list.assert_calls_async(2).await;
}

#[tokio::test]
async fn an_intent_is_added_with_everything_changed_in_parts_and_deleted() {
    let (server, client) = server().await;
    let knowledge = client.knowledge();
    let body = json!({
        "group_id": "kg1",
        "question": { "text": { "content": "营业时间是？" } },
        "similar_questions": { "items": [{ "text": { "content": "几点开门" } }, { "text": { "content": "几点关门" } }] },
        "answers": [{ "text": { "content": "周一至周五 9:00-18:00" }, "attachments": [
            { "msgtype": "image", "image": { "media_id": "m1" } },
            { "msgtype": "link", "link": {
                "title": "营业时间", "pic_url": "https://example.com/h.png", "desc": "详情", "url": "https://example.com/h" } },
            { "msgtype": "miniprogram", "miniprogram": {
                "title": "小程序", "appid": "wx1", "pagepath": "a.html", "thumb_media_id": "m2" } },
            { "msgtype": "video", "video": { "media_id": "m3" } },
        ] }],
    });
    let add = post(&server, "knowledge/add_intent", body, json!({ "errcode": 0, "intent_id": "ki1" })).await;
    let link = IntentLink::new("营业时间", "https://example.com/h").desc("详情").pic_url("https://example.com/h.png");
    let answer = IntentAnswer::new("周一至周五 9:00-18:00").image("m1").link(link);
    let answer = answer.miniprogram("小程序", "wx1", "a.html", "m2").video("m3");
    let intent = Intent::new("营业时间是？", answer.clone()).similar("几点开门").similar("几点关门");
    assert_eq!(format!("{intent:?} {answer:?}"), "Intent { .. } IntentAnswer { .. }");
    assert_eq!(knowledge.add_intent("kg1", intent).await.unwrap(), "ki1");
    let error = answer.image("m5").check().unwrap_err();
    assert!(error.to_string().starts_with("attachments has 5 items, at most 4"), "{error}");

    let body = json!({ "intent_id": "ki1", "question": { "text": { "content": "何时营业" } } });
    let question = post(&server, "knowledge/mod_intent", body, json!({})).await;
    knowledge.update_intent("ki1").question("何时营业").await.unwrap();
    let body = json!({ "intent_id": "ki1", "similar_questions": { "items": [] },
        "answers": [{ "text": { "content": "全天" } }] });
    let rest = post(&server, "knowledge/mod_intent", body, json!({})).await;
    let update = knowledge.update_intent("ki1").similar_questions([""; 0]).answer("全天");
    assert_eq!(format!("{update:?}"), "UpdateIntent { intent_id: IntentId(\"ki1\"), .. }");
    update.await.unwrap();
    let delete = post(&server, "knowledge/del_intent", json!({ "intent_id": "ki1" }), json!({})).await;
    knowledge.delete_intent("ki1").await.unwrap();
    for mock in [add, question, rest, delete] {
        mock.assert_calls_async(1).await;
    }
}

/// Sources disagree on the place of similar questions and answers, and on one spelling. All forms are read.
#[tokio::test]
async fn intents_are_read_in_every_reported_form() {
    let (server, client) = server().await;
    let text = |content: &str| json!({ "text": { "content": content } });
    let attachments = json!([
        { "msgtype": "image", "image": { "name": "a.png" } }, { "msgtype": "video", "video": { "name": "b.mp4" } },
        { "msgtype": "link", "link": { "title": "t", "url": "u", "picurl": "p", "pic_url": "", "desc": "" } },
        { "msgtype": "miniprogram", "miniprogram": { "title": "t", "appid": "wx", "pagepath": "p" } },
        { "msgtype": "hologram" }, { "msgtype": "link" },
    ]);
    let answers = json!([{ "text": { "content": "9–18" }, "attachments": attachments }]);
    let similar = json!({ "items": [text("几点开门")] });
    let beside = json!({ "group_id": "kg1", "intent_id": "ki1", "status": 1,
        "question": text("营业时间"), "similar_questions": similar, "answers": answers });
    let mut question = text("营业时间");
    question["similar_questions"] = similar.clone();
    question["answers"] = answers.clone();
    let inside = json!({ "group_id": "kg1", "intent_id": "ki1", "question": question.clone() });
    let mut twice = beside.clone();
    twice["question"] = question.clone();
    for intent in [beside, inside, twice] {
        let reply = json!({ "errcode": 0, "has_more": 0, "intent_list": [intent] });
        let list = post(&server, "knowledge/list_intent", json!({ "limit": 1000, "group_id": "kg1" }), reply).await;
        let intents = client.knowledge().list_intents().group("kg1").await.unwrap();
        list.assert_calls_async(1).await;
        list.delete_async().await;
        let [intent] = &intents[..] else { panic!("{intents:?}") };
        assert_eq!(
            (intent.question.as_str(), &intent.similar_questions[..]),
            ("营业时间", &["几点开门".to_owned()][..])
        );
        let answer = intent.answer.as_ref().unwrap();
        assert_eq!(answer.text, "9–18");
        let unknown = |kind: &str| StoredAttachment::Unknown { msgtype: kind.to_owned() };
        let [image, video, link, miniprogram, hologram, bare] = &answer.attachments[..] else { panic!("{answer:?}") };
        assert!(matches!(image, StoredAttachment::Image { name } if name == "a.png"));
        assert!(matches!(video, StoredAttachment::Video { name } if name == "b.mp4"));
        assert!(matches!(link, StoredAttachment::Link { pic_url: Some(url), desc: None, .. } if url == "p"));
        assert!(matches!(miniprogram, StoredAttachment::Miniprogram { appid, .. } if appid == "wx"));
        assert_eq!((hologram, bare), (&unknown("hologram"), &unknown("link")));
        assert!(!format!("{intent:?} {answer:?} {:?}", answer.attachments).contains("9–18"));
        assert_eq!(
            serde_json::to_value(intent).unwrap(),
            json!({
                "intent_id": "ki1", "group_id": "kg1", "question": "营业时间", "similar_questions": ["几点开门"],
                "answer": { "text": "9–18", "attachments": [
                    { "msgtype": "image", "name": "a.png" }, { "msgtype": "video", "name": "b.mp4" },
                    { "msgtype": "link", "title": "t", "url": "u", "pic_url": "p" },
                    { "msgtype": "miniprogram", "title": "t", "appid": "wx", "pagepath": "p" },
                    { "msgtype": "hologram" }, { "msgtype": "link" },
                ] },
            })
        );
    }
    let reply = json!({ "errcode": 0, "intent_list": [] });
    let one = post(&server, "knowledge/list_intent", json!({ "limit": 1000, "intent_id": "ki1" }), reply).await;
    let none = client.knowledge().list_intents().intent("ki1").await.unwrap();
    assert!(none.is_empty());
    one.assert_calls_async(1).await;
}

#[tokio::test]
async fn bad_input_is_refused_before_a_request_is_made() {
    let (server, client): (_, Client) = server().await;
    let everything = server.mock_async(|when, then| drop((when.method("POST"), then.status(500)))).await;
    let knowledge = client.knowledge();
    let answer = || IntentAnswer::new("a");
    let long = |characters: usize| "问".repeat(characters);
    let many = |count: usize| knowledge.update_intent("i").similar_questions(vec!["q"; count]);
    let add = async |intent: Intent| knowledge.add_intent("g", intent).await.err();
    let answers = async |answer: IntentAnswer| knowledge.update_intent("i").answer(answer).await.err();
    let cases = [
        (knowledge.add_group("").await.err(), "name is empty"),
        (knowledge.add_group(long(13)).await.err(), "name has 13 characters, at most 12 are allowed"),
        (knowledge.rename_group("", "n").await.err(), "group_id is empty"),
        (knowledge.rename_group("g", long(13)).await.err(), "name has 13 characters"),
        (knowledge.delete_group("").await.err(), "group_id is empty"),
        (knowledge.delete_intent("").await.err(), "intent_id is empty"),
        (knowledge.update_intent("i").await.err(), "update is empty"),
        (knowledge.update_intent("").question("q").await.err(), "intent_id is empty"),
        (knowledge.add_intent("", Intent::new("q", "a")).await.err(), "group_id is empty"),
        (knowledge.list_groups().group("").await.err(), "group_id is empty"),
        (knowledge.list_intents().group("").await.err(), "group_id is empty"),
        (knowledge.list_intents().intent("").await.err(), "intent_id is empty"),
        (add(Intent::new(long(201), answer())).await, "question has 201 characters, at most 200 are allowed"),
        (add(Intent::new("q", answer()).similar("")).await, "similar_questions is empty"),
        (many(101).await.err(), "similar_questions has 101 items, at most 100 are allowed"),
        (answers(IntentAnswer::new("")).await, "answer is empty"),
        (answers(IntentAnswer::new(long(501))).await, "answer has 501 characters, at most 500 are allowed"),
        (answers(answer().image("")).await, "media_id is empty"),
        (answers(answer().link(IntentLink::new("", "u"))).await, "title is empty"),
        (answers(answer().miniprogram("t", "", "p", "m")).await, "appid is empty"),
    ];
    for (error, expected) in cases {
        let error = error.unwrap_or_else(|| panic!("{expected} was taken"));
        assert!(error.to_string().starts_with(expected), "{error} / {expected}");
        assert_chinese(&error);
    }
    everything.assert_calls_async(0).await;
    assert!(many(100).check().is_ok());
    assert!(Intent::new(long(200), IntentAnswer::new(long(500))).similar(long(200)).check().is_ok());
}
