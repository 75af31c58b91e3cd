//! The other side of a bot's callback: makes, signs, encrypts and delivers [91144].

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use wecom_kf_callback::{Callback, Event, SettingsError};
use wecom_kf_text::trimmed;

use crate::platform::{News, Platform};
use crate::world::carrier::{Carrier, Wakers};
use crate::world::fault::Effect;
use crate::world::finding::Proof;
use crate::world::journal::{Delivery, Row, VERIFY_URL, mask_text};
use crate::world::shared::Shared;

/// WeCom waits so long for an answer, and tries so often [91144].
const PATIENCE: Duration = Duration::from_secs(5);
const ATTEMPTS: u8 = 3;
/// unverified: how long it waits between the attempts is not documented.
const PAUSE: Duration = Duration::from_millis(200);
/// When the URL is saved it waits 1 second [91144].
const VERIFY_PATIENCE: Duration = Duration::from_secs(1);
/// A reordered callback waits so long for the one that is to overtake it.
const OVERTAKING: Duration = Duration::from_secs(2);
/// So many callbacks wait at most; more are lost, as nobody promises that none is.
const QUEUE: usize = 10_000;
/// So many are under way at most.
const UNDER_WAY: usize = 64;
const SHOWN_ANSWER_CHARS: usize = 1_000;

/// Where callbacks go, and those that wait.
#[derive(Debug)]
pub(crate) struct Callbacks {
    settings: Mutex<Settings>,
    /// The bots in this process.
    pub(crate) wakers: Wakers,
    queue: Sender<Job>,
    http: OnceLock<Option<reqwest::Client>>,
}

#[derive(Clone, Debug, Default)]
struct Settings {
    url: Option<String>,
    keys: Option<Keys>,
    made: u64,
}

/// What bot and platform share.
#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) token: String,
    pub(crate) aes_key: String,
    sealing: Callback,
}

/// A callback that is to be delivered.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    carrier: Carrier,
    event: &'static str,
    open_kfid: Option<String>,
    /// The XML inside, masked, for the journal.
    shown: String,
}

/// A callback cannot be set so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallbackError {
    /// The URL is none, or not of this machine.
    #[error("{0}")]
    Url(String),
    /// Token or `EncodingAESKey` have another form than they must have.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

impl Keys {
    pub(crate) fn new(token: &str, aes_key: &str, corp_id: &str) -> Result<Self, SettingsError> {
        let sealing = Callback::new(token, aes_key, corp_id)?;
        Ok(Self { token: trimmed(token).to_owned(), aes_key: trimmed(aes_key).to_owned(), sealing })
    }
}

// Neither token nor key.
impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

impl Callbacks {
    pub(crate) fn new() -> (Self, Receiver<Job>) {
        let (queue, jobs) = mpsc::channel(QUEUE);
        (Self { settings: Mutex::default(), wakers: Wakers::default(), queue, http: OnceLock::new() }, jobs)
    }

    pub(crate) fn set(&self, url: String, keys: Keys) {
        let mut settings = self.settings();
        settings.url = Some(url);
        settings.keys = Some(keys);
    }

    pub(crate) fn unset(&self) {
        self.settings().url = None;
    }

    pub(crate) fn url(&self) -> Option<String> {
        self.settings().url.clone()
    }

    pub(crate) fn keys(&self) -> Option<Keys> {
        self.settings().keys.clone()
    }

    /// Makes the callbacks that are due, and queues them.
    pub(crate) fn announce(&self, platform: &mut Platform, now: Duration) {
        let news = platform.take_news();
        if news.is_empty() {
            return;
        }
        let mut settings = self.settings();
        let target = settings.url.clone().zip(settings.keys.clone());
        if target.is_none() && self.wakers.is_empty() {
            return;
        }
        for news in news {
            settings.made += 1;
            let made = Made::of(&news, platform, now);
            if let Some((url, keys)) = &target {
                let (nonce, random) = nonce_and_random(platform, settings.made);
                let sealed = keys.sealing.seal(&made.xml, &now.as_secs().to_string(), &nonce, random);
                self.queue(made.job(Carrier::Http { url: url.clone(), sealed: Arc::new(sealed) }));
            }
            if !self.wakers.is_empty() {
                let event = Event::parse(made.xml.clone()).expect("the simulator writes XML");
                self.queue(made.job(Carrier::InProcess(event)));
            }
        }
    }

    fn queue(&self, job: Job) {
        match self.queue.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => tracing::warn!("a callback is lost: {QUEUE} others wait"),
            Err(TrySendError::Closed(_)) => {}
        }
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Made with the first callback: that takes longer than starting a simulator may. None on a system where it cannot
    /// be made.
    fn http(&self) -> Option<&reqwest::Client> {
        let made = self.http.get_or_init(|| {
            // The bot is on this machine, whatever proxy the environment names.
            let client = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build();
            client.inspect_err(|error| tracing::error!(%error, "no callback can be sent")).ok()
        });
        made.as_ref()
    }
}

/// A callback before it is known how it reaches the bot.
struct Made {
    event: &'static str,
    open_kfid: String,
    /// Has the `Token`, so it is never shown.
    xml: String,
    /// The same, masked.
    shown: String,
}

impl Made {
    fn of(news: &News, platform: &mut Platform, now: Duration) -> Self {
        let (event, open_kfid, members) = match news {
            News::Message { open_kfid } => {
                let token = platform.sync_token(now);
                let account =
                    if platform.callbacks_name_account() { element("OpenKfId", open_kfid) } else { String::new() };
                ("kf_msg_or_event", open_kfid, format!("{}{account}", element("Token", &token)))
            }
            News::Granted { open_kfid } => {
                ("kf_account_auth_change", open_kfid, auth_change("AuthAddOpenKfId", open_kfid))
            }
            News::Withdrawn { open_kfid } => {
                ("kf_account_auth_change", open_kfid, auth_change("AuthDelOpenKfId", open_kfid))
            }
        };
        let xml = format!(
            "<xml>{}<CreateTime>{}</CreateTime>{}{}{members}</xml>",
            element("ToUserName", &platform.corp_id),
            now.as_secs(),
            element("MsgType", "event"),
            element("Event", event),
        );
        let mut shown = xml.clone();
        mask_text(&mut shown, &platform.secrets().collect::<Vec<_>>());
        Self { event, open_kfid: open_kfid.clone(), xml, shown }
    }

    fn job(&self, carrier: Carrier) -> Job {
        Job { carrier, event: self.event, open_kfid: Some(self.open_kfid.clone()), shown: self.shown.clone() }
    }
}

fn auth_change(name: &str, open_kfid: &str) -> String {
    format!("{}{}", element("FromUserName", "sys"), element(name, open_kfid))
}

fn element(name: &str, text: &str) -> String {
    // CDATA cannot hold its own end.
    let text = text.replace("]]>", "]]]]><![CDATA[>");
    format!("<{name}><![CDATA[{text}]]></{name}>")
}

fn nonce_and_random(platform: &mut Platform, number: u64) -> (String, [u8; 16]) {
    let nonce = platform.ids.next_digits("callback nonce", "", 10);
    let text = platform.ids.named("callback random", &number.to_string(), "", 16);
    let mut random = [0; 16];
    random.iter_mut().zip(text.bytes()).for_each(|(random, byte)| *random = byte);
    (nonce, random)
}

/// Delivers what comes, until it is dropped.
pub(crate) async fn deliver_all(shared: Arc<Shared>, mut jobs: Receiver<Job>) {
    let mut under_way = JoinSet::new();
    while let Some(job) = jobs.recv().await {
        let fault = shared.faults.hit_callback();
        if fault == Some(Effect::Reordered) {
            // The next one goes first, whatever fault hits it.
            if let Ok(Some(next)) = timeout(OVERTAKING, jobs.recv()).await {
                // Overtaken is what arrives later.
                deliver(shared.clone(), next, shared.faults.hit_callback()).await;
            }
        }
        start(&mut under_way, &shared, job, fault).await;
    }
}

async fn start(under_way: &mut JoinSet<()>, shared: &Arc<Shared>, job: Job, fault: Option<Effect>) {
    if fault.is_some() {
        shared.tell_faults();
    }
    while under_way.try_join_next().is_some() {}
    if under_way.len() == UNDER_WAY {
        under_way.join_next().await;
    }
    under_way.spawn(deliver(shared.clone(), job, fault));
}

async fn deliver(shared: Arc<Shared>, job: Job, fault: Option<Effect>) {
    let shown = fault.as_ref().map(Effect::to_string);
    match fault {
        Some(Effect::Lost) => {
            let begun = shared.begin();
            let lost =
                Outcome { begun, status: 0, answer: String::new(), problem: Problem::Lost, took: Duration::ZERO };
            record(&shared, &job, 1, shown, lost);
            return;
        }
        Some(Effect::Late(by)) => sleep(by).await,
        Some(Effect::Duplicated) => try_thrice(&shared, &job, shown.clone()).await,
        _ => {}
    }
    try_thrice(&shared, &job, shown).await;
}

async fn try_thrice(shared: &Shared, job: &Job, fault: Option<String>) {
    for attempt in 1..=ATTEMPTS {
        if attempt > 1 {
            sleep(PAUSE).await;
        }
        let outcome = carry(shared, job).await;
        let is_done = outcome.problem == Problem::None;
        record(shared, job, attempt, fault.clone(), outcome);
        if is_done {
            return;
        }
    }
}

/// Delivers the callback of a row once more. Gives the new row.
pub(crate) async fn repeat(shared: &Shared, delivery: &Delivery) -> Option<Arc<Row>> {
    let carrier = match delivery.carrier.clone()? {
        Carrier::Http { sealed, .. } => Carrier::Http { url: shared.callbacks.url()?, sealed },
        in_process @ Carrier::InProcess(_) => in_process,
    };
    let (open_kfid, shown) = (delivery.open_kfid.clone(), delivery.request.clone());
    let job = Job { carrier, event: delivery.event, open_kfid, shown };
    let outcome = carry(shared, &job).await;
    Some(record(shared, &job, 1, None, outcome))
}

/// Verifies the URL as WeCom does when the settings are saved. Gives the row; None if no URL is set.
pub(crate) async fn verify(shared: &Shared) -> Option<Arc<Row>> {
    let (url, keys) = (shared.callbacks.url()?, shared.callbacks.keys()?);
    let (text, query) = {
        let (mut platform, now) = shared.platform();
        let number = {
            let mut settings = shared.callbacks.settings();
            settings.made += 1;
            settings.made
        };
        let (nonce, random) = nonce_and_random(&mut platform, number);
        let text = platform.ids.next_digits("echo", "", 19);
        let query = keys.sealing.seal_url(&text, &now.as_secs().to_string(), &nonce, random);
        (text, query)
    };
    let request = shared.callbacks.http().map(|http| http.get(with_query(&url, &query)));
    let mut outcome = exchange(shared.begin(), request, VERIFY_PATIENCE).await;
    if outcome.problem == Problem::None && outcome.answer != text {
        outcome.problem = Problem::WrongEcho(explain_echo(&outcome.answer, &text));
    }
    let carrier = Carrier::Http { url, sealed: Arc::new(keys.sealing.seal("", "0", "0", [0; 16])) };
    let job = Job { carrier, event: VERIFY_URL, open_kfid: None, shown: String::new() };
    Some(record(shared, &job, 1, None, outcome))
}

fn explain_echo(answer: &str, text: &str) -> &'static str {
    if answer.trim() == text {
        "the answer has white space or a line end around the text: answer the decrypted echostr alone"
    } else if answer.trim_matches('"') == text {
        "the answer has quotes around the text: answer the decrypted echostr alone, not as JSON"
    } else {
        "the answer is not the decrypted echostr: see whether token and key are those of the simulator"
    }
}

/// What came of an attempt.
struct Outcome {
    /// Its place among all that began.
    begun: u64,
    status: u16,
    answer: String,
    problem: Problem,
    took: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    None,
    Lost,
    Status(u16),
    Slow(Duration),
    NoConnection,
    WrongEcho(&'static str),
}

impl Problem {
    fn text(&self) -> Option<String> {
        Some(match self {
            Self::None => return None,
            Self::Lost => "lost by a fault".to_owned(),
            // Any status but 200 is a failure [91144].
            Self::Status(status) => format!("status {status}, only 200 counts"),
            Self::Slow(patience) => format!("no answer within {} s", patience.as_secs()),
            Self::NoConnection => {
                "no connection, or none that lasted until the answer: is the bot listening there?".to_owned()
            }
            Self::WrongEcho(why) => (*why).to_owned(),
        })
    }
}

/// Brings a callback to the bot, once.
async fn carry(shared: &Shared, job: &Job) -> Outcome {
    match &job.carrier {
        Carrier::Http { url, sealed } => {
            let url = with_query(url, &sealed.query);
            let request = shared.callbacks.http().map(|http| http.post(url).header(CONTENT_TYPE, "text/xml"));
            let request = request.map(|request| request.body(sealed.body.clone()));
            exchange(shared.begin(), request, PATIENCE).await
        }
        Carrier::InProcess(event) => {
            let begun = shared.begin();
            shared.callbacks.wakers.wake(event);
            Outcome { begun, status: 200, answer: String::new(), problem: Problem::None, took: Duration::ZERO }
        }
    }
}

async fn exchange(begun: u64, request: Option<reqwest::RequestBuilder>, patience: Duration) -> Outcome {
    let started = Instant::now();
    let Some(request) = request else {
        let problem = Problem::NoConnection;
        return Outcome { begun, status: 0, answer: String::new(), problem, took: Duration::ZERO };
    };
    let answered = timeout(patience, async {
        let mut response = request.send().await?;
        let status = response.status().as_u16();
        let mut answer = Vec::new();
        // No more than is shown: what a bot answers is of no use.
        while answer.len() < 4 * SHOWN_ANSWER_CHARS
            && let Some(chunk) = response.chunk().await?
        {
            answer.extend_from_slice(&chunk);
        }
        Ok::<_, reqwest::Error>((status, answer))
    });
    let answered = answered.await;
    let took = started.elapsed();
    match answered {
        Err(_) => Outcome { begun, status: 0, answer: String::new(), problem: Problem::Slow(patience), took },
        Ok(Err(_)) => Outcome { begun, status: 0, answer: String::new(), problem: Problem::NoConnection, took },
        Ok(Ok((status, answer))) => {
            let problem = if status == 200 { Problem::None } else { Problem::Status(status) };
            let answer = String::from_utf8_lossy(&answer).chars().take(SHOWN_ANSWER_CHARS).collect();
            Outcome { begun, status, answer, problem, took }
        }
    }
}

fn with_query(url: &str, query: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{query}")
}

fn record(shared: &Shared, job: &Job, attempt: u8, fault: Option<String>, outcome: Outcome) -> Arc<Row> {
    let problem = outcome.problem.text();
    let slow = match outcome.problem {
        Problem::Slow(patience) => {
            let (event, seconds) = (job.event, patience.as_secs());
            // A URL is verified once.
            let [en, zh] = if event == VERIFY_URL {
                Default::default()
            } else {
                [format!(", attempt {attempt} of {ATTEMPTS}"), format!("（第 {attempt} 次，共 {ATTEMPTS} 次）")]
            };
            let en = format!("{event}: no answer within {seconds} s{en}");
            Some(Proof::new(en, format!("{event}：{seconds} 秒内没有应答{zh}")))
        }
        _ => None,
    };
    let reading = shared.clock.read();
    let took = if reading.pace == crate::world::clock::Pace::Manual { Duration::ZERO } else { outcome.took };
    let (mut answer, mut url) = (outcome.answer, job.carrier.place().to_owned());
    let keys = shared.callbacks.keys();
    let keys: Vec<_> = keys.iter().flat_map(|keys| [keys.token.as_str(), keys.aes_key.as_str()]).collect();
    let mut mask_both = |secrets: &[&str]| {
        mask_text(&mut answer, secrets);
        mask_text(&mut url, secrets);
    };
    shared.hide(&mut mask_both);
    mask_both(&keys);
    let delivery = Delivery {
        number: 0,
        begun: outcome.begun,
        corp_id: shared.corp_id.clone(),
        event: job.event,
        url,
        at: reading.now.saturating_sub(took).as_secs(),
        took,
        attempt,
        status: outcome.status,
        problem,
        fault,
        open_kfid: job.open_kfid.clone(),
        request: job.shown.clone(),
        answer,
        findings: Vec::new(),
        carrier: (job.event != VERIFY_URL).then(|| job.carrier.clone()),
    };
    shared.record_delivery(delivery, slow)
}
