//! The knowledge base (知识库): groups and intents as they are stored, the default group, and unique names and questions.

use serde::{Deserialize, Serialize};
use wecom_kf_raw::ErrCode;
use wecom_kf_raw::types::{KnowledgeAnswer, KnowledgeQuestionInput, KnowledgeSimilarQuestionsInput};

use crate::platform::model::ids::Ids;
use crate::platform::model::refusal::Refusal;

const DEFAULT_GROUP: &str = "默认分组";

/// Groups and intents, in the order in which they were added.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Knowledge {
    pub(crate) groups: Vec<Group>,
    pub(crate) intents: Vec<Intent>,
    /// How many groups and intents were ever added: the next one gets a higher number.
    numbered: u64,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Group {
    pub(crate) number: u64,
    pub(crate) group_id: String,
    pub(crate) name: String,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Intent {
    pub(crate) number: u64,
    pub(crate) group_id: String,
    pub(crate) intent_id: String,
    pub(crate) question: KnowledgeQuestionInput,
    pub(crate) similar_questions: KnowledgeSimilarQuestionsInput,
    pub(crate) answers: Vec<KnowledgeAnswer>,
}

impl Knowledge {
    /// The default group is there from the start, and the first.
    pub(crate) fn new(ids: &mut Ids) -> Self {
        rule!(default_group_is_first);
        let mut knowledge = Self::default();
        knowledge.add_group(ids, DEFAULT_GROUP);
        knowledge
    }

    /// Adds a group. Returns its id.
    pub(crate) fn add_group(&mut self, ids: &mut Ids, name: &str) -> String {
        let group_id = ids.next("knowledge group", "kg", 30);
        let number = self.next_number();
        self.groups.push(Group { number, group_id: group_id.clone(), name: name.to_owned() });
        group_id
    }

    pub(crate) fn next_number(&mut self) -> u64 {
        self.numbered += 1;
        self.numbered
    }

    pub(crate) fn is_default(&self, group_id: &str) -> bool {
        self.groups.first().is_some_and(|group| group.group_id == group_id)
    }

    /// Moves the intents of a group to the default group.
    pub(crate) fn move_to_default(&mut self, group_id: &str) {
        let Some(default) = self.groups.first() else { return };
        for intent in self.intents.iter_mut().filter(|intent| intent.group_id == group_id) {
            intent.group_id.clone_from(&default.group_id);
        }
    }

    pub(crate) fn group(&mut self, group_id: &str) -> Result<&mut Group, Refusal> {
        let group = self.groups.iter_mut().find(|group| group.group_id == group_id);
        group.ok_or_else(|| refused("there is no group with this `group_id`"))
    }

    pub(crate) fn intent(&mut self, intent_id: &str) -> Result<&mut Intent, Refusal> {
        let intent = self.intents.iter_mut().find(|intent| intent.intent_id == intent_id);
        intent.ok_or_else(|| refused("there is no intent with this `intent_id`"))
    }

    /// Returns the group, if it may be changed: the default one can be neither renamed nor deleted.
    pub(crate) fn changeable_group(&mut self, group_id: &str) -> Result<&mut Group, Refusal> {
        rule!(default_group_stays);
        if self.is_default(group_id) {
            return Err(refused("the default group can be neither renamed nor deleted"));
        }
        self.group(group_id)
    }

    /// Names are unique.
    pub(crate) fn check_name(&self, name: &str, group_id: Option<&str>) -> Result<(), Refusal> {
        rule!(group_names_are_unique);
        let mut others = self.groups.iter().filter(|group| Some(group.group_id.as_str()) != group_id);
        if others.any(|group| group.name == name) { Err(refused("another group has this `name`")) } else { Ok(()) }
    }

    /// A question is unique across all groups.
    pub(crate) fn check_question(
        &self,
        question: &KnowledgeQuestionInput,
        intent_id: Option<&str>,
    ) -> Result<(), Refusal> {
        rule!(questions_are_unique);
        let mut others = self.intents.iter().filter(|intent| Some(intent.intent_id.as_str()) != intent_id);
        let is_asked = others.any(|intent| intent.question == *question);
        if is_asked { Err(refused("another intent has this `question`")) } else { Ok(()) }
    }
}

pub(crate) fn refused(why: &str) -> Refusal {
    rule!(knowledge_refusals_are_40058);
    Refusal::because(ErrCode::INVALID_PARAMETER, why)
}
