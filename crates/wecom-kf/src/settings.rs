//! The settings of a bot, read from the environment: the variables, their checks, and where people find their values.

use std::collections::BTreeMap;
use std::env::VarError;
use std::fmt;
use std::net::SocketAddr;

use wecom_kf_text::checked;

use crate::client::{Client, ClientBuilder, checked_base_url};
use crate::raw::limits::send_msg::OPEN_KFID_MAX_BYTES;
use crate::{Bilingual, Credentials, Error, Lang, OpenKfid, defaults};

/// The settings of a bot, read from environment variables. The simulator prints the same variables for its own corp.
///
/// | variable | |
/// |---|---|
/// | `WECOM_CORP_ID` | id of the corp, `ww…` |
/// | `WECOM_KF_SECRET` | secret of the app that is listed under 微信客服 › 可调用接口的应用 |
/// | `WECOM_KF_BASE_URL` | base URL of the API; by default [`defaults::BASE_URL`](crate::defaults::BASE_URL) |
/// | `WECOM_KF_OPEN_KFID` | the account that the bot serves, `wk…` |
/// | `WECOM_KF_CALLBACK_TOKEN`, `WECOM_KF_CALLBACK_AES_KEY` | `Token` and `EncodingAESKey` of the callback's settings |
/// | `WECOM_KF_LISTEN` | address to receive callbacks at, such as `127.0.0.1:8080` |
///
/// ```no_run
/// use wecom_kf::{Report, Settings};
///
/// # async fn example() -> Result<(), Report> {
/// let settings = Settings::from_env();
/// let client = settings.client()?;
/// let account = settings.open_kfid()?;
/// println!("{:?}", client.servicers().list(&account).await?);
/// # Ok(())
/// # }
/// ```
///
/// White space and byte order marks around a value are removed. An empty value counts as not set, except for
/// `WECOM_KF_BASE_URL`, where it is an error. White space and invisible characters inside a value are an error, and so
/// are quotes around it ([`wecom_kf_text::checked`]).
///
/// A variable is checked when it is first used. The error then lists every invalid variable, even those that the caller
/// did not ask for, and every missing one, each with the place where people find its value. No error shows a value.
/// [`require`](Self::require) checks several variables at once. Only [`from_env`](Self::from_env) reads the environment.
///
/// `Debug` shows only the names of the variables that are set.
#[derive(Clone, Default)]
pub struct Settings(BTreeMap<Variable, Value>);

#[derive(Clone)]
enum Value {
    Text(String),
    NotUtf8,
}

/// An environment variable that [`Settings`] knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Variable {
    /// `WECOM_CORP_ID`: the id of the corp.
    CorpId,
    /// `WECOM_KF_SECRET`: the secret of the app.
    Secret,
    /// `WECOM_KF_BASE_URL`: the base URL of the API.
    BaseUrl,
    /// `WECOM_KF_OPEN_KFID`: the account to serve.
    OpenKfid,
    /// `WECOM_KF_CALLBACK_TOKEN`: the `Token` of the callback.
    CallbackToken,
    /// `WECOM_KF_CALLBACK_AES_KEY`: the `EncodingAESKey` of the callback.
    CallbackAesKey,
    /// `WECOM_KF_LISTEN`: the address to receive callbacks at.
    Listen,
}

impl Variable {
    /// All variables.
    pub const ALL: [Self; 7] = [
        Self::CorpId,
        Self::Secret,
        Self::BaseUrl,
        Self::OpenKfid,
        Self::CallbackToken,
        Self::CallbackAesKey,
        Self::Listen,
    ];

    const CALLBACK: [Self; 3] = [Self::CallbackToken, Self::CallbackAesKey, Self::Listen];

    /// Returns the name of the variable in the environment.
    pub fn name(self) -> &'static str {
        match self {
            Self::CorpId => "WECOM_CORP_ID",
            Self::Secret => "WECOM_KF_SECRET",
            Self::BaseUrl => "WECOM_KF_BASE_URL",
            Self::OpenKfid => "WECOM_KF_OPEN_KFID",
            Self::CallbackToken => "WECOM_KF_CALLBACK_TOKEN",
            Self::CallbackAesKey => "WECOM_KF_CALLBACK_AES_KEY",
            Self::Listen => "WECOM_KF_LISTEN",
        }
    }

    /// Returns where people find the value. For most variables that is a page of WeCom's admin console.
    pub fn place(self, lang: Lang) -> &'static str {
        let (en, zh) = match self {
            Self::CorpId => ("admin console: 我的企业 › 企业信息 › 企业ID", "管理后台：我的企业 › 企业信息 › 企业ID"),
            Self::Secret => (
                "admin console: 微信客服 › 企业内部接入, or 应用管理 › the app listed under 可调用接口的应用 › Secret",
                "管理后台：微信客服 › 企业内部接入，或应用管理 › 列在「可调用接口的应用」中的应用 › Secret",
            ),
            Self::BaseUrl => (
                "leave it unset for WeCom itself, https://qyapi.weixin.qq.com",
                "直接连接企业微信（https://qyapi.weixin.qq.com）时无需设置",
            ),
            Self::OpenKfid => (
                "admin console: 微信客服 › 通过API管理微信客服账号 lists the accounts; account_list returns their ids",
                "账号见管理后台：微信客服 › 通过API管理微信客服账号；id 由接口 account_list 返回",
            ),
            Self::CallbackToken => (
                "admin console: 应用管理 › the app › 接收消息 › 设置API接收 › Token",
                "管理后台：应用管理 › 该应用 › 接收消息 › 设置API接收 › Token",
            ),
            Self::CallbackAesKey => (
                "admin console: 应用管理 › the app › 接收消息 › 设置API接收 › EncodingAESKey",
                "管理后台：应用管理 › 该应用 › 接收消息 › 设置API接收 › EncodingAESKey",
            ),
            Self::Listen => (
                "an address of this machine that the URL under 应用管理 › the app › 接收消息 › 设置API接收 leads to",
                "本机地址；管理后台「应用管理 › 该应用 › 接收消息 › 设置API接收」中的 URL 须指向它",
            ),
        };
        lang.pick(en, zh)
    }
}

impl Settings {
    /// Reads the variables from the environment. Nothing is checked yet.
    pub fn from_env() -> Self {
        let value = |variable: Variable| match std::env::var(variable.name()) {
            Ok(text) => Some((variable, Value::Text(text))),
            Err(VarError::NotUnicode(_)) => Some((variable, Value::NotUtf8)),
            Err(VarError::NotPresent) => None,
        };
        Self(Variable::ALL.into_iter().filter_map(value).collect())
    }

    /// Takes the variables from another source, such as a simulator. Unknown names are ignored.
    pub fn from_vars<N: AsRef<str>, V: Into<String>>(vars: impl IntoIterator<Item = (N, V)>) -> Self {
        let known = |name: &str| Variable::ALL.into_iter().find(|variable| variable.name() == name);
        let value = |(name, value): (N, V)| Some((known(name.as_ref())?, Value::Text(value.into())));
        Self(vars.into_iter().filter_map(value).collect())
    }

    /// Returns whether no variable is set at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether the variable has a value, valid or not.
    pub fn has(&self, variable: Variable) -> bool {
        !matches!(self.value(variable), Ok(None))
    }

    /// Returns what is wrong with the value of a variable. Returns `None` if the value is valid, or if there is none.
    ///
    /// A program that explains the settings one after another uses it; [`require`](Self::require) reports all of them.
    pub fn problem(&self, variable: Variable) -> Option<Bilingual> {
        self.value(variable).err()
    }

    /// Checks that these variables are set and valid. A bot that calls this first reports all mistakes at once.
    ///
    /// ```no_run
    /// use wecom_kf::{Report, Settings, Variable};
    ///
    /// # fn main() -> Result<(), Report> {
    /// let settings = Settings::from_env();
    /// settings.require(&[Variable::CorpId, Variable::Secret, Variable::OpenKfid])?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] lists each variable that is missing or invalid, and where people find its value.
    pub fn require(&self, variables: &[Variable]) -> Result<(), Error> {
        let is_fine = |variable: &Variable| matches!(self.value(*variable), Ok(Some(_)));
        if variables.iter().all(is_fine) {
            return Ok(());
        }
        // Callbacks need all three of their variables, so one of them makes the other two required.
        let is_wanted = |variable: Variable| {
            variables.contains(&variable) || (self.wants_callbacks() && Variable::CALLBACK.contains(&variable))
        };
        let problem = |variable| match self.value(variable) {
            Err(problem) => Some(problem),
            Ok(None) if is_wanted(variable) => Some(Bilingual::new("not set", "未设置")),
            Ok(_) => None,
        };
        let problems = Variable::ALL.into_iter().filter_map(|variable| Some(described(variable, &problem(variable)?)));
        Err(Error::Settings(problems.collect()))
    }

    /// Returns the id of the corp, for programs that have no secret, such as one that only receives callbacks.
    ///
    /// # Errors
    ///
    /// Those of [`require`](Self::require).
    pub fn corp_id(&self) -> Result<String, Error> {
        let [corp_id] = self.required([Variable::CorpId])?;
        Ok(corp_id)
    }

    /// Returns the corp id and the secret of the app.
    ///
    /// # Errors
    ///
    /// Those of [`require`](Self::require).
    pub fn credentials(&self) -> Result<Credentials, Error> {
        let [corp_id, secret] = self.required([Variable::CorpId, Variable::Secret])?;
        Ok(Credentials::new(corp_id, secret))
    }

    /// Builds a client with the defaults; [`client_builder`](Self::client_builder) lets you change them.
    ///
    /// # Errors
    ///
    /// Those of [`client_builder`](Self::client_builder) and [`ClientBuilder::build`].
    pub fn client(&self) -> Result<Client, Error> {
        self.client_builder()?.build()
    }

    /// Starts building a client for this corp and base URL.
    ///
    /// # Errors
    ///
    /// Those of [`require`](Self::require), also for a base URL that is set but invalid.
    pub fn client_builder(&self) -> Result<ClientBuilder, Error> {
        if self.0.contains_key(&Variable::BaseUrl) {
            let [corp_id, secret, base_url] = self.required([Variable::CorpId, Variable::Secret, Variable::BaseUrl])?;
            return Ok(Client::builder(Credentials::new(corp_id, secret)).base_url(base_url));
        }
        Ok(Client::builder(self.credentials()?))
    }

    /// Returns the base URL of the API, without a trailing slash: by default that of WeCom.
    ///
    /// # Errors
    ///
    /// Those of [`require`](Self::require).
    pub fn base_url(&self) -> Result<String, Error> {
        if !self.0.contains_key(&Variable::BaseUrl) {
            return Ok(defaults::BASE_URL.to_owned());
        }
        let [base_url] = self.required([Variable::BaseUrl])?;
        checked_base_url(&base_url).map_err(Error::settings)
    }

    /// Returns the account that the bot serves.
    ///
    /// # Errors
    ///
    /// Those of [`require`](Self::require).
    pub fn open_kfid(&self) -> Result<OpenKfid, Error> {
        let [open_kfid] = self.required([Variable::OpenKfid])?;
        Ok(open_kfid.into())
    }

    /// Returns whether the bot is meant to receive callbacks: at least one of the three variables for them is set.
    pub fn wants_callbacks(&self) -> bool {
        Variable::CALLBACK.iter().any(|variable| self.0.contains_key(variable))
    }

    /// Builds the receiver of callbacks, with the corp id as the expected receiver.
    ///
    /// # Errors
    ///
    /// Those of [`require`](Self::require).
    #[cfg(feature = "axum")]
    #[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
    pub fn callback(&self) -> Result<crate::callback::Callback, Error> {
        let [token, aes_key, corp_id] =
            self.required([Variable::CallbackToken, Variable::CallbackAesKey, Variable::CorpId])?;
        crate::callback::Callback::new(token, aes_key, corp_id)
            .map_err(|error| Error::settings(refused_setting(&error)))
    }

    /// Returns the address to receive callbacks at.
    ///
    /// # Errors
    ///
    /// Those of [`require`](Self::require).
    pub fn listen(&self) -> Result<SocketAddr, Error> {
        let [listen] = self.required([Variable::Listen])?;
        listen.parse().map_err(|_| Error::settings(no_address()))
    }

    /// Returns the values of these variables, or an error that lists all problems.
    fn required<const N: usize>(&self, variables: [Variable; N]) -> Result<[String; N], Error> {
        self.require(&variables)?;
        Ok(variables.map(|variable| self.value(variable).ok().flatten().unwrap_or_default().to_owned()))
    }

    /// Returns the trimmed and checked value of a variable; `None` if it is not set.
    fn value(&self, variable: Variable) -> Result<Option<&str>, Bilingual> {
        let text = match self.0.get(&variable) {
            None => return Ok(None),
            Some(Value::NotUtf8) => return Err(Bilingual::new("not UTF-8", "不是 UTF-8 文本")),
            Some(Value::Text(text)) => text,
        };
        let text = checked(text).map_err(|flaw| Bilingual::flaw(&flaw))?;
        match (variable, text) {
            // An empty value is probably a mistake; do not silently fall back to production.
            (Variable::BaseUrl, text) => checked_base_url(text).map(drop)?,
            (_, "") => return Ok(None),
            (Variable::Listen, text) if text.parse::<SocketAddr>().is_err() => return Err(no_address()),
            (Variable::OpenKfid, text) if text.len() > OPEN_KFID_MAX_BYTES => {
                return Err(Bilingual::new(
                    format!("longer than {OPEN_KFID_MAX_BYTES} bytes"),
                    format!("超过 {OPEN_KFID_MAX_BYTES} 字节"),
                ));
            }
            #[cfg(feature = "axum")]
            (Variable::CallbackToken, text) => callback_check(wecom_kf_callback::check_token(text))?,
            #[cfg(feature = "axum")]
            (Variable::CallbackAesKey, text) => callback_check(wecom_kf_callback::check_encoding_aes_key(text))?,
            _ => {}
        }
        Ok(Some(text))
    }
}

fn no_address() -> Bilingual {
    Bilingual::new("not an IP address with a port, such as 127.0.0.1:8080", "不是带端口的 IP 地址，例如 127.0.0.1:8080")
}

#[cfg(feature = "axum")]
fn callback_check(outcome: Result<(), wecom_kf_callback::SettingsError>) -> Result<(), Bilingual> {
    outcome.map_err(|error| refused_setting(&error))
}

#[cfg(feature = "axum")]
fn refused_setting(error: &wecom_kf_callback::SettingsError) -> Bilingual {
    Bilingual::new(error.to_string(), error.in_lang(Lang::Zh))
}

/// Adds to a problem the name of its variable and the place where people find the value.
fn described(variable: Variable, problem: &Bilingual) -> Bilingual {
    let name = variable.name();
    Bilingual::new(
        format!("{name}: {problem} ({})", variable.place(Lang::En)),
        format!("{name}：{}（{}）", problem.in_lang(Lang::Zh), variable.place(Lang::Zh)),
    )
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Settings")?;
        f.debug_list().entries(self.0.keys().map(|variable| variable.name())).finish()
    }
}
