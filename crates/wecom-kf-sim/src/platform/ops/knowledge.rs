//! The tag `knowledge`: groups and intents of the knowledge base (知识库) [95971, 95972]. What is stored is in
//! `model/knowledge.rs`.

use std::time::Duration;

use serde::Serialize;
use wecom_kf_raw::ErrCode;
use wecom_kf_raw::types::{
    KnowledgeAddGroupRequest, KnowledgeAddIntentRequest, KnowledgeAnswer, KnowledgeAnswerInput, KnowledgeAnswerText,
    KnowledgeAttachment, KnowledgeAttachmentImage, KnowledgeAttachmentInput, KnowledgeAttachmentInputImage,
    KnowledgeAttachmentInputLink, KnowledgeAttachmentInputMiniprogram, KnowledgeAttachmentInputVideo,
    KnowledgeAttachmentLink, KnowledgeAttachmentMiniprogram, KnowledgeAttachmentVideo, KnowledgeDelGroupRequest,
    KnowledgeDelIntentRequest, KnowledgeListGroupRequest, KnowledgeListIntentRequest, KnowledgeModGroupRequest,
    KnowledgeModIntentRequest, KnowledgeQuestionInput, KnowledgeSimilarQuestionsInput,
};

use crate::platform::MediaKind;
use crate::platform::Platform;
use crate::platform::model::assumptions::Assumption;
use crate::platform::model::ids::Ids;
use crate::platform::model::knowledge::{Intent, refused};
use crate::platform::model::refusal::Refusal;
use crate::platform::ops::one_body::one_body;
use crate::platform::ops::{Nothing, given};

rule!(up_to_100_groups);
const MAX_GROUPS: usize = 100;
rule!(up_to_200_intents_in_a_group);
/// In a group.
const MAX_INTENTS: usize = 200;
rule!(knowledge_pages_of_500);
/// The page size when `limit` is absent; the largest, 1,000, is in the document.
const DEFAULT_LIMIT: usize = 500;
rule!(kinds_of_attachments);
/// What an answer may have besides its text.
const ATTACHMENTS: [&str; 4] = ["image", "video", "link", "miniprogram"];

#[derive(Serialize)]
pub(crate) struct GroupAdded {
    group_id: String,
}

#[derive(Serialize)]
pub(crate) struct IntentAdded {
    intent_id: String,
}

#[derive(Serialize)]
pub(crate) struct GroupPage<'a> {
    group_list: Vec<ListedGroup<'a>>,
    has_more: u8,
    next_cursor: String,
}

#[derive(Serialize)]
struct ListedGroup<'a> {
    group_id: &'a str,
    is_default: u8,
    name: &'a str,
}

#[derive(Serialize)]
pub(crate) struct IntentPage<'a> {
    has_more: u8,
    intent_list: Vec<ListedIntent<'a>>,
    next_cursor: String,
}

rule!(answers_stand_beside_question);
#[derive(Serialize)]
struct ListedIntent<'a> {
    answers: &'a [KnowledgeAnswer],
    group_id: &'a str,
    intent_id: &'a str,
    question: &'a KnowledgeQuestionInput,
    similar_questions: &'a KnowledgeSimilarQuestionsInput,
}

impl Platform {
    /// `POST /cgi-bin/kf/knowledge/add_group` [95971].
    pub(crate) fn knowledge_add_group(
        &mut self,
        _now: Duration,
        request: KnowledgeAddGroupRequest,
    ) -> Result<GroupAdded, Refusal> {
        self.knowledge.check_name(&request.name, None)?;
        if self.knowledge.groups.len() >= MAX_GROUPS {
            return Err(refused("there are 100 groups already"));
        }
        Ok(GroupAdded { group_id: self.knowledge.add_group(&mut self.ids, &request.name) })
    }

    /// `POST /cgi-bin/kf/knowledge/del_group` [95971].
    pub(crate) fn knowledge_del_group(
        &mut self,
        _now: Duration,
        request: KnowledgeDelGroupRequest,
    ) -> Result<Nothing, Refusal> {
        let group_id = &request.group_id;
        self.knowledge.changeable_group(group_id)?;
        self.knowledge.groups.retain(|group| group.group_id != *group_id);
        if self.assumptions.hold(Assumption::GroupTakesItsIntents) {
            self.knowledge.intents.retain(|intent| intent.group_id != *group_id);
        } else {
            self.knowledge.move_to_default(group_id);
        }
        Ok(Nothing {})
    }

    /// `POST /cgi-bin/kf/knowledge/mod_group` [95971].
    pub(crate) fn knowledge_mod_group(
        &mut self,
        _now: Duration,
        request: KnowledgeModGroupRequest,
    ) -> Result<Nothing, Refusal> {
        let KnowledgeModGroupRequest { group_id, name } = &request;
        self.knowledge.changeable_group(group_id)?;
        self.knowledge.check_name(name, Some(group_id))?;
        name.clone_into(&mut self.knowledge.changeable_group(group_id)?.name);
        Ok(Nothing {})
    }

    /// `POST /cgi-bin/kf/knowledge/list_group` [95971].
    pub(crate) fn knowledge_list_group(
        &mut self,
        _now: Duration,
        request: KnowledgeListGroupRequest,
    ) -> Result<GroupPage<'_>, Refusal> {
        let only = given(request.group_id.as_deref());
        only.map_or(Ok(()), |group_id| self.knowledge.group(group_id).map(drop))?;
        let wanted = self.knowledge.groups.iter().filter(|group| only.is_none_or(|only| only == group.group_id));
        let entries = wanted.map(|group| {
            let is_default = u8::from(self.knowledge.is_default(&group.group_id));
            (group.number, ListedGroup { group_id: &group.group_id, is_default, name: &group.name })
        });
        let cursor = given(request.cursor.as_deref());
        let Page { entries, has_more, next_cursor } = page(&self.ids, "group_list", cursor, request.limit, entries)?;
        Ok(GroupPage { group_list: entries, has_more, next_cursor })
    }

    /// `POST /cgi-bin/kf/knowledge/add_intent` [95972].
    pub(crate) fn knowledge_add_intent(
        &mut self,
        now: Duration,
        request: KnowledgeAddIntentRequest,
    ) -> Result<IntentAdded, Refusal> {
        let KnowledgeAddIntentRequest { answers, group_id, question, similar_questions } = request;
        self.knowledge.group(&group_id)?;
        self.knowledge.check_question(&question, None)?;
        let answers = self.stored_answers(answers, now)?;
        if self.knowledge.intents.iter().filter(|intent| intent.group_id == group_id).count() >= MAX_INTENTS {
            return Err(refused("the group has 200 intents already"));
        }
        let intent_id = self.ids.next("knowledge intent", "ki", 30);
        let number = self.knowledge.next_number();
        let similar_questions = similar_questions.unwrap_or_default();
        let intent_id_given = intent_id.clone();
        self.knowledge.intents.push(Intent { number, group_id, intent_id, question, similar_questions, answers });
        Ok(IntentAdded { intent_id: intent_id_given })
    }

    /// `POST /cgi-bin/kf/knowledge/del_intent` [95972].
    pub(crate) fn knowledge_del_intent(
        &mut self,
        _now: Duration,
        request: KnowledgeDelIntentRequest,
    ) -> Result<Nothing, Refusal> {
        self.knowledge.intent(&request.intent_id)?;
        self.knowledge.intents.retain(|intent| intent.intent_id != request.intent_id);
        Ok(Nothing {})
    }

    /// `POST /cgi-bin/kf/knowledge/mod_intent` [95972]. A part that is given replaces the whole part.
    pub(crate) fn knowledge_mod_intent(
        &mut self,
        now: Duration,
        request: KnowledgeModIntentRequest,
    ) -> Result<Nothing, Refusal> {
        rule!(mod_intent_replaces_whole_parts);
        let KnowledgeModIntentRequest { answers, intent_id, question, similar_questions } = request;
        self.knowledge.intent(&intent_id)?;
        let same_question = |question| self.knowledge.check_question(question, Some(&intent_id));
        question.as_ref().map_or(Ok(()), same_question)?;
        let answers = self.stored_answers(answers, now)?;

        let intent = self.knowledge.intent(&intent_id)?;
        if let Some(question) = question {
            intent.question = question;
        }
        if let Some(similar_questions) = similar_questions {
            intent.similar_questions = similar_questions;
        }
        if !answers.is_empty() {
            intent.answers = answers;
        }
        Ok(Nothing {})
    }

    /// `POST /cgi-bin/kf/knowledge/list_intent` [95972].
    pub(crate) fn knowledge_list_intent(
        &mut self,
        _now: Duration,
        request: KnowledgeListIntentRequest,
    ) -> Result<IntentPage<'_>, Refusal> {
        let (group_id, intent_id) = (given(request.group_id.as_deref()), given(request.intent_id.as_deref()));
        group_id.map_or(Ok(()), |group_id| self.knowledge.group(group_id).map(drop))?;
        intent_id.map_or(Ok(()), |intent_id| self.knowledge.intent(intent_id).map(drop))?;
        let wanted = self.knowledge.intents.iter().filter(|intent| {
            group_id.is_none_or(|only| only == intent.group_id) && intent_id.is_none_or(|only| only == intent.intent_id)
        });
        let entries = wanted.map(|intent| (intent.number, ListedIntent::of(intent)));
        let cursor = given(request.cursor.as_deref());
        let Page { entries, has_more, next_cursor } = page(&self.ids, "intent_list", cursor, request.limit, entries)?;
        Ok(IntentPage { has_more, intent_list: entries, next_cursor })
    }

    fn stored_answers(
        &self,
        answers: Vec<KnowledgeAnswerInput>,
        now: Duration,
    ) -> Result<Vec<KnowledgeAnswer>, Refusal> {
        let stored = answers.into_iter().map(|KnowledgeAnswerInput { attachments, text }| {
            let attachments = attachments.into_iter().map(|attachment| self.stored_attachment(attachment, now));
            let text = Some(KnowledgeAnswerText { content: Some(text.content) });
            Ok(KnowledgeAnswer { attachments: attachments.collect::<Result<_, _>>()?, text })
        });
        stored.collect()
    }

    /// Returns an attachment as `list_intent` returns it: of files only the names.
    fn stored_attachment(
        &self,
        attachment: KnowledgeAttachmentInput,
        now: Duration,
    ) -> Result<KnowledgeAttachment, Refusal> {
        rule!(attachments_come_back_as_names);
        let KnowledgeAttachmentInput { image, link, miniprogram, msgtype, video } = attachment;
        if !ATTACHMENTS.contains(&msgtype.as_str()) {
            return Err(ErrCode::INVALID_MSGTYPE.into());
        }
        let bodies = [
            ("image", image.map(Attached::Image)),
            ("video", video.map(Attached::Video)),
            ("link", link.map(Attached::Link)),
            ("miniprogram", miniprogram.map(Attached::Miniprogram)),
        ];
        let body = one_body(&msgtype, "msgtype of the attachment", bodies, &self.assumptions)?;
        let mut stored = KnowledgeAttachment { msgtype: Some(msgtype), ..KnowledgeAttachment::default() };
        match body {
            Attached::Image(KnowledgeAttachmentInputImage { media_id }) => {
                let name = Some(self.name_of_attached(&media_id, MediaKind::Image, now)?);
                stored.image = Some(KnowledgeAttachmentImage { name });
            }
            Attached::Video(KnowledgeAttachmentInputVideo { media_id }) => {
                let name = Some(self.name_of_attached(&media_id, MediaKind::Video, now)?);
                stored.video = Some(KnowledgeAttachmentVideo { name });
            }
            Attached::Link(KnowledgeAttachmentInputLink { desc, pic_url, title, url }) => {
                let (title, url) = (Some(title), Some(url));
                stored.link = Some(KnowledgeAttachmentLink { desc, pic_url, picurl: None, title, url });
            }
            Attached::Miniprogram(miniprogram) => {
                let KnowledgeAttachmentInputMiniprogram { appid, pagepath, thumb_media_id, title } = miniprogram;
                self.check_media(&thumb_media_id, MediaKind::Image, now)?;
                let (appid, pagepath, title) = (Some(appid), Some(pagepath), Some(title));
                stored.miniprogram = Some(KnowledgeAttachmentMiniprogram { appid, pagepath, title });
            }
        }
        Ok(stored)
    }

    fn name_of_attached(&self, media_id: &str, kind: MediaKind, now: Duration) -> Result<String, Refusal> {
        self.check_media(media_id, kind, now)?;
        Ok(self.file_name(media_id, now)?.to_owned())
    }
}

/// The body of an attachment.
#[derive(Serialize)]
#[serde(untagged)]
enum Attached {
    Image(KnowledgeAttachmentInputImage),
    Video(KnowledgeAttachmentInputVideo),
    Link(KnowledgeAttachmentInputLink),
    Miniprogram(KnowledgeAttachmentInputMiniprogram),
}

impl<'a> ListedIntent<'a> {
    fn of(intent: &'a Intent) -> Self {
        let Intent { group_id, intent_id, question, similar_questions, answers, .. } = intent;
        Self { answers, group_id, intent_id, question, similar_questions }
    }
}

/// A page of a list.
struct Page<T> {
    entries: Vec<T>,
    has_more: u8,
    next_cursor: String,
}

/// Returns the entries after the cursor, oldest first. A cursor contains the number of the last entry, so that entries
/// can be deleted between two pages.
fn page<T>(
    ids: &Ids,
    list: &'static str,
    cursor: Option<&str>,
    limit: Option<u32>,
    entries: impl Iterator<Item = (u64, T)>,
) -> Result<Page<T>, Refusal> {
    rule!(list_cursor_survives_deletion);
    rule!(bad_list_cursor_is_50100);
    let after = match cursor {
        None => 0,
        Some(cursor) => ids.unseal(list, cursor).ok_or(ErrCode::INVALID_CURSOR)?,
    };
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(DEFAULT_LIMIT);
    let mut rest = entries.filter(|(number, _)| *number > after);
    let page: Vec<_> = rest.by_ref().take(limit).collect();
    let has_more = u8::from(rest.next().is_some());
    let last = page.last().map_or(after, |(number, _)| *number);
    let entries = page.into_iter().map(|(_, entry)| entry).collect();
    Ok(Page { entries, has_more, next_cursor: ids.seal(list, last) })
}
