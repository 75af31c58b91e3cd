//! Sessions: reading their state, handing them over, and the check of the session before and after a send.

use std::fmt;

use crate::client::Client;
use wecom_kf_text::{MAX_OUTSIDE, shortened};

use crate::input;
use crate::raw::{op, types};
use crate::{Class, ErrCode, Error, ExternalUserId, OpenKfid, Refusal};

/// The operations on sessions, returned by [`Client::service_state`].
///
/// ```no_run
/// use wecom_kf::{SessionState, Trans};
///
/// # async fn example(client: wecom_kf::Client, kf: wecom_kf::OpenKfid, customer: wecom_kf::ExternalUserId)
/// # -> Result<(), wecom_kf::Error> {
/// let session = client.service_state().get(&kf, &customer).await?;
/// if session.state == SessionState::ASSISTANT {
///     client.service_state().trans(&kf, &customer, Trans::to_queue()).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SessionStates<'a>(pub(crate) &'a Client);

/// The state of a session, by WeCom's number. Numbers without a constant here are kept as they are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionState(pub i64);

impl SessionState {
    /// 未处理: the session is new. The API may send messages, assign the session or queue it.
    pub const UNTREATED: Self = Self(0);
    /// 由智能助手接待: the API (a bot) answers.
    pub const ASSISTANT: Self = Self(1);
    /// 待接入池排队中: the customer waits for a servicer.
    pub const QUEUE: Self = Self(2);
    /// 由人工接待: a servicer answers, and the API cannot send (95018).
    pub const SERVICER: Self = Self(3);
    /// 已结束/未开始: the session has ended or has not begun. The customer's next message opens a new session.
    pub const ENDED: Self = Self(4);
}

impl fmt::Debug for SessionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::UNTREATED => "untreated",
            Self::ASSISTANT => "assistant",
            Self::QUEUE => "queue",
            Self::SERVICER => "servicer",
            Self::ENDED => "ended",
            _ => "unknown",
        };
        write!(f, "{} {name}", self.0)
    }
}

/// The state of a session and its servicer, returned by [`SessionStates::get`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceState {
    /// The state.
    pub state: SessionState,
    /// The userid of the servicer who has the session, in [`SessionState::SERVICER`].
    pub servicer_userid: Option<String>,
}

/// The target of a session's move, for [`SessionStates::trans`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trans {
    state: SessionState,
    servicer_userid: Option<String>,
}

impl Trans {
    /// Moves the session to the bot: [`SessionState::ASSISTANT`].
    pub fn to_assistant() -> Self {
        Self { state: SessionState::ASSISTANT, servicer_userid: None }
    }

    /// Moves the session into the pool, where any servicer can accept it: [`SessionState::QUEUE`].
    pub fn to_queue() -> Self {
        Self { state: SessionState::QUEUE, servicer_userid: None }
    }

    /// Moves the session to one servicer, who must belong to the account, be activated and be receiving:
    /// [`SessionState::SERVICER`].
    pub fn to_servicer(userid: impl Into<String>) -> Self {
        Self { state: SessionState::SERVICER, servicer_userid: Some(userid.into()) }
    }

    /// Ends the session: [`SessionState::ENDED`].
    pub fn to_end() -> Self {
        Self { state: SessionState::ENDED, servicer_userid: None }
    }
}

/// The outcome of a session's move, returned by [`SessionStates::trans`]. `Debug` hides the code.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transferred {
    /// A code that allows one message through [`Messages::on_event`](crate::message::Messages::on_event). It is valid for
    /// 48 hours after the first move into the queue or to a servicer, and for 20 seconds after the session was ended.
    pub msg_code: Option<String>,
}

impl fmt::Debug for Transferred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transferred").field("msg_code", &self.msg_code.as_ref().map(|_| "***")).finish()
    }
}

impl ServiceState {
    /// Describes the session in Chinese, for error texts.
    pub(crate) fn in_chinese(&self) -> String {
        let state = match self.state {
            SessionState::UNTREATED => "未处理",
            SessionState::ASSISTANT => "由智能助手接待",
            SessionState::QUEUE => "待接入池排队中",
            SessionState::SERVICER => "由人工接待",
            SessionState::ENDED => "已结束/未开始",
            _ => "未知",
        };
        let servicer = self.servicer_userid.as_ref().map(|userid| format!("，{userid}")).unwrap_or_default();
        format!("{state}（{}）{servicer}", self.state.0)
    }
}

impl fmt::Display for ServiceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "state {:?}", self.state)?;
        match &self.servicer_userid {
            Some(userid) => write!(f, ", servicer {userid}"),
            None => Ok(()),
        }
    }
}

impl SessionStates<'_> {
    /// Returns the state of a customer's session.
    ///
    /// `POST /cgi-bin/kf/service_state/get`, [official page](https://developer.work.weixin.qq.com/document/path/94669).
    ///
    /// # Errors
    ///
    /// [`INVALID_EXTERNAL_USERID`](crate::ErrCode::INVALID_EXTERNAL_USERID): the id belongs to another corp or was
    /// modified.
    pub async fn get(self, open_kfid: &OpenKfid, external_userid: &ExternalUserId) -> Result<ServiceState, Error> {
        open_kfid.check()?;
        external_userid.check()?;
        let body = types::GetServiceStateRequest {
            open_kfid: open_kfid.to_string(),
            external_userid: external_userid.to_string(),
        };
        let reply = self.0.call(&op::ServiceStateGet { body }).await?;
        // A missing state must not become 0 ("untreated"), because that state allows sending.
        let missing = Error::lacks("service_state_get", "service_state");
        Ok(ServiceState {
            state: reply.service_state.map(SessionState).ok_or(missing)?,
            // Shortened because error texts contain it.
            servicer_userid: reply
                .servicer_userid
                .filter(|userid| !userid.is_empty())
                .map(|userid| shortened(&userid, MAX_OUTSIDE).to_owned()),
        })
    }

    /// Moves a customer's session to the bot, into the queue, to a servicer or to its end.
    ///
    /// WeCom documents these moves: from untreated to assistant; from untreated and from assistant to queue, servicer and
    /// end; from queue to servicer; from servicer to another servicer and to the end. The move from the queue to the end
    /// works in practice. The client does not check the move: WeCom decides. WeCom sends no event for a move through the
    /// API.
    ///
    /// `POST /cgi-bin/kf/service_state/trans`, [official page](https://developer.work.weixin.qq.com/document/path/94669).
    /// The client never repeats this call.
    ///
    /// # Errors
    ///
    /// [`STATE_TRANSITION_NOT_ALLOWED`](crate::ErrCode::STATE_TRANSITION_NOT_ALLOWED) or 95013: the session is in another
    /// state than you expect, so read it again. 95014: the userid is not a servicer of the account. 95019: the servicer
    /// has stopped receiving.
    pub async fn trans(
        self,
        open_kfid: &OpenKfid,
        external_userid: &ExternalUserId,
        to: Trans,
    ) -> Result<Transferred, Error> {
        open_kfid.check()?;
        external_userid.check()?;
        if let Some(userid) = &to.servicer_userid {
            input::not_empty("servicer_userid", userid)?;
        }
        let body = types::TransformServiceStateRequest {
            open_kfid: open_kfid.to_string(),
            external_userid: external_userid.to_string(),
            // A `Trans` only holds the constants 1 to 4, so the cast loses nothing.
            service_state: to.state.0 as i32,
            servicer_userid: to.servicer_userid,
        };
        let reply = self.0.call(&op::ServiceStateTrans { body }).await?;
        Ok(Transferred { msg_code: reply.msg_code.filter(|code| !code.is_empty()) })
    }

    /// Moves the session to the assistant if it is untreated or ended, so that the API may send. Fails with the state of
    /// the session if a servicer has it or it is queued.
    pub(crate) async fn take_for_sending(
        self,
        open_kfid: &OpenKfid,
        external_userid: &ExternalUserId,
    ) -> Result<(), Error> {
        let session = self.get(open_kfid, external_userid).await?;
        match session.state {
            SessionState::ASSISTANT => Ok(()),
            SessionState::UNTREATED | SessionState::ENDED => {
                let moved = self.trans(open_kfid, external_userid, Trans::to_assistant()).await;
                match moved {
                    // WeCom documents no move from `ENDED`: only the customer's next message opens a new session.
                    Err(error) if error.class() == Class::StateConflict => Err(Error::SessionForbidsSending(session)),
                    moved => moved.map(drop),
                }
            }
            _ => Err(Error::SessionForbidsSending(session)),
        }
    }

    /// Adds the current state of the session to the error of a send that WeCom refused because of that state.
    pub(crate) async fn with_session(
        self,
        error: Error,
        open_kfid: &OpenKfid,
        external_userid: &ExternalUserId,
    ) -> Error {
        match error {
            Error::Refused(refusal) if refusal.code == ErrCode::SESSION_STATE_FORBIDS_SENDING => {
                let session = self.get(open_kfid, external_userid).await.ok();
                Error::Refused(Refusal { session, ..refusal })
            }
            error => error,
        }
    }
}
