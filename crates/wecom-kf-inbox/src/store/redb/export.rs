//! All that a [`Redb`](super::Redb) holds, as JSON for the operator.

use redb::Database;
use serde::Serialize;

use super::tables;
use crate::store::{InboxState, Parked, StoreError};

#[derive(Serialize)]
struct Export {
    format: u64,
    inboxes: Vec<ExportedInbox>,
}

#[derive(Serialize)]
struct ExportedInbox {
    inbox: String,
    #[serde(flatten)]
    state: InboxState,
    parked: Vec<Parked>,
}

pub(super) fn export(database: &Database) -> Result<String, StoreError> {
    let mut inboxes = Vec::new();
    for key in tables::inboxes(database)? {
        let (state, parked) = (tables::load(database, &key)?, tables::parked(database, &key)?);
        inboxes.push(ExportedInbox { inbox: key, state, parked });
    }
    serde_json::to_string_pretty(&Export { format: tables::FORMAT, inboxes }).map_err(StoreError::down)
}
