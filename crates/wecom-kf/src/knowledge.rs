//! The knowledge base (知识库) of WeCom's assistant: groups of intents, each a question with its answer.
//!
//! Only custom apps may use it; WeCom refuses others with 48002. There are at most 100 groups, with at most 200 intents
//! each. A question must be unique across all groups. No `Debug` here shows what people wrote.
//!
//! ```no_run
//! use futures_util::TryStreamExt;
//! use wecom_kf::knowledge::Intent;
//!
//! # async fn example(client: wecom_kf::Client) -> Result<(), wecom_kf::Error> {
//! let knowledge = client.knowledge();
//! let group_id = knowledge.add_group("常见问题").await?;
//! let intent = Intent::new("营业时间是？", "周一至周五 9:00–18:00").similar("几点开门");
//! knowledge.add_intent(&group_id, intent).await?;
//!
//! let mut intents = std::pin::pin!(knowledge.list_intents().group(&group_id).stream());
//! while let Some(intent) = intents.try_next().await? {
//!     println!("{}: {}", intent.intent_id, intent.question);
//! }
//! # Ok(())
//! # }
//! ```

mod intent;
mod stored;
mod sync;

use futures_util::stream::{Stream, TryStreamExt};

pub use intent::{Intent, IntentAnswer, IntentLink, UpdateIntent};
pub use stored::{Group, StoredAnswer, StoredAttachment, StoredIntent};
pub use sync::{DesiredGroup, KnowledgeChange, SyncKnowledge};

use crate::client::Client;
use crate::input;
use crate::pages::pages;
use crate::raw::{limits, op, types};
use crate::{BoxFuture, Error, GroupId, IntentId};

/// The operations on the knowledge base, returned by [`Client::knowledge`]. The [module](self) has an example.
#[derive(Clone, Copy, Debug)]
pub struct Knowledge<'a>(&'a Client);

impl Client {
    /// Returns the operations on the knowledge base of the assistant (智能助手).
    pub fn knowledge(&self) -> Knowledge<'_> {
        Knowledge(self)
    }
}

/// The groups to read. Returned by [`Knowledge::list_groups`]. Awaited, it reads all of them into a `Vec`;
/// [`stream`](Self::stream) reads them page by page.
#[derive(Clone, Debug)]
#[must_use = "the groups are read when this is awaited or streamed"]
pub struct ListGroups<'a> {
    client: &'a Client,
    group_id: Option<GroupId>,
}

impl<'a> ListGroups<'a> {
    /// Selects a single group.
    pub fn group(mut self, group_id: impl Into<GroupId>) -> Self {
        self.group_id = Some(group_id.into());
        self
    }

    /// Checks the id without sending anything. The request runs the same check first.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: it is empty.
    pub fn check(&self) -> Result<(), Error> {
        // WeCom might treat an empty id as "all groups".
        self.group_id.iter().try_for_each(GroupId::check)
    }

    /// Returns the groups as a stream that fetches a page of 1,000 when it is needed. The stream ends after an error.
    pub fn stream(self) -> impl Stream<Item = Result<Group, Error>> + Send + 'a {
        let list = self;
        pages("knowledge_list_group", None, move |cursor| {
            let list = list.clone();
            async move {
                list.check()?;
                let limit = Some(limits::knowledge_list_group::LIMIT_MAX);
                let group_id = list.group_id.map(String::from);
                let body = types::KnowledgeListGroupRequest { cursor, limit, group_id };
                let reply = list.client.call(&op::KnowledgeListGroup { body }).await?;
                let groups = reply.group_list.into_iter().map(Group::from).collect();
                Ok((groups, reply.has_more == Some(1), reply.next_cursor))
            }
        })
    }
}

impl<'a> IntoFuture for ListGroups<'a> {
    type Output = Result<Vec<Group>, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.stream().try_collect())
    }
}

/// The intents to read. Returned by [`Knowledge::list_intents`]. Awaited, it reads all of them into a `Vec`;
/// [`stream`](Self::stream) reads them page by page.
#[derive(Clone, Debug)]
#[must_use = "the intents are read when this is awaited or streamed"]
pub struct ListIntents<'a> {
    client: &'a Client,
    group_id: Option<GroupId>,
    intent_id: Option<IntentId>,
}

impl<'a> ListIntents<'a> {
    /// Selects the intents of a group.
    pub fn group(mut self, group_id: impl Into<GroupId>) -> Self {
        self.group_id = Some(group_id.into());
        self
    }

    /// Selects a single intent.
    pub fn intent(mut self, intent_id: impl Into<IntentId>) -> Self {
        self.intent_id = Some(intent_id.into());
        self
    }

    /// Checks the ids without sending anything. The request runs the same check first.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: one of them is empty.
    pub fn check(&self) -> Result<(), Error> {
        // WeCom might treat an empty id as "all intents".
        self.group_id.iter().try_for_each(GroupId::check)?;
        self.intent_id.iter().try_for_each(IntentId::check)
    }

    /// Returns the intents as a stream that fetches a page of 1,000 when it is needed. The stream ends after an error.
    pub fn stream(self) -> impl Stream<Item = Result<StoredIntent, Error>> + Send + 'a {
        let list = self;
        pages("knowledge_list_intent", None, move |cursor| {
            let list = list.clone();
            async move {
                list.check()?;
                let limit = Some(limits::knowledge_list_intent::LIMIT_MAX);
                let (group_id, intent_id) = (list.group_id.map(String::from), list.intent_id.map(String::from));
                let body = types::KnowledgeListIntentRequest { cursor, limit, group_id, intent_id };
                let reply = list.client.call(&op::KnowledgeListIntent { body }).await?;
                let intents = reply.intent_list.into_iter().map(StoredIntent::from).collect();
                Ok((intents, reply.has_more == Some(1), reply.next_cursor))
            }
        })
    }
}

impl<'a> IntoFuture for ListIntents<'a> {
    type Output = Result<Vec<StoredIntent>, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.stream().try_collect())
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
    pub async fn add_group(self, name: impl Into<String>) -> Result<GroupId, Error> {
        let name = name.into();
        input::chars("name", &name, limits::knowledge_add_group::NAME_MAX_CHARS)?;
        let body = types::KnowledgeAddGroupRequest { name };
        let reply = self.0.call(&op::KnowledgeAddGroup { body }).await?;
        named(reply.group_id, "knowledge_add_group", "group_id")
    }

    /// Deletes a group. The default group cannot be deleted. WeCom does not document what happens to the group's intents.
    ///
    /// `POST /cgi-bin/kf/knowledge/del_group`,
    /// [official page](https://developer.work.weixin.qq.com/document/path/95971). The client never repeats this call.
    ///
    /// # Errors
    ///
    /// [`INVALID_PARAMETER`](crate::ErrCode::INVALID_PARAMETER): the group does not exist or is the default group.
    pub async fn delete_group(self, group_id: impl Into<GroupId>) -> Result<(), Error> {
        let group_id = group_id.into();
        group_id.check()?;
        let body = types::KnowledgeDelGroupRequest { group_id: group_id.into() };
        self.0.call(&op::KnowledgeDelGroup { body }).await.map(drop)
    }

    /// Renames a group. The default group cannot be renamed. `name` has 1 to 12 characters and is unique.
    ///
    /// `POST /cgi-bin/kf/knowledge/mod_group`,
    /// [official page](https://developer.work.weixin.qq.com/document/path/95971). The client never repeats this call.
    ///
    /// # Errors
    ///
    /// Those of [`add_group`](Self::add_group) and [`delete_group`](Self::delete_group).
    pub async fn rename_group(self, group_id: impl Into<GroupId>, name: impl Into<String>) -> Result<(), Error> {
        let (group_id, name) = (group_id.into(), name.into());
        group_id.check()?;
        input::chars("name", &name, limits::knowledge_mod_group::NAME_MAX_CHARS)?;
        let body = types::KnowledgeModGroupRequest { group_id: group_id.into(), name };
        self.0.call(&op::KnowledgeModGroup { body }).await.map(drop)
    }

    /// Returns all groups, or a stream of them.
    ///
    /// ```no_run
    /// # async fn example(client: wecom_kf::Client) -> Result<(), wecom_kf::Error> {
    /// for group in client.knowledge().list_groups().await? {
    ///     println!("{} {}", group.group_id, group.name);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// `POST /cgi-bin/kf/knowledge/list_group`,
    /// [official page](https://developer.work.weixin.qq.com/document/path/95971).
    ///
    /// # Errors
    ///
    /// [`API_FORBIDDEN`](crate::ErrCode::API_FORBIDDEN): the app is not a custom app. If a page cannot be read, no groups
    /// are returned; the [stream](ListGroups::stream) returns those before it.
    pub fn list_groups(self) -> ListGroups<'a> {
        ListGroups { client: self.0, group_id: None }
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
    /// [`Error::InvalidInput`]: see [`Intent::check`].
    pub async fn add_intent(self, group_id: impl Into<GroupId>, intent: Intent) -> Result<IntentId, Error> {
        let group_id = group_id.into();
        group_id.check()?;
        intent.check()?;
        let body = intent.into_body(group_id.into());
        let reply = self.0.call(&op::KnowledgeAddIntent { body }).await?;
        named(reply.intent_id, "knowledge_add_intent", "intent_id")
    }

    /// Changes parts of an intent.
    ///
    /// ```no_run
    /// # async fn example(client: wecom_kf::Client, id: wecom_kf::IntentId) -> Result<(), wecom_kf::Error> {
    /// client.knowledge().update_intent(&id).answer("每天 9:00–21:00").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// `POST /cgi-bin/kf/knowledge/mod_intent`,
    /// [official page](https://developer.work.weixin.qq.com/document/path/95972). The client never repeats this call.
    ///
    /// # Errors
    ///
    /// Those of [`add_intent`](Self::add_intent). [`Error::InvalidInput`]: see [`UpdateIntent::check`].
    pub fn update_intent(self, intent_id: impl Into<IntentId>) -> UpdateIntent<'a> {
        UpdateIntent::new(self.0, intent_id.into())
    }

    /// Deletes an intent.
    ///
    /// `POST /cgi-bin/kf/knowledge/del_intent`,
    /// [official page](https://developer.work.weixin.qq.com/document/path/95972). The client never repeats this call.
    ///
    /// # Errors
    ///
    /// [`INVALID_PARAMETER`](crate::ErrCode::INVALID_PARAMETER): the intent does not exist.
    pub async fn delete_intent(self, intent_id: impl Into<IntentId>) -> Result<(), Error> {
        let intent_id = intent_id.into();
        intent_id.check()?;
        let body = types::KnowledgeDelIntentRequest { intent_id: intent_id.into() };
        self.0.call(&op::KnowledgeDelIntent { body }).await.map(drop)
    }

    /// Returns all intents, those of a group or a single one, or a stream of them.
    ///
    /// ```no_run
    /// # async fn example(client: wecom_kf::Client, id: wecom_kf::GroupId) -> Result<(), wecom_kf::Error> {
    /// let all = client.knowledge().list_intents().await?;
    /// let of_one_group = client.knowledge().list_intents().group(&id).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// `POST /cgi-bin/kf/knowledge/list_intent`,
    /// [official page](https://developer.work.weixin.qq.com/document/path/95972).
    ///
    /// # Errors
    ///
    /// Those of [`list_groups`](Self::list_groups). [`Error::InvalidInput`]: see [`ListIntents::check`].
    pub fn list_intents(self) -> ListIntents<'a> {
        ListIntents { client: self.0, group_id: None, intent_id: None }
    }

    /// Brings groups and intents to a desired state, and returns what it changed: nothing if it is called again.
    ///
    /// Groups are found by their names, intents by their questions, which are unique across all groups. Missing ones are
    /// added; an intent whose similar questions or answer differ is replaced; one in another group is moved. Intents and
    /// groups that are not desired stay, unless [`delete_others`](SyncKnowledge::delete_others) is set.
    ///
    /// WeCom does not return the `media_id` of images, videos and covers, so a change of these alone is not noticed.
    ///
    /// ```no_run
    /// use wecom_kf::knowledge::{DesiredGroup, Intent};
    ///
    /// # async fn example(client: wecom_kf::Client) -> Result<(), wecom_kf::Error> {
    /// let faq = DesiredGroup::new("常见问题").intent(Intent::new("营业时间是？", "周一至周五 9:00–18:00").similar("几点开门"));
    /// let changes = client.knowledge().sync([faq]).await?;
    /// println!("{} changes", changes.len());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: see [`SyncKnowledge::check`]; nothing was changed. Those of the single operations: what
    /// was changed before the error stays, and the next call continues. If it happens while an intent is moved, the
    /// intent is missing until then.
    pub fn sync(self, desired: impl IntoIterator<Item = DesiredGroup>) -> SyncKnowledge<'a> {
        SyncKnowledge::new(self, desired.into_iter().collect())
    }
}

fn named<I: From<String>>(id: Option<String>, operation: &'static str, field: &'static str) -> Result<I, Error> {
    id.filter(|id| !id.is_empty()).map(I::from).ok_or_else(|| Error::lacks(operation, field))
}
