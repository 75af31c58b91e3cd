//! `wecom-kf sessions`: who serves a customer, and moving the session between the bot, the queue, servicers and its end.

use clap::Subcommand;
use serde::Serialize;
use wecom_kf::messages::Outgoing;
use wecom_kf::{
    Bilingual, Client, ExternalUserId, Lang, MsgId, OpenKfid, Session, SessionState, To, Transition, UserId,
};

use crate::app::App;
use crate::failure::{Exit, Failure, Problem};
use crate::out::{Column, column, yes_or_no};

#[derive(Debug, Subcommand)]
pub(crate) enum Sessions {
    /// Shows the state of a customer's session, and the servicer who has it
    Get {
        /// The customer
        external_userid: ExternalUserId,
    },
    /// Moves a customer's session to the bot, into the queue, to a servicer, or to its end
    ///
    /// WeCom allows these moves: 0 untreated to 1, 2, 3 and 4; 1 assistant to 2, 3 and 4; 2 queue to 3 and 4; 3 servicer to
    /// another servicer and to 4. A session that has ended begins again with the customer's next message.
    Transition {
        /// The customer
        external_userid: ExternalUserId,
        /// The new state: assistant, queue, servicer or ended, or its number 1, 2, 3 or 4
        #[arg(value_parser = target)]
        state: SessionState,
        /// The servicer who gets the session; without it, one who receives customers now, or the queue if nobody does
        #[arg(long, value_name = "USERID")]
        servicer: Option<UserId>,
        /// A text for the customer, which WeCom allows after a move to the queue, to a servicer, or to the end
        #[arg(long, value_name = "TEXT")]
        saying: Option<String>,
    },
}

pub(crate) const CHINESE: &[(&str, &str)] = &[
    ("sessions", "会话：查询状态、变更状态"),
    ("sessions get", "查询客户的会话状态和接待人员"),
    ("sessions get.external_userid", "客户"),
    (
        "sessions transition",
        "变更会话状态：交给智能助手、放入接待池、交给接待人员或结束。\n\n企业微信允许：0 未处理可变为 1、2、3、4；1 智能助手可变为 2、3、4；\
         2 排队中可变为 3、4；3 人工接待可转给其他接待人员或变为 4。已结束的会话在客户再次发消息时重新开始。",
    ),
    ("sessions transition.external_userid", "客户"),
    ("sessions transition.state", "新状态：assistant、queue、servicer、ended，或编号 1、2、3、4"),
    ("sessions transition.servicer", "接待人员；不给出则交给一位正在接待的人员，无人接待则放入接待池"),
    ("sessions transition.saying", "变更后发给客户的文字；放入接待池、交给接待人员或结束后，企业微信允许发一条"),
];

/// Parses the state that a session is moved to. For clap.
fn target(text: &str) -> Result<SessionState, String> {
    match text.parse() {
        Ok(state @ SessionState(1..=4)) => Ok(state),
        _ => Err("write assistant, queue, servicer or ended, or 1, 2, 3 or 4 (可写名称或编号)".to_owned()),
    }
}

/// What is printed of a session.
#[derive(Serialize)]
struct Shown {
    external_userid: ExternalUserId,
    service_state: i64,
    state: String,
    servicer_userid: Option<UserId>,
    may_send: bool,
    /// What was sent after a move.
    #[serde(skip_serializing_if = "Option::is_none")]
    msgid: Option<MsgId>,
}

impl Shown {
    fn new(external_userid: ExternalUserId, session: Session) -> Self {
        let state = session.state;
        Self {
            external_userid,
            service_state: state.0,
            state: name(state, Lang::En),
            servicer_userid: session.servicer_userid,
            may_send: may_send(state),
            msgid: None,
        }
    }
}

/// Returns whether the API may send to a customer whose session is in this state.
pub(super) fn may_send(state: SessionState) -> bool {
    matches!(state, SessionState::UNTREATED | SessionState::ASSISTANT)
}

/// Returns the name of a state, such as `assistant`.
fn name(state: SessionState, lang: Lang) -> String {
    let chinese = match state {
        SessionState::UNTREATED => "未处理",
        SessionState::ASSISTANT => "智能助手接待",
        SessionState::QUEUE => "排队中",
        SessionState::SERVICER => "人工接待",
        SessionState::ENDED => "已结束或未开始",
        SessionState(_) => "未知",
    };
    match (lang, state) {
        (Lang::En, SessionState(0..=4)) => state.to_string(),
        (Lang::En, _) => "unknown".to_owned(),
        (Lang::Zh, _) => chinese.to_owned(),
    }
}

/// Describes a session, such as `3 servicer (zhangsan)`.
pub(super) fn described(session: &Session, lang: Lang) -> String {
    let state = format!("{} {}", session.state.0, name(session.state, lang));
    match (&session.servicer_userid, lang) {
        (Some(servicer), Lang::En) => format!("{state} ({servicer})"),
        (Some(servicer), Lang::Zh) => format!("{state}（{servicer}）"),
        (None, _) => state,
    }
}

impl Sessions {
    pub(crate) async fn run(self, app: &App) -> Result<(), Failure> {
        let (client, account) = (app.client()?, app.account()?);
        match self {
            Self::Get { external_userid } => {
                let session = client.sessions().get(&account, &external_userid).await?;
                app.out.record(&columns(), &Shown::new(external_userid, session))
            }
            Self::Transition { external_userid, state, servicer, saying } => {
                let wish = Wish { account, external_userid, state, servicer, saying };
                wish.check(&client)?;
                wish.run(app, &client).await
            }
        }
    }
}

fn columns() -> [Column<Shown>; 4] {
    [
        column("CUSTOMER", "客户", |shown, _| shown.external_userid.to_string()),
        column("STATE", "状态", |shown, lang| {
            format!("{} {}", shown.service_state, name(SessionState(shown.service_state), lang))
        }),
        column("SERVICER", "接待人员", |shown, _| {
            shown.servicer_userid.as_ref().map_or_else(|| "-".to_owned(), UserId::to_string)
        }),
        column("API MAY SEND", "接口可发消息", |shown, lang| yes_or_no(shown.may_send, lang)),
    ]
}

/// A move that was asked for.
struct Wish {
    account: OpenKfid,
    external_userid: ExternalUserId,
    state: SessionState,
    servicer: Option<UserId>,
    saying: Option<String>,
}

impl Wish {
    /// Refuses what makes no sense before anything is read or asked.
    fn check(&self, client: &Client) -> Result<(), Failure> {
        if self.servicer.is_some() && self.state != SessionState::SERVICER {
            let what = Bilingual::fixed("--servicer needs the state servicer", "--servicer 只用于状态 servicer");
            return Err(usage(what));
        }
        if self.saying.is_some() && self.state == SessionState::ASSISTANT {
            let what = Bilingual::fixed(
                "--saying does not go with the state assistant: the bot can send without it",
                "--saying 不能用于状态 assistant：该状态下可直接发送",
            );
            return Err(usage(what));
        }
        Ok(self.hand_over(client).check()?)
    }

    async fn run(self, app: &App, client: &Client) -> Result<(), Failure> {
        let before = client.sessions().get(&self.account, &self.external_userid).await?;
        if self.is_reached(&before) {
            app.out.note(&Bilingual::fixed("the session is there already", "会话已处于该状态"));
            return app.out.record(&columns(), &Shown::new(self.external_userid, before));
        }
        if !app.agree(&self.described(&before))? {
            return Ok(());
        }
        let (after, msgid) = self.moved(client, &before).await?;
        if self.saying.is_some() && msgid.is_none() {
            app.out.note(&Bilingual::fixed(
                "the session was moved, but the text was not sent",
                "会话已变更，但文字没有发出",
            ));
        }
        app.out.record(&columns(), &Shown { msgid, ..Shown::new(self.external_userid, after) })
    }

    fn is_reached(&self, session: &Session) -> bool {
        session.state == self.state && (self.servicer.is_none() || self.servicer == session.servicer_userid)
    }

    async fn moved(&self, client: &Client, before: &Session) -> Result<(Session, Option<MsgId>), Failure> {
        let to = match (self.state, before.state) {
            (SessionState::ASSISTANT, _) => Transition::to_assistant(),
            // A hand-over leaves the session with its servicer. Here, WeCom's refusal is the answer.
            (SessionState::QUEUE, SessionState::SERVICER) => Transition::to_queue(),
            _ => {
                let handed = self.hand_over(client).await?;
                return Ok((handed.session, handed.said));
            }
        };
        client.sessions().transition(&self.account, &self.external_userid, to).await?;
        Ok((client.sessions().get(&self.account, &self.external_userid).await?, None))
    }

    fn hand_over<'a>(&self, client: &'a Client) -> wecom_kf::HandOver<'a> {
        let (account, customer) = (&self.account, &self.external_userid);
        let request = match (self.state, &self.servicer) {
            (SessionState::SERVICER, Some(servicer)) => {
                client.sessions().hand_over(account, customer, To::servicer(servicer))
            }
            (SessionState::SERVICER, None) => client.sessions().hand_over(account, customer, To::anyone_receiving()),
            (SessionState::QUEUE, _) => client.sessions().hand_over(account, customer, To::queue()),
            _ => client.sessions().end(account, customer),
        };
        match &self.saying {
            Some(text) => request.saying(Outgoing::from(text.clone())),
            None => request,
        }
    }

    fn described(&self, before: &Session) -> Bilingual {
        let Self { external_userid, account, .. } = self;
        let to = |lang: Lang| match (&self.servicer, self.state) {
            (Some(servicer), _) => described_target(self.state, servicer.as_str(), lang),
            (None, SessionState::SERVICER) => {
                described_target(self.state, lang.pick("anyone who receives", "任一接待中的人员"), lang)
            }
            _ => format!("{} {}", self.state.0, name(self.state, lang)),
        };
        Bilingual::new(
            format!(
                "Moves the session of {external_userid} with {account} from {} to {}",
                described(before, Lang::En),
                to(Lang::En)
            ),
            format!("把 {external_userid} 在 {account} 的会话从 {} 变为 {}", described(before, Lang::Zh), to(Lang::Zh)),
        )
    }
}

fn described_target(state: SessionState, servicer: &str, lang: Lang) -> String {
    let (open, close) = if lang == Lang::Zh { ("（", "）") } else { (" (", ")") };
    format!("{} {}{open}{servicer}{close}", state.0, name(state, lang))
}

fn usage(what: Bilingual) -> Failure {
    Problem::new(what, ("Leave the flag out, or choose another state.", "去掉该参数，或换一个状态。"))
        .exit(Exit::Usage)
        .into()
}
