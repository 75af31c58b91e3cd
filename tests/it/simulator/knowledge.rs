//! The knowledge base of the simulator.

use wecom_kf::knowledge::{Answer, Intent, StoredAttachment};
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
    let intent = Intent::new("何时配送？", Answer::new("全天").image(media_id)).similar("几点送");
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
