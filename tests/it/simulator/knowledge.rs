//! The knowledge base of the simulator.

use wecom_kf::knowledge::{DesiredGroup, Intent, IntentAnswer, IntentLink, KnowledgeChange, StoredAttachment};
use wecom_kf::media::{MediaType, Upload};

use super::world;

#[tokio::test]
async fn knowledge_is_added_changed_listed_and_deleted() {
    let world = world().await;
    let knowledge = world.client.knowledge();
    let group = knowledge.add_group("常见问题").await.unwrap();
    knowledge.rename_group(&group, "配送").await.unwrap();
    let groups = knowledge.list_groups().await.unwrap();
    let names: Vec<_> = groups.iter().map(|group| (group.name.as_str(), group.is_default)).collect();
    assert!(
        names.contains(&("配送", false)) && names.iter().filter(|(_, is_default)| *is_default).count() == 1,
        "{names:?}"
    );

    let picture = Upload::from_bytes("a.jpg", b"\xff\xd8\xff a picture".to_vec());
    let media_id = world.client.media().upload(MediaType::Image, picture).await.unwrap().media_id;
    let intent = Intent::new("何时配送？", IntentAnswer::new("全天").image(media_id)).similar("几点送");
    let intent_id = knowledge.add_intent(&group, intent.clone()).await.unwrap();
    assert!(knowledge.add_intent(&group, intent).await.is_err(), "a question is unique");
    knowledge.update_intent(&intent_id).question("什么时候配送？").await.unwrap();

    let found = knowledge.list_intents().group(&group).await.unwrap();
    let [intent] = &found[..] else { panic!("{found:?}") };
    assert_eq!((intent.intent_id.as_str(), intent.question.as_str()), (intent_id.as_str(), "什么时候配送？"));
    assert_eq!(intent.similar_questions, ["几点送"]);
    let answer = intent.answer.as_ref().unwrap();
    assert!(matches!(&answer.attachments[..], [StoredAttachment::Image { name }] if name == "a.jpg"));

    knowledge.delete_intent(&intent_id).await.unwrap();
    let none = knowledge.list_intents().intent(&intent_id).await.unwrap_or_default();
    assert!(none.is_empty());
    knowledge.delete_group(&group).await.unwrap();
    assert!(knowledge.delete_group(&group).await.is_err());
}

#[tokio::test]
async fn syncing_changes_what_differs_and_then_nothing() {
    let world = world().await;
    let knowledge = world.client.knowledge();
    let picture = Upload::from_bytes("a.jpg", b"\xff\xd8\xff a picture".to_vec());
    let media_id = world.client.media().upload(MediaType::Image, picture).await.unwrap().media_id;
    let hours = Intent::new("营业时间是？", "周一至周五").similar("几点开门").similar("几点关门");
    let answer = IntentAnswer::new("全天").image(media_id).link(IntentLink::new("门店", "https://example.com/"));
    let desired = [
        DesiredGroup::new("常见问题").intent(hours.clone()),
        DesiredGroup::new("配送")
            .intent(Intent::new("何时配送？", answer.clone()))
            .intent(Intent::new("运费？", "包邮")),
    ];
    let shown = |changes: &[KnowledgeChange]| -> Vec<String> {
        let json = changes.iter().map(|change| serde_json::to_value(change).unwrap());
        let text = |json: &serde_json::Value, key: &str| json[key].as_str().unwrap_or_default().to_owned();
        json.map(|json| format!("{} {}{}", text(&json, "change"), text(&json, "name"), text(&json, "question")))
            .collect()
    };
    let added = [
        "add_group 常见问题",
        "add_intent 营业时间是？",
        "add_group 配送",
        "add_intent 何时配送？",
        "add_intent 运费？",
    ];
    assert_eq!(shown(&knowledge.sync(desired.clone()).plan().await.unwrap()), added);
    assert!(knowledge.list_intents().await.unwrap().is_empty(), "a plan changes nothing");
    assert_eq!(shown(&knowledge.sync(desired.clone()).await.unwrap()), added);
    assert_eq!(shown(&knowledge.sync(desired.clone()).await.unwrap()), [""; 0]);
    let reordered = Intent::new("营业时间是？", "周一至周五").similar("几点关门").similar("几点开门");
    let same = DesiredGroup::new("常见问题").intent(reordered);
    assert_eq!(shown(&knowledge.sync([same]).delete_others().await.unwrap()), [""; 0]);

    // Similar questions and an answer change, an intent moves, another one is no longer desired.
    let desired = [
        DesiredGroup::new("常见问题")
            .intent(Intent::new("营业时间是？", "周一至周五"))
            .intent(Intent::new("何时配送？", answer.link(IntentLink::new("二", "https://example.com/2")))),
        DesiredGroup::new("配送"),
    ];
    assert_eq!(
        shown(&knowledge.sync(desired.clone()).await.unwrap()),
        ["update_intent 营业时间是？", "move_intent 何时配送？"]
    );
    assert_eq!(shown(&knowledge.sync(desired.clone()).delete_others().await.unwrap()), ["delete_intent 运费？"]);
    assert_eq!(shown(&knowledge.sync(desired).delete_others().await.unwrap()), [""; 0]);
    let stored = knowledge.list_intents().await.unwrap();
    let similar: Vec<_> =
        stored.iter().map(|intent| (intent.question.as_str(), intent.similar_questions.len())).collect();
    assert_eq!(similar, [("营业时间是？", 0), ("何时配送？", 0)]);
}

#[tokio::test]
async fn what_was_read_is_the_same_and_is_not_written_without_its_media() {
    let world = world().await;
    let knowledge = world.client.knowledge();
    let media_id = |name: &str| world.sim.upload(wecom_kf_sim::MediaKind::Image, name, b"\xff\xd8\xff".to_vec());
    let link = IntentLink::new("门店", "https://example.com/").desc("地址").pic_url("https://example.com/a.png");
    let answer = IntentAnswer::new("全天").image(media_id("a.jpg")).link(link);
    let answer = answer.miniprogram("商城", "wx1", "pages/index", media_id("b.jpg"));
    let hours = Intent::new("营业时间是？", answer).similar("几点开门");
    knowledge.sync([DesiredGroup::new("常见问题").intent(hours)]).await.unwrap();

    let stored = knowledge.list_intents().await.unwrap().remove(0);
    let read = stored.answer.unwrap();
    let answer = read.attachments.iter().fold(IntentAnswer::new(read.text), IntentAnswer::stored);
    let intent = |question: &str| Intent::new(question, answer.clone()).similar("几点开门");
    let same = DesiredGroup::new("常见问题").intent(intent(&stored.question));
    assert!(knowledge.sync([same]).delete_others().await.unwrap().is_empty());

    let requests = world.sim.requests();
    let other = DesiredGroup::new("新").intent(intent(&stored.question)).intent(Intent::new("运费？", "包邮"));
    assert_eq!(knowledge.sync([other.clone()]).plan().await.unwrap().len(), 3);
    let error = knowledge.sync([other]).await.unwrap_err();
    assert!(error.to_string().starts_with("media_id is empty"), "{error}");
    assert_eq!(world.sim.requests() - requests, 4, "nothing was changed");
    let unknown = IntentAnswer::new("a").stored(&StoredAttachment::Unknown { msgtype: "voice".to_owned() });
    let error = unknown.check().unwrap_err().to_string();
    assert!(error.starts_with("attachment must be an image, a video, a link or a mini program"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_desired_is_refused_before_anything_is_sent() {
    let world = world().await;
    let knowledge = world.client.knowledge();
    let group = |name: &str| DesiredGroup::new(name).intent(Intent::new(format!("{name}？"), "a"));
    let many =
        (0..201).fold(DesiredGroup::new("多"), |group, number| group.intent(Intent::new(number.to_string(), "a")));
    for (desired, problem) in [
        (vec![group("一"), group("一")], "name of group 2 must be different from those before it"),
        (
            vec![group("一"), group("二").intent(Intent::new("一？", "b"))],
            "question of intent 2 of group 2 must be different",
        ),
        (vec![group("")], "name is empty"),
        (vec![many], "intents has 201 items, at most 200 are allowed"),
        (vec![DesiredGroup::new("一").intent(Intent::new("一？", ""))], "answer is empty"),
    ] {
        let error = knowledge.sync(desired).await.unwrap_err();
        assert!(error.to_string().starts_with(problem), "{error} / {problem}");
    }
    assert_eq!(world.sim.requests(), 0);
}
