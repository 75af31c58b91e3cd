//! The tables of a [`Redb`](super::Redb)'s file, and what is read from and written to them.

use std::ops::RangeInclusive;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableError, TableHandle, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::error::failed;
use crate::clock::unix_seconds;
use crate::store::{Commit, InboxState, Parked, REMEMBERED, StoreError};

/// The format of these tables. Keys are of types that every version of redb stores alike: format 1 had pairs with a
/// text in them, which redb 3 and later store otherwise.
pub(super) const FORMAT: u64 = 2;

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// The place of each inbox, as JSON.
const PLACES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("places");
/// The ids of settled messages as JSON, those of a commit together, by inbox and the number of the first: ids are
/// numbered in the order they were settled. One by one they would cost a thousand times as much as the rest of a commit.
const SETTLED: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("settled");
/// Parked messages as JSON, by inbox and number: they are numbered in the order they were parked.
const PARKED: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("parked");
/// The number of each, by [`parked_id`].
const PARKED_IDS: TableDefinition<'_, &[u8], u64> = TableDefinition::new("parked_ids");
/// Access tokens as JSON, by the text of their key.
const TOKENS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("tokens");

/// The place of an inbox, without its ids.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Place {
    /// Its number in the other tables.
    inbox: u64,
    revision: u64,
    cursor: Option<String>,
    since: Option<i64>,
    /// The number of the next id, and of the next parked message.
    next_settled: u64,
    next_parked: u64,
}

/// Checks that what the file holds is ours, or nothing yet.
pub(super) fn check(database: &impl ReadableDatabase) -> Result<(), StoreError> {
    let read = database.begin_read().map_err(failed)?;
    let format = match read.open_table(META) {
        Ok(meta) => meta.get("format").map_err(failed)?.map(|format| format.value()),
        Err(TableError::TableDoesNotExist(_)) => None,
        Err(error) => return Err(foreign(&error)),
    };
    let others = read.list_tables().map_err(failed)?.any(|table| table.name() != META.name());
    match format {
        Some(FORMAT) => Ok(()),
        Some(newer) if newer > FORMAT => Err(StoreError::corrupt(format!(
            "the file has format {newer}, and this version of wecom-kf-inbox knows {FORMAT}; use a later version"
        ))),
        Some(older) => Err(StoreError::corrupt(format!(
            "the file has format {older}, of an unpublished version of wecom-kf-inbox, and this one knows {FORMAT}; \
             move the file away, and begin with an empty one and `ColdStart::Since`"
        ))),
        None if others => Err(foreign(&"it has tables of another program")),
        None => Ok(()),
    }
}

fn foreign(why: &impl std::fmt::Display) -> StoreError {
    StoreError::corrupt(format!("this is a redb database, but not a store of wecom-kf-inbox: {why}"))
}

/// Creates our tables in a new file, and refuses a file of others.
pub(super) fn prepare(database: &Database) -> Result<(), StoreError> {
    check(database)?;
    let write = begin(database)?;
    write.open_table(META).map_err(failed)?.insert("format", FORMAT).map_err(failed)?;
    // Readers find them then.
    write.open_table(PLACES).map_err(failed)?;
    write.open_table(SETTLED).map_err(failed)?;
    write.open_table(PARKED).map_err(failed)?;
    write.open_table(PARKED_IDS).map_err(failed)?;
    write.open_table(TOKENS).map_err(failed)?;
    write.commit().map_err(failed)
}

/// Begins a transaction whose commit is written in two phases. With one, redb takes a damaged last commit for one that
/// was cut off, and goes back to the commit before without a word.
pub(super) fn begin(database: &Database) -> Result<WriteTransaction, StoreError> {
    let mut write = database.begin_write().map_err(failed)?;
    write.set_two_phase_commit(true);
    Ok(write)
}

fn place(places: &impl ReadableTable<&'static str, &'static [u8]>, key: &str) -> Result<Option<Place>, StoreError> {
    places.get(key).map_err(failed)?.map(|json| decoded(json.value())).transpose()
}

fn decoded<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, StoreError> {
    // serde's message could quote what customers wrote.
    serde_json::from_slice(json)
        .map_err(|error| StoreError::corrupt(format!("a value cannot be read, at column {} of it", error.column())))
}

fn encoded(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(StoreError::down)
}

fn all(inbox: u64) -> RangeInclusive<(u64, u64)> {
    (inbox, 0)..=(inbox, u64::MAX)
}

/// The inbox's number, then the id.
fn parked_id(inbox: u64, id: &str) -> Vec<u8> {
    [&inbox.to_be_bytes(), id.as_bytes()].concat()
}

/// Writes a commit, unless it was written before.
pub(super) fn commit(database: &Database, key: &str, commit: &Commit) -> Result<(), StoreError> {
    let write = begin(database)?;
    if put(&write, key, commit)? { write.commit().map_err(failed) } else { write.abort().map_err(failed) }
}

/// Returns false if it was there already.
fn put(write: &WriteTransaction, key: &str, commit: &Commit) -> Result<bool, StoreError> {
    let mut places = write.open_table(PLACES).map_err(failed)?;
    let mut place = match place(&places, key)? {
        Some(place) => place,
        None => Place { inbox: new_number(write)?, ..Place::default() },
    };
    if place.revision == commit.revision {
        return Ok(false);
    }
    put_settled(write, &mut place, &commit.settled)?;
    put_parked(write, &mut place, commit)?;
    place.revision = commit.revision;
    place.cursor.clone_from(&commit.cursor);
    place.since = commit.since;
    places.insert(key, &*encoded(&place)?).map_err(failed)?;
    Ok(true)
}

fn new_number(write: &WriteTransaction) -> Result<u64, StoreError> {
    let mut meta = write.open_table(META).map_err(failed)?;
    let number = meta.get("inboxes").map_err(failed)?.map_or(0, |number| number.value());
    meta.insert("inboxes", number + 1).map_err(failed)?;
    Ok(number)
}

fn put_settled(write: &WriteTransaction, place: &mut Place, settled: &[String]) -> Result<(), StoreError> {
    if settled.is_empty() {
        return Ok(());
    }
    let mut table = write.open_table(SETTLED).map_err(failed)?;
    table.insert((place.inbox, place.next_settled), &*encoded(&settled)?).map_err(failed)?;
    place.next_settled += settled.len() as u64;
    let first_kept = place.next_settled.saturating_sub(REMEMBERED as u64);
    // Those that are kept begin at this one, or within it.
    let mut before = table.range((place.inbox, 0)..=(place.inbox, first_kept)).map_err(failed)?;
    let first_needed = before.next_back().transpose().map_err(failed)?.map_or(0, |(number, _)| number.value().1);
    drop(before);
    table.retain_in((place.inbox, 0)..(place.inbox, first_needed), |_, _| false).map_err(failed)
}

fn put_parked(write: &WriteTransaction, place: &mut Place, commit: &Commit) -> Result<(), StoreError> {
    for id in commit.unparked.iter().chain(commit.parked.iter().map(|parked| &parked.id)) {
        take_parked(write, place.inbox, id)?;
    }
    for id in past(write, place.inbox)? {
        take_parked(write, place.inbox, &id)?;
    }
    let mut table = write.open_table(PARKED).map_err(failed)?;
    let mut ids = write.open_table(PARKED_IDS).map_err(failed)?;
    for parked in &commit.parked {
        table.insert((place.inbox, place.next_parked), &*encoded(parked)?).map_err(failed)?;
        ids.insert(&*parked_id(place.inbox, &parked.id), place.next_parked).map_err(failed)?;
        place.next_parked += 1;
    }
    Ok(())
}

fn take_parked(write: &WriteTransaction, inbox: u64, id: &str) -> Result<bool, StoreError> {
    let mut ids = write.open_table(PARKED_IDS).map_err(failed)?;
    let number = ids.remove(&*parked_id(inbox, id)).map_err(failed)?.map(|number| number.value());
    let Some(number) = number else { return Ok(false) };
    write.open_table(PARKED).map_err(failed)?.remove((inbox, number)).map_err(failed)?;
    Ok(true)
}

/// The ids of those that were kept for long enough, up to the first that was not: what was parked first is over first,
/// and a commit must not read all that was parked in a month.
fn past(write: &WriteTransaction, inbox: u64) -> Result<Vec<String>, StoreError> {
    let now = unix_seconds();
    let table = write.open_table(PARKED).map_err(failed)?;
    let mut past = Vec::new();
    for entry in table.range(all(inbox)).map_err(failed)? {
        let parked: Parked = decoded(entry.map_err(failed)?.1.value())?;
        if parked.keep_until >= now {
            break;
        }
        past.push(parked.id);
    }
    Ok(past)
}

/// Deletes a parked message. Returns false if there is none.
pub(super) fn drop_parked(database: &Database, key: &str, id: &str) -> Result<bool, StoreError> {
    let write = begin(database)?;
    let found = place(&write.open_table(PLACES).map_err(failed)?, key)?;
    let was_there = match found {
        Some(place) => take_parked(&write, place.inbox, id)?,
        None => false,
    };
    write.commit().map_err(failed)?;
    Ok(was_there)
}

/// What is stored of an inbox, without its parked messages.
pub(super) fn load(database: &Database, key: &str) -> Result<InboxState, StoreError> {
    let read = database.begin_read().map_err(failed)?;
    let Some(place) = place(&read.open_table(PLACES).map_err(failed)?, key)? else {
        return Ok(InboxState::default());
    };
    let mut settled = Vec::new();
    for entry in read.open_table(SETTLED).map_err(failed)?.range(all(place.inbox)).map_err(failed)? {
        settled.extend(decoded::<Vec<String>>(entry.map_err(failed)?.1.value())?);
    }
    settled.drain(..settled.len().saturating_sub(REMEMBERED));
    Ok(InboxState { revision: place.revision, cursor: place.cursor, since: place.since, settled })
}

/// The parked messages of an inbox that are still to be kept, in the order they were parked.
pub(super) fn parked(database: &Database, key: &str) -> Result<Vec<Parked>, StoreError> {
    let now = unix_seconds();
    let read = database.begin_read().map_err(failed)?;
    let Some(place) = place(&read.open_table(PLACES).map_err(failed)?, key)? else { return Ok(Vec::new()) };
    let mut list = Vec::new();
    for entry in read.open_table(PARKED).map_err(failed)?.range(all(place.inbox)).map_err(failed)? {
        list.push(decoded::<Parked>(entry.map_err(failed)?.1.value())?);
    }
    list.retain(|parked| parked.keep_until >= now);
    Ok(list)
}

/// The texts of all inboxes' keys.
pub(super) fn inboxes(database: &Database) -> Result<Vec<String>, StoreError> {
    let read = database.begin_read().map_err(failed)?;
    let places = read.open_table(PLACES).map_err(failed)?;
    places.iter().map_err(failed)?.map(|entry| Ok(entry.map_err(failed)?.0.value().to_owned())).collect()
}

/// The JSON that was written by [`put_token`] last.
pub(super) fn token(database: &Database, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let read = database.begin_read().map_err(failed)?;
    let tokens = read.open_table(TOKENS).map_err(failed)?;
    Ok(tokens.get(key).map_err(failed)?.map(|json| json.value().to_vec()))
}

/// Replaces what is stored about an access token.
pub(super) fn put_token(database: &Database, key: &str, json: &[u8]) -> Result<(), StoreError> {
    let write = begin(database)?;
    write.open_table(TOKENS).map_err(failed)?.insert(key, json).map_err(failed)?;
    write.commit().map_err(failed)
}

/// How many rows there are in the tables of parked messages, and of their ids.
#[cfg(test)]
pub(super) fn parked_rows(database: &Database) -> Result<(u64, u64), StoreError> {
    use redb::ReadableTableMetadata;
    let read = database.begin_read().map_err(failed)?;
    let rows = read.open_table(PARKED).map_err(failed)?.len().map_err(failed)?;
    Ok((rows, read.open_table(PARKED_IDS).map_err(failed)?.len().map_err(failed)?))
}
