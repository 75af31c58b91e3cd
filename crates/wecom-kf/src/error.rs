//! Errors of calls: code, class, remedy, and whether a repeat may help.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use wecom_kf_text::{MAX_OUTSIDE, shortened};

use crate::input::Problem;
use crate::raw::{self, BodyKind, Operation};
use crate::{Bilingual, Class, ErrCode, Lang, ServiceState};

/// Why a call failed, for the person on call: what failed, why, and what to do.
///
/// Decide on [`code`](Self::code), [`class`](Self::class) and [`is_retryable`](Self::is_retryable), never on text.
/// Nothing here holds or prints a URL, an access token, a secret or what a customer wrote.
///
/// Display is one line with all of it, for logs: a program that prints it need not print the sources, which are there
/// to be looked into.
///
/// It can be cloned: callers who wait for one access token share its failure.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// WeCom answered, and its errcode was not 0.
    #[error("{}", refused(.0, Lang::En))]
    Refused(#[source] Refusal),

    /// There was no answer, or none that can be used; the source says more.
    #[error("{operation} got no usable answer: {} ({attempts} sent)  do: {}", in_one_line(&**source), self.remedy(Lang::En))]
    #[non_exhaustive]
    NoAnswer {
        /// The operation that was called.
        operation: &'static str,
        /// How often it was sent.
        attempts: u32,
        /// What went wrong at the last attempt.
        source: Arc<raw::Error>,
    },

    /// There was no answer in time. Whether a call that changes something went through is unknown.
    #[error("{operation} got no answer within {} ms ({attempts} sent)  do: {}", after.as_millis(), self.remedy(Lang::En))]
    #[non_exhaustive]
    TimedOut {
        /// The operation that was called.
        operation: &'static str,
        /// How often it was sent; 0 if it waited for an access token all the time.
        attempts: u32,
        /// The limit that passed, of one attempt or of the whole call.
        after: Duration,
    },

    /// The call needs an access token and there is none to be had. Every call that waited for it has the same source.
    #[error("{operation} was not sent, there is no access token: {source}")]
    #[non_exhaustive]
    NoToken {
        /// The operation that was called.
        operation: &'static str,
        /// Why there is none.
        source: Arc<Error>,
    },

    /// WeCom answered success, but without what makes the answer one. What was called for may have been done.
    #[error("{operation} answered what cannot be: {problem}  do: {}", self.remedy(Lang::En))]
    #[non_exhaustive]
    BadReply {
        /// The operation that was called.
        operation: &'static str,
        /// What is wrong.
        problem: Bilingual,
    },

    /// A [`TokenSource`](crate::TokenSource) failed in its own way.
    #[error("the token source failed: {}  do: {}", in_one_line(&**.0), self.remedy(Lang::En))]
    TokenSource(#[source] Arc<dyn std::error::Error + Send + Sync>),

    /// The session is not the bot's, as a look at it before the send said
    /// ([`checking_session`](crate::message::Messages::checking_session)); nothing was sent. Its
    /// [`code`](Self::code) is 95018, as if WeCom had refused.
    #[error("send_msg was not sent: the session forbids it, {} (just read)  do: {}", .0, self.remedy(Lang::En))]
    SessionForbidsSending(ServiceState),

    /// The input cannot be right; nothing was sent.
    #[error("{what} {problem}; nothing was sent")]
    #[non_exhaustive]
    InvalidInput {
        /// Which input: the name of its field, or a description.
        what: Bilingual,
        /// What is wrong with it.
        problem: Problem,
    },

    /// A file here could not be read or written.
    #[error("{what}: {source}  do: {}", self.remedy(Lang::En))]
    #[non_exhaustive]
    File {
        /// What could not be done.
        what: &'static str,
        /// Why.
        source: Arc<std::io::Error>,
    },

    /// The client cannot be built of these settings: all that is wrong with them. It shows no values.
    #[error("bad settings: {}  do: {}", listed(.0, Lang::En), self.remedy(Lang::En))]
    Settings(Vec<Bilingual>),
}

/// A refusal by WeCom.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The operation that was called.
    pub operation: &'static str,
    /// What WeCom said.
    pub code: ErrCode,
    /// WeCom's words, at most 2 KiB: for people, never to be matched. They name the caller's IP and a hint number; if they repeated
    /// the token or the secret, that was cut out.
    pub errmsg: String,
    /// How often the call was sent.
    pub attempts: u32,
    /// The session, read after a send was refused with 95018.
    pub session: Option<ServiceState>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "errcode {}: {:?}", self.code, self.errmsg)
    }
}

impl std::error::Error for Refusal {}

/// A refusal in one line.
fn refused(refusal: &Refusal, lang: Lang) -> String {
    let Refusal { operation, code, errmsg, attempts, session } = refusal;
    let (meaning, remedy) = (code.meaning_at(operation, lang), code.remedy_at(operation, lang));
    let (comma, sent) = match (lang, attempts) {
        (Lang::En, 1) => (", ", String::new()),
        (Lang::En, _) => (", ", format!(" ({attempts} sent)")),
        (Lang::Zh, 1) => ("，", String::new()),
        (Lang::Zh, _) => ("，", format!("（已发送 {attempts} 次）")),
    };
    let session = match (lang, session) {
        (_, None) => String::new(),
        (Lang::En, Some(session)) => format!(": {session} (just read)"),
        (Lang::Zh, Some(session)) => format!("：{}（刚查询）", session.in_chinese()),
    };
    let comma = if meaning.is_empty() { "" } else { comma };
    match lang {
        Lang::En => {
            format!("{operation} refused: {code}{comma}{meaning}{session}{sent}. WeCom said: {errmsg:?}  do: {remedy}")
        }
        Lang::Zh => {
            format!(
                "{operation} 被拒：{code}{comma}{meaning}{session}{sent}。企业微信的说明：{errmsg:?}  处理：{remedy}"
            )
        }
    }
}

impl Error {
    /// For a [`TokenSource`](crate::TokenSource) of your own that fails in its own way.
    ///
    /// Keep secrets out of it: it is printed wherever this error is.
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

    /// A [`BadReply`](Self::BadReply) that lacks a field.
    pub(crate) fn lacks(operation: &'static str, field: &'static str) -> Self {
        Self::bad_reply(operation, Bilingual::new(format!("no {field}"), format!("缺少 {field}")))
    }

    /// For a [`TokenSource`](crate::TokenSource) that passes on what WeCom said to somebody else, such as a token server:
    /// class and remedy are then those of the code. `errmsg` is WeCom's words; keep secrets out of it.
    pub fn refused(operation: Operation, code: ErrCode, errmsg: impl Into<String>) -> Self {
        let errmsg = shortened(&errmsg.into(), MAX_OUTSIDE).to_owned();
        Self::Refused(Refusal { operation: operation.id, code, errmsg, attempts: 1, session: None })
    }

    pub(crate) fn settings(problem: Bilingual) -> Self {
        Self::Settings(vec![problem])
    }

    /// What WeCom said, if it answered; for [`NoToken`](Self::NoToken), what it said to `gettoken`.
    pub fn code(&self) -> Option<ErrCode> {
        match self {
            Self::SessionForbidsSending(_) => Some(ErrCode::SESSION_STATE_FORBIDS_SENDING),
            _ => self.refusal().map(|refusal| refusal.code),
        }
    }

    /// What to do about the code, at the operation that answered it. [`Class::Unknown`] if there is no code.
    pub fn class(&self) -> Class {
        let operation = self.operation().unwrap_or_default();
        match self {
            // Of the call that was refused, which is gettoken.
            Self::NoToken { source, .. } => source.class(),
            _ => self.code().map_or(Class::Unknown, |code| code.class_at(operation)),
        }
    }

    /// The operation that failed; None for bad input and bad settings.
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

    /// The refusal behind this error, if WeCom answered.
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

    /// Whether the same call may succeed later without anybody changing anything: WeCom is busy or has had too many
    /// calls, the network failed, a gateway answered 408, 429, 500, 502, 503 or 504, the reply broke off, or a token
    /// source of your own failed.
    ///
    /// It does not say that a repeat is harmless: after a lost answer a call may have gone through.
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

    /// The whole of it in one line, in the reader's language; in English, what Display shows.
    pub fn in_lang(&self, lang: Lang) -> String {
        if lang == Lang::En {
            return self.to_string();
        }
        let what = match self {
            Self::Refused(refusal) => return refused(refusal, lang),
            Self::NoAnswer { operation, attempts, source } => {
                format!("{operation} 没有得到可用的应答（已发送 {attempts} 次）：{}", in_one_line(&**source))
            }
            Self::TimedOut { operation, attempts, after } => {
                format!("{operation} 在 {} 毫秒内没有应答（已发送 {attempts} 次）", after.as_millis())
            }
            Self::NoToken { operation, source } => {
                return format!("{operation} 未发送，没有 access_token：{}", source.in_lang(lang));
            }
            Self::BadReply { operation, problem } => format!("{operation} 的应答有误：{}", problem.in_lang(lang)),
            Self::SessionForbidsSending(session) => {
                format!("send_msg 未发送：会话状态不允许，{}（刚查询）", session.in_chinese())
            }
            Self::TokenSource(source) => format!("access_token 的来源出错：{}", in_one_line(&**source)),
            Self::InvalidInput { what, problem } => {
                format!("参数有误，未发送：{} {}", what.in_lang(lang), problem.in_lang(lang))
            }
            Self::File { source, .. } => format!("本机文件读写失败：{}", Bilingual::io(source).in_lang(lang)),
            Self::Settings(problems) => format!("配置有误：{}", listed(problems, lang)),
        };
        format!("{what}  处理：{}", self.remedy(lang))
    }

    /// What the person on call should do.
    pub fn remedy(&self, lang: Lang) -> &'static str {
        let (en, zh) = match self {
            Self::Refused(Refusal { code, operation, .. }) => return code.remedy_at(operation, lang),
            Self::NoToken { source, .. } => return source.remedy(lang),
            Self::SessionForbidsSending(_) => {
                return ErrCode::SESSION_STATE_FORBIDS_SENDING.remedy_at(raw::op::SEND_MSG.id, lang);
            }
            Self::NoAnswer { source, .. } => answer_remedy(source),
            Self::TimedOut { .. } => (
                "Check the way to the base URL; if it is sound WeCom is slow, and the call can be made again later. A call that changes something may have gone through: look before repeating it.",
                "检查到 base URL 的网络；网络正常则是企业微信响应慢，可稍后再调用。会改动数据的调用可能已经生效，重试前先查询。",
            ),
            Self::BadReply { .. } => (
                "Look whether it was done before calling again; if this recurs, something between here and WeCom changes the answers.",
                "重试前先查询是否已经生效；若反复出现，说明途中有设备改动了应答。",
            ),
            Self::TokenSource(_) => ("Look at the source of the access token.", "检查 access_token 的来源。"),
            Self::InvalidInput { .. } => {
                ("Mend the input; WeCom would refuse it.", "修正该参数，否则会被企业微信拒绝。")
            }
            Self::File { .. } => {
                ("Check that the path is right, its rights, and the space on the disk.", "检查路径、权限和磁盘空间。")
            }
            Self::Settings(_) => ("Correct the settings and start again.", "修正配置后重新启动。"),
        };
        match lang {
            Lang::En => en,
            Lang::Zh => zh,
        }
    }
}

/// One problem as it is; several with numbers, in one line.
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

/// An error and its sources.
pub(crate) fn in_one_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// What may be different the next time. A page of HTML will not: the base URL is wrong or a proxy wants something.
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
            "The connection broke: check the network and the proxy. A call that changes something may have gone through: look before repeating it.",
            "连接中断：检查网络和代理。会改动数据的调用可能已经生效，重试前先查询。",
        ),
        raw::Error::Unreadable(_) => (
            "Nothing was sent: see that the file is there and may be read, and that a stream is sent once only.",
            "请求未发出：确认文件存在且可读；流式上传只能发送一次。",
        ),
        raw::Error::InvalidRequest(_) => (
            "Nothing was sent: correct the parameters or the body of the request.",
            "请求未发出：修改请求的参数或请求体。",
        ),
        raw::Error::Status(status) if status.is_redirection() => (
            "Redirects are not followed, they would hand on the token: correct the base URL or the proxy that redirects.",
            "不跟随重定向，以免泄露 token：改正 base URL，或检查做重定向的代理。",
        ),
        raw::Error::TooLong { .. } => (
            "WeCom's replies are far shorter: check the base URL and the proxies on the way. If the reply is right, raise the limit (reply_limit, or at_most of a download).",
            "企业微信的应答远小于此：检查 base URL 以及途中的代理。若应答无误，请调高上限（reply_limit，下载则为 at_most）。",
        ),
        raw::Error::Status(_) => (
            "WeCom itself answers 200: check the base URL, and the proxies and gateways on the way; 5xx and 429 usually pass.",
            "企业微信自身总是返回 200：检查 base URL 以及途中的代理和网关；5xx 和 429 多为暂时性故障。",
        ),
        _ => (
            "That was no answer of the KF API: check the base URL and the proxies on the way.",
            "返回内容不是微信客服接口的应答：检查 base URL 以及途中的代理。",
        ),
    }
}
