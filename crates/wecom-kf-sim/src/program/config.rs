//! The settings: flags, and a TOML file.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use clap::ValueEnum;
use serde::Deserialize;
use serde_json::json;
use toml::Spanned;
use toml::de::DeTable;
use wecom_kf_raw::limits;
use wecom_kf_sim::{Builder, Corp as SimulatedCorp, FindingName, Simulator, Strictness};
use wecom_kf_text::checked;

use super::journal::JournalFile;
use super::options::Options;
use super::screen::Screen;

/// That of the control API.
const MAX_USERID_CHARS: usize = 64;

/// How the clock starts.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(try_from = "ClockValue")]
pub(super) enum ClockStart {
    /// It runs.
    #[default]
    Real,
    /// It stands still at the present time.
    Manual,
    /// It stands still at this Unix time.
    At(u64),
}

/// The clock as the file has it.
#[derive(Deserialize)]
#[serde(untagged)]
enum ClockValue {
    Unix(u64),
    Name(String),
}

impl TryFrom<ClockValue> for ClockStart {
    type Error = String;

    fn try_from(value: ClockValue) -> Result<Self, String> {
        match value {
            ClockValue::Unix(seconds) => Ok(Self::At(seconds)),
            ClockValue::Name(name) => name.parse(),
        }
    }
}

impl FromStr for ClockStart {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "real" => Ok(Self::Real),
            "manual" => Ok(Self::Manual),
            text => {
                let seconds = text.parse().map(Self::At);
                seconds.map_err(|_| "the clock must be real, manual, or a Unix time at which it stands".to_owned())
            }
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum StrictnessKind {
    /// Unknown fields are refused.
    #[default]
    Strict,
    /// Unknown fields are reported only.
    Lenient,
}

/// The file. Without `Debug`: there are secrets in it.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    pub(super) port: Option<u16>,
    listen: Option<IpAddr>,
    public_url: Option<String>,
    seed: Option<u64>,
    corp: Option<Corp>,
    #[serde(default)]
    accounts: Vec<String>,
    #[serde(default)]
    servicers: Vec<String>,
    callback: Option<Callback>,
    /// Instead of the four above.
    #[serde(default)]
    corps: Vec<CorpTable>,
    clock: Option<ClockStart>,
    strictness: Option<StrictnessKind>,
    #[serde(default)]
    disabled_assumptions: Vec<String>,
    #[serde(default)]
    allow_hosts: Vec<String>,
    #[serde(default)]
    allow: Vec<Spanned<String>>,
    #[serde(skip)]
    allow_by_flag: Vec<FindingName>,
    #[serde(skip)]
    journal: Option<JournalFile>,
    #[serde(default)]
    faults: Vec<toml::Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Corp {
    id: String,
    secret: String,
}

/// One corp of several.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CorpTable {
    id: Spanned<String>,
    secret: String,
    #[serde(default)]
    accounts: Vec<String>,
    #[serde(default)]
    servicers: Vec<String>,
    callback: Option<Callback>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Callback {
    url: String,
    token: Option<String>,
    aes_key: Option<String>,
}

/// What is wrong with a file, and where.
struct Fault {
    start: usize,
    text: String,
}

impl Config {
    /// The file, if one is named, and the flags over it.
    pub(super) fn read(options: Options) -> Result<Self, String> {
        let mut config = options.config.as_deref().map_or_else(|| Ok(Self::default()), Self::of_file)?;
        config.refuse_flags_of_one_corp(&options)?;
        config.port = options.port.or(config.port);
        config.listen = options.listen.or(config.listen);
        config.public_url = options.public_url.or(config.public_url);
        config.seed = options.seed.or(config.seed);
        if let (Some(id), Some(secret)) = (options.corp_id, options.secret) {
            config.corp = Some(Corp { id, secret });
        }
        if !options.accounts.is_empty() {
            config.accounts = options.accounts;
        }
        if !options.servicers.is_empty() {
            config.servicers = options.servicers;
        }
        if let Some(url) = options.callback {
            let file = config.callback.take();
            let (token, aes_key) = file.map(|callback| (callback.token, callback.aes_key)).unwrap_or_default();
            config.callback = Some(Callback { url, token, aes_key });
        }
        if let (Some(token), Some(aes_key)) = (options.callback_token, options.callback_aes_key) {
            let callback = config.callback.as_mut();
            let callback = callback.ok_or("--callback-token and --callback-aes-key need --callback")?;
            (callback.token, callback.aes_key) = (Some(token), Some(aes_key));
        }
        config.clock = options.clock.or(config.clock);
        config.strictness = options.strictness.or(config.strictness);
        config.disabled_assumptions.extend(options.disable_assumption);
        config.allow_hosts.extend(options.allow_host);
        config.allow_by_flag = options.allow;
        config.journal = options.journal;
        Ok(config)
    }

    /// Whom of several corps they would be about, nobody knows.
    fn refuse_flags_of_one_corp(&self, options: &Options) -> Result<(), String> {
        let flags = [
            ("--corp-id", options.corp_id.is_some()),
            ("--account", !options.accounts.is_empty()),
            ("--servicer", !options.servicers.is_empty()),
            ("--callback", options.callback.is_some()),
            ("--callback-token", options.callback_token.is_some()),
        ];
        match flags.into_iter().find(|(_, is_given)| *is_given) {
            Some((flag, _)) if !self.corps.is_empty() => {
                Err(format!("{flag} is for a simulator of one corp: here each table of [[corps]] in the file says it"))
            }
            _ => Ok(()),
        }
    }

    fn of_file(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let text = fs::read_to_string(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
        Self::parse(&text).map_err(|Fault { start, text: why }| {
            let line = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
            format!("{shown}, line {line}: {why}")
        })
    }

    fn parse(text: &str) -> Result<Self, Fault> {
        let config: Self = toml::from_str(text)?;
        config.check_corps(text)?;
        config.check_allowed()?;
        Ok(config)
    }

    /// Several corps stand in tables of their own, each with an id of its own.
    fn check_corps(&self, text: &str) -> Result<(), Fault> {
        if self.corps.is_empty() {
            return Ok(());
        }
        let table = DeTable::parse(text)?;
        let of_one_corp = |key: &str| matches!(key, "corp" | "accounts" | "servicers" | "callback");
        let misplaced = table.get_ref().keys().find(|key| of_one_corp(key.get_ref()));
        if let Some(key) = misplaced {
            let name = key.get_ref();
            let text =
                format!("`{name}` is for a simulator of one corp: beside [[corps]] it belongs into their tables");
            return Err(Fault { start: key.span().start, text });
        }
        let ids = || self.corps.iter().map(|corp| &corp.id);
        for (number, id) in ids().enumerate() {
            if ids().take(number).any(|other| other.get_ref() == id.get_ref()) {
                let text = format!("another corp has the id {} already: each needs one of its own", id.get_ref());
                return Err(Fault { start: id.span().start, text });
            }
        }
        Ok(())
    }

    fn check_allowed(&self) -> Result<(), Fault> {
        match self.allow.iter().find(|name| FindingName::from_name(name.get_ref()).is_none()) {
            None => Ok(()),
            Some(name) => {
                let known = FindingName::ALL.map(FindingName::as_str).join(", ");
                let text = format!("`allow` has no finding's name: they are {known}");
                Err(Fault { start: name.span().start, text })
            }
        }
    }

    /// The findings that are accepted.
    pub(super) fn allowed(&self) -> Vec<FindingName> {
        let of_file = self.allow.iter().filter_map(|name| FindingName::from_name(name.get_ref()));
        of_file.chain(self.allow_by_flag.iter().copied()).collect()
    }

    /// What the file's faults are as a script of the control API.
    pub(super) fn faults(&self) -> Option<serde_json::Value> {
        let faults = serde_json::to_value(&self.faults).ok()?;
        (!self.faults.is_empty()).then(|| json!({ "script": faults }))
    }

    /// What the simulator is started with. `base_url` is set once it has started. Without a screen calls are not shown.
    pub(super) fn builder(
        &self,
        screen: Option<&Arc<Screen>>,
        port: u16,
        base_url: Arc<OnceLock<String>>,
    ) -> Result<Builder, String> {
        let (screen_of_calls, screen) = (screen.cloned(), screen.cloned());
        let mut builder = Simulator::builder().port(port);
        let (of_calls, of_callbacks) = (self.journal.clone(), self.journal.clone());
        builder = builder.on_call(move |call| {
            of_calls.iter().for_each(|journal| journal.call(call, base_url.get().map_or("", String::as_str)));
            screen_of_calls.iter().for_each(|screen| screen.show(&json!(call), &call.corp_id));
        });
        builder = builder.on_callback(move |delivery| {
            of_callbacks.iter().for_each(|journal| journal.callback(delivery));
            screen.iter().for_each(|screen| screen.show(&json!(delivery), &delivery.corp_id));
        });
        builder = self.listen.into_iter().fold(builder, Builder::listen);
        builder = self.seed.into_iter().fold(builder, Builder::seed);
        builder = self.allow_hosts.iter().fold(builder, Builder::allow_host);
        if let Some(url) = &self.public_url {
            builder = builder.public_url(pasted("the public URL", url)?).map_err(|error| error.to_string())?;
        }
        builder = match self.clock.unwrap_or_default() {
            ClockStart::Real => builder,
            ClockStart::Manual => builder.manual_clock(),
            ClockStart::At(seconds) => builder.manual_clock_from(Duration::from_secs(seconds)),
        };
        builder = builder.strictness(match self.strictness.unwrap_or_default() {
            StrictnessKind::Strict => Strictness::Strict,
            StrictnessKind::Lenient => Strictness::Lenient,
        });
        for id in &self.disabled_assumptions {
            builder =
                builder.disable_assumption(id).map_err(|error| format!("{error}: see `wecom-kf-sim assumptions`"))?;
        }
        self.with_corps(builder)
    }

    fn with_corps(&self, builder: Builder) -> Result<Builder, String> {
        let Some((first, others)) = self.corps.split_first() else {
            let corp = self.corp.as_ref().map(|corp| known_corp(&corp.id, &corp.secret));
            let corp = corp.transpose()?.unwrap_or_default();
            return Ok(builder.first(with_people(corp, &self.accounts, &self.servicers, self.callback.as_ref())?));
        };
        let builder = builder.first(first.corp()?);
        others.iter().try_fold(builder, |builder, other| Ok(builder.another(other.corp()?)))
    }
}

impl CorpTable {
    fn corp(&self) -> Result<SimulatedCorp, String> {
        let corp = known_corp(self.id.get_ref(), &self.secret);
        let corp = corp.and_then(|corp| with_people(corp, &self.accounts, &self.servicers, self.callback.as_ref()));
        corp.map_err(|error| format!("corp {}: {error}", self.id.get_ref()))
    }
}

/// The value of `--listen`.
pub(super) fn address(text: &str) -> Result<IpAddr, String> {
    pasted("the address", text)?.parse().map_err(|_| "not an IP address, such as 127.0.0.1".to_owned())
}

/// A value as it is once what copying adds around it is removed.
fn pasted<'a>(what: &str, text: &'a str) -> Result<&'a str, String> {
    checked(text).map_err(|flaw| format!("{what}: {flaw}"))
}

/// Both stand in URLs and are pasted into shells.
fn known_corp(id: &str, secret: &str) -> Result<SimulatedCorp, String> {
    let (id, secret) = (pasted("the corp id", id)?, pasted("the secret", secret)?);
    let is_plain =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    match (is_plain(id), is_plain(secret)) {
        (true, true) => Ok(SimulatedCorp::new(id, secret)),
        (false, _) => Err("a corp id has letters, digits, `-` and `_`, and at least one of them".to_owned()),
        (_, false) => Err("a secret has letters, digits, `-` and `_`, and at least one of them".to_owned()),
    }
}

/// The rule of the control API, and for accounts of account/add.
fn check_name(whose: &str, name: &str, max_chars: usize) -> Result<(), String> {
    if name.trim().is_empty() || name.chars().count() > max_chars {
        return Err(format!("the name of {whose} has 1 to {max_chars} characters, and not only blanks"));
    }
    Ok(())
}

fn with_people(
    corp: SimulatedCorp,
    accounts: &[String],
    servicers: &[String],
    callback: Option<&Callback>,
) -> Result<SimulatedCorp, String> {
    accounts.iter().try_for_each(|name| check_name("an account", name, limits::account_add::NAME_MAX_CHARS))?;
    servicers.iter().try_for_each(|userid| check_name("a servicer", userid, MAX_USERID_CHARS))?;
    let corp = accounts.iter().fold(corp, SimulatedCorp::account);
    let corp = servicers.iter().fold(corp, SimulatedCorp::servicer);
    match callback {
        None => Ok(corp),
        // Token and key are checked where the callback is set.
        Some(Callback { url, token: Some(token), aes_key: Some(key) }) => {
            Ok(corp.callback(pasted("the URL of the callback", url)?, token, key))
        }
        Some(Callback { url, token: None, aes_key: None }) => {
            Ok(corp.callback_url(pasted("the URL of the callback", url)?))
        }
        Some(_) => Err("the callback needs both `token` and `aes_key`, or neither".to_owned()),
    }
}

impl From<toml::de::Error> for Fault {
    /// Its whole text shows the line, which may have a secret: the place is enough, and what kind of thing is there.
    fn from(error: toml::de::Error) -> Self {
        let (start, message) = (error.span().map_or(0, |span| span.start), error.message());
        // A text that stands where something else should is quoted.
        let quoted = message.find('"').zip(message.rfind('"')).filter(|(first, last)| first < last);
        let text = match quoted {
            Some((first, last)) => format!("{}{}", message[..first].trim_end(), &message[last + 1..]),
            None => message.to_owned(),
        };
        Self { start, text }
    }
}
