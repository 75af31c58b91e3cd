//! Intents and answers to store in the knowledge base, and their limits.

use std::fmt;

use super::{StoredAnswer, StoredAttachment};
use crate::client::Client;
use crate::input::{self, Problem};
use crate::raw::{limits::knowledge_add_intent as limits, op, types};
use crate::{Bilingual, BoxFuture, Error, IntentId, MediaId};

/// An intent to store: a question, similar questions, and the answer. It is checked when it is sent.
///
/// ```
/// use wecom_kf::knowledge::{IntentAnswer, IntentLink, Intent};
///
/// # fn main() -> Result<(), wecom_kf::Error> {
/// let answer = IntentAnswer::new("周一至周五 9:00–18:00").link(IntentLink::new("门店", "https://example.com/shops"));
/// let intent = Intent::new("营业时间是？", answer).similar("几点开门").similar("几点关门");
/// intent.check()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq)]
#[must_use]
pub struct Intent {
    question: String,
    similar_questions: Vec<String>,
    answer: IntentAnswer,
}

impl Intent {
    /// Creates an intent. `question` has 1 to 200 characters and must be unique across all groups.
    pub fn new(question: impl Into<String>, answer: impl Into<IntentAnswer>) -> Self {
        Self { question: question.into(), similar_questions: Vec::new(), answer: answer.into() }
    }

    /// Adds a similar question (another way to ask the same) of 1 to 200 characters. An intent has at most 100.
    pub fn similar(mut self, question: impl Into<String>) -> Self {
        self.similar_questions.push(question.into());
        self
    }

    /// Checks the intent without sending it. [`Knowledge::add_intent`](super::Knowledge::add_intent) runs the same
    /// check first.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: a part is empty or exceeds its limit.
    pub fn check(&self) -> Result<(), Error> {
        self.check_content()?;
        self.answer.check_media()
    }

    /// Checks what can be compared with a stored intent.
    pub(super) fn check_content(&self) -> Result<(), Error> {
        check_question("question", &self.question)?;
        check_similar(&self.similar_questions)?;
        self.answer.check_content()
    }

    /// Returns the question.
    pub fn question(&self) -> &str {
        &self.question
    }

    /// Returns the similar questions.
    pub fn similar_questions(&self) -> impl Iterator<Item = &str> {
        self.similar_questions.iter().map(String::as_str)
    }

    /// Returns the answer.
    pub fn answer(&self) -> &IntentAnswer {
        &self.answer
    }

    pub(super) fn into_parts(self) -> (Vec<String>, IntentAnswer) {
        (self.similar_questions, self.answer)
    }

    pub(super) fn into_body(self, group_id: String) -> types::KnowledgeAddIntentRequest {
        let similar_questions = (!self.similar_questions.is_empty()).then(|| raw_similar(self.similar_questions));
        types::KnowledgeAddIntentRequest {
            group_id,
            question: raw_question(self.question),
            similar_questions,
            answers: vec![self.answer.0],
        }
    }
}

/// A change of an intent, made when it is awaited. Returned by
/// [`Knowledge::update_intent`](super::Knowledge::update_intent). Each part that is set replaces the old one completely;
/// the others stay as they are.
#[derive(Clone)]
#[must_use = "the intent is changed when this is awaited"]
pub struct UpdateIntent<'a> {
    client: &'a Client,
    intent_id: IntentId,
    question: Option<String>,
    similar_questions: Option<Vec<String>>,
    answer: Option<IntentAnswer>,
}

impl<'a> UpdateIntent<'a> {
    pub(super) fn new(client: &'a Client, intent_id: IntentId) -> Self {
        Self { client, intent_id, question: None, similar_questions: None, answer: None }
    }

    /// Sets a new question of 1 to 200 characters.
    pub fn question(mut self, question: impl Into<String>) -> Self {
        self.question = Some(question.into());
        self
    }

    /// Replaces all similar questions: up to 100, of 1 to 200 characters each.
    pub fn similar_questions(mut self, questions: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.similar_questions = Some(questions.into_iter().map(Into::into).collect());
        self
    }

    /// Sets a new answer.
    pub fn answer(mut self, answer: impl Into<IntentAnswer>) -> Self {
        self.answer = Some(answer.into());
        self
    }

    /// Checks the change without sending anything. Awaiting it runs the same check first.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: there is nothing to change, or a part is empty or exceeds its limit.
    pub fn check(&self) -> Result<(), Error> {
        self.intent_id.check()?;
        if self.question.is_none() && self.similar_questions.is_none() && self.answer.is_none() {
            return Err(input::refuse(Bilingual::fixed("update", "要修改的内容"), Problem::Empty));
        }
        self.question.iter().try_for_each(|question| check_question("question", question))?;
        self.similar_questions.iter().try_for_each(|questions| check_similar(questions))?;
        self.answer.iter().try_for_each(IntentAnswer::check)
    }

    async fn send(self) -> Result<(), Error> {
        self.check()?;
        let body = types::KnowledgeModIntentRequest {
            intent_id: self.intent_id.into(),
            question: self.question.map(raw_question),
            similar_questions: self.similar_questions.map(raw_similar),
            answers: self.answer.into_iter().map(|answer| answer.0).collect(),
        };
        self.client.call(&op::KnowledgeModIntent { body }).await.map(drop)
    }
}

impl<'a> IntoFuture for UpdateIntent<'a> {
    type Output = Result<(), Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl fmt::Debug for UpdateIntent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpdateIntent").field("intent_id", &self.intent_id).finish_non_exhaustive()
    }
}

/// An answer to store: a text, and up to four attachments. A text alone converts into it.
#[derive(Clone, PartialEq)]
#[must_use]
pub struct IntentAnswer(types::KnowledgeAnswerInput);

impl From<&str> for IntentAnswer {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for IntentAnswer {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl IntentAnswer {
    /// Creates an answer with a text of 1 to 500 characters.
    pub fn new(text: impl Into<String>) -> Self {
        let text = types::KnowledgeAnswerInputText { content: text.into() };
        Self(types::KnowledgeAnswerInput { text, attachments: Vec::new() })
    }

    /// Attaches an image that was uploaded within the last 3 days.
    pub fn image(self, media_id: impl Into<MediaId>) -> Self {
        let media_id = media_id.into().into();
        self.attached("image", |attachment| {
            attachment.image = Some(types::KnowledgeAttachmentInputImage { media_id });
        })
    }

    /// Attaches a video that was uploaded within the last 3 days.
    pub fn video(self, media_id: impl Into<MediaId>) -> Self {
        let media_id = media_id.into().into();
        self.attached("video", |attachment| {
            attachment.video = Some(types::KnowledgeAttachmentInputVideo { media_id });
        })
    }

    /// Attaches a link. An answer has at most four attachments.
    pub fn link(self, link: IntentLink) -> Self {
        self.attached("link", |attachment| attachment.link = Some(link.0))
    }

    /// Attaches a mini program. `pagepath` is the page to open. `thumb_media_id` is the cover, which was uploaded
    /// within the last 3 days. No part may be empty.
    pub fn miniprogram(
        self,
        title: impl Into<String>,
        appid: impl Into<String>,
        pagepath: impl Into<String>,
        thumb_media_id: impl Into<MediaId>,
    ) -> Self {
        let (title, appid, pagepath) = (title.into(), appid.into(), pagepath.into());
        let thumb_media_id = thumb_media_id.into().into();
        self.attached("miniprogram", |attachment| {
            attachment.miniprogram =
                Some(types::KnowledgeAttachmentInputMiniprogram { title, appid, pagepath, thumb_media_id });
        })
    }

    /// Attaches what WeCom has already, so that [`Knowledge::sync`](super::Knowledge::sync) can compare it.
    ///
    /// WeCom returns no `media_id` of an image, of a video and of the cover of a mini program, and nothing of an attachment
    /// of an unknown kind. An answer with one of these can be compared, but not be written: that is an
    /// [`Error::InvalidInput`].
    pub fn stored(self, attachment: &StoredAttachment) -> Self {
        match attachment.clone() {
            StoredAttachment::Image { .. } => self.image(""),
            StoredAttachment::Video { .. } => self.video(""),
            StoredAttachment::Link { title, url, desc, pic_url } => {
                let link = types::KnowledgeAttachmentInputLink { title, url, desc, pic_url };
                self.link(IntentLink(link))
            }
            StoredAttachment::Miniprogram { title, appid, pagepath } => self.miniprogram(title, appid, pagepath, ""),
            StoredAttachment::Unknown { msgtype } => self.attached(&msgtype, |_| {}),
        }
    }

    /// Whether WeCom has this answer already, as far as it says: for images and videos it does not return what was uploaded.
    pub(super) fn is_stored_as(&self, stored: &StoredAnswer) -> bool {
        let (desired, stored_as) = (&self.0.attachments, &stored.attachments);
        let same_attachments = || desired.iter().zip(stored_as).all(|(desired, stored)| is_same(desired, stored));
        self.0.text.content == stored.text && desired.len() == stored_as.len() && same_attachments()
    }

    fn attached(mut self, msgtype: &str, fill: impl FnOnce(&mut types::KnowledgeAttachmentInput)) -> Self {
        let mut attachment = types::KnowledgeAttachmentInput { msgtype: msgtype.to_owned(), ..Default::default() };
        fill(&mut attachment);
        self.0.attachments.push(attachment);
        self
    }

    /// Checks the answer without sending it. It is checked when its intent is sent.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: a part is empty or exceeds its limit, or there are more than four attachments.
    pub fn check(&self) -> Result<(), Error> {
        self.check_content()?;
        self.check_media()
    }

    /// Checks everything except what WeCom does not return.
    fn check_content(&self) -> Result<(), Error> {
        input::chars("answer", &self.0.text.content, limits::ANSWERS_TEXT_CONTENT_MAX_CHARS)?;
        self.0.attachments.iter().try_for_each(check_attachment)?;
        input::items("attachments", self.0.attachments.len(), limits::ANSWERS_ATTACHMENTS_MAX_ITEMS)
    }

    /// Checks what WeCom does not return: see [`stored`](Self::stored).
    pub(super) fn check_media(&self) -> Result<(), Error> {
        self.0.attachments.iter().try_for_each(check_media)
    }
}

/// A link below an answer, for [`IntentAnswer::link`].
#[derive(Clone, PartialEq)]
#[must_use]
pub struct IntentLink(types::KnowledgeAttachmentInputLink);

impl IntentLink {
    /// Creates a link from its title and its URL, which must not be empty.
    pub fn new(title: impl Into<String>, url: impl Into<String>) -> Self {
        let (title, url) = (title.into(), url.into());
        Self(types::KnowledgeAttachmentInputLink { title, url, desc: None, pic_url: None })
    }

    /// Sets a description.
    pub fn desc(mut self, desc: impl Into<String>) -> Self {
        self.0.desc = Some(desc.into());
        self
    }

    /// Sets the URL of an image.
    pub fn pic_url(mut self, pic_url: impl Into<String>) -> Self {
        self.0.pic_url = Some(pic_url.into());
        self
    }
}

fn check_question(what: &'static str, question: &str) -> Result<(), Error> {
    input::chars(what, question, limits::QUESTION_TEXT_CONTENT_MAX_CHARS)
}

fn check_similar(questions: &[String]) -> Result<(), Error> {
    questions.iter().try_for_each(|question| check_question("similar_questions", question))?;
    input::items("similar_questions", questions.len(), limits::SIMILAR_QUESTIONS_ITEMS_MAX_ITEMS)
}

fn check_attachment(attachment: &types::KnowledgeAttachmentInput) -> Result<(), Error> {
    let types::KnowledgeAttachmentInput { link, miniprogram, .. } = attachment;
    if let Some(link) = link {
        input::not_empty("title", &link.title)?;
        input::not_empty("url", &link.url)?;
    }
    if let Some(miniprogram) = miniprogram {
        input::not_empty("title", &miniprogram.title)?;
        input::not_empty("appid", &miniprogram.appid)?;
        input::not_empty("pagepath", &miniprogram.pagepath)?;
    }
    Ok(())
}

fn check_media(attachment: &types::KnowledgeAttachmentInput) -> Result<(), Error> {
    match attachment {
        types::KnowledgeAttachmentInput { image: Some(image), .. } => input::not_empty("media_id", &image.media_id),
        types::KnowledgeAttachmentInput { video: Some(video), .. } => input::not_empty("media_id", &video.media_id),
        types::KnowledgeAttachmentInput { link: Some(_), .. } => Ok(()),
        types::KnowledgeAttachmentInput { miniprogram: Some(miniprogram), .. } => {
            input::not_empty("thumb_media_id", &miniprogram.thumb_media_id)
        }
        _ => Err(input::malformed(
            Bilingual::fixed("attachment", "附件"),
            "an image, a video, a link or a mini program",
            "是图片、视频、链接或小程序",
        )),
    }
}

fn is_same(desired: &types::KnowledgeAttachmentInput, stored: &StoredAttachment) -> bool {
    match stored {
        StoredAttachment::Image { .. } => desired.image.is_some(),
        StoredAttachment::Video { .. } => desired.video.is_some(),
        StoredAttachment::Link { title, url, desc, pic_url } => desired.link.as_ref().is_some_and(|link| {
            let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
            (&link.title, &link.url, &set(&link.desc), &set(&link.pic_url)) == (title, url, desc, pic_url)
        }),
        StoredAttachment::Miniprogram { title, appid, pagepath } => desired
            .miniprogram
            .as_ref()
            .is_some_and(|program| (&program.title, &program.appid, &program.pagepath) == (title, appid, pagepath)),
        StoredAttachment::Unknown { msgtype } => desired.msgtype == *msgtype,
    }
}

fn raw_question(content: String) -> types::KnowledgeQuestionInput {
    types::KnowledgeQuestionInput { text: types::KnowledgeQuestionInputText { content } }
}

fn raw_similar(questions: Vec<String>) -> types::KnowledgeSimilarQuestionsInput {
    types::KnowledgeSimilarQuestionsInput { items: questions.into_iter().map(raw_question).collect() }
}

macro_rules! hidden {
    ($($name:ident)*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}
hidden! { Intent IntentAnswer IntentLink }
