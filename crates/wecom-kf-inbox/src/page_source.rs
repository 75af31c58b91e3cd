//! Where an inbox reads its pages: the trait `PageSource`, and `sync_msg` as the usual source.

use serde::de::IgnoredAny;
use wecom_kf::messages::{Page, VoiceFormat};
use wecom_kf::raw::{self, FromJson, Reply};
use wecom_kf::{BoxFuture, Client, Error, OpenKfid, SyncToken};

/// Fetches a page of an account's messages: by default `sync_msg` of the client. A fake for tests is one method.
pub trait PageSource: Send + Sync + 'static {
    /// Fetches the page that follows `request.cursor`.
    fn fetch(&self, request: PageRequest) -> BoxFuture<'_, Result<Fetched, Error>>;
}

/// Which page to fetch.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PageRequest {
    /// The account.
    pub open_kfid: OpenKfid,
    /// Where the page before ended; `None` for the oldest page.
    pub cursor: Option<String>,
    /// The token of the callback that caused this read.
    pub token: Option<SyncToken>,
    /// How many messages to return at most; `None` for the most that WeCom allows.
    pub limit: Option<u32>,
}

/// The result of a fetch.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fetched {
    /// A page.
    Page(Page),
    /// A complete answer that is not a page.
    Unreadable(Unreadable),
}

/// A complete answer of `sync_msg` that cannot be decoded. Its `Debug` does not show the answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The answer as it came.
    pub body: String,
    /// Where the next page begins, if the answer says so.
    pub next_cursor: Option<String>,
}

impl std::fmt::Debug for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unreadable").field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

/// Fetches pages with `sync_msg` of a client.
pub(crate) struct ClientSource {
    pub(crate) client: Client,
    pub(crate) voice_format: Option<VoiceFormat>,
}

impl PageSource for ClientSource {
    fn fetch(&self, request: PageRequest) -> BoxFuture<'_, Result<Fetched, Error>> {
        Box::pin(async move {
            let mut page = self.client.messages().page(request.open_kfid);
            if let Some(cursor) = request.cursor {
                page = page.cursor(cursor);
            }
            if let Some(token) = request.token {
                page = page.token(token);
            }
            if let Some(limit) = request.limit {
                page = page.limit(limit);
            }
            if let Some(format) = self.voice_format {
                page = page.voice_format(format);
            }
            Ok(page.decoded_as::<Pulled>().await?.0)
        })
    }
}

/// A reply of `sync_msg`: a page, or a complete reply that cannot be decoded.
struct Pulled(Fetched);

impl FromJson for Pulled {
    fn decode(body: &[u8]) -> Result<Self, raw::Error> {
        match Page::decode(body) {
            Ok(page) => Ok(Self(Fetched::Page(page))),
            Err(error) => match unreadable(body) {
                Some(unreadable) => Ok(Self(Fetched::Unreadable(unreadable))),
                None => Err(error),
            },
        }
    }
}

impl Reply for Pulled {
    fn errcode(&self) -> i64 {
        match &self.0 {
            Fetched::Page(page) => page.errcode(),
            Fetched::Unreadable(_) => 0,
        }
    }

    fn errmsg(&self) -> &str {
        match &self.0 {
            Fetched::Page(page) => page.errmsg(),
            Fetched::Unreadable(_) => "",
        }
    }

    fn refusal(errcode: i64, errmsg: String) -> Self {
        Self(Fetched::Page(Page::refusal(errcode, errmsg)))
    }
}

/// Returns the answer if WeCom itself must have sent it and it is complete. A proxy's page or an answer that broke off
/// does not count.
fn unreadable(body: &[u8]) -> Option<Unreadable> {
    let text = String::from_utf8_lossy(body);
    let trimmed = text.trim();
    let broke_off = serde_json::from_str::<IgnoredAny>(trimmed).is_err_and(|error| error.is_eof());
    if !trimmed.starts_with('{') || !trimmed.ends_with('}') || broke_off {
        return None;
    }
    Some(Unreadable { next_cursor: find_cursor(trimmed), body: text.into_owned() })
}

/// Finds the cursor in text that is not JSON. Returns `None` if several values could be the cursor, since a customer
/// may have written one of them.
fn find_cursor(text: &str) -> Option<String> {
    const NAME: &str = "\"next_cursor\"";
    let mut found = text.match_indices(NAME);
    let (start, _) = found.next()?;
    if found.next().is_some() || text[..start].ends_with('\\') {
        return None;
    }
    let value = text[start + NAME.len()..].trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    let cursor = &value[..value.find('"')?];
    let is_plain = cursor.chars().all(|letter| letter.is_ascii_graphic() && letter != '\\');
    Some(cursor.to_owned()).filter(|cursor| is_plain && !cursor.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreadable_answer_still_yields_its_cursor() {
        let body = br#"{"errcode":0,"next_cursor" : "c2","has_more":1,"msg_list":[{"msgid":"m" oops}]}"#;
        let Fetched::Unreadable(unreadable) = Pulled::decode(body).unwrap().0 else { panic!("it is no page") };
        assert_eq!(unreadable.next_cursor.as_deref(), Some("c2"));
        assert!(!format!("{unreadable:?}").contains("msgid"));
    }

    #[test]
    fn a_cursor_that_a_customer_may_have_written_is_not_believed() {
        for body in [
            r#"{"msg_list":[{"content":""next_cursor":"evil""}],"next_cursor":"c2" x}"#,
            r#"{"msg_list":[{"content":"\"next_cursor\":\"evil\"" x}]}"#,
            r#"{"next_cursor":5 x}"#,
            r#"{"next_cursor":"" x}"#,
        ] {
            let unreadable = unreadable(body.as_bytes()).unwrap();
            assert_eq!(unreadable.next_cursor, None, "{body}");
        }
    }

    #[test]
    fn what_broke_off_or_comes_from_a_proxy_is_an_error_that_may_pass() {
        for body in [&br#"{"errcode":0,"msg_list":[{"msgid":"m"}"#[..], b"<html>{}", b"", b"{\"a\":{}"] {
            assert!(Pulled::decode(body).is_err());
        }
    }

    #[test]
    fn a_refusal_is_a_refusal() {
        let pulled = Pulled::decode(br#"{"errcode":95007,"errmsg":"invalid msg token"}"#).unwrap();
        assert_eq!((pulled.errcode(), pulled.errmsg()), (95007, "invalid msg token"));
    }
}
