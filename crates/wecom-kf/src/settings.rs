use std::collections::BTreeMap;
use std::env::VarError;
use std::fmt;
use std::net::SocketAddr;

use crate::client::{Client, ClientBuilder};
use crate::{Credentials, Error, OpenKfid};

/// What a bot needs to know, from the environment: one set of variables, which the simulator hands out too.
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
/// What is missing or cannot be right is an error when it is asked for, and the error says which. Nothing is read from the
/// environment but by [`from_env`](Self::from_env).
///
/// Its Debug shows names only.
#[derive(Clone, Default)]
pub struct Settings(BTreeMap<&'static str, Value>);

#[derive(Clone)]
enum Value {
    Text(String),
    NotUtf8,
}

const CORP_ID: &str = "WECOM_CORP_ID";
const SECRET: &str = "WECOM_KF_SECRET";
const BASE_URL: &str = "WECOM_KF_BASE_URL";
const OPEN_KFID: &str = "WECOM_KF_OPEN_KFID";
const CALLBACK_TOKEN: &str = "WECOM_KF_CALLBACK_TOKEN";
const CALLBACK_AES_KEY: &str = "WECOM_KF_CALLBACK_AES_KEY";
const LISTEN: &str = "WECOM_KF_LISTEN";
const ALL: [&str; 7] = [CORP_ID, SECRET, BASE_URL, OPEN_KFID, CALLBACK_TOKEN, CALLBACK_AES_KEY, LISTEN];

impl Settings {
    /// The variables of the environment.
    pub fn from_env() -> Self {
        let value = |name: &'static str| match std::env::var(name) {
            Ok(text) => Some((name, Value::Text(text))),
            Err(VarError::NotUnicode(_)) => Some((name, Value::NotUtf8)),
            Err(VarError::NotPresent) => None,
        };
        Self(ALL.into_iter().filter_map(value).collect())
    }

    /// Variables of another origin, such as a simulator's; names that are none of these are passed over.
    pub fn from_vars<N: AsRef<str>, V: Into<String>>(vars: impl IntoIterator<Item = (N, V)>) -> Self {
        let known = |name: &str| ALL.into_iter().find(|known| *known == name);
        let value = |(name, value): (N, V)| Some((known(name.as_ref())?, Value::Text(value.into())));
        Self(vars.into_iter().filter_map(value).collect())
    }

    /// Whether none of them is set: nobody said which corp to talk to.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Corp and app.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] names what is missing.
    pub fn credentials(&self) -> Result<Credentials, Error> {
        let [corp_id, secret] = self.required([CORP_ID, SECRET])?;
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
    /// [`Error::Settings`] names what is missing.
    pub fn client_builder(&self) -> Result<ClientBuilder, Error> {
        let builder = Client::builder(self.credentials()?);
        Ok(match self.0.get(BASE_URL) {
            // Set to nothing is a slip; going on with WeCom itself would be a surprise.
            Some(_) => builder.base_url(self.text(BASE_URL)?.unwrap_or_default()),
            None => builder,
        })
    }

    /// The account to serve.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`]: it is not set.
    pub fn open_kfid(&self) -> Result<OpenKfid, Error> {
        let [open_kfid] = self.required([OPEN_KFID])?;
        Ok(open_kfid.into())
    }

    /// Whether callbacks are wanted: any of their three variables is set.
    pub fn wants_callbacks(&self) -> bool {
        [CALLBACK_TOKEN, CALLBACK_AES_KEY, LISTEN].iter().any(|name| self.0.contains_key(name))
    }

    /// The callback's settings, for the corp as the receiver.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`]: one of them is missing or cannot be right. The error does not show it.
    #[cfg(feature = "axum")]
    #[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
    pub fn callback(&self) -> Result<crate::callback::Callback, Error> {
        let [token, aes_key, corp_id] = self.required([CALLBACK_TOKEN, CALLBACK_AES_KEY, CORP_ID])?;
        crate::callback::Callback::new(token, aes_key, corp_id)
            .map_err(|error| Error::settings(format!("{CALLBACK_TOKEN}, {CALLBACK_AES_KEY} or {CORP_ID}: {error}")))
    }

    /// Where to wait for callbacks.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`]: it is not set, or no address with a port.
    pub fn listen(&self) -> Result<SocketAddr, Error> {
        let [listen] = self.required([LISTEN])?;
        listen
            .parse()
            .map_err(|_| Error::settings(format!("{LISTEN} is no address with a port, such as 127.0.0.1:8080")))
    }

    /// Nothing is as good as not set.
    fn text(&self, name: &'static str) -> Result<Option<String>, Error> {
        match self.0.get(name) {
            Some(Value::Text(text)) if !text.is_empty() => Ok(Some(text.clone())),
            Some(Value::NotUtf8) => Err(Error::settings(format!("{name} in the environment is not UTF-8"))),
            _ => Ok(None),
        }
    }

    /// The error names each that is not there.
    fn required<const N: usize>(&self, names: [&'static str; N]) -> Result<[String; N], Error> {
        let mut missing = Vec::new();
        let mut values = [const { String::new() }; N];
        for (name, value) in names.into_iter().zip(&mut values) {
            match self.text(name)? {
                Some(text) => *value = text,
                None => missing.push(name),
            }
        }
        match missing.is_empty() {
            true => Ok(values),
            false => Err(Error::settings(format!("not set in the environment: {}", missing.join(" and ")))),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Settings")?;
        f.debug_list().entries(self.0.keys()).finish()
    }
}
