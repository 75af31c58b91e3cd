//! Why a call has no reply, without any URL, token, secret or body.

use std::fmt;
use std::io;

use reqwest::StatusCode;

/// Why there is no reply. It holds and prints no URL, no token, no secret and no body.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The base URL cannot be used. The text says what is wrong with it.
    #[error("the base URL {0}")]
    BaseUrl(&'static str),
    /// The request could not be built, so nothing was sent. The text says why.
    #[error("the request cannot be built: {0}")]
    InvalidRequest(&'static str),
    /// The reply did not arrive, or not whole.
    #[error("no reply")]
    Transport(#[source] TransportError),
    /// The file to be sent could not be read, so nothing was sent.
    #[error("the file to be sent could not be read")]
    Unreadable(#[source] io::Error),
    /// An HTTP status other than 200. WeCom itself refuses with 200, so this came from something in between, or the
    /// base URL is not WeCom's.
    #[error("HTTP status {}", .0.as_u16())]
    Status(StatusCode),
    /// The reply is longer than the limit, and was not read to its end.
    #[error("the reply has more than {limit} bytes, the limit")]
    #[non_exhaustive]
    TooLong {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The body is not the JSON object it should be.
    #[error(
        "the reply is {kind} ({length} bytes), not what the API documents: {problem} at line {line} column {column}"
    )]
    Undecodable {
        /// What the body looks like.
        kind: BodyKind,
        /// Its length in bytes.
        length: usize,
        /// What is wrong: `bad syntax`, `a wrong type`, `an early end`.
        problem: &'static str,
        /// Where, by line.
        line: usize,
        /// Where, by column.
        column: usize,
    },
}

/// What a body that cannot be decoded looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BodyKind {
    /// Nothing at all.
    Empty,
    /// An HTML or XML page, as proxies and gateways send.
    Html,
    /// JSON of another shape.
    Json,
    /// Anything else, JSON that breaks off included.
    Other,
}

impl fmt::Display for BodyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty",
            Self::Html => "an HTML page",
            Self::Json => "other JSON",
            Self::Other => "not JSON",
        })
    }
}

impl Error {
    /// The `problem` of a body that broke off.
    pub const BROKE_OFF: &str = "an early end";

    /// That a reply is longer than `limit` bytes.
    pub fn too_long(limit: u64) -> Self {
        Self::TooLong { limit }
    }

    /// That `body` cannot be decoded. serde's own message quotes what it met, which may be a token or a customer's
    /// words; kind and place say enough.
    pub fn undecodable(body: &[u8], error: &serde_json::Error) -> Self {
        use serde_json::error::Category;
        let (problem, is_json) = match error.classify() {
            Category::Data => ("a wrong type", true),
            Category::Eof => (Self::BROKE_OFF, false),
            Category::Syntax | Category::Io => ("bad syntax", false),
        };
        let kind = match body.trim_ascii().first() {
            None => BodyKind::Empty,
            Some(b'<') => BodyKind::Html,
            Some(_) if is_json => BodyKind::Json,
            Some(_) => BodyKind::Other,
        };
        Self::Undecodable { kind, length: body.len(), problem, line: error.line(), column: error.column() }
    }
}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        Self::Transport(TransportError::new(error))
    }
}

/// What the HTTP client says, without the URL: token and secret are in its query.
pub struct TransportError(reqwest::Error);

impl TransportError {
    fn new(error: reqwest::Error) -> Self {
        Self(error.without_url())
    }

    /// No connection came about, so the request surely did not leave.
    pub fn is_connect(&self) -> bool {
        self.0.is_connect()
    }

    /// The time-out of the HTTP client passed.
    pub fn is_timeout(&self) -> bool {
        self.0.is_timeout()
    }

    /// The request could not even be made, so it surely did not leave.
    pub fn is_builder(&self) -> bool {
        self.0.is_builder()
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for TransportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}
