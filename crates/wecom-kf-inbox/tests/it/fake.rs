//! WeCom without sockets: returns an account's messages page by page, fails on demand, and notes every request.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use wecom_kf::messages::Page;
use wecom_kf::raw::op;
use wecom_kf::{
    AccessToken, BoxFuture, Client, Credentials, ErrCode, Error, ExternalUserId, IssuedToken, OpenKfid, Pacing,
    TokenSource,
};
use wecom_kf_callback::Event;
use wecom_kf_inbox::store::{
    Acquired, Change, Commit, Committed, ConversationPage, ConversationQuery, Held, InboxKey, InboxStore, Lease,
    Memory, Parked, ParkedPage, ParkedQuery, Renewed, StoreError,
};
use wecom_kf_inbox::{
    CallbackEvent, Error as InboxError, Fetched, Inbox, InboxBuilder, InboxHandle, PageRequest, PageSource, Status,
    Unreadable,
};

pub(crate) const KF: &str = "wk1";

#[allow(clippy::disallowed_methods)] // Messages carry dates.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

/// Returns a client that makes no call and lets accounts poll as often as a test wants.
pub(crate) fn client() -> Client {
    client_with(Pacing::unlimited())
}

pub(crate) fn client_with(pacing: Pacing) -> Client {
    struct NoToken;
    impl TokenSource for NoToken {
        fn fetch<'a>(&'a self, _: Option<&'a AccessToken>) -> BoxFuture<'a, Result<IssuedToken, Error>> {
            Box::pin(async { Err(Error::token_source("no test asks for one")) })
        }
    }
    let builder = Client::builder(Credentials::new("ww1", "")).base_url("http://127.0.0.1:9");
    builder.pacing(pacing).token_source(NoToken).build().unwrap()
}

#[derive(Clone)]
pub(crate) struct FakeWeCom(Arc<Mutex<State>>, Arc<Notify>);

struct State {
    log: Vec<String>,
    page_size: usize,
    /// Positions before which an empty page is inserted.
    empty_before: BTreeSet<usize>,
    faults: VecDeque<Answer>,
    /// The position to which an unknown cursor leads.
    unknown_cursor: usize,
    delay: Duration,
    pulls: Vec<(PageRequest, Instant)>,
    running: usize,
    most_running: usize,
}

/// An answer instead of a page.
#[derive(Clone)]
pub(crate) enum Answer {
    Errcode(i32),
    Body(String),
    Unreadable(Option<&'static str>),
    UnreadableBody(String, Option<&'static str>),
}

/// Returns a text with this msgid from a customer, sent just now.
pub(crate) fn text(id: &str, customer: &str) -> String {
    text_at(id, customer, now())
}

pub(crate) fn text_at(id: &str, customer: &str, send_time: i64) -> String {
    format!(
        r#"{{"msgid":"{id}","open_kfid":"{KF}","external_userid":"{customer}","send_time":{send_time},"origin":3,"msgtype":"text","text":{{"content":"{id}"}}}}"#
    )
}

/// Returns the event of a customer who enters with a welcome code.
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
            unknown_cursor: 0,
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

    /// Ends all faults. Cursors that the fake does not know mean `position` from now on.
    pub(crate) fn clear_faults(&self, position: usize) {
        let mut state = self.state();
        state.faults.clear();
        state.unknown_cursor = position;
    }

    pub(crate) fn pulls(&self) -> usize {
        self.state().pulls.len()
    }

    pub(crate) fn requests(&self) -> Vec<PageRequest> {
        self.state().pulls.iter().map(|(request, _)| request.clone()).collect()
    }

    /// Returns the times between successive requests, in milliseconds.
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
            Some(Answer::Unreadable(next_cursor)) => return Ok(unreadable("{broken 客户的话}", next_cursor)),
            Some(Answer::UnreadableBody(body, next_cursor)) => return Ok(unreadable(&body, next_cursor)),
            None => {}
        }
        let cursor = request.cursor.as_deref().unwrap_or("c0");
        let from: usize = match cursor.strip_prefix('c') {
            Some(position) => position.trim_end_matches('e').parse().unwrap(),
            None => state.unknown_cursor,
        };
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

fn unreadable(body: &str, next_cursor: Option<&str>) -> Fetched {
    Fetched::Unreadable(Unreadable { body: body.to_owned(), next_cursor: next_cursor.map(str::to_owned) })
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

/// A memory store that fails on demand and notes what is committed.
#[derive(Clone, Default)]
pub(crate) struct FakeStore {
    pub(crate) memory: Memory,
    commits: Arc<Mutex<Vec<Commit>>>,
    failures: Arc<AtomicUsize>,
    load_failures: Arc<AtomicUsize>,
    /// How many commits fail after they were written, so that only the answer is lost.
    loses_answers: Arc<AtomicUsize>,
    commits_take: Duration,
    is_corrupt: Arc<AtomicBool>,
    is_down: Arc<AtomicBool>,
    hangs: Arc<AtomicBool>,
    is_silent: Arc<AtomicBool>,
}

impl FakeStore {
    pub(crate) fn fail_next(&self, times: usize) {
        self.failures.store(times, SeqCst);
    }

    pub(crate) fn fail_next_loads(&self, times: usize) {
        self.load_failures.store(times, SeqCst);
    }

    /// Makes the store of the inbox fail, or answer again: all that a reader needs of it.
    pub(crate) fn is_down(&self, is_down: bool) {
        self.is_down.store(is_down, SeqCst);
    }

    /// Makes the store of the inbox answer nothing from now on.
    pub(crate) fn hangs(&self) {
        self.hangs.store(true, SeqCst);
    }

    async fn answers(&self) -> Result<(), StoreError> {
        if self.hangs.load(SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.is_down.load(SeqCst) { Err(StoreError::down("as the test said")) } else { Ok(()) }
    }

    pub(crate) fn commits_take(self, commits_take: Duration) -> Self {
        Self { commits_take, ..self }
    }

    /// Stops notifications about changes.
    pub(crate) fn is_silent(&self) {
        self.is_silent.store(true, SeqCst);
    }

    pub(crate) fn corrupt(&self) {
        self.is_corrupt.store(true, SeqCst);
    }

    pub(crate) async fn steal(&self) -> Lease {
        steal(&self.memory).await
    }

    /// Commits as another reader would, so that the state changes.
    pub(crate) async fn moves_on(&self, lease: &Lease, cursor: Option<&str>) {
        let mut commit = Commit::next(&self.state().await);
        commit.cursor = cursor.map(str::to_owned);
        commit.settled = vec!["other".into()];
        self.memory.commit(lease, &commit).await.unwrap();
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

    pub(crate) async fn state(&self) -> Committed {
        self.memory.load(&key()).await.unwrap().expect("something is stored")
    }

    pub(crate) async fn parked(&self) -> Vec<Parked> {
        self.memory.parked(&key(), &ParkedQuery::first(1000)).await.unwrap().items
    }

    /// Returns the settled ids in the order in which they were committed.
    pub(crate) fn settled(&self) -> Vec<String> {
        self.commits().into_iter().flat_map(|commit| commit.settled).collect()
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
        Box::pin(async move {
            self.answers().await?;
            match self.is_corrupt.load(SeqCst) {
                true => Err(StoreError::corrupt("a test said so")),
                false => self.memory.acquire(key, holder, limit).await,
            }
        })
    }

    fn renew<'a>(&'a self, lease: &'a Lease, limit: Duration) -> BoxFuture<'a, Result<Renewed, StoreError>> {
        Box::pin(async move {
            self.answers().await?;
            self.memory.renew(lease, limit).await
        })
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<(), StoreError>> {
        self.memory.release(lease)
    }

    fn lease_of<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<Option<Held>, StoreError>> {
        self.memory.lease_of(key)
    }

    fn keys(&self) -> BoxFuture<'_, Result<BTreeSet<InboxKey>, StoreError>> {
        self.memory.keys()
    }

    fn load<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<Option<Committed>, StoreError>> {
        Box::pin(async move {
            self.answers().await?;
            Self::fails(&self.load_failures)?;
            self.memory.load(key).await
        })
    }

    fn commit<'a>(&'a self, lease: &'a Lease, commit: &'a Commit) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.answers().await?;
            Self::fails(&self.failures)?;
            if !self.commits_take.is_zero() {
                sleep(self.commits_take).await;
            }
            self.memory.commit(lease, commit).await?;
            self.commits.lock().unwrap().push(commit.clone());
            match self.loses_answers.swap(0, SeqCst) {
                0 => Ok(()),
                _ => Err(StoreError::down("the answer was lost, as the test said")),
            }
        })
    }

    fn parked<'a>(
        &'a self,
        key: &'a InboxKey,
        query: &'a ParkedQuery,
    ) -> BoxFuture<'a, Result<ParkedPage, StoreError>> {
        self.memory.parked(key, query)
    }

    fn drop_parked<'a>(&'a self, key: &'a InboxKey, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.memory.drop_parked(key, id)
    }

    fn wish_replays<'a>(&'a self, key: &'a InboxKey, ids: &'a [String]) -> BoxFuture<'a, Result<usize, StoreError>> {
        self.memory.wish_replays(key, ids)
    }

    fn conversations<'a>(
        &'a self,
        key: &'a InboxKey,
        query: &'a ConversationQuery,
    ) -> BoxFuture<'a, Result<ConversationPage, StoreError>> {
        Box::pin(async move {
            Self::fails(&self.load_failures)?;
            self.memory.conversations(key, query).await
        })
    }

    fn forget_customer<'a>(
        &'a self,
        key: &'a InboxKey,
        customer: &'a ExternalUserId,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.memory.forget_customer(key, customer)
    }

    fn changes(&self, key: &InboxKey) -> BoxStream<'static, Change> {
        let is_silent = self.is_silent.clone();
        let is_heard = move |_: &Change| std::future::ready(!is_silent.load(SeqCst));
        self.memory.changes(key).filter(is_heard).boxed()
    }
}

/// Takes the lease, as if it had ended without its holder noticing, for example while the process was stopped.
pub(crate) async fn steal(memory: &Memory) -> Lease {
    let limit = Duration::from_secs(60);
    let Ok(Acquired::Held { holder, .. }) = memory.acquire(&key(), "thief", limit).await else {
        panic!("nobody has the lease")
    };
    memory.acquire(&key(), &holder, Duration::ZERO).await.unwrap();
    let Ok(Acquired::Lease(lease)) = memory.acquire(&key(), "thief", limit).await else {
        panic!("the lease has not expired")
    };
    lease
}

pub(crate) fn key() -> InboxKey {
    InboxKey::new("127.0.0.1:9/ww1", OpenKfid::from(KF))
}

/// Returns settings for tests: without random waits, from the oldest message on.
pub(crate) fn builder(wecom: &FakeWeCom, store: impl InboxStore) -> InboxBuilder {
    Inbox::builder(client(), KF)
        .source(wecom.clone())
        .store(store)
        .cold_start(wecom_kf_inbox::ColdStart::Everything)
        .jitter(|| 0.0)
}

/// Waits until there is nothing left to do, at most ten minutes of the paused clock.
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

/// Returns a callback that announces messages.
pub(crate) fn callback(open_kfid: &str, token: &str, create_time: i64) -> CallbackEvent {
    Event::parse(format!(
        "<xml><ToUserName>ww1</ToUserName><CreateTime>{create_time}</CreateTime><MsgType>event</MsgType>\
         <Event>kf_msg_or_event</Event><Token>{token}</Token><OpenKfId>{open_kfid}</OpenKfId></xml>"
    ))
    .unwrap()
}

/// Reads and acknowledges until nothing comes for this long. Returns the ids and the errors.
pub(crate) async fn drain(inbox: &mut Inbox, patience: Duration) -> (Vec<String>, Vec<InboxError>) {
    let (mut ids, mut errors) = (Vec::new(), Vec::new());
    while let Ok(Some(item)) = tokio::time::timeout(patience, inbox.next()).await {
        match item {
            Ok(delivery) => {
                ids.push(delivery.id().to_owned());
                delivery.ack();
            }
            Err(error) => errors.push(error),
        }
    }
    (ids, errors)
}
