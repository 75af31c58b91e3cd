//! Messages: sending, recalling and reading them. The types of received and sent messages are in the modules below.

pub mod content;
pub mod event;
mod fields;
pub mod outgoing;
mod page;
mod received;

pub use content::Content;
pub use event::Event;
pub use outgoing::{MenuLink, Msgmenu, Outgoing, Text};
pub use page::{Page, SyncRequest, VoiceFormat};
pub use received::{Message, Origin};

use crate::client::Client;
use crate::input;
use crate::raw::{limits::sync_msg as limits, op, types};
use crate::{Bilingual, Error, ExternalUserId, MsgId, OpenKfid};

/// The operations on messages, returned by [`Client::message`].
///
/// ```no_run
/// use wecom_kf::message::{SyncRequest, Text};
///
/// # async fn example(client: wecom_kf::Client, kf: wecom_kf::OpenKfid) -> Result<(), wecom_kf::Error> {
/// let page = client.message().sync(SyncRequest::new(&kf)).await?;
/// for message in page.messages() {
///     if let Some(customer) = message.external_userid() {
///         client.message().send(&kf, customer, Text::new("您好")?).await?;
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Messages<'a> {
    client: &'a Client,
    checks_session: bool,
}

impl<'a> Messages<'a> {
    pub(crate) fn new(client: &'a Client) -> Self {
        Self { client, checks_session: false }
    }

    /// Returns the same operations, but reads the session before each send, which avoids refusals with 95018.
    ///
    /// A session that is untreated or has ended is moved to the assistant, if WeCom allows that. If a servicer has the
    /// session or it is queued, nothing is sent and the send fails with [`Error::SessionForbidsSending`], which says who
    /// has the session.
    ///
    /// This costs one more call for each send, and two more if the session is moved.
    ///
    /// ```no_run
    /// # use wecom_kf::message::Text;
    /// # async fn example(client: wecom_kf::Client, kf: wecom_kf::OpenKfid, customer: wecom_kf::ExternalUserId)
    /// # -> Result<(), wecom_kf::Error> {
    /// client.message().checking_session().send(&kf, &customer, Text::new("您好")?).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn checking_session(self) -> Self {
        Self { checks_session: true, ..self }
    }

    /// Sends a message to a customer and returns its msgid.
    ///
    /// WeCom accepts a message while the session is untreated or with the assistant, within 48 hours of the customer's
    /// last message, and at most five messages after that message. Success does not mean that the message was delivered:
    /// a [`MsgSendFail`](event::MsgSendFail) event may follow.
    ///
    /// The client creates a random msgid, which makes the send safe to repeat: WeCom refuses a repeat with 95033, and the
    /// client treats that as success.
    ///
    /// `POST /cgi-bin/kf/send_msg`, [official page](https://developer.work.weixin.qq.com/document/path/94677).
    ///
    /// # Errors
    ///
    /// [`SESSION_STATE_FORBIDS_SENDING`](crate::ErrCode::SESSION_STATE_FORBIDS_SENDING): a servicer has the session, or
    /// it is queued or has ended. The client then reads the session, see [`Refusal::session`](crate::Refusal::session).
    /// [`MESSAGE_COUNT_LIMIT_EXCEEDED`](crate::ErrCode::MESSAGE_COUNT_LIMIT_EXCEEDED),
    /// [`MESSAGE_WINDOW_CLOSED`](crate::ErrCode::MESSAGE_WINDOW_CLOSED): the customer has to write first.
    pub async fn send(
        self,
        open_kfid: &OpenKfid,
        external_userid: &ExternalUserId,
        message: impl Into<Outgoing>,
    ) -> Result<MsgId, Error> {
        self.send_under(MsgId::random()?, open_kfid, external_userid, message.into()).await
    }

    /// Sends a message under your own msgid. Otherwise it is the same as [`send`](Self::send).
    ///
    /// Use it to make a send safe to repeat across restarts: derive the msgid from the message that you answer.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send). Also [`DUPLICATE_MSGID`](crate::ErrCode::DUPLICATE_MSGID) if the msgid was used before.
    pub async fn send_as(
        self,
        msgid: &MsgId,
        open_kfid: &OpenKfid,
        external_userid: &ExternalUserId,
        message: impl Into<Outgoing>,
    ) -> Result<MsgId, Error> {
        msgid.check()?;
        self.send_under(msgid.clone(), open_kfid, external_userid, message.into()).await
    }

    async fn send_under(
        self,
        msgid: MsgId,
        open_kfid: &OpenKfid,
        external_userid: &ExternalUserId,
        message: Outgoing,
    ) -> Result<MsgId, Error> {
        open_kfid.check()?;
        external_userid.check()?;
        let mut body = types::SendRequest {
            msgid: Some(msgid.as_str().to_owned()),
            open_kfid: Some(open_kfid.as_str().to_owned()),
            touser: Some(external_userid.as_str().to_owned()),
            ..Default::default()
        };
        message.put_into(&mut body)?;
        let session = self.client.service_state();
        if self.checks_session {
            session.take_for_sending(open_kfid, external_userid).await?;
        }
        match self.client.call(&op::SendMsg { body }).await {
            Ok(reply) => Ok(sent_msgid(reply.msgid, msgid)),
            Err(error) => Err(session.with_session(error, open_kfid, external_userid).await),
        }
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
    pub async fn recall(self, open_kfid: &OpenKfid, msgid: &MsgId) -> Result<(), Error> {
        open_kfid.check()?;
        input::not_empty("msgid", msgid.as_str())?;
        let body = types::RecallMsgRequest { msgid: msgid.to_string(), open_kfid: open_kfid.to_string() };
        self.client.call(&op::RecallMsg { body }).await.map(drop)
    }

    /// Sends the one message that an event permits, such as a welcome, and returns its msgid. It must be a text or a menu.
    ///
    /// `code` is one of these:
    ///
    /// - the `welcome_code` of an [`EnterSession`](event::EnterSession), valid for 20 seconds;
    /// - the `msg_code` of a [`SessionStatusChange`](event::SessionStatusChange) or of
    ///   [`Transferred`](crate::Transferred). It is valid for 48 hours after the session went into the pool or to a
    ///   servicer (for a text only), and for 20 seconds after the session ended. The session must still be in the state
    ///   that yielded the code.
    ///
    /// ```no_run
    /// use wecom_kf::message::{Content, Event, Message, Text};
    ///
    /// # async fn example(client: wecom_kf::Client, message: Message) -> Result<(), wecom_kf::Error> {
    /// if let Content::Event(Event::EnterSession(enter)) = message.content() {
    ///     if let Some(code) = &enter.welcome_code {
    ///         client.message().on_event(code, Text::new("欢迎光临")?).await?;
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
    /// is neither a text nor a menu.
    pub async fn on_event(self, code: &str, message: impl Into<Outgoing>) -> Result<MsgId, Error> {
        input::not_empty("code", code)?;
        let mut sent = types::SendRequest::default();
        message.into().put_into(&mut sent)?;
        let msgid = MsgId::random()?;
        let body = types::SendOnEventRequest {
            code: code.to_owned(),
            msgid: Some(msgid.to_string()),
            msgtype: sent.msgtype.unwrap_or_default(),
            text: sent.text.map(|text| types::SendOnEventRequestText { content: text.content.unwrap_or_default() }),
            msgmenu: sent.msgmenu.map(|menu| types::SendOnEventRequestMsgmenu {
                head_content: menu.head_content,
                list: menu.list,
                tail_content: menu.tail_content,
            }),
        };
        if body.text.is_none() && body.msgmenu.is_none() {
            return Err(input::malformed(Bilingual::fixed("message", "消息"), "a text or a menu", "是文本或菜单"));
        }
        let reply = self.client.call(&op::SendMsgOnEvent { body }).await?;
        Ok(sent_msgid(reply.msgid, msgid))
    }

    /// Reads one page of an account's messages and events, oldest first.
    ///
    /// WeCom keeps messages for three days. Messages that the API sent are not among them. While [`Page::has_more`] is
    /// true, read the next page with [`Page::next_cursor`], even if this page is empty. Store one cursor per account, and
    /// only after all messages of its page have been handled. WeCom may return a message more than once: detect repeats by
    /// [`Message::msgid`].
    ///
    /// The crate `wecom-kf-inbox` does all of this.
    ///
    /// `POST /cgi-bin/kf/sync_msg`, [official page](https://developer.work.weixin.qq.com/document/path/94670).
    ///
    /// # Errors
    ///
    /// [`INVALID_SYNC_TOKEN`](crate::ErrCode::INVALID_SYNC_TOKEN): the callback's token is older than 10 minutes, so call
    /// again without it. [`RATE_LIMIT_EXCEEDED`](crate::ErrCode::RATE_LIMIT_EXCEEDED): there were too many calls, most
    /// likely without a callback's token; wait a minute.
    pub async fn sync(self, request: SyncRequest) -> Result<Page, Error> {
        request.open_kfid.check()?;
        if let Some(cursor) = &request.cursor {
            input::bytes("cursor", cursor, limits::CURSOR_MAX_BYTES)?;
        }
        if let Some(token) = &request.token {
            input::bytes("token", token.expose(), limits::TOKEN_MAX_BYTES)?;
        }
        if let Some(limit) = request.limit {
            input::range("limit", limit, limits::LIMIT_MIN, limits::LIMIT_MAX)?;
        }
        let body = types::SyncRequest {
            open_kfid: Some(request.open_kfid.to_string()),
            cursor: request.cursor,
            token: request.token,
            limit: request.limit,
            voice_format: request.voice_format.map(VoiceFormat::number),
        };
        self.client.call(&page::Sync(body)).await
    }
}

/// Returns the msgid of a sent message: the one in WeCom's reply, or ours if the reply has none.
fn sent_msgid(named: Option<String>, ours: MsgId) -> MsgId {
    named.filter(|id| !id.is_empty()).map_or(ours, MsgId::from)
}
