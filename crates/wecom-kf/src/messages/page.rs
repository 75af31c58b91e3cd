//! `sync_msg`: its request, and the pages of messages that it returns.

use std::marker::PhantomData;
use std::sync::Arc;

use futures_util::stream::Stream;
use serde::Deserialize;
use serde::de::Error as _;
use serde_json::value::RawValue;

use super::Message;
use super::fields::{Integer, Text, place};
use crate::error::Refusal;
use crate::input;
use crate::pages::pages;
use crate::raw::__private::{lenient, refusal_in, repaired_body};
use crate::raw::{self, FromJson, Operation, Reply, Request, limits::sync_msg as limits, op, types};
use crate::{AccessToken, BoxFuture, Client, Cursor, ErrCode, Error, OpenKfid, SyncToken};

/// The format in which voice messages are returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VoiceFormat {
    /// AMR, WeCom's default.
    Amr,
    /// Silk.
    Silk,
}

impl VoiceFormat {
    fn number(self) -> u32 {
        match self {
            Self::Amr => 0,
            Self::Silk => 1,
        }
    }
}

/// A request for one page of messages, sent when it is awaited. Returned by [`Messages::page`](super::Messages::page).
#[derive(Clone, Debug)]
#[must_use = "the page is read when this is awaited"]
pub struct ReadPage<'a> {
    client: &'a Client,
    open_kfid: OpenKfid,
    cursor: Option<Cursor>,
    token: Option<SyncToken>,
    limit: Option<u32>,
    voice_format: Option<VoiceFormat>,
}

impl<'a> ReadPage<'a> {
    pub(super) fn new(client: &'a Client, open_kfid: OpenKfid) -> Self {
        Self { client, open_kfid, cursor: None, token: None, limit: None, voice_format: None }
    }

    /// Continues where a page ended: `cursor` is its [`next_cursor`](Page::next_cursor).
    pub fn cursor(mut self, cursor: impl Into<Cursor>) -> Self {
        self.cursor = Some(cursor.into());
        self
    }

    /// Sets the `Token` of the callback that announced the messages. It is valid for 10 minutes, for all pages that are
    /// read because of this callback. Without it, WeCom applies a strict rate limit: about 10 calls a minute.
    pub fn token(mut self, token: impl Into<SyncToken>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Sets the maximum number of messages, 1 to 1000. The default is 1000. A page may have fewer even if it is not the
    /// last.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Sets the format of voice messages. The default is AMR.
    pub fn voice_format(mut self, format: VoiceFormat) -> Self {
        self.voice_format = Some(format);
        self
    }

    /// Checks the options without sending anything. Awaiting the request runs the same check first.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: the first of them that is empty or exceeds a limit.
    pub fn check(&self) -> Result<(), Error> {
        self.open_kfid.check()?;
        self.cursor.as_ref().map_or(Ok(()), Cursor::check)?;
        if let Some(token) = &self.token {
            input::not_empty("token", token.expose())?;
        }
        match self.limit {
            Some(limit) => input::range("limit", limit, limits::LIMIT_MIN, limits::LIMIT_MAX),
            None => Ok(()),
        }
    }

    /// Returns the messages of this page and of all that follow it, as a stream that ends at the newest message. It ends after
    /// an error, too.
    ///
    /// Without a callback's token WeCom allows about 10 pages a minute, and the client waits accordingly. Set a high
    /// [`limit`](Self::limit) or leave it out: the default, 1000, needs the fewest pages.
    pub fn stream(self) -> impl Stream<Item = Result<Message, Error>> + Send + 'a {
        let request = self;
        pages(op::SYNC_MSG.id, request.cursor.clone().map(String::from), move |cursor| {
            let mut request = request.clone();
            request.cursor = cursor.map(Cursor::from);
            async move {
                let page = request.await?;
                let next = page.next_cursor().map(String::from);
                Ok((page.messages, page.has_more, next))
            }
        })
    }

    /// Reads the page and decodes the reply as a type of your own instead of [`Page`].
    ///
    /// Use it to keep a reply that cannot be decoded, for example, where awaiting the request returns
    /// [`Error::NoAnswer`].
    ///
    /// # Errors
    ///
    /// Those of [`Messages::page`](super::Messages::page).
    pub async fn decoded_as<P: FromJson>(self) -> Result<P, Error> {
        self.check()?;
        let body = types::SyncRequest {
            open_kfid: Some(self.open_kfid.into()),
            cursor: self.cursor.map(String::from),
            token: self.token,
            limit: self.limit,
            voice_format: self.voice_format.map(VoiceFormat::number),
        };
        self.client.call(&SyncMsg(body, PhantomData)).await
    }
}

impl<'a> IntoFuture for ReadPage<'a> {
    type Output = Result<Page, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.decoded_as())
    }
}

/// A page of messages, oldest first.
#[derive(Clone, Debug)]
pub struct Page {
    errcode: i64,
    errmsg: String,
    messages: Vec<Message>,
    next_cursor: Option<Cursor>,
    has_more: bool,
}

impl Page {
    /// Decodes the body of a reply of `sync_msg`.
    ///
    /// Malformed messages are kept, see [`Message`]. If the body is not valid JSON, invalid UTF-8, control characters and
    /// lone surrogates are replaced by U+FFFD, and a warning is logged with `tracing`.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`]: the errcode is not 0. [`Error::NoAnswer`]: the body is not a reply of `sync_msg`.
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        let operation = op::SYNC_MSG.id;
        let page = Self::decode(json).map_err(|source| Error::NoAnswer {
            operation,
            attempts: 1,
            source: Arc::new(source),
        })?;
        match page.errcode {
            0 => Ok(page),
            code => Err(Error::Refused(Refusal {
                operation,
                code: ErrCode::from(code),
                errmsg: page.errmsg,
                attempts: 1,
                session: None,
            })),
        }
    }

    /// Returns the messages and events. There may be none even if there [are more](Self::has_more) to read.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Returns the messages and events as owned values.
    pub fn into_messages(self) -> Vec<Message> {
        self.messages
    }

    /// Returns the cursor at which the next page begins. `None` means that the previous cursor remains valid.
    pub fn next_cursor(&self) -> Option<&Cursor> {
        self.next_cursor.as_ref()
    }

    /// Returns whether there are more messages to read now, even if this page is empty.
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    /// Decodes the envelope of the page and finds the messages in `text`, without decoding them.
    fn split(text: &str) -> serde_json::Result<Self> {
        if text.trim_start().starts_with('[') {
            // serde would also decode a struct whose fields are all optional from an array.
            return Err(serde_json::Error::custom("an array"));
        }
        let envelope: Envelope<'_> = serde_json::from_str(text)?;
        let messages = envelope.msg_list.unwrap_or_default();
        // All messages of a page share its text, which saves a copy of each.
        let shared: Arc<str> = text.into();
        let message = |message: &RawValue| Message::within(shared.clone(), place(message.get(), text));
        Ok(Self {
            errcode: envelope.errcode,
            errmsg: envelope.errmsg.0.unwrap_or_default().into_owned(),
            messages: messages.into_iter().map(message).collect(),
            next_cursor: envelope.next_cursor.0.map(|cursor| cursor.into_owned().into()),
            has_more: envelope.has_more.0.unwrap_or_default() != 0,
        })
    }
}

/// The page envelope: everything except the decoded messages.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(default, deserialize_with = "lenient::integer")]
    errcode: i64,
    #[serde(borrow, default)]
    errmsg: Text<'a>,
    #[serde(default)]
    has_more: Integer,
    #[serde(borrow, default)]
    next_cursor: Text<'a>,
    #[serde(borrow, default)]
    msg_list: Option<Vec<&'a RawValue>>,
}

impl FromJson for Page {
    fn decode(body: &[u8]) -> Result<Self, raw::Error> {
        let whole = std::str::from_utf8(body).ok();
        // A lone surrogate passes here and would only fail when its message is decoded, so pages that may contain one are
        // repaired first. Most pages have no such escapes at all.
        let has_surrogates = |text: &str| text.contains("\\u") && (text.contains("\\ud") || text.contains("\\uD"));
        if let Some(text) = whole.filter(|text| !has_surrogates(text))
            && let Ok(page) = Self::split(text)
        {
            return Ok(page);
        }
        // Repairs the body once, because it could not be decoded or may contain lone surrogates.
        let repaired = repaired_body(body);
        if repaired.is_some() {
            tracing::warn!("sync_msg returned invalid JSON: invalid characters were replaced by U+FFFD");
        }
        // Without a repair, the body is used as it arrived.
        let text = repaired.as_deref().or(whole).unwrap_or_default();
        Self::split(text)
            .or_else(|error| refusal_in(text.as_bytes()).ok_or_else(|| raw::Error::undecodable(body, &error)))
    }
}

impl Reply for Page {
    fn errcode(&self) -> i64 {
        self.errcode
    }

    fn errmsg(&self) -> &str {
        &self.errmsg
    }

    fn refusal(errcode: i64, errmsg: String) -> Self {
        Self { errcode, errmsg, messages: Vec::new(), next_cursor: None, has_more: false }
    }
}

/// The `sync_msg` request whose reply is decoded as `P`.
struct SyncMsg<P>(types::SyncRequest, PhantomData<fn() -> P>);

impl<P: FromJson> Request for SyncMsg<P> {
    type Reply = P;

    fn operation(&self) -> Operation {
        op::SYNC_MSG
    }

    async fn send(&self, client: &raw::Client, access_token: &AccessToken) -> Result<P, raw::Error> {
        client.post(self.operation(), access_token, &self.0).await
    }

    fn private(&self) -> Vec<&str> {
        self.0.token.iter().map(SyncToken::expose).collect()
    }

    fn has_callback_token(&self) -> bool {
        self.0.token.is_some()
    }
}
