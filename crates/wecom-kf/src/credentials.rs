//! The corp id and the secret with which a client fetches access tokens.

use wecom_kf_text::{checked, trimmed};

use crate::{Bilingual, CorpSecret};

/// The corp id and the secret of the app on whose behalf a client calls WeCom.
///
/// `Debug` hides the secret.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub(crate) corp_id: String,
    pub(crate) secret: CorpSecret,
}

impl Credentials {
    /// Takes the id of the corp (`ww…`) and the secret of an app listed under 微信客服 › 可调用接口的应用.
    ///
    /// White space and byte order marks around them are removed. [`ClientBuilder::build`](crate::ClientBuilder::build)
    /// refuses a value that is empty, contains white space or invisible characters, or is in quotes.
    pub fn new(corp_id: impl Into<String>, secret: impl Into<String>) -> Self {
        let (corp_id, secret) = (corp_id.into(), secret.into());
        Self { corp_id: trimmed(&corp_id).to_owned(), secret: CorpSecret::from(trimmed(&secret)) }
    }

    /// Lists the problems of both values.
    pub(crate) fn problems(&self) -> Vec<Bilingual> {
        let values = [
            (Bilingual::new("the corp id", "企业 ID"), self.corp_id.as_str()),
            (Bilingual::new("the secret", "secret"), self.secret.expose()),
        ];
        let problem = |text: &str| match checked(text) {
            Ok("") => Some(Bilingual::new("empty", "为空")),
            Ok(_) => None,
            Err(flaw) => Some(Bilingual::flaw(&flaw)),
        };
        values.iter().filter_map(|(what, text)| Some(problem(text)?.about(what))).collect()
    }

    /// Returns the id of the corp.
    pub fn corp_id(&self) -> &str {
        &self.corp_id
    }

    /// Returns the secret of the app.
    pub fn secret(&self) -> &CorpSecret {
        &self.secret
    }
}
