//! The settings: flags, and a TOML file.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use clap::ValueEnum;
use serde::Deserialize;
use wecom_kf_sim::{Builder, Simulator, Strictness};

use super::Options;
use super::terminal::Terminal;

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum ClockKind {
    /// It runs.
    #[default]
    Real,
    /// It stands still but for steps.
    Manual,
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

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    pub(super) port: Option<u16>,
    listen: Option<IpAddr>,
    seed: Option<u64>,
    corp: Option<Corp>,
    #[serde(default)]
    accounts: Vec<String>,
    #[serde(default)]
    servicers: Vec<String>,
    callback: Option<Callback>,
    clock: Option<ClockKind>,
    strictness: Option<StrictnessKind>,
    #[serde(default)]
    doubt: Vec<String>,
    #[serde(default)]
    allow_hosts: Vec<String>,
    #[serde(default)]
    faults: Vec<toml::Table>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Corp {
    id: String,
    secret: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Callback {
    url: String,
    token: Option<String>,
    aes_key: Option<String>,
}

impl Config {
    /// The file, if one is named, and the flags over it.
    pub(super) fn read(options: Options) -> Result<Self, String> {
        let mut config = options.config.as_deref().map_or_else(|| Ok(Self::default()), Self::of_file)?;
        config.port = options.port.or(config.port);
        config.listen = options.listen.or(config.listen);
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
        config.doubt.extend(options.doubt);
        config.allow_hosts.extend(options.allow_host);
        Ok(config)
    }

    fn of_file(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let text = fs::read_to_string(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
        // Its message shows the line, which may have a secret: the place is enough.
        toml::from_str(&text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
            format!("{shown}, line {line}: {}", error.message())
        })
    }

    /// What the file's faults are as a script of the control API.
    pub(super) fn faults(&self) -> Option<serde_json::Value> {
        let faults = serde_json::to_value(&self.faults).ok()?;
        (!self.faults.is_empty()).then(|| serde_json::json!({ "script": faults }))
    }

    pub(super) fn builder(&self, terminal: Terminal, port: u16) -> Result<Builder, String> {
        let mut builder = Simulator::builder().port(port);
        builder = builder.on_call(move |call| terminal.say(&super::terminal::call(call)));
        builder = builder.on_callback(move |delivery| terminal.say(&super::terminal::delivery(delivery)));
        builder = self.listen.into_iter().fold(builder, Builder::listen);
        builder = self.seed.into_iter().fold(builder, Builder::seed);
        builder = self.corp.iter().fold(builder, |builder, corp| builder.corp(&corp.id, &corp.secret));
        builder = self.accounts.iter().fold(builder, Builder::account);
        builder = self.servicers.iter().fold(builder, Builder::servicer);
        builder = self.allow_hosts.iter().fold(builder, Builder::allow_host);
        builder = match self.clock.unwrap_or_default() {
            ClockKind::Real => builder,
            ClockKind::Manual => builder.manual_clock(),
        };
        builder = builder.strictness(match self.strictness.unwrap_or_default() {
            StrictnessKind::Strict => Strictness::Strict,
            StrictnessKind::Lenient => Strictness::Lenient,
        });
        for id in &self.doubt {
            builder = builder.doubt(id).map_err(|error| format!("{error}: see `wecom-kf-sim beliefs`"))?;
        }
        match &self.callback {
            None => Ok(builder),
            Some(Callback { url, token: Some(token), aes_key: Some(key) }) => Ok(builder.callback(url, token, key)),
            Some(Callback { url, token: None, aes_key: None }) => Ok(builder.callback_url(url)),
            Some(_) => Err("the callback needs both `token` and `aes_key`, or neither".to_owned()),
        }
    }
}
