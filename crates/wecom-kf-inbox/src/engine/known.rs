use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use crate::store::{Commit, InboxState, REMEMBERED};

/// What is committed, as this process knows it.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) revision: u64,
    pub(super) cursor: Option<String>,
    pub(super) since: Option<i64>,
    order: VecDeque<Arc<str>>,
    ids: HashSet<Arc<str>>,
}

impl Known {
    pub(super) fn of(state: InboxState) -> Self {
        let InboxState { revision, cursor, since, settled } = state;
        let mut known = Self { revision, cursor, since, ..Self::default() };
        known.remember(settled.into_iter().map(Arc::from));
        known
    }

    pub(super) fn remembers(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// All that is remembered, oldest first.
    pub(super) fn settled(&self) -> Vec<String> {
        self.order.iter().map(|id| id.to_string()).collect()
    }

    /// Takes in a commit that was written.
    pub(super) fn take(&mut self, commit: &Commit) {
        self.revision = commit.revision;
        self.cursor = commit.cursor.clone();
        self.since = commit.since;
        self.remember(commit.settled.iter().map(|id| Arc::from(&**id)));
    }

    fn remember(&mut self, ids: impl Iterator<Item = Arc<str>>) {
        for id in ids {
            if self.ids.insert(id.clone()) {
                self.order.push_back(id);
            }
        }
        while self.order.len() > REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.ids.remove(&oldest);
            }
        }
    }
}
