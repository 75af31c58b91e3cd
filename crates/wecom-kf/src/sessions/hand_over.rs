//! The hand-over of a session to people, and its end: safe to repeat, one move, and the one message that WeCom allows after it.

use crate::messages::Outgoing;
use crate::servicers::ReceptionStatus;
use crate::{
    BoxFuture, Class, Client, ErrCode, Error, ExternalUserId, MsgCode, MsgId, OpenKfid, Session, SessionState,
    Transition, UserId,
};

/// Who is to get a session, for [`Sessions::hand_over`](super::Sessions::hand_over).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct To(Target);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Servicer(UserId),
    Queue,
    AnyoneReceiving,
    End,
}

impl To {
    /// One servicer, who must belong to the account and be receiving.
    pub fn servicer(userid: impl Into<UserId>) -> Self {
        Self(Target::Servicer(userid.into()))
    }

    /// The pool, where any servicer can accept the session.
    pub fn queue() -> Self {
        Self(Target::Queue)
    }

    /// A servicer of the account who receives now, chosen at random; the pool if nobody does.
    pub fn anyone_receiving() -> Self {
        Self(Target::AnyoneReceiving)
    }
}

/// A hand-over or the end of a session, carried out when it is awaited. Returned by
/// [`Sessions::hand_over`](super::Sessions::hand_over) and [`Sessions::end`](super::Sessions::end).
#[derive(Clone, Debug)]
#[must_use = "the session is moved when this is awaited"]
pub struct HandOver<'a> {
    client: &'a Client,
    open_kfid: OpenKfid,
    external_userid: ExternalUserId,
    target: Target,
    saying: Option<Outgoing>,
}

/// What became of a hand-over: where the session is now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandedOver {
    /// The session afterwards.
    pub session: Session,
    /// Whether this call moved it. `false` if it was there already, for example because an earlier call moved it.
    pub was_moved: bool,
    /// The msgid of the message of [`saying`](HandOver::saying), if it was sent. It is not sent if WeCom returned no code for
    /// it, as when the session was there already.
    pub said: Option<MsgId>,
}

impl<'a> HandOver<'a> {
    pub(super) fn new(client: &'a Client, open_kfid: OpenKfid, external_userid: ExternalUserId, to: To) -> Self {
        Self { client, open_kfid, external_userid, target: to.0, saying: None }
    }

    pub(super) fn to_end(client: &'a Client, open_kfid: OpenKfid, external_userid: ExternalUserId) -> Self {
        Self::new(client, open_kfid, external_userid, To(Target::End))
    }

    /// Sets the one message that WeCom allows after the move: a text, or a menu too if the session is ended.
    pub fn saying(mut self, message: impl Into<Outgoing>) -> Self {
        self.saying = Some(message.into());
        self
    }

    /// Checks the ids and the message without sending anything. Awaiting the request runs the same check first.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: an id is empty or invalid, or the message exceeds a limit.
    pub fn check(&self) -> Result<(), Error> {
        self.open_kfid.check()?;
        self.external_userid.check()?;
        if let Target::Servicer(userid) = &self.target {
            userid.check()?;
        }
        self.saying.as_ref().map_or(Ok(()), Outgoing::check)
    }

    async fn send(self) -> Result<HandedOver, Error> {
        self.check()?;
        let before = self.session().await?;
        if self.is_reached(&before) {
            return Ok(HandedOver { session: before, was_moved: false, said: None });
        }
        let (session, code) = match &self.target {
            Target::Servicer(userid) => self.move_to(Transition::to_servicer(userid)).await?,
            Target::Queue => self.move_to(Transition::to_queue()).await?,
            Target::End => self.move_to(Transition::to_end()).await?,
            Target::AnyoneReceiving => self.move_to_anyone(&before).await?,
        };
        let said = match (code, &self.saying) {
            (Some(code), Some(message)) => self.say(&code, message).await,
            _ => None,
        };
        Ok(HandedOver { was_moved: session != before, session, said })
    }

    /// Moves the session to a servicer who takes it, or into the pool.
    async fn move_to_anyone(&self, before: &Session) -> Result<(Session, Option<MsgCode>), Error> {
        let mut servicers = self.client.servicers().list(&self.open_kfid).await?.members;
        fastrand::shuffle(&mut servicers);
        // WeCom tells the status only to apps that may manage the account.
        servicers.retain(|servicer| servicer.status.is_none() || servicer.is_receiving());
        servicers.sort_by_key(|servicer| servicer.status != Some(ReceptionStatus::RECEIVING));
        for servicer in servicers {
            match self.move_to(Transition::to_servicer(servicer.userid)).await {
                Err(error) if is_unavailable(&error) => {}
                moved => return moved,
            }
        }
        match before.state {
            SessionState::QUEUE => Ok((before.clone(), None)),
            _ => self.move_to(Transition::to_queue()).await,
        }
    }

    /// Moves the session once. If the answer is lost, or WeCom refuses the move because the session is elsewhere, the state
    /// decides whether it was moved.
    async fn move_to(&self, to: Transition) -> Result<(Session, Option<MsgCode>), Error> {
        let session = Session { state: to.state, servicer_userid: to.servicer_userid.clone() };
        match self.client.sessions().transition(&self.open_kfid, &self.external_userid, to).await {
            Ok(moved) => Ok((session, moved.msg_code)),
            Err(error) if is_unavailable(&error) => Err(error),
            Err(error) if error.class() == Class::StateConflict || may_have_happened(&error) => {
                match self.session().await {
                    Ok(now) if now == session || self.is_reached(&now) => Ok((now, None)),
                    _ => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Sends the message that the code allows. That it failed must not hide that the session was moved.
    async fn say(&self, code: &MsgCode, message: &Outgoing) -> Option<MsgId> {
        match self.client.messages().send_on_event(code, message.clone()).await {
            Ok(msgid) => Some(msgid),
            Err(error) => {
                tracing::warn!(open_kfid = %self.open_kfid, %error, "the session was moved, but the message after it was not sent");
                None
            }
        }
    }

    async fn session(&self) -> Result<Session, Error> {
        self.client.sessions().get(&self.open_kfid, &self.external_userid).await
    }

    /// Whether the session is where it is to be, so that no move is needed. A session that people have already is not put back
    /// into the pool.
    fn is_reached(&self, session: &Session) -> bool {
        match &self.target {
            Target::Servicer(userid) => {
                session.state == SessionState::SERVICER && session.servicer_userid.as_ref() == Some(userid)
            }
            Target::Queue => matches!(session.state, SessionState::QUEUE | SessionState::SERVICER),
            Target::AnyoneReceiving => session.state == SessionState::SERVICER,
            Target::End => session.state == SessionState::ENDED,
        }
    }
}

impl<'a> IntoFuture for HandOver<'a> {
    type Output = Result<HandedOver, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// The servicer stopped receiving or left since the list was read.
fn is_unavailable(error: &Error) -> bool {
    matches!(error.code(), Some(ErrCode::SERVICER_NOT_RECEIVING | ErrCode::NOT_A_SERVICER))
}

fn may_have_happened(error: &Error) -> bool {
    matches!(error, Error::NoAnswer { .. } | Error::TimedOut { .. } | Error::BadReply { .. })
}
