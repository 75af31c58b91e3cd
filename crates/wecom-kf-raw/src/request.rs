//! The parts of a call: the request value, the reply, and the description of the operation.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use crate::generated::chinese;
use crate::{AccessToken, Client, CorpSecret, ErrCode, Error, Lang, SyncToken};

/// A request value: it can be sent, and it says whether it may be repeated.
///
/// codegen implements it for every operation (see [`crate::op`]) from the same document as the code that sends the request,
/// so the description and the request always match.
pub trait Request: Sync {
    /// The type of the reply.
    type Reply: Reply;

    /// Returns the operation that the request calls.
    fn operation(&self) -> Operation;

    /// Sends the request once. A reply with an errcode other than 0 is an `Ok` here.
    fn send(
        &self,
        client: &Client,
        access_token: &AccessToken,
    ) -> impl Future<Output = Result<Self::Reply, Error>> + Send;

    /// Returns whether this request may be repeated. A request of a keyed operation may only be repeated if it has the
    /// key.
    fn repeat(&self) -> Repeat {
        self.operation().repeat
    }

    /// Returns the texts of the request that must not be printed: secrets, and texts that people wrote.
    fn private(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Returns whether the request cannot be sent any more, because its body is a stream that was already read.
    fn is_spent(&self) -> bool {
        false
    }

    /// Returns how much longer than usual the request may take, because it sends much data.
    fn extra_time(&self) -> Duration {
        Duration::ZERO
    }

    /// Returns whether the request moves a file. [`Client::timeout`] does not limit such a request.
    fn moves_file(&self) -> bool {
        false
    }

    /// Returns whether the request has the token of a callback, which lifts the rate limit of `sync_msg` for ten minutes.
    fn has_callback_token(&self) -> bool {
        false
    }

    /// Returns the reply to use if `errcode`, as the answer to a repeat, means that an earlier attempt succeeded.
    fn reply_to_repeat(&self, errcode: ErrCode) -> Option<Self::Reply> {
        let _ = errcode;
        None
    }
}

/// A part of a request that may contain texts that must not be printed.
pub(crate) trait Private {
    /// Adds these texts to `private`.
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

/// A reply, which says whether the call succeeded.
pub trait Reply: Sized + Send {
    /// Returns the errcode. 0 means success.
    fn errcode(&self) -> i64;

    /// Returns WeCom's message for people. Do not match on it.
    fn errmsg(&self) -> &str;

    /// Creates a refusal: a reply with only these two values.
    fn refusal(errcode: i64, errmsg: String) -> Self;
}

/// A reply that is JSON. Every reply is, except that of `media_get`.
pub trait FromJson: Reply {
    /// Decodes the body of a reply.
    ///
    /// # Errors
    ///
    /// [`Error::Undecodable`]: the body is not JSON of the expected shape.
    fn decode(body: &[u8]) -> Result<Self, Error>;
}

/// An operation of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operation {
    /// The operationId, such as `send_msg`.
    pub id: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The path, such as `/cgi-bin/kf/send_msg`.
    pub path: &'static str,
    /// The group of the operation, such as `message`.
    pub tag: &'static str,
    /// Whether a call may be repeated.
    pub repeat: Repeat,
    /// The number of its page at `developer.work.weixin.qq.com/document/path/`. `None` if it is known from other sources
    /// only, which its documentation names.
    pub official_page: Option<u64>,
    /// Whether it needs an access token. All operations except `gettoken` do.
    pub needs_access_token: bool,
    /// What the operation does, in one sentence.
    pub summary: &'static str,
    /// Details for callers, in Markdown. May be empty.
    pub description: &'static str,
}

impl Operation {
    /// Returns the operation with this operationId, such as `send_msg`.
    pub fn named(id: &str) -> Option<Self> {
        crate::op::ALL.into_iter().find(|operation| operation.id == id)
    }

    /// Returns whether a call changes something for people, such as an account, a session or a message. That is so for
    /// every operation that may not be repeated freely.
    pub fn changes_something(&self) -> bool {
        self.repeat != Repeat::Safe
    }

    /// Returns the address of the official page.
    pub fn official_url(&self) -> Option<String> {
        self.official_page.map(|page| format!("https://developer.work.weixin.qq.com/document/path/{page}"))
    }

    /// Returns what the operation does, in one sentence.
    pub fn summary_in(&self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.summary,
            Lang::Zh => chinese(self.id).map_or(self.summary, |(summary, _)| summary),
        }
    }

    /// Returns details for callers, in Markdown. May be empty.
    pub fn description_in(&self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.description,
            Lang::Zh => chinese(self.id).map_or(self.description, |(_, description)| description),
        }
    }
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

    /// Returns [`request_schema`](Self::request_schema) without these properties: those that the program fills in itself. A
    /// language model must not choose, for example, the customer whose session it moves.
    ///
    /// ```
    /// use wecom_kf_raw::op;
    ///
    /// let schema = op::SERVICE_STATE_TRANS.request_schema_without(&["open_kfid", "external_userid"]).unwrap();
    /// assert_eq!(schema.get("required").unwrap(), &serde_json::json!(["service_state"]));
    /// ```
    pub fn request_schema_without(&self, properties: &[&str]) -> Option<schemars::Schema> {
        let mut schema = self.request_schema()?;
        if let Some(known) = schema.get_mut("properties").and_then(serde_json::Value::as_object_mut) {
            known.retain(|name, _| !properties.contains(&name.as_str()));
        }
        if let Some(required) = schema.get_mut("required").and_then(serde_json::Value::as_array_mut) {
            required.retain(|name| name.as_str().is_none_or(|name| !properties.contains(&name)));
        }
        Some(schema)
    }
}

/// Whether a call may be sent again when it is unknown whether WeCom executed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Repeat {
    /// Yes: the call only reads, or a repeat does no harm, such as creating one more temporary file.
    Safe,
    /// Yes: WeCom recognises the repeat by a key in the request.
    Keyed,
    /// No, unless the call was certainly not sent.
    Never,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op;

    #[test]
    fn every_operation_is_described_in_both_languages() {
        for operation in op::ALL {
            assert_eq!(Operation::named(operation.id), Some(operation));
            let (en, zh) = (operation.summary_in(Lang::En), operation.summary_in(Lang::Zh));
            assert!(!en.is_empty() && zh.ends_with('。') && en != zh, "{operation:?}: {zh}");
            let (en, zh) = (operation.description_in(Lang::En), operation.description_in(Lang::Zh));
            assert!(en.is_empty() == zh.is_empty() && (en.is_empty() || en != zh), "{operation:?}: {zh}");
        }
        assert_eq!(Operation::named("send"), None);
    }

    #[test]
    fn what_reads_or_uploads_changes_nothing_for_people() {
        let changing: Vec<_> = op::ALL.into_iter().filter(Operation::changes_something).collect();
        for operation in [op::ACCOUNT_DEL, op::SEND_MSG, op::SERVICE_STATE_TRANS, op::RECALL_MSG] {
            assert!(changing.contains(&operation), "{operation:?}");
        }
        for operation in [op::GETTOKEN, op::ACCOUNT_LIST, op::SYNC_MSG, op::MEDIA_UPLOAD] {
            assert!(!changing.contains(&operation), "{operation:?}");
        }
        assert_eq!(changing.len(), 18);
    }
}
