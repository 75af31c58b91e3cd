//! Messages: sending them and reading them.

pub mod content;
pub mod event;
mod fields;
pub mod outgoing;
mod page;
mod received;
mod repair;

pub use content::Content;
pub use event::Event;
pub use outgoing::{Msgmenu, Outgoing, Text};
pub use page::{Page, SyncRequest, VoiceFormat};
pub use received::{Message, Origin};

use crate::client::Client;
use crate::input;
use crate::raw::{limits::sync_msg as limits, op, types};
use crate::{Error, ExternalUserId, MsgId, OpenKfid};

/// Messages: [`Client::message`].
#[derive(Clone, Copy, Debug)]
pub struct Messages<'a>(pub(crate) &'a Client);

impl Messages<'_> {
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
    /// it is queued or over. [`MESSAGE_COUNT_LIMIT_EXCEEDED`](crate::ErrCode::MESSAGE_COUNT_LIMIT_EXCEEDED),
    /// [`MESSAGE_WINDOW_CLOSED`](crate::ErrCode::MESSAGE_WINDOW_CLOSED): the customer has to write first.
    pub async fn send(
        self,
        open_kfid: &OpenKfid,
        external_userid: &ExternalUserId,
        message: impl Into<Outgoing>,
    ) -> Result<MsgId, Error> {
        self.send_as(&MsgId::random()?, open_kfid, external_userid, message).await
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
        open_kfid.check()?;
        external_userid.check()?;
        let mut body = types::SendRequest {
            msgid: Some(msgid.to_string()),
            open_kfid: Some(open_kfid.to_string()),
            touser: Some(external_userid.to_string()),
            ..Default::default()
        };
        message.into().put_into(&mut body)?;
        let reply = self.0.call(&op::SendMsg { body }).await?;
        Ok(reply.msgid.filter(|id| !id.is_empty()).map_or_else(|| msgid.clone(), MsgId::received))
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
        self.0.call(&page::Sync(body)).await
    }
}
