use crate::CorpSecret;

/// The corp and the app on whose behalf a client calls.
///
/// Its Debug hides the secret.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub(crate) corp_id: String,
    pub(crate) secret: CorpSecret,
}

impl Credentials {
    /// `corp_id` is the id of the corp (`ww…`), `secret` that of an app listed under 微信客服 › 可调用接口的应用.
    ///
    /// Takes anything; [`ClientBuilder::build`](crate::ClientBuilder::build) refuses what is empty.
    pub fn new(corp_id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { corp_id: corp_id.into(), secret: CorpSecret::from(secret.into()) }
    }

    /// The corp's id.
    pub fn corp_id(&self) -> &str {
        &self.corp_id
    }

    /// The app's secret.
    pub fn secret(&self) -> &CorpSecret {
        &self.secret
    }
}
