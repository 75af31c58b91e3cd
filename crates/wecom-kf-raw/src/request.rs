//! What a call is: its request value, its reply and the description of its operation.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use crate::{AccessToken, Client, CorpSecret, ErrCode, Error, SyncToken};

/// A call that is ready to be sent: what it is, whether it may be repeated, and how it sends itself.
///
/// Generated for every operation (see [`crate::op`]), so that what is declared and what is sent cannot part.
pub trait Request: Sync {
    /// What WeCom answers.
    type Reply: Reply;

    /// The operation it is a call of.
    const OPERATION: Operation;

    /// Sends it, once. A reply with an errcode other than 0 is an `Ok` here.
    fn send(
        &self,
        client: &Client,
        access_token: &AccessToken,
    ) -> impl Future<Output = Result<Self::Reply, Error>> + Send;

    /// Whether this very call may be repeated: a keyed operation only with its key.
    fn repeat(&self) -> Repeat {
        Self::OPERATION.repeat
    }

    /// What of it must not be printed: secrets, and what people wrote.
    fn private(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Whether it cannot be sent (again): its body was a stream, and that was read.
    fn is_spent(&self) -> bool {
        false
    }

    /// How much longer than usual it may take, because of what has to be sent.
    fn extra_time(&self) -> Duration {
        Duration::ZERO
    }

    /// Whether it moves a file: then [`Client::timeout`] does not limit it.
    fn moves_file(&self) -> bool {
        false
    }

    /// Whether it carries the token of a callback, which lifts the frequency limit of `sync_msg` for ten minutes.
    fn has_callback_token(&self) -> bool {
        false
    }

    /// The reply to go on with when `errcode` answers a repeat of ours and means that an earlier try went through.
    fn reply_to_repeat(&self, errcode: ErrCode) -> Option<Self::Reply> {
        let _ = errcode;
        None
    }
}

/// A part of a request that has, or may have, texts which must not be printed.
pub(crate) trait Private {
    /// Adds them to `private`.
    fn private<'a>(&'a self, private: &mut Vec<&'a str>);
}

impl Private for String {
    fn private<'a>(&'a self, private: &mut Vec<&'a str>) {
        private.push(self);
    }
}

macro_rules! secret {
    ($($ty:ty)+) => {
        $(impl Private for $ty {
            fn private<'a>(&'a self, private: &mut Vec<&'a str>) {
                private.push(self.expose());
            }
        })+
    };
}

secret!(AccessToken CorpSecret SyncToken);

impl<T: Private> Private for Option<T> {
    fn private<'a>(&'a self, private: &mut Vec<&'a str>) {
        self.iter().for_each(|value| value.private(private));
    }
}

impl<T: Private> Private for Vec<T> {
    fn private<'a>(&'a self, private: &mut Vec<&'a str>) {
        self.iter().for_each(|value| value.private(private));
    }
}

impl<T: Private> Private for BTreeMap<String, T> {
    fn private<'a>(&'a self, private: &mut Vec<&'a str>) {
        self.values().for_each(|value| value.private(private));
    }
}

impl<T: Private> Private for Box<T> {
    fn private<'a>(&'a self, private: &mut Vec<&'a str>) {
        (**self).private(private);
    }
}

/// What every reply has: how it went.
pub trait Reply: Sized + Send {
    /// 0 means success.
    fn errcode(&self) -> i64;

    /// WeCom's words, for people.
    fn errmsg(&self) -> &str;

    /// The reply that says nothing but this.
    fn refusal(errcode: i64, errmsg: String) -> Self;
}

/// A reply that is JSON, as all are but that of `media_get`.
pub trait FromJson: Reply {
    /// Decodes the body of an answer.
    ///
    /// # Errors
    ///
    /// [`Error::Undecodable`]: it is no such reply.
    fn decode(body: &[u8]) -> Result<Self, Error>;
}

/// An operation of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operation {
    /// Its operationId, such as `send_msg`.
    pub id: &'static str,
    /// Its HTTP method.
    pub method: &'static str,
    /// Its path, such as `/cgi-bin/kf/send_msg`.
    pub path: &'static str,
    /// The group it belongs to, such as `message`.
    pub tag: &'static str,
    /// Whether a call of it may be repeated.
    pub repeat: Repeat,
    /// The number of its page at `developer.work.weixin.qq.com/document/path/`; None if it is known from other sources
    /// only, which its documentation names.
    pub official_page: Option<u64>,
    /// Whether it needs an access token; all do but `gettoken`.
    pub needs_access_token: bool,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// What a caller should know beyond the summary, in Markdown. Empty for some.
    pub description: &'static str,
}

#[cfg(feature = "schemars")]
#[cfg_attr(docsrs, doc(cfg(feature = "schemars")))]
impl Operation {
    /// Returns the JSON Schema of what a call takes: the JSON body, or an object of the parameters. `None` if the
    /// operation moves files.
    ///
    /// The schema contains the descriptions and the limits of the document, and refuses unknown properties. It has no
    /// `$ref`, so that it fits into the definition of a tool for a language model. A limit in bytes is `x-max-bytes`, with a
    /// `maxLength` in characters as its upper bound.
    pub fn request_schema(&self) -> Option<schemars::Schema> {
        let settings = schemars::generate::SchemaSettings::draft2020_12().with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        });
        crate::op::request_schema(self.id, &mut settings.into_generator())
    }
}

/// May a call be sent again when it is unknown whether it went through?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Repeat {
    /// Yes: it only reads, or leaves behind what nobody minds, such as one more temporary file.
    Safe,
    /// Yes: WeCom recognises the repeat by a key in the request.
    Keyed,
    /// No, unless it surely did not leave.
    Never,
}
