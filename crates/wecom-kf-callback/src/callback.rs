//! The callback's settings, and what is done with them: signature, decryption, and both again from WeCom's side.

use std::fmt;
use std::fmt::Write as _;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};
use subtle::ConstantTimeEq as _;

use crate::frame::{self, Key};
use crate::query::{self, Query};
use crate::{Error, Event, Reason, Replays, SettingsError, XmlProblem, settings, xml};

/// The longest body that is read, 1 MiB. WeCom's has some 700 bytes.
pub const MAX_BODY: usize = 1 << 20;

/// The longest echo string that [`Callback::verify_url`] answers, in bytes. WeCom's has 19 digits.
pub const MAX_ECHO: usize = 64;

/// The settings of a callback, and all that is done with them.
///
/// It needs no secret of an app: WeCom verifies the URL before it hands one out.
///
/// ```
/// use wecom_kf_callback::{Callback, Event, Query};
///
/// let callback = Callback::new("FixtureCallbackTok01", "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY", "ww0fixture0corp0001")?;
/// # let xml = "<xml><ToUserName>ww0</ToUserName><CreateTime>1</CreateTime><MsgType>event</MsgType>\
/// #     <Event>kf_msg_or_event</Event><Token>t</Token><OpenKfId>wk1</OpenKfId></xml>";
/// # let sealed = callback.seal(xml, "1718000001", "9988776655", [7; 16]);
/// # let (raw_query, body) = (sealed.query, sealed.body.as_bytes());
/// let query = Query::parse(&raw_query)?;
/// if let Event::KfMsgOrEvent(news) = callback.event(&query, body)? {
///     println!("read {:?}", news.open_kfid);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Callback {
    token: String,
    key: Key,
    receiver_id: String,
}

/// A request as WeCom would send it, from [`Callback::seal`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sealed {
    /// What stands behind the `?` of the URL.
    pub query: String,
    /// The body.
    pub body: String,
}

impl Callback {
    /// Takes the settings: `Token` and `EncodingAESKey` as they are in the console, and the receiver id, which is the
    /// corp id for a self-built app, the suite id for events of a third-party app's provider, and empty in a few cases.
    ///
    /// White space and byte order marks around them are removed. All 64 last characters of the key are fine, also where
    /// other libraries call it bad base64.
    ///
    /// # Errors
    ///
    /// One of them cannot be right, such as a key of 44 characters with `=`. The error says which and why, and does not
    /// show it.
    pub fn new(
        token: impl Into<String>,
        encoding_aes_key: impl AsRef<str>,
        receiver_id: impl Into<String>,
    ) -> Result<Self, SettingsError> {
        let (token, receiver_id) = (token.into(), receiver_id.into());
        let token = settings::token(&token)?.to_owned();
        let key = settings::parse_key(encoding_aes_key.as_ref())?;
        let receiver_id = settings::receiver_id(&receiver_id)?.to_owned();
        Ok(Self { token, key, receiver_id })
    }

    /// The text to answer when WeCom verifies the URL by `GET`: within 1 second, status 200, the text alone, without
    /// quotes and without a line end.
    ///
    /// A callback's body is signed as an echo string is. Whoever captured one could send it again as a `GET`, and would
    /// be answered with the event and its token. So only what an echo string can be is answered: at most [`MAX_ECHO`]
    /// bytes that are not XML. A longer ciphertext is not even decrypted.
    ///
    /// # Errors
    ///
    /// The request is not WeCom's or the settings are not the console's: see [`Reason`].
    pub fn verify_url(&self, query: &Query) -> Result<String, Error> {
        let echostr = query.echostr().ok_or(Reason::ParameterMissing { parameter: "echostr" })?;
        if !self.is_signed(query, echostr) {
            let count = |byte| echostr.bytes().filter(|other| *other == byte).count();
            return Err(Reason::SignatureDiffers { spaces: count(b' '), percents: count(b'%') }.into());
        }
        let ciphertext = decode(echostr)?;
        if ciphertext.len() > frame::ciphertext_length(MAX_ECHO, self.receiver_id.len()) {
            return Err(Reason::NotAnEcho.into());
        }
        let echo = frame::open(&self.key, ciphertext, self.receiver_id.as_bytes())?;
        if echo.len() > MAX_ECHO || xml::may_be_xml(&echo) {
            return Err(Reason::NotAnEcho.into());
        }
        Ok(echo)
    }

    /// The XML inside of the body of a `POST`, checked and decrypted.
    ///
    /// # Errors
    ///
    /// The request is not WeCom's or the settings are not the console's: see [`Reason`].
    pub fn decrypt(&self, query: &Query, body: &[u8]) -> Result<String, Error> {
        Ok(self.open(&self.signed(query, body)?)?)
    }

    /// The event that a `POST` tells: queue it, answer 200 with an empty body within 5 seconds, and only then read
    /// messages. Work before the answer is the usual cause of callbacks that come three times.
    ///
    /// # Errors
    ///
    /// The request is not WeCom's or the settings are not the console's: see [`Reason`]. What is WeCom's but not known
    /// here is no error, it is [`Event::Unknown`].
    pub fn event(&self, query: &Query, body: &[u8]) -> Result<Event, Error> {
        Event::parse(self.decrypt(query, body)?)
    }

    /// As [`event`](Self::event), but returns `None` for a request that came before, and refuses one that is too old.
    ///
    /// Whoever captured a request can send it again word for word, and its signature stays right. `replays` remembers the
    /// requests of its time window by their ciphertext: see [`Replays`] for what it can and cannot recognise. Answer a
    /// repeat with 200 and do nothing. Call [`Replays::forget`] if you answer a first request with an error, or WeCom's
    /// next attempt counts as a repeat.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime, UNIX_EPOCH};
    /// use wecom_kf_callback::{Callback, Query, Replays};
    ///
    /// # let callback = Callback::new("FixtureCallbackTok01", "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY", "ww0")?;
    /// # let sealed = callback.seal("<xml></xml>", "1718000001", "9988776655", [7; 16]);
    /// # let (query, body) = (Query::parse(&sealed.query)?, sealed.body.as_bytes());
    /// # let now = UNIX_EPOCH + Duration::from_secs(1_718_000_003);
    /// let replays = Replays::default(); // one for all requests
    /// // with `SystemTime::now()` for `now`:
    /// assert!(callback.event_once(&query, body, &replays, now)?.is_some());
    /// assert!(callback.event_once(&query, body, &replays, now)?.is_none());
    /// # let _ = SystemTime::now();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`event`](Self::event), and [`Reason::OutsideTimeWindow`].
    pub fn event_once(
        &self,
        query: &Query,
        body: &[u8],
        replays: &Replays,
        now: SystemTime,
    ) -> Result<Option<Event>, Error> {
        let encrypt = self.signed(query, body)?;
        replays.check_time(query, now)?;
        let event = Event::parse(self.open(&encrypt)?)?;
        Ok(replays.is_first(&encrypt).then_some(event))
    }

    /// The other side, for tests and simulators: the `POST` that WeCom would send to tell `xml`.
    ///
    /// `random` must be random wherever the text is worth encrypting, since equal beginnings give equal ciphertexts
    /// otherwise; a test may pass what it likes.
    pub fn seal(&self, xml: &str, timestamp: &str, nonce: &str, random: [u8; 16]) -> Sealed {
        let encrypt = self.encrypt(xml, random);
        let msg_signature = self.sign(timestamp, nonce, &encrypt);
        let parameters = [("msg_signature", &*msg_signature), ("timestamp", timestamp), ("nonce", nonce)];
        // CDATA cannot hold its own end.
        let receiver_id = self.receiver_id.replace("]]>", "]]]]><![CDATA[>");
        let body = format!(
            "<xml><ToUserName><![CDATA[{receiver_id}]]></ToUserName><Encrypt><![CDATA[{encrypt}]]></Encrypt>\
             <AgentID><![CDATA[]]></AgentID></xml>"
        );
        Sealed { query: query::write(&parameters), body }
    }

    /// The other side, for tests and simulators: the query of the `GET` by which WeCom would verify the URL, expecting
    /// `text` as the answer. On `random` see [`seal`](Self::seal).
    pub fn seal_url(&self, text: &str, timestamp: &str, nonce: &str, random: [u8; 16]) -> String {
        let echostr = self.encrypt(text, random);
        let msg_signature = self.sign(timestamp, nonce, &echostr);
        query::write(&[
            ("msg_signature", &msg_signature),
            ("timestamp", timestamp),
            ("nonce", nonce),
            ("echostr", &echostr),
        ])
    }

    /// Encrypts a message as WeCom does: what stands in `echostr` and `Encrypt`. On `random` see [`seal`](Self::seal).
    pub fn encrypt(&self, message: &str, random: [u8; 16]) -> String {
        STANDARD.encode(frame::seal(&self.key, random, message.as_bytes(), self.receiver_id.as_bytes()))
    }

    /// Signs as WeCom does: `msg_signature` over the `Token` and these.
    pub fn sign(&self, timestamp: &str, nonce: &str, encrypt: &str) -> String {
        let mut parts = [&*self.token, timestamp, nonce, encrypt];
        parts.sort_unstable();
        let mut sha1 = Sha1::new();
        parts.iter().for_each(|part| sha1.update(part));
        sha1.finalize().iter().fold(String::with_capacity(40), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// Takes equally long for every signature of the right length, so that it cannot be guessed digit by digit.
    fn is_signed(&self, query: &Query, encrypt: &str) -> bool {
        let expected = self.sign(query.timestamp(), query.nonce(), encrypt);
        expected.as_bytes().ct_eq(query.msg_signature().as_bytes()).into()
    }

    /// The text of `Encrypt`, once its signature is known to be right.
    fn signed(&self, query: &Query, body: &[u8]) -> Result<String, Reason> {
        let encrypt = encrypt_of(body)?;
        if !self.is_signed(query, &encrypt) {
            return Err(Reason::SignatureDiffers { spaces: 0, percents: 0 });
        }
        Ok(encrypt)
    }

    fn open(&self, encrypt: &str) -> Result<String, Reason> {
        frame::open(&self.key, decode(encrypt)?, self.receiver_id.as_bytes())
    }
}

fn decode(encrypt: &str) -> Result<Vec<u8>, Reason> {
    STANDARD.decode(encrypt).map_err(|_| Reason::NotBase64)
}

/// Neither the token nor the key.
impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback").field("receiver_id", &self.receiver_id).finish_non_exhaustive()
    }
}

/// The text of `Encrypt`, exactly as it stands. What else is in the envelope is not signed, and not looked at.
pub(crate) fn encrypt_of(body: &[u8]) -> Result<String, Reason> {
    if body.len() > MAX_BODY {
        return Err(Reason::BodyTooLarge { bytes: body.len() });
    }
    let body = str::from_utf8(body).map_err(|_| Reason::BodyNotXml { problem: XmlProblem::NotUtf8 })?;
    let mut encrypt = Err(Reason::EncryptMissing);
    xml::children(body, &["Encrypt"], |_, text| {
        encrypt = match (&encrypt, text) {
            (Err(Reason::EncryptMissing), Some(text)) => Ok(text),
            (Err(Reason::EncryptMissing), None) => Err(Reason::EncryptMalformed),
            _ => Err(Reason::EncryptRepeated),
        };
    })
    .map_err(|problem| Reason::BodyNotXml { problem })?;
    encrypt
}
