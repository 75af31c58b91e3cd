//! `wecom-kf callback`: reads and makes the requests that WeCom sends to a bot, and receives them.

mod decrypt;
mod serve;
mod sign;

use clap::Subcommand;
use serde_json::{Value, json};
use wecom_kf::callback::Event;

use crate::app::App;
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Callback {
    /// Decrypts a captured request, and prints its event as JSON
    ///
    /// It needs the corp id, the Token and the EncodingAESKey. The token in the event, with which messages can be read, is
    /// hidden.
    Decrypt(decrypt::Decrypt),
    /// Makes a signed request, as a line for curl or as JSON
    ///
    /// Receivers that check the time accept it for ten minutes.
    Sign(sign::Sign),
    /// Receives callbacks at any path and prints them as they come, until Ctrl-C
    ///
    /// It also answers the verification of the URL, so it can stand in for a bot. For each refused request it says why, and
    /// what to do.
    Serve(serve::Serve),
}

pub(crate) const CHINESE: &[(&str, &str)] = &[
    ("callback", "回调：解密、签名、接收"),
    (
        "callback decrypt",
        "解密截获的回调请求，以 JSON 输出事件\n\n需要企业 ID、Token 和 EncodingAESKey。事件中的 token 可用来读取消息，不会显示。",
    ),
    ("callback decrypt.request", "请求的 URL、query 或访问日志中的一行，含 msg_signature、timestamp 和 nonce"),
    ("callback decrypt.body", "存放 POST 请求体的文件；默认读标准输入"),
    ("callback decrypt.reveal", "显示事件中的 token，会先询问"),
    ("callback decrypt.show_text", "显示其他类型事件的 XML，其中可能有客户所写的内容"),
    ("callback sign", "生成带签名的请求：curl 命令或 JSON\n\n会检查时间的接收端在十分钟内接受它。"),
    ("callback sign.url", "接收端的 URL"),
    ("callback sign.verify", "生成验证 URL 的 GET，而不是事件"),
    ("callback sign.token", "事件中的 token，机器人会把它传给 sync_msg"),
    ("callback sign.xml", "存放其他事件 XML 的文件；- 为标准输入"),
    (
        "callback serve",
        "在任意路径接收回调并逐个显示，直到按 Ctrl-C\n\n也会应答 URL 验证，可暂时代替机器人；被拒绝的请求会说明原因和处理办法。",
    ),
    ("callback serve.listen", "监听地址；默认取 WECOM_KF_LISTEN"),
    ("callback serve.show_text", "显示其他类型事件的 XML，其中可能有客户所写的内容"),
];

impl Callback {
    pub(crate) fn is_endless(&self) -> bool {
        matches!(self, Self::Serve(_))
    }

    pub(crate) async fn run(self, app: &App) -> Result<(), Failure> {
        match self {
            Self::Decrypt(command) => command.run(app).await,
            Self::Sign(command) => command.run(app),
            Self::Serve(command) => command.run(app).await,
        }
    }
}

/// What may be printed of an event.
#[derive(Clone, Copy, Debug)]
struct Show {
    /// The token, with which everybody can read messages.
    token: bool,
    /// The XML of other events and of messages, which may contain what people wrote.
    text: bool,
}

/// Returns an event as JSON, under the names of the library.
fn shown(event: &Event, show: Show) -> Result<Value, Failure> {
    let mut value = serde_json::to_value(event)?;
    if !show.token && value.get("token").is_some() {
        value["token"] = json!(HIDDEN);
    }
    match (value["xml"].as_str().map(str::to_owned), value.as_object_mut()) {
        (Some(xml), _) if show.text && show.token => value["xml"] = json!(xml),
        (Some(xml), _) if show.text => value["xml"] = json!(without_token(&xml)),
        (Some(_), Some(members)) => drop(members.remove("xml")),
        _ => {}
    }
    Ok(value)
}

const HIDDEN: &str = "***";

/// Hides what is in the elements `Token`.
fn without_token(xml: &str) -> String {
    const OPEN: &str = "<Token";
    let mut parts = xml.split(OPEN);
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // Without an end, everything may be the token.
        let rest = part.split_once("</Token>").map_or("", |(_, rest)| rest);
        shown = format!("{shown}{OPEN}>{HIDDEN}</Token>{rest}");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_hidden_in_xml() {
        assert_eq!(without_token("<xml><Token><![CDATA[ENC]]></Token><a/></xml>"), "<xml><Token>***</Token><a/></xml>");
        assert_eq!(without_token("<xml><Token a='1'>ENC"), "<xml><Token>***</Token>");
        assert_eq!(without_token("<xml>1</xml>"), "<xml>1</xml>");
    }
}
