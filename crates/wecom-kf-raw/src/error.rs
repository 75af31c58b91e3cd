//! The error of a call without a usable reply. It contains no token, secret or body, and the URL is
//! removed from errors of reqwest.

use std::fmt;
use std::io;

use reqwest::StatusCode;

use crate::Lang;

/// The reason why a call has no usable reply. It never contains or prints a URL, a token, a secret or a body.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.in_lang(Lang::En))]
#[non_exhaustive]
pub enum Error {
    /// The base URL is invalid. The text says why.
    BaseUrl(&'static str),
    /// The request could not be built, so nothing was sent. The text says why.
    InvalidRequest(&'static str),
    /// The reply did not arrive, or was incomplete.
    Transport(#[source] TransportError),
    /// The file to upload could not be read, so nothing was sent.
    Unreadable(#[source] io::Error),
    /// The HTTP status is not 200. WeCom also refuses calls with 200, so the reply came from a proxy in between, or the base
    /// URL is not WeCom's.
    Status(StatusCode),
    /// The reply is longer than the limit, and was not read to its end.
    #[non_exhaustive]
    TooLong {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The body is not a JSON object of the expected shape.
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

impl BodyKind {
    fn in_lang(self, lang: Lang) -> &'static str {
        let (en, zh) = match self {
            Self::Empty => ("empty", "空"),
            Self::Html => ("an HTML page", "HTML 页面"),
            Self::Json => ("other JSON", "其他 JSON"),
            Self::Other => ("not JSON", "非 JSON"),
        };
        lang.pick(en, zh)
    }
}

impl fmt::Display for BodyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.in_lang(Lang::En))
    }
}

impl Error {
    /// The `problem` of an incomplete body.
    pub const BROKE_OFF: &str = "an early end";

    /// Describes the error in one language, without its source. In English it is the text of `Display`.
    pub fn in_lang(&self, lang: Lang) -> String {
        match (self, lang) {
            (Self::BaseUrl(why), Lang::En) => format!("the base URL {why}"),
            (Self::BaseUrl(_), Lang::Zh) => "base URL 无效".to_owned(),
            (Self::InvalidRequest(why), Lang::En) => format!("the request cannot be built: {why}"),
            (Self::InvalidRequest(_), Lang::Zh) => "无法构造请求".to_owned(),
            (Self::Transport(_), Lang::En) => "no reply".to_owned(),
            (Self::Transport(_), Lang::Zh) => "没有应答".to_owned(),
            (Self::Unreadable(_), Lang::En) => "the file to upload could not be read".to_owned(),
            (Self::Unreadable(_), Lang::Zh) => "无法读取要上传的文件".to_owned(),
            (Self::Status(status), Lang::En) => format!("HTTP status {}", status.as_u16()),
            (Self::Status(status), Lang::Zh) => format!("HTTP 状态码 {}", status.as_u16()),
            (Self::TooLong { limit }, Lang::En) => format!("the reply is longer than the limit of {limit} bytes"),
            (Self::TooLong { limit }, Lang::Zh) => format!("应答超过上限 {limit} 字节"),
            (Self::Undecodable { kind, length, problem, line, column }, Lang::En) => format!(
                "the reply is {kind} ({length} bytes), not what the API documents: {problem} at line {line} column {column}"
            ),
            (Self::Undecodable { kind, length, line, column, .. }, Lang::Zh) => {
                let kind = kind.in_lang(lang);
                format!("应答不是接口文档所述的内容（{kind}，{length} 字节），问题在第 {line} 行第 {column} 列")
            }
        }
    }

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

impl TransportError {
    /// Describes the error in one language, without its source. In English it is the text of `Display`, the words of the
    /// HTTP client.
    pub fn in_lang(&self, lang: Lang) -> String {
        match lang {
            Lang::En => self.to_string(),
            Lang::Zh if self.is_timeout() => "超时".to_owned(),
            Lang::Zh if self.is_connect() => "无法建立连接".to_owned(),
            Lang::Zh if self.is_builder() => "无法构造请求".to_owned(),
            Lang::Zh => "连接中断".to_owned(),
        }
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

#[cfg(test)]
mod tests {
    use std::error::Error as StdError;

    use super::*;

    /// Returns one error of each variant. The match below does not compile until it lists a new variant.
    fn samples() -> Vec<Error> {
        let request = reqwest::Client::new().get("http://127.0.0.1/?corpsecret=CANARY").header("\n", "CANARY");
        let undecodable = serde_json::from_slice::<u8>(b"[\"CANARY\"]").unwrap_err();
        let samples = vec![
            Error::BaseUrl("has a query"),
            Error::InvalidRequest("a path parameter is missing"),
            Error::from(request.build().unwrap_err()),
            Error::Unreadable(io::Error::from_raw_os_error(2)),
            Error::Status(StatusCode::BAD_GATEWAY),
            Error::too_long(7),
            Error::undecodable(b"[\"CANARY\"]", &undecodable),
        ];
        for sample in &samples {
            match sample {
                Error::BaseUrl(_)
                | Error::InvalidRequest(_)
                | Error::Transport(_)
                | Error::Unreadable(_)
                | Error::Status(_)
                | Error::TooLong { .. }
                | Error::Undecodable { .. } => {}
            }
        }
        samples
    }

    #[test]
    fn display_does_not_repeat_the_source_and_shows_no_secret() {
        for error in samples() {
            let mut level: &dyn StdError = &error;
            while let Some(source) = level.source() {
                assert!(!level.to_string().contains(&source.to_string()), "{level}: {source}");
                level = source;
            }
            let shown = format!("{error} {error:?} {}", error.in_lang(Lang::Zh));
            assert!(!shown.contains("CANARY"), "{shown}");
        }
    }

    #[test]
    fn texts_in_both_languages() {
        let lines = |lang| samples().iter().map(|error| error.in_lang(lang) + "\n").collect::<String>();
        let en = "\
the base URL has a query
the request cannot be built: a path parameter is missing
no reply
the file to upload could not be read
HTTP status 502
the reply is longer than the limit of 7 bytes
the reply is other JSON (10 bytes), not what the API documents: a wrong type at line 1 column 0
";
        let zh = "\
base URL 无效
无法构造请求
没有应答
无法读取要上传的文件
HTTP 状态码 502
应答超过上限 7 字节
应答不是接口文档所述的内容（其他 JSON，10 字节），问题在第 1 行第 0 列
";
        assert_eq!((lines(Lang::En), lines(Lang::Zh)), (en.to_owned(), zh.to_owned()));
    }
}
