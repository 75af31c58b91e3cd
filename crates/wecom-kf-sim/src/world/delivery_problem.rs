//! Why a callback failed: a code for programs, and a text in English and Chinese.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use wecom_kf_raw::Lang;

/// Why a callback failed. `Display` prints it in English.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeliveryProblem {
    /// A fault lost the callback.
    Lost,
    /// The bot answered with this HTTP status. Only 200 counts as success.
    Status(u16),
    /// The bot did not answer within this time.
    Slow(Duration),
    /// There was no connection, or it ended before the answer.
    NoConnection,
    /// The verification of the URL was answered with white space around the text.
    EchoHasSpace,
    /// The verification of the URL was answered with the text as JSON.
    EchoHasQuotes,
    /// The verification of the URL was answered with something else.
    EchoIsWrong,
}

impl DeliveryProblem {
    /// Returns the code, such as `no_connection`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Status(_) => "status",
            Self::Slow(_) => "slow",
            Self::NoConnection => "no_connection",
            Self::EchoHasSpace => "echo_has_space",
            Self::EchoHasQuotes => "echo_has_quotes",
            Self::EchoIsWrong => "echo_is_wrong",
        }
    }

    /// Returns what happened, and what to do.
    pub fn text(self, lang: Lang) -> String {
        let text = match self {
            Self::Lost => lang.pick("a fault lost it", "被故障丢弃"),
            Self::Status(status) => {
                let en = format!("the bot answered with status {status}: only 200 counts as success");
                return lang.pick(en, format!("机器人返回状态码 {status}，只有 200 才算成功"));
            }
            Self::Slow(patience) => {
                let seconds = patience.as_secs();
                return lang.pick(format!("no answer within {seconds} s"), format!("{seconds} 秒内没有应答"));
            }
            Self::NoConnection => lang.pick(
                "no connection, or it ended before the answer: is the bot listening there?",
                "连接失败，或在应答前断开：机器人是否正在监听该地址？",
            ),
            Self::EchoHasSpace => lang.pick(
                "the answer has white space or a line end around the text: answer with the decrypted echostr alone",
                "应答的前后有空白或换行：只返回解密后的 echostr",
            ),
            Self::EchoHasQuotes => lang.pick(
                "the answer has quotes around the text: answer with the decrypted echostr alone, not as JSON",
                "应答带有引号：只返回解密后的 echostr，不要编码成 JSON",
            ),
            Self::EchoIsWrong => lang.pick(
                "the answer is not the decrypted echostr: check that token and key are those of the simulator",
                "应答不是解密后的 echostr：请检查 Token 和 EncodingAESKey 是否与模拟器一致",
            ),
        };
        text.to_owned()
    }

    /// Returns the text that a search reads.
    pub(crate) fn searchable(self) -> String {
        [self.code().to_owned(), self.text(Lang::En), self.text(Lang::Zh)].join(" ")
    }
}

/// `DeliveryProblem` of `control.yaml`.
#[derive(Serialize)]
pub(crate) struct ShownProblem {
    code: &'static str,
    en: String,
    zh: String,
}

impl From<DeliveryProblem> for ShownProblem {
    fn from(problem: DeliveryProblem) -> Self {
        Self { code: problem.code(), en: problem.text(Lang::En), zh: problem.text(Lang::Zh) }
    }
}

impl fmt::Display for DeliveryProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Lang::En))
    }
}
