//! The settings of a bot, from the environment: which variables there are, and where a person finds their values.

use std::collections::BTreeMap;
use std::env::VarError;
use std::fmt;
use std::net::SocketAddr;

use wecom_kf_text::checked;

use crate::client::{Client, ClientBuilder, checked_base_url};
use crate::raw::limits::send_msg::OPEN_KFID_MAX_BYTES;
use crate::{Bilingual, Credentials, Error, Lang, OpenKfid};

/// What a bot needs to know, from the environment: one set of variables, which the simulator prints too.
///
/// | variable | |
/// |---|---|
/// | `WECOM_CORP_ID` | id of the corp, `ww…` |
/// | `WECOM_KF_SECRET` | secret of the app that is listed under 微信客服 › 可调用接口的应用 |
/// | `WECOM_KF_BASE_URL` | where the API is; [`defaults::BASE_URL`](crate::defaults::BASE_URL) unless set |
/// | `WECOM_KF_OPEN_KFID` | the account that the bot serves, `wk…` |
/// | `WECOM_KF_CALLBACK_TOKEN`, `WECOM_KF_CALLBACK_AES_KEY` | `Token` and `EncodingAESKey` of the callback's settings |
/// | `WECOM_KF_LISTEN` | where to wait for callbacks, such as `127.0.0.1:8080` |
///
/// White space and byte order marks around a value are removed. An empty value counts as not set, except for
/// `WECOM_KF_BASE_URL`, where it is an error. White space and invisible characters inside a value are an error, and so
/// are quotes around it ([`wecom_kf_text::checked`]).
///
/// A variable is checked when it is used. The error then names every variable that is invalid, those included that were
/// not asked for, and every one that is missing, with the place where its value is found. No error shows a value.
/// [`require`](Self::require) checks several variables at once. Only [`from_env`](Self::from_env) reads the environment.
///
/// Its Debug shows names only.
#[derive(Clone, Default)]
pub struct Settings(BTreeMap<Variable, Value>);

#[derive(Clone)]
enum Value {
    Text(String),
    NotUtf8,
}

/// A variable of the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Variable {
    /// `WECOM_CORP_ID`: the id of the corp.
    CorpId,
    /// `WECOM_KF_SECRET`: the secret of the app.
    Secret,
    /// `WECOM_KF_BASE_URL`: where the API is.
    BaseUrl,
    /// `WECOM_KF_OPEN_KFID`: the account to serve.
    OpenKfid,
    /// `WECOM_KF_CALLBACK_TOKEN`: the `Token` of the callback.
    CallbackToken,
    /// `WECOM_KF_CALLBACK_AES_KEY`: the `EncodingAESKey` of the callback.
    CallbackAesKey,
    /// `WECOM_KF_LISTEN`: the address to wait for callbacks at.
    Listen,
}

impl Variable {
    /// All of them.
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

    /// Its name in the environment.
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

    /// Where a person finds the value: for most, the place in WeCom's admin console.
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
                "admin console: 微信客服 › 通过API管理微信客服账号 has the accounts; account_list returns their ids",
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
                "an address of this machine, to which the URL under 应用管理 › the app › 接收消息 › 设置API接收 leads",
                "本机地址；管理后台「应用管理 › 该应用 › 接收消息 › 设置API接收」中的 URL 须指向它",
            ),
        };
        match lang {
            Lang::En => en,
            Lang::Zh => zh,
        }
    }
}

impl Settings {
    /// The variables of the environment.
    pub fn from_env() -> Self {
        let value = |variable: Variable| match std::env::var(variable.name()) {
            Ok(text) => Some((variable, Value::Text(text))),
            Err(VarError::NotUnicode(_)) => Some((variable, Value::NotUtf8)),
            Err(VarError::NotPresent) => None,
        };
        Self(Variable::ALL.into_iter().filter_map(value).collect())
    }

    /// Variables of another origin, such as a simulator's; other names are ignored.
    pub fn from_vars<N: AsRef<str>, V: Into<String>>(vars: impl IntoIterator<Item = (N, V)>) -> Self {
        let known = |name: &str| Variable::ALL.into_iter().find(|variable| variable.name() == name);
        let value = |(name, value): (N, V)| Some((known(name.as_ref())?, Value::Text(value.into())));
        Self(vars.into_iter().filter_map(value).collect())
    }

    /// Whether no variable is set: nobody said which corp to talk to.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the variable is set to something, valid or not.
    pub fn has(&self, variable: Variable) -> bool {
        !matches!(self.value(variable), Ok(None))
    }

    /// Checks that these variables are set and valid. A bot that calls it first learns of all mistakes at once.
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
    /// [`Error::Settings`] names each variable that is missing or invalid, and where its value is found.
    pub fn require(&self, variables: &[Variable]) -> Result<(), Error> {
        let is_fine = |variable: &Variable| matches!(self.value(*variable), Ok(Some(_)));
        if variables.iter().all(is_fine) {
            return Ok(());
        }
        // Half of the callback's variables is of no use to anybody.
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

    /// Corp and app.
    ///
    /// # Errors
    ///
    /// As [`require`](Self::require).
    pub fn credentials(&self) -> Result<Credentials, Error> {
        let [corp_id, secret] = self.required([Variable::CorpId, Variable::Secret])?;
        Ok(Credentials::new(corp_id, secret))
    }

    /// A client, as [`client_builder`](Self::client_builder) builds it.
    ///
    /// # Errors
    ///
    /// As [`client_builder`](Self::client_builder) and [`ClientBuilder::build`].
    pub fn client(&self) -> Result<Client, Error> {
        self.client_builder()?.build()
    }

    /// A builder of a client for this corp, at this base URL.
    ///
    /// # Errors
    ///
    /// As [`require`](Self::require); also if the base URL is set and invalid.
    pub fn client_builder(&self) -> Result<ClientBuilder, Error> {
        if self.0.contains_key(&Variable::BaseUrl) {
            let [corp_id, secret, base_url] = self.required([Variable::CorpId, Variable::Secret, Variable::BaseUrl])?;
            return Ok(Client::builder(Credentials::new(corp_id, secret)).base_url(base_url));
        }
        Ok(Client::builder(self.credentials()?))
    }

    /// The account to serve.
    ///
    /// # Errors
    ///
    /// As [`require`](Self::require).
    pub fn open_kfid(&self) -> Result<OpenKfid, Error> {
        let [open_kfid] = self.required([Variable::OpenKfid])?;
        Ok(open_kfid.into())
    }

    /// Whether callbacks are wanted: any of their three variables is set.
    pub fn wants_callbacks(&self) -> bool {
        Variable::CALLBACK.iter().any(|variable| self.0.contains_key(variable))
    }

    /// The callback's settings, for the corp as the receiver.
    ///
    /// # Errors
    ///
    /// As [`require`](Self::require).
    #[cfg(feature = "axum")]
    #[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
    pub fn callback(&self) -> Result<crate::callback::Callback, Error> {
        let [token, aes_key, corp_id] =
            self.required([Variable::CallbackToken, Variable::CallbackAesKey, Variable::CorpId])?;
        crate::callback::Callback::new(token, aes_key, corp_id)
            .map_err(|error| Error::settings(Bilingual::new(error.to_string(), error.zh())))
    }

    /// Where to wait for callbacks.
    ///
    /// # Errors
    ///
    /// As [`require`](Self::require).
    pub fn listen(&self) -> Result<SocketAddr, Error> {
        let [listen] = self.required([Variable::Listen])?;
        listen.parse().map_err(|_| Error::settings(no_address()))
    }

    /// The values of these variables, or an error that names all that is wrong.
    fn required<const N: usize>(&self, variables: [Variable; N]) -> Result<[String; N], Error> {
        self.require(&variables)?;
        Ok(variables.map(|variable| self.value(variable).ok().flatten().unwrap_or_default().to_owned()))
    }

    /// The value of a variable, trimmed; `None` if there is none.
    fn value(&self, variable: Variable) -> Result<Option<&str>, Bilingual> {
        let text = match self.0.get(&variable) {
            None => return Ok(None),
            Some(Value::NotUtf8) => return Err(Bilingual::new("not UTF-8", "不是 UTF-8 文本")),
            Some(Value::Text(text)) => text,
        };
        let text = checked(text).map_err(|flaw| Bilingual::new(flaw.to_string(), flaw.zh()))?;
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
    outcome.map_err(|error| Bilingual::new(error.to_string(), error.zh()))
}

/// A problem with a variable, with its name and the place where its value is found.
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
