//! All that a [`Redb`](super::Redb) holds, as JSON for the operator.

use redb::Database;
use serde::Serialize;

use super::{conversations, tables};
use crate::store::{Committed, ConversationQuery, ConversationRecord, FORMAT, Parked, ParkedQuery, StoreError};

#[derive(Serialize)]
struct Export {
    format: u32,
    inboxes: Vec<ExportedInbox>,
}

#[derive(Serialize)]
struct ExportedInbox {
    inbox: String,
    #[serde(flatten)]
    committed: Option<Committed>,
    parked: Vec<Parked>,
    conversations: Vec<ConversationRecord>,
}

pub(super) fn export(database: &Database) -> Result<String, StoreError> {
    let mut inboxes = Vec::new();
    for key in tables::inboxes(database)? {
        let committed = tables::load(database, &key)?;
        let parked = tables::parked(database, &key, &ParkedQuery::first(usize::MAX))?.items;
        let conversations = conversations::list(database, &key, &ConversationQuery::first(usize::MAX))?.items;
        inboxes.push(ExportedInbox { inbox: key, committed, parked, conversations });
    }
    serde_json::to_string_pretty(&Export { format: FORMAT, inboxes }).map_err(StoreError::down)
}
