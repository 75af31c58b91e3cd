//! Inboxes in a [`Redis`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::stream::BoxStream;
use wecom_kf::{Bilingual, BoxFuture, ExternalUserId};

use super::{Question, Redis, limit_in_ms, optional};
use crate::clock::unix_seconds;
use crate::store::error::{no_such_page, unwritable};
use crate::store::{
    Acquired, Change, Commit, Committed, ConversationPage, ConversationQuery, ConversationRecord, ConversationWrite,
    FleetStore, Generation, Held, InboxKey, InboxStore, Lease, Parked, ParkedOnly, ParkedPage, ParkedQuery, Renewed,
    StoreError, Writes,
};

/// The most messages on a page. More would block the server for too long.
const PAGE_MOST: usize = 1000;
/// The most conversations on a page, since each may have 64 KiB and more.
const CONVERSATIONS_MOST: usize = 100;

impl Redis {
    fn about<'a>(&'a self, script: &'a super::scripts::Script, key: &InboxKey) -> Question<'a> {
        Question::about_inbox(script, self.0.keys.of_inbox(key))
    }

    async fn acquire(&self, key: &InboxKey, holder: &str, limit: Duration) -> Result<Acquired, StoreError> {
        let mut question = self.about(&self.0.scripts.acquire, key);
        question.arg(holder).arg(limit_in_ms(limit));
        let (outcome, value, left): (String, String, i64) = self.ask(&question).await?;
        Ok(match &*outcome {
            "lease" => Acquired::Lease(Lease::new(key.clone(), holder, number(&value, key)?)),
            _ => Acquired::Held { holder: value, left: Duration::from_millis(left.max(1).unsigned_abs()) },
        })
    }

    async fn renew(&self, lease: &Lease, limit: Duration) -> Result<Renewed, StoreError> {
        let mut keys = self.0.keys.of_inbox(&lease.key);
        keys.append(&mut self.0.keys.of_wake(&lease.key));
        let mut question = Question::about_inbox(&self.0.scripts.renew, keys);
        question.arg(&lease.holder).arg(lease.fence).arg(limit_in_ms(limit));
        match self.ask::<(i64, Option<u64>)>(&question).await? {
            (wishes @ 0.., wake) => Ok(Renewed::with_wishes(wishes > 0).with_wake(wake.unwrap_or_default())),
            _ => Err(StoreError::StaleLease),
        }
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        let mut question = self.about(&self.0.scripts.release, &lease.key);
        question.arg(&lease.holder).arg(lease.fence).arg(self.0.keys.channel(&lease.key));
        self.ask::<i64>(&question).await.map(drop)
    }

    async fn lease_of(&self, key: &InboxKey) -> Result<Option<Held>, StoreError> {
        let held: Option<(String, i64)> = self.ask(&self.about(&self.0.scripts.lease_of, key)).await?;
        Ok(held.map(|(holder, left)| Held::new(holder, Duration::from_millis(left.max(1).unsigned_abs()))))
    }

    async fn keys(&self) -> Result<BTreeSet<InboxKey>, StoreError> {
        self.check().await?;
        let (keys, link) = (&self.0.keys, &self.0.link);
        let names = link.names(&self.0.scripts.scan, &keys.channel_to_try(), &keys.pattern_of_states()).await?;
        Ok(names.iter().filter_map(|name| self.0.keys.inbox_of_state(name)).collect())
    }

    async fn load(&self, key: &InboxKey) -> Result<Option<Committed>, StoreError> {
        let question = self.about(&self.0.scripts.load, key);
        let (state, ids): (Vec<Option<String>>, BTreeMap<u64, String>) = self.ask(&question).await?;
        committed(state, ids).map_err(|what| {
            StoreError::corrupt(Bilingual::new(
                format!("the state of {key} has no valid {what}"),
                format!("{key} 的状态中 {what} 无效"),
            ))
        })
    }

    async fn commit(&self, lease: &Lease, commit: &Commit) -> Result<(), StoreError> {
        let ids = json(&commit.settled)?;
        let mut question = self.about(&self.0.scripts.commit, &lease.key);
        question
            .arg(&lease.holder)
            .arg(lease.fence)
            .arg(if commit.writes == Writes::Next { "next" } else { "whole" })
            .arg(commit.generation.as_str())
            .arg(commit.revision)
            .arg(commit.revision.saturating_sub(1))
            .arg(optional(commit.cursor.as_deref()))
            .arg(optional(commit.since))
            .arg(commit.starts)
            .arg(optional(commit.in_progress.as_deref()))
            .arg(commit.remember)
            .arg(commit.settled.len())
            .arg(ids)
            .arg(commit.unparked.len())
            .arg(commit.unwished.len())
            .arg(commit.parked.len())
            .arg(commit.conversations.len())
            .arg(&commit.unparked)
            .arg(&commit.unwished);
        for parked in &commit.parked {
            let stored = Parked { is_wished: false, ..parked.clone() };
            question.arg(&parked.id).arg(parked.keep_until).arg(json(&stored)?);
        }
        for write in &commit.conversations {
            let what = match write {
                ConversationWrite::Begin(_) => "begin",
                ConversationWrite::Continue(_) => "continue",
                ConversationWrite::End(_) => "end",
            };
            question.arg(what).arg(write.customer().as_str());
            match write.record() {
                Some(record) => question.arg(&record.origin).arg(record.keep_until).arg(json(record)?),
                None => question.arg("").arg(0).arg(""),
            };
        }
        let outcome: String = self.ask_replicated(&question).await?;
        match &*outcome {
            "ok" => Ok(()),
            "stale" => Err(StoreError::StaleLease),
            _ => Err(StoreError::OutOfStep),
        }
    }

    async fn parked(&self, key: &InboxKey, query: &ParkedQuery) -> Result<ParkedPage, StoreError> {
        let (which, id) = match &query.only {
            ParkedOnly::Id(id) => ("id", id.as_str()),
            ParkedOnly::Wished => ("wished", ""),
            ParkedOnly::All => ("all", ""),
        };
        let after = query.after.as_deref().unwrap_or_default();
        if !after.is_empty() && after.parse::<u64>().is_err() {
            return Err(no_such_page(after));
        }
        let limit = query.limit.clamp(1, PAGE_MOST);
        let mut question = self.about(&self.0.scripts.parked, key);
        // One more than requested, which tells whether there are more.
        question.arg(which).arg(id).arg(after).arg(limit + 1);
        let mut found: Vec<(String, u8, String)> = self.ask(&question).await?;
        let has_more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| has_more).map(|(number, ..)| number.clone());
        let now = unix_seconds();
        let mut items = Vec::new();
        for (_, is_wished, json) in found {
            let parked: Parked = serde_json::from_str(&json).map_err(|_| {
                StoreError::corrupt(Bilingual::new(
                    format!("a parked message of {key} cannot be read"),
                    format!("{key} 的一条暂存消息无法读取"),
                ))
            })?;
            if parked.keep_until >= now {
                items.push(Parked { is_wished: is_wished == 1, ..parked });
            }
        }
        Ok(ParkedPage::new(items, next))
    }

    async fn drop_parked(&self, key: &InboxKey, id: &str) -> Result<bool, StoreError> {
        let mut question = self.about(&self.0.scripts.drop_parked, key);
        question.arg(id);
        self.ask(&question).await
    }

    async fn wish_replays(&self, key: &InboxKey, ids: &[String]) -> Result<usize, StoreError> {
        let mut question = self.about(&self.0.scripts.wish_replays, key);
        question.arg(ids.len()).arg(ids).arg(self.0.keys.channel(key));
        self.ask(&question).await
    }

    async fn conversations(&self, key: &InboxKey, query: &ConversationQuery) -> Result<ConversationPage, StoreError> {
        let limit = query.limit.clamp(1, CONVERSATIONS_MOST);
        let (only, after) = (query.only.as_ref(), query.after.as_ref());
        let mut question = self.about(&self.0.scripts.conversations, key);
        question.arg(only.map_or("", |only| only.as_str())).arg(after.map_or("", |after| after.as_str()));
        // One more than requested, which tells whether there are more.
        question.arg(limit + 1);
        let found: Vec<String> = self.ask(&question).await?;
        let unreadable = || {
            StoreError::corrupt(Bilingual::new(
                format!("a conversation of {key} cannot be read"),
                format!("{key} 的一个会话记录无法读取"),
            ))
        };
        let mut items = Vec::new();
        for stored in &found {
            let json = stored.split_once(' ').map(|(_, json)| json).ok_or_else(unreadable)?;
            items.push(serde_json::from_str::<ConversationRecord>(json).map_err(|_| unreadable())?);
        }
        let has_more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| has_more).map(|last| last.customer.clone());
        let now = unix_seconds();
        items.retain(|record| record.keep_until >= now);
        Ok(ConversationPage::new(items, next))
    }

    async fn forget_customer(&self, key: &InboxKey, customer: &ExternalUserId) -> Result<bool, StoreError> {
        let mut question = self.about(&self.0.scripts.forget_customer, key);
        question.arg(customer.as_str());
        self.ask_replicated(&question).await
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| unwritable())
}

fn number<T: std::str::FromStr>(text: &str, key: &InboxKey) -> Result<T, StoreError> {
    text.parse().map_err(|_| {
        StoreError::corrupt(Bilingual::new(
            format!("a number in the state of {key} is none"),
            format!("{key} 的状态中有一个数字无效"),
        ))
    })
}

/// Reads what `load.lua` returns. An error names the field.
fn committed(state: Vec<Option<String>>, ids: BTreeMap<u64, String>) -> Result<Option<Committed>, &'static str> {
    let [generation, revision, cursor, since, starts, in_progress, first, next, remember] =
        <[Option<String>; 9]>::try_from(state).map_err(|_| "fields")?;
    let Some(generation) = generation else { return Ok(None) };
    let mut committed = Committed::new(Generation::from(generation));
    committed.revision = parsed(revision, "revision")?;
    committed.starts = parsed(starts, "starts")?;
    committed.cursor = given(cursor);
    committed.since = given(since).map(|since| parsed(Some(since), "since")).transpose()?;
    committed.in_progress = given(in_progress);
    // Other rows belong to a commit that was not completed, or are about to be deleted.
    let (first, next): (u64, u64) = (parsed(first, "first_ids")?, parsed(next, "next_ids")?);
    for (_, stored) in ids.range(first..next.max(first)) {
        let (_, json) = stored.split_once(' ').ok_or("ids")?;
        committed.settled.extend(serde_json::from_str::<Vec<String>>(json).map_err(|_| "ids")?);
    }
    let too_many = committed.settled.len().saturating_sub(parsed(remember, "remember")?);
    committed.settled.drain(..too_many);
    Ok(Some(committed))
}

fn parsed<T: std::str::FromStr>(text: Option<String>, field: &'static str) -> Result<T, &'static str> {
    text.and_then(|text| text.parse().ok()).ok_or(field)
}

/// The opposite of [`optional`].
fn given(text: Option<String>) -> Option<String> {
    text?.strip_prefix('=').map(str::to_owned)
}

impl InboxStore for Redis {
    fn acquire<'a>(
        &'a self,
        key: &'a InboxKey,
        holder: &'a str,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Acquired, StoreError>> {
        Box::pin(self.acquire(key, holder, limit))
    }

    fn renew<'a>(&'a self, lease: &'a Lease, limit: Duration) -> BoxFuture<'a, Result<Renewed, StoreError>> {
        Box::pin(self.renew(lease, limit))
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.release(lease))
    }

    fn lease_of<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<Option<Held>, StoreError>> {
        Box::pin(self.lease_of(key))
    }

    fn keys(&self) -> BoxFuture<'_, Result<BTreeSet<InboxKey>, StoreError>> {
        Box::pin(self.keys())
    }

    fn load<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<Option<Committed>, StoreError>> {
        Box::pin(self.load(key))
    }

    fn commit<'a>(&'a self, lease: &'a Lease, commit: &'a Commit) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.commit(lease, commit))
    }

    fn parked<'a>(
        &'a self,
        key: &'a InboxKey,
        query: &'a ParkedQuery,
    ) -> BoxFuture<'a, Result<ParkedPage, StoreError>> {
        Box::pin(self.parked(key, query))
    }

    fn drop_parked<'a>(&'a self, key: &'a InboxKey, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(self.drop_parked(key, id))
    }

    fn wish_replays<'a>(&'a self, key: &'a InboxKey, ids: &'a [String]) -> BoxFuture<'a, Result<usize, StoreError>> {
        Box::pin(self.wish_replays(key, ids))
    }

    fn conversations<'a>(
        &'a self,
        key: &'a InboxKey,
        query: &'a ConversationQuery,
    ) -> BoxFuture<'a, Result<ConversationPage, StoreError>> {
        Box::pin(self.conversations(key, query))
    }

    fn forget_customer<'a>(
        &'a self,
        key: &'a InboxKey,
        customer: &'a ExternalUserId,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(self.forget_customer(key, customer))
    }

    fn changes(&self, key: &InboxKey) -> BoxStream<'static, Change> {
        self.0.listeners.listen(&self.0.link, key, self.0.keys.channel(key))
    }

    fn fleet(&self) -> Option<&dyn FleetStore> {
        Some(self)
    }
}
