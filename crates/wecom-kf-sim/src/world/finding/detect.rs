//! Finds the mistakes: each rule that says when a bot does something wrong.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::time::Duration;

use tokio::time::Instant;
use wecom_kf_raw::{ErrCode, op};

use super::{Answer, Finding, FindingName, Place, Proof, Seen};
use crate::platform::Unanswered;
use crate::platform::reply::Content;
use crate::world::clock::{Clock, Pace};

/// Early renewal is fine; a token with more than this left need not be asked for again.
const RENEWAL_IS_EARLY: Duration = Duration::from_secs(600);
/// Rates are counted over so long, by the simulator's clock.
const MINUTE: Duration = Duration::from_secs(60);
/// So many gettoken calls a minute are a storm, and so many refused ones.
const STORM: usize = 20;
const STORM_OF_REFUSALS: usize = 10;
/// A token may be in use by calls on their way when it is refused; after this time it is not.
const STALE_TOKEN_AFTER: Duration = Duration::from_secs(1);
/// WeCom takes this many reads a minute without a callback's token, over all accounts of an app.
const TOKENLESS_READS: usize = 10;
/// A page that is read again so soon is read by somebody else.
const SAME_PAGE_WITHIN: Duration = Duration::from_secs(5);
/// `has_more` calls for reading on; an empty page for doing so at once.
const READ_ON_WITHIN: Duration = Duration::from_secs(5);
const READ_ON_AT_ONCE_WITHIN: Duration = Duration::from_secs(1);
/// A repeat comes soon.
const REPEAT_WITHIN: Duration = MINUTE;
const KEPT_FINDINGS: usize = 1_000;
const KEPT_ENTRIES: usize = 10;
const KEPT_SENDS: usize = 100;

/// What was found, and what must be remembered to find more.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    found: Vec<Finding>,
    news: Vec<Finding>,
    made: usize,
    readers: HashMap<String, Reader>,
    token: TokenUse,
    /// The reads of the last minute without a callback's token, over all accounts.
    tokenless_reads: VecDeque<Duration>,
    sends: VecDeque<Send>,
}

/// How an account is read.
#[derive(Debug, Default)]
struct Reader {
    was_given_cursor: bool,
    /// `has_more` was 1: by which row, when, and how soon to read on.
    more: Option<More>,
    /// The cursors of the last pages that brought messages.
    pages: VecDeque<(String, Instant, Duration)>,
}

#[derive(Debug)]
struct More {
    row: u64,
    at: Duration,
    came: Instant,
    cursor: String,
    patience: Duration,
}

#[derive(Debug, Default)]
struct TokenUse {
    fetched: VecDeque<Duration>,
    refused: VecDeque<Duration>,
    /// When the token was refused first, if no other was asked for since.
    rejected: Option<(Instant, Duration)>,
}

/// A send without a `msgid`.
#[derive(Debug)]
struct Send {
    digest: u64,
    at: Duration,
    answer: Answer,
}

impl Findings {
    /// Looks at a call. Returns the names of the mistakes that it shows.
    pub(crate) fn look_at(&mut self, seen: &Seen<'_>) -> Vec<FindingName> {
        self.look_at_fields(seen);
        match seen.operation {
            op::GETTOKEN => self.look_at_gettoken(seen),
            op::SYNC_MSG => {
                self.look_at_polls(seen);
                self.look_at_reading(seen);
            }
            op::SEND_MSG => self.look_at_sending(seen),
            op::SEND_MSG_ON_EVENT if seen.facts.is_late_welcome && seen.errcode != Some(0) => {
                self.find(seen, Proof::welcome_code_too_old());
            }
            _ => {}
        }
        self.look_at_token(seen);
        self.found_at(seen.row)
    }

    /// A callback that failed for want of an answer in time.
    pub(crate) fn slow_callback(
        &mut self,
        row: u64,
        at: Duration,
        open_kfid: Option<&str>,
        proof: Proof,
    ) -> Vec<FindingName> {
        let place = Place { open_kfid, external_userid: None };
        self.add(Some(row), at, place, proof);
        self.found_at(row)
    }

    /// What only shows when time has passed.
    pub(crate) fn settle(&mut self, clock: &Clock, unanswered: &[Unanswered]) {
        let reading = clock.read();
        let ignored: Vec<_> = self
            .readers
            .iter_mut()
            .filter_map(|(open_kfid, reader)| {
                let more = reader.more.take_if(|more| {
                    let waited = reading.pace == Pace::Running && more.came.elapsed() >= more.patience;
                    waited || reading.now >= more.at + MINUTE
                })?;
                Some((open_kfid.clone(), more))
            })
            .collect();
        for (open_kfid, more) in ignored {
            let place = Place { open_kfid: Some(&open_kfid), external_userid: None };
            self.add(Some(more.row), reading.now, place, Proof::next_page_not_read());
        }
        for customer in unanswered {
            let proof = Proof::no_answer_to_customer(customer.since.as_secs());
            let place =
                Place { open_kfid: Some(&customer.open_kfid), external_userid: Some(&customer.external_userid) };
            if !self.found.iter().any(|finding| finding.is_at(place) && finding.proof == proof) {
                self.add(None, reading.now, place, proof);
            }
        }
    }

    pub(crate) fn found(&self) -> &[Finding] {
        &self.found
    }

    /// What is new or was found again since the last time.
    pub(crate) fn take_news(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.news)
    }

    fn look_at_fields(&mut self, seen: &Seen<'_>) {
        if !seen.unknown_fields.is_empty() {
            let fields = format!("`{}`", seen.unknown_fields.join("`, `"));
            self.find(seen, Proof::fields_not_in_document(seen.operation.id, fields));
        }
    }

    fn look_at_gettoken(&mut self, seen: &Seen<'_>) {
        let was_rejected = self.token.rejected.take().is_some();
        let left = seen.facts.token_left.filter(|left| *left > RENEWAL_IS_EARLY && !was_rejected);
        if let Some(left) = left.filter(|_| seen.errcode == Some(0)) {
            self.find(seen, Proof::token_still_valid(left.as_secs()));
        }
        let fetched = count_within_minute(&mut self.token.fetched, seen.at);
        let is_refused = seen.answer == Answer::Arrived && !matches!(seen.errcode, Some(0) | None);
        let refused = if is_refused { count_within_minute(&mut self.token.refused, seen.at) } else { 0 };
        if fetched >= STORM || refused >= STORM_OF_REFUSALS {
            self.find(seen, Proof::many_gettoken_calls(fetched, refused));
        }
    }

    fn look_at_token(&mut self, seen: &Seen<'_>) {
        let code = seen.errcode.map(ErrCode);
        let is_rejected = matches!(
            code,
            Some(ErrCode::INVALID_ACCESS_TOKEN | ErrCode::ACCESS_TOKEN_EXPIRED | ErrCode::ACCESS_TOKEN_MISSING)
        );
        if !is_rejected || seen.answer == Answer::Unknown {
            return;
        }
        let Some((first, first_at)) = self.token.rejected else {
            self.token.rejected = Some((seen.came, seen.at));
            return;
        };
        let is_stale = seen.came.duration_since(first) >= STALE_TOKEN_AFTER || seen.at >= first_at + STALE_TOKEN_AFTER;
        if is_stale {
            self.find(seen, Proof::token_refused_again(seen.operation.id, seen.errcode.unwrap_or_default()));
        }
    }

    /// Counts what WeCom counts: reads without a good token, whatever they bring.
    fn look_at_polls(&mut self, seen: &Seen<'_>) {
        let is_counted = matches!(
            seen.errcode.map(ErrCode),
            Some(ErrCode(0) | ErrCode::INVALID_SYNC_TOKEN | ErrCode::RATE_LIMIT_EXCEEDED)
        );
        if !seen.facts.is_limited_read || !is_counted {
            return;
        }
        let reads = count_within_minute(&mut self.tokenless_reads, seen.at);
        if reads > TOKENLESS_READS {
            self.add(Some(seen.row), seen.at, Place::default(), Proof::many_reads_without_token(reads));
        }
    }

    fn look_at_reading(&mut self, seen: &Seen<'_>) {
        let Some(open_kfid) = seen.place.open_kfid else { return };
        let cursor = seen.request["cursor"].as_str().unwrap_or_default();
        if seen.errcode != Some(0) {
            return;
        }
        let reader = self.readers.entry(open_kfid.to_owned()).or_default();

        let mut found = Vec::new();
        if cursor.is_empty() && reader.was_given_cursor {
            found.push(Proof::read_without_cursor());
        }
        if let Some(more) = reader.more.take()
            && more.cursor == cursor
            && seen.at >= more.at + MINUTE
        {
            found.push(Proof::next_page_not_read());
        }
        if seen.answer == Answer::Arrived {
            found.extend(reader.page(seen, cursor));
        }
        for proof in found {
            self.find(seen, proof);
        }
    }

    fn look_at_sending(&mut self, seen: &Seen<'_>) {
        match (seen.errcode.map(ErrCode), &seen.facts.session) {
            (Some(ErrCode::SESSION_STATE_FORBIDS_SENDING), Some((3, servicer))) => {
                self.find(seen, Proof::session_has_servicer(servicer.as_deref().unwrap_or("–")));
            }
            (Some(ErrCode::SESSION_STATE_FORBIDS_SENDING), Some((2, _))) => {
                self.find(seen, Proof::session_waits_for_servicer());
            }
            (Some(ErrCode::MESSAGE_COUNT_LIMIT_EXCEEDED), _) => self.find(seen, Proof::five_messages_sent()),
            _ => {}
        }
        if seen.request["msgid"].as_str().is_none_or(str::is_empty) {
            self.look_at_repeat(seen);
        }
    }

    fn look_at_repeat(&mut self, seen: &Seen<'_>) {
        let mut hasher = DefaultHasher::new();
        seen.request.to_string().hash(&mut hasher);
        let digest = hasher.finish();
        let earlier = self.sends.iter().rev().find(|send| send.digest == digest);
        let is_repeat =
            earlier.is_some_and(|send| send.answer == Answer::Unknown && seen.at <= send.at + REPEAT_WITHIN);
        if self.sends.len() == KEPT_SENDS {
            self.sends.pop_front();
        }
        self.sends.push_back(Send { digest, at: seen.at, answer: seen.answer });
        if is_repeat {
            self.find(seen, Proof::message_repeated());
        }
    }

    fn find(&mut self, seen: &Seen<'_>, proof: Proof) {
        self.add(Some(seen.row), seen.at, seen.place, proof);
    }

    fn add(&mut self, row: Option<u64>, at: Duration, place: Place<'_>, proof: Proof) {
        let name = proof.finding;
        let known = self.found.iter().position(|finding| finding.name == name && finding.is_at(place));
        let index = match known {
            Some(index) => index,
            None if self.found.len() == KEPT_FINDINGS => return,
            None => {
                self.made += 1;
                self.found.push(Finding {
                    name,
                    count: 0,
                    open_kfid: place.open_kfid.map(str::to_owned),
                    external_userid: place.external_userid.map(str::to_owned),
                    entries: Vec::new(),
                    at: 0,
                    proof: proof.clone(),
                    id: self.made,
                });
                self.found.len() - 1
            }
        };
        let finding = &mut self.found[index];
        finding.count += 1;
        finding.at = at.as_secs();
        finding.proof = proof;
        if finding.entries.len() == KEPT_ENTRIES {
            finding.entries.remove(0);
        }
        finding.entries.extend(row);
        self.news.push(finding.clone());
    }

    /// The names of what the row being looked at shows.
    fn found_at(&self, row: u64) -> Vec<FindingName> {
        let mut names: Vec<_> = self
            .news
            .iter()
            .filter(|finding| finding.entries.last() == Some(&row))
            .map(|finding| finding.name)
            .collect();
        names.dedup();
        names
    }
}

impl Reader {
    /// A page that arrived.
    fn page(&mut self, seen: &Seen<'_>, cursor: &str) -> Option<Proof> {
        let Content::Page { next_cursor, has_more, messages } = seen.reply else { return None };
        self.was_given_cursor = true;
        if *has_more {
            let patience = if *messages == 0 { READ_ON_AT_ONCE_WITHIN } else { READ_ON_WITHIN };
            let cursor = next_cursor.clone();
            self.more = Some(More { row: seen.row, at: seen.at, came: seen.came, cursor, patience });
        }
        if *messages == 0 {
            return None;
        }
        let is_near = |(_, came, at): &(String, Instant, Duration)| {
            seen.came.duration_since(*came) <= SAME_PAGE_WITHIN && seen.at <= *at + SAME_PAGE_WITHIN
        };
        self.pages.retain(is_near);
        let is_again = !cursor.is_empty() && self.pages.iter().any(|(known, _, _)| known == cursor);
        self.pages.push_back((cursor.to_owned(), seen.came, seen.at));
        is_again.then(|| Proof::page_read_twice(*messages))
    }
}

/// Adds one, and counts those of the last minute.
fn count_within_minute(times: &mut VecDeque<Duration>, now: Duration) -> usize {
    while times.front().is_some_and(|at| now > *at + MINUTE) {
        times.pop_front();
    }
    times.push_back(now);
    times.len()
}
