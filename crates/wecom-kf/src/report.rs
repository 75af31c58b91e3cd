//! Prints an error with its causes and its remedy for a person, in the reader's language.

use std::error::Error as StdError;
use std::marker::PhantomData;
use std::{fmt, io};

use crate::{Bilingual, Error, Lang, raw, reader_lang};

/// An error that is printed for people. Use it as the error type of `main`.
///
/// `Display` and `Debug` print the error, its causes and the remedy in one line, in the language of [`reader_lang`]. Rust
/// prints the `Debug` text of an error that `main` returns.
///
/// ```no_run
/// use wecom_kf::{Report, Settings};
///
/// fn main() -> Result<(), Report> {
///     let client = Settings::from_env().client()?;
///     Ok(())
/// }
/// ```
///
/// [`line`](ReportOf::line) returns the same line for an error that the program keeps, for example to log it:
///
/// ```
/// use wecom_kf::raw::op;
/// use wecom_kf::{ErrCode, Error, Lang, Report};
///
/// let error = Error::refused(op::SEND_MSG, ErrCode(95001), "api send msg exceed limit");
/// let line = Report::line(&error, Lang::En);
/// assert!(line.starts_with("send_msg refused: 95001, ") && line.contains("  do: "), "{line}");
/// ```
pub type Report = ReportOf<ClientErrors>;

/// The generic form of [`Report`]. `K` finds the errors that can be explained in both languages. A crate that builds on
/// this one and has its own error types defines its own `K`, as `wecom-kf-inbox` does.
pub struct ReportOf<K> {
    error: Box<dyn StdError + Send + Sync>,
    known: PhantomData<fn() -> K>,
}

/// An error that can be explained to people in both languages.
pub trait Explain {
    /// Describes the error without its source and its remedy.
    fn in_lang(&self, lang: Lang) -> String;

    /// Returns what the person on call should do. Returns `None` if the remedy of the error's source should be printed
    /// instead.
    fn remedy(&self, lang: Lang) -> Option<&'static str>;
}

/// Finds errors that can be explained, see [`ReportOf`].
pub trait Known {
    /// Returns `error` if it is one of the known types. Other errors are printed as their `Display` shows them.
    fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a dyn Explain>;
}

/// The errors of this crate, of the raw crate, of the operating system and, with feature `callback`, of the callback.
#[derive(Debug)]
pub enum ClientErrors {}

impl<K: Known> ReportOf<K> {
    /// Returns the report in one language.
    pub fn in_lang(&self, lang: Lang) -> String {
        Self::line(&*self.error, lang)
    }

    /// Returns an error, its causes and the remedy in one line.
    pub fn line(error: &(dyn StdError + 'static), lang: Lang) -> String {
        let (colon, remedy_follows) = match lang {
            Lang::En => (": ", "  do: "),
            Lang::Zh => ("：", "。处理："),
        };
        let mut line = String::new();
        let mut remedy = None;
        let mut next = Some(error);
        while let Some(level) = next {
            let known = K::find(level);
            if !line.is_empty() {
                line.push_str(colon);
            }
            line.push_str(&known.map_or_else(|| without_line_ends(&level.to_string()), |known| known.in_lang(lang)));
            remedy = remedy.or_else(|| known?.remedy(lang));
            next = level.source();
        }
        if let Some(remedy) = remedy {
            line.push_str(remedy_follows);
            line.push_str(remedy);
        }
        line
    }
}

impl<K, E: Into<Box<dyn StdError + Send + Sync>>> From<E> for ReportOf<K> {
    fn from(error: E) -> Self {
        Self { error: error.into(), known: PhantomData }
    }
}

impl<K: Known> fmt::Display for ReportOf<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_lang(reader_lang()))
    }
}

impl<K: Known> fmt::Debug for ReportOf<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Known for ClientErrors {
    fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a dyn Explain> {
        find_as::<Error>(error)
            .or_else(|| find_as::<raw::Error>(error))
            .or_else(|| find_as::<raw::TransportError>(error))
            .or_else(|| find_as::<Bilingual>(error))
            .or_else(|| find_as::<io::Error>(error))
            .or_else(|| callback_error(error))
    }
}

/// Returns `error` if it is a `T`.
pub fn find_as<'a, T: Explain + StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a dyn Explain> {
    error.downcast_ref::<T>().map(|error| error as _)
}

impl Explain for Error {
    fn in_lang(&self, lang: Lang) -> String {
        self.in_lang(lang)
    }

    fn remedy(&self, lang: Lang) -> Option<&'static str> {
        Some(self.remedy(lang))
    }
}

impl Explain for raw::Error {
    fn in_lang(&self, lang: Lang) -> String {
        self.in_lang(lang)
    }

    fn remedy(&self, _: Lang) -> Option<&'static str> {
        None
    }
}

impl Explain for raw::TransportError {
    fn in_lang(&self, lang: Lang) -> String {
        self.in_lang(lang)
    }

    fn remedy(&self, _: Lang) -> Option<&'static str> {
        None
    }
}

impl Explain for Bilingual {
    fn in_lang(&self, lang: Lang) -> String {
        self.in_lang(lang).to_owned()
    }

    fn remedy(&self, _: Lang) -> Option<&'static str> {
        None
    }
}

/// An error that another crate created with a text of its own is not translated: the Chinese report shows its text.
impl Explain for io::Error {
    fn in_lang(&self, lang: Lang) -> String {
        match (self.get_ref(), lang) {
            (Some(words), Lang::Zh) if self.kind() == io::ErrorKind::Other => without_line_ends(&words.to_string()),
            _ => without_line_ends(Bilingual::io(self).in_lang(lang)),
        }
    }

    fn remedy(&self, _: Lang) -> Option<&'static str> {
        None
    }
}

#[cfg(feature = "callback")]
fn callback_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a dyn Explain> {
    find_as::<wecom_kf_callback::Error>(error).or_else(|| find_as::<wecom_kf_callback::SettingsError>(error))
}

#[cfg(not(feature = "callback"))]
fn callback_error<'a>(_: &'a (dyn StdError + 'static)) -> Option<&'a dyn Explain> {
    None
}

/// Shows the reason of the refusal, because a report is for the person on call. `Display` omits it, because its text
/// may reach the sender.
#[cfg(feature = "callback")]
impl Explain for wecom_kf_callback::Error {
    fn in_lang(&self, lang: Lang) -> String {
        let reason = self.reason().in_lang(lang);
        match lang {
            Lang::En => format!("callback refused: {reason}"),
            Lang::Zh => format!("回调被拒：{reason}"),
        }
    }

    fn remedy(&self, lang: Lang) -> Option<&'static str> {
        Some(self.reason().remedy(lang))
    }
}

#[cfg(feature = "callback")]
impl Explain for wecom_kf_callback::SettingsError {
    fn in_lang(&self, lang: Lang) -> String {
        self.in_lang(lang)
    }

    fn remedy(&self, lang: Lang) -> Option<&'static str> {
        Some(self.remedy(lang))
    }
}

/// Returns an error, its causes and the remedy in one line, for logs.
pub(crate) fn in_one_line(error: &(dyn StdError + 'static)) -> String {
    Report::line(error, Lang::En)
}

/// Escapes control characters, so that the words of other crates stay in one line.
fn without_line_ends(words: &str) -> String {
    let mut line = String::with_capacity(words.len());
    for character in words.chars() {
        match character.is_control() {
            true => line.extend(character.escape_default()),
            false => line.push(character),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::raw::op;
    use crate::{ErrCode, Problem, Session, SessionState};

    const CANARY: &str = "CANARY-SECRET";

    /// Returns an error of the HTTP client whose URL contains a secret. No text may show the secret.
    fn no_reply() -> raw::Error {
        let url = format!("http://127.0.0.1:0/?corpsecret={CANARY}");
        let request = reqwest::Client::new().get(url).header("\n", CANARY).build();
        request.unwrap_err().into()
    }

    fn no_answer(source: raw::Error) -> Error {
        Error::NoAnswer { operation: "send_msg", attempts: 2, source: Arc::new(source) }
    }

    /// Returns one error of each variant. The match below does not compile until it lists a new variant.
    fn samples() -> Vec<Error> {
        let servicer = Session { state: SessionState::SERVICER, servicer_userid: Some("zhangsan".into()) };
        let refused = || Error::refused(op::GETTOKEN, ErrCode::INVALID_CREDENTIAL, "invalid credential");
        let samples = vec![
            refused(),
            no_answer(raw::Error::Status(reqwest::StatusCode::BAD_GATEWAY)),
            no_answer(no_reply()),
            Error::TimedOut { operation: "send_msg", attempts: 1, after: Duration::from_secs(5) },
            Error::NoToken { operation: "send_msg", source: Arc::new(refused()) },
            Error::lacks("send_msg", "msgid"),
            Error::token_source(io::Error::from_raw_os_error(111)),
            Error::SessionForbidsSending(servicer),
            Error::InvalidInput { what: "content".into(), problem: Problem::Empty },
            Error::File {
                what: Bilingual::fixed("the file cannot be read", "无法读取文件"),
                source: Arc::new(io::Error::from_raw_os_error(2)),
            },
            Error::settings(Bilingual::fixed("WECOM_CORP_ID is not set", "未设置 WECOM_CORP_ID")),
        ];
        for sample in &samples {
            match sample {
                Error::Refused(_)
                | Error::NoAnswer { .. }
                | Error::TimedOut { .. }
                | Error::NoToken { .. }
                | Error::BadReply { .. }
                | Error::TokenSource(_)
                | Error::SessionForbidsSending(_)
                | Error::InvalidInput { .. }
                | Error::File { .. }
                | Error::Settings(_) => {}
            }
        }
        samples
    }

    #[test]
    fn display_repeats_neither_the_source_nor_the_remedy() {
        for error in samples() {
            let mut level: &dyn StdError = &error;
            assert!(!level.to_string().contains(error.remedy(Lang::En)), "{error}");
            while let Some(source) = level.source() {
                assert!(!level.to_string().contains(&source.to_string()), "{level}: {source}");
                level = source;
            }
        }
    }

    #[test]
    fn a_report_has_every_level_and_one_remedy_in_both_languages() {
        for error in samples() {
            for (lang, follows) in [(Lang::En, "  do: "), (Lang::Zh, "。处理：")] {
                let line = Report::line(&error, lang);
                assert!(line.starts_with(&error.in_lang(lang)), "{line}");
                assert!(line.ends_with(&format!("{follows}{}", error.remedy(lang))), "{line}");
                assert_eq!(line.matches(follows).count(), 1, "{line}");
                assert!(!line.contains(CANARY) && !line.contains('\n'), "{line}");
            }
            assert!(!format!("{error} {error:?}").contains(CANARY), "{error:?}");
        }
    }

    fn lines(text: impl Fn(&Error) -> String) -> String {
        samples().iter().map(|error| text(error) + "\n").collect()
    }

    /// Returns the line of a report up to the remedy.
    fn chain(error: &Error, lang: Lang) -> String {
        let line = Report::line(error, lang);
        let follows = if lang == Lang::En { "  do: " } else { "。处理：" };
        line.split(follows).next().unwrap_or_default().to_owned()
    }

    #[test]
    fn display_is_one_level() {
        let expected = "\
gettoken refused: 40001, the secret is wrong, belongs to another corp id, or its app is disabled. WeCom said: \"invalid credential\"
send_msg got no usable answer (2 sent)
send_msg got no usable answer (2 sent)
send_msg got no answer within 5000 ms (1 sent)
send_msg was not sent, there is no access token
send_msg returned an invalid reply: no msgid
the token source failed
send_msg was not sent: the session forbids it, state 3 servicer, servicer zhangsan (just read)
content is empty; nothing was sent
the file cannot be read
bad settings: WECOM_CORP_ID is not set
";
        assert_eq!(lines(Error::to_string), expected);
    }

    #[test]
    fn a_report_in_english_has_the_causes() {
        let expected = "\
gettoken refused: 40001, the secret is wrong, belongs to another corp id, or its app is disabled. WeCom said: \"invalid credential\"
send_msg got no usable answer (2 sent): HTTP status 502
send_msg got no usable answer (2 sent): no reply: builder error: invalid HTTP header name
send_msg got no answer within 5000 ms (1 sent)
send_msg was not sent, there is no access token: gettoken refused: 40001, the secret is wrong, belongs to another corp id, or its app is disabled. WeCom said: \"invalid credential\"
send_msg returned an invalid reply: no msgid
the token source failed: Connection refused (os error 111)
send_msg was not sent: the session forbids it, state 3 servicer, servicer zhangsan (just read)
content is empty; nothing was sent
the file cannot be read: No such file or directory (os error 2)
bad settings: WECOM_CORP_ID is not set
";
        assert_eq!(lines(|error| chain(error, Lang::En)), expected);
    }

    #[test]
    fn a_report_in_chinese_has_the_causes() {
        let expected = "\
gettoken 被拒：40001，secret 错误、与企业 ID 不符，或应用已停用。企业微信的说明：\"invalid credential\"
send_msg 没有得到可用的应答（已发送 2 次）：HTTP 状态码 502
send_msg 没有得到可用的应答（已发送 2 次）：没有应答：无法构造请求：invalid HTTP header name
send_msg 在 5000 毫秒内没有应答（已发送 1 次）
send_msg 未发送，没有 access_token：gettoken 被拒：40001，secret 错误、与企业 ID 不符，或应用已停用。企业微信的说明：\"invalid credential\"
send_msg 的应答有误：缺少 msgid
access_token 的来源出错：连接被拒绝（系统错误 111）
send_msg 未发送：会话状态不允许，由人工接待（3），zhangsan（刚查询）
参数有误，未发送：content 为空
无法读取文件：文件或目录不存在（系统错误 2）
配置有误：未设置 WECOM_CORP_ID
";
        assert_eq!(lines(|error| chain(error, Lang::Zh)), expected);
    }

    #[test]
    fn a_shared_source_can_be_downcast() {
        let source = |error: &Error| error.source().map(|source| (source.is::<raw::Error>(), source.is::<Error>()));
        assert_eq!(source(&no_answer(raw::Error::too_long(7))), Some((true, false)));
        let cause = Arc::new(Error::lacks("gettoken", "access_token"));
        assert_eq!(source(&Error::NoToken { operation: "send_msg", source: cause }), Some((false, true)));
    }

    #[test]
    fn an_unknown_error_prints_its_chain_in_one_line() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot\ngreet")]
        struct Outer(#[source] Error);

        let line = Report::line(&Outer(Error::lacks("send_msg", "msgid")), Lang::En);
        assert!(line.starts_with("cannot\\ngreet: send_msg returned an invalid reply: no msgid  do: Check"), "{line}");
        assert_eq!(Report::from("of another kind").in_lang(Lang::Zh), "of another kind");
    }

    #[cfg(feature = "callback")]
    #[test]
    fn errors_of_the_callback_are_explained() {
        let error = wecom_kf_callback::Query::parse("").unwrap_err();
        let line = Report::line(&error, Lang::Zh);
        assert!(line.starts_with("回调被拒：query 缺少 ") && line.contains("。处理：原样传入"), "{line}");
        let error = wecom_kf_callback::check_token("to-ken").unwrap_err();
        let expected = "character 3 of Token is neither a letter A-Z, a-z nor a digit  do: copy the setting again from the admin console";
        assert_eq!(Report::line(&error, Lang::En), expected);
    }
}
