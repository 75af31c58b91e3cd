use std::fmt;

use reqwest::{ClientBuilder, StatusCode, redirect, retry};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::repair::mended;
use crate::types::ErrorModel;
use crate::{AccessToken, Client, Error, FromJson, Operation, Reply};

/// Builds the HTTP client of a [`Client`] from `settings`, such as a proxy or time-outs.
///
/// Whatever they say, no redirect is followed, no `Referer` is sent and nothing is repeated behind the caller's back:
/// the access token and the secret are in the query string, and redirects and referers hand it on.
///
/// # Errors
///
/// The TLS backend cannot be started, or a setting is not possible on this machine.
pub fn http_client(settings: ClientBuilder) -> Result<reqwest::Client, Error> {
    Ok(settings.redirect(redirect::Policy::none()).referer(false).retry(retry::never()).build()?)
}

/// Says nothing: the base URL may hold a password, and nobody checked it.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// A client of the API at `base_url`, such as `https://qyapi.weixin.qq.com`, without a slash at its end.
    ///
    /// `settings` go through [`http_client`]; none are needed: `Default::default()`.
    ///
    /// # Errors
    ///
    /// As [`http_client`].
    pub fn new(base_url: impl Into<String>, settings: ClientBuilder) -> Result<Self, Error> {
        Ok(Self { baseurl: base_url.into(), client: http_client(settings)? })
    }

    /// Sends `request` and decodes the reply.
    pub(crate) async fn exchange<T: FromJson>(&self, request: reqwest::Request) -> Result<T, Error> {
        let response = self.client.execute(request).await?;
        if response.status() != StatusCode::OK {
            // A response prints its URL and its headers, a Location with our query among them.
            return Err(Error::Status(response.status()));
        }
        T::decode(&response.bytes().await?)
    }

    /// Calls `operation`, which takes a JSON body, with a body and a reply of your own making.
    ///
    /// # Errors
    ///
    /// As every operation.
    pub async fn post<B: Serialize + Sync, T: FromJson>(
        &self,
        operation: Operation,
        access_token: &AccessToken,
        body: &B,
    ) -> Result<T, Error> {
        let url = format!("{}{}", self.baseurl, operation.path);
        let request = self.client.post(url).json(body).query(&[("access_token", access_token)]).build()?;
        self.exchange(request).await
    }
}

/// How generated replies decode: as they are, or else mended, so that an errmsg cut in the middle of a character does
/// not cost the errcode.
pub(crate) fn decode<T: Reply + DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    reply(body).or_else(|error| match mended(body) {
        Some(text) => reply(text.as_bytes()).map_err(|_| error),
        None => Err(error),
    })
}

fn reply<T: Reply + DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    object(body).or_else(|error| refusal_in(body).ok_or_else(|| Error::undecodable(body, &error)))
}

/// The refusal in a body that cannot be decoded otherwise. What came with it may have any shape: the errcode is what
/// counts.
#[doc(hidden)]
pub fn refusal_in<T: Reply>(body: &[u8]) -> Option<T> {
    let ErrorModel { errcode, errmsg } = object(body).ok()?;
    (errcode != 0).then(|| T::refusal(errcode, errmsg))
}

/// A struct also decodes from an array, and one whose fields are all optional from an empty one: not here.
fn object<T: DeserializeOwned>(body: &[u8]) -> serde_json::Result<T> {
    match body.trim_ascii_start().first() {
        Some(b'[') => {
            serde_json::from_slice::<Map<String, Value>>(body).and_then(|map| T::deserialize(Value::Object(map)))
        }
        _ => serde_json::from_slice(body),
    }
}
