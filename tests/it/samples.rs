//! Samples of real payloads, with invented values: every request satisfies its strict schema, and every reply decodes into the
//! expected value.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use wecom_kf::messages::content::MenuItem;
use wecom_kf::messages::event::{ChangeType, FailType};
use wecom_kf::messages::{Content, Event, Message, Origin};
use wecom_kf::raw::{FromJson, Operation, Request, op};

use crate::decoders::decoder;

fn samples() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut samples: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap()))
        .collect();
    samples.sort();
    assert!(samples.len() > 30, "samples are missing");
    samples
}

fn operation(sample: &str) -> Operation {
    let id = sample.split('.').next().unwrap();
    op::ALL.into_iter().find(|operation| operation.id == id).unwrap_or_else(|| panic!("{sample} is of no operation"))
}

#[test]
fn requests_satisfy_strict_schemas_that_refuse_unknown_fields() {
    let mut seen = 0;
    for (name, text) in samples().into_iter().filter(|(name, _)| name.ends_with(".request")) {
        let schema = wecom_kf_raw::document::request_schema(operation(&name)).unwrap();
        let validator = jsonschema::options().with_draft(jsonschema::Draft::Draft4).build(&schema).unwrap();
        let mut request: Value = serde_json::from_str(&text).unwrap();
        assert!(validator.is_valid(&request), "{name}: {:?}", validator.iter_errors(&request).collect::<Vec<_>>());
        request["unknown"] = Value::Bool(true);
        assert!(!validator.is_valid(&request), "{name} may have any field");
        seen += 1;
    }
    assert_eq!(seen, 21);
}

/// Decodes a reply with the type of its operation, and converts it back to JSON.
pub(crate) fn decoded(operation: Operation, json: &str) -> Value {
    let decode = decoder(operation).unwrap_or_else(|| panic!("{} has no JSON reply", operation.id));
    decode(json.as_bytes())
}

pub(crate) fn decode<R: Request<Reply: FromJson + Serialize>>(json: &[u8]) -> Value {
    serde_json::to_value(R::Reply::decode(json).unwrap()).unwrap()
}

#[test]
fn every_reply_satisfies_its_schema_and_decodes() {
    let document = wecom_kf_raw::document::parsed();
    let components = &document["components"];
    let mut operations = std::collections::BTreeSet::new();
    for (name, text) in samples().into_iter().filter(|(name, _)| !name.ends_with(".request")) {
        let reply: Value = serde_json::from_str(&text).unwrap();
        if name.starts_with("generic") {
            // A reply that any operation may return, so each must accept it.
            for operation in op::ALL.into_iter().filter(|operation| *operation != op::MEDIA_GET) {
                assert_eq!(decoded(operation, &text)["errcode"], reply["errcode"], "{name} {}", operation.id);
            }
            continue;
        }
        let operation = operation(&name);
        operations.insert(operation.id);
        // The JSON of media_get is a refusal, which the tests of files decode.
        if operation != op::MEDIA_GET {
            assert_eq!(decoded(operation, &text)["errcode"], reply["errcode"], "{name}");
        }
        let method = operation.method.to_ascii_lowercase();
        let schema =
            &document["paths"][operation.path][method]["responses"]["200"]["content"]["application/json"]["schema"];
        let schema = serde_json::json!({ "$ref": schema["$ref"], "components": components });
        let validator = jsonschema::options().with_draft(jsonschema::Draft::Draft4).build(&schema).unwrap();
        assert!(validator.is_valid(&reply), "{name}: {:?}", validator.iter_errors(&reply).collect::<Vec<_>>());
    }
    assert_eq!(operations.len(), 20, "{operations:?}");
}

/// Returns the messages of a sample.
fn messages(sample: &str) -> Vec<Message> {
    let (_, text) = samples().into_iter().find(|(name, _)| name == sample).unwrap_or_else(|| panic!("no {sample}"));
    let mut reply: Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value::<Vec<Value>>(reply["msg_list"].take())
        .unwrap()
        .iter()
        .map(|message| from_json(&message.to_string()))
        .collect()
}

fn from_json(json: &str) -> Message {
    serde_json::from_str(json).unwrap()
}

fn content(sample: &str) -> Content {
    let [message] = &messages(sample)[..] else { panic!("{sample} is no single message") };
    assert!(
        message.msgid().is_some() && message.open_kfid().is_some() && message.external_userid().is_some(),
        "{sample}"
    );
    message.content().clone()
}

/// What is exported has the form in which WeCom writes messages, so that it can be read again.
#[test]
fn a_serialized_content_decodes_to_the_same_content() {
    let menu = r#"{"msgtype":"msgmenu","msgmenu":{"head_content":"h","list":[
        {"type":"click","click":{"id":"1","content":"c"}},{"type":"view","view":{"url":"u","content":"c"}},
        {"type":"miniprogram","miniprogram":{"appid":"a","pagepath":"p","content":"c"}},
        {"type":"text","text":{"content":"c"}},{"type":"new","new":{}}],"tail_content":"t"}}"#;
    let by_hand = [
        menu,
        r#"{"msgtype":"video","video":{"media_id":"m"}}"#,
        r#"{"msgtype":"file","file":{"media_id":"m"}}"#,
        r#"{"msgtype":"link","link":{"title":"t","url":"u"}}"#,
        r#"{"msgtype":"miniprogram","miniprogram":{"title":"t","thumb_media_id":"m"}}"#,
        r#"{"msgtype":"channels_shop_order","channels_shop_order":{"order_id":"o"}}"#,
        r#"{"msgtype":"channels","channels":{"sub_type":2,"nickname":"n"}}"#,
        r#"{"msgtype":"meeting","meeting":{}}"#,
        r#"{"msgtype":"schedule","schedule":{}}"#,
        r#"{"msgtype":"note"}"#,
        r#"{"msgtype":"hologram","hologram":{}}"#,
        r#"{"msgtype":"event","event":{"event_type":"new_event","open_kfid":"wk"}}"#,
        r#"{"msgtype":"event","event":{"event_type":"servicer_status_change","servicer_userid":"a","status":2}}"#,
        r#"{"msgtype":"event","event":{"event_type":"reject_customer_msg_switch_change","reject_switch":1}}"#,
    ];
    let is_page = |name: &str| name.starts_with("sync_msg.") && !name.contains("error") && !name.contains("request");
    let sampled = samples().into_iter().filter(|(name, _)| is_page(name)).flat_map(|(name, _)| messages(&name));
    let mut kinds = std::collections::BTreeSet::new();
    for message in sampled.chain(by_hand.map(from_json)) {
        let json = serde_json::to_string(message.content()).unwrap();
        assert_eq!(from_json(&json).content(), message.content(), "{json}");
        assert!(!json.contains("null"), "{json}");
        kinds.insert(message.msgtype().to_owned());
    }
    assert_eq!(kinds.len(), 19, "18 kinds and an unknown one: {kinds:?}");
}

#[test]
fn each_kind_of_message_decodes_to_its_content() {
    let Content::Text(text) = content("sync_msg.text") else { panic!() };
    assert_eq!((text.content.as_str(), text.menu_id), ("你好，我的订单到哪里了？", None));
    assert!(matches!(content("sync_msg.image"), Content::Image(media) if media.media_id.as_str().starts_with("1Gx7")));
    assert!(matches!(content("sync_msg.voice"), Content::Voice(media) if media.media_id.as_str().starts_with("3Hy9")));
    let Content::Location(location) = content("sync_msg.location") else { panic!() };
    assert_eq!(
        (location.latitude, location.longitude, location.name.as_deref()),
        (23.1060218811035, 113.320503234863, Some("某某大厦"))
    );
    assert!(matches!(content("sync_msg.business_card"), Content::BusinessCard(card) if card.userid == "lisi"));
    let Content::ChannelsShopProduct(product) = content("sync_msg.channels_shop_product") else { panic!() };
    assert_eq!(
        (product.sales_price.as_deref(), product.head_image.as_deref()),
        (Some("19900"), Some("https://example.com/p.png"))
    );

    let Content::Msgmenu(menu) = content("sync_msg.msgmenu") else { panic!() };
    assert_eq!(menu.head_content.as_deref(), Some("您对本次服务满意吗？"));
    let [
        MenuItem::Click { id: Some(id), content: satisfied },
        _,
        MenuItem::View { url: Some(_), .. },
        MenuItem::Miniprogram { pagepath: Some(_), .. },
    ] = &menu.list[..]
    else {
        panic!("{menu:?}")
    };
    assert_eq!((id.as_str(), satisfied.as_str()), ("101", "满意"));

    let Content::MergedMsg(history) = content("sync_msg.merged_msg") else { panic!() };
    let quoted: Vec<Content> = history.item.iter().map(|item| item.content()).collect();
    assert!(matches!(&quoted[..], [Content::Text(text), Content::Image(_)] if text.content == "第一条"));
}

#[test]
fn each_kind_of_event_decodes_to_its_content() {
    let event = |sample: &str| match content(sample) {
        Content::Event(event) => event,
        other => panic!("{sample}: {other:?}"),
    };
    let Event::EnterSession(entered) = event("sync_msg.event_enter_session") else { panic!() };
    assert_eq!((entered.scene.as_deref(), entered.scene_param.as_deref()), (Some("web_footer-1"), Some("a=1&b=2")));
    assert_eq!(entered.welcome_code.as_ref().map(|id| id.as_str()), Some("WELCOMEfixture0001"));
    let Event::MsgSendFail(failed) = event("sync_msg.event_msg_send_fail") else { panic!() };
    assert_eq!((failed.fail_msgid.as_str(), failed.fail_type), ("own-msg-0001", FailType::SESSION_EXPIRED));
    let Event::SessionStatusChange(taken) = event("sync_msg.event_session_status_change_taken") else { panic!() };
    assert_eq!(
        (taken.change_type, taken.new_servicer_userid.as_ref().map(|id| id.as_str())),
        (ChangeType::TAKEN, Some("zhangsan"))
    );
    assert!(taken.msg_code.is_some() && taken.old_servicer_userid.is_none());
    assert!(
        matches!(event("sync_msg.event_session_status_change_transferred"), Event::SessionStatusChange(change) if change.change_type == ChangeType::TRANSFERRED)
    );
    assert!(
        matches!(event("sync_msg.event_user_recall_msg"), Event::UserRecallMsg(recall) if recall.recall_msgid.as_str().ends_with("0001") && recall.servicer_userid.is_none())
    );
}

#[test]
fn a_mixed_page_keeps_its_order_and_its_origins() {
    let origins: Vec<_> = messages("sync_msg.mixed_page").iter().map(|message| message.origin().unwrap()).collect();
    assert_eq!(origins, [Origin::SYSTEM, Origin::CUSTOMER, Origin::SERVICER, Origin::CUSTOMER]);
    assert_eq!(messages("sync_msg.mixed_page")[2].servicer_userid(), Some(&"zhangsan".into()));
}

/// Where sources disagree, every reported form is accepted.
#[test]
fn disputed_forms_are_all_accepted() {
    let content = |json: &str| from_json(json).content().clone();
    let product = |json: &str| match content(json) {
        Content::ChannelsShopProduct(product) => product,
        other => panic!("{other:?}"),
    };
    let other_names = product(
        r#"{"msgtype":"channels_shop_product","channels_shop_product":{"head_img":"a","shop_head_img":"b","sales_price":19900}}"#,
    );
    assert_eq!(
        (other_names.head_image.as_deref(), other_names.shop_head_image.as_deref(), other_names.sales_price.as_deref()),
        (Some("a"), Some("b"), Some("19900"))
    );
    let both_names = product(
        r#"{"msgtype":"channels_shop_product","channels_shop_product":{"head_image":"","head_img":"a","shop_head_image":"b","shop_head_img":"c","title":""}}"#,
    );
    assert_eq!(
        (both_names.head_image.as_deref(), both_names.shop_head_image.as_deref(), both_names.title.as_deref()),
        (Some("a"), Some("b"), None)
    );
    let Content::Location(location) =
        content(r#"{"msgtype":"location","location":{"latitude":"23.1","longitude":113}}"#)
    else {
        panic!()
    };
    assert_eq!((location.latitude, location.longitude), (23.1, 113.0));
    let entered = content(
        r#"{"msgtype":"event","event":{"event_type":"enter_session","scene":"","welcome_code":"W","wechat_channels":{"scene":"4","shop_nickname":"店"}}}"#,
    );
    let Content::Event(Event::EnterSession(entered)) = entered else { panic!() };
    assert_eq!((entered.scene, entered.wechat_channels.unwrap().scene.unwrap().0), (None, 4));
    let odd = content(
        r#"{"msgtype":"event","event":{"event_type":"enter_session","welcome_code":"W","wechat_channels":"?"}}"#,
    );
    assert!(
        matches!(odd, Content::Event(Event::EnterSession(entered)) if entered.welcome_code.as_ref().map(|id| id.as_str()) == Some("W"))
    );
    for (inner, known) in [
        (r#"{"text":{"content":"甲"}}"#, true),
        (r#"{"msgtype":"text","text":{"content":"甲"}}"#, true),
        ("", false),
        ("no JSON", false),
    ] {
        let json = serde_json::json!({ "msgtype": "merged_msg", "merged_msg": { "item": [{ "msgtype": "text", "msg_content": inner }, { "msgtype": 1 }] } });
        let Content::MergedMsg(history) = content(&json.to_string()) else { panic!() };
        assert_eq!(matches!(history.item[0].content(), Content::Text(_)), known, "{inner}");
        assert_eq!(history.item[1].msgtype, "1");
    }
}

/// A malformed member is dropped, and the members beside it are kept.
#[test]
fn a_malformed_member_does_not_affect_the_others() {
    let message = from_json(r#"{"msgid":"m","send_time":1e999,"msgtype":"text","text":{"content":"x"},"origin":[3]}"#);
    assert_eq!((message.msgid().map(|id| id.as_str()), message.send_time(), message.origin()), (Some("m"), None, None));
    assert!(matches!(message.content(), Content::Text(text) if text.content == "x"));
    let lone = from_json(r#"{"msgid":"m","servicer_userid":"\ud83d","msgtype":"text","text":{"content":"x"}}"#);
    assert_eq!((lone.msgid().map(|id| id.as_str()), lone.servicer_userid()), (Some("m"), None));
    let big = from_json(r#"{"msgid":14302394000000000001}"#);
    assert_eq!(big.msgid().map(|id| id.as_str()), Some("14302394000000000001"));
    assert_eq!(big.detached().raw(), big.raw());

    let event = |json: &str| match from_json(&format!(r#"{{"msgtype":"event","event":{json}}}"#)).content() {
        Content::Event(event) => event.clone(),
        other => panic!("{other:?}"),
    };
    let entered = event(
        r#"{"event_type":"enter_session","scene":[],"scene_param":{},"welcome_code":"W","wechat_channels":{"scene":"","nickname":"号"}}"#,
    );
    let Event::EnterSession(entered) = entered else { panic!("{entered:?}") };
    assert_eq!((entered.welcome_code.as_ref().map(|id| id.as_str()), entered.scene), (Some("W"), None));
    assert_eq!(entered.wechat_channels.unwrap().nickname.as_deref(), Some("号"));
    let stopped = event(r#"{"event_type":"servicer_status_change","servicer_userid":"z","status":2,"stop_type":""}"#);
    assert!(matches!(stopped, Event::ServicerStatusChange(change) if change.stop_type.is_none()));

    let history =
        |item: &str| match from_json(&format!(r#"{{"msgtype":"merged_msg","merged_msg":{{"item":[{item}]}}}}"#))
            .content()
        {
            Content::MergedMsg(history) => history.item[0].content(),
            other => panic!("{other:?}"),
        };
    for item in [
        r#"{"msgtype":"text","msg_content":{"text":{"content":"甲"}}}"#,
        r#"{"msgtype":1,"msg_content":"{\"text\":{\"content\":\"甲\"}}"}"#,
        r#"{"msgtype":"text","msg_content":"{\"text\":{\"content\":\"甲\"},\"x\":\"\\ud83d\"}"}"#,
        r#"{"sender_name":{},"msgtype":"text","msg_content":"{\"text\":{\"content\":\"甲\"}}"}"#,
    ] {
        assert!(matches!(history(item), Content::Text(text) if text.content == "甲"), "{item}");
    }
    let menu = from_json(
        r#"{"msgtype":"msgmenu","msgmenu":{"list":[{"type":"click","click":{"id":{},"content":"x"}},{"type":"new","view":"s"}]}}"#,
    );
    let Content::Msgmenu(menu) = menu.content() else { panic!() };
    let kinds: Vec<_> =
        menu.list.iter().map(|item| matches!(item, MenuItem::Unknown { kind } if !kind.is_empty())).collect();
    assert_eq!(kinds, [true, true]);
    let both = from_json(
        r#"{"msgtype":"channels_shop_product","channels_shop_product":{"head_image":"a","head_img":"b","product_id":14302394000000000001}}"#,
    );
    let Content::ChannelsShopProduct(product) = both.content() else { panic!() };
    assert_eq!(
        (product.head_image.as_deref(), product.product_id.as_deref()),
        (Some("a"), Some("14302394000000000001"))
    );
    let nowhere = from_json(r#"{"msgtype":"location","location":{"latitude":"NaN","longitude":1}}"#);
    assert!(matches!(nowhere.content(), Content::Unknown { .. }));
}

#[test]
fn any_message_decodes_and_serialises_back_unchanged() {
    let odd = [
        r#"{"msgtype":"hologram","hologram":{}}"#,
        r#"{"msgtype":"text"}"#,
        r#"{"msgtype":"text","text":null}"#,
        r#"{"msgtype":"text","text":["x"]}"#,
        r#"{"msgtype":"text","text":{}}"#,
        r#"{"msgtype":"image","image":"m"}"#,
        r#"{"msgtype":"location","location":{"latitude":null,"longitude":1}}"#,
        r#"{"msgtype":"event","event":[]}"#,
        r#"{"msgtype":"event","event":{}}"#,
        r#"{ "msgtype" : 7 , "msgid" : 8, "send_time" : 1e9 }"#,
        "{}",
        "[]",
        "17",
        "null",
        r#""text""#,
    ];
    for json in odd {
        let message = from_json(json);
        assert!(matches!(message.content(), Content::Unknown { msgtype } if msgtype == message.msgtype()), "{json}");
        assert_eq!((message.raw(), serde_json::to_string(&message).unwrap().as_str()), (json, json));
    }
    let future = from_json(r#"{"msgtype":"event","event":{"event_type":"moon_landing","open_kfid":"wk"}}"#);
    assert_eq!(future.content(), &Content::Event(Event::Unknown { event_type: "moon_landing".into() }));
    let odd_event = from_json(r#"{"msgtype":"event","event":{"event_type":"msg_send_fail"}}"#);
    assert_eq!(odd_event.content(), &Content::Event(Event::Unknown { event_type: "msg_send_fail".into() }));
    for undocumented in ["meeting", "schedule", "note"] {
        let message = from_json(&format!(r#"{{"msgtype":"{undocumented}"}}"#));
        assert!(matches!(message.content(), Content::Meeting | Content::Schedule | Content::Note));
    }
}

#[test]
fn debug_does_not_show_customers_texts() {
    for (name, text) in
        samples().into_iter().filter(|(name, _)| name.starts_with("sync_msg.") && !name.contains("request"))
    {
        let reply: Value = serde_json::from_str(&text).unwrap();
        for message in reply["msg_list"].as_array().into_iter().flatten() {
            let message = from_json(&message.to_string());
            let shown = format!("{message:?} {:?}", message.content());
            for words in
                ["你好", "某某", "满意", "测试", "第一条", "在吗", "WELCOME", "MSGCODE", "a=1", "example.com", "聊天"]
            {
                assert!(!shown.contains(words), "{name} shows {words}: {shown}");
            }
        }
    }
}
