//! The knowledge base (知识库) of WeCom's assistant: groups of intents, each a question with its answer.
//!
//! Only custom apps may use it; WeCom refuses others with 48002. There are at most 100 groups, with at most 200 intents
//! each. A question must be unique across all groups. No `Debug` here shows what people wrote.
//!
//! ```no_run
//! use futures_util::TryStreamExt;
//! use wecom_kf::knowledge::{Answer, Intent, IntentFilter};
//!
//! # async fn example(client: wecom_kf::Client) -> Result<(), wecom_kf::Error> {
//! let knowledge = client.knowledge();
//! let group_id = knowledge.add_group("常见问题").await?;
//! let intent = Intent::new("营业时间是？", Answer::new("周一至周五 9:00–18:00")?)?.similar("几点开门")?;
//! knowledge.add_intent(&group_id, intent).await?;
//!
//! let mut intents = std::pin::pin!(knowledge.intents(IntentFilter::group(&group_id)));
//! while let Some(intent) = intents.try_next().await? {
//!     println!("{}: {}", intent.intent_id, intent.question);
//! }
//! # Ok(())
//! # }
//! ```

mod intent;
mod stored;

use futures_util::stream::{Stream, TryStreamExt, iter, try_unfold};

pub use intent::{Answer, Intent, IntentUpdate, Link};
pub use stored::{Group, StoredAnswer, StoredAttachment, StoredIntent};

use crate::client::Client;
use crate::input;
use crate::raw::{limits, op, types};
use crate::{Bilingual, Error};

/// The operations on the knowledge base, returned by [`Client::knowledge`]. The [module](self) has an example.
#[derive(Clone, Copy, Debug)]
pub struct Knowledge<'a>(&'a Client);

impl Client {
    /// Returns the operations on the knowledge base of the assistant (智能助手).
    pub fn knowledge(&self) -> Knowledge<'_> {
        Knowledge(self)
    }
}

/// The intents to read, for [`Knowledge::intents`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IntentFilter {
    group_id: Option<String>,
    intent_id: Option<String>,
}

impl IntentFilter {
    /// Selects all intents.
    pub fn all() -> Self {
        Self::default()
    }

    /// Selects the intents of a group.
    pub fn group(group_id: impl Into<String>) -> Self {
        Self { group_id: Some(group_id.into()), intent_id: None }
    }

    /// Selects a single intent.
    pub fn intent(intent_id: impl Into<String>) -> Self {
        Self { group_id: None, intent_id: Some(intent_id.into()) }
    }
}

impl<'a> Knowledge<'a> {
    /// Adds a group and returns its id. `name` has 1 to 12 characters and is unique.
    ///
    /// `POST /cgi-bin/kf/knowledge/add_group`,
    /// [official page](https://developer.work.weixin.qq.com/document/path/95971). The client never repeats this call.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: the name is empty or too long. [`API_FORBIDDEN`](crate::ErrCode::API_FORBIDDEN): the app is
    /// not a custom app.
    pub async fn add_group(self, name: &str) -> Result<String, Error> {
        input::chars("name", name, limits::knowledge_add_group::NAME_MAX_CHARS)?;
        let body = types::KnowledgeAddGroupRequest { name: name.to_owned() };
        let reply = self.0.call(&op::KnowledgeAddGroup { body }).await?;
        named(reply.group_id, Error::lacks("knowledge_add_group", "group_id"))
    }

    /// Deletes a group. The default group cannot be deleted. WeCom does not document what happens to the group's intents.
    ///
    /// `POST /cgi-bin/kf/knowledge/del_group`,
    /// [official page](https://developer.work.weixin.qq.com/document/path/95971). The client never repeats this call.
    ///
    /// # Errors
    ///
    /// [`INVALID_PARAMETER`](crate::ErrCode::INVALID_PARAMETER): the group does not exist or is the default group.
    pub async fn delete_group(self, group_id: &str) -> Result<(), Error> {
        input::not_empty("group_id", group_id)?;
        let body = types::KnowledgeDelGroupRequest { group_id: group_id.to_owned() };
        self.0.call(&op::KnowledgeDelGroup { body }).await.map(drop)
    }

    /// Renames a group. The default group cannot be renamed. `name` has 1 to 12 characters and is unique.
    ///
    /// `POST /cgi-bin/kf/knowledge/mod_group`,
    /// [official page](https://developer.work.weixin.qq.com/document/path/95971). The client never repeats this call.
    ///
    /// # Errors
    ///
    /// As [`add_group`](Self::add_group) and [`delete_group`](Self::delete_group).
    pub async fn rename_group(self, group_id: &str, name: &str) -> Result<(), Error> {
        input::not_empty("group_id", group_id)?;
        input::chars("name", name, limits::knowledge_mod_group::NAME_MAX_CHARS)?;
        let body = types::KnowledgeModGroupRequest { group_id: group_id.to_owned(), name: name.to_owned() };
        self.0.call(&op::KnowledgeModGroup { body }).await.map(drop)
    }

    /// Returns all groups as a stream that fetches a page of 1,000 when it is needed.
    ///
    /// `POST /cgi-bin/kf/knowledge/list_group`,
    /// [official page](https://developer.work.weixin.qq.com/document/path/95971).
    ///
    /// # Errors
    ///
    /// [`API_FORBIDDEN`](crate::ErrCode::API_FORBIDDEN): the app is not a custom app. The stream ends after an error.
    pub fn groups(self) -> impl Stream<Item = Result<Group, Error>> + Send + 'a {
        pages("knowledge_list_group", move |cursor| async move {
            let limit = Some(limits::knowledge_list_group::LIMIT_MAX);
            let body = types::KnowledgeListGroupRequest { cursor, limit, group_id: None };
            let reply = self.0.call(&op::KnowledgeListGroup { body }).await?;
            let groups = reply.group_list.into_iter().map(Group::from).collect();
            Ok((groups, reply.has_more == Some(1), reply.next_cursor))
        })
    }

    /// Adds an intent to a group and returns its id.
    ///
    /// `POST /cgi-bin/kf/knowledge/add_intent`,
    /// [official page](https://developer.work.weixin.qq.com/document/path/95972). The client never repeats this call.
    ///
    /// # Errors
    ///
    /// [`INVALID_PARAMETER`](crate::ErrCode::INVALID_PARAMETER): the group does not exist or is full, or the question
    /// already exists. [`INVALID_MEDIA_ID`](crate::ErrCode::INVALID_MEDIA_ID): an image or video is older than 3 days.
    pub async fn add_intent(self, group_id: &str, intent: Intent) -> Result<String, Error> {
        input::not_empty("group_id", group_id)?;
        let (question, similar_questions, answer) = intent.into_parts();
        let body = types::KnowledgeAddIntentRequest {
            group_id: group_id.to_owned(),
            question,
            similar_questions,
            answers: vec![answer],
        };
        let reply = self.0.call(&op::KnowledgeAddIntent { body }).await?;
        named(reply.intent_id, Error::lacks("knowledge_add_intent", "intent_id"))
    }

    /// Changes an intent.
    ///
    /// `POST /cgi-bin/kf/knowledge/mod_intent`,
    /// [official page](https://developer.work.weixin.qq.com/document/path/95972). The client never repeats this call.
    ///
    /// # Errors
    ///
    /// As [`add_intent`](Self::add_intent). [`Error::InvalidInput`]: the update is empty.
    pub async fn update_intent(self, intent_id: &str, update: IntentUpdate) -> Result<(), Error> {
        input::not_empty("intent_id", intent_id)?;
        let body = update.into_body(intent_id)?;
        self.0.call(&op::KnowledgeModIntent { body }).await.map(drop)
    }

    /// Deletes an intent.
    ///
    /// `POST /cgi-bin/kf/knowledge/del_intent`,
    /// [official page](https://developer.work.weixin.qq.com/document/path/95972). The client never repeats this call.
    ///
    /// # Errors
    ///
    /// [`INVALID_PARAMETER`](crate::ErrCode::INVALID_PARAMETER): the intent does not exist.
    pub async fn delete_intent(self, intent_id: &str) -> Result<(), Error> {
        input::not_empty("intent_id", intent_id)?;
        let body = types::KnowledgeDelIntentRequest { intent_id: intent_id.to_owned() };
        self.0.call(&op::KnowledgeDelIntent { body }).await.map(drop)
    }

    /// Returns the selected intents as a stream that fetches a page of 1,000 when it is needed.
    ///
    /// `POST /cgi-bin/kf/knowledge/list_intent`,
    /// [official page](https://developer.work.weixin.qq.com/document/path/95972).
    ///
    /// # Errors
    ///
    /// As [`groups`](Self::groups).
    pub fn intents(self, filter: IntentFilter) -> impl Stream<Item = Result<StoredIntent, Error>> + Send + 'a {
        pages("knowledge_list_intent", move |cursor| {
            let IntentFilter { group_id, intent_id } = filter.clone();
            async move {
                // WeCom might treat an empty id as "all intents".
                group_id.iter().try_for_each(|id| input::not_empty("group_id", id))?;
                intent_id.iter().try_for_each(|id| input::not_empty("intent_id", id))?;
                let limit = Some(limits::knowledge_list_intent::LIMIT_MAX);
                let body = types::KnowledgeListIntentRequest { cursor, limit, group_id, intent_id };
                let reply = self.0.call(&op::KnowledgeListIntent { body }).await?;
                let intents = reply.intent_list.into_iter().map(StoredIntent::from).collect();
                Ok((intents, reply.has_more == Some(1), reply.next_cursor))
            }
        })
    }
}

/// Streams the items of a list page by page. `fetch` returns the items, whether there are more, and the next cursor.
fn pages<'a, T, F, Fut>(operation: &'static str, fetch: F) -> impl Stream<Item = Result<T, Error>> + Send + 'a
where
    T: Send + 'a,
    F: Fn(Option<String>) -> Fut + Send + Sync + 'a,
    Fut: Future<Output = Result<(Vec<T>, bool, Option<String>), Error>> + Send + 'a,
{
    try_unfold((fetch, Some(None)), move |(fetch, cursor)| async move {
        let Some(cursor) = cursor else { return Ok(None) };
        let (items, has_more, next) = fetch(cursor.clone()).await?;
        let next = next.filter(|next| !next.is_empty());
        // Without a new cursor the next page would be the same one again. Ending the stream here without an error would
        // make an incomplete list look complete.
        if has_more && (next.is_none() || next == cursor) {
            return Err(Error::bad_reply(
                operation,
                Bilingual::fixed("there are more items, but no new cursor", "还有后续内容，却没有 cursor"),
            ));
        }
        Ok(Some((iter(items.into_iter().map(Ok)), (fetch, has_more.then_some(next)))))
    })
    .try_flatten()
}

fn named(id: Option<String>, missing: Error) -> Result<String, Error> {
    id.filter(|id| !id.is_empty()).ok_or(missing)
}
