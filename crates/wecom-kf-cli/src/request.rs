//! Requests as WeCom sends them to a callback: `doctor` and `callback sign` make them.

use wecom_kf::callback::Callback;

use crate::failure::Failure;
use crate::time;

/// The timestamp and the nonce of a request that is made now.
pub(crate) struct Stamp {
    pub(crate) timestamp: String,
    pub(crate) nonce: String,
}

impl Stamp {
    pub(crate) fn now() -> Result<Self, Failure> {
        Ok(Self { timestamp: time::now().as_second().to_string(), nonce: digits(10)? })
    }
}

/// Returns random bytes, with which a message is encrypted.
pub(crate) fn random() -> Result<[u8; 16], Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(bytes)
}

/// Returns this many random digits.
pub(crate) fn digits(count: usize) -> Result<String, Failure> {
    let mut digits = String::new();
    while digits.len() < count {
        digits.extend(random()?.iter().map(|byte| char::from(b'0' + byte % 10)));
    }
    digits.truncate(count);
    Ok(digits)
}

/// Returns the XML of the event that announces messages. `token` is what a bot passes to `sync_msg`.
pub(crate) fn announcement(corp_id: &str, open_kfid: Option<&str>, token: &str, timestamp: &str) -> String {
    let account = open_kfid.map(|id| format!("<OpenKfId>{}</OpenKfId>", cdata(id))).unwrap_or_default();
    format!(
        "<xml><ToUserName>{}</ToUserName><CreateTime>{timestamp}</CreateTime><MsgType><![CDATA[event]]></MsgType>\
         <Event><![CDATA[kf_msg_or_event]]></Event><Token>{}</Token>{account}</xml>",
        cdata(corp_id),
        cdata(token)
    )
}

fn cdata(text: &str) -> String {
    // CDATA must not contain its own end, so it is split there.
    format!("<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>"))
}

/// Returns the query of a `GET` with this ciphertext, which contains no character that a URL would encode.
pub(crate) fn query_of(callback: &Callback, stamp: &Stamp, echostr: &str) -> String {
    let Stamp { timestamp, nonce } = stamp;
    let signature = callback.sign(timestamp, nonce, echostr);
    format!("msg_signature={signature}&timestamp={timestamp}&nonce={nonce}&echostr={echostr}")
}
