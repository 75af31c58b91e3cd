//! The error of a call: what failed, WeCom's code, its class, the remedy, and whether a repeat may help.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use wecom_kf_text::{MAX_OUTSIDE, shortened};

use crate::input::Problem;
use crate::raw::{self, BodyKind, Operation};
use crate::{Bilingual, Class, ErrCode, Lang, Session};

/// The error of a call: says what failed, why, and what to do.
///
/// Programs decide on [`code`](Self::code), [`class`](Self::class) and [`is_retryable`](Self::is_retryable), never on
/// the text. An error never holds or prints a URL, an access token, a secret or a customer's text.
///
/// ```no_run
/// use wecom_kf::{Client, ErrCode, Error, ExternalUserId, OpenKfid};
///
/// # async fn example(client: Client, kf: OpenKfid, customer: ExternalUserId) -> Result<(), Error> {
/// match client.messages().send(&kf, &customer, "您好").await {
///     Ok(msgid) => println!("sent as {msgid}"),
///     Err(error) if error.code() == Some(ErrCode::MESSAGE_WINDOW_CLOSED) => println!("the customer has to write first"),
///     Err(error) if error.is_retryable() => println!("try again later: {error}"),
///     Err(error) => return Err(error),
/// }
/// # Ok(())
/// # }
/// ```
///
/// `Display` says what failed, [`source`](std::error::Error::source) returns the cause, and [`remedy`](Self::remedy) says
/// what to do. A [`Report`](crate::Report) prints all three in one line, for people and for logs.
///
/// The error can be cloned, because all calls that wait for the same access token share its failure.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// WeCom refused the call: it answered with an errcode other than 0.
    Refused(Refusal),

    /// No usable answer arrived: the connection failed, or the reply was not one of the KF API. The source says which.
    #[non_exhaustive]
    NoAnswer {
        /// The operation that was called.
        operation: &'static str,
        /// How many times the call was sent.
        attempts: u32,
        /// The failure of the last attempt.
        source: Arc<raw::Error>,
    },

    /// No answer arrived within the time limit. A call that changes something may or may not have taken effect.
    #[non_exhaustive]
    TimedOut {
        /// The operation that was called.
        operation: &'static str,
        /// How many times the call was sent; 0 if it waited for an access token or for its turn the whole time.
        attempts: u32,
        /// The time limit that was exceeded: that of one attempt or that of the whole call.
        after: Duration,
    },

    /// The call was not sent because no access token could be obtained. All calls that waited for that token share the
    /// source.
    #[non_exhaustive]
    NoToken {
        /// The operation that was called.
        operation: &'static str,
        /// Why the token could not be obtained.
        source: Arc<Error>,
    },

    /// WeCom answered with errcode 0, but the reply is invalid, for example because a required field is missing. The call
    /// may have taken effect.
    #[non_exhaustive]
    BadReply {
        /// The operation that was called.
        operation: &'static str,
        /// What is wrong with the reply.
        problem: Bilingual,
    },

    /// A custom [`TokenSource`](crate::TokenSource) failed. Created with [`Error::token_source`](Self::token_source).
    TokenSource(Arc<dyn std::error::Error + Send + Sync>),

    /// The session was read before the send ([`checking_session`](crate::messages::SendMessage::checking_session)), and its
    /// state does not allow the bot to send. Nothing was sent. [`code`](Self::code) returns 95018, the code with which
    /// WeCom would have refused the send.
    SessionForbidsSending(Session),

    /// The input breaks a documented limit or form. Nothing was sent.
    #[non_exhaustive]
    InvalidInput {
        /// The input: the name of its field, or a description.
        what: Bilingual,
        /// What is wrong with the input.
        problem: Problem,
    },

    /// A local file could not be read or written.
    #[non_exhaustive]
    File {
        /// What failed.
        what: Bilingual,
        /// The error of the operating system.
        source: Arc<std::io::Error>,
    },

    /// The settings are invalid. Lists every problem, never a value.
    Settings(Vec<Bilingual>),
}

/// A refusal by WeCom: an answer whose errcode is not 0.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The operation that was called.
    pub operation: &'static str,
    /// The errcode.
    pub code: ErrCode,
    /// WeCom's message, shortened to 2 KiB. It is written for people: do not match on it. It contains the caller's IP
    /// address and a hint number. If it repeated the access token or the secret, those were removed.
    pub errmsg: String,
    /// How many times the call was sent.
    pub attempts: u32,
    /// The state of the session, which is read after WeCom refused a send with 95018. `None` for other codes, or if the
    /// state could not be read.
    pub session: Option<Session>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_lang(Lang::En))
    }
}

impl std::error::Error for Error {
    /// Returns the cause itself and not the `Arc` that shares it, so that `downcast_ref` finds it.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NoAnswer { source, .. } => Some(&**source),
            Self::NoToken { source, .. } => Some(&**source),
            Self::TokenSource(source) => Some(&**source),
            Self::File { source, .. } => Some(&**source),
            Self::Refused(_)
            | Self::TimedOut { .. }
            | Self::BadReply { .. }
            | Self::SessionForbidsSending(_)
            | Self::InvalidInput { .. }
            | Self::Settings(_) => None,
        }
    }
}

impl Refusal {
    fn in_lang(&self, lang: Lang) -> String {
        let Self { operation, code, errmsg, attempts, session } = self;
        let meaning = match (code.meaning_at(operation, lang), lang) {
            ("", _) => String::new(),
            (meaning, Lang::En) => format!(", {meaning}"),
            (meaning, Lang::Zh) => format!("，{meaning}"),
        };
        let session = match (session, lang) {
            (None, _) => String::new(),
            (Some(session), Lang::En) => format!(": {session} (just read)"),
            (Some(session), Lang::Zh) => format!("：{}（刚查询）", session.in_chinese()),
        };
        let sent = match (attempts, lang) {
            (1, _) => String::new(),
            (_, Lang::En) => format!(" ({attempts} sent)"),
            (_, Lang::Zh) => format!("（已发送 {attempts} 次）"),
        };
        match lang {
            Lang::En => format!("{operation} refused: {code}{meaning}{session}{sent}. WeCom said: {errmsg:?}"),
            Lang::Zh => format!("{operation} 被拒：{code}{meaning}{session}{sent}。企业微信的说明：{errmsg:?}"),
        }
    }
}

impl Error {
    /// Creates the error of a custom [`TokenSource`](crate::TokenSource) that failed for a reason of its own.
    ///
    /// Keep secrets out of `source`: its text is part of this error's text.
    pub fn token_source(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::TokenSource(Arc::from(source.into()))
    }

    /// Creates an [`InvalidInput`](Self::InvalidInput): `what` must be `expected`.
    pub fn invalid_input(what: impl Into<Bilingual>, expected: impl Into<Bilingual>) -> Self {
        Self::InvalidInput { what: what.into(), problem: Problem::Malformed { expected: expected.into() } }
    }

    pub(crate) fn bad_reply(operation: &'static str, problem: Bilingual) -> Self {
        Self::BadReply { operation, problem }
    }

    /// Creates a [`BadReply`](Self::BadReply) for a reply without the required `field`.
    pub(crate) fn lacks(operation: &'static str, field: &'static str) -> Self {
        Self::bad_reply(operation, Bilingual::new(format!("no {field}"), format!("缺少 {field}")))
    }

    /// Creates a refusal for a custom [`TokenSource`](crate::TokenSource) that learns of WeCom's answer from another
    /// process, such as a token server. The error then has the class and the remedy of `code`.
    ///
    /// `errmsg` is WeCom's message; keep secrets out of it.
    pub fn refused(operation: Operation, code: ErrCode, errmsg: impl Into<String>) -> Self {
        let errmsg = shortened(&errmsg.into(), MAX_OUTSIDE).to_owned();
        Self::Refused(Refusal { operation: operation.id, code, errmsg, attempts: 1, session: None })
    }

    pub(crate) fn settings(problem: Bilingual) -> Self {
        Self::Settings(vec![problem])
    }

    /// Returns WeCom's errcode, if WeCom answered. For [`NoToken`](Self::NoToken) it is the errcode of `gettoken`.
    pub fn code(&self) -> Option<ErrCode> {
        match self {
            Self::SessionForbidsSending(_) => Some(ErrCode::SESSION_STATE_FORBIDS_SENDING),
            _ => self.refusal().map(|refusal| refusal.code),
        }
    }

    /// Returns the class of the errcode, which depends on the operation for some codes. [`Class::Unknown`] if there is no
    /// code.
    pub fn class(&self) -> Class {
        let operation = self.operation().unwrap_or_default();
        match self {
            // The code came from gettoken, not from `operation`.
            Self::NoToken { source, .. } => source.class(),
            _ => self.code().map_or(Class::Unknown, |code| code.class_at(operation)),
        }
    }

    /// Returns the operation that failed. `None` for invalid input, invalid settings, local files and custom token
    /// sources.
    pub fn operation(&self) -> Option<&'static str> {
        match self {
            Self::Refused(Refusal { operation, .. })
            | Self::NoAnswer { operation, .. }
            | Self::TimedOut { operation, .. }
            | Self::NoToken { operation, .. }
            | Self::BadReply { operation, .. } => Some(operation),
            Self::SessionForbidsSending(_) => Some(raw::op::SEND_MSG.id),
            Self::TokenSource(_) | Self::InvalidInput { .. } | Self::File { .. } | Self::Settings(_) => None,
        }
    }

    /// Returns the refusal behind this error, if WeCom answered.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::NoToken { source, .. } => source.refusal(),
            Self::NoAnswer { .. }
            | Self::TimedOut { .. }
            | Self::BadReply { .. }
            | Self::SessionForbidsSending(_)
            | Self::TokenSource(_)
            | Self::InvalidInput { .. }
            | Self::File { .. }
            | Self::Settings(_) => None,
        }
    }

    /// Returns whether the same call may succeed later without any change by people.
    ///
    /// That is the case if WeCom is busy or has received too many calls, the network failed, a gateway answered 408, 429,
    /// 500, 502, 503 or 504, the reply was incomplete, or a custom token source failed.
    ///
    /// `true` does not mean that a repeat is harmless: if only the answer was lost, the call has already taken effect.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Refused(_) => matches!(self.class(), Class::Busy | Class::RateLimited),
            Self::NoAnswer { source, .. } => may_pass(source),
            Self::TimedOut { .. } => true,
            Self::NoToken { source, .. } => source.is_retryable(),
            Self::TokenSource(_) => true,
            Self::BadReply { .. }
            | Self::SessionForbidsSending(_)
            | Self::InvalidInput { .. }
            | Self::File { .. }
            | Self::Settings(_) => false,
        }
    }

    /// Describes the error in one language, without its source and its remedy. In English it is the text of `Display`.
    pub fn in_lang(&self, lang: Lang) -> String {
        match (self, lang) {
            (Self::Refused(refusal), _) => refusal.in_lang(lang),
            (Self::NoAnswer { operation, attempts, .. }, Lang::En) => {
                format!("{operation} got no usable answer ({attempts} sent)")
            }
            (Self::NoAnswer { operation, attempts, .. }, Lang::Zh) => {
                format!("{operation} 没有得到可用的应答（已发送 {attempts} 次）")
            }
            (Self::TimedOut { operation, attempts, after }, Lang::En) => {
                format!("{operation} got no answer within {} ms ({attempts} sent)", after.as_millis())
            }
            (Self::TimedOut { operation, attempts, after }, Lang::Zh) => {
                format!("{operation} 在 {} 毫秒内没有应答（已发送 {attempts} 次）", after.as_millis())
            }
            (Self::NoToken { operation, .. }, Lang::En) => {
                format!("{operation} was not sent, there is no access token")
            }
            (Self::NoToken { operation, .. }, Lang::Zh) => format!("{operation} 未发送，没有 access_token"),
            (Self::BadReply { operation, problem }, Lang::En) => {
                format!("{operation} returned an invalid reply: {problem}")
            }
            (Self::BadReply { operation, problem }, Lang::Zh) => {
                format!("{operation} 的应答有误：{}", problem.in_lang(lang))
            }
            (Self::SessionForbidsSending(session), Lang::En) => {
                format!("send_msg was not sent: the session forbids it, {session} (just read)")
            }
            (Self::SessionForbidsSending(session), Lang::Zh) => {
                format!("send_msg 未发送：会话状态不允许，{}（刚查询）", session.in_chinese())
            }
            (Self::TokenSource(_), Lang::En) => "the token source failed".to_owned(),
            (Self::TokenSource(_), Lang::Zh) => "access_token 的来源出错".to_owned(),
            (Self::InvalidInput { what, problem }, Lang::En) => format!("{what} {problem}; nothing was sent"),
            (Self::InvalidInput { what, problem }, Lang::Zh) => {
                format!("参数有误，未发送：{} {}", what.in_lang(lang), problem.in_lang(lang))
            }
            (Self::File { what, .. }, _) => what.in_lang(lang).to_owned(),
            (Self::Settings(problems), Lang::En) => format!("bad settings: {}", listed(problems, lang)),
            (Self::Settings(problems), Lang::Zh) => format!("配置有误：{}", listed(problems, lang)),
        }
    }

    /// Returns the remedy: what the person on call should do.
    pub fn remedy(&self, lang: Lang) -> &'static str {
        let (en, zh) = match self {
            Self::Refused(Refusal { code, operation, .. }) => return code.remedy_at(operation, lang),
            Self::NoToken { source, .. } => return source.remedy(lang),
            Self::SessionForbidsSending(_) => {
                return ErrCode::SESSION_STATE_FORBIDS_SENDING.remedy_at(raw::op::SEND_MSG.id, lang);
            }
            Self::NoAnswer { source, .. } => answer_remedy(source),
            Self::TimedOut { .. } => (
                "Check the network between here and the base URL. If it works, WeCom is slow: call again later. A call that changes something may have taken effect: check before repeating it.",
                "检查到 base URL 的网络；网络正常则是企业微信响应慢，可稍后再调用。会改动数据的调用可能已经生效，重试前先查询。",
            ),
            Self::BadReply { .. } => (
                "Check whether the call took effect before repeating it. If this recurs, look for a proxy between here and WeCom that changes the answers.",
                "重试前先查询是否已经生效；若反复出现，说明途中有设备改动了应答。",
            ),
            Self::TokenSource(_) => {
                ("Check the program or server that supplies the access token.", "检查 access_token 的来源。")
            }
            Self::InvalidInput { .. } => {
                ("Fix the input: WeCom would refuse it.", "修正该参数，否则会被企业微信拒绝。")
            }
            Self::File { source, .. } if source.kind() == std::io::ErrorKind::AlreadyExists => (
                "Move that file away, choose another folder, or call overwrite() on the download.",
                "移走该文件，换一个文件夹，或对下载调用 overwrite()。",
            ),
            Self::File { .. } => {
                ("Check the path, its permissions and the free disk space.", "检查路径、权限和磁盘空间。")
            }
            Self::Settings(_) => ("Correct the settings and start again.", "修正配置后重新启动。"),
        };
        lang.pick(en, zh)
    }
}

/// Joins the problems into one line. Several problems are numbered.
fn listed(problems: &[Bilingual], lang: Lang) -> String {
    let (open, close, between) = match lang {
        Lang::En => ("(", ") ", "; "),
        Lang::Zh => ("（", "）", "；"),
    };
    match problems {
        [problem] => problem.in_lang(lang).to_owned(),
        problems => {
            let numbered = (1..).zip(problems);
            let lines = numbered.map(|(number, problem)| format!("{open}{number}{close}{}", problem.in_lang(lang)));
            lines.collect::<Vec<_>>().join(between)
        }
    }
}

/// Returns whether another attempt may have another outcome. An HTML page is no such case: either the base URL is wrong,
/// or a proxy demands something, and both need a person.
pub(crate) fn may_pass(error: &raw::Error) -> bool {
    match error {
        raw::Error::Transport(error) => !error.is_builder(),
        raw::Error::Status(status) => matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504),
        raw::Error::Undecodable { kind, problem, .. } => {
            *kind == BodyKind::Empty || (*kind == BodyKind::Other && *problem == raw::Error::BROKE_OFF)
        }
        _ => false,
    }
}

fn answer_remedy(error: &raw::Error) -> (&'static str, &'static str) {
    match error {
        raw::Error::Transport(error) if error.is_connect() => (
            "Nothing was sent: check DNS, firewall, proxy and the base URL.",
            "请求未发出：检查 DNS、防火墙、代理和 base URL。",
        ),
        raw::Error::Transport(_) => (
            "The connection broke: check the network and the proxy. A call that changes something may have taken effect: check before repeating it.",
            "连接中断：检查网络和代理。会改动数据的调用可能已经生效，重试前先查询。",
        ),
        raw::Error::Unreadable(_) => (
            "Nothing was sent: check that the file exists and is readable, and that a stream is not uploaded twice.",
            "请求未发出：确认文件存在且可读；流式上传只能发送一次。",
        ),
        raw::Error::InvalidRequest(_) => (
            "Nothing was sent: correct the parameters or the body of the request.",
            "请求未发出：修改请求的参数或请求体。",
        ),
        raw::Error::Status(status) if status.is_redirection() => (
            "Redirects are not followed, because they could leak the token: correct the base URL or the proxy that redirects.",
            "不跟随重定向，以免泄露 token：改正 base URL，或检查做重定向的代理。",
        ),
        raw::Error::TooLong { .. } => (
            "WeCom's replies are far shorter: check the base URL and the proxies in between. If the reply is genuine, raise the limit (reply_limit, or at_most for a download).",
            "企业微信的应答远小于此：检查 base URL 以及途中的代理。若应答无误，请调高上限（reply_limit，下载则为 at_most）。",
        ),
        raw::Error::Status(_) => (
            "WeCom itself always answers 200: check the base URL, and the proxies and gateways in between. 5xx and 429 are usually temporary.",
            "企业微信自身总是返回 200：检查 base URL 以及途中的代理和网关；5xx 和 429 多为暂时性故障。",
        ),
        _ => (
            "The reply is not from the KF API: check the base URL and the proxies in between.",
            "返回内容不是微信客服接口的应答：检查 base URL 以及途中的代理。",
        ),
    }
}
