//! The error of a refused request: opaque to the sender, with a reason and a remedy for the log.

use std::fmt;

use crate::{Lang, MAX_BODY, MAX_QUERY, XmlProblem};

/// A refused request: answer 403 and nothing else.
///
/// `Display` is the same text for every reason, and there is no source, so that an attacker learns nothing. The
/// [`reason`](Self::reason) and `Debug` are for your log. None of them contains a key, a token, the expected signature or
/// any part of the message.
#[derive(Clone, Debug, thiserror::Error)]
#[error("callback refused")]
pub struct Error {
    reason: Reason,
}

impl Error {
    /// Returns the reason of the refusal, for the person on call. Log it, but do not send it.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }
}

impl From<Reason> for Error {
    fn from(reason: Reason) -> Self {
        Self { reason }
    }
}

/// The reason why a request was refused, for logs and metrics. Do not send it as an answer.
///
/// `Display` describes the reason in English, [`in_lang`](Self::in_lang) in either language.
/// [`remedy`](Self::remedy) says what to do.
///
/// The variants are in the order of the checks. Up to [`SignatureDiffers`](Self::SignatureDiffers) nothing was decrypted,
/// and anybody may have sent the request. After it, the request was signed with your `Token`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The query is longer than [`MAX_QUERY`](crate::MAX_QUERY).
    #[non_exhaustive]
    QueryTooLarge {
        /// Its length.
        bytes: usize,
    },
    /// The query lacks a parameter.
    #[non_exhaustive]
    ParameterMissing {
        /// Its name.
        parameter: &'static str,
    },
    /// The query has a parameter more than once. It is refused because another program might use the other value than the
    /// one that is checked here.
    #[non_exhaustive]
    ParameterRepeated {
        /// Its name.
        parameter: &'static str,
    },
    /// A parameter of the query does not have the form that WeCom sends.
    #[non_exhaustive]
    ParameterMalformed {
        /// Its name.
        parameter: &'static str,
        /// The required form.
        expected: &'static str,
    },
    /// The body is longer than [`MAX_BODY`](crate::MAX_BODY).
    #[non_exhaustive]
    BodyTooLarge {
        /// Its length.
        bytes: usize,
    },
    /// The body is not XML, or uses parts of XML that are not accepted here.
    #[non_exhaustive]
    BodyNotXml {
        /// The problem.
        problem: XmlProblem,
    },
    /// The body has no element `Encrypt`.
    EncryptMissing,
    /// The body has more than one element `Encrypt`. It is refused because another program might use the other element than
    /// the one that is checked here.
    EncryptRepeated,
    /// The element `Encrypt` contains other elements.
    EncryptMalformed,
    /// The signature is not that of your `Token`.
    #[non_exhaustive]
    SignatureDiffers {
        /// The number of spaces in the echostr. More than 0 means that something decoded `+` as a space.
        spaces: usize,
        /// The number of percent signs in the echostr. More than 0 means that something encoded it twice.
        percents: usize,
    },
    /// The encrypted text is not base64.
    NotBase64,
    /// The ciphertext is not one or more blocks of 16 bytes.
    #[non_exhaustive]
    CiphertextLength {
        /// Its length.
        bytes: usize,
    },
    /// The padding is wrong. The cause is almost always a different `EncodingAESKey`.
    Padding,
    /// The length of the message in the decrypted text is wrong.
    MessageLength,
    /// The receiver id in the decrypted text is not yours: the message is for another corp.
    ReceiverDiffers,
    /// The `GET` contains something other than an echo string. It is probably an event that was captured and sent as a
    /// `GET`.
    NotAnEcho,
    /// The timestamp is too far from the time of this machine. Only [`event_once`](crate::Callback::event_once) checks it.
    #[non_exhaustive]
    OutsideTimeWindow {
        /// The difference in seconds.
        seconds: u64,
    },
    /// The message is not UTF-8.
    MessageNotUtf8,
    /// The message is not XML, or uses parts of XML that are not accepted here.
    #[non_exhaustive]
    MessageNotXml {
        /// The problem.
        problem: XmlProblem,
    },
}

const FORGED_OR_FOREIGN: &str = "if this recurs, find out who sends these requests: WeCom does not";
const FORGED_OR_FOREIGN_ZH: &str = "若持续出现，请检查请求来源：企业微信不会这样发送";
const KEY_OF_THE_CONSOLE: &str =
    "compare EncodingAESKey with the one in the admin console: the Token is right, the key is not";
const KEY_OF_THE_CONSOLE_ZH: &str = "核对后台的 EncodingAESKey：Token 相符而密钥不符";
const REPORT: &str =
    "the signature and the key are right, so WeCom sent it: report it as an issue, without its content";
const REPORT_ZH: &str = "签名与密钥均正确，应为企业微信所发：请提 issue 反馈（勿附内容）";

impl Reason {
    /// Describes the reason in one language. In English it is the text of `Display`.
    pub fn in_lang(&self, lang: Lang) -> String {
        match lang {
            Lang::En => self.to_string(),
            Lang::Zh => self.meaning_zh(),
        }
    }

    /// Returns the remedy: what the person on call should do.
    pub fn remedy(&self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.remedy_en(),
            Lang::Zh => self.remedy_zh(),
        }
    }

    fn remedy_en(&self) -> &'static str {
        match self {
            Self::ParameterMissing { .. } => {
                "pass the unchanged query of the URL, for GET to verify_url, for POST to decrypt or event; if you already do, the request is not from WeCom"
            }
            Self::BodyNotXml { .. } | Self::EncryptMissing => {
                "pass the unchanged body; if you already do, the request is not from WeCom"
            }
            Self::QueryTooLarge { .. }
            | Self::ParameterRepeated { .. }
            | Self::ParameterMalformed { .. }
            | Self::BodyTooLarge { .. }
            | Self::EncryptRepeated
            | Self::EncryptMalformed => FORGED_OR_FOREIGN,
            Self::SignatureDiffers { spaces: 1.., .. } => {
                "pass the raw query to Query::parse: a framework or a proxy decoded '+'"
            }
            Self::SignatureDiffers { percents: 1.., .. } => {
                "pass the raw query to Query::parse: a proxy encoded it a second time"
            }
            Self::SignatureDiffers { .. } => {
                "compare Token with the one in the admin console; if they are the same, the request is not from WeCom"
            }
            Self::NotBase64 | Self::CiphertextLength { .. } => "pass the unchanged query and body",
            Self::Padding | Self::MessageLength => KEY_OF_THE_CONSOLE,
            Self::ReceiverDiffers => {
                "set the receiver id: the corp id for a self-built app, the suite id for events of a third-party app's provider"
            }
            Self::NotAnEcho => "nothing was revealed: find out who sends captured events as GET",
            Self::OutsideTimeWindow { .. } => {
                "check the clock of this machine; if it is right, somebody sent an old callback again"
            }
            Self::MessageNotUtf8 | Self::MessageNotXml { .. } => REPORT,
        }
    }

    fn meaning_zh(&self) -> String {
        match self {
            Self::QueryTooLarge { bytes } => format!("query 有 {bytes} 字节，上限 {MAX_QUERY}"),
            Self::ParameterMissing { parameter } => format!("query 缺少 {parameter}"),
            Self::ParameterRepeated { parameter } => format!("query 中 {parameter} 重复"),
            Self::ParameterMalformed { parameter, .. } => format!("query 中 {parameter} 格式不对"),
            Self::BodyTooLarge { bytes } => format!("body 有 {bytes} 字节，上限 {MAX_BODY}"),
            Self::BodyNotXml { problem } => format!("body 不是可接受的 XML：{}", problem.zh()),
            Self::EncryptMissing => "body 中没有 Encrypt".to_owned(),
            Self::EncryptRepeated => "body 中有多个 Encrypt".to_owned(),
            Self::EncryptMalformed => "Encrypt 内含其他元素".to_owned(),
            Self::SignatureDiffers { spaces: spaces @ 1.., .. } => {
                format!("签名不符，echostr 有 {spaces} 个空格，多半是 '+' 被解码")
            }
            Self::SignatureDiffers { percents: percents @ 1.., .. } => {
                format!("签名不符，echostr 有 {percents} 个 '%'，多半被编码了两次")
            }
            Self::SignatureDiffers { .. } => "签名不符".to_owned(),
            Self::NotBase64 => "密文不是 base64".to_owned(),
            Self::CiphertextLength { bytes } => format!("密文有 {bytes} 字节，不是 16 的正整数倍"),
            Self::Padding => "填充不对".to_owned(),
            Self::MessageLength => "消息长度不对".to_owned(),
            Self::ReceiverDiffers => "receiveid 不符".to_owned(),
            Self::NotAnEcho => "URL 验证的内容不是 echostr".to_owned(),
            Self::OutsideTimeWindow { seconds } => format!("timestamp 与本机时间相差 {seconds} 秒"),
            Self::MessageNotUtf8 => "消息不是 UTF-8".to_owned(),
            Self::MessageNotXml { problem } => format!("消息不是可接受的 XML：{}", problem.zh()),
        }
    }

    fn remedy_zh(&self) -> &'static str {
        match self {
            Self::ParameterMissing { .. } => {
                "原样传入 URL 中 '?' 之后的部分，GET 用 verify_url，POST 用 decrypt 或 event；若已如此，则并非企业微信所发"
            }
            Self::BodyNotXml { .. } | Self::EncryptMissing => "原样传入 body；若已如此，则并非企业微信所发",
            Self::QueryTooLarge { .. }
            | Self::ParameterRepeated { .. }
            | Self::ParameterMalformed { .. }
            | Self::BodyTooLarge { .. }
            | Self::EncryptRepeated
            | Self::EncryptMalformed => FORGED_OR_FOREIGN_ZH,
            Self::SignatureDiffers { spaces: 1.., .. } => "把原始 query 交给 Query::parse：框架或代理解码了 '+'",
            Self::SignatureDiffers { percents: 1.., .. } => "把原始 query 交给 Query::parse：代理又编码了一次",
            Self::SignatureDiffers { .. } => "核对后台的 Token；若一致，则为他人伪造",
            Self::NotBase64 | Self::CiphertextLength { .. } => "原样传入 query 与 body",
            Self::Padding | Self::MessageLength => KEY_OF_THE_CONSOLE_ZH,
            Self::ReceiverDiffers => "设置 receiver id：自建应用为企业 ID，第三方应用服务商事件为 suite id",
            Self::NotAnEcho => "未作应答：请检查是谁把截获的回调改用 GET 重发",
            Self::OutsideTimeWindow { .. } => "核对本机时钟；若时钟正确，则为旧回调被重放",
            Self::MessageNotUtf8 | Self::MessageNotXml { .. } => REPORT_ZH,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::QueryTooLarge { bytes } => write!(f, "query has {bytes} bytes, at most {MAX_QUERY} are read"),
            Self::ParameterMissing { parameter } => write!(f, "{parameter} is missing from the query"),
            Self::ParameterRepeated { parameter } => write!(f, "{parameter} is in the query more than once"),
            Self::ParameterMalformed { parameter, expected } => {
                write!(f, "{parameter} in the query must be {expected}")
            }
            Self::BodyTooLarge { bytes } => write!(f, "body has {bytes} bytes, at most {MAX_BODY} are read"),
            Self::BodyNotXml { problem } => write!(f, "body is refused as XML: {problem}"),
            Self::EncryptMissing => f.write_str("body has no Encrypt"),
            Self::EncryptRepeated => f.write_str("body has more than one Encrypt"),
            Self::EncryptMalformed => f.write_str("Encrypt in the body contains other elements"),
            Self::SignatureDiffers { spaces, percents } => {
                f.write_str("signature differs")?;
                if *spaces > 0 {
                    let s = plural(*spaces);
                    write!(f, "; echostr has {spaces} space{s}, probably decoded from '+'")?;
                }
                if *percents > 0 {
                    let s = plural(*percents);
                    write!(f, "; echostr has {percents} '%'{s}, probably encoded twice")?;
                }
                Ok(())
            }
            Self::NotBase64 => f.write_str("encrypted text is not base64"),
            Self::CiphertextLength { bytes } => write!(f, "ciphertext has {bytes} bytes, not whole blocks of 16"),
            Self::Padding => f.write_str("padding is wrong"),
            Self::MessageLength => f.write_str("length of the message is wrong"),
            Self::ReceiverDiffers => f.write_str("receiver id differs"),
            Self::NotAnEcho => f.write_str("text of the URL verification is not an echo string"),
            Self::OutsideTimeWindow { seconds } => {
                write!(f, "timestamp is {seconds} s away from the time of this machine")
            }
            Self::MessageNotUtf8 => f.write_str("message is not UTF-8"),
            Self::MessageNotXml { problem } => write!(f, "message is refused as XML: {problem}"),
        }
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
