//! The operations on messages: sending, recalling and reading. The types of sent and received messages are in the
//! modules below.

pub mod content;
pub mod event;
mod fields;
pub mod outgoing;
mod page;
mod received;
mod send;
mod session_check;

pub use content::Content;
pub use event::Event;
#[cfg(feature = "markdown")]
pub use outgoing::markdown_to_text;
pub use outgoing::{Answer, MenuLink, Msgmenu, Outgoing, Text};
pub use page::{Page, ReadPage, VoiceFormat};
pub use received::{Message, Origin};
pub use send::{SendMessage, SendOnEvent};

use futures_util::stream::Stream;

use crate::raw::{op, types};
use crate::{Client, Error, ExternalUserId, MsgId, OpenKfid, input};

/// The operations on messages, returned by [`Client::messages`].
///
/// ```no_run
/// # async fn example(client: wecom_kf::Client, kf: wecom_kf::OpenKfid) -> Result<(), wecom_kf::Error> {
/// let page = client.messages().page(&kf).await?;
/// for message in page.messages() {
///     if let Some(customer) = message.external_userid() {
///         client.messages().send(&kf, customer, "您好").await?;
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Messages<'a>(&'a Client);

impl Client {
    /// Returns the operations on messages: sending, recalling and reading them.
    pub fn messages(&self) -> Messages<'_> {
        Messages(self)
    }
}

impl<'a> Messages<'a> {
    /// Sends a message to a customer and returns its msgid.
    ///
    /// The message is a text, a [`Msgmenu`] or another type of [`outgoing`]. Await the returned request, or set its options
    /// first: a [`msgid`](SendMessage::msgid) of your own, or the [check of the session](SendMessage::checking_session).
    ///
    /// WeCom accepts a message while the session is untreated or with the assistant, within 48 hours of the customer's
    /// last message, and at most five messages after that message. Success does not mean that the message was delivered:
    /// a [`MsgSendFail`](event::MsgSendFail) event may follow.
    ///
    /// Without a msgid of your own, the client creates a random one, which makes the send safe to repeat: WeCom refuses a
    /// repeat with 95033, and the client treats that as success.
    ///
    /// ```no_run
    /// # async fn example(client: wecom_kf::Client, kf: wecom_kf::OpenKfid, customer: wecom_kf::ExternalUserId)
    /// # -> Result<(), wecom_kf::Error> {
    /// let msgid = client.messages().send(&kf, &customer, "您好").await?;
    /// client.messages().send(&kf, &customer, "您的订单已发货").msgid("order-17-shipped").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// `POST /cgi-bin/kf/send_msg`, [official page](https://developer.work.weixin.qq.com/document/path/94677).
    ///
    /// # Errors
    ///
    /// [`SESSION_STATE_FORBIDS_SENDING`](crate::ErrCode::SESSION_STATE_FORBIDS_SENDING): a servicer has the session, or
    /// it is queued or has ended. The client then reads the session, see [`Refusal::session`](crate::Refusal::session).
    /// [`MESSAGE_COUNT_LIMIT_EXCEEDED`](crate::ErrCode::MESSAGE_COUNT_LIMIT_EXCEEDED),
    /// [`MESSAGE_WINDOW_CLOSED`](crate::ErrCode::MESSAGE_WINDOW_CLOSED): the customer has to write first.
    /// [`DUPLICATE_MSGID`](crate::ErrCode::DUPLICATE_MSGID): your own msgid was used before. [`Error::InvalidInput`]: the
    /// message exceeds a limit; nothing was sent.
    pub fn send(
        self,
        open_kfid: impl Into<OpenKfid>,
        external_userid: impl Into<ExternalUserId>,
        message: impl Into<Outgoing>,
    ) -> SendMessage<'a> {
        SendMessage::new(self.0, open_kfid.into(), external_userid.into(), message.into())
    }

    /// Sends the one message that an event or a transition of the session permits, such as a welcome, and returns its
    /// msgid. It must be a text or a menu.
    ///
    /// `code` is one of these:
    ///
    /// - the `welcome_code` of an [`EnterSession`](event::EnterSession), valid for 20 seconds;
    /// - the `msg_code` of a [`SessionStatusChange`](event::SessionStatusChange) or of
    ///   [`Transitioned`](crate::Transitioned). It is valid for 48 hours after the session went into the pool or to a
    ///   servicer (for a text only), and for 20 seconds after the session ended. The session must still be in the state
    ///   that yielded the code.
    ///
    /// ```no_run
    /// use wecom_kf::messages::{Content, Event, Message};
    ///
    /// # async fn example(client: wecom_kf::Client, message: Message) -> Result<(), wecom_kf::Error> {
    /// if let Content::Event(Event::EnterSession(enter)) = message.content() {
    ///     if let Some(code) = &enter.welcome_code {
    ///         client.messages().send_on_event(code, "欢迎光临").await?;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// `POST /cgi-bin/kf/send_msg_on_event`,
    /// [official page](https://developer.work.weixin.qq.com/document/path/95122). It is repeated like
    /// [`send`](Self::send).
    ///
    /// # Errors
    ///
    /// [`INVALID_WELCOME_CODE`](crate::ErrCode::INVALID_WELCOME_CODE): the code was used before or is too old. Only a
    /// single source says that KF uses the same errcodes here as the rest of WeCom. [`Error::InvalidInput`]: the message
    /// is neither a text nor a menu, or exceeds a limit; nothing was sent.
    pub fn send_on_event(self, code: impl AsRef<str>, message: impl Into<Outgoing>) -> SendOnEvent<'a> {
        SendOnEvent::new(self.0, code.as_ref().to_owned(), message.into())
    }

    /// Recalls a message that was sent with [`send`](Self::send) within the last 2 minutes. The message still counts
    /// towards the limit of five.
    ///
    /// `POST /cgi-bin/kf/recall_msg`. Unconfirmed: only one SDK and the documents of the stand-alone edition (93304, 94745
    /// of kf.weixin.qq.com) describe it. The client never repeats this call.
    ///
    /// # Errors
    ///
    /// [`RECALL_MESSAGE_NOT_FOUND`](crate::ErrCode::RECALL_MESSAGE_NOT_FOUND): the account has no such message.
    /// [`RECALL_WINDOW_CLOSED`](crate::ErrCode::RECALL_WINDOW_CLOSED): the message is older than 2 minutes.
    pub async fn recall(self, open_kfid: impl Into<OpenKfid>, msgid: impl Into<MsgId>) -> Result<(), Error> {
        let (open_kfid, msgid) = (open_kfid.into(), msgid.into());
        open_kfid.check()?;
        // A msgid that WeCom created may have another form than ours.
        input::not_empty("msgid", msgid.as_str())?;
        let body = types::RecallMsgRequest { msgid: msgid.into(), open_kfid: open_kfid.into() };
        self.0.call(&op::RecallMsg { body }).await.map(drop)
    }

    /// Reads one page of an account's messages and events, oldest first.
    ///
    /// Await the returned request, or set its options first: the [`cursor`](ReadPage::cursor) at which the page begins and
    /// the [`token`](ReadPage::token) of the callback. Without a cursor, the page begins at the oldest message that WeCom
    /// still keeps. WeCom keeps messages for three days. Messages that the API sent are not among them.
    ///
    /// While [`Page::has_more`] is true, read the next page with [`Page::next_cursor`], even if this page is empty. Store
    /// one cursor per account, and only after all messages of its page have been handled. WeCom may return a message more
    /// than once: detect repeats by [`Message::msgid`].
    ///
    /// The crate `wecom-kf-inbox` does all of this.
    ///
    /// ```no_run
    /// # async fn example(client: wecom_kf::Client, kf: wecom_kf::OpenKfid, cursor: String, token: wecom_kf::SyncToken)
    /// # -> Result<(), wecom_kf::Error> {
    /// let page = client.messages().page(&kf).cursor(cursor).token(token).limit(100).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// `POST /cgi-bin/kf/sync_msg`, [official page](https://developer.work.weixin.qq.com/document/path/94670).
    ///
    /// # Errors
    ///
    /// [`INVALID_SYNC_TOKEN`](crate::ErrCode::INVALID_SYNC_TOKEN): the callback's token is older than 10 minutes, so call
    /// again without it. [`RATE_LIMIT_EXCEEDED`](crate::ErrCode::RATE_LIMIT_EXCEEDED): there were too many calls, most
    /// likely without a callback's token; wait a minute. [`Error::InvalidInput`]: the cursor, the token or the limit is
    /// invalid; nothing was sent.
    pub fn page(self, open_kfid: impl Into<OpenKfid>) -> ReadPage<'a> {
        ReadPage::new(self.0, open_kfid.into())
    }

    /// Returns an account's messages and events of the last three days, which is how long WeCom keeps them, oldest first. The
    /// stream ends at the newest one, or after an error.
    ///
    /// It keeps no cursor, so it suits exports and reports. A bot needs the crate `wecom-kf-inbox`.
    /// [`ReadPage::stream`] begins at a cursor.
    ///
    /// ```no_run
    /// use futures_util::TryStreamExt;
    ///
    /// # async fn example(client: wecom_kf::Client, kf: wecom_kf::OpenKfid) -> Result<(), wecom_kf::Error> {
    /// let mut messages = std::pin::pin!(client.messages().stream(&kf));
    /// while let Some(message) = messages.try_next().await? {
    ///     println!("{:?} {}", message.send_time(), message.msgtype());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`page`](Self::page). The client waits to stay below WeCom's limit of about 10 pages a minute.
    pub fn stream(self, open_kfid: impl Into<OpenKfid>) -> impl Stream<Item = Result<Message, Error>> + Send + 'a {
        self.page(open_kfid).stream()
    }
}
