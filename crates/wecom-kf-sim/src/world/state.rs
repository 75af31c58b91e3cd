//! All of a corp: its platform, clock, journal, faults, findings and callbacks, and what concerns several of them.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::mpsc::Receiver;

use wecom_kf_raw::op;

use crate::platform::view::ShownToken;
use crate::platform::{Chat, NotPossible};
use crate::world::clock::{Clock, Pace};
use crate::world::corps::Corps;
use crate::world::fault::Faults;
use crate::world::finding::{Findings, Place, Proof, Seen};
use crate::world::hub::Hub;
use crate::world::journal::{Call, Delivery, Journal, Row};
use crate::world::masking::Masking;
use crate::world::outbox::{Job, Outbox};
use crate::world::report::Report;
use crate::world::rules::{self, ShownRule};
use crate::world::setup::Setup;
use crate::world::update::Guarded;
use crate::world::view;

pub(crate) type OnCall = Box<dyn Fn(&Call) + Send + Sync>;
pub(crate) type OnCallback = Box<dyn Fn(&Delivery) + Send + Sync>;

/// Who is told of each call and each attempt of a callback.
#[derive(Default)]
pub(crate) struct Listeners {
    pub(crate) on_call: Option<OnCall>,
    pub(crate) on_callback: Option<OnCallback>,
}

/// Whether a rule holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Yes,
    No,
}

/// What the server and all handles of a corp share.
pub(crate) struct World {
    pub(crate) setup: Setup,
    pub(crate) corp_id: String,
    /// That of all corps.
    pub(crate) clock: Arc<Clock>,
    /// That of all corps.
    pub(crate) masking: Arc<Masking>,
    pub(crate) faults: Faults,
    pub(crate) hub: Arc<Hub>,
    pub(crate) outbox: Outbox,
    /// Rung when a message was sent.
    pub(crate) sent: Notify,
    /// Rung when the journal has a new row.
    pub(crate) recorded: Notify,
    /// Rung when the clock was moved forward.
    advanced: Notify,
    pub(super) guarded: Guarded,
    findings: Mutex<Findings>,
    journal: Mutex<Journal>,
    requests: AtomicUsize,
    /// How many calls and attempts of callbacks began.
    begun: AtomicU64,
    /// Calls of `sync_msg` that came and are not answered.
    reads: AtomicUsize,
    listeners: Arc<Listeners>,
    /// Those of the simulator, this one among them.
    pub(crate) corps: Weak<Corps>,
}

impl World {
    pub(crate) fn new(
        setup: Setup,
        clock: Arc<Clock>,
        masking: Arc<Masking>,
        listeners: Arc<Listeners>,
        corps: Weak<Corps>,
    ) -> (Self, Receiver<Job>) {
        let (outbox, jobs) = Outbox::new(masking.clone());
        let platform = setup.platform();
        let world = Self {
            corp_id: platform.corp_id.clone(),
            clock,
            masking,
            faults: Faults::new(setup.seed_of_corp()),
            hub: Arc::default(),
            outbox,
            sent: Notify::new(),
            recorded: Notify::new(),
            advanced: Notify::new(),
            guarded: Guarded::new(platform),
            findings: Mutex::default(),
            journal: Mutex::default(),
            requests: AtomicUsize::new(0),
            begun: AtomicU64::new(0),
            reads: AtomicUsize::new(0),
            listeners,
            corps,
            setup,
        };
        (world, jobs)
    }

    pub(crate) fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All corps of the simulator, this one among them; none once it is gone.
    pub(crate) fn corps(&self) -> Vec<Arc<Self>> {
        self.corps.upgrade().map(|corps| corps.all().cloned().collect()).unwrap_or_default()
    }

    /// Whether this corp issued the access token, whatever became of it since.
    pub(crate) fn has_issued(&self, access_token: &str) -> bool {
        self.read(|platform, _| platform.access_tokens.has_issued(access_token))
    }

    /// Everything as it was at the start. Time does not go back for the other corps, if there are any.
    pub(crate) fn reset(&self) {
        let is_alone = self.corps().len() == 1;
        // All of it under the platform's lock: no call may come in between.
        self.update(|platform, _| {
            let before = std::mem::replace(platform, self.setup.platform());
            platform.assumptions = before.assumptions;
            platform.access_tokens.take_over_revoked(before.access_tokens);
            if is_alone {
                self.setup.reset_clock(&self.clock);
            }
            self.faults.clear();
            self.begin_anew(0);
        });
        self.hub.tell_gap();
    }

    /// Forgets journal and findings. The next row has the number after `rows`.
    pub(super) fn begin_anew(&self, rows: u64) {
        *self.findings() = Findings::default();
        *self.journal() = Journal::after_row(rows);
    }

    /// Puts the clock forward, which may change what everybody sees, in all corps.
    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.corps().iter().for_each(|corp| corp.update(|platform, _| platform.touch_everybody()));
        self.tell_clock();
        self.corps().iter().for_each(|corp| corp.advanced.notify_waiters());
    }

    /// Waits until a message is sent, the journal has a new row, or the clock was moved forward. What happens after this
    /// call counts, also before the first poll.
    pub(crate) fn changed(&self) -> impl Future<Output = ()> {
        let (sent, recorded, advanced) = (self.sent.notified(), self.recorded.notified(), self.advanced.notified());
        async {
            tokio::select! {
                () = sent => {}
                () = recorded => {}
                () = advanced => {}
            }
        }
    }

    pub(crate) fn tell_clock(&self) {
        let clock = self.show_clock();
        self.corps().iter().for_each(|corp| corp.hub.tell("clock", &clock));
    }

    pub(crate) fn tell_faults(&self) {
        if self.hub.is_watched() {
            self.hub.tell("faults", &self.show_faults());
        }
    }

    /// Switches a rule on or off. Returns the `Assumption` of `control.yaml`.
    pub(crate) fn switch_assumption(&self, id: &str, holds: Holds) -> Result<ShownRule, NotPossible> {
        let (row, assumption) = rules::switchable(id)?;
        let shown = self.update(|platform, _| {
            match holds {
                Holds::Yes => platform.assumptions.switch_on(assumption),
                Holds::No => platform.assumptions.switch_off(assumption),
            }
            ShownRule::new(row, &platform.assumptions)
        });
        self.hub.tell("assumption", &shown);
        Ok(shown)
    }

    pub(crate) fn show_clock(&self) -> view::Clock {
        let reading = self.clock.read();
        view::Clock {
            now: reading.now.as_secs(),
            manual: reading.pace == Pace::Manual,
            advanced_s: reading.advanced.as_secs(),
        }
    }

    pub(crate) fn show_token(&self) -> view::Token {
        self.token(self.read(|platform, now| platform.show_token(now)))
    }

    pub(super) fn token(&self, status: ShownToken) -> view::Token {
        view::Token { status, gettoken_calls: self.journal().counted(op::GETTOKEN.id) }
    }

    pub(crate) fn show_faults(&self) -> view::FaultList {
        view::FaultList { faults: self.faults.show() }
    }

    /// Looks at a call and writes its row. `seen` is given the row's number.
    pub(crate) fn record<'a>(&self, mut call: Call, seen: impl FnOnce(u64) -> Option<Seen<'a>>) -> u64 {
        let mut journal = self.journal();
        call.number = journal.next();
        if let Some(seen) = seen(call.number) {
            call.findings = self.findings().look_at(&seen);
        }
        let row = journal.push(Row::Call(call));
        self.tell_row(&row);
        drop(journal);
        if let (Some(on_call), Row::Call(call)) = (&self.listeners.on_call, &*row) {
            on_call(call);
        }
        self.recorded.notify_waiters();
        row.number()
    }

    /// Writes the row of an attempt to deliver a callback. `slow` is the proof, if it was not answered in time.
    pub(crate) fn record_delivery(&self, mut delivery: Delivery, slow: Option<Proof>) -> Arc<Row> {
        let mut journal = self.journal();
        delivery.number = journal.next();
        if let Some(proof) = slow {
            let at = Duration::from_secs(delivery.at);
            let place = delivery.open_kfid.as_deref();
            delivery.findings = self.findings().slow_callback(delivery.number, at, place, proof);
        }
        let row = journal.push(Row::Callback(delivery));
        self.tell_row(&row);
        drop(journal);
        if let (Some(on_callback), Row::Callback(delivery)) = (&self.listeners.on_callback, &*row) {
            on_callback(delivery);
        }
        self.recorded.notify_waiters();
        row
    }

    /// What was found until now.
    pub(crate) fn report(&self) -> Report {
        let unanswered = self.update(|platform, now| platform.unanswered(now));
        let journal = self.journal();
        let (calls, callbacks) = (journal.counted_in_all(), journal.deliveries().len());
        let mut findings = self.findings();
        // A simulator that nobody calls has no bot that could answer.
        let unanswered = if calls == 0 { &[][..] } else { &unanswered };
        findings.settle(&self.clock, unanswered);
        let found = findings.found().to_vec();
        findings.take_news().iter().for_each(|finding| self.hub.tell("finding", &finding.show()));
        Report { findings: found, calls, callbacks }
    }

    /// Returns the place of a call or a callback in the order in which all of them began.
    pub(crate) fn begin(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// One more call of `sync_msg`. Returns how many there are with it.
    pub(crate) fn begin_read(&self) -> usize {
        self.reads.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn end_read(&self) {
        self.reads.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// A message of the bot's came by this row.
    pub(crate) fn link_call(&self, place: Place<'_>, msgid: Option<&str>, row: u64) {
        if let (Some(open_kfid), Some(external_userid), Some(msgid)) = (place.open_kfid, place.external_userid, msgid) {
            self.update(|platform, _| platform.link_call(Chat { open_kfid, external_userid }, msgid, row));
        }
    }

    fn tell_row(&self, row: &Row) {
        if self.hub.is_watched() {
            self.hub.tell("journal", row);
        }
        let news = self.findings().take_news();
        news.iter().for_each(|finding| self.hub.tell("finding", &finding.show()));
    }

    fn findings(&self) -> MutexGuard<'_, Findings> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// Without anything of the platform's: there are secrets and customers' words in it.
impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("requests", &self.requests()).finish_non_exhaustive()
    }
}
