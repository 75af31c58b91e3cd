//! Why a request was refused: one opaque error outward, a reason for the log.

use std::fmt;

use crate::{MAX_BODY, MAX_QUERY, XmlProblem};

/// The request is refused: answer 403 and nothing else.
///
/// Display says no more than that, whatever went wrong, and there is no source: who forges requests learns nothing from
/// it. The [`reason`](Self::reason) is for your own log, and so is Debug. None of them holds a key, a token, a signature
/// that would have been right, or any of the message.
#[derive(Clone, Debug, thiserror::Error)]
#[error("callback refused")]
pub struct Error {
    reason: Reason,
}

impl Error {
    /// What was wrong, for the person on call. Log it; do not send it.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }
}

impl From<Reason> for Error {
    fn from(reason: Reason) -> Self {
        Self { reason }
    }
}

/// Why a request was refused: for logs and metrics, not for the answer.
///
/// Display is the fact, [`remedy`](Self::remedy) what to do, [`zh`](Self::zh) both in Chinese. The order here is that of
/// the checks; up to [`SignatureDiffers`](Self::SignatureDiffers) nothing was decrypted, and anybody may have sent it.
/// After that it was signed with your `Token`.
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
    /// The query has a parameter twice, so what is checked might not be what is used.
    #[non_exhaustive]
    ParameterRepeated {
        /// Its name.
        parameter: &'static str,
    },
    /// A parameter has a form that WeCom does not send.
    #[non_exhaustive]
    ParameterMalformed {
        /// Its name.
        parameter: &'static str,
        /// The form it must have.
        expected: &'static str,
    },
    /// The body is longer than [`MAX_BODY`](crate::MAX_BODY).
    #[non_exhaustive]
    BodyTooLarge {
        /// Its length.
        bytes: usize,
    },
    /// The body is not XML, or more XML than is read here.
    #[non_exhaustive]
    BodyNotXml {
        /// What is wrong with it.
        problem: XmlProblem,
    },
    /// The body has no element `Encrypt`.
    EncryptMissing,
    /// The body has several elements `Encrypt`, so what is checked might not be what is used.
    EncryptRepeated,
    /// The element `Encrypt` holds other elements.
    EncryptMalformed,
    /// The signature is not the one that the `Token` makes.
    #[non_exhaustive]
    SignatureDiffers {
        /// Spaces in the echostr. There are none, unless something decoded `+` as a form does.
        spaces: usize,
        /// Percent signs in the echostr. There are none, unless something encoded it twice.
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
    /// The padding is wrong: almost always another `EncodingAESKey`.
    Padding,
    /// The length of the message does not fit.
    MessageLength,
    /// The message is for somebody else.
    ReceiverDiffers,
    /// The URL's verification holds no echo string: probably a callback that was captured and sent again as `GET`.
    NotAnEcho,
    /// The timestamp is too far from the time here. Only [`event_once`](crate::Callback::event_once) looks at it.
    #[non_exhaustive]
    OutsideTimeWindow {
        /// How many seconds lie between them.
        seconds: u64,
    },
    /// The message is not UTF-8.
    MessageNotUtf8,
    /// The message is not XML, or more XML than is read here.
    #[non_exhaustive]
    MessageNotXml {
        /// What is wrong with it.
        problem: XmlProblem,
    },
}

const FORGED_OR_FOREIGN: &str = "if it goes on, look at who sends it: WeCom does not";
const FORGED_OR_FOREIGN_ZH: &str = "若持续出现，请检查请求来源：企业微信不会这样发送";
const KEY_OF_THE_CONSOLE: &str = "compare EncodingAESKey with the console's: the Token fits, the key does not";
const KEY_OF_THE_CONSOLE_ZH: &str = "核对后台的 EncodingAESKey：Token 相符而密钥不符";
const REPORT: &str =
    "the signature and the key are right, so WeCom sent it: report it as an issue, without its content";
const REPORT_ZH: &str = "签名与密钥均正确，应为企业微信所发：请提 issue 反馈（勿附内容）";

impl Reason {
    /// What the person on call should do.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::ParameterMissing { .. } => {
                "hand over what stands behind '?' in the URL as it came, to verify_url for GET, to decrypt or event for POST; if it did, the request is not WeCom's"
            }
            Self::BodyNotXml { .. } | Self::EncryptMissing => {
                "hand over the body as it came; if it did, the request is not WeCom's"
            }
            Self::QueryTooLarge { .. }
            | Self::ParameterRepeated { .. }
            | Self::ParameterMalformed { .. }
            | Self::BodyTooLarge { .. }
            | Self::EncryptRepeated
            | Self::EncryptMalformed => FORGED_OR_FOREIGN,
            Self::SignatureDiffers { spaces: 1.., .. } => {
                "hand the raw query to Query::parse: a framework or a proxy decoded '+'"
            }
            Self::SignatureDiffers { percents: 1.., .. } => {
                "hand the raw query to Query::parse: a proxy encoded it once more"
            }
            Self::SignatureDiffers { .. } => {
                "compare Token with the console's; if it is the same, somebody else sent this"
            }
            Self::NotBase64 | Self::CiphertextLength { .. } => "hand over query and body as they came",
            Self::Padding | Self::MessageLength => KEY_OF_THE_CONSOLE,
            Self::ReceiverDiffers => {
                "set the receiver id: the corp id for a self-built app, the suite id for events of a third-party app's provider"
            }
            Self::NotAnEcho => "nothing was answered: look at who sends callbacks again as GET",
            Self::OutsideTimeWindow { .. } => {
                "compare the clock here with the real time; if it is right, somebody sent an old callback again"
            }
            Self::MessageNotUtf8 | Self::MessageNotXml { .. } => REPORT,
        }
    }

    /// The reason and what to do, in Chinese.
    pub fn zh(&self) -> String {
        format!("{}。处理：{}", self.meaning_zh(), self.remedy_zh())
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
            Self::EncryptMalformed => f.write_str("Encrypt in the body holds other elements"),
            Self::SignatureDiffers { spaces, percents } => {
                f.write_str("signature differs")?;
                if *spaces > 0 {
                    let s = plural(*spaces);
                    write!(f, "; echostr has {spaces} space{s} where '+' is usual")?;
                }
                if *percents > 0 {
                    let s = plural(*percents);
                    write!(f, "; echostr has {percents} '%'{s} where none is usual")?;
                }
                Ok(())
            }
            Self::NotBase64 => f.write_str("encrypted text is not base64"),
            Self::CiphertextLength { bytes } => write!(f, "ciphertext has {bytes} bytes, not whole blocks of 16"),
            Self::Padding => f.write_str("padding is wrong"),
            Self::MessageLength => f.write_str("length of the message does not fit"),
            Self::ReceiverDiffers => f.write_str("receiver id differs"),
            Self::NotAnEcho => f.write_str("text of the URL's verification cannot be an echo string"),
            Self::OutsideTimeWindow { seconds } => write!(f, "timestamp is {seconds} s away from the time here"),
            Self::MessageNotUtf8 => f.write_str("message is not UTF-8"),
            Self::MessageNotXml { problem } => write!(f, "message is refused as XML: {problem}"),
        }
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
