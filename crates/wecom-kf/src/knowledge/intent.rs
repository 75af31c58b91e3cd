//! Intents and answers to store in the knowledge base, and their limits.

use std::fmt;

use crate::input::{self, Problem};
use crate::raw::{limits::knowledge_add_intent as limits, types};
use crate::{Bilingual, Error};

/// An intent to store: a question, similar questions, and the answer.
#[derive(Clone, PartialEq)]
pub struct Intent {
    question: types::KnowledgeQuestionInput,
    similar_questions: Vec<types::KnowledgeQuestionInput>,
    answer: Answer,
}

impl Intent {
    /// Creates an intent. `question` has 1 to 200 characters and must be unique across all groups.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: the question is empty or longer.
    pub fn new(question: impl Into<String>, answer: Answer) -> Result<Self, Error> {
        Ok(Self { question: self::question("question", question)?, similar_questions: Vec::new(), answer })
    }

    /// Adds a similar question (another way to ask the same) of 1 to 200 characters. An intent has at most 100.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: the question is empty or longer, or there are too many.
    pub fn similar(mut self, question: impl Into<String>) -> Result<Self, Error> {
        self.similar_questions.push(self::question("similar_questions", question)?);
        input::items("similar_questions", self.similar_questions.len(), limits::SIMILAR_QUESTIONS_ITEMS_MAX_ITEMS)?;
        Ok(self)
    }

    pub(super) fn into_parts(self) -> Parts {
        let items = self.similar_questions;
        let similar_questions = (!items.is_empty()).then_some(types::KnowledgeSimilarQuestionsInput { items });
        (self.question, similar_questions, self.answer.0)
    }
}

type Parts =
    (types::KnowledgeQuestionInput, Option<types::KnowledgeSimilarQuestionsInput>, types::KnowledgeAnswerInput);

/// The changes of an intent. Each part that is set replaces the old one completely; the others stay as they are.
#[derive(Clone, Default, PartialEq)]
#[must_use]
pub struct IntentUpdate {
    question: Option<types::KnowledgeQuestionInput>,
    similar_questions: Option<types::KnowledgeSimilarQuestionsInput>,
    answer: Option<Answer>,
}

impl IntentUpdate {
    /// Creates an update without changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a new question of 1 to 200 characters.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: it is empty or longer.
    pub fn question(mut self, question: impl Into<String>) -> Result<Self, Error> {
        self.question = Some(self::question("question", question)?);
        Ok(self)
    }

    /// Replaces all similar questions: up to 100, of 1 to 200 characters each.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: one of them is empty or longer, or there are too many.
    pub fn similar_questions(mut self, questions: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, Error> {
        let items = questions.into_iter().map(|question| self::question("similar_questions", question));
        let items = items.collect::<Result<Vec<_>, Error>>()?;
        input::items("similar_questions", items.len(), limits::SIMILAR_QUESTIONS_ITEMS_MAX_ITEMS)?;
        self.similar_questions = Some(types::KnowledgeSimilarQuestionsInput { items });
        Ok(self)
    }

    /// Sets a new answer.
    pub fn answer(mut self, answer: Answer) -> Self {
        self.answer = Some(answer);
        self
    }

    pub(super) fn into_body(self, intent_id: &str) -> Result<types::KnowledgeModIntentRequest, Error> {
        if self == Self::default() {
            return Err(input::refuse(Bilingual::fixed("update", "要修改的内容"), Problem::Empty));
        }
        Ok(types::KnowledgeModIntentRequest {
            intent_id: intent_id.to_owned(),
            question: self.question,
            similar_questions: self.similar_questions,
            answers: self.answer.into_iter().map(|answer| answer.0).collect(),
        })
    }
}

/// An answer to store: a text, and up to four attachments.
#[derive(Clone, PartialEq)]
pub struct Answer(types::KnowledgeAnswerInput);

impl Answer {
    /// Creates an answer with a text of 1 to 500 characters.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: the text is empty or longer.
    pub fn new(text: impl Into<String>) -> Result<Self, Error> {
        let content = text.into();
        input::chars("answer", &content, limits::ANSWERS_TEXT_CONTENT_MAX_CHARS)?;
        let text = types::KnowledgeAnswerInputText { content };
        Ok(Self(types::KnowledgeAnswerInput { text, attachments: Vec::new() }))
    }

    /// Attaches an image that was uploaded within the last 3 days.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: the `media_id` is empty, or the answer already has four attachments.
    pub fn image(self, media_id: impl Into<String>) -> Result<Self, Error> {
        let media_id = filled("media_id", media_id)?;
        self.attached("image", |attachment| {
            attachment.image = Some(types::KnowledgeAttachmentInputImage { media_id });
        })
    }

    /// Attaches a video that was uploaded within the last 3 days.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: the `media_id` is empty, or the answer already has four attachments.
    pub fn video(self, media_id: impl Into<String>) -> Result<Self, Error> {
        let media_id = filled("media_id", media_id)?;
        self.attached("video", |attachment| {
            attachment.video = Some(types::KnowledgeAttachmentInputVideo { media_id });
        })
    }

    /// Attaches a link.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: its title or its URL is empty, or the answer already has four attachments.
    pub fn link(self, link: Link) -> Result<Self, Error> {
        let Link(link) = link;
        input::not_empty("title", &link.title)?;
        input::not_empty("url", &link.url)?;
        self.attached("link", |attachment| attachment.link = Some(link))
    }

    /// Attaches a mini program. `thumb_media_id` is its cover, which was uploaded within the last 3 days.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: one of the values is empty, or the answer already has four attachments.
    pub fn miniprogram(
        self,
        title: impl Into<String>,
        appid: impl Into<String>,
        pagepath: impl Into<String>,
        thumb_media_id: impl Into<String>,
    ) -> Result<Self, Error> {
        let (title, appid) = (filled("title", title)?, filled("appid", appid)?);
        let (pagepath, thumb_media_id) = (filled("pagepath", pagepath)?, filled("thumb_media_id", thumb_media_id)?);
        self.attached("miniprogram", |attachment| {
            attachment.miniprogram =
                Some(types::KnowledgeAttachmentInputMiniprogram { title, appid, pagepath, thumb_media_id });
        })
    }

    fn attached(
        mut self,
        msgtype: &str,
        fill: impl FnOnce(&mut types::KnowledgeAttachmentInput),
    ) -> Result<Self, Error> {
        let mut attachment = types::KnowledgeAttachmentInput { msgtype: msgtype.to_owned(), ..Default::default() };
        fill(&mut attachment);
        self.0.attachments.push(attachment);
        input::items("attachments", self.0.attachments.len(), limits::ANSWERS_ATTACHMENTS_MAX_ITEMS)?;
        Ok(self)
    }
}

/// A link below an answer, for [`Answer::link`].
#[derive(Clone, PartialEq)]
pub struct Link(types::KnowledgeAttachmentInputLink);

impl Link {
    /// Creates a link from its title and its URL.
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

fn question(what: &'static str, text: impl Into<String>) -> Result<types::KnowledgeQuestionInput, Error> {
    let content = text.into();
    input::chars(what, &content, limits::QUESTION_TEXT_CONTENT_MAX_CHARS)?;
    Ok(types::KnowledgeQuestionInput { text: types::KnowledgeQuestionInputText { content } })
}

fn filled(what: &'static str, text: impl Into<String>) -> Result<String, Error> {
    let text = text.into();
    input::not_empty(what, &text)?;
    Ok(text)
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
hidden! { Intent IntentUpdate Answer Link }
