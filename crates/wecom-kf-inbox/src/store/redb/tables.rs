//! The tables of a [`Redb`](super::Redb)'s file, the number of their format, and how they are read and written.

use std::ops::RangeInclusive;

use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, TableError, TableHandle,
    WriteTransaction,
};
use serde::{Deserialize, Serialize};

use wecom_kf::Bilingual;

use super::conversations;
use super::error::failed;
use crate::clock::unix_seconds;
use crate::store::error::{no_such_page, unwritable};
use crate::store::{Commit, Committed, Parked, ParkedOnly, ParkedPage, ParkedQuery, StoreError, Writes};

/// The format of these tables and of their values. The types of the keys are stored alike by every version of redb: format
/// 1 had pairs with a text in them, which redb 3 and later store differently.
const FORMAT: u64 = crate::store::FORMAT as u64;

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// What is committed of each inbox, without its ids, as JSON.
pub(super) const PLACES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("places");
/// The ids of settled messages as JSON. The ids of a commit are one row, whose key is the inbox and the number of the
/// first id. Ids are numbered in the order they were settled. With a row for each id a commit would take a thousand
/// times as long.
const SETTLED: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("settled");
/// Parked messages as JSON, by inbox and number: they are numbered in the order they were parked.
const PARKED: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("parked");
/// The number of each parked message, by [`parked_id`].
const PARKED_IDS: TableDefinition<'_, &[u8], u64> = TableDefinition::new("parked_ids");
/// The parked messages with a wish to replay them, by inbox and number.
const WISHED: TableDefinition<'_, (u64, u64), ()> = TableDefinition::new("wished");
/// Access tokens as JSON, by the text of their key.
const TOKENS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("tokens");

/// The committed state of an inbox.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Place {
    /// The number of the inbox in the other tables.
    pub(super) inbox: u64,
    /// The state, without its ids.
    committed: Committed,
    remember: usize,
    /// The first number of the ids that count. They end before `next_settled`.
    first_settled: u64,
    next_settled: u64,
    next_parked: u64,
}

/// Checks that the file is a store of ours, or empty.
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
        Some(newer) if newer > FORMAT => Err(StoreError::corrupt(Bilingual::new(
            format!(
                "the file has format {newer}, and this version of wecom-kf-inbox knows {FORMAT}; use a later version"
            ),
            format!("文件的格式为 {newer}，本版本的 wecom-kf-inbox 只支持 {FORMAT}；请使用更新的版本"),
        ))),
        Some(older) => Err(StoreError::corrupt(Bilingual::new(
            format!(
                "the file has format {older}, of an unpublished version of wecom-kf-inbox, and this one knows {FORMAT}; \
                 move the file away, and begin with an empty one and `ColdStart::Since`"
            ),
            format!(
                "文件的格式为 {older}，来自 wecom-kf-inbox 未发布的版本，本版本只支持 {FORMAT}；请移走该文件，用空文件和 \
                 `ColdStart::Since` 重新开始"
            ),
        ))),
        None if others => Err(foreign(&"it has tables of another program")),
        None => Ok(()),
    }
}

fn foreign(why: &impl std::fmt::Display) -> StoreError {
    StoreError::corrupt(Bilingual::new(
        format!("this is a redb database, but not a store of wecom-kf-inbox: {why}"),
        "这是 redb 数据库，但不是 wecom-kf-inbox 的存储",
    ))
}

/// Creates our tables in a new file, and refuses the file of another program.
pub(super) fn prepare(database: &Database) -> Result<(), StoreError> {
    check(database)?;
    let write = begin(database)?;
    write.open_table(META).map_err(failed)?.insert("format", FORMAT).map_err(failed)?;
    // Opening a table here creates it, so that it exists for readers.
    write.open_table(PLACES).map_err(failed)?;
    write.open_table(SETTLED).map_err(failed)?;
    write.open_table(PARKED).map_err(failed)?;
    write.open_table(PARKED_IDS).map_err(failed)?;
    write.open_table(WISHED).map_err(failed)?;
    write.open_table(TOKENS).map_err(failed)?;
    conversations::prepare(&write)?;
    write.commit().map_err(failed)
}

/// Begins a transaction that is committed in two phases. With one phase, redb takes a damaged last commit for one that
/// was cut off, and silently returns to the commit before.
pub(super) fn begin(database: &Database) -> Result<WriteTransaction, StoreError> {
    let mut write = database.begin_write().map_err(failed)?;
    write.set_two_phase_commit(true);
    Ok(write)
}

pub(super) fn place(
    places: &impl ReadableTable<&'static str, &'static [u8]>,
    key: &str,
) -> Result<Option<Place>, StoreError> {
    places.get(key).map_err(failed)?.map(|json| decoded(json.value())).transpose()
}

pub(super) fn decoded<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, StoreError> {
    // The message of serde could quote what customers wrote.
    serde_json::from_slice(json).map_err(|error| {
        let column = error.column();
        StoreError::corrupt(Bilingual::new(
            format!("a value cannot be read, at column {column} of it"),
            format!("有一个值无法读取，位置在其第 {column} 列"),
        ))
    })
}

pub(super) fn encoded(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|_| unwritable())
}

fn all(inbox: u64) -> RangeInclusive<(u64, u64)> {
    (inbox, 0)..=(inbox, u64::MAX)
}

/// Returns the key of a parked message: the inbox's number, then the id.
fn parked_id(inbox: u64, id: &str) -> Vec<u8> {
    [&inbox.to_be_bytes(), id.as_bytes()].concat()
}

/// Writes in one transaction those commits that are new and that follow the stored state.
pub(super) fn commit_all<'a>(
    database: &Database,
    commits: impl Iterator<Item = (String, &'a Commit)>,
) -> Result<Vec<Result<(), StoreError>>, StoreError> {
    let write = begin(database)?;
    let (mut outcomes, mut has_written) = (Vec::new(), false);
    for (key, commit) in commits {
        outcomes.push(match put(&write, &key, commit) {
            Ok(is_new) => {
                has_written |= is_new;
                Ok(())
            }
            // A refused commit has changed nothing, so the transaction continues with the others.
            Err(StoreError::OutOfStep) => Err(StoreError::OutOfStep),
            Err(error) => return Err(error),
        });
    }
    if has_written {
        write.commit().map_err(failed)?;
    } else {
        write.abort().map_err(failed)?;
    }
    Ok(outcomes)
}

/// Writes a commit. Returns false if it was stored already.
fn put(write: &WriteTransaction, key: &str, commit: &Commit) -> Result<bool, StoreError> {
    let mut places = write.open_table(PLACES).map_err(failed)?;
    let stored = place(&places, key)?;
    let committed = stored.as_ref().map(|place| &place.committed);
    if committed.is_some_and(|committed| commit.is_stored(committed)) {
        return Ok(false);
    }
    if !commit.builds_on(committed) {
        return Err(StoreError::OutOfStep);
    }
    let mut place = match stored {
        Some(place) => place,
        None => new_place(write, commit)?,
    };
    // The ids are in a table of their own.
    place.committed = Committed { settled: Vec::new(), ..Committed::after(None, commit) };
    place.remember = commit.remember;
    if commit.writes == Writes::Whole {
        place.first_settled = place.next_settled;
    }
    put_settled(write, &mut place, &commit.settled)?;
    put_parked(write, &mut place, commit)?;
    conversations::put(write, place.inbox, &commit.conversations)?;
    places.insert(key, &*encoded(&place)?).map_err(failed)?;
    Ok(true)
}

fn new_place(write: &WriteTransaction, commit: &Commit) -> Result<Place, StoreError> {
    let mut meta = write.open_table(META).map_err(failed)?;
    let inbox = meta.get("inboxes").map_err(failed)?.map_or(0, |number| number.value());
    meta.insert("inboxes", inbox + 1).map_err(failed)?;
    let committed = Committed::new(commit.generation.clone());
    Ok(Place { inbox, committed, remember: commit.remember, first_settled: 0, next_settled: 0, next_parked: 0 })
}

/// Adds ids, and deletes the oldest when there are too many.
fn put_settled(write: &WriteTransaction, place: &mut Place, settled: &[String]) -> Result<(), StoreError> {
    let mut table = write.open_table(SETTLED).map_err(failed)?;
    if !settled.is_empty() {
        table.insert((place.inbox, place.next_settled), &*encoded(&settled)?).map_err(failed)?;
        place.next_settled += settled.len() as u64;
    }
    place.first_settled = place.first_settled.max(place.next_settled.saturating_sub(place.remember as u64));
    // The oldest ids that are kept begin with this row, or in the middle of it.
    let mut before = table.range((place.inbox, 0)..=(place.inbox, place.first_settled)).map_err(failed)?;
    let first_row = before.next_back().transpose().map_err(failed)?.map_or(0, |(number, _)| number.value().1);
    drop(before);
    table.retain_in((place.inbox, 0)..(place.inbox, first_row), |_, _| false).map_err(failed)
}

fn put_parked(write: &WriteTransaction, place: &mut Place, commit: &Commit) -> Result<(), StoreError> {
    for id in commit.unparked.iter().chain(commit.parked.iter().map(|parked| &parked.id)) {
        take_parked(write, place.inbox, id)?;
    }
    for id in past(write, place.inbox)? {
        take_parked(write, place.inbox, &id)?;
    }
    for parked in &commit.parked {
        // If a commit has the same id twice, the last one stays.
        take_parked(write, place.inbox, &parked.id)?;
        let mut table = write.open_table(PARKED).map_err(failed)?;
        let mut ids = write.open_table(PARKED_IDS).map_err(failed)?;
        let stored = Parked { is_wished: false, ..parked.clone() };
        table.insert((place.inbox, place.next_parked), &*encoded(&stored)?).map_err(failed)?;
        ids.insert(&*parked_id(place.inbox, &parked.id), place.next_parked).map_err(failed)?;
        place.next_parked += 1;
    }
    for id in &commit.unwished {
        let number = write
            .open_table(PARKED_IDS)
            .map_err(failed)?
            .get(&*parked_id(place.inbox, id))
            .map_err(failed)?
            .map(|number| number.value());
        if let Some(number) = number {
            write.open_table(WISHED).map_err(failed)?.remove((place.inbox, number)).map_err(failed)?;
        }
    }
    Ok(())
}

fn take_parked(write: &WriteTransaction, inbox: u64, id: &str) -> Result<bool, StoreError> {
    let mut ids = write.open_table(PARKED_IDS).map_err(failed)?;
    let number = ids.remove(&*parked_id(inbox, id)).map_err(failed)?.map(|number| number.value());
    let Some(number) = number else { return Ok(false) };
    write.open_table(PARKED).map_err(failed)?.remove((inbox, number)).map_err(failed)?;
    write.open_table(WISHED).map_err(failed)?.remove((inbox, number)).map_err(failed)?;
    Ok(true)
}

/// Returns the ids of the parked messages whose time is over, up to the first that is still kept. The oldest come
/// first, and a commit must not read everything that was parked in a month.
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

/// Notes wishes to replay parked messages. Returns how many of the ids are parked.
pub(super) fn wish_replays(database: &Database, key: &str, ids: &[String]) -> Result<usize, StoreError> {
    let write = begin(database)?;
    let found = place(&write.open_table(PLACES).map_err(failed)?, key)?;
    let Some(place) = found else {
        write.abort().map_err(failed)?;
        return Ok(0);
    };
    let mut count = 0;
    {
        let numbers = write.open_table(PARKED_IDS).map_err(failed)?;
        let mut wished = write.open_table(WISHED).map_err(failed)?;
        for id in ids {
            let number = numbers.get(&*parked_id(place.inbox, id)).map_err(failed)?.map(|number| number.value());
            if let Some(number) = number {
                wished.insert((place.inbox, number), ()).map_err(failed)?;
                count += 1;
            }
        }
    }
    write.commit().map_err(failed)?;
    Ok(count)
}

/// Returns whether there are wishes to replay parked messages.
pub(super) fn has_wishes(database: &Database, key: &str) -> Result<bool, StoreError> {
    let read = database.begin_read().map_err(failed)?;
    let Some(place) = place(&read.open_table(PLACES).map_err(failed)?, key)? else { return Ok(false) };
    let wished = read.open_table(WISHED).map_err(failed)?;
    Ok(wished.range(all(place.inbox)).map_err(failed)?.next().transpose().map_err(failed)?.is_some())
}

/// Returns the committed state of an inbox.
pub(super) fn load(database: &Database, key: &str) -> Result<Option<Committed>, StoreError> {
    let read = database.begin_read().map_err(failed)?;
    let Some(place) = place(&read.open_table(PLACES).map_err(failed)?, key)? else { return Ok(None) };
    let mut settled = Vec::new();
    for entry in read.open_table(SETTLED).map_err(failed)?.range(all(place.inbox)).map_err(failed)? {
        settled.extend(decoded::<Vec<String>>(entry.map_err(failed)?.1.value())?);
    }
    // The number of ids in the first row that are too many. All ids count if the history began without any.
    let count = usize::try_from(place.next_settled - place.first_settled).unwrap_or(usize::MAX);
    settled.drain(..settled.len().saturating_sub(count));
    Ok(Some(Committed { settled, ..place.committed }))
}

/// Returns some of the parked messages of an inbox that are still kept, in the order they were parked.
pub(super) fn parked(database: &Database, key: &str, query: &ParkedQuery) -> Result<ParkedPage, StoreError> {
    let from = match &query.after {
        Some(after) => after.parse::<u64>().map_err(|_| no_such_page(after))?.saturating_add(1),
        None => 0,
    };
    let read = database.begin_read().map_err(failed)?;
    let Some(place) = place(&read.open_table(PLACES).map_err(failed)?, key)? else { return Ok(ParkedPage::default()) };
    let numbers = parked_numbers(&read, place.inbox, from, query)?;
    let (parked, wished) = (read.open_table(PARKED).map_err(failed)?, read.open_table(WISHED).map_err(failed)?);
    let has_more = numbers.len() > query.limit;
    let (now, mut items, mut last) = (unix_seconds(), Vec::new(), None);
    for number in numbers.into_iter().take(query.limit) {
        last = Some(number.to_string());
        let Some(json) = parked.get((place.inbox, number)).map_err(failed)? else { continue };
        let found: Parked = decoded(json.value())?;
        if found.keep_until >= now {
            let is_wished = wished.get((place.inbox, number)).map_err(failed)?.is_some();
            items.push(Parked { is_wished, ..found });
        }
    }
    Ok(ParkedPage::new(items, last.filter(|_| has_more)))
}

/// Returns the numbers of the requested messages, one more than fit on the page.
fn parked_numbers(read: &ReadTransaction, inbox: u64, from: u64, query: &ParkedQuery) -> Result<Vec<u64>, StoreError> {
    let most = query.limit.saturating_add(1);
    let range = (inbox, from)..=(inbox, u64::MAX);
    let numbers: Result<Vec<u64>, redb::StorageError> = match &query.only {
        ParkedOnly::Id(id) => {
            let ids = read.open_table(PARKED_IDS).map_err(failed)?;
            let number = ids.get(&*parked_id(inbox, id)).map_err(failed)?;
            Ok(number.map(|number| number.value()).into_iter().collect())
        }
        ParkedOnly::Wished => {
            let wished = read.open_table(WISHED).map_err(failed)?;
            wished.range(range).map_err(failed)?.take(most).map(|entry| Ok(entry?.0.value().1)).collect()
        }
        ParkedOnly::All => {
            let parked = read.open_table(PARKED).map_err(failed)?;
            parked.range(range).map_err(failed)?.take(most).map(|entry| Ok(entry?.0.value().1)).collect()
        }
    };
    numbers.map_err(failed)
}

/// Returns the keys of all inboxes as text.
pub(super) fn inboxes(database: &Database) -> Result<Vec<String>, StoreError> {
    let read = database.begin_read().map_err(failed)?;
    let places = read.open_table(PLACES).map_err(failed)?;
    places.iter().map_err(failed)?.map(|entry| Ok(entry.map_err(failed)?.0.value().to_owned())).collect()
}

/// Returns the JSON that [`put_token`] wrote last.
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

/// Returns the number of rows in the tables of parked messages and of their ids.
#[cfg(test)]
pub(super) fn parked_rows(database: &Database) -> Result<(u64, u64), StoreError> {
    use redb::ReadableTableMetadata;
    let read = database.begin_read().map_err(failed)?;
    let rows = read.open_table(PARKED).map_err(failed)?.len().map_err(failed)?;
    Ok((rows, read.open_table(PARKED_IDS).map_err(failed)?.len().map_err(failed)?))
}
