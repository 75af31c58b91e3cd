//! Groups and intents of the knowledge base, as WeCom returns them.

use std::fmt;

use serde::Serialize;

use crate::raw::types;
use crate::{GroupId, IntentId};

/// A group of intents. Serialized under WeCom's names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Group {
    /// The id of the group.
    pub group_id: GroupId,
    /// The name of the group.
    pub name: String,
    /// Whether it is the default group, which can be neither renamed nor deleted.
    pub is_default: bool,
}

impl From<types::KnowledgeGroup> for Group {
    fn from(group: types::KnowledgeGroup) -> Self {
        Self {
            group_id: group.group_id.unwrap_or_default().into(),
            name: group.name.unwrap_or_default(),
            is_default: group.is_default == Some(1),
        }
    }
}

/// A stored intent. `Debug` shows only the ids. Serialized completely.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StoredIntent {
    /// The id of the intent.
    pub intent_id: IntentId,
    /// The id of its group.
    pub group_id: GroupId,
    /// The question.
    pub question: String,
    /// The similar questions: other ways to ask the same.
    pub similar_questions: Vec<String>,
    /// The answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<StoredAnswer>,
}

impl fmt::Debug for StoredIntent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("StoredIntent");
        shown.field("intent_id", &self.intent_id).field("group_id", &self.group_id).finish_non_exhaustive()
    }
}

impl From<types::KnowledgeIntent> for StoredIntent {
    fn from(intent: types::KnowledgeIntent) -> Self {
        let question = intent.question.unwrap_or_default();
        // In the table of the official page these two are next to the question, in its sample they are inside it.
        let beside = intent.similar_questions.unwrap_or_default().items;
        let inside = question.similar_questions.unwrap_or_default().items;
        let similar_questions = if beside.is_empty() { inside } else { beside };
        let answer = intent.answers.into_iter().chain(question.answers).next();
        Self {
            intent_id: intent.intent_id.unwrap_or_default().into(),
            group_id: intent.group_id.unwrap_or_default().into(),
            question: question.text.and_then(|text| text.content).unwrap_or_default(),
            similar_questions: similar_questions
                .into_iter()
                .filter_map(|question| question.text.and_then(|text| text.content))
                .collect(),
            answer: answer.map(StoredAnswer::from),
        }
    }
}

/// A stored answer. `Debug` hides its content.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StoredAnswer {
    /// The text.
    pub text: String,
    /// The attachments.
    pub attachments: Vec<StoredAttachment>,
}

impl fmt::Debug for StoredAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredAnswer").finish_non_exhaustive()
    }
}

impl From<types::KnowledgeAnswer> for StoredAnswer {
    fn from(answer: types::KnowledgeAnswer) -> Self {
        Self {
            text: answer.text.and_then(|text| text.content).unwrap_or_default(),
            attachments: answer.attachments.into_iter().map(StoredAttachment::from).collect(),
        }
    }
}

/// An attachment of a stored answer. WeCom returns less than was stored: no `media_id`, for example.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "msgtype", rename_all = "lowercase")]
#[non_exhaustive]
pub enum StoredAttachment {
    /// An image.
    Image {
        /// The file name of the upload.
        name: String,
    },
    /// A video.
    Video {
        /// The file name of the upload.
        name: String,
    },
    /// A link.
    Link {
        /// The title.
        title: String,
        /// The URL.
        url: String,
        /// The description.
        #[serde(skip_serializing_if = "Option::is_none")]
        desc: Option<String>,
        /// The URL of the image.
        #[serde(skip_serializing_if = "Option::is_none")]
        pic_url: Option<String>,
    },
    /// A mini program.
    Miniprogram {
        /// The title.
        title: String,
        /// The id of the mini program.
        appid: String,
        /// The page that it opens.
        pagepath: String,
    },
    /// A kind without a variant here, or an attachment without its body.
    #[serde(untagged)]
    Unknown {
        /// The msgtype in the attachment.
        msgtype: String,
    },
}

impl fmt::Debug for StoredAttachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Image { .. } => "Image",
            Self::Video { .. } => "Video",
            Self::Link { .. } => "Link",
            Self::Miniprogram { .. } => "Miniprogram",
            Self::Unknown { .. } => "Unknown",
        })
    }
}

impl From<types::KnowledgeAttachment> for StoredAttachment {
    fn from(attachment: types::KnowledgeAttachment) -> Self {
        let msgtype = attachment.msgtype.unwrap_or_default();
        let known = match msgtype.as_str() {
            "image" => attachment.image.map(|image| Self::Image { name: image.name.unwrap_or_default() }),
            "video" => attachment.video.map(|video| Self::Video { name: video.name.unwrap_or_default() }),
            "link" => attachment.link.map(|link| Self::Link {
                title: link.title.unwrap_or_default(),
                url: link.url.unwrap_or_default(),
                desc: link.desc.filter(|desc| !desc.is_empty()),
                // WeCom documents `pic_url`; one SDK reads `picurl`.
                pic_url: [link.pic_url, link.picurl].into_iter().flatten().find(|url| !url.is_empty()),
            }),
            "miniprogram" => attachment.miniprogram.map(|miniprogram| Self::Miniprogram {
                title: miniprogram.title.unwrap_or_default(),
                appid: miniprogram.appid.unwrap_or_default(),
                pagepath: miniprogram.pagepath.unwrap_or_default(),
            }),
            _ => None,
        };
        known.unwrap_or(Self::Unknown { msgtype })
    }
}
