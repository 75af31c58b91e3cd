//! Why a receiver refuses the URL verification. A receiver should not say why, so the cause is found by experiment:
//! requests that differ in one thing, and whether their answers differ.

use wecom_kf::Bilingual;
use wecom_kf::callback::Callback;

use super::callback::{Answer, Receiver};
use crate::failure::Failure;
use crate::request::{Stamp, digits, query_of, random};

/// How many ciphertexts are made until one has the wanted characters. One of 60 has neither `+` nor `/`.
const ATTEMPTS: usize = 10_000;

/// A URL verification.
pub(super) struct Probe {
    pub(super) query: String,
    /// The encrypted text.
    pub(super) echostr: String,
    /// The expected answer.
    pub(super) echo: String,
}

/// Which characters a ciphertext has. Only these three need an encoding in a URL.
#[derive(Clone, Copy, Debug)]
pub(super) struct Characters {
    plus: bool,
    slash: bool,
}

pub(super) const PLAIN: Characters = Characters { plus: false, slash: false };
pub(super) const WITH_PLUS: Characters = Characters { plus: true, slash: false };
const WITH_SLASH: Characters = Characters { plus: false, slash: true };

/// Creates a URL verification whose ciphertext has these characters, and no `=`.
pub(super) fn probe(receiver: &Receiver, characters: Characters) -> Result<Probe, Failure> {
    probe_of(&receiver.callback, receiver.corp_id.len(), characters)
}

fn probe_of(callback: &Callback, receiver_id: usize, characters: Characters) -> Result<Probe, Failure> {
    // 16 random bytes, 4 of the length, the text, and the receiver id: the padding makes 80 bytes 96, which base64 writes
    // without `=`.
    let echo = digits(60_usize.saturating_sub(receiver_id).max(19))?;
    let mut echostr = callback.encrypt(&echo, random()?);
    for _ in 0..ATTEMPTS {
        if (echostr.contains('+'), echostr.contains('/')) == (characters.plus, characters.slash) {
            break;
        }
        echostr = callback.encrypt(&echo, random()?);
    }
    let encoded = echostr.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let stamp = Stamp::now()?;
    let signature = callback.sign(&stamp.timestamp, &stamp.nonce, &echostr);
    let Stamp { timestamp, nonce } = stamp;
    let query = format!("msg_signature={signature}&timestamp={timestamp}&nonce={nonce}&echostr={encoded}");
    Ok(Probe { query, echostr, echo })
}

/// Replaces the first digit of the signature by another one.
pub(super) fn with_wrong_signature(query: &str) -> String {
    let (name, signature) = query.split_at("msg_signature=".len());
    let other = if signature.starts_with('0') { "1" } else { "0" };
    format!("{name}{other}{}", &signature[1..])
}

/// The cause of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// `+` becomes a space.
    Plus,
    /// The query is decoded or encoded too often.
    Encoding,
    Token,
    ReceiverId,
    /// The receiver's id is empty.
    EmptyReceiverId,
    /// The receiver answers wrong keys and wrong receiver ids alike.
    KeyOrReceiverId,
    /// The receiver answers every mistake alike.
    Unknown,
}

impl Cause {
    /// Finds out why the receiver refuses right requests.
    pub(super) async fn find(receiver: &Receiver, refusal: &Answer) -> Result<Self, Failure> {
        let plain = probe(receiver, PLAIN)?;
        let answer = match receiver.get(&plain.query).await {
            Ok(answer) if answer.is_right(&plain.echo) => {
                let slash = probe(receiver, WITH_SLASH)?;
                let is_right = receiver.get(&slash.query).await.is_ok_and(|answer| answer.is_right(&slash.echo));
                return Ok(if is_right { Self::Plus } else { Self::Encoding });
            }
            Ok(answer) => answer,
            Err(_) => refusal.clone(),
        };
        let empty = probe_of(&receiver.with_id("")?, 0, PLAIN)?;
        if receiver.get(&empty.query).await.is_ok_and(|answer| answer.is_right(&empty.echo)) {
            return Ok(Self::EmptyReceiverId);
        }
        // The same request with one thing that is surely wrong. If the answer is the same, that may be the cause.
        let foreign = probe_of(&receiver.with_id(FOREIGN)?, FOREIGN.len(), PLAIN)?;
        let garbage = query_of(&receiver.callback, &Stamp::now()?, &"Garbage0".repeat(16));
        let is_like = |other: Result<Answer, _>| {
            other.is_ok_and(|other: Answer| (other.status, &other.body) == (answer.status, &answer.body))
        };
        let like_token = is_like(receiver.get(&with_wrong_signature(&plain.query)).await);
        let like_key = is_like(receiver.get(&garbage).await);
        let like_id = is_like(receiver.get(&foreign.query).await);
        Ok(match (like_token, like_key, like_id) {
            // A receiver with another Token refuses all of them at the signature, and an opaque one refuses them alike.
            (true, true, _) if names_the_signature(&answer.body) => Self::Token,
            (true, ..) => Self::Unknown,
            (false, false, true) => Self::ReceiverId,
            // A receiver with another key refuses everything that is signed in the same way.
            (false, true, _) => Self::KeyOrReceiverId,
            (false, false, false) => Self::Unknown,
        })
    }

    /// Returns what was found, and the remedy.
    pub(super) fn explained(self, status: u16, corp_id: &str) -> (Bilingual, Bilingual) {
        let compare = |what: &str| {
            Bilingual::new(
                format!(
                    "Give the bot the {what} of the admin console (应用管理 › the app › 接收消息 › 设置API接收), and start it again; or correct this machine's settings."
                ),
                format!(
                    "让机器人使用管理后台（应用管理 › 该应用 › 接收消息 › 设置API接收）的 {what} 并重启；或改正本机的配置。"
                ),
            )
        };
        let receiver_id = Bilingual::new(
            format!(
                "Set the receiver id of the bot to the corp id {corp_id}; it is the suite id only for events of a third-party app's provider."
            ),
            format!("把机器人的 receiveid 设为企业 ID {corp_id}；只有第三方应用服务商的事件才用 suite id。"),
        );
        match self {
            Self::Plus => (
                Bilingual::fixed(
                    "the receiver, or a proxy in front of it, turns a + in the query into a space, so some verifications and not others fail",
                    "接收端或其前面的代理把 query 中的 + 变成了空格，因此验证时好时坏",
                ),
                Bilingual::fixed(
                    "Take the raw query and percent-decode it once: a + stays a plus. Do not use the form decoding of the framework.",
                    "使用原始 query，只做一次百分号解码，+ 保持不变；不要用框架的表单解码。",
                ),
            ),
            Self::Encoding => (
                Bilingual::fixed(
                    "the query arrives with a wrong percent-encoding: something decodes it never or twice",
                    "query 的百分号编码不对：没有解码，或解码/编码了两次",
                ),
                Bilingual::fixed(
                    "Let proxies pass on the query unchanged, and percent-decode it once in the receiver.",
                    "让代理原样转发 query，接收端只做一次百分号解码。",
                ),
            ),
            Self::Token => {
                (Bilingual::fixed("the receiver has another Token", "接收端的 Token 不同"), compare("Token"))
            }
            Self::ReceiverId => (
                Bilingual::fixed(
                    "Token and EncodingAESKey are right, but the receiver expects another receiver id",
                    "Token 和 EncodingAESKey 相符，但接收端的 receiveid 不同",
                ),
                receiver_id,
            ),
            Self::EmptyReceiverId => {
                (Bilingual::fixed("the receiver expects an empty receiver id", "接收端的 receiveid 为空"), receiver_id)
            }
            Self::KeyOrReceiverId => (
                Bilingual::fixed(
                    "the Token is right, but the receiver has another EncodingAESKey (or another receiver id, if it answers both mistakes alike)",
                    "Token 相符，但接收端的 EncodingAESKey 不同（若它对两种错误的应答相同，也可能是 receiveid 不同）",
                ),
                compare("EncodingAESKey"),
            ),
            Self::Unknown => (
                Bilingual::new(
                    format!(
                        "the receiver refuses the URL verification (status {status}), and answers every mistake alike, as it should"
                    ),
                    format!("接收端拒绝了 URL 验证（状态码 {status}），且对各种错误的应答相同（本应如此）"),
                ),
                Bilingual::fixed(
                    "Its log says why. Compare Token, EncodingAESKey and corp id of the bot with those here. Or stop the bot and run wecom-kf callback serve in its place: it names the wrong one.",
                    "原因见接收端日志。比较机器人与此处的 Token、EncodingAESKey 和企业 ID；或停下机器人，改用 wecom-kf callback serve 接收，它会指出哪一项不对。",
                ),
            ),
        }
    }
}

/// Returns whether an answer says that the signature is wrong. -40001 is the number of WeCom's own sample code for it.
fn names_the_signature(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_lowercase();
    ["-40001", "signature", "签名"].iter().any(|word| text.contains(word))
}

/// The id of a corp that no receiver expects.
const FOREIGN: &str = "ww0000000000000000";

impl Receiver {
    /// Returns the same settings with another receiver id.
    fn with_id(&self, receiver_id: &str) -> Result<Callback, Failure> {
        Ok(Callback::new(&*self.token, &self.aes_key, receiver_id)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ciphertexts_have_the_wanted_characters() {
        let key = "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY";
        let callback = Callback::new("token", key, "ww0123456789abcdef").unwrap();
        for characters in [PLAIN, WITH_PLUS, WITH_SLASH] {
            let probe = probe_of(&callback, 18, characters).unwrap();
            assert_eq!(probe.echostr.contains('+'), characters.plus);
            assert_eq!(probe.echostr.contains('/'), characters.slash);
            assert!(!probe.echostr.contains('='));
            let query = wecom_kf_callback::Query::parse(&probe.query).unwrap();
            assert_eq!(callback.verify_url(&query).unwrap(), probe.echo);
            let forged = wecom_kf_callback::Query::parse(&with_wrong_signature(&probe.query)).unwrap();
            assert!(callback.verify_url(&forged).is_err());
        }
    }
}
