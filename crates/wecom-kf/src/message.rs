//! Messages: sending them and reading them.

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

/// Messages: [`Client::message`].
#[derive(Clone, Copy, Debug)]
pub struct Messages<'a> {
    client: &'a Client,
    checks_session: bool,
}

impl<'a> Messages<'a> {
    pub(crate) fn new(client: &'a Client) -> Self {
        Self { client, checks_session: false }
    }

    /// Looks at the session before each send, so that a bot does not run into 95018: a session that is untreated or over
    /// is moved to the assistant, as far as WeCom allows; in one that people have, or that waits for them, nothing is
    /// sent, and the error says who has it.
    ///
    /// That is one call more for each send, and two where the session is moved.
    ///
    /// ```no_run
    /// # use wecom_kf::message::Text;
    /// # async fn example(client: wecom_kf::Client, kf: wecom_kf::OpenKfid, customer: wecom_kf::ExternalUserId)
    /// # -> Result<(), wecom_kf::Error> {
    /// client.message().checking_session().send(&kf, &customer, Text::new("您好")?).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Its sends may fail with [`Error::SessionForbidsSending`] too.
    #[must_use]
    pub fn checking_session(self) -> Self {
        Self { checks_session: true, ..self }
    }

    /// Sends a message to a customer, under a new msgid of our own, which makes it safe to repeat: WeCom answers a
    /// repeat of ours with 95033, which counts as sent.
    ///
    /// Only while the session is untreated or with the assistant, within 48 hours of the customer's last message, and
    /// at most five messages after it. Success does not mean delivered: an event `msg_send_fail` may follow.
    ///
    /// `POST /cgi-bin/kf/send_msg`, [official page](https://developer.work.weixin.qq.com/document/path/94677).
    ///
    /// # Errors
    ///
    /// [`SESSION_STATE_FORBIDS_SENDING`](crate::ErrCode::SESSION_STATE_FORBIDS_SENDING): a servicer has the session, or
    /// it is queued or over. The error says which, since the session is read then:
    /// [`Refusal::session`](crate::Refusal::session). [`MESSAGE_COUNT_LIMIT_EXCEEDED`](crate::ErrCode::MESSAGE_COUNT_LIMIT_EXCEEDED),
    /// [`MESSAGE_WINDOW_CLOSED`](crate::ErrCode::MESSAGE_WINDOW_CLOSED): the customer has to write first.
    pub async fn send(
        self,
        open_kfid: &OpenKfid,
        external_userid: &ExternalUserId,
        message: impl Into<Outgoing>,
    ) -> Result<MsgId, Error> {
        self.send_under(MsgId::random()?, open_kfid, external_userid, message.into()).await
    }

    /// Sends a message under a msgid of yours, as [`send`](Self::send) does under a random one.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`DUPLICATE_MSGID`](crate::ErrCode::DUPLICATE_MSGID) if the msgid was used before.
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

    /// Takes a message back that was sent with [`send`](Self::send), within 2 minutes. It still counts among the five.
    ///
    /// `POST /cgi-bin/kf/recall_msg`. Unconfirmed: known from one SDK and the stand-alone edition's documents (93304,
    /// 94745 of kf.weixin.qq.com) only. Never repeated on its own.
    ///
    /// # Errors
    ///
    /// [`RECALL_MESSAGE_NOT_FOUND`](crate::ErrCode::RECALL_MESSAGE_NOT_FOUND): no such message at this account.
    /// [`RECALL_WINDOW_CLOSED`](crate::ErrCode::RECALL_WINDOW_CLOSED): it is older than 2 minutes.
    pub async fn recall(self, open_kfid: &OpenKfid, msgid: &MsgId) -> Result<(), Error> {
        open_kfid.check()?;
        input::not_empty("msgid", msgid.as_str())?;
        let body = types::RecallMsgRequest { msgid: msgid.to_string(), open_kfid: open_kfid.to_string() };
        self.client.call(&op::RecallMsg { body }).await.map(drop)
    }

    /// Sends the one message that an event gives the right to, under a new msgid of our own.
    ///
    /// `code` is the `welcome_code` of an [`EnterSession`](event::EnterSession), good for 20 seconds; or the `msg_code`
    /// of a [`SessionStatusChange`](event::SessionStatusChange) or of [`Transferred`](crate::Transferred), good for 48
    /// hours after the session went into the pool or to a servicer (a text only), and for 20 seconds after its end. But
    /// for the welcome, the session must still be in the state that yielded the code.
    ///
    /// `POST /cgi-bin/kf/send_msg_on_event`,
    /// [official page](https://developer.work.weixin.qq.com/document/path/95122). Repeated as [`send`](Self::send) is.
    ///
    /// # Errors
    ///
    /// [`INVALID_WELCOME_CODE`](crate::ErrCode::INVALID_WELCOME_CODE): the code is used or too old; whether KF has the
    /// same numbers as the rest of WeCom rests on a single source. [`Error::InvalidInput`]: a message of another kind.
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
    /// They are kept for three days. Go on with the page's cursor while it says so, even if it is empty; keep a cursor
    /// per account, and keep it after its page was handled. Messages of ours are not among them. A message may come
    /// more than once: tell repeats apart by msgid.
    ///
    /// `POST /cgi-bin/kf/sync_msg`, [official page](https://developer.work.weixin.qq.com/document/path/94670).
    ///
    /// # Errors
    ///
    /// [`INVALID_SYNC_TOKEN`](crate::ErrCode::INVALID_SYNC_TOKEN): the callback's token is older than 10 minutes, so
    /// call again without it. [`RATE_LIMIT_EXCEEDED`](crate::ErrCode::RATE_LIMIT_EXCEEDED): too often, above all
    /// without a token; wait a minute.
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

/// The msgid that WeCom names, which is ours unless it has its reasons.
fn sent_msgid(named: Option<String>, ours: MsgId) -> MsgId {
    named.filter(|id| !id.is_empty()).map_or(ours, MsgId::received)
}
