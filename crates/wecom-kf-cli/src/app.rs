//! What every command gets: the options, the output, the settings and the client.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use wecom_kf::{Client, Lang, OpenKfid, Settings, Variable, reader_lang};

use crate::args::Options;
use crate::failure::Failure;
use crate::out::Out;
use crate::profile;

/// The program while a command runs.
pub(crate) struct App {
    pub(crate) options: Options,
    pub(crate) out: Out,
    /// The variables, once they are read: the command of a profile that prints a secret may ask a person for a password.
    variables: OnceLock<BTreeMap<String, String>>,
}

impl App {
    pub(crate) fn new(options: Options) -> Self {
        let lang = options.lang.map_or_else(reader_lang, Lang::from);
        show_log(options.verbose);
        let out = Out::new(lang, options.json, options.quiet);
        Self { options, out, variables: OnceLock::new() }
    }

    pub(crate) fn lang(&self) -> Lang {
        self.out.lang()
    }

    /// Returns the settings: those of the profile if there is one, otherwise those of the environment. Flags replace
    /// single values.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        Ok(Settings::from_vars(self.variables()?))
    }

    /// Returns the variables that the settings are made of, and that of the store.
    pub(crate) fn variables(&self) -> Result<&BTreeMap<String, String>, Failure> {
        if let Some(variables) = self.variables.get() {
            return Ok(variables);
        }
        let variables = self.read_variables()?;
        Ok(self.variables.get_or_init(|| variables))
    }

    fn read_variables(&self) -> Result<BTreeMap<String, String>, Failure> {
        let mut vars = profile::variables(self.options.profile.as_deref())?;
        let mut set = |variable: Variable, value: Option<String>| {
            if let Some(value) = value {
                vars.insert(variable.name().to_owned(), value);
            }
        };
        set(Variable::CorpId, self.options.corp_id.clone());
        set(Variable::BaseUrl, self.options.base_url.clone());
        set(Variable::OpenKfid, self.options.account.clone());
        set(Variable::Secret, self.options.secret_file.as_deref().map(profile::private_file).transpose()?);
        if let Some(store) = &self.options.store {
            vars.insert(profile::STORE.to_owned(), store.clone());
        }
        Ok(vars)
    }

    pub(crate) fn client(&self) -> Result<Client, Failure> {
        Ok(self.settings()?.client()?)
    }

    /// Returns the account to work on: `--account`, or that of the settings.
    pub(crate) fn account(&self) -> Result<OpenKfid, Failure> {
        Ok(self.settings()?.open_kfid()?)
    }
}

/// Shows what our crates log. Their events hold no secrets and no texts of customers; those of other crates might.
fn show_log(verbose: u8) {
    use tracing_subscriber::filter::{LevelFilter, Targets};
    use tracing_subscriber::prelude::*;
    let level = match verbose {
        0 => return,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    let ours = Targets::new().with_target("wecom_kf", level);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    tracing_subscriber::registry().with(lines.with_filter(ours)).init();
}
