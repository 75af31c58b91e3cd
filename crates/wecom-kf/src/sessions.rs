//! Sessions: reading their state, and moving them between the bot, the queue, servicers and their end.

mod hand_over;
mod take_over;

use std::fmt;

use serde::Serialize;
use wecom_kf_text::{MAX_OUTSIDE, shortened};

use crate::input;
use crate::open_number::open_number;
use crate::raw::{op, types};
use crate::{Client, Error, ExternalUserId, MsgCode, OpenKfid, UserId};

pub use hand_over::{HandOver, HandedOver, To};

/// The operations on sessions, returned by [`Client::sessions`].
///
/// ```no_run
/// use wecom_kf::{SessionState, Transition};
///
/// # async fn example(client: wecom_kf::Client, kf: wecom_kf::OpenKfid, customer: wecom_kf::ExternalUserId)
/// # -> Result<(), wecom_kf::Error> {
/// let session = client.sessions().get(&kf, &customer).await?;
/// if session.state == SessionState::ASSISTANT {
///     client.sessions().transition(&kf, &customer, Transition::to_queue()).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Sessions<'a>(&'a Client);

impl Client {
    /// Returns the operations on sessions: reading who serves a customer, and handing the session over.
    pub fn sessions(&self) -> Sessions<'_> {
        Sessions(self)
    }
}

open_number! {
    /// The state of a session, by WeCom's number.
    SessionState {
        /// 未处理: the session is new. The API may send messages, assign the session or queue it.
        UNTREATED = 0,
        /// 由智能助手接待: the API (a bot) answers.
        ASSISTANT = 1,
        /// 待接入池排队中: the customer waits for a servicer.
        QUEUE = 2,
        /// 由人工接待: a servicer answers, and the API cannot send (95018).
        SERVICER = 3,
        /// 已结束/未开始: the session has ended or has not begun. The customer's next message opens a new session.
        ENDED = 4,
    }
}

/// A session: its state and its servicer. Returned by [`Sessions::get`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Session {
    /// The state.
    pub state: SessionState,
    /// The userid of the servicer who has the session, in [`SessionState::SERVICER`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub servicer_userid: Option<UserId>,
}

/// The target of a session's move, for [`Sessions::transition`].
///
/// ```
/// use wecom_kf::Transition;
///
/// let to_the_pool = Transition::to_queue();
/// let to_one_person = Transition::to_servicer("zhangsan");
/// # assert_ne!(to_the_pool, to_one_person);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Transition {
    state: SessionState,
    #[serde(skip_serializing_if = "Option::is_none")]
    servicer_userid: Option<UserId>,
}

impl Transition {
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
    pub fn to_servicer(userid: impl Into<UserId>) -> Self {
        Self { state: SessionState::SERVICER, servicer_userid: Some(userid.into()) }
    }

    /// Ends the session: [`SessionState::ENDED`].
    pub fn to_end() -> Self {
        Self { state: SessionState::ENDED, servicer_userid: None }
    }
}

/// The outcome of a session's move, returned by [`Sessions::transition`]. `Debug` hides the code.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transitioned {
    /// A code that allows one message through [`Messages::send_on_event`](crate::messages::Messages::send_on_event). It is
    /// valid for 48 hours after the first move into the queue or to a servicer, and for 20 seconds after the session was
    /// ended.
    pub msg_code: Option<MsgCode>,
}

impl Session {
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

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.state {
            SessionState(0..=4) => write!(f, "state {} {}", self.state.0, self.state)?,
            SessionState(number) => write!(f, "state {number} unknown")?,
        }
        match &self.servicer_userid {
            Some(userid) => write!(f, ", servicer {userid}"),
            None => Ok(()),
        }
    }
}

impl<'a> Sessions<'a> {
    /// Returns the state of a customer's session, and the servicer who has it.
    ///
    /// `POST /cgi-bin/kf/service_state/get`, [official page](https://developer.work.weixin.qq.com/document/path/94669).
    ///
    /// # Errors
    ///
    /// [`INVALID_EXTERNAL_USERID`](crate::ErrCode::INVALID_EXTERNAL_USERID): the id belongs to another corp or was
    /// modified.
    pub async fn get(
        self,
        open_kfid: impl Into<OpenKfid>,
        external_userid: impl Into<ExternalUserId>,
    ) -> Result<Session, Error> {
        let (open_kfid, external_userid) = (open_kfid.into(), external_userid.into());
        open_kfid.check()?;
        external_userid.check()?;
        let body =
            types::GetServiceStateRequest { open_kfid: open_kfid.into(), external_userid: external_userid.into() };
        let reply = self.0.call(&op::ServiceStateGet { body }).await?;
        // A missing state must not become 0 ("untreated"), because that state allows sending.
        let missing = || Error::lacks("service_state_get", "service_state");
        Ok(Session {
            state: reply.service_state.map(SessionState).ok_or_else(missing)?,
            // Shortened because error texts contain it.
            servicer_userid: reply
                .servicer_userid
                .filter(|userid| !userid.is_empty())
                .map(|userid| shortened(&userid, MAX_OUTSIDE).into()),
        })
    }

    /// Hands a customer's session over to people: reads its state, moves it once if it is elsewhere, and sends the message that
    /// WeCom then allows. It is safe to repeat: a session that a servicer has already stays with that servicer, unless
    /// another one is named.
    ///
    /// ```no_run
    /// use wecom_kf::To;
    ///
    /// # async fn example(client: wecom_kf::Client, kf: wecom_kf::OpenKfid, customer: wecom_kf::ExternalUserId)
    /// # -> Result<(), wecom_kf::Error> {
    /// let hand_over = client.sessions().hand_over(&kf, &customer, To::anyone_receiving());
    /// let handed = hand_over.saying("正在为您转接人工，请稍候。").await?;
    /// println!("{}", handed.session); // state 3 servicer, servicer zhangsan
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// `POST /cgi-bin/kf/service_state/get`, `servicer/list`, `service_state/trans`, `send_msg_on_event`;
    /// [official page](https://developer.work.weixin.qq.com/document/path/94669).
    ///
    /// # Errors
    ///
    /// Those of [`transition`](Self::transition): the session has ended, for example, or the named servicer does not receive.
    pub fn hand_over(
        self,
        open_kfid: impl Into<OpenKfid>,
        external_userid: impl Into<ExternalUserId>,
        to: To,
    ) -> HandOver<'a> {
        HandOver::new(self.0, open_kfid.into(), external_userid.into(), to)
    }

    /// Ends a customer's session, unless it has ended already. Set the message to say good-bye with
    /// [`saying`](HandOver::saying).
    ///
    /// # Errors
    ///
    /// Those of [`transition`](Self::transition).
    pub fn end(self, open_kfid: impl Into<OpenKfid>, external_userid: impl Into<ExternalUserId>) -> HandOver<'a> {
        HandOver::to_end(self.0, open_kfid.into(), external_userid.into())
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
    pub async fn transition(
        self,
        open_kfid: impl Into<OpenKfid>,
        external_userid: impl Into<ExternalUserId>,
        to: Transition,
    ) -> Result<Transitioned, Error> {
        let (open_kfid, external_userid) = (open_kfid.into(), external_userid.into());
        open_kfid.check()?;
        external_userid.check()?;
        if let Some(userid) = &to.servicer_userid {
            input::not_empty("servicer_userid", userid.as_str())?;
        }
        let body = types::TransformServiceStateRequest {
            open_kfid: open_kfid.into(),
            external_userid: external_userid.into(),
            // A `Transition` only holds the constants 1 to 4, so the cast loses nothing.
            service_state: to.state.0 as i32,
            servicer_userid: to.servicer_userid.map(String::from),
        };
        let reply = self.0.call(&op::ServiceStateTrans { body }).await?;
        Ok(Transitioned { msg_code: reply.msg_code.filter(|code| !code.is_empty()).map(MsgCode::from) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_shown_with_its_number_state_and_servicer() {
        let shown = |number, servicer: Option<&str>| {
            let session = Session { state: SessionState(number), servicer_userid: servicer.map(UserId::from) };
            (session.to_string(), serde_json::to_string(&session).unwrap())
        };
        let (text, json) = shown(3, Some("zhangsan"));
        assert_eq!(text, "state 3 servicer, servicer zhangsan");
        assert_eq!(json, r#"{"state":3,"servicer_userid":"zhangsan"}"#);
        assert_eq!(shown(0, None).0, "state 0 untreated");
        assert_eq!(shown(9, None), ("state 9 unknown".to_owned(), r#"{"state":9}"#.to_owned()));
    }
}
