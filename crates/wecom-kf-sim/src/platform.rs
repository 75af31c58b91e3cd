//! The rules of the platform, without HTTP and without a clock: every method gets the present time. `ops/` has the operations
//! of the document, `model/` the state and its rules, `people/` what people do, and `view.rs` what the control API shows.
//!
//! `rule!` and `Assumption` name the rules that the code follows. `spec/simulator/assumptions.yaml` has their texts, and says
//! where they are from and how well they are known. Numbers in square brackets are pages of developer.work.weixin.qq.com.

pub(crate) mod model;
pub(crate) mod ops;
mod people;
pub(crate) mod view;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

pub(crate) use model::access_tokens::AccessTokens;
pub(crate) use model::contact_ways::Entrance;
pub(crate) use model::customer::Chat;
pub(crate) use model::facts::{ANSWER_WITHIN, Facts, Unanswered};
pub use model::heard::Heard;
pub(crate) use model::media::Contents;
pub use model::media_kind::MediaKind;
pub(crate) use model::part::Part;
pub(crate) use model::pending::{Audience, Change, PendingCallback};
pub(crate) use model::read_limit::READS_AT_ONCE;
pub use model::satisfaction::Satisfaction;
pub(crate) use model::servicers::Receiving;
pub(crate) use model::upgrade::ManagedBy;
pub use model::upgrade_offer::UpgradeOffer;
pub(crate) use model::{access_tokens, assumptions, callback_tokens, ids, refusal, reply};
pub(crate) use ops::media::{Extent, Served};
pub(crate) use ops::message::send::check_kinds;
pub(crate) use ops::one_body::is_empty;
pub use people::NotPossible;
pub(crate) use people::Rejecting;

use model::account::Account;
use model::assumptions::Assumptions;
use model::contact_ways::ContactWay;
use model::cursors::Cursors;
use model::event_codes::EventCode;
use model::ids::Ids;
use model::knowledge::Knowledge;
use model::media::{self, Stored};
use model::read_limit::TokenlessReads;
use model::retention::Aging;
use model::upgrade::UpgradeRange;
use model::window_48h::WINDOW;

rule!(links_do_not_expire);
/// What the platform knows of one corp.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Platform {
    pub(crate) corp_id: String,
    pub(crate) secret: String,
    pub(crate) ids: Ids,
    pub(crate) access_tokens: AccessTokens,
    #[serde(with = "model::saved::assumptions")]
    pub(crate) assumptions: Assumptions,
    accounts: Vec<Account>,
    /// The members of the corp that somebody has named, and whether they receive.
    members: BTreeMap<String, Receiving>,
    /// The departments of the corp that somebody has named, with their members.
    departments: BTreeMap<u64, BTreeSet<String>>,
    /// By their `media_id`.
    files: Aging<Stored>,
    knowledge: Knowledge,
    /// By their `enc_scene`. Links do not expire, and no operation deletes one.
    contact_ways: HashMap<String, ContactWay>,
    pub(crate) upgrade_range: UpgradeRange,
    pub(crate) is_wechat_channels_bound: bool,
    /// How many callback tokens were made.
    callback_tokens: u64,
    tokenless_reads: TokenlessReads,
    /// By the `welcome_code` or `msg_code`.
    event_codes: Aging<EventCode>,
    cursors: Cursors,
    /// What the next callbacks report, except messages.
    #[serde(skip)]
    pending_callbacks: Vec<PendingCallback>,
    /// Whether a customer was answered since `take_answered`.
    #[serde(skip)]
    answered: bool,
    /// What the listeners were last told about tokens, accounts, servicers and the corp.
    #[serde(skip)]
    published: view::Published,
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
            callback_tokens: 0,
            tokenless_reads: TokenlessReads::default(),
            event_codes: Aging::keeping(WINDOW),
            cursors: Cursors::default(),
            pending_callbacks: Vec::new(),
            answered: false,
            published: view::Published::default(),
        }
    }
}
