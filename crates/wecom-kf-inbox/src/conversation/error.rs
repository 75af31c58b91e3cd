//! The error of a conversation.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use wecom_kf::{ExternalUserId, Lang};

use crate::store::StoreError;

/// Why a conversation could not be loaded or kept.
///
/// Returned from a handler, it becomes a [`Failure`](crate::Failure): if the store is down, the message is tried again
/// for an hour. If the state cannot be read, it is tried again for 10 minutes, since another version of the bot may be
/// able to. Otherwise it is parked. Nothing here holds a customer's words, except perhaps the error of a
/// [migration](crate::InboxBuilder::conversation_version), which is the source.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConversationError {
    /// The message concerns no customer.
    NoCustomer,
    /// The store failed, or its record is damaged.
    Store(StoreError),
    /// The stored state has a version that this bot does not know. It stays as it is.
    #[non_exhaustive]
    OtherVersion {
        /// The customer.
        customer: ExternalUserId,
        /// The version of the stored state.
        stored: u32,
        /// The version that the bot writes.
        known: u32,
    },
    /// The migration hook failed. The source is its error. The state stays as it is.
    #[non_exhaustive]
    Migration {
        /// The customer.
        customer: ExternalUserId,
        /// The version of the stored state.
        stored: u32,
        /// The error of the hook.
        source: Arc<dyn StdError + Send + Sync>,
    },
    /// The stored state is not one of this type. It stays as it is.
    #[non_exhaustive]
    Unreadable {
        /// The customer.
        customer: ExternalUserId,
        /// The version of the stored state.
        version: u32,
        /// Where in its JSON the problem is.
        column: usize,
    },
    /// The state cannot be written as JSON, for example because the keys of a map are not texts.
    #[non_exhaustive]
    Unwritable {
        /// The customer.
        customer: ExternalUserId,
    },
    /// The state is larger than [allowed](crate::InboxBuilder::conversation_limit).
    #[non_exhaustive]
    TooLarge {
        /// The customer.
        customer: ExternalUserId,
        /// How many bytes it has as JSON.
        bytes: usize,
        /// How many it may have.
        limit: usize,
    },
    /// The message was answered before, so its changes can no longer be kept.
    Answered,
    /// The inbox keeps no [transcripts](crate::InboxBuilder::transcript).
    NoTranscript,
}

impl From<StoreError> for ConversationError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for ConversationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_lang(Lang::En))
    }
}

impl StdError for ConversationError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            Self::Migration { source, .. } => Some(&**source),
            _ => None,
        }
    }
}

impl ConversationError {
    /// Describes the error in one language, without its source and its remedy. The English text is that of `Display`.
    pub fn in_lang(&self, lang: Lang) -> String {
        let (en, zh) = match self {
            Self::NoCustomer => ("the message concerns no customer".to_owned(), "该消息与任何客户无关".to_owned()),
            Self::Store(_) => ("the conversation cannot be loaded".to_owned(), "无法加载会话记录".to_owned()),
            Self::OtherVersion { customer, stored, known } => (
                format!("the conversation with {customer} has version {stored}, and this bot knows {known}"),
                format!("与客户 {customer} 的会话记录版本为 {stored}，本程序的版本为 {known}"),
            ),
            Self::Migration { customer, stored, .. } => (
                format!("the conversation with {customer} could not be migrated from version {stored}"),
                format!("与客户 {customer} 的会话记录无法从版本 {stored} 迁移"),
            ),
            Self::Unreadable { customer, version, column } => (
                format!("the conversation with {customer}, of version {version}, has another type, at column {column}"),
                format!("与客户 {customer} 的会话记录（版本 {version}）类型不符，位置在第 {column} 列"),
            ),
            Self::Unwritable { customer } => (
                format!("the conversation with {customer} cannot be written as JSON"),
                format!("与客户 {customer} 的会话记录无法写成 JSON"),
            ),
            Self::TooLarge { customer, bytes, limit } => (
                format!("the conversation with {customer} has {bytes} bytes, and {limit} are allowed"),
                format!("与客户 {customer} 的会话记录有 {bytes} 字节，上限为 {limit}"),
            ),
            Self::Answered => (
                "the message was answered before its conversation was saved".to_owned(),
                "消息在保存会话之前已被确认".to_owned(),
            ),
            Self::NoTranscript => ("the inbox keeps no transcripts".to_owned(), "收件箱没有保存对话记录".to_owned()),
        };
        lang.pick(en, zh)
    }

    /// Returns the remedy: what the person on call should do.
    pub fn remedy(&self, lang: Lang) -> &'static str {
        let (en, zh) = match self {
            Self::Store(error) => return error.remedy(lang),
            Self::NoCustomer => (
                "check in the handler whether the message has a customer before asking for the conversation",
                "在处理函数中先判断消息是否有客户，再读取会话",
            ),
            Self::OtherVersion { .. } | Self::Migration { .. } | Self::Unreadable { .. } => (
                "run the version of the bot that wrote it, add a migration, or forget the customer; then replay what was parked",
                "运行写入它的程序版本，或补充迁移，或删除该客户的会话；然后重新投递暂存的消息",
            ),
            Self::Unwritable { .. } => ("correct the type of the state", "修正状态的类型"),
            Self::TooLarge { .. } => (
                "let the bot keep less of each customer, or raise the limit of the builder",
                "让程序为每位客户保存更少的内容，或调高上限",
            ),
            Self::Answered => ("save before acknowledging the message", "先保存会话，再确认消息"),
            Self::NoTranscript => ("call transcript() on the builder", "在构建收件箱时调用 transcript()"),
        };
        lang.pick(en, zh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Report;
    use crate::store::error::tests::english_words;

    /// One of each variant. The match makes a new variant a compile error here.
    fn samples() -> Vec<ConversationError> {
        let customer = ExternalUserId::from("wm1");
        let samples = vec![
            ConversationError::NoCustomer,
            ConversationError::Store(StoreError::StaleLease),
            ConversationError::OtherVersion { customer: customer.clone(), stored: 2, known: 1 },
            ConversationError::Migration { customer: customer.clone(), stored: 1, source: Arc::from(Box::from("why")) },
            ConversationError::Unreadable { customer: customer.clone(), version: 1, column: 7 },
            ConversationError::Unwritable { customer: customer.clone() },
            ConversationError::TooLarge { customer, bytes: 70_000, limit: 65_536 },
            ConversationError::Answered,
            ConversationError::NoTranscript,
        ];
        for sample in &samples {
            match sample {
                ConversationError::NoCustomer
                | ConversationError::Store(_)
                | ConversationError::OtherVersion { .. }
                | ConversationError::Migration { .. }
                | ConversationError::Unreadable { .. }
                | ConversationError::Unwritable { .. }
                | ConversationError::TooLarge { .. }
                | ConversationError::Answered
                | ConversationError::NoTranscript => {}
            }
        }
        samples
    }

    #[test]
    fn a_report_has_the_causes_and_the_remedy_in_both_languages() {
        for error in samples() {
            for (lang, follows) in [(Lang::En, "  do: "), (Lang::Zh, "。处理：")] {
                let line = Report::line(&error, lang);
                assert!(line.starts_with(&error.in_lang(lang)), "{line}");
                assert!(line.ends_with(&format!("{follows}{}", error.remedy(lang))), "{line}");
            }
            let words = english_words(&error.in_lang(Lang::Zh));
            assert!(words.iter().all(|word| word == "JSON"), "{words:?}");
        }
    }
}
