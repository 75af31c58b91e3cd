//! The query of a callback's URL. It is parsed from the raw query, because frameworks decode it differently.

use std::fmt::Write as _;

use crate::{Error, Reason};

/// The size limit of a query in bytes. WeCom's queries have about 250 bytes.
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
    /// Parses the raw query of the URL, which is the part behind the `?`.
    ///
    /// Do not pass a query that a framework has decoded. Values are percent-decoded once, and a `+` stays a plus; many
    /// frameworks turn it into a space. Other parameters are ignored.
    ///
    /// # Errors
    ///
    /// `msg_signature`, `timestamp` or `nonce` is missing; one of them or `echostr` occurs more than once or is not
    /// percent-encoded UTF-8; `timestamp` is not ten digits; or the query is longer than [`MAX_QUERY`].
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

    /// Returns `msg_signature`: 40 hexadecimal digits, if the request is from WeCom.
    pub fn msg_signature(&self) -> &str {
        &self.msg_signature
    }

    /// Returns `timestamp`: Unix seconds in ten digits.
    ///
    /// WeCom does not document how old it may be. [`Replays`](crate::Replays) refuses old requests and detects repeats.
    pub fn timestamp(&self) -> &str {
        &self.timestamp
    }

    /// Returns `nonce`.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// Returns the decoded `echostr`. It is only present when WeCom verifies the URL.
    pub fn echostr(&self) -> Option<&str> {
        self.echostr.as_deref()
    }

    fn check_forms(&self) -> Result<(), Reason> {
        // The signature covers timestamp and nonce without a separator. Only a fixed length of the timestamp prevents an
        // attacker from moving digits from one to the other.
        if self.timestamp.len() != TIMESTAMP_DIGITS || !self.timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Reason::ParameterMalformed { parameter: "timestamp", expected: "ten digits" });
        }
        Ok(())
    }
}

/// Writes a query and percent-encodes its values.
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
