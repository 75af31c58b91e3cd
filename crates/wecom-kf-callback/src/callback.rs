//! `Callback`: checks the size and the signature of WeCom's requests and decrypts them. It also creates such requests, for
//! tests and simulators.

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

/// The size limit of a request body: 1 MiB. WeCom's bodies have about 700 bytes.
pub const MAX_BODY: usize = 1 << 20;

/// The length limit of an echo string, in bytes. WeCom's echo strings have 19 digits.
pub const MAX_ECHO: usize = 64;

/// A receiver of callbacks: verifies, decrypts and parses WeCom's requests.
///
/// It does not need the secret of the app, because WeCom verifies the URL before it issues the secret.
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

/// A request as WeCom would send it, returned by [`Callback::seal`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sealed {
    /// The query of the URL, without the `?`.
    pub query: String,
    /// The body.
    pub body: String,
}

impl Callback {
    /// Creates a receiver from the `Token` and the `EncodingAESKey` of the admin console, and the receiver id.
    ///
    /// The receiver id is the corp id for a self-built app, the suite id for events of a third-party app's provider, and
    /// empty in a few cases. White space and byte order marks around the values are removed. Any of the 64 characters is
    /// accepted at the end of the key, although other libraries refuse some of them as invalid base64.
    ///
    /// # Errors
    ///
    /// A value is invalid, such as a key of 44 characters that ends in `=`. The error says which value and why, and does
    /// not show it.
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

    /// Returns the text with which to answer a `GET`, by which WeCom verifies the URL.
    ///
    /// Answer within 1 second with status 200 and this text alone, without quotes and without a line end.
    ///
    /// WeCom signs an event in the same way as an echo string. An attacker who captured an event could therefore send it as
    /// a `GET`, and the answer would reveal the event and its token. To prevent that, the text is only returned if it has
    /// at most [`MAX_ECHO`] bytes and is not XML. A longer ciphertext is not even decrypted.
    ///
    /// # Errors
    ///
    /// The request is not from WeCom, or the settings differ from those in the admin console: see [`Reason`].
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

    /// Verifies the signature of a `POST`, and returns the decrypted XML of its body.
    ///
    /// # Errors
    ///
    /// The request is not from WeCom, or the settings differ from those in the admin console: see [`Reason`].
    pub fn decrypt(&self, query: &Query, body: &[u8]) -> Result<String, Error> {
        Ok(self.open(&self.signed(query, body)?)?)
    }

    /// Verifies and decrypts a `POST`, and returns its event.
    ///
    /// Put the event into a queue, answer 200 with an empty body within 5 seconds, and only then read messages. If you work
    /// before you answer, WeCom may give up waiting and send the callback again, three times in all.
    ///
    /// # Errors
    ///
    /// The request is not from WeCom, or the settings differ from those in the admin console: see [`Reason`]. An event of an
    /// unknown kind is not an error, but [`Event::Unknown`].
    pub fn event(&self, query: &Query, body: &[u8]) -> Result<Event, Error> {
        Event::parse(self.decrypt(query, body)?)
    }

    /// Verifies and decrypts a `POST` like [`event`](Self::event), but returns `None` for a repeated request and refuses one
    /// that is too old.
    ///
    /// An attacker who captured a request can send it again unchanged, and its signature stays valid. `replays` remembers
    /// the requests of its time window by their ciphertext; [`Replays`] describes its limits. Answer a repeated request with
    /// 200 and do nothing else. If you answer the first request with an error, call [`Replays::forget`]; otherwise WeCom's
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
    /// Those of [`event`](Self::event), and [`Reason::OutsideTimeWindow`].
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

    /// Creates the `POST` that WeCom would send for the event `xml`, for tests and simulators. `timestamp` must have
    /// ten digits, because the receiver refuses any other.
    ///
    /// If the text is confidential, pass real random bytes as `random`: with the same bytes, texts that begin alike
    /// have ciphertexts that begin alike. A test may pass any bytes.
    pub fn seal(&self, xml: &str, timestamp: &str, nonce: &str, random: [u8; 16]) -> Sealed {
        let encrypt = self.encrypt(xml, random);
        let msg_signature = self.sign(timestamp, nonce, &encrypt);
        let parameters = [("msg_signature", &*msg_signature), ("timestamp", timestamp), ("nonce", nonce)];
        // CDATA must not contain its own end, so it is split there.
        let receiver_id = self.receiver_id.replace("]]>", "]]]]><![CDATA[>");
        let body = format!(
            "<xml><ToUserName><![CDATA[{receiver_id}]]></ToUserName><Encrypt><![CDATA[{encrypt}]]></Encrypt>\
             <AgentID><![CDATA[]]></AgentID></xml>"
        );
        Sealed { query: query::write(&parameters), body }
    }

    /// Creates the query of the `GET` by which WeCom would verify the URL, for tests and simulators. The expected answer is
    /// `text`. [`seal`](Self::seal) explains `random`.
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

    /// Encrypts a message like WeCom, and returns the value of `echostr` or `Encrypt`. [`seal`](Self::seal) explains
    /// `random`.
    pub fn encrypt(&self, message: &str, random: [u8; 16]) -> String {
        STANDARD.encode(frame::seal(&self.key, random, message.as_bytes(), self.receiver_id.as_bytes()))
    }

    /// Returns the `msg_signature` of these values and the `Token`.
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

    /// Compares the signature in constant time, so that it cannot be guessed digit by digit.
    fn is_signed(&self, query: &Query, encrypt: &str) -> bool {
        let expected = self.sign(query.timestamp(), query.nonce(), encrypt);
        expected.as_bytes().ct_eq(query.msg_signature().as_bytes()).into()
    }

    /// Returns the text of `Encrypt`, after verifying its signature.
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

/// Shows neither the token nor the key.
impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback").field("receiver_id", &self.receiver_id).finish_non_exhaustive()
    }
}

/// Returns the unchanged text of the element `Encrypt`. The rest of the body is not signed and is ignored.
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
