//! The knowledge base (知识库) [95971, 95972].
//!
//! unverified: the errcodes. No source names one for what is refused here, so it is 40058 throughout, with a reason in
//! the errmsg.

use std::time::Duration;

use serde_json::{Value, json};
use wecom_kf_raw::ErrCode;

use crate::platform::MediaKind;
use crate::platform::model::assumptions::Assumption;
use crate::platform::model::ids::Ids;
use crate::platform::model::refusal::Refusal;
use crate::platform::ops::message::send::check_bodies;
use crate::platform::{Platform, required, text};

/// [95971]; unverified: that the default group is one of them.
const MAX_GROUPS: usize = 100;
/// In a group [95972].
const MAX_INTENTS: usize = 200;
/// The page size when `limit` is absent; the largest, 1,000, is in the document [95971].
const DEFAULT_LIMIT: usize = 500;
const DEFAULT_GROUP: &str = "默认分组";
/// What an answer may have besides its text [95972].
const ATTACHMENTS: [&str; 4] = ["image", "video", "link", "miniprogram"];

/// Groups and intents, in the order they were added.
#[derive(Debug, Default)]
pub(crate) struct Knowledge {
    groups: Vec<Group>,
    intents: Vec<Intent>,
    /// How many groups and intents there ever were: what comes next has a higher number.
    numbered: u64,
}

#[derive(Debug)]
struct Group {
    number: u64,
    group_id: String,
    name: String,
}

#[derive(Debug)]
struct Intent {
    number: u64,
    group_id: String,
    intent_id: String,
    question: Value,
    similar_questions: Value,
    answers: Value,
}

impl Knowledge {
    /// The default group is there from the start, and the first [95971].
    pub(crate) fn new(ids: &mut Ids) -> Self {
        let mut knowledge = Self::default();
        knowledge.add_group(ids, DEFAULT_GROUP);
        knowledge
    }

    fn add_group(&mut self, ids: &mut Ids, name: &str) -> String {
        let group_id = ids.next("knowledge group", "kg", 30);
        let number = self.next_number();
        self.groups.push(Group { number, group_id: group_id.clone(), name: name.to_owned() });
        group_id
    }

    fn next_number(&mut self) -> u64 {
        self.numbered += 1;
        self.numbered
    }

    fn is_default(&self, group_id: &str) -> bool {
        self.groups.first().is_some_and(|group| group.group_id == group_id)
    }

    fn move_to_default(&mut self, group_id: &str) {
        let Some(default) = self.groups.first() else { return };
        for intent in self.intents.iter_mut().filter(|intent| intent.group_id == group_id) {
            intent.group_id.clone_from(&default.group_id);
        }
    }

    fn group(&mut self, group_id: &str) -> Result<&mut Group, Refusal> {
        let group = self.groups.iter_mut().find(|group| group.group_id == group_id);
        group.ok_or_else(|| refused("there is no group with this `group_id`"))
    }

    fn intent(&mut self, intent_id: &str) -> Result<&mut Intent, Refusal> {
        let intent = self.intents.iter_mut().find(|intent| intent.intent_id == intent_id);
        intent.ok_or_else(|| refused("there is no intent with this `intent_id`"))
    }

    /// The group, if it may be changed: the default one can be neither renamed nor deleted [95971].
    fn changeable_group(&mut self, group_id: &str) -> Result<&mut Group, Refusal> {
        if self.is_default(group_id) {
            return Err(refused("the default group can be neither renamed nor deleted"));
        }
        self.group(group_id)
    }

    /// Names are unique [95971].
    fn check_name(&self, name: &str, group_id: Option<&str>) -> Result<(), Refusal> {
        let mut others = self.groups.iter().filter(|group| Some(group.group_id.as_str()) != group_id);
        if others.any(|group| group.name == name) { Err(refused("another group has this `name`")) } else { Ok(()) }
    }

    /// A question is unique across all groups [95972]. unverified: that this is about main questions only.
    fn check_question(&self, question: &Value, intent_id: Option<&str>) -> Result<(), Refusal> {
        let mut others = self.intents.iter().filter(|intent| Some(intent.intent_id.as_str()) != intent_id);
        let is_asked = others.any(|intent| intent.question["text"]["content"] == question["text"]["content"]);
        if is_asked { Err(refused("another intent has this `question`")) } else { Ok(()) }
    }
}

impl Group {
    fn listed(&self, is_default: bool) -> Value {
        json!({ "group_id": self.group_id, "name": self.name, "is_default": u8::from(is_default) })
    }
}

impl Intent {
    /// unverified: `similar_questions` and `answers` stand beside `question`, as the table and all SDKs have it; the
    /// printed sample has them inside.
    fn listed(&self) -> Value {
        json!({
            "group_id": self.group_id,
            "intent_id": self.intent_id,
            "question": self.question,
            "similar_questions": self.similar_questions,
            "answers": self.answers,
        })
    }
}

impl Platform {
    /// `POST /cgi-bin/kf/knowledge/add_group` [95971].
    pub(crate) fn knowledge_add_group(&mut self, _now: Duration, request: &Value) -> Result<Value, Refusal> {
        let name = required(request, "name")?;
        self.knowledge.check_name(name, None)?;
        if self.knowledge.groups.len() >= MAX_GROUPS {
            return Err(refused("there are 100 groups already"));
        }
        Ok(json!({ "group_id": self.knowledge.add_group(&mut self.ids, name) }))
    }

    /// `POST /cgi-bin/kf/knowledge/del_group` [95971].
    pub(crate) fn knowledge_del_group(&mut self, _now: Duration, request: &Value) -> Result<Value, Refusal> {
        let group_id = required(request, "group_id")?;
        self.knowledge.changeable_group(group_id)?;
        self.knowledge.groups.retain(|group| group.group_id != group_id);
        // unverified: what becomes of its intents is not documented; here they go with it.
        if self.assumptions.hold(Assumption::GroupTakesItsIntents) {
            self.knowledge.intents.retain(|intent| intent.group_id != group_id);
        } else {
            self.knowledge.move_to_default(group_id);
        }
        Ok(json!({}))
    }

    /// `POST /cgi-bin/kf/knowledge/mod_group` [95971].
    pub(crate) fn knowledge_mod_group(&mut self, _now: Duration, request: &Value) -> Result<Value, Refusal> {
        let (group_id, name) = (required(request, "group_id")?, required(request, "name")?);
        self.knowledge.changeable_group(group_id)?;
        self.knowledge.check_name(name, Some(group_id))?;
        name.clone_into(&mut self.knowledge.changeable_group(group_id)?.name);
        Ok(json!({}))
    }

    /// `POST /cgi-bin/kf/knowledge/list_group` [95971].
    pub(crate) fn knowledge_list_group(&mut self, _now: Duration, request: &Value) -> Result<Value, Refusal> {
        let only = text(request, "group_id");
        only.map_or(Ok(()), |group_id| self.knowledge.group(group_id).map(drop))?;
        let wanted = self.knowledge.groups.iter().filter(|group| only.is_none_or(|only| only == group.group_id));
        let entries = wanted.map(|group| (group.number, group.listed(self.knowledge.is_default(&group.group_id))));
        page(&self.ids, request, "group_list", entries)
    }

    /// `POST /cgi-bin/kf/knowledge/add_intent` [95972].
    pub(crate) fn knowledge_add_intent(&mut self, now: Duration, request: &Value) -> Result<Value, Refusal> {
        let group_id = required(request, "group_id")?;
        self.knowledge.group(group_id)?;
        self.knowledge.check_question(&request["question"], None)?;
        let answers = self.stored_answers(&request["answers"], now)?;
        if self.knowledge.intents.iter().filter(|intent| intent.group_id == group_id).count() >= MAX_INTENTS {
            return Err(refused("the group has 200 intents already"));
        }
        let intent_id = self.ids.next("knowledge intent", "ki", 30);
        let intent = Intent {
            number: self.knowledge.next_number(),
            group_id: group_id.to_owned(),
            intent_id: intent_id.clone(),
            question: request["question"].clone(),
            similar_questions: request.get("similar_questions").cloned().unwrap_or_else(|| json!({ "items": [] })),
            answers,
        };
        self.knowledge.intents.push(intent);
        Ok(json!({ "intent_id": intent_id }))
    }

    /// `POST /cgi-bin/kf/knowledge/del_intent` [95972].
    pub(crate) fn knowledge_del_intent(&mut self, _now: Duration, request: &Value) -> Result<Value, Refusal> {
        let intent_id = required(request, "intent_id")?;
        self.knowledge.intent(intent_id)?;
        self.knowledge.intents.retain(|intent| intent.intent_id != intent_id);
        Ok(json!({}))
    }

    /// `POST /cgi-bin/kf/knowledge/mod_intent` [95972]. What is given replaces the whole of it.
    pub(crate) fn knowledge_mod_intent(&mut self, now: Duration, request: &Value) -> Result<Value, Refusal> {
        let intent_id = required(request, "intent_id")?;
        self.knowledge.intent(intent_id)?;
        let question = request.get("question");
        question.map_or(Ok(()), |question| self.knowledge.check_question(question, Some(intent_id)))?;
        let answers = request.get("answers").map(|answers| self.stored_answers(answers, now)).transpose()?;

        let intent = self.knowledge.intent(intent_id)?;
        if let Some(question) = question {
            intent.question = question.clone();
        }
        if let Some(similar_questions) = request.get("similar_questions") {
            intent.similar_questions = similar_questions.clone();
        }
        if let Some(answers) = answers {
            intent.answers = answers;
        }
        Ok(json!({}))
    }

    /// `POST /cgi-bin/kf/knowledge/list_intent` [95972].
    pub(crate) fn knowledge_list_intent(&mut self, _now: Duration, request: &Value) -> Result<Value, Refusal> {
        let (group_id, intent_id) = (text(request, "group_id"), text(request, "intent_id"));
        group_id.map_or(Ok(()), |group_id| self.knowledge.group(group_id).map(drop))?;
        intent_id.map_or(Ok(()), |intent_id| self.knowledge.intent(intent_id).map(drop))?;
        let wanted = self.knowledge.intents.iter().filter(|intent| {
            group_id.is_none_or(|only| only == intent.group_id) && intent_id.is_none_or(|only| only == intent.intent_id)
        });
        page(&self.ids, request, "intent_list", wanted.map(|intent| (intent.number, intent.listed())))
    }

    /// Answers as they come back: of files only the names [95972].
    fn stored_answers(&self, answers: &Value, now: Duration) -> Result<Value, Refusal> {
        let mut stored = answers.clone();
        for answer in stored.as_array_mut().into_iter().flatten() {
            let attachments = answer.get_mut("attachments").and_then(Value::as_array_mut);
            for attachment in attachments.into_iter().flatten() {
                self.store_attachment(attachment, now)?;
            }
        }
        Ok(stored)
    }

    fn store_attachment(&self, attachment: &mut Value, now: Duration) -> Result<(), Refusal> {
        let msgtype = attachment["msgtype"].as_str().unwrap_or_default().to_owned();
        if !ATTACHMENTS.contains(&msgtype.as_str()) {
            return Err(ErrCode::INVALID_MSGTYPE.into());
        }
        check_bodies(attachment, &msgtype, &ATTACHMENTS, "msgtype of the attachment", &self.assumptions)?;
        let body = &mut attachment[&msgtype];
        match msgtype.as_str() {
            "image" => *body = self.attached(body, MediaKind::Image, now)?,
            "video" => *body = self.attached(body, MediaKind::Video, now)?,
            "miniprogram" => {
                self.check_media(required(body, "thumb_media_id")?, MediaKind::Image, now)?;
                body.as_object_mut().and_then(|body| body.remove("thumb_media_id"));
            }
            _ => {}
        }
        Ok(())
    }

    /// What comes back of a file.
    fn attached(&self, body: &Value, kind: MediaKind, now: Duration) -> Result<Value, Refusal> {
        let media_id = required(body, "media_id")?;
        self.check_media(media_id, kind, now)?;
        Ok(json!({ "name": self.file_name(media_id, now)? }))
    }
}

/// The entries behind the cursor, oldest first. A cursor says which entry was the last: those that are deleted meanwhile
/// do no harm. unverified: how WeCom does it.
fn page(
    ids: &Ids,
    request: &Value,
    list: &'static str,
    entries: impl Iterator<Item = (u64, Value)>,
) -> Result<Value, Refusal> {
    let after = match text(request, "cursor") {
        None => 0,
        // The code of lists' cursors [errcodes 50100].
        Some(cursor) => ids.unseal(list, cursor).ok_or(ErrCode::INVALID_CURSOR)?,
    };
    let limit = request["limit"].as_u64().and_then(|limit| usize::try_from(limit).ok()).unwrap_or(DEFAULT_LIMIT);
    let mut rest = entries.filter(|(number, _)| *number > after);
    let page: Vec<_> = rest.by_ref().take(limit).collect();
    let has_more = rest.next().is_some();
    let last = page.last().map_or(after, |(number, _)| *number);
    let page: Vec<_> = page.into_iter().map(|(_, entry)| entry).collect();
    Ok(json!({ "next_cursor": ids.seal(list, last), "has_more": u8::from(has_more), list: page }))
}

fn refused(why: &str) -> Refusal {
    Refusal::because(ErrCode::INVALID_PARAMETER, why)
}
