//! WeCom without sockets: an account's messages by the page, faults on demand, every request noted.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use wecom_kf::message::Page;
use wecom_kf::raw::op;
use wecom_kf::{AccessToken, BoxFuture, Client, Credentials, ErrCode, Error, IssuedToken, OpenKfid, TokenSource};
use wecom_kf_inbox::store::{Acquired, Commit, InboxKey, InboxState, InboxStore, Lease, Memory, Parked, StoreError};
use wecom_kf_inbox::{Fetched, Inbox, InboxBuilder, InboxHandle, PageRequest, PageSource, Status, Unreadable};

pub(crate) const KF: &str = "wk1";

#[allow(clippy::disallowed_methods)] // Messages carry dates.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

/// A client that is never asked for anything.
pub(crate) fn client() -> Client {
    struct NoToken;
    impl TokenSource for NoToken {
        fn fetch<'a>(&'a self, _: Option<&'a AccessToken>) -> BoxFuture<'a, Result<IssuedToken, Error>> {
            Box::pin(async { Err(Error::token_source("no test asks for one")) })
        }
    }
    let builder = Client::builder(Credentials::new("ww1", "")).base_url("http://127.0.0.1:9");
    builder.token_source(NoToken).build().unwrap()
}

#[derive(Clone)]
pub(crate) struct FakeWeCom(Arc<Mutex<State>>, Arc<Notify>);

struct State {
    log: Vec<String>,
    page_size: usize,
    /// Before these positions an empty page comes.
    empty_before: BTreeSet<usize>,
    faults: VecDeque<Answer>,
    delay: Duration,
    pulls: Vec<(PageRequest, Instant)>,
    running: usize,
    most_running: usize,
}

/// What to answer in place of a page.
#[derive(Clone)]
pub(crate) enum Answer {
    Errcode(i32),
    Body(String),
    Unreadable(Option<&'static str>),
}

/// A text with msgid `id` of a customer, sent just now.
pub(crate) fn text(id: &str, customer: &str) -> String {
    text_at(id, customer, now())
}

pub(crate) fn text_at(id: &str, customer: &str, send_time: i64) -> String {
    format!(
        r#"{{"msgid":"{id}","open_kfid":"{KF}","external_userid":"{customer}","send_time":{send_time},"origin":3,"msgtype":"text","text":{{"content":"{id}"}}}}"#
    )
}

/// A customer enters with a welcome code.
pub(crate) fn enters(id: &str, customer: &str, send_time: i64) -> String {
    format!(
        r#"{{"msgid":"{id}","send_time":{send_time},"origin":4,"msgtype":"event","event":{{"event_type":"enter_session","open_kfid":"{KF}","external_userid":"{customer}","scene":"","welcome_code":"W{id}"}}}}"#
    )
}

impl FakeWeCom {
    pub(crate) fn new(page_size: usize, log: impl IntoIterator<Item = String>) -> Self {
        let state = State {
            log: log.into_iter().collect(),
            page_size,
            empty_before: BTreeSet::new(),
            faults: VecDeque::new(),
            delay: Duration::from_millis(1),
            pulls: Vec::new(),
            running: 0,
            most_running: 0,
        };
        Self(Arc::new(Mutex::new(state)), Arc::default())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn add(&self, messages: impl IntoIterator<Item = String>) {
        self.state().log.extend(messages);
    }

    pub(crate) fn empty_before(self, position: usize) -> Self {
        self.state().empty_before.insert(position);
        self
    }

    pub(crate) fn delay(self, delay: Duration) -> Self {
        self.state().delay = delay;
        self
    }

    pub(crate) fn fault(&self, answer: Answer) {
        self.state().faults.push_back(answer);
    }

    pub(crate) fn pulls(&self) -> usize {
        self.state().pulls.len()
    }

    pub(crate) fn requests(&self) -> Vec<PageRequest> {
        self.state().pulls.iter().map(|(request, _)| request.clone()).collect()
    }

    /// The time between each request and the next, in milliseconds.
    pub(crate) fn waits(&self) -> Vec<u128> {
        let state = self.state();
        state.pulls.windows(2).map(|pair| (pair[1].1 - pair[0].1).as_millis()).collect()
    }

    pub(crate) fn most_running(&self) -> usize {
        self.state().most_running
    }

    fn answer(&self, request: &PageRequest) -> Result<Fetched, Error> {
        let mut state = self.state();
        match state.faults.pop_front() {
            Some(Answer::Errcode(code)) => return Err(Error::refused(op::SYNC_MSG, ErrCode(code), "as the test said")),
            Some(Answer::Body(body)) => return Page::from_json(body.as_bytes()).map(Fetched::Page),
            Some(Answer::Unreadable(next_cursor)) => {
                let next_cursor = next_cursor.map(str::to_owned);
                return Ok(Fetched::Unreadable(Unreadable { body: "{broken 客户的话}".into(), next_cursor }));
            }
            None => {}
        }
        let cursor = request.cursor.as_deref().unwrap_or("c0");
        let from: usize = cursor[1..].trim_end_matches('e').parse().unwrap();
        if state.empty_before.contains(&from) && !cursor.ends_with('e') {
            let body = format!(r#"{{"errcode":0,"next_cursor":"{cursor}e","has_more":1,"msg_list":[]}}"#);
            return Page::from_json(body.as_bytes()).map(Fetched::Page);
        }
        let size = request.limit.map_or(state.page_size, |limit| state.page_size.min(limit as usize));
        let to = state.log.len().min(from + size);
        let has_more = u8::from(to < state.log.len());
        let messages = state.log[from..to].join(",");
        let body = format!(r#"{{"errcode":0,"next_cursor":"c{to}","has_more":{has_more},"msg_list":[{messages}]}}"#);
        Page::from_json(body.as_bytes()).map(Fetched::Page)
    }
}

impl PageSource for FakeWeCom {
    fn fetch(&self, request: PageRequest) -> BoxFuture<'_, Result<Fetched, Error>> {
        Box::pin(async move {
            let delay = {
                let mut state = self.state();
                state.pulls.push((request.clone(), Instant::now()));
                state.running += 1;
                state.most_running = state.most_running.max(state.running);
                state.delay
            };
            self.1.notify_one();
            sleep(delay).await;
            self.state().running -= 1;
            self.answer(&request)
        })
    }
}

/// A memory store that fails when told, and notes what is committed.
#[derive(Clone, Default)]
pub(crate) struct FakeStore {
    pub(crate) memory: Memory,
    commits: Arc<Mutex<Vec<Commit>>>,
    failures: Arc<AtomicUsize>,
    load_failures: Arc<AtomicUsize>,
    /// Fails after it wrote, so that only the answer is lost.
    loses_answers: Arc<AtomicUsize>,
}

impl FakeStore {
    pub(crate) fn fail_next(&self, times: usize) {
        self.failures.store(times, SeqCst);
    }

    pub(crate) fn fail_next_loads(&self, times: usize) {
        self.load_failures.store(times, SeqCst);
    }

    /// Takes the lease, as if that of whoever has it were over without its knowing, as after a standstill.
    pub(crate) async fn steal(&self) -> Lease {
        let limit = Duration::from_secs(60);
        let Ok(Acquired::Held { holder, .. }) = self.memory.acquire(&key(), "thief", limit).await else {
            panic!("nobody has the lease")
        };
        self.memory.acquire(&key(), &holder, Duration::ZERO).await.unwrap();
        let Ok(Acquired::Lease(lease)) = self.memory.acquire(&key(), "thief", limit).await else {
            panic!("the lease is over")
        };
        lease
    }

    pub(crate) fn lose_next_answer(&self) {
        self.loses_answers.store(1, SeqCst);
    }

    pub(crate) fn commits(&self) -> Vec<Commit> {
        self.commits.lock().unwrap().clone()
    }

    pub(crate) fn cursors(&self) -> Vec<Option<String>> {
        self.commits().into_iter().map(|commit| commit.cursor).collect()
    }

    pub(crate) async fn state(&self) -> InboxState {
        self.memory.load(&key()).await.unwrap()
    }

    pub(crate) async fn parked(&self) -> Vec<Parked> {
        self.memory.parked(&key()).await.unwrap()
    }

    fn fails(failures: &AtomicUsize) -> Result<(), StoreError> {
        let is_due = failures.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
        if is_due { Err(StoreError::down("as the test said")) } else { Ok(()) }
    }
}

impl InboxStore for FakeStore {
    fn acquire<'a>(
        &'a self,
        key: &'a InboxKey,
        holder: &'a str,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Acquired, StoreError>> {
        self.memory.acquire(key, holder, limit)
    }

    fn renew<'a>(&'a self, lease: &'a Lease, limit: Duration) -> BoxFuture<'a, Result<(), StoreError>> {
        self.memory.renew(lease, limit)
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<(), StoreError>> {
        self.memory.release(lease)
    }

    fn load<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<InboxState, StoreError>> {
        Box::pin(async move {
            Self::fails(&self.load_failures)?;
            self.memory.load(key).await
        })
    }

    fn commit<'a>(&'a self, lease: &'a Lease, commit: &'a Commit) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            Self::fails(&self.failures)?;
            self.memory.commit(lease, commit).await?;
            self.commits.lock().unwrap().push(commit.clone());
            match self.loses_answers.swap(0, SeqCst) {
                0 => Ok(()),
                _ => Err(StoreError::down("the answer was lost, as the test said")),
            }
        })
    }

    fn parked<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<Vec<Parked>, StoreError>> {
        self.memory.parked(key)
    }

    fn drop_parked<'a>(&'a self, key: &'a InboxKey, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.memory.drop_parked(key, id)
    }
}

pub(crate) fn key() -> InboxKey {
    InboxKey::new("127.0.0.1:9/ww1", OpenKfid::from(KF))
}

/// Settings for tests: nothing random, everything WeCom has.
pub(crate) fn builder(wecom: &FakeWeCom, store: impl InboxStore) -> InboxBuilder {
    Inbox::builder(client(), KF)
        .source(wecom.clone())
        .store(store)
        .cold_start(wecom_kf_inbox::ColdStart::Everything)
        .jitter(|| 0.0)
}

/// Waits until there is nothing left to do; at most ten minutes of the paused clock.
pub(crate) async fn caught_up(inbox: &InboxHandle) {
    let wait = async {
        loop {
            let metrics = inbox.metrics();
            if metrics.status == Status::CaughtUp && metrics.lag_messages == 0 {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(600), wait).await.unwrap_or_else(|_| panic!("{:?}", inbox.metrics()));
}
