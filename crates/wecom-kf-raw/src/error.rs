//! The error of a call without a usable reply. It contains no URL, token, secret or body.

use std::fmt;
use std::io;

use reqwest::StatusCode;

/// The reason why a call has no usable reply. It never contains or prints a URL, a token, a secret or a body.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The base URL is invalid. The text says why.
    #[error("the base URL {0}")]
    BaseUrl(&'static str),
    /// The request could not be built, so nothing was sent. The text says why.
    #[error("the request cannot be built: {0}")]
    InvalidRequest(&'static str),
    /// The reply did not arrive, or was incomplete.
    #[error("no reply")]
    Transport(#[source] TransportError),
    /// The file to upload could not be read, so nothing was sent.
    #[error("the file to upload could not be read")]
    Unreadable(#[source] io::Error),
    /// The HTTP status is not 200. WeCom also refuses calls with 200, so the reply came from a proxy in between, or the base
    /// URL is not WeCom's.
    #[error("HTTP status {}", .0.as_u16())]
    Status(StatusCode),
    /// The reply is longer than the limit, and was not read to its end.
    #[error("the reply is longer than the limit of {limit} bytes")]
    #[non_exhaustive]
    TooLong {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The body is not a JSON object of the expected shape.
    #[error(
        "the reply is {kind} ({length} bytes), not what the API documents: {problem} at line {line} column {column}"
    )]
    Undecodable {
        /// What the body looks like.
        kind: BodyKind,
        /// The length of the body in bytes.
        length: usize,
        /// The problem: `bad syntax`, `a wrong type` or `an early end`.
        problem: &'static str,
        /// The line of the problem.
        line: usize,
        /// The column of the problem.
        column: usize,
    },
}

/// The kind of a body that cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BodyKind {
    /// The body is empty.
    Empty,
    /// An HTML or XML page, which proxies and gateways send.
    Html,
    /// JSON of an unexpected shape.
    Json,
    /// Anything else, including incomplete JSON.
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
    /// The `problem` of an incomplete body.
    pub const BROKE_OFF: &str = "an early end";

    /// Creates the error for a reply that is longer than `limit` bytes.
    pub fn too_long(limit: u64) -> Self {
        Self::TooLong { limit }
    }

    /// Creates the error for a `body` that cannot be decoded. It contains the kind and the position of the problem, but not
    /// serde's message, which quotes the body and might reveal a token or a customer's text.
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

/// The error of the HTTP client without the URL, whose query contains the token or the secret.
pub struct TransportError(reqwest::Error);

impl TransportError {
    fn new(error: reqwest::Error) -> Self {
        Self(error.without_url())
    }

    /// Returns whether no connection could be established, so that the request was certainly not sent.
    pub fn is_connect(&self) -> bool {
        self.0.is_connect()
    }

    /// Returns whether a time-out of the HTTP client expired.
    pub fn is_timeout(&self) -> bool {
        self.0.is_timeout()
    }

    /// Returns whether the request could not be built, so that it was certainly not sent.
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
