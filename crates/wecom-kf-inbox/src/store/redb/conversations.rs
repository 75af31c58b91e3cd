//! The conversations in a [`Redb`](super::Redb)'s file: how they are changed, found, listed and deleted.

use std::ops::RangeInclusive;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use wecom_kf::ExternalUserId;

use super::error::failed;
use super::tables::{PLACES, begin, decoded, encoded, place};
use crate::clock::unix_seconds;
use crate::store::{ConversationPage, ConversationQuery, ConversationRecord, ConversationWrite, StoreError};

/// Conversations as JSON, by the number of the inbox and the customer.
const CONVERSATIONS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("conversations");
/// The same keys, by the number of the inbox, the time until which the conversation is kept, and the customer.
const UNTIL: TableDefinition<'_, &[u8], ()> = TableDefinition::new("conversations_until");

/// How many conversations past their time a commit deletes at most, so that it does not take long.
const PAST_AT_ONCE: usize = 1000;

/// Creates the tables, so that they exist for readers.
pub(super) fn prepare(write: &WriteTransaction) -> Result<(), StoreError> {
    write.open_table(CONVERSATIONS).map_err(failed)?;
    write.open_table(UNTIL).map_err(failed)?;
    Ok(())
}

fn key(inbox: u64, customer: &str) -> Vec<u8> {
    [&inbox.to_be_bytes(), customer.as_bytes()].concat()
}

fn until_key(inbox: u64, keep_until: i64, customer: &str) -> Vec<u8> {
    // Times before 1970 are over too, and an unsigned number keeps its order as bytes.
    let until = u64::try_from(keep_until).unwrap_or(0);
    [&inbox.to_be_bytes()[..], &until.to_be_bytes(), customer.as_bytes()].concat()
}

/// Applies the changes of a commit.
pub(super) fn put(write: &WriteTransaction, inbox: u64, changes: &[ConversationWrite]) -> Result<(), StoreError> {
    if changes.is_empty() {
        return Ok(());
    }
    delete_past(write, inbox)?;
    for change in changes {
        let customer = change.customer().as_str();
        let stored = stored(write, inbox, customer)?;
        if let (ConversationWrite::Continue(record), stored) = (change, &stored)
            && stored.as_ref().is_none_or(|stored| stored.origin != record.origin)
        {
            continue;
        }
        if let Some(stored) = stored {
            delete(write, inbox, &stored)?;
        }
        if let Some(record) = change.record() {
            let json = encoded(record)?;
            write.open_table(CONVERSATIONS).map_err(failed)?.insert(&*key(inbox, customer), &*json).map_err(failed)?;
            let until = until_key(inbox, record.keep_until, customer);
            write.open_table(UNTIL).map_err(failed)?.insert(&*until, ()).map_err(failed)?;
        }
    }
    Ok(())
}

fn stored(write: &WriteTransaction, inbox: u64, customer: &str) -> Result<Option<ConversationRecord>, StoreError> {
    let table = write.open_table(CONVERSATIONS).map_err(failed)?;
    table.get(&*key(inbox, customer)).map_err(failed)?.map(|json| decoded(json.value())).transpose()
}

fn delete(write: &WriteTransaction, inbox: u64, record: &ConversationRecord) -> Result<(), StoreError> {
    let customer = record.customer.as_str();
    write.open_table(CONVERSATIONS).map_err(failed)?.remove(&*key(inbox, customer)).map_err(failed)?;
    let until = until_key(inbox, record.keep_until, customer);
    write.open_table(UNTIL).map_err(failed)?.remove(&*until).map_err(failed)?;
    Ok(())
}

fn delete_past(write: &WriteTransaction, inbox: u64) -> Result<(), StoreError> {
    let (from, to) = (until_key(inbox, 0, ""), until_key(inbox, unix_seconds(), ""));
    let mut past = Vec::new();
    for entry in write.open_table(UNTIL).map_err(failed)?.range(&*from..&*to).map_err(failed)?.take(PAST_AT_ONCE) {
        past.push(entry.map_err(failed)?.0.value().to_vec());
    }
    for until in past {
        // The customer follows two numbers of eight bytes.
        let key = [&until[..8], &until[16..]].concat();
        write.open_table(CONVERSATIONS).map_err(failed)?.remove(&*key).map_err(failed)?;
        write.open_table(UNTIL).map_err(failed)?.remove(&*until).map_err(failed)?;
    }
    Ok(())
}

/// Returns some of the conversations of an inbox that are still kept, in the order of their customers' ids.
pub(super) fn list(
    database: &Database,
    inbox_key: &str,
    query: &ConversationQuery,
) -> Result<ConversationPage, StoreError> {
    let read = database.begin_read().map_err(failed)?;
    let Some(place) = place(&read.open_table(PLACES).map_err(failed)?, inbox_key)? else {
        return Ok(ConversationPage::default());
    };
    let table = read.open_table(CONVERSATIONS).map_err(failed)?;
    let now = unix_seconds();
    if let Some(only) = &query.only {
        let found = table.get(&*key(place.inbox, only.as_str())).map_err(failed)?;
        let found = found.map(|json| decoded::<ConversationRecord>(json.value())).transpose()?;
        return Ok(ConversationPage::new(found.into_iter().filter(|record| record.keep_until >= now).collect(), None));
    }
    let range = all_after(place.inbox, query.after.as_ref());
    let (mut items, mut next) = (Vec::new(), None);
    let mut last: Option<ExternalUserId> = None;
    for (count, entry) in table.range::<&[u8]>(&**range.start()..=&**range.end()).map_err(failed)?.enumerate() {
        if count >= query.limit {
            next = last;
            break;
        }
        let record: ConversationRecord = decoded(entry.map_err(failed)?.1.value())?;
        last = Some(record.customer.clone());
        if record.keep_until >= now {
            items.push(record);
        }
    }
    Ok(ConversationPage::new(items, next))
}

/// Returns the keys of the conversations of an inbox with the customers after this one.
fn all_after(inbox: u64, after: Option<&ExternalUserId>) -> RangeInclusive<Vec<u8>> {
    let mut from = key(inbox, after.map_or("", |after| after.as_str()));
    if after.is_some() {
        // The next possible text.
        from.push(0);
    }
    // No text begins with this byte.
    let to = [&inbox.to_be_bytes()[..], &[0xff]].concat();
    from..=to
}

/// Deletes the conversation with a customer. Returns false if there is none.
pub(super) fn forget(database: &Database, inbox_key: &str, customer: &str) -> Result<bool, StoreError> {
    let write = begin(database)?;
    let found = place(&write.open_table(PLACES).map_err(failed)?, inbox_key)?;
    let found = match found {
        Some(place) => stored(&write, place.inbox, customer)?.map(|record| (place.inbox, record)),
        None => None,
    };
    if let Some((inbox, record)) = &found {
        delete(&write, *inbox, record)?;
    }
    write.commit().map_err(failed)?;
    Ok(found.is_some())
}

/// Returns the number of rows in the two tables.
#[cfg(test)]
pub(super) fn rows(database: &Database) -> Result<(u64, u64), StoreError> {
    use redb::ReadableTableMetadata;
    let read = database.begin_read().map_err(failed)?;
    let rows = read.open_table(CONVERSATIONS).map_err(failed)?.len().map_err(failed)?;
    Ok((rows, read.open_table(UNTIL).map_err(failed)?.len().map_err(failed)?))
}
