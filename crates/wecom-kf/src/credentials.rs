use std::env;

use crate::{CorpSecret, Error};

/// The corp and the app on whose behalf a client calls.
///
/// Its Debug hides the secret.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub(crate) corp_id: String,
    pub(crate) secret: CorpSecret,
}

pub(crate) const CORP_ID: &str = "WECOM_CORP_ID";
pub(crate) const SECRET: &str = "WECOM_KF_SECRET";
pub(crate) const BASE_URL: &str = "WECOM_KF_BASE_URL";

impl Credentials {
    /// `corp_id` is the id of the corp (`ww…`), `secret` that of an app listed under 微信客服 › 可调用接口的应用.
    ///
    /// Takes anything; [`ClientBuilder::build`](crate::ClientBuilder::build) refuses what is empty.
    pub fn new(corp_id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { corp_id: corp_id.into(), secret: CorpSecret::from(secret.into()) }
    }

    /// Reads `WECOM_CORP_ID` and `WECOM_KF_SECRET`.
    ///
    /// # Errors
    ///
    /// One of them or both are missing or empty: [`Error::Settings`] names which.
    pub fn from_env() -> Result<Self, Error> {
        let [corp_id, secret] = required([CORP_ID, SECRET])?;
        Ok(Self::new(corp_id, secret))
    }
}

/// Environment variables that must all be set; the error names each that is not.
pub(crate) fn required<const N: usize>(names: [&'static str; N]) -> Result<[String; N], Error> {
    let mut missing = Vec::new();
    let mut values = [const { String::new() }; N];
    for (name, value) in names.into_iter().zip(&mut values) {
        match variable(name)? {
            Some(set) => *value = set,
            None => missing.push(name),
        }
    }
    match missing.is_empty() {
        true => Ok(values),
        false => Err(Error::settings(format!("not set in the environment: {}", missing.join(" and ")))),
    }
}

/// An environment variable; empty counts as not set.
pub(crate) fn variable(name: &'static str) -> Result<Option<String>, Error> {
    match env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(Error::settings(format!("{name} in the environment is not UTF-8"))),
    }
}
