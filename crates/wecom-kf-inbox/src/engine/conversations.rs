//! Changes of conversations that are not stored yet, and what two changes of one customer's conversation become. Pure.

use std::collections::BTreeMap;

use wecom_kf::ExternalUserId;

use crate::store::{ConversationRecord, ConversationWrite};

/// The changes that the next commit writes, one for each customer.
#[derive(Debug, Default)]
pub(crate) struct Unstored {
    writes: BTreeMap<ExternalUserId, ConversationWrite>,
    /// How many bytes their records have.
    bytes: usize,
}

impl Unstored {
    /// Returns what is known of a customer's conversation: `None` if it is what the store has, `Some(None)` if it has
    /// ended.
    pub(crate) fn find(&self, customer: &str) -> Option<Option<&ConversationRecord>> {
        self.writes.get(customer).map(ConversationWrite::record)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds the change that comes with an acknowledged message.
    pub(crate) fn add(&mut self, later: ConversationWrite) {
        let merged = match self.remove(later.customer()) {
            Some(earlier) => merged(earlier, later),
            None => later,
        };
        self.insert(merged);
    }

    /// Takes back what a commit did not write. It is older than what was added since.
    pub(crate) fn take_back(&mut self, earlier: Vec<ConversationWrite>) {
        for earlier in earlier {
            let merged = match self.remove(earlier.customer()) {
                Some(later) => merged(earlier, later),
                None => earlier,
            };
            self.insert(merged);
        }
    }

    /// Returns all changes, in the order of the customers.
    pub(crate) fn drain(&mut self) -> Vec<ConversationWrite> {
        self.bytes = 0;
        std::mem::take(&mut self.writes).into_values().collect()
    }

    fn remove(&mut self, customer: &ExternalUserId) -> Option<ConversationWrite> {
        let write = self.writes.remove(customer)?;
        self.bytes -= size(&write);
        Some(write)
    }

    fn insert(&mut self, write: ConversationWrite) {
        self.bytes += size(&write);
        self.writes.insert(write.customer().clone(), write);
    }
}

fn size(write: &ConversationWrite) -> usize {
    write.record().map_or(0, |record| record.body.len())
}

/// Returns the change that does what the two do one after the other.
fn merged(earlier: ConversationWrite, later: ConversationWrite) -> ConversationWrite {
    match (earlier, later) {
        (ConversationWrite::Begin(earlier), ConversationWrite::Continue(later)) if earlier.origin == later.origin => {
            ConversationWrite::Begin(later)
        }
        (ConversationWrite::Continue(earlier), ConversationWrite::Continue(later))
            if earlier.origin == later.origin =>
        {
            ConversationWrite::Continue(later)
        }
        // The handler loaded a conversation that was deleted meanwhile.
        (earlier, ConversationWrite::Continue(_)) => earlier,
        (_, later) => later,
    }
}

/// Returns the change that writes the record whatever the store has. A reader that restores what the store has forgotten
/// needs it.
pub(crate) fn unconditional(write: ConversationWrite) -> ConversationWrite {
    match write {
        ConversationWrite::Continue(record) => ConversationWrite::Begin(record),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(origin: &str, body: &str) -> ConversationRecord {
        ConversationRecord { origin: origin.into(), ..ConversationRecord::new("wm1", body) }
    }

    fn begin(origin: &str, body: &str) -> ConversationWrite {
        ConversationWrite::Begin(record(origin, body))
    }

    fn go_on(origin: &str, body: &str) -> ConversationWrite {
        ConversationWrite::Continue(record(origin, body))
    }

    fn end() -> ConversationWrite {
        ConversationWrite::End("wm1".into())
    }

    #[test]
    fn two_changes_of_a_customer_become_one() {
        for (earlier, later, expected) in [
            (begin("a", "1"), go_on("a", "2"), begin("a", "2")),
            (go_on("a", "1"), go_on("a", "2"), go_on("a", "2")),
            (go_on("a", "1"), end(), end()),
            (end(), begin("b", "2"), begin("b", "2")),
            (begin("a", "1"), begin("b", "2"), begin("b", "2")),
            // Deleted while the handler ran.
            (end(), go_on("a", "2"), end()),
            (begin("b", "1"), go_on("a", "2"), begin("b", "1")),
        ] {
            let (mut added, mut taken_back) = (Unstored::default(), Unstored::default());
            added.add(earlier.clone());
            added.add(later.clone());
            taken_back.add(later.clone());
            taken_back.take_back(vec![earlier.clone()]);
            for mut unstored in [added, taken_back] {
                let bytes = expected.record().map_or(0, |record| record.body.len());
                assert_eq!(unstored.bytes(), bytes, "{earlier:?}, {later:?}");
                assert_eq!(unstored.find("wm1"), Some(expected.record()));
                assert_eq!(unstored.drain(), std::slice::from_ref(&expected), "{earlier:?}, {later:?}");
                assert_eq!((unstored.bytes(), unstored.find("wm1")), (0, None));
            }
        }
    }
}
