//! Tests of pacing: a platform that counts calls as WeCom does (according to the official forum) never has to refuse
//! one. With a paused clock and without sockets.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use wecom_kf::raw::{self, Operation, Request, op, types};
use wecom_kf::{AccessToken, Client, Credentials, Error, IssuedToken, Pacing};

use crate::fake::FakeSource;

const LATENCY: Duration = Duration::from_millis(120);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A platform that counts calls like WeCom. More than 10 `sync_msg` without a token in a minute lock such calls for a minute
/// (45009). More than 5 calls at once are refused (45033).
#[derive(Clone, Default)]
struct Platform(Arc<Mutex<Counts>>);

#[derive(Default)]
struct Counts {
    at_once: usize,
    most_at_once: usize,
    tokenless: VecDeque<Instant>,
    locked_until: Option<Instant>,
    calls: usize,
    refusals: usize,
}

impl Platform {
    async fn answer(&self, is_tokenless: bool, latency: Duration) -> i64 {
        // Half of the latency is the way to the server.
        sleep(latency / 2).await;
        let errcode = self.0.lock().unwrap().begin(is_tokenless);
        sleep(latency / 2).await;
        let mut counts = self.0.lock().unwrap();
        counts.at_once -= 1;
        counts.refusals += usize::from(errcode != 0);
        errcode
    }

    fn refusals(&self) -> usize {
        self.0.lock().unwrap().refusals
    }
}

impl Counts {
    fn begin(&mut self, is_tokenless: bool) -> i64 {
        let now = Instant::now();
        self.calls += 1;
        self.at_once += 1;
        self.most_at_once = self.most_at_once.max(self.at_once);
        if is_tokenless {
            self.tokenless.retain(|time| now - *time < seconds(60));
            if self.locked_until.is_some_and(|until| now < until) {
                return 45009;
            }
            if self.tokenless.len() >= 10 {
                self.locked_until = Some(now + seconds(60));
                return 45009;
            }
            self.tokenless.push_back(now);
        }
        if self.at_once > 5 { 45033 } else { 0 }
    }
}

/// A call of `sync_msg`.
struct Sync {
    platform: Platform,
    has_token: bool,
    latency: Duration,
}

impl Request for Sync {
    type Reply = types::SendResponse;

    fn operation(&self) -> Operation {
        op::SYNC_MSG
    }

    async fn send(&self, _: &raw::Client, _: &AccessToken) -> Result<Self::Reply, raw::Error> {
        let errcode = self.platform.answer(!self.has_token, self.latency).await;
        Ok(types::SendResponse { errcode, ..Default::default() })
    }

    fn has_callback_token(&self) -> bool {
        self.has_token
    }
}

/// A call of another operation.
struct Other(Platform);

impl Request for Other {
    type Reply = types::SendResponse;

    fn operation(&self) -> Operation {
        op::ACCOUNT_LIST
    }

    async fn send(&self, _: &raw::Client, _: &AccessToken) -> Result<Self::Reply, raw::Error> {
        Ok(types::SendResponse { errcode: self.0.answer(false, LATENCY).await, ..Default::default() })
    }
}

fn client(settings: impl FnOnce(wecom_kf::ClientBuilder) -> wecom_kf::ClientBuilder) -> Client {
    let source = FakeSource::new(|_| async { Ok(IssuedToken::new("T", Some(7200))) });
    let builder = Client::builder(Credentials::new("", "")).base_url("http://127.0.0.1:9").token_source(source);
    settings(builder).build().unwrap()
}

/// Reads an account as an inbox does: at once and with the token after a callback, otherwise when the schedule says so.
async fn read(
    client: Client,
    platform: Platform,
    mut callbacks: mpsc::UnboundedReceiver<Instant>,
    seen: Arc<Mutex<Seen>>,
) {
    let mut last_read = Instant::now();
    let mut poller = client.poll_schedule().join();
    let mut due = poller.reserve(Instant::now(), Instant::now());
    let call = |has_token| {
        let request = Sync { platform: platform.clone(), has_token, latency: LATENCY };
        let client = client.clone();
        async move { client.call(&request).await.map(drop) }
    };
    loop {
        tokio::select! {
            biased;
            told = callbacks.recv() => {
                let Some(told) = told else { return };
                poller.release(Instant::now());
                call(true).await.unwrap();
                seen.lock().unwrap().delays.push(told.elapsed());
            }
            () = sleep_until(due) => {
                // A callback does not wait for a read without a token, but replaces it.
                tokio::select! {
                    biased;
                    told = callbacks.recv() => {
                        let Some(told) = told else { return };
                        call(true).await.unwrap();
                        seen.lock().unwrap().delays.push(told.elapsed());
                    }
                    read = call(false) => read.unwrap(),
                }
            }
        }
        let now = Instant::now();
        seen.lock().unwrap().gaps.push(now - last_read);
        last_read = now;
        due = poller.reserve(now, now + poller.interval(seconds(30), fastrand::f64()));
    }
}

#[derive(Default)]
struct Seen {
    /// The time from each callback to the end of the read that it caused.
    delays: Vec<Duration>,
    /// The time from each read of an account to the next one.
    gaps: Vec<Duration>,
}

/// 30 accounts for 23 minutes, and a message at one of them every 7 s. Without pacing, there were 594 refusals and delays of 181 s.
#[tokio::test(start_paused = true)]
async fn thirty_accounts_are_read_without_refusals_or_delays() {
    let (client, platform, seen) = (client(|builder| builder), Platform::default(), Arc::<Mutex<Seen>>::default());
    let mut random = fastrand::Rng::with_seed(7);
    let (senders, tasks): (Vec<_>, Vec<_>) = (0..30)
        .map(|_| {
            let (sender, receiver) = mpsc::unbounded_channel();
            (sender, tokio::spawn(read(client.clone(), platform.clone(), receiver, seen.clone())))
        })
        .unzip();
    let started = Instant::now();
    let mut written = 0;
    while started.elapsed() < seconds(23 * 60) {
        sleep(seconds(7)).await;
        senders[random.usize(..30)].send(Instant::now()).unwrap();
        written += 1;
    }
    drop(senders);
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(platform.refusals(), 0);
    let Seen { delays, gaps } = &*seen.lock().unwrap();
    assert_eq!(delays.len(), written);
    assert_eq!(delays.iter().max(), Some(&LATENCY), "each is read at once, in one call");
    assert!(gaps.iter().max() < Some(&seconds(360)), "no account is forgotten: {:?}", gaps.iter().max());
    let polls = platform.0.lock().unwrap().calls - written;
    assert!(polls > 60, "it also polls: {polls} times");
}

#[tokio::test(start_paused = true)]
async fn calls_without_a_schedule_wait_in_the_client() {
    let platform = Platform::default();
    let client = client(|builder| builder.call_timeout(seconds(3600)));
    let calls = (0..60).map(|number| {
        let has_token = number % 2 == 0;
        let request = Sync { platform: platform.clone(), has_token, latency: LATENCY };
        let client = client.clone();
        async move { client.call(&request).await.map(drop) }
    });
    for outcome in join_all(calls).await {
        outcome.unwrap();
    }
    assert_eq!((platform.refusals(), platform.0.lock().unwrap().most_at_once), (0, 5));
}

#[tokio::test(start_paused = true)]
async fn waiting_counts_towards_the_deadline() {
    let platform = Platform::default();
    let client = client(|builder| builder.call_timeout(seconds(20)));
    let sync = |has_token| Sync { platform: platform.clone(), has_token, latency: LATENCY };
    for _ in 0..10 {
        client.call(&sync(false)).await.unwrap();
    }
    let started = Instant::now();
    let error = client.call(&sync(false)).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { attempts: 0, .. }), "{error:?}");
    assert_eq!(started.elapsed(), seconds(20));
    assert_eq!(platform.0.lock().unwrap().calls, 10);
    // A waiting call that is dropped does not delay others.
    assert!(timeout(seconds(1), client.call(&sync(false))).await.is_err());
    client.call(&sync(true)).await.unwrap();
    sleep(seconds(40)).await;
    client.call(&sync(false)).await.unwrap();
}

/// Another program of the same app uses up the allowed calls.
#[tokio::test(start_paused = true)]
async fn after_45009_only_reads_without_a_token_wait_a_minute() {
    let platform = Platform::default();
    let client = client(|builder| builder.call_timeout(seconds(90)));
    let sync = |has_token| Sync { platform: platform.clone(), has_token, latency: LATENCY };
    for _ in 0..10 {
        assert_eq!(platform.answer(true, Duration::ZERO).await, 0);
    }
    assert_eq!(client.call(&sync(false)).await.unwrap_err().code().map(|code| code.0), Some(45009));
    let refused = Instant::now();
    client.call(&sync(true)).await.unwrap();
    assert_eq!(refused.elapsed(), LATENCY);
    client.call(&sync(false)).await.unwrap();
    assert_eq!(refused.elapsed(), seconds(60) + LATENCY);
    assert_eq!(platform.refusals(), 1);
}

#[tokio::test(start_paused = true)]
async fn after_45033_fewer_calls_are_made_at_once() {
    let platform = Platform::default();
    let client = client(|builder| builder.pacing(Pacing::default().calls_at_once(16)));
    let burst = |count: usize| {
        let calls = (0..count).map(|_| {
            let (client, call) = (client.clone(), Other(platform.clone()));
            async move { client.call(&call).await.is_ok() }
        });
        async { join_all(calls).await.into_iter().filter(|is_ok| *is_ok).count() }
    };
    burst(16).await;
    let first = platform.refusals();
    assert!(first >= 11, "16 at once are too many: {first}");
    burst(16).await;
    sleep(Duration::from_millis(1)).await;
    let before = platform.refusals();
    assert_eq!(burst(40).await, 40);
    assert!(platform.refusals() - before < first, "fewer at once are refused less often");
}

#[tokio::test(start_paused = true)]
async fn the_span_records_the_wait() {
    let platform = Platform::default();
    let client = client(|builder| builder.pacing(Pacing::default().tokenless_syncs(2, seconds(10))));
    let sync = || Sync { platform: platform.clone(), has_token: false, latency: LATENCY };
    let (log, _guard) = crate::secrets::log_everything();
    for _ in 0..3 {
        client.call(&sync()).await.unwrap();
    }
    assert!(log.text().contains("waited_ms=9880"), "{}", log.text());
}
