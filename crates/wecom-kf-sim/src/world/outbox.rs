//! The callbacks of a corp on their way out: where they go, what they are made of, and those that wait for delivery.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::Url;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver, Sender};
use wecom_kf_callback::{Callback, Event, SettingsError};
use wecom_kf_text::trimmed;

use crate::platform::{PendingCallback, Platform};
use crate::world::World;
use crate::world::carrier::{Carrier, Wakers};
use crate::world::hosts::is_allowed;
use crate::world::journal::VERIFY_URL;
use crate::world::masking::Masking;
use crate::world::view::CallbackSettings;

/// At most this many callbacks wait. Further ones are lost, which WeCom does not exclude either.
const QUEUE: usize = 10_000;

/// Where callbacks go, and those that wait for delivery.
#[derive(Debug)]
pub(crate) struct Outbox {
    settings: Mutex<Settings>,
    /// The bots in this process.
    pub(crate) wakers: Wakers,
    queue: Sender<Job>,
    masking: Arc<Masking>,
    /// What delivery posts with: it makes the client with the first callback, because making one takes longer than
    /// starting a simulator may. `None` on a system where none can be made.
    pub(crate) client: OnceLock<Option<reqwest::Client>>,
}

#[derive(Clone, Debug, Default)]
struct Settings {
    url: Option<String>,
    keys: Option<Keys>,
    made: u64,
}

/// Where callbacks go, as an export has it.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedCallback {
    pub(crate) url: Option<String>,
    /// Token and `EncodingAESKey`.
    pub(crate) keys: Option<(String, String)>,
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
    pub(crate) carrier: Carrier,
    pub(crate) event: &'static str,
    pub(crate) open_kfid: Option<String>,
    /// The XML inside, masked, for the journal.
    pub(crate) shown: String,
}

/// A callback that a change of the platform caused. It becomes one or more jobs after the platform's lock is released.
pub(super) struct Draft {
    event: &'static str,
    open_kfid: String,
    /// Has the `Token`, so it is never shown.
    xml: String,
    /// How it is encrypted, if a URL is set.
    sealing: Option<Sealing>,
}

/// What a callback is encrypted with.
struct Sealing {
    url: String,
    keys: Keys,
    at: Duration,
    nonce: String,
    random: [u8; 16],
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

impl Outbox {
    /// Returns an outbox and the callbacks that leave it.
    pub(crate) fn new(masking: Arc<Masking>) -> (Self, Receiver<Job>) {
        let (queue, jobs) = mpsc::channel(QUEUE);
        (Self { settings: Mutex::default(), wakers: Wakers::default(), queue, masking, client: OnceLock::new() }, jobs)
    }

    pub(crate) fn url(&self) -> Option<String> {
        self.settings().url.clone()
    }

    pub(crate) fn keys(&self) -> Option<Keys> {
        self.settings().keys.clone()
    }

    /// Takes the callbacks that a change of the platform caused. There are none if nobody is to be told.
    pub(super) fn draft(&self, platform: &mut Platform, now: Duration) -> Vec<Draft> {
        let news = platform.take_pending_callbacks();
        if news.is_empty() {
            return Vec::new();
        }
        let mut settings = self.settings();
        let target = settings.url.clone().zip(settings.keys.clone());
        if target.is_none() && self.wakers.is_empty() {
            return Vec::new();
        }
        let drafts = news.iter().map(|news| {
            settings.made += 1;
            let mut draft = Draft::of(news, platform, now);
            draft.sealing = target.clone().map(|(url, keys)| {
                let (nonce, random) = nonce_and_random(platform, settings.made);
                Sealing { url, keys, at: now, nonce, random }
            });
            draft
        });
        drafts.collect()
    }

    /// Encrypts a callback and queues it.
    pub(super) fn queue(&self, draft: Draft) {
        if let Some(Sealing { url, keys, at, nonce, random }) = &draft.sealing {
            let sealed = keys.sealing.seal(&draft.xml, &at.as_secs().to_string(), nonce, *random);
            self.queue_job(draft.job(Carrier::Http { url: url.clone(), sealed: Arc::new(sealed) }, &self.masking));
        }
        if !self.wakers.is_empty() {
            let event = Event::parse(draft.xml.clone()).expect("the simulator writes XML");
            self.queue_job(draft.job(Carrier::InProcess(event), &self.masking));
        }
    }

    fn queue_job(&self, job: Job) {
        match self.queue.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => tracing::warn!("a callback is lost: {QUEUE} others wait"),
            Err(TrySendError::Closed(_)) => {}
        }
    }

    fn next_number(&self) -> u64 {
        let mut settings = self.settings();
        settings.made += 1;
        settings.made
    }

    fn set(&self, url: String, keys: Keys) {
        let mut settings = self.settings();
        settings.url = Some(url);
        settings.keys = Some(keys);
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    /// Sends callbacks to this URL from now on. A token or a key that is not given stays as it was, or follows from the
    /// seed.
    pub(crate) fn set_callback(
        &self,
        url: &str,
        token: Option<&str>,
        aes_key: Option<&str>,
    ) -> Result<(), CallbackError> {
        check_url(url, &self.setup.allowed_hosts)?;
        let known = self.outbox.keys();
        let [known_token, known_key] = match &known {
            Some(keys) => [Some(&*keys.token), Some(&*keys.aes_key)],
            None => [None, None],
        };
        let invented = |kind, length| self.read(|platform, _| platform.ids.named(kind, "", "", length));
        let given = |text: Option<&str>, kind, length| text.map_or_else(|| invented(kind, length), str::to_owned);
        let token = given(token.or(known_token), "callback token", 24);
        let aes_key = given(aes_key.or(known_key), "callback key", 43);
        self.outbox.set(url.to_owned(), Keys::new(&token, &aes_key, &self.corp_id)?);
        self.tell_callback();
        Ok(())
    }

    /// Sends no callbacks from now on.
    pub(crate) fn unset_callback(&self) {
        self.outbox.settings().url = None;
        self.tell_callback();
    }

    /// Returns the `CallbackSettings` of `control.yaml`.
    pub(crate) fn show_callback(&self) -> CallbackSettings {
        let has_keys = self.outbox.keys().is_some();
        CallbackSettings { url: self.outbox.url(), token_set: has_keys, aes_key_set: has_keys }
    }

    pub(crate) fn save_callback(&self) -> SavedCallback {
        let settings = self.outbox.settings();
        let keys = settings.keys.as_ref().map(|keys| (keys.token.clone(), keys.aes_key.clone()));
        SavedCallback { url: settings.url.clone(), keys, made: settings.made }
    }

    /// `keys` are those of `saved`.
    pub(crate) fn restore_callback(&self, saved: SavedCallback, keys: Option<Keys>) {
        *self.outbox.settings() = Settings { url: saved.url, keys, made: saved.made };
        self.tell_callback();
    }

    /// Makes a verification of the URL. Returns `None` if no URL is set.
    pub(crate) fn verification(&self) -> Option<Job> {
        let (url, keys) = (self.outbox.url()?, self.outbox.keys()?);
        let carrier = self.update(|platform, now| {
            let (nonce, random) = nonce_and_random(platform, self.outbox.next_number());
            let text = platform.ids.next_digits("echo", "", 19);
            let query = keys.sealing.seal_url(&text, &now.as_secs().to_string(), &nonce, random);
            Carrier::Verification { url, query, text }
        });
        Some(Job { carrier, event: VERIFY_URL, open_kfid: None, shown: String::new() })
    }

    fn tell_callback(&self) {
        self.hub.tell("callback", &self.show_callback());
    }
}

impl Draft {
    fn of(news: &PendingCallback, platform: &mut Platform, now: Duration) -> Self {
        let (event, open_kfid, members) = match news {
            PendingCallback::Message { open_kfid } => {
                let token = platform.sync_token(now);
                let account =
                    if platform.callbacks_name_account() { element("OpenKfId", open_kfid) } else { String::new() };
                ("kf_msg_or_event", open_kfid, format!("{}{account}", element("Token", &token)))
            }
            PendingCallback::Granted { open_kfid } => {
                ("kf_account_auth_change", open_kfid, auth_change("AuthAddOpenKfId", open_kfid))
            }
            PendingCallback::Withdrawn { open_kfid } => {
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
        Self { event, open_kfid: open_kfid.clone(), xml, sealing: None }
    }

    fn job(&self, carrier: Carrier, masking: &Masking) -> Job {
        let mut shown = self.xml.clone();
        masking.mask_text(&mut shown);
        Job { carrier, event: self.event, open_kfid: Some(self.open_kfid.clone()), shown }
    }
}

/// Checks that a callback stays on this machine: nobody may make the simulator send requests to others.
pub(crate) fn check_url(url: &str, allowed: &[String]) -> Result<(), CallbackError> {
    let refuse = |why: &str| Err(CallbackError::Url(format!("the callback's URL {why}")));
    let Ok(parsed) = Url::parse(url) else { return refuse("is no URL") };
    if parsed.scheme() != "http" {
        return refuse("must begin with http://: on this machine nothing else is needed");
    }
    if !parsed.username().is_empty() || parsed.password().is_some() || parsed.fragment().is_some() {
        return refuse("must have neither a user nor a fragment");
    }
    let host = parsed.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    if !is_allowed(host, allowed) {
        return refuse("must lead to this machine, or its host be allowed at start (--allow-host)");
    }
    Ok(())
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
