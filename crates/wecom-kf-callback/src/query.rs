//! The query of a callback's URL: read once, as it stands there.

use std::fmt::Write as _;

use crate::{Error, Reason};

/// The longest query that is read. WeCom's has some 250 bytes.
pub const MAX_QUERY: usize = 8 * 1024;

/// Unix seconds have this many digits from 2001 to 2286.
const TIMESTAMP_DIGITS: usize = 10;

/// The query of a callback's URL.
///
/// ```
/// use wecom_kf_callback::Query;
///
/// let query = Query::parse("msg_signature=5c45&timestamp=1409659589&nonce=263014780&echostr=a+b%2Bc%3D")?;
/// assert_eq!(query.timestamp(), "1409659589");
/// assert_eq!(query.echostr(), Some("a+b+c="));
/// # Ok::<(), wecom_kf_callback::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    msg_signature: String,
    timestamp: String,
    nonce: String,
    echostr: Option<String>,
}

impl Query {
    /// Reads the query as it stands in the URL, behind the `?`.
    ///
    /// Take it from the URL, not from what a framework made of it: values are percent-decoded once, and a `+` stays a
    /// plus, where forms would have it be a space. Other parameters are yours and are skipped.
    ///
    /// # Errors
    ///
    /// One of `msg_signature`, `timestamp` and `nonce` is missing, one of them or `echostr` is there twice or is not
    /// percent-encoded UTF-8, `timestamp` is not ten digits, or the query is longer than [`MAX_QUERY`].
    pub fn parse(raw_query: &str) -> Result<Self, Error> {
        if raw_query.len() > MAX_QUERY {
            return Err(Reason::QueryTooLarge { bytes: raw_query.len() }.into());
        }
        let raw_query = raw_query.strip_prefix('?').unwrap_or(raw_query);
        let query = Self {
            msg_signature: required(raw_query, "msg_signature")?,
            timestamp: required(raw_query, "timestamp")?,
            nonce: required(raw_query, "nonce")?,
            echostr: optional(raw_query, "echostr")?,
        };
        query.check_forms()?;
        Ok(query)
    }

    /// `msg_signature`: 40 hexadecimal digits, if it is WeCom's.
    pub fn msg_signature(&self) -> &str {
        &self.msg_signature
    }

    /// `timestamp`: ten digits, Unix seconds.
    ///
    /// WeCom does not say how old it may be, and the signature does not fix where it ends: see
    /// [`Replays`](crate::Replays), which refuses old requests and recognises repeats.
    pub fn timestamp(&self) -> &str {
        &self.timestamp
    }

    /// `nonce`.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// `echostr`, decoded: only when WeCom verifies the URL.
    pub fn echostr(&self) -> Option<&str> {
        self.echostr.as_deref()
    }

    fn check_forms(&self) -> Result<(), Reason> {
        // The signature joins timestamp and nonce without a mark between them: only the length tells them apart.
        if self.timestamp.len() != TIMESTAMP_DIGITS || !self.timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Reason::ParameterMalformed { parameter: "timestamp", expected: "ten digits" });
        }
        Ok(())
    }
}

/// Writes a query, values percent-encoded.
pub(crate) fn write(parameters: &[(&str, &str)]) -> String {
    let mut query = String::new();
    for (name, value) in parameters {
        let separator = if query.is_empty() { "" } else { "&" };
        let _ = write!(query, "{separator}{name}=");
        escape(value, &mut query);
    }
    query
}

fn required(raw_query: &str, parameter: &'static str) -> Result<String, Reason> {
    optional(raw_query, parameter)?.ok_or(Reason::ParameterMissing { parameter })
}

fn optional(raw_query: &str, parameter: &'static str) -> Result<Option<String>, Reason> {
    let pairs = raw_query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut values = pairs.filter(|(name, _)| *name == parameter).map(|(_, value)| value);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Reason::ParameterRepeated { parameter });
    }
    let value = unescape(value).ok_or(Reason::ParameterMalformed { parameter, expected: "percent-encoded UTF-8" })?;
    Ok(Some(value))
}

fn unescape(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' { digit(bytes.next()?)? << 4 | digit(bytes.next()?)? } else { byte });
    }
    String::from_utf8(decoded).ok()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn escape(text: &str, query: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => query.push(byte.into()),
            _ => {
                let _ = write!(query, "%{byte:02X}");
            }
        }
    }
}
