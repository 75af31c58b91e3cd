//! Mistakes that bots make, found in what they do.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use wecom_kf_raw::{ErrCode, Operation, op};

use crate::platform::{Facts, Unanswered};
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

/// What a finding is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FindingName {
    /// `has_more` said 1, and the bot did not read on.
    HasMoreIgnored,
    /// The bot reads from the beginning although it was given a cursor.
    CursorLost,
    /// A token was asked for while one was valid and not refused.
    TokenRefetched,
    /// Very many `gettoken` calls, or refused ones in a loop.
    GettokenStorm,
    /// A token that was refused is used on.
    TokenNotRenewed,
    /// A callback was not answered in time.
    CallbackSlow,
    /// Two readers of one account.
    TwoReaders,
    /// Reading without a callback's token more than 10 times a minute, over all accounts.
    PollsTooFast,
    /// Sending while a servicer has the session, or it waits for one.
    SentWhileHuman,
    /// A sixth message after the customer's last.
    SixthMessage,
    /// A welcome after its 20 seconds.
    WelcomeLate,
    /// A send repeated after an unknown outcome, without a `msgid` of its own.
    RetryWithoutMsgid,
    /// A field that the document does not know.
    UnknownField,
    /// A customer who got no answer.
    NeverAnswered,
}

/// What is said of a finding, whoever makes it.
struct Text {
    name: &'static str,
    title: [&'static str; 2],
    remedy: [&'static str; 2],
    source: &'static str,
}

impl FindingName {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::HasMoreIgnored,
        Self::CursorLost,
        Self::TokenRefetched,
        Self::GettokenStorm,
        Self::TokenNotRenewed,
        Self::CallbackSlow,
        Self::TwoReaders,
        Self::PollsTooFast,
        Self::SentWhileHuman,
        Self::SixthMessage,
        Self::WelcomeLate,
        Self::RetryWithoutMsgid,
        Self::UnknownField,
        Self::NeverAnswered,
    ];

    /// The name in journal, report and control API, such as `has_more_ignored`.
    pub fn as_str(self) -> &'static str {
        self.text().name
    }

    /// The finding with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|finding| finding.as_str() == name)
    }

    /// What is wrong, in English.
    pub fn title(self) -> &'static str {
        self.text().title[0]
    }

    /// What to do, in English.
    pub fn remedy(self) -> &'static str {
        self.text().remedy[0]
    }

    /// Where the rule is from.
    pub fn source(self) -> &'static str {
        self.text().source
    }

    fn text(self) -> Text {
        match self {
            Self::HasMoreIgnored => Text {
                name: "has_more_ignored",
                title: ["has_more was ignored", "忽略了 has_more"],
                remedy: [
                    "Call sync_msg again with next_cursor as long as has_more is 1, also after an empty page.",
                    "只要 has_more 为 1 就用 next_cursor 继续调用 sync_msg，msg_list 为空时也一样。",
                ],
                source: "94670",
            },
            Self::CursorLost => Text {
                name: "cursor_lost",
                title: ["The cursor was lost", "丢失了 cursor"],
                remedy: [
                    "Store next_cursor durably, one for each account: without it up to 3 days of messages come again.",
                    "按客服账号持久保存 next_cursor，否则最多 3 天的消息会重来一遍。",
                ],
                source: "94670",
            },
            Self::TokenRefetched => Text {
                name: "token_refetched",
                title: ["A token was requested although one is valid", "token 仍有效却再次获取"],
                remedy: [
                    "Keep the access token, in one place for all callers, and renew it shortly before it expires or when it is refused.",
                    "集中缓存 access_token，临近过期或被拒绝时再获取。",
                ],
                source: "91039",
            },
            Self::GettokenStorm => Text {
                name: "gettoken_storm",
                title: ["A storm of gettoken calls", "短时间内大量调用 gettoken"],
                remedy: [
                    "Let one caller fetch for all, and back off after a failure: many failures get the IP banned for about an hour.",
                    "同一时刻只由一处获取并共享结果，失败后退避：失败过多会使 IP 被封约一小时。",
                ],
                source: "91039; the ban is named by staff",
            },
            Self::TokenNotRenewed => Text {
                name: "token_not_renewed",
                title: ["A refused token is used on", "token 被拒绝后仍继续使用"],
                remedy: [
                    "After 40014 or 42001 drop the token, fetch a new one once, and repeat the call once.",
                    "遇到 40014、42001 时丢弃该 token，重新获取一次并重试一次。",
                ],
                source: "90313",
            },
            Self::CallbackSlow => Text {
                name: "callback_slow",
                title: ["A callback was not answered in time", "回调未及时应答"],
                remedy: [
                    "Verify, decrypt, queue, answer 200 at once, and only then read messages: WeCom waits 5 s (1 s when the URL is saved) and delivers three times.",
                    "验签、解密、入队后立即返回 200，再去读消息：企业微信只等 5 秒（保存 URL 时 1 秒），共投递三次。",
                ],
                source: "91144",
            },
            Self::TwoReaders => Text {
                name: "two_readers",
                title: ["An account has two readers", "同一账号有两处在读消息"],
                remedy: [
                    "Let one reading loop run for an account at a time, also when callbacks come together and with many processes.",
                    "同一账号同一时刻只运行一个拉取循环，回调并发、多进程时也一样。",
                ],
                source: "seen in practice",
            },
            Self::PollsTooFast => Text {
                name: "polls_too_fast",
                title: ["Polling too fast", "轮询过于频繁"],
                remedy: [
                    "Read when a callback says so, with its token. Without it an app has 10 reads a minute for all its accounts, then 45009 for a minute: poll each of N accounts every max(30 s, N × 6 s) at most.",
                    "以回调触发并带上其 token。不带 token 时，整个应用所有账号合计每分钟 10 次，超过后一分钟内返回 45009：N 个账号各自的轮询间隔不小于 max(30 秒, N × 6 秒)。",
                ],
                source: "community 0006e047caca30ab50ec916195b800",
            },
            Self::SentWhileHuman => Text {
                name: "sent_while_human",
                title: ["Sent while people have the session", "人工接待期间发送"],
                remedy: [
                    "Read the state before you send: only states 0 and 1 may send. Leave the session to the servicer, or move it to 1 on the first message.",
                    "发送前先读会话状态，只有 0 和 1 可以发送。交给人工处理，或在首条消息时转到 1。",
                ],
                source: "94677",
            },
            Self::SixthMessage => Text {
                name: "sixth_message",
                title: ["A sixth message", "发送了第六条消息"],
                remedy: [
                    "Five messages may follow the customer's last: join short ones, split long ones into five at most.",
                    "客户每次发言后最多发 5 条：合并短消息，长消息至多拆成 5 条。",
                ],
                source: "94677",
            },
            Self::WelcomeLate => Text {
                name: "welcome_late",
                title: ["The welcome came too late", "欢迎语发送过晚"],
                remedy: [
                    "A welcome_code is good for 20 seconds from entering: handle enter_session first in a page.",
                    "welcome_code 自客户进入起 20 秒内有效：一页消息中优先处理 enter_session。",
                ],
                source: "95122",
            },
            Self::RetryWithoutMsgid => Text {
                name: "retry_without_msgid",
                title: ["A send was repeated without a msgid", "未带 msgid 重试发送"],
                remedy: [
                    "Give each message a msgid of your own: a repeat after an unknown outcome then meets 95033 instead of reaching the customer twice.",
                    "为每条消息带上自己的 msgid：结果未知时重试会得到 95033，而不是让客户收到两遍。",
                ],
                source: "94677, 90313",
            },
            Self::UnknownField => Text {
                name: "unknown_field",
                title: ["A field that the document does not know", "请求中有文档未定义的字段"],
                remedy: [
                    "Mend or remove the field: WeCom ignores most of them silently.",
                    "改正或删除该字段：企业微信多半会静默忽略。",
                ],
                source: "the document's schemas",
            },
            Self::NeverAnswered => Text {
                name: "never_answered",
                title: ["A customer got no answer", "客户一直没有得到回复"],
                remedy: [
                    "Look for an error in the bot at this message; hand over to people what it cannot answer.",
                    "检查机器人处理该消息时的错误；答不了的转人工。",
                ],
                source: "our reading",
            },
        }
    }
}

impl fmt::Display for FindingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A mistake of the bot's. What is found again at the same account and customer is one finding with a count.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Finding {
    /// What it is.
    pub name: FindingName,
    /// How often it was found.
    pub count: usize,
    /// At which account.
    pub open_kfid: Option<String>,
    /// With which customer.
    pub external_userid: Option<String>,
    /// The numbers of the journal's rows that show it, the newest ten.
    pub entries: Vec<u64>,
    /// When it was found last, in Unix seconds of the simulator's clock.
    pub at: u64,
    /// What was seen, with numbers, in English.
    pub proof: String,
    proof_zh: String,
    id: usize,
}

/// What was seen, with numbers, in both languages.
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    pub(crate) en: String,
    pub(crate) zh: String,
}

impl Proof {
    pub(crate) fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { en: en.into(), zh: zh.into() }
    }
}

impl Finding {
    /// A `Finding` of `control.yaml`.
    pub(crate) fn show(&self) -> Value {
        let Text { name, title, remedy, source } = self.name.text();
        json!({
            "id": self.id,
            "name": name,
            "count": self.count,
            "open_kfid": self.open_kfid,
            "customer": self.external_userid,
            "entries": self.entries,
            "at": self.at,
            "title": { "en": title[0], "zh": title[1] },
            "proof": { "en": self.proof, "zh": self.proof_zh },
            "remedy": { "en": remedy[0], "zh": remedy[1] },
            "source": source,
        })
    }
}

/// Where something was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub(crate) open_kfid: Option<&'a str>,
    pub(crate) external_userid: Option<&'a str>,
}

/// A call that is done, as the search for mistakes needs it.
pub(crate) struct Seen<'a> {
    pub(crate) row: u64,
    pub(crate) at: Duration,
    pub(crate) came: Instant,
    pub(crate) operation: Operation,
    pub(crate) request: &'a Value,
    pub(crate) reply: &'a Value,
    pub(crate) errcode: Option<i32>,
    pub(crate) answer: Answer,
    pub(crate) place: Place<'a>,
    pub(crate) facts: &'a Facts,
    pub(crate) unknown_fields: &'a [String],
}

/// Whether the bot got the platform's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Arrived,
    /// A fault came between: what was done the bot cannot know.
    Unknown,
}

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
    /// Looks at a call. Gives the names of what was found.
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
                let proof = Proof::new("its welcome_code was older than 20 s", "所用的 welcome_code 已超过 20 秒");
                self.find(FindingName::WelcomeLate, seen, proof);
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
        self.add(FindingName::CallbackSlow, Some(row), at, place, proof);
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
            self.add(FindingName::HasMoreIgnored, Some(more.row), reading.now, place, ignored_proof());
        }
        for customer in unanswered {
            let since = customer.since.as_secs();
            let proof = Proof::new(
                format!("wrote at {since} and got nothing within 5 min"),
                format!("客户于 {since} 发言，5 分钟内没有收到回复"),
            );
            let place =
                Place { open_kfid: Some(&customer.open_kfid), external_userid: Some(&customer.external_userid) };
            let is_known = |finding: &Finding| {
                finding.name == FindingName::NeverAnswered && finding.is_at(place) && finding.proof == proof.en
            };
            if !self.found.iter().any(is_known) {
                self.add(FindingName::NeverAnswered, None, reading.now, place, proof);
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
            let fields = seen.unknown_fields.join("`, `");
            let proof = format!("{}: `{fields}`", seen.operation.id);
            self.find(FindingName::UnknownField, seen, Proof::new(proof.clone(), proof));
        }
    }

    fn look_at_gettoken(&mut self, seen: &Seen<'_>) {
        let was_rejected = self.token.rejected.take().is_some();
        let left = seen.facts.token_left.filter(|left| *left > RENEWAL_IS_EARLY && !was_rejected);
        if let Some(left) = left.filter(|_| seen.errcode == Some(0)) {
            let left = left.as_secs();
            let proof = Proof::new(
                format!("the last one was good for another {left} s"),
                format!("上一个 token 还有 {left} 秒才过期"),
            );
            self.find(FindingName::TokenRefetched, seen, proof);
        }
        let fetched = count_within_minute(&mut self.token.fetched, seen.at);
        let is_refused = seen.answer == Answer::Arrived && !matches!(seen.errcode, Some(0) | None);
        let refused = if is_refused { count_within_minute(&mut self.token.refused, seen.at) } else { 0 };
        if fetched >= STORM || refused >= STORM_OF_REFUSALS {
            let proof = Proof::new(
                format!("{fetched} gettoken calls in a minute, {refused} of them refused"),
                format!("一分钟内调用 gettoken {fetched} 次，其中 {refused} 次被拒绝"),
            );
            self.find(FindingName::GettokenStorm, seen, proof);
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
            let code = seen.errcode.unwrap_or_default();
            let operation = seen.operation.id;
            let proof = Proof::new(
                format!("{operation} met {code} again, and no gettoken since the first time"),
                format!("{operation} 再次返回 {code}，首次返回后一直没有调用 gettoken"),
            );
            self.find(FindingName::TokenNotRenewed, seen, proof);
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
            let proof = Proof::new(
                format!("{reads} reads in a minute without a callback's token, over all accounts"),
                format!("所有账号合计，一分钟内有 {reads} 次读取未带回调的 token"),
            );
            self.add(FindingName::PollsTooFast, Some(seen.row), seen.at, Place::default(), proof);
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
            let proof = Proof::new(
                "read without a cursor although one was given before",
                "此前已返回 cursor，读取时却没有带上",
            );
            found.push((FindingName::CursorLost, proof));
        }
        if let Some(more) = reader.more.take()
            && more.cursor == cursor
            && seen.at >= more.at + MINUTE
        {
            found.push((FindingName::HasMoreIgnored, ignored_proof()));
        }
        if seen.answer == Answer::Arrived {
            found.extend(reader.page(seen, cursor));
        }
        for (name, proof) in found {
            self.find(name, seen, proof);
        }
    }

    fn look_at_sending(&mut self, seen: &Seen<'_>) {
        match (seen.errcode.map(ErrCode), &seen.facts.session) {
            (Some(ErrCode::SESSION_STATE_FORBIDS_SENDING), Some((3, servicer))) => {
                let proof = Proof::new(
                    format!("95018: state 3, {} has the session", servicer.as_deref().unwrap_or("a servicer")),
                    format!("95018：会话状态为 3，由 {} 接待", servicer.as_deref().unwrap_or("接待人员")),
                );
                self.find(FindingName::SentWhileHuman, seen, proof);
            }
            (Some(ErrCode::SESSION_STATE_FORBIDS_SENDING), Some((2, _))) => {
                let proof = Proof::new(
                    "95018: state 2, the session waits for a servicer",
                    "95018：会话状态为 2，正在排队等待接待人员",
                );
                self.find(FindingName::SentWhileHuman, seen, proof);
            }
            (Some(ErrCode::MESSAGE_COUNT_LIMIT_EXCEEDED), _) => {
                let proof = Proof::new(
                    "95001: five messages were sent since the customer's last",
                    "95001：客户上次发言后已发送 5 条消息",
                );
                self.find(FindingName::SixthMessage, seen, proof);
            }
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
            let proof = Proof::new(
                "the same message again, after an answer that did not arrive",
                "上次发送的响应未到达，随后重发了同一条消息",
            );
            self.find(FindingName::RetryWithoutMsgid, seen, proof);
        }
    }

    fn find(&mut self, name: FindingName, seen: &Seen<'_>, proof: Proof) {
        self.add(name, Some(seen.row), seen.at, seen.place, proof);
    }

    fn add(&mut self, name: FindingName, row: Option<u64>, at: Duration, place: Place<'_>, proof: Proof) {
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
                    proof: String::new(),
                    proof_zh: String::new(),
                    id: self.made,
                });
                self.found.len() - 1
            }
        };
        let finding = &mut self.found[index];
        finding.count += 1;
        finding.at = at.as_secs();
        (finding.proof, finding.proof_zh) = (proof.en, proof.zh);
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

impl Finding {
    fn is_at(&self, place: Place<'_>) -> bool {
        self.open_kfid.as_deref() == place.open_kfid && self.external_userid.as_deref() == place.external_userid
    }
}

impl Reader {
    /// A page that arrived.
    fn page(&mut self, seen: &Seen<'_>, cursor: &str) -> Option<(FindingName, Proof)> {
        let next = seen.reply["next_cursor"].as_str().unwrap_or_default();
        self.was_given_cursor |= !next.is_empty();
        let messages = seen.reply["msg_list"].as_array().map_or(0, Vec::len);
        if seen.reply["has_more"] == 1 {
            let patience = if messages == 0 { READ_ON_AT_ONCE_WITHIN } else { READ_ON_WITHIN };
            self.more = Some(More { row: seen.row, at: seen.at, came: seen.came, cursor: next.to_owned(), patience });
        }
        if messages == 0 {
            return None;
        }
        let is_near = |(_, came, at): &(String, Instant, Duration)| {
            seen.came.duration_since(*came) <= SAME_PAGE_WITHIN && seen.at <= *at + SAME_PAGE_WITHIN
        };
        self.pages.retain(is_near);
        let is_again = !cursor.is_empty() && self.pages.iter().any(|(known, _, _)| known == cursor);
        self.pages.push_back((cursor.to_owned(), seen.came, seen.at));
        let proof = || {
            Proof::new(
                format!("a page of {messages} was read twice within 5 s"),
                format!("5 秒内两次读取了同一页（{messages} 条消息）"),
            )
        };
        is_again.then(|| (FindingName::TwoReaders, proof()))
    }
}

fn ignored_proof() -> Proof {
    Proof::new(
        "has_more was 1, and sync_msg was not called with its next_cursor",
        "has_more 为 1，之后没有用其 next_cursor 调用 sync_msg",
    )
}

/// Adds one, and counts those of the last minute.
fn count_within_minute(times: &mut VecDeque<Duration>, now: Duration) -> usize {
    while times.front().is_some_and(|at| now > *at + MINUTE) {
        times.pop_front();
    }
    times.push_back(now);
    times.len()
}
