//! How accounts share the reads that WeCom allows without a callback's token. A callback never waits for such a read.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, sleep};
use wecom_kf::messages::Page;
use wecom_kf::raw::op;
use wecom_kf::{BoxFuture, ErrCode, Pacing};
use wecom_kf_inbox::store::Memory;
use wecom_kf_inbox::{ColdStart, Fetched, Inbox, PageRequest, PageSource};

use crate::fake::{Answer, FakeWeCom, KF, builder, callback, client_with, drain, now, text};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// How many reads a minute WeCom allows without a callback's token.
const TOKENLESS: usize = 10;

/// The accounts of one app, with WeCom's limit on reads without a token: after one read too many, all are refused for a
/// minute.
#[derive(Clone, Default)]
struct App(Arc<Mutex<AppState>>);

#[derive(Default)]
struct AppState {
    logs: BTreeMap<String, Vec<String>>,
    tokenless: VecDeque<Instant>,
    refuses_until: Option<Instant>,
    refusals: usize,
    polls: BTreeMap<String, Vec<Instant>>,
}

impl App {
    fn write(&self, open_kfid: &str, id: &str) {
        self.0.lock().unwrap().logs.entry(open_kfid.to_owned()).or_default().push(text(id, id));
    }

    fn refusals(&self) -> usize {
        self.0.lock().unwrap().refusals
    }

    /// Returns the shortest time between two polls of an account.
    fn shortest_interval(&self) -> Duration {
        let state = self.0.lock().unwrap();
        state.polls.values().flat_map(|times| times.windows(2).map(|pair| pair[1] - pair[0])).min().unwrap()
    }
}

impl AppState {
    fn is_refused(&mut self, request: &PageRequest) -> bool {
        let now = Instant::now();
        if request.token.is_some() {
            return false;
        }
        self.polls.entry(request.open_kfid.to_string()).or_default().push(now);
        self.tokenless.retain(|time| *time + MINUTE > now);
        self.tokenless.push_back(now);
        if self.tokenless.len() > TOKENLESS {
            self.refuses_until = Some(now + MINUTE);
        }
        let is_refused = self.refuses_until.is_some_and(|until| now < until);
        self.refusals += usize::from(is_refused);
        is_refused
    }
}

impl PageSource for App {
    fn fetch(&self, request: PageRequest) -> BoxFuture<'_, Result<Fetched, wecom_kf::Error>> {
        Box::pin(async move {
            sleep(Duration::from_millis(50)).await;
            let mut state = self.0.lock().unwrap();
            if state.is_refused(&request) {
                return Err(wecom_kf::Error::refused(op::SYNC_MSG, ErrCode::RATE_LIMIT_EXCEEDED, "too many"));
            }
            let log = state.logs.entry(request.open_kfid.to_string()).or_default();
            let from: usize = request.cursor.map_or(0, |cursor| cursor[1..].parse().unwrap());
            let body = format!(
                r#"{{"errcode":0,"next_cursor":"c{}","has_more":0,"msg_list":[{}]}}"#,
                log.len(),
                log[from..].join(",")
            );
            Page::from_json(body.as_bytes()).map(Fetched::Page)
        })
    }
}

struct Figures {
    unhandled: usize,
    refusals: usize,
    shortest_interval: Duration,
    announced: Duration,
    unannounced: Duration,
}

/// Runs thirty accounts for 25 minutes. A message comes every 5 s, each for another account. Six of seven have a
/// callback.
async fn thirty_accounts(pacing: Pacing) -> Figures {
    let (app, client, store) = (App::default(), client_with(pacing), Memory::new());
    let delays: Arc<Mutex<BTreeMap<String, Duration>>> = Arc::default();
    let written: Arc<Mutex<BTreeMap<String, Instant>>> = Arc::default();
    let (mut handles, mut runs) = (Vec::new(), Vec::new());
    for account in 0..30 {
        let inbox = Inbox::builder(client.clone(), format!("wk{account}")).source(app.clone()).store(store.clone());
        let inbox = inbox.cold_start(ColdStart::Everything).open().await.unwrap();
        handles.push(inbox.handle());
        let (delays, written) = (delays.clone(), written.clone());
        runs.push(tokio::spawn(inbox.run(move |delivery| {
            let took = written.lock().unwrap()[delivery.id()].elapsed();
            delays.lock().unwrap().insert(delivery.id().to_owned(), took);
            async { Ok(()) }
        })));
    }
    for number in 0..300_usize {
        let account = number * 7 % 30;
        let is_announced = !number.is_multiple_of(7);
        let id = format!("{}{number}", if is_announced { "announced" } else { "silent" });
        written.lock().unwrap().insert(id.clone(), Instant::now());
        app.write(&format!("wk{account}"), &id);
        if is_announced {
            handles[account].wake(&callback(&format!("wk{account}"), "T", now()));
        }
        sleep(SECOND * 5).await;
    }
    sleep(MINUTE * 10).await;
    runs.iter().for_each(|run| run.abort());
    let delays = delays.lock().unwrap().clone();
    let longest = |prefix| *delays.iter().filter(|(id, _)| id.starts_with(prefix)).map(|(_, took)| took).max().unwrap();
    Figures {
        unhandled: 300 - delays.len(),
        refusals: app.refusals(),
        shortest_interval: app.shortest_interval(),
        announced: longest("announced"),
        unannounced: longest("silent"),
    }
}

#[tokio::test(start_paused = true)]
async fn thirty_accounts_are_never_refused_and_a_callback_never_waits() {
    let paced = thirty_accounts(Pacing::default()).await;
    println!(
        "30 accounts, 35 minutes: {} refusals, polls at least {:?} apart; longest delay with a callback {:?}, without {:?}",
        paced.refusals, paced.shortest_interval, paced.announced, paced.unannounced
    );
    assert_eq!((paced.refusals, paced.unhandled), (0, 0));
    assert!(paced.announced <= Duration::from_millis(100), "{:?}", paced.announced);
    assert!(paced.unannounced <= MINUTE * 5, "{:?}", paced.unannounced);
    let unpaced = thirty_accounts(Pacing::unlimited()).await;
    println!("without pacing: {} refusals, {} messages not handled", unpaced.refusals, unpaced.unhandled);
    assert!(unpaced.refusals > 100, "the test would see it: {}", unpaced.refusals);
}

#[tokio::test(start_paused = true)]
async fn polls_are_at_least_six_seconds_times_accounts_apart() {
    for (accounts, expected) in [(1, 30), (5, 30), (8, 48), (30, 180)] {
        let (app, client) = (App::default(), client_with(Pacing::default()));
        let mut runs = Vec::new();
        for account in 0..accounts {
            // The longest waits that chance could give.
            let inbox = Inbox::builder(client.clone(), format!("wk{account}")).source(app.clone()).jitter(|| 1.0);
            let inbox = inbox.open().await.unwrap();
            runs.push(tokio::spawn(inbox.run(|_| async { Ok(()) })));
        }
        sleep(MINUTE * 20).await;
        runs.iter().for_each(|run| run.abort());
        assert_eq!(app.refusals(), 0, "{accounts} accounts");
        let shortest = app.shortest_interval();
        assert!(shortest >= SECOND * expected, "{accounts} accounts: {shortest:?}");
        let polls = app.0.lock().unwrap().polls.values().map(Vec::len).min().unwrap();
        assert!(polls as u32 >= 20 * 60 / (expected * 5 / 4), "{accounts} accounts: {polls} polls");
    }
}

#[tokio::test(start_paused = true)]
async fn a_callback_overtakes_a_pull_without_a_token() {
    let wecom = FakeWeCom::new(10, []).delay(MINUTE);
    let mut inbox = builder(&wecom, Memory::new()).open().await.unwrap();
    let _ = tokio::time::timeout(SECOND, inbox.next()).await;
    assert_eq!(wecom.pulls(), 1, "the pull of the start is in progress, without a token");
    for token in ["T1", "T2"] {
        assert!(inbox.wake(&callback(KF, token, now())));
        let _ = tokio::time::timeout(SECOND, inbox.next()).await;
    }
    assert_eq!(wecom.pulls(), 2, "it overtakes once: a pull with a token is not aborted");
    assert_eq!(wecom.waits(), [1000]);
    let tokens = || wecom.requests().into_iter().map(|it| it.token.map(|token| token.expose().to_owned()));
    drain(&mut inbox, MINUTE * 2).await;
    assert_eq!(tokens().collect::<Vec<_>>()[..3], [None, Some("T1".to_owned()), Some("T2".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_callback_ends_the_wait_for_a_turn_and_for_the_end_of_45009() {
    let wecom = FakeWeCom::new(1, [text("m0", "wmA")]).delay(Duration::ZERO);
    wecom.fault(Answer::Errcode(45009));
    let mut inbox = builder(&wecom, Memory::new()).open().await.unwrap();
    assert!(inbox.next().await.unwrap().is_err());
    sleep(SECOND).await;
    inbox.wake(&callback(KF, "T", now()));
    inbox.next().await.unwrap().unwrap().ack();
    assert_eq!(wecom.waits(), [1000], "the limit does not concern reads with a token");

    // Only one of the two accounts may read at once.
    let client = client_with(Pacing::default().tokenless_syncs(2, MINUTE));
    let wecom = FakeWeCom::new(10, [text("m0", "wmA")]);
    let mut inboxes = Vec::new();
    for account in ["wk1", "wk2"] {
        let inbox = Inbox::builder(client.clone(), account).source(wecom.clone()).cold_start(ColdStart::Everything);
        inboxes.push(inbox.open().await.unwrap());
    }
    assert_eq!(drain(&mut inboxes[0], SECOND).await.0.len(), 1);
    assert_eq!(drain(&mut inboxes[1], SECOND).await.0.len(), 0, "it waits for its turn");
    inboxes[1].wake(&callback("wk2", "T", now()));
    assert_eq!(drain(&mut inboxes[1], SECOND).await.0.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn after_45009_without_a_callback_it_waits_a_minute() {
    let wecom = FakeWeCom::new(1, [text("m0", "wmA")]).delay(Duration::ZERO);
    wecom.fault(Answer::Errcode(45009));
    let mut inbox = builder(&wecom, Memory::new()).open().await.unwrap();
    let (ids, errors) = drain(&mut inbox, MINUTE + SECOND).await;
    assert_eq!((ids.len(), errors.len()), (1, 1));
    assert_eq!(wecom.waits()[0], 60_000);
    // The same answer to a read with a token: WeCom may not know that token, so the next one is tried.
    wecom.fault(Answer::Errcode(45009));
    wecom.fault(Answer::Errcode(45009));
    let before = wecom.pulls();
    for _ in 0..3 {
        inbox.wake(&callback(KF, "T", now()));
        sleep(SECOND).await;
    }
    drain(&mut inbox, MINUTE * 2).await;
    assert_eq!(wecom.waits()[before..][..2], [1000, 60_000], "after two refused tokens a callback does not help");
}
