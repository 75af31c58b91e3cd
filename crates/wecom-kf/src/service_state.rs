//! Operations on the state of sessions.

use std::fmt;

use crate::client::Client;
use wecom_kf_text::{MAX_OUTSIDE, shortened};

use crate::input;
use crate::raw::{op, types};
use crate::{Class, ErrCode, Error, ExternalUserId, OpenKfid, Refusal};

/// Who serves a customer's session: [`Client::service_state`].
#[derive(Clone, Copy, Debug)]
pub struct SessionStates<'a>(pub(crate) &'a Client);

/// The state of a session. Open: a number WeCom adds is a value like any other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionState(pub i64);

impl SessionState {
    /// 未处理: new; the API may reply, assign or queue it.
    pub const UNTREATED: Self = Self(0);
    /// 由智能助手接待: the API, or a bot, is answering.
    pub const ASSISTANT: Self = Self(1);
    /// 待接入池排队中: waiting for a servicer.
    pub const QUEUE: Self = Self(2);
    /// 由人工接待: a servicer answers, and the API cannot send (95018).
    pub const SERVICER: Self = Self(3);
    /// 已结束/未开始: over, or not begun; the customer's next message opens a new session.
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

/// What [`SessionStates::get`] answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceState {
    /// The state.
    pub state: SessionState,
    /// The servicer who has the session, in [`SessionState::SERVICER`].
    pub servicer_userid: Option<String>,
}

/// Where to move a session: [`SessionStates::trans`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trans {
    state: SessionState,
    servicer_userid: Option<String>,
}

impl Trans {
    /// To the bot: [`SessionState::ASSISTANT`].
    pub fn to_assistant() -> Self {
        Self { state: SessionState::ASSISTANT, servicer_userid: None }
    }

    /// Into the pool, for any servicer to take: [`SessionState::QUEUE`].
    pub fn to_queue() -> Self {
        Self { state: SessionState::QUEUE, servicer_userid: None }
    }

    /// To one servicer, who must be of the account, activated and receiving: [`SessionState::SERVICER`].
    pub fn to_servicer(userid: impl Into<String>) -> Self {
        Self { state: SessionState::SERVICER, servicer_userid: Some(userid.into()) }
    }

    /// To its end: [`SessionState::ENDED`].
    pub fn to_end() -> Self {
        Self { state: SessionState::ENDED, servicer_userid: None }
    }
}

/// What [`SessionStates::trans`] answers. Its Debug hides the code.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transferred {
    /// A code to send one message with (`send_msg_on_event`): after the first move into the queue or to a servicer for
    /// 48 hours, after the move to the end for 20 seconds.
    pub msg_code: Option<String>,
}

impl fmt::Debug for Transferred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transferred").field("msg_code", &self.msg_code.as_ref().map(|_| "***")).finish()
    }
}

impl ServiceState {
    /// For people.
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
    /// The state of a customer's session.
    ///
    /// `POST /cgi-bin/kf/service_state/get`, [official page](https://developer.work.weixin.qq.com/document/path/94669).
    ///
    /// # Errors
    ///
    /// [`INVALID_EXTERNAL_USERID`](crate::ErrCode::INVALID_EXTERNAL_USERID): the id is of another corp or was changed
    /// on the way.
    pub async fn get(self, open_kfid: &OpenKfid, external_userid: &ExternalUserId) -> Result<ServiceState, Error> {
        open_kfid.check()?;
        external_userid.check()?;
        let body = types::GetServiceStateRequest {
            open_kfid: open_kfid.to_string(),
            external_userid: external_userid.to_string(),
        };
        let reply = self.0.call(&op::ServiceStateGet { body }).await?;
        // "Untreated" would be a state to send in.
        let missing = Error::lacks("service_state_get", "service_state");
        Ok(ServiceState {
            state: reply.service_state.map(SessionState).ok_or(missing)?,
            // Errors show it.
            servicer_userid: reply
                .servicer_userid
                .filter(|userid| !userid.is_empty())
                .map(|userid| shortened(&userid, MAX_OUTSIDE).to_owned()),
        })
    }

    /// Moves a customer's session.
    ///
    /// Documented are the moves from untreated and from assistant to queue, servicer and the end; from untreated to
    /// assistant; from queue to servicer; from servicer to another servicer and to the end. From the queue to the end
    /// works in practice. WeCom decides. No event tells of a move made here.
    ///
    /// `POST /cgi-bin/kf/service_state/trans`, [official page](https://developer.work.weixin.qq.com/document/path/94669).
    /// Never repeated on its own.
    ///
    /// # Errors
    ///
    /// [`STATE_TRANSITION_NOT_ALLOWED`](crate::ErrCode::STATE_TRANSITION_NOT_ALLOWED), 95013: read the state anew.
    /// 95014: no servicer of the account. 95019: the servicer has stopped receiving.
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
            // The constants are the only states a `Trans` can hold, and small.
            service_state: to.state.0 as i32,
            servicer_userid: to.servicer_userid,
        };
        let reply = self.0.call(&op::ServiceStateTrans { body }).await?;
        Ok(Transferred { msg_code: reply.msg_code.filter(|code| !code.is_empty()) })
    }

    /// Makes a session one that the API may send in, or says who has it.
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
                    // WeCom decides: the document allows no move from the end, but for the customer's next message.
                    Err(error) if error.class() == Class::StateConflict => Err(Error::SessionForbidsSending(session)),
                    moved => moved.map(drop),
                }
            }
            _ => Err(Error::SessionForbidsSending(session)),
        }
    }

    /// The error of a send; if the session forbade it, with the session as it is now.
    pub(crate) async fn named_in(self, error: Error, open_kfid: &OpenKfid, external_userid: &ExternalUserId) -> Error {
        match error {
            Error::Refused(refusal) if refusal.code == ErrCode::SESSION_STATE_FORBIDS_SENDING => {
                let session = self.get(open_kfid, external_userid).await.ok();
                Error::Refused(Refusal { session, ..refusal })
            }
            error => error,
        }
    }
}
