//! Sends a request once, and decodes its reply.

use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::{Request, Response, StatusCode};
use serde::de::{DeserializeOwned, Error as _};
use serde_json::{Map, Value};

use crate::repair::repaired_body;
use crate::types::ErrorModel;
use crate::{Client, Error, FromJson, Reply};

impl Client {
    /// Sends `request` and decodes the reply.
    pub(crate) async fn exchange<T: FromJson>(&self, request: Request) -> Result<T, Error> {
        T::decode(&self.fetch(request).await?)
    }

    /// Sends `request` and collects the body of the reply.
    ///
    /// It is not generic, so that it is compiled once for all operations. Its future is boxed, because otherwise the future
    /// of each caller would contain a copy of its state.
    fn fetch(&self, mut request: Request) -> Pin<Box<dyn Future<Output = Result<Bytes, Error>> + Send + '_>> {
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        if self.timeout.is_some() && request.timeout().is_none() {
            *request.timeout_mut() = self.timeout;
        }
        Box::pin(async move {
            let response = self.http.execute(request).await?;
            if response.status() != StatusCode::OK {
                // Only the status is kept: the response would print its URL and its headers, and a `Location` may contain
                // our query.
                return Err(Error::Status(response.status()));
            }
            body_of(response, self.reply_limit).await
        })
    }
}

/// The default size limit of a JSON reply, in bytes. WeCom's longest reply, a page of 1,000 messages of 2 KiB with some JSON
/// around each, has about 4 MiB.
pub const REPLY_LIMIT: usize = 32 * 1024 * 1024;

/// Collects a body chunk by chunk. Fails as soon as it has, or announces, more than `limit` bytes.
async fn body_of(mut response: Response, limit: usize) -> Result<Bytes, Error> {
    let too_long = || Error::TooLong { limit: limit as u64 };
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(too_long());
    }
    // Most replies arrive in one chunk, which is returned without a copy.
    let first = response.chunk().await?.unwrap_or_default();
    let Some(second) = response.chunk().await? else {
        return if first.len() <= limit { Ok(first) } else { Err(too_long()) };
    };
    let mut body = BytesMut::from(first);
    let mut next = Some(second);
    while let Some(chunk) = next {
        body.extend_from_slice(&chunk);
        if body.len() > limit {
            return Err(too_long());
        }
        next = response.chunk().await?;
    }
    Ok(body.freeze())
}

/// Decodes the reply of a generated operation. If that fails, the body is repaired and decoded again, so that an errmsg
/// that was cut in the middle of a character does not hide the errcode.
pub(crate) fn decode<T: Reply + DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    reply(body).or_else(|error| match repaired_body(body) {
        Some(text) => reply(text.as_bytes()).map_err(|_| error),
        None => Err(error),
    })
}

fn reply<T: Reply + DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    object(body).or_else(|error| refusal_in(body).ok_or_else(|| Error::undecodable(body, &error)))
}

/// Returns the refusal in a body that cannot be decoded as a reply, if its errcode is not 0. The other members may have any
/// shape.
#[doc(hidden)]
pub fn refusal_in<T: Reply>(body: &[u8]) -> Option<T> {
    let ErrorModel { errcode, errmsg, .. } = error_in(body).ok()?;
    (errcode != 0).then(|| T::refusal(errcode, errmsg))
}

/// Decodes the errcode and the errmsg of a body.
pub(crate) fn error_in(body: &[u8]) -> serde_json::Result<ErrorModel> {
    object(body)
}

/// Decodes a struct from a JSON object only. serde would also accept an array, even an empty one if all fields are optional.
fn object<T: DeserializeOwned>(body: &[u8]) -> serde_json::Result<T> {
    match body.trim_ascii_start().first() {
        Some(b'[') => Err(match serde_json::from_slice::<Map<String, Value>>(body) {
            Ok(_) => serde_json::Error::custom("a list is not an object"),
            Err(error) => error,
        }),
        _ => serde_json::from_slice(body),
    }
}
