//! Answers of the receiver that WeCom would not accept, what is wrong with each, and what a right one does not prove.

use wecom_kf::Bilingual;

use super::callback::Answer;
use super::finding::{Check, Finding};

/// What differs between the answer to an echo string and the text that WeCom expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    Bom,
    Quotes,
    LineEnd,
    Page,
    Empty,
    NotDecrypted,
    /// The text is there, with something around it.
    Wrapped,
    Other,
}

impl Flaw {
    pub(super) fn of(body: &[u8], echo: &str, echostr: &str) -> Self {
        let text = String::from_utf8_lossy(body);
        let trimmed = text.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
        if body.is_empty() {
            Self::Empty
        } else if trimmed == echo && text.starts_with('\u{feff}') {
            Self::Bom
        } else if trimmed == echo {
            Self::LineEnd
        } else if trimmed.trim_matches(['"', '\'']) == echo {
            Self::Quotes
        } else if trimmed.starts_with('<') {
            Self::Page
        } else if trimmed == echostr {
            Self::NotDecrypted
        } else if text.contains(echo) {
            Self::Wrapped
        } else {
            Self::Other
        }
    }

    /// Returns what is wrong with the answer, and the remedy.
    pub(super) fn explained(self) -> (Bilingual, Bilingual) {
        let (en, zh, remedy) = match self {
            Self::Bom => ("begins with a byte order mark (BOM)", "以 BOM（字节序标记）开头", ALONE),
            Self::Quotes => (
                "has quotes around the text",
                "在文本两侧加了引号",
                Bilingual::fixed(
                    "Answer with the decrypted text as plain text, not as a JSON string.",
                    "以纯文本返回解密后的内容，不要作为 JSON 字符串返回。",
                ),
            ),
            Self::LineEnd => ("has white space or a line end around the text", "在文本前后有空白或换行", ALONE),
            Self::Page => (
                "is an HTML or XML page",
                "是 HTML 或 XML 页面",
                Bilingual::fixed(
                    "The URL leads to another program, such as a login page or a gateway: correct its path, and the reverse proxy.",
                    "URL 指向了其他程序，如登录页或网关：改正路径和反向代理。",
                ),
            ),
            Self::Empty => (
                "is empty",
                "为空",
                Bilingual::fixed(
                    "Answer GET with the decrypted text of echostr; an empty answer is for POST only.",
                    "GET 要返回 echostr 解密后的内容；空应答只用于 POST。",
                ),
            ),
            Self::NotDecrypted => (
                "is the echostr as it came",
                "是未解密的 echostr",
                Bilingual::fixed(
                    "Decrypt echostr with the EncodingAESKey, and answer with the text in it.",
                    "用 EncodingAESKey 解密 echostr，返回其中的内容。",
                ),
            ),
            Self::Wrapped => ("has something around the text, such as JSON", "在文本之外还有其他内容，如 JSON", ALONE),
            Self::Other => (
                "is another text",
                "是其他内容",
                Bilingual::fixed(
                    "Answer with the decrypted text of echostr, and nothing else. Check the three settings: Token, EncodingAESKey, receiver id.",
                    "只返回 echostr 解密后的内容。检查三项配置：Token、EncodingAESKey、receiveid。",
                ),
            ),
        };
        (Bilingual::new(format!("the answer to the URL verification {en}"), format!("URL 验证的应答{zh}")), remedy)
    }
}

const ALONE: Bilingual = Bilingual::fixed(
    "Answer with the decrypted text alone, byte by byte, as UTF-8: no BOM, no quotes, no line end.",
    "只返回解密后的内容本身（UTF-8）：没有 BOM、引号和换行。",
);

/// Judges the answer to an event. `in_time` is the finding if nothing else is wrong.
pub(super) fn to_event(
    answer: &Answer,
    in_time: Finding,
    check: Check,
    by_status: Option<(Bilingual, Bilingual)>,
) -> Finding {
    let status = answer.status;
    if let Some((message, remedy)) = by_status {
        return check.problem(message, remedy);
    }
    if status != 200 {
        return check.problem(
            Bilingual::new(
                format!("an event is answered with status {status}, so WeCom sends it again, three times in all"),
                format!("事件的应答状态码为 {status}，企业微信会重发，共三次"),
            ),
            Bilingual::fixed(
                "The verification of GET works, so the settings are right: look into the log of the bot for the error of POST.",
                "GET 的验证正常，说明配置无误：查看机器人日志中 POST 的错误。",
            ),
        );
    }
    let is_usual = answer.body.is_empty() || answer.body.trim_ascii() == b"success";
    if is_usual || in_time.is_problem() {
        return in_time;
    }
    let length = answer.body.len();
    check.note(
        Bilingual::new(
            format!("an event is answered with {length} bytes, which WeCom does not expect"),
            format!("事件的应答有 {length} 字节，不是企业微信所期望的"),
        ),
        Bilingual::fixed("Answer with status 200 and an empty body.", "以状态码 200 和空内容应答。"),
    )
}

/// Says what a right answer does not prove: `doctor` signs with the settings of the bot, WeCom with those of the console.
pub(super) fn console() -> Finding {
    Check::start("callback_console").note(
        Bilingual::fixed(
            "the receiver has the Token and the EncodingAESKey of these settings; doctor cannot see whether the admin console has the same",
            "接收端的 Token 和 EncodingAESKey 与本机配置一致；doctor 无法得知管理后台中的是否相同",
        ),
        Bilingual::fixed(
            "Compare them, or save them in the admin console again, which makes WeCom verify the URL: 应用管理 › the app › 接收消息 › 设置API接收.",
            "请核对，或在管理后台重新保存，企业微信会随之验证 URL：应用管理 › 该应用 › 接收消息 › 设置API接收。",
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_nearly_are_the_echo() {
        let flaw = |body: &str| Flaw::of(body.as_bytes(), "123", "abc=");
        assert_eq!(flaw("\u{feff}123"), Flaw::Bom);
        assert_eq!(flaw("\"123\""), Flaw::Quotes);
        assert_eq!(flaw("\"123\"\n"), Flaw::Quotes);
        assert_eq!(flaw("123\r\n"), Flaw::LineEnd);
        assert_eq!(flaw("<!doctype html>123"), Flaw::Page);
        assert_eq!(flaw(""), Flaw::Empty);
        assert_eq!(flaw("abc="), Flaw::NotDecrypted);
        assert_eq!(flaw("{\"echo\":\"123\"}"), Flaw::Wrapped);
        assert_eq!(flaw("no"), Flaw::Other);
    }
}
