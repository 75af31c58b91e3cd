//! The rules of the platform, without HTTP and without a clock: every method is told what time it is.
//!
//! Numbers in square brackets are pages of developer.work.weixin.qq.com. A rule marked `unverified:` rests on one
//! source, or sources disagree, or it is our reading where they are silent.

mod facts;
mod heard;
mod media_kind;
pub(crate) mod model;
pub(crate) mod ops;
mod part;
mod people;
mod satisfaction;
mod upgrade_offer;
mod view;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use serde_json::Value;
use wecom_kf_raw::ErrCode;

pub(crate) use facts::{ANSWER_WITHIN, Facts, Unanswered};
pub use heard::Heard;
pub use media_kind::MediaKind;
pub(crate) use model::access_tokens::AccessTokens;
pub(crate) use model::contact_ways::Entrance;
pub(crate) use model::news::{Audience, Change, News};
pub(crate) use model::{assumptions, ids, refusal};
pub(crate) use ops::media::{Contents, Extent, Served};
pub(crate) use ops::message::send::check_kinds;
pub(crate) use ops::message::sync::READS_AT_ONCE;
pub(crate) use ops::upgrade_service::ManagedBy;
pub(crate) use part::Part;
pub use people::NotPossible;
pub(crate) use people::{Chat, Rejecting};
pub use satisfaction::Satisfaction;
pub use upgrade_offer::UpgradeOffer;

use model::aging::Aging;
use model::assumptions::Assumptions;
use model::chat::{self, History};
use model::contact_ways::ContactWay;
use model::ids::Ids;
use model::log::Log;
use model::refusal::Refusal;
use model::session::{Occasion, Session, State, WINDOW};
use model::statistics::Figures;
use ops::customer::{Entered, Profile};
use ops::knowledge::Knowledge;
use ops::media::{self, Stored};
use ops::message::sync::TokenlessReads;
use ops::servicer::Servicers;
use ops::statistic::Conversation;
use ops::upgrade_service::{Offered, UpgradeRange};

/// Messages and events are kept for 3 days [94670]; so is everything else here that would grow for ever.
pub(crate) const KEPT: Duration = Duration::from_secs(3 * 24 * 60 * 60);
/// The `Token` of a callback is valid for 10 minutes [94670].
const SYNC_TOKEN_LIFETIME: Duration = Duration::from_secs(10 * 60);
/// Callback tokens say themselves when they were made; so many of the last ones are kept to be masked.
const SYNC_TOKENS_KEPT: usize = 16;
const SYNC_TOKEN_PREFIX: &str = "ENC";
/// The low bits of what a callback token says tell those of one second apart.
const SYNC_TOKEN_BITS: u32 = 20;

/// What the platform knows of one corp.
#[derive(Debug)]
pub(crate) struct Platform {
    pub(crate) corp_id: String,
    pub(crate) secret: String,
    pub(crate) ids: Ids,
    pub(crate) access_tokens: AccessTokens,
    pub(crate) assumptions: Assumptions,
    accounts: Vec<Account>,
    /// The members of the corp, as far as somebody spoke of them, and whether they receive.
    members: BTreeMap<String, Receiving>,
    /// The departments of the corp, likewise, and who is in them.
    departments: BTreeMap<u64, BTreeSet<String>>,
    /// By their `media_id`.
    files: Aging<Stored>,
    knowledge: Knowledge,
    /// By their `enc_scene`. Links do not expire, and no operation deletes one [94665].
    contact_ways: HashMap<String, ContactWay>,
    pub(crate) upgrade_range: UpgradeRange,
    pub(crate) is_wechat_channels_bound: bool,
    sync_tokens: SyncTokens,
    tokenless_reads: TokenlessReads,
    /// What each `welcome_code` and `msg_code` is good for.
    event_codes: Aging<EventCode>,
    empty_pages: EmptyPages,
    /// How often all cursors were lost.
    cursor_generation: u32,
    /// What callbacks are to be made of.
    news: Vec<News>,
    /// Whether a customer was answered since somebody asked.
    answered: bool,
    /// What was told of tokens, accounts, servicers and the corp last.
    told: view::Told,
}

#[derive(Debug, Default)]
struct SyncTokens {
    made: u64,
    last: VecDeque<String>,
}

#[derive(Debug, Default)]
struct EmptyPages {
    due: u32,
    given: u16,
}

/// A code for `send_msg_on_event`.
#[derive(Clone, Debug)]
pub(crate) struct EventCode {
    until: Duration,
    occasion: Occasion,
    open_kfid: String,
    external_userid: String,
    /// The state that yielded it.
    state: State,
}

/// Whether a servicer takes sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiving {
    Yes,
    No,
    /// For a while (暂时挂起).
    Suspended,
}

#[derive(Debug)]
pub(crate) struct Account {
    open_kfid: String,
    name: String,
    avatar: String,
    /// A deleted account is no longer found, but its customers may still be looked at.
    deleted: bool,
    log: Log,
    servicers: Servicers,
    figures: Figures,
    customers: BTreeMap<String, Customer>,
    /// The messages that were accepted: whom each msgid went to.
    sent_msgids: Aging<String>,
    /// The customers that may have changed since somebody was told.
    touched: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Customer {
    name: String,
    profile: Profile,
    entered: Option<Entered>,
    upgrade: Option<Offered>,
    session: Session,
    conversation: Conversation,
    history: History,
    /// Whether a servicer switched 不再接收消息 on.
    rejecting: bool,
    /// What was told of this customer last.
    told: Value,
}

impl Platform {
    pub(crate) fn new(mut ids: Ids, corp: Option<(String, String)>, access_tokens: AccessTokens) -> Self {
        let (corp_id, secret) =
            corp.unwrap_or_else(|| (ids.named("corp", "", "ww", 16), ids.named("secret", "", "", 43)));
        Self {
            corp_id,
            secret,
            knowledge: Knowledge::new(&mut ids),
            ids,
            access_tokens,
            assumptions: Assumptions::default(),
            accounts: Vec::new(),
            members: BTreeMap::new(),
            departments: BTreeMap::new(),
            files: Aging::keeping(media::LIFETIME),
            contact_ways: HashMap::new(),
            upgrade_range: UpgradeRange::default(),
            is_wechat_channels_bound: false,
            sync_tokens: SyncTokens::default(),
            tokenless_reads: TokenlessReads::default(),
            event_codes: Aging::keeping(WINDOW),
            empty_pages: EmptyPages::default(),
            cursor_generation: 0,
            news: Vec::new(),
            answered: false,
            told: view::Told::default(),
        }
    }

    /// Everything that must not be shown.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        let sync_tokens = self.sync_tokens.last.iter().map(String::as_str);
        [self.secret.as_str()].into_iter().chain(self.access_tokens.all()).chain(sync_tokens)
    }

    /// The `Token` a callback of now would carry.
    pub(crate) fn sync_token(&mut self, now: Duration) -> String {
        let (seconds, low_bits) = (now.as_secs(), self.sync_tokens.made % (1 << SYNC_TOKEN_BITS));
        self.sync_tokens.made += 1;
        let sealed = self.ids.seal("sync token", seconds << SYNC_TOKEN_BITS | low_bits);
        let token = format!("{SYNC_TOKEN_PREFIX}{sealed}");
        if self.sync_tokens.last.len() == SYNC_TOKENS_KEPT {
            self.sync_tokens.last.pop_front();
        }
        self.sync_tokens.last.push_back(token.clone());
        token
    }

    /// Every cursor given until now is no longer known.
    pub(crate) fn lose_cursors(&mut self) {
        self.cursor_generation += 1;
    }

    pub(crate) fn empty_page_next(&mut self) {
        self.empty_pages.due += 1;
    }

    fn event_code(&mut self, now: Duration, chat: Chat<'_>, occasion: Occasion) -> String {
        let state = self.known_customer(chat).session.state(now);
        let code = self.ids.next("event code", "", 43);
        let until = now + occasion.code_lifetime();
        let (open_kfid, external_userid) = (chat.open_kfid.to_owned(), chat.external_userid.to_owned());
        self.event_codes.insert(now, code.clone(), EventCode { until, occasion, open_kfid, external_userid, state });
        code
    }

    /// The account a request names.
    fn account(&mut self, request: &Value) -> Result<&mut Account, Refusal> {
        let open_kfid = required(request, "open_kfid")?;
        // unverified: 95000 and 95004 both say "no such account for you"; which of them when is our reading.
        if !open_kfid.starts_with("wk") {
            return Err(ErrCode::INVALID_OPEN_KFID.into());
        }
        self.any_account(open_kfid).filter(|account| !account.deleted).ok_or(ErrCode::OPEN_KFID_NOT_FOUND.into())
    }

    /// The account, also if it was deleted.
    fn any_account(&mut self, open_kfid: &str) -> Option<&mut Account> {
        self.accounts.iter_mut().find(|account| account.open_kfid == open_kfid)
    }
}

impl Account {
    /// The customer a request names.
    fn customer(&mut self, external_userid: &str) -> Result<&mut Customer, Refusal> {
        // A customer of another account is out of this one's range [errcodes 40096].
        if self.customers.contains_key(external_userid) {
            self.touched.push(external_userid.to_owned());
        }
        self.customers.get_mut(external_userid).ok_or(ErrCode::INVALID_EXTERNAL_USERID.into())
    }
}

impl Customer {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            profile: Profile::of(name),
            entered: None,
            upgrade: None,
            session: Session::default(),
            conversation: Conversation::default(),
            history: History::default(),
            rejecting: false,
            told: Value::Null,
        }
    }

    /// A line of the chat for what is no message. `body` says what `event` it is: see `ChatEntry` in `control.yaml`.
    fn note_event(&mut self, now: Duration, line: String, body: Value) {
        self.history.push(chat::Entry::note(now, line, body));
    }
}

/// A member that the platform needs, whether or not the document's schema says so.
fn required<'a>(request: &'a Value, member: &str) -> Result<&'a str, Refusal> {
    let missing = || Refusal::because(ErrCode::INVALID_PARAMETER, format!("missing field `{member}`"));
    text(request, member).ok_or_else(missing)
}

/// A member of a request that is a text and not empty.
fn text<'a>(request: &'a Value, member: &str) -> Option<&'a str> {
    request[member].as_str().filter(|text| !text.is_empty())
}

/// Whether a value says nothing: `null`, `""`, `[]`, or an object whose members all say nothing.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) => false,
    }
}
