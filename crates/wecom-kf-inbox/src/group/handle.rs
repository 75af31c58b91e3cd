//! The handle of a group: callbacks, metrics, and the end. What people see of it is in `watch.rs`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use wecom_kf::OpenKfid;
use wecom_kf_callback::Event;

use super::watch::Watch;
use crate::HealthLimits;
use crate::engine::pass_on;
use crate::inbox::InboxHandle;
use crate::metrics::Metrics;
use crate::store::{InboxKey, InboxStore, Wake};

/// Wakes, watches and stops a group. Cheap to clone.
#[derive(Clone)]
pub struct GroupHandle(pub(super) Arc<InGroup>);

pub(super) struct InGroup {
    pub(super) store: Arc<dyn InboxStore>,
    pub(super) scope: String,
    /// The accounts that the last search found, whoever reads them.
    known: Mutex<BTreeSet<OpenKfid>>,
    inboxes: Mutex<BTreeMap<OpenKfid, InboxHandle>>,
    /// The last callback of each account that is not found yet.
    early: Mutex<HashMap<String, Event>>,
    watch: Mutex<Watch>,
    pub(super) health: HealthLimits,
    pub(super) look: Notify,
    pub(super) stop: Notify,
}

/// How many accounts may send callbacks before they are found.
const EARLY: usize = 100;

impl GroupHandle {
    pub(super) fn new(store: Arc<dyn InboxStore>, scope: String, health: HealthLimits) -> Self {
        Self(Arc::new(InGroup {
            store,
            scope,
            known: Mutex::default(),
            inboxes: Mutex::default(),
            early: Mutex::default(),
            watch: Mutex::new(Watch::new()),
            health,
            look: Notify::new(),
            stop: Notify::new(),
        }))
    }

    pub(super) fn know(&self, found: BTreeSet<OpenKfid>) {
        *self.0.known.lock().unwrap_or_else(PoisonError::into_inner) = found;
        self.watch().listed();
    }

    pub(super) fn known(&self) -> BTreeSet<OpenKfid> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn inboxes(&self) -> MutexGuard<'_, BTreeMap<OpenKfid, InboxHandle>> {
        self.0.inboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn watch(&self) -> MutexGuard<'_, Watch> {
        self.0.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn early(&self) -> MutexGuard<'_, HashMap<String, Event>> {
        self.0.early.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn key_of(&self, open_kfid: &OpenKfid) -> InboxKey {
        InboxKey::new(&*self.0.scope, open_kfid.clone())
    }

    pub(super) fn add(&self, open_kfid: OpenKfid, inbox: InboxHandle) {
        let mut inboxes = self.inboxes();
        if let Some(event) = self.early().remove(open_kfid.as_str()) {
            inbox.wake(&event);
        }
        inboxes.insert(open_kfid, inbox);
    }

    /// Reads all accounts of this process, and searches for new ones: a callback named no account, or announced accounts.
    pub(super) fn wake_all(&self, wake: &Wake) {
        if wake.token.is_some() {
            self.inboxes().values().for_each(|inbox| inbox.wake_here(wake.clone()));
        }
        self.0.look.notify_one();
    }

    /// Passes a callback to the inbox of its account, which reads at once, or to all inboxes if the callback names no
    /// account. The inboxes of a fleet's other processes are reached through the store. If the account is not known yet, or the callback announces accounts, the group searches for accounts.
    /// Returns whether one of these was the case. This never waits, so answer WeCom right after it.
    pub fn wake(&self, event: &Event) -> bool {
        match event {
            Event::KfMsgOrEvent(news) => {
                let inboxes = self.inboxes();
                let woken = inboxes.values().filter(|inbox| inbox.wake(event)).count();
                let elsewhere = self.known().into_iter().filter(|account| {
                    !inboxes.contains_key(account) && news.open_kfid.as_deref().is_none_or(|named| account == named)
                });
                let mut passed_on = 0;
                for open_kfid in elsewhere {
                    let wake = Wake::from(news);
                    pass_on(&self.0.store, self.key_of(&open_kfid), wake, |_| {});
                    passed_on += 1;
                }
                if let Some(open_kfid) = news.open_kfid.as_ref().filter(|_| woken + passed_on == 0) {
                    let mut early = self.early();
                    if early.len() < EARLY || early.contains_key(open_kfid) {
                        early.insert(open_kfid.clone(), event.clone());
                    }
                    self.0.look.notify_one();
                }
                true
            }
            Event::KfAccountAuthChange(_) => {
                self.0.look.notify_one();
                true
            }
            _ => false,
        }
    }

    /// Returns a function that passes callbacks to the group, as [`wake`](Self::wake) does, for a server or a simulator that
    /// lives longer than the group. The function does not keep the store open. It returns false once the group and its
    /// handles are gone.
    pub fn waker(&self) -> impl Fn(&Event) -> bool + Send + Sync + 'static {
        let group = Arc::downgrade(&self.0);
        move |event| group.upgrade().is_some_and(|group| Self(group).wake(event))
    }

    /// Returns the handle of each running inbox.
    pub fn each(&self) -> BTreeMap<OpenKfid, InboxHandle> {
        self.inboxes().clone()
    }

    /// Returns the metrics of each running inbox.
    pub fn metrics(&self) -> BTreeMap<OpenKfid, Metrics> {
        self.inboxes().iter().map(|(open_kfid, inbox)| (open_kfid.clone(), inbox.metrics())).collect()
    }

    /// Ends all inboxes in order: see [`InboxHandle::stop`].
    pub fn stop(&self) {
        self.0.stop.notify_one();
    }
}

impl fmt::Debug for GroupHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GroupHandle").field(&self.inboxes().keys().collect::<Vec<_>>()).finish()
    }
}
