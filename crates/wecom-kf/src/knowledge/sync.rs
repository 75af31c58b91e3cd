//! Brings groups and intents of the knowledge base to a desired state: what differs, and the calls that change it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;

use serde::Serialize;

use super::{Group, Intent, Knowledge, StoredIntent};
use crate::input;
use crate::raw::limits;
use crate::{Bilingual, BoxFuture, Error, GroupId, IntentId};

/// WeCom accepts at most 100 groups with 200 intents each [95971, 95972].
const MOST_GROUPS: usize = 100;
const MOST_INTENTS: usize = 200;

/// A group as it should be, for [`Knowledge::sync`]: its name and its intents.
#[derive(Clone)]
#[must_use]
pub struct DesiredGroup {
    name: String,
    intents: Vec<Intent>,
}

impl DesiredGroup {
    /// Creates a group without intents. `name` has 1 to 12 characters.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), intents: Vec::new() }
    }

    /// Adds an intent. A group has at most 200.
    pub fn intent(mut self, intent: Intent) -> Self {
        self.intents.push(intent);
        self
    }
}

/// Hides the intents, because people wrote them.
impl fmt::Debug for DesiredGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DesiredGroup").field("intents", &self.intents.len()).finish_non_exhaustive()
    }
}

/// A difference between the knowledge base and its desired state. `Debug` hides names and questions; serialized completely.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
#[non_exhaustive]
pub enum KnowledgeChange {
    /// A group that does not exist is added.
    AddGroup {
        /// The name of the group.
        name: String,
    },
    /// An intent that does not exist is added.
    AddIntent {
        /// The name of its group.
        group: String,
        /// Its question.
        question: String,
    },
    /// The similar questions or the answer of an intent are replaced.
    UpdateIntent {
        /// The id of the intent.
        intent_id: IntentId,
        /// The name of its group.
        group: String,
        /// Its question.
        question: String,
    },
    /// An intent is in another group. It is deleted there and added here, because WeCom cannot move it. It gets a new id.
    MoveIntent {
        /// The id of the intent in the other group.
        intent_id: IntentId,
        /// The name of the group that it moves to.
        group: String,
        /// Its question.
        question: String,
    },
    /// An intent that is not desired is deleted: see [`SyncKnowledge::delete_others`].
    DeleteIntent {
        /// The id of the intent.
        intent_id: IntentId,
        /// The name of its group.
        group: String,
        /// Its question.
        question: String,
    },
}

impl fmt::Debug for KnowledgeChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, intent_id) = match self {
            Self::AddGroup { .. } => ("AddGroup", None),
            Self::AddIntent { .. } => ("AddIntent", None),
            Self::UpdateIntent { intent_id, .. } => ("UpdateIntent", Some(intent_id)),
            Self::MoveIntent { intent_id, .. } => ("MoveIntent", Some(intent_id)),
            Self::DeleteIntent { intent_id, .. } => ("DeleteIntent", Some(intent_id)),
        };
        let mut shown = f.debug_struct(name);
        if let Some(intent_id) = intent_id {
            shown.field("intent_id", intent_id);
        }
        shown.finish_non_exhaustive()
    }
}

/// A comparison of the knowledge base with its desired state. Returned by [`Knowledge::sync`]. Awaited, it makes the changes
/// and returns them; [`plan`](Self::plan) only returns them.
#[derive(Clone, Debug)]
#[must_use = "the knowledge base is changed when this is awaited"]
pub struct SyncKnowledge<'a> {
    knowledge: Knowledge<'a>,
    desired: Vec<DesiredGroup>,
    deletes_others: bool,
}

impl<'a> SyncKnowledge<'a> {
    pub(super) fn new(knowledge: Knowledge<'a>, desired: Vec<DesiredGroup>) -> Self {
        Self { knowledge, desired, deletes_others: false }
    }

    /// Deletes the intents of the desired groups that are not desired. Without this they stay. Other groups are never
    /// touched, and no group is deleted.
    pub fn delete_others(mut self) -> Self {
        self.deletes_others = true;
        self
    }

    /// Checks the desired groups without sending anything. The request runs the same check first.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: a name, a question or an answer is empty or exceeds its limit, or a name or a question
    /// occurs twice. A `media_id` that is missing ([`IntentAnswer::stored`](super::IntentAnswer::stored)) is only an
    /// error if the intent differs, when the changes are made.
    pub fn check(&self) -> Result<(), Error> {
        input::items("groups", self.desired.len(), MOST_GROUPS)?;
        let (mut names, mut questions) = (HashSet::new(), HashSet::new());
        for (number, group) in self.desired.iter().enumerate() {
            input::chars("name", &group.name, limits::knowledge_add_group::NAME_MAX_CHARS)?;
            input::items("intents", group.intents.len(), MOST_INTENTS)?;
            if !names.insert(&group.name) {
                return Err(repeated(
                    format!("name of group {}", number + 1),
                    format!("第 {} 个分组的名称", number + 1),
                ));
            }
            for (index, intent) in group.intents.iter().enumerate() {
                intent.check_content()?;
                if !questions.insert(intent.question()) {
                    let en = format!("question of intent {} of group {}", index + 1, number + 1);
                    return Err(repeated(en, format!("第 {} 个分组第 {} 个问答的问题", number + 1, index + 1)));
                }
            }
        }
        Ok(())
    }

    /// Returns what awaiting this request would change, without changing anything.
    ///
    /// # Errors
    ///
    /// Those of [`Knowledge::sync`].
    pub async fn plan(self) -> Result<Vec<KnowledgeChange>, Error> {
        Ok(self.steps().await?.0.into_iter().map(|step| step.change).collect())
    }

    async fn steps(self) -> Result<(Vec<Step>, HashMap<String, GroupId>), Error> {
        self.check()?;
        let groups = self.knowledge.list_groups().await?;
        let stored = self.knowledge.list_intents().await?;
        let steps = steps(self.desired, &groups, &stored, self.deletes_others);
        Ok((steps, groups.into_iter().map(|group| (group.name, group.group_id)).collect()))
    }

    async fn send(self) -> Result<Vec<KnowledgeChange>, Error> {
        let knowledge = self.knowledge;
        let (steps, mut groups) = self.steps().await?;
        // An intent that cannot be written must not stop the changes halfway, when it has been deleted in another group.
        steps.iter().filter_map(|step| step.intent.as_ref()).try_for_each(Intent::check)?;
        let mut changes = Vec::with_capacity(steps.len());
        for Step { change, intent } in steps {
            match &change {
                KnowledgeChange::AddGroup { name } => {
                    groups.insert(name.clone(), knowledge.add_group(name).await?);
                }
                KnowledgeChange::UpdateIntent { intent_id, .. } => {
                    let (similar, answer) = intent.expect(WITH_INTENT).into_parts();
                    knowledge.update_intent(intent_id).similar_questions(similar).answer(answer).await?;
                }
                KnowledgeChange::DeleteIntent { intent_id, .. } => knowledge.delete_intent(intent_id).await?,
                KnowledgeChange::AddIntent { group, .. } => {
                    knowledge.add_intent(&groups[group], intent.expect(WITH_INTENT)).await?;
                }
                KnowledgeChange::MoveIntent { intent_id, group, .. } => {
                    knowledge.delete_intent(intent_id).await?;
                    knowledge.add_intent(&groups[group], intent.expect(WITH_INTENT)).await?;
                }
            }
            changes.push(change);
        }
        Ok(changes)
    }
}

const WITH_INTENT: &str = "a step that writes an intent has it";

impl<'a> IntoFuture for SyncKnowledge<'a> {
    type Output = Result<Vec<KnowledgeChange>, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// A change, with the intent that it writes.
struct Step {
    change: KnowledgeChange,
    intent: Option<Intent>,
}

/// Compares. Deletions come first, because a question is unique across all groups.
fn steps(desired: Vec<DesiredGroup>, groups: &[Group], stored: &[StoredIntent], deletes_others: bool) -> Vec<Step> {
    let ids: HashMap<&str, &GroupId> = groups.iter().map(|group| (group.name.as_str(), &group.group_id)).collect();
    let by_question: HashMap<&str, &StoredIntent> =
        stored.iter().map(|intent| (intent.question.as_str(), intent)).collect();
    let wanted: HashSet<&str> = desired.iter().flat_map(|group| &group.intents).map(Intent::question).collect();
    let (mut deleted, mut written) = (Vec::new(), Vec::new());
    if deletes_others {
        for group in &desired {
            let Some(id) = ids.get(group.name.as_str()) else { continue };
            let others =
                stored.iter().filter(|intent| intent.group_id == **id && !wanted.contains(intent.question.as_str()));
            deleted.extend(others.map(|intent| Step {
                change: KnowledgeChange::DeleteIntent {
                    intent_id: intent.intent_id.clone(),
                    group: group.name.clone(),
                    question: intent.question.clone(),
                },
                intent: None,
            }));
        }
    }
    for DesiredGroup { name, intents } in desired {
        let id = ids.get(name.as_str());
        if id.is_none() {
            written.push(Step { change: KnowledgeChange::AddGroup { name: name.clone() }, intent: None });
        }
        for intent in intents {
            let (group, question) = (name.clone(), intent.question().to_owned());
            let change = match by_question.get(question.as_str()) {
                None => KnowledgeChange::AddIntent { group, question },
                Some(old) => {
                    let intent_id = old.intent_id.clone();
                    match id {
                        Some(id) if old.group_id == **id && is_same(&intent, old) => continue,
                        Some(id) if old.group_id == **id => {
                            KnowledgeChange::UpdateIntent { intent_id, group, question }
                        }
                        _ => KnowledgeChange::MoveIntent { intent_id, group, question },
                    }
                }
            };
            written.push(Step { change, intent: Some(intent) });
        }
    }
    deleted.extend(written);
    deleted
}

/// Whether a stored intent needs no change. The order of similar questions does not matter.
fn is_same(intent: &Intent, stored: &StoredIntent) -> bool {
    let desired: BTreeSet<&str> = intent.similar_questions().collect();
    let there: BTreeSet<&str> = stored.similar_questions.iter().map(String::as_str).collect();
    desired == there && stored.answer.as_ref().is_some_and(|answer| intent.answer().is_stored_as(answer))
}

fn repeated(en: String, zh: String) -> Error {
    input::malformed(Bilingual::new(en, zh), "different from those before it", "与前面的不同")
}
