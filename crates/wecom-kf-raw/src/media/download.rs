//! The reply of `media_get`: decides whether a response is a file or a refusal, and streams the bytes of a file.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use reqwest::header::{ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName};
use reqwest::{Response, StatusCode};

use wecom_kf_text::{MAX_OUTSIDE, safe_file_name, shortened};

use crate::Error;
use crate::exchange::refusal_in;
use crate::repair::repaired_body;
use crate::request::Reply;

/// The length limit of a refusal, in bytes. A refusal contains a code, a message, a hint, an address and a link, which
/// together are shorter.
const LONGEST_REFUSAL: usize = 16 * 1024;

/// The default size limit of a download, in bytes. Files that were uploaded through the API have at most 20 MiB. Files from
/// customers may be larger; WeCom does not document their limit.
pub const DOWNLOAD_LIMIT: u64 = 1024 * 1024 * 1024;

/// A range of bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Range {
    /// The first byte.
    pub first: u64,
    /// The last byte, inclusive. `None` means the end of the file.
    pub last: Option<u64>,
}

impl fmt::Display for Range {
    /// Formats the value of the header `Range`. WeCom's table of headers omits the "=", but its sample has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last {
            Some(last) => write!(f, "bytes={}-{last}", self.first),
            None => write!(f, "bytes={}-", self.first),
        }
    }
}

/// The reply of `media_get`: a file or a refusal.
#[derive(Debug, Default)]
pub struct MediaGetResponse {
    /// 0 means success.
    pub errcode: i64,
    /// WeCom's message for people: do not match on it.
    pub errmsg: String,
    /// The file, unless it was refused.
    pub file: Option<Download>,
}

impl Reply for MediaGetResponse {
    fn errcode(&self) -> i64 {
        self.errcode
    }

    fn errmsg(&self) -> &str {
        &self.errmsg
    }

    fn refusal(errcode: i64, errmsg: String) -> Self {
        Self { errcode, errmsg, file: None }
    }
}

impl MediaGetResponse {
    /// Decides whether a response is a file or a refusal. Both have status 200, and the Content-Type of either may be
    /// anything. A response with a Content-Disposition is a file, which may itself be JSON. Without that header, the response
    /// is a refusal if it is a short JSON object with an errcode other than 0.
    pub(super) async fn of(response: Response) -> Result<Self, Error> {
        if !matches!(response.status(), StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
            return Err(Error::Status(response.status()));
        }
        let mut file = Download::of(response);
        if file.header(&CONTENT_DISPOSITION).is_none() && file.status == StatusCode::OK {
            let start = file.peek(LONGEST_REFUSAL).await?;
            if let Some(refusal) = refusal_of(&start) {
                return Ok(refusal);
            }
        }
        Ok(Self { file: Some(file), ..Self::default() })
    }

    /// Reads a response in the same way as the client, for the fuzz targets.
    #[cfg(fuzzing)]
    pub async fn fuzz(response: Response) -> Result<Self, Error> {
        Self::of(response).await
    }
}

fn refusal_of(body: &[u8]) -> Option<MediaGetResponse> {
    let is_short_object = body.len() < LONGEST_REFUSAL && body.trim_ascii_start().first() == Some(&b'{');
    if !is_short_object {
        return None;
    }
    refusal_in(body).or_else(|| refusal_in(repaired_body(body)?.as_bytes()))
}

/// A download in progress: a stream of bytes, and the information in the headers.
///
/// `Debug` shows only the length.
pub struct Download {
    status: StatusCode,
    headers: HeaderMap,
    length: Option<u64>,
    /// The size limit in bytes.
    at_most: u64,
    /// The number of bytes that the stream has yielded.
    taken: u64,
    /// The first chunks, which were read to check for a refusal and are yielded first.
    start: VecDeque<Bytes>,
    rest: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send + Sync>>,
}

impl Download {
    fn of(response: Response) -> Self {
        let (status, headers, length) = (response.status(), response.headers().clone(), response.content_length());
        let rest = Box::pin(response.bytes_stream());
        Self { status, headers, length, at_most: DOWNLOAD_LIMIT, taken: 0, start: VecDeque::new(), rest }
    }

    /// Sets the size limit in bytes. The default is 1 GiB ([`DOWNLOAD_LIMIT`]). A longer file fails the stream with
    /// [`Error::TooLong`].
    #[must_use]
    pub fn at_most(mut self, bytes: u64) -> Self {
        self.at_most = bytes;
        self
    }

    /// Returns the size limit if the file exceeds it, by its announced length or by the bytes received.
    fn limit_passed(&self) -> Option<u64> {
        let longest = self.taken.max(self.length.unwrap_or(0));
        (longest > self.at_most).then_some(self.at_most)
    }

    /// Reads until there are `enough` bytes or the file ends. The bytes stay in the stream.
    async fn peek(&mut self, enough: usize) -> Result<Vec<u8>, Error> {
        let mut read = Vec::new();
        while read.len() < enough {
            let Some(chunk) = std::future::poll_fn(|context| self.rest.as_mut().poll_next(context)).await else {
                break;
            };
            let chunk = chunk?;
            read.extend_from_slice(&chunk);
            self.start.push_back(chunk);
        }
        Ok(read)
    }

    fn header(&self, name: &HeaderName) -> Option<&[u8]> {
        self.headers.get(name).map(|value| value.as_bytes())
    }

    fn text_header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the file name that the sender chose, if WeCom returned it, made safe to use and to show
    /// ([`wecom_kf_text::safe_file_name`]).
    pub fn file_name(&self) -> Option<String> {
        let disposition = String::from_utf8_lossy(self.header(&CONTENT_DISPOSITION)?);
        safe_file_name(shortened(&file_name_in(&disposition)?, MAX_OUTSIDE))
    }

    /// Returns WeCom's content type, which is not reliable.
    pub fn content_type(&self) -> Option<&str> {
        self.text_header(&CONTENT_TYPE)
    }

    /// Returns the length of this response in bytes, if WeCom returned it.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Returns whether the server supports requests for a part of the file.
    pub fn takes_ranges(&self) -> bool {
        self.status == StatusCode::PARTIAL_CONTENT || self.text_header(&ACCEPT_RANGES) == Some("bytes")
    }

    /// Returns the position of the first byte and the length of the whole file, if WeCom returned it, of a part that was
    /// requested. Returns `None` if the response is the whole file.
    pub fn part(&self) -> Option<(u64, Option<u64>)> {
        if self.status != StatusCode::PARTIAL_CONTENT {
            return None;
        }
        let (range, total) = self.text_header(&CONTENT_RANGE)?.strip_prefix("bytes ")?.split_once('/')?;
        let (first, _) = range.split_once('-')?;
        Some((first.parse().ok()?, total.parse().ok()))
    }
}

impl Stream for Download {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let chunk = match (self.limit_passed(), self.start.pop_front()) {
            (Some(_), _) => None,
            (None, Some(chunk)) => Some(chunk),
            (None, None) => match self.rest.as_mut().poll_next(context) {
                Poll::Ready(Some(Ok(chunk))) => Some(chunk),
                other => return other.map_err(Error::from),
            },
        };
        self.taken += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        Poll::Ready(match (self.limit_passed(), chunk) {
            (Some(limit), _) => Some(Err(Error::TooLong { limit })),
            (None, chunk) => chunk.map(Ok),
        })
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download").field("length", &self.length).finish_non_exhaustive()
    }
}

/// Returns the name in a Content-Disposition: that of `filename*=UTF-8''…`, else that of `filename="…"`, which may be
/// percent-encoded.
fn file_name_in(disposition: &str) -> Option<String> {
    let lower = disposition.to_ascii_lowercase();
    if let Some(at) = lower.find("filename*=") {
        let value = disposition[at + "filename*=".len()..].split(';').next()?.trim().trim_matches('"');
        if let Some(encoded) = value.splitn(3, '\'').nth(2) {
            return Some(percent_decoded(encoded));
        }
    }
    let value = &disposition[lower.find("filename=")? + "filename=".len()..];
    let name = match value.strip_prefix('"') {
        Some(quoted) => until_quote(quoted),
        None => value.split(';').next()?.trim().to_owned(),
    };
    Some(percent_decoded(&name))
}

fn until_quote(quoted: &str) -> String {
    let mut name = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next().filter(|character| *character != '"') {
        match character {
            '\\' => name.extend(characters.next()),
            _ => name.push(character),
        }
    }
    name
}

/// Percent-decodes a name. Returns it unchanged if the result is not UTF-8.
fn percent_decoded(name: &str) -> String {
    percent_encoding::percent_decode_str(name).decode_utf8().map_or_else(|_| name.to_owned(), Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_in_every_form_are_found_and_made_safe() {
        let cases = [
            (r#"attachment; filename="a.jpg""#, Some("a.jpg")),
            (r#"attachment; filename="报价单.pdf""#, Some("报价单.pdf")),
            (r#"attachment; filename="%E6%8A%A5%E4%BB%B7.pdf""#, Some("报价.pdf")),
            (r#"attachment; filename="100%.pdf""#, Some("100%.pdf")),
            (r#"attachment; FileName=plain.amr; size=7"#, Some("plain.amr")),
            (r#"attachment; filename="x"; filename*=UTF-8''%E7%94%B2.txt"#, Some("甲.txt")),
            (r#"attachment; filename="say \"hi\".txt""#, Some("say \"hi\".txt")),
            (r#"attachment; filename="../../etc/passwd""#, Some("passwd")),
            (r#"attachment; filename="%2e%2e%2fboot.ini""#, Some("boot.ini")),
            (r#"attachment; filename="c:\\temp\\a.txt""#, Some("a.txt")),
            ("attachment; filename=\"a\u{7}\n.txt\"", Some("a.txt")),
            (r#"attachment; filename="..""#, None),
            (r#"attachment; filename=".bashrc""#, Some("bashrc")),
            (r#"attachment; filename="-rf""#, Some("rf")),
            (r#"attachment; filename="NUL.txt""#, Some("_NUL.txt")),
            (r#"attachment; filename="a.txt:evil.exe""#, Some("a.txt_evil.exe")),
            (r#"attachment; filename*=UTF-8''gpj%E2%80%AEexe.jpg"#, Some("gpjexe.jpg")),
            ("attachment; filename=\"a\u{2028}b.txt\"", Some("ab.txt")),
            (r#"attachment; filename="""#, None),
            ("attachment", None),
        ];
        for (disposition, expected) in cases {
            let name = file_name_in(disposition).and_then(|name| safe_file_name(&name));
            assert_eq!(name.as_deref(), expected, "{disposition}");
        }
    }

    #[test]
    fn a_refusal_is_a_short_object_with_an_errcode() {
        let code = |body: &[u8]| refusal_of(body).map(|refusal| refusal.errcode);
        assert_eq!(code(br#"{"errcode":40007,"errmsg":"invalid media_id"}"#), Some(40007));
        assert_eq!(code(b"  {\"errcode\":\"40007\"}"), Some(40007));
        for file in
            [&br#"{"errcode":0}"#[..], br#"{"name":"x"}"#, b"[40007]", b"", b"\xff\xd8\xff", b"{\"errcode\":400"]
        {
            assert_eq!(code(file), None, "{}", String::from_utf8_lossy(file));
        }
        let long = format!(r#"{{"errcode":40007,"errmsg":"{}"}}"#, "x".repeat(LONGEST_REFUSAL));
        assert_eq!(code(long.as_bytes()), None);
    }
}
