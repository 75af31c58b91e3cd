//! The requests that send a message: their options, and the check before anything leaves.

use std::fmt;

use super::{Outgoing, session_check};
use crate::input;
use crate::raw::{op, types};
use crate::{Bilingual, BoxFuture, Client, Error, ExternalUserId, MsgId, OpenKfid};

/// A message to a customer, sent when it is awaited. Returned by [`Messages::send`](super::Messages::send).
#[derive(Clone, Debug)]
#[must_use = "the message is sent when this is awaited"]
pub struct SendMessage<'a> {
    client: &'a Client,
    open_kfid: OpenKfid,
    external_userid: ExternalUserId,
    message: Outgoing,
    msgid: Option<MsgId>,
    checks_session: bool,
}

impl<'a> SendMessage<'a> {
    pub(super) fn new(
        client: &'a Client,
        open_kfid: OpenKfid,
        external_userid: ExternalUserId,
        message: Outgoing,
    ) -> Self {
        Self { client, open_kfid, external_userid, message, msgid: None, checks_session: false }
    }

    /// Sends the message under your own msgid, of 1 to 32 bytes of `[0-9A-Za-z_-]`.
    ///
    /// Use it to make a send safe to repeat across restarts: derive the msgid from the message that you answer. WeCom
    /// refuses a msgid that was used before with [`DUPLICATE_MSGID`](crate::ErrCode::DUPLICATE_MSGID).
    pub fn msgid(mut self, msgid: impl Into<MsgId>) -> Self {
        self.msgid = Some(msgid.into());
        self
    }

    /// Reads the session before the send, which avoids refusals with 95018.
    ///
    /// A session that is untreated or has ended is moved to the assistant, if WeCom allows that. If a servicer has the
    /// session or it is queued, nothing is sent and the send fails with [`Error::SessionForbidsSending`], which says who
    /// has the session.
    ///
    /// This costs one more call, and two more if the session is moved.
    ///
    /// ```no_run
    /// # async fn example(client: wecom_kf::Client, kf: wecom_kf::OpenKfid, customer: wecom_kf::ExternalUserId)
    /// # -> Result<(), wecom_kf::Error> {
    /// client.messages().send(&kf, &customer, "您好").checking_session().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn checking_session(mut self) -> Self {
        self.checks_session = true;
        self
    }

    /// Checks the ids, the msgid and the message without sending anything. Awaiting the request runs the same check
    /// first.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: the first of them that is empty or exceeds a limit.
    pub fn check(&self) -> Result<(), Error> {
        self.msgid.as_ref().map_or(Ok(()), MsgId::check)?;
        self.open_kfid.check()?;
        self.external_userid.check()?;
        self.message.check()
    }

    async fn send(self) -> Result<MsgId, Error> {
        self.check()?;
        let Self { client, open_kfid, external_userid, message, msgid, checks_session } = self;
        let msgid = msgid.map_or_else(MsgId::random, Ok)?;
        if checks_session {
            client.sessions().take_over(&open_kfid, &external_userid).await?;
        }
        let mut body = types::SendRequest {
            msgid: Some(msgid.as_str().to_owned()),
            open_kfid: Some(open_kfid.as_str().to_owned()),
            touser: Some(external_userid.as_str().to_owned()),
            ..Default::default()
        };
        message.put_into(&mut body);
        match client.call(&op::SendMsg { body }).await {
            Ok(reply) => Ok(sent_msgid(reply.msgid, msgid)),
            Err(error) => Err(session_check::explain(client, error, &open_kfid, &external_userid).await),
        }
    }
}

impl<'a> IntoFuture for SendMessage<'a> {
    type Output = Result<MsgId, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// The message that an event permits, sent when it is awaited. Returned by
/// [`Messages::send_on_event`](super::Messages::send_on_event). `Debug` hides the code.
#[derive(Clone)]
#[must_use = "the message is sent when this is awaited"]
pub struct SendOnEvent<'a> {
    client: &'a Client,
    code: String,
    message: Outgoing,
    msgid: Option<MsgId>,
}

impl<'a> SendOnEvent<'a> {
    pub(super) fn new(client: &'a Client, code: String, message: Outgoing) -> Self {
        Self { client, code, message, msgid: None }
    }

    /// Sends the message under your own msgid, of 1 to 32 bytes of `[0-9A-Za-z_-]`. See [`SendMessage::msgid`].
    pub fn msgid(mut self, msgid: impl Into<MsgId>) -> Self {
        self.msgid = Some(msgid.into());
        self
    }

    /// Checks the code, the msgid and the message without sending anything. Awaiting the request runs the same check
    /// first.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: the first of them that is empty or exceeds a limit, or the message is neither a text nor a
    /// menu.
    pub fn check(&self) -> Result<(), Error> {
        input::not_empty("code", &self.code)?;
        self.msgid.as_ref().map_or(Ok(()), MsgId::check)?;
        match &self.message {
            Outgoing::Text(_) | Outgoing::Msgmenu(_) => self.message.check(),
            _ => Err(input::malformed(Bilingual::fixed("message", "消息"), "a text or a menu", "是文本或菜单")),
        }
    }

    async fn send(self) -> Result<MsgId, Error> {
        self.check()?;
        let Self { client, code, message, msgid } = self;
        let msgid = msgid.map_or_else(MsgId::random, Ok)?;
        let mut sent = types::SendRequest::default();
        message.put_into(&mut sent);
        let body = types::SendOnEventRequest {
            code,
            msgid: Some(msgid.as_str().to_owned()),
            msgtype: sent.msgtype.unwrap_or_default(),
            text: sent.text.map(|text| types::SendOnEventRequestText { content: text.content.unwrap_or_default() }),
            msgmenu: sent.msgmenu.map(|menu| types::SendOnEventRequestMsgmenu {
                head_content: menu.head_content,
                list: menu.list,
                tail_content: menu.tail_content,
            }),
        };
        let reply = client.call(&op::SendMsgOnEvent { body }).await?;
        Ok(sent_msgid(reply.msgid, msgid))
    }
}

impl<'a> IntoFuture for SendOnEvent<'a> {
    type Output = Result<MsgId, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl fmt::Debug for SendOnEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendOnEvent")
            .field("message", &self.message)
            .field("msgid", &self.msgid)
            .finish_non_exhaustive()
    }
}

/// Returns the msgid of a sent message: the one in WeCom's reply, or ours if the reply has none.
fn sent_msgid(named: Option<String>, ours: MsgId) -> MsgId {
    named.filter(|id| !id.is_empty()).map_or(ours, MsgId::from)
}
