//! A call of any operation with JSON: checked against the document before it is sent, and answered with WeCom's JSON.

use std::fmt;

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::schema::{Kind, Mistake, Object, Schema};
use crate::exchange::error_in;
use crate::repair::repaired_body;
use crate::types::ErrorModel;
use crate::{AccessToken, Client, ErrCode, Error, FromJson, Lang, Operation, Repeat, Reply, Request};

/// A call of any operation, with its arguments as JSON.
///
/// The arguments are one object: the JSON body, with the query parameters as further members. They were checked against
/// the document, so that a call never fails for a mistyped field.
///
/// `Debug` shows only the operation.
///
/// ```
/// use serde_json::json;
/// use wecom_kf_raw::document::JsonRequest;
/// use wecom_kf_raw::op;
///
/// assert!(JsonRequest::new(op::SERVICER_LIST, json!({ "open_kfid": "wk1" })).is_ok());
/// let invalid = JsonRequest::new(op::SERVICER_LIST, json!({ "open_kfId": "wk1" })).unwrap_err();
/// assert_eq!(invalid.to_string(), "servicer_list: unknown field `open_kfId`; missing field `open_kfid`");
/// ```
#[derive(Clone)]
pub struct JsonRequest {
    operation: Operation,
    /// The parameters by their names; those of the path have braces around them.
    parameters: Vec<(String, String)>,
    body: Option<Value>,
    private: Vec<String>,
    key: Option<Key>,
    has_callback_token: bool,
}

/// The key by which WeCom recognises a repeat of this request.
#[derive(Clone)]
struct Key {
    name: String,
    value: String,
    /// The errcode with which WeCom answers a repeat.
    answer: ErrCode,
}

/// The arguments do not fit the operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidArguments {
    /// The operation with this name moves a file, which JSON cannot express.
    MovesFile(&'static str),
    /// The document does not allow these arguments of the operation with this name. Contains at least one mistake.
    Mistakes(&'static str, Vec<Mistake>),
}

impl InvalidArguments {
    /// Describes the mistakes in one language. In English it is the text of `Display`.
    pub fn in_lang(&self, lang: Lang) -> String {
        match (self, lang) {
            (Self::MovesFile(operation), Lang::En) => format!("{operation} moves a file, not JSON"),
            (Self::MovesFile(operation), Lang::Zh) => format!("{operation} 传输的是文件而不是 JSON"),
            (Self::Mistakes(operation, mistakes), _) => {
                let mistakes: Vec<String> = mistakes.iter().map(|mistake| mistake.in_lang(lang)).collect();
                let (colon, between) = lang.pick((": ", "; "), ("：", "；"));
                format!("{operation}{colon}{}", mistakes.join(between))
            }
        }
    }
}

impl fmt::Display for InvalidArguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_lang(Lang::En))
    }
}

impl std::error::Error for InvalidArguments {}

impl JsonRequest {
    /// Checks the arguments and creates the request. `{}` and `null` stand for no arguments.
    ///
    /// # Errors
    ///
    /// All mistakes that the document shows, or the operation moves a file.
    pub fn new(operation: Operation, arguments: Value) -> Result<Self, InvalidArguments> {
        let described = Arguments::of(operation).ok_or(InvalidArguments::MovesFile(operation.id))?;
        let arguments = if arguments.is_null() { json!({}) } else { arguments };
        let mistakes = described.schema.mistakes(&arguments);
        let Value::Object(mut members) = arguments else {
            return Err(InvalidArguments::Mistakes(operation.id, mistakes));
        };
        if !mistakes.is_empty() {
            return Err(InvalidArguments::Mistakes(operation.id, mistakes));
        }
        let arguments = Value::Object(members.clone());
        let mut private = Vec::new();
        described.schema.private_texts(&arguments, &mut private);
        let key = described.key(&members);
        let mut parameters = Vec::new();
        for (name, written) in &described.parameters {
            parameters.extend(members.remove(name).map(|value| (written.clone(), parameter(value))));
        }
        let is_secret = |schema: &Schema| schema.is_private;
        let has_callback_token =
            described.schema.property("token").is_some_and(is_secret) && members.contains_key("token");
        let body = described.has_body.then_some(Value::Object(members));
        Ok(Self { operation, parameters, body, private, key, has_callback_token })
    }
}

/// Returns what the arguments of a [`JsonRequest`] must be like. `None` if the operation moves a file.
pub fn arguments(operation: Operation) -> Option<Schema> {
    Arguments::of(operation).map(|arguments| arguments.schema)
}

/// Returns the text of a parameter of the query or the path.
fn parameter(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// What the document says of the arguments of an operation.
struct Arguments {
    /// The object of all arguments.
    schema: Schema,
    /// The names of the parameters: in the arguments, and as requests are built with them.
    parameters: Vec<(String, String)>,
    has_body: bool,
    /// The argument by which WeCom recognises a repeat, and the errcode with which it answers one.
    repeat_key: Option<(String, ErrCode)>,
}

impl Arguments {
    /// Returns `None` if the operation moves a file.
    fn of(operation: Operation) -> Option<Self> {
        const WHY: &str = "a test reads the arguments of every operation";
        let document = super::parsed();
        let described = &document["paths"][operation.path][operation.method.to_ascii_lowercase()];
        let replies = described["responses"]["200"]["content"].as_object().expect(WHY);
        let bodies = described["requestBody"]["content"].as_object();
        if bodies.into_iter().chain([replies]).flat_map(Map::keys).any(|kind| kind != "application/json") {
            return None;
        }
        let body = described["requestBody"]["content"]["application/json"].get("schema");
        let mut all = match body.map(|schema| Schema::read(schema, &document).expect(WHY).kind) {
            Some(Kind::Object(object)) => object,
            _ => Object { is_closed: true, ..Object::default() },
        };
        let mut parameters = Vec::new();
        for described in described["parameters"].as_array().into_iter().flatten() {
            let name = described["name"].as_str().expect(WHY);
            let in_path = described["in"] == "path";
            parameters.push((name.to_owned(), if in_path { format!("{{{name}}}") } else { name.to_owned() }));
            all.properties.insert(name.to_owned(), Schema::read(&described["schema"], &document).expect(WHY));
            if described["required"] == true {
                all.required.push(name.to_owned());
            }
        }
        let repeat_key = described["x-repeat-key"].as_str().map(|name| {
            let answer = described["x-repeat-answered-with"].as_i64().unwrap_or_default();
            (name.to_owned(), ErrCode::from(answer))
        });
        let schema = Schema { kind: Kind::Object(all), is_nullable: false, is_private: false };
        Some(Self { schema, parameters, has_body: body.is_some(), repeat_key })
    }

    /// Returns the key of a request. An empty one counts as none.
    fn key(&self, arguments: &Map<String, Value>) -> Option<Key> {
        let (name, answer) = self.repeat_key.as_ref()?;
        let value = arguments.get(name)?.as_str().filter(|value| !value.is_empty())?;
        Some(Key { name: name.clone(), value: value.to_owned(), answer: *answer })
    }
}

impl Request for JsonRequest {
    type Reply = JsonReply;

    fn operation(&self) -> Operation {
        self.operation
    }

    async fn send(&self, client: &Client, access_token: &AccessToken) -> Result<JsonReply, Error> {
        let access_token = self.operation.needs_access_token.then_some(access_token);
        let parameters: Vec<(&str, &dyn crate::Parameter)> =
            self.parameters.iter().map(|(name, value)| (name.as_str(), value as _)).collect();
        match &self.body {
            Some(body) => client.call(self.operation, access_token, &parameters, body).await,
            None => client.get(self.operation, access_token, &parameters).await,
        }
    }

    fn repeat(&self) -> Repeat {
        match (self.operation.repeat, &self.key) {
            (Repeat::Keyed, None) => Repeat::Never,
            (repeat, _) => repeat,
        }
    }

    fn private(&self) -> Vec<&str> {
        self.private.iter().map(String::as_str).collect()
    }

    fn has_callback_token(&self) -> bool {
        self.has_callback_token
    }

    fn reply_to_repeat(&self, errcode: ErrCode) -> Option<JsonReply> {
        let key = self.key.as_ref().filter(|key| key.answer == errcode)?;
        let json = json!({ "errcode": 0, "errmsg": "ok", key.name.as_str(): key.value });
        Some(JsonReply::of(0, "ok".to_owned(), &json))
    }
}

impl fmt::Debug for JsonRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonRequest").field("operation", &self.operation.id).finish_non_exhaustive()
    }
}

/// A reply as JSON, unchanged. `Debug` hides it, because it may contain customers' texts.
#[derive(Clone)]
pub struct JsonReply {
    errcode: i64,
    errmsg: String,
    json: Box<RawValue>,
}

impl JsonReply {
    /// Returns the JSON as WeCom sent it. Characters that JSON does not allow were replaced.
    pub fn json(&self) -> &RawValue {
        &self.json
    }

    fn of(errcode: i64, errmsg: String, json: &Value) -> Self {
        let json = RawValue::from_string(json.to_string()).expect("a value is valid JSON");
        Self { errcode, errmsg, json }
    }
}

impl Reply for JsonReply {
    fn errcode(&self) -> i64 {
        self.errcode
    }

    fn errmsg(&self) -> &str {
        &self.errmsg
    }

    fn refusal(errcode: i64, errmsg: String) -> Self {
        let json = json!({ "errcode": errcode, "errmsg": errmsg });
        Self::of(errcode, errmsg, &json)
    }
}

impl FromJson for JsonReply {
    fn decode(body: &[u8]) -> Result<Self, Error> {
        let read = |body: &[u8]| {
            let ErrorModel { errcode, errmsg, .. } = error_in(body)?;
            Ok(Self { errcode, errmsg, json: serde_json::from_slice(body)? })
        };
        read(body).or_else(|error: serde_json::Error| match repaired_body(body) {
            Some(text) => read(text.as_bytes()).map_err(|_| Error::undecodable(body, &error)),
            None => Err(Error::undecodable(body, &error)),
        })
    }
}

impl fmt::Debug for JsonReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonReply").field("errcode", &self.errcode).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op;

    fn said(operation: Operation, arguments: Value) -> (String, String) {
        let invalid = JsonRequest::new(operation, arguments).unwrap_err();
        (invalid.to_string(), invalid.in_lang(Lang::Zh))
    }

    #[test]
    fn every_operation_takes_json_or_moves_a_file() {
        for operation in op::ALL {
            let moves_file = [op::MEDIA_GET, op::MEDIA_UPLOAD, op::MEDIA_UPLOADIMG].contains(&operation);
            assert_eq!(Arguments::of(operation).is_none(), moves_file, "{operation:?}");
        }
    }

    #[test]
    fn every_mistake_is_named_in_both_languages() {
        let (en, zh) = said(op::SEND_MSG, json!({ "touser": 5, "msgtype": "text", "open_kfid": "wk1", "txt": {} }));
        assert_eq!(
            en,
            "send_msg: unknown field `txt`; field `touser`: the value is an integer, but a string is expected"
        );
        assert_eq!(zh, "send_msg：未知字段 `txt`；字段 `touser` 应为字符串，而不是整数");
        let (en, zh) = said(op::SERVICER_LIST, json!(null));
        assert_eq!(
            (en.as_str(), zh.as_str()),
            ("servicer_list: missing field `open_kfid`", "servicer_list：缺少字段 `open_kfid`")
        );
        let (en, zh) = said(op::SYNC_MSG, json!([]));
        assert_eq!(en, "sync_msg: the request is a list, but an object is expected");
        assert_eq!(zh, "sync_msg：请求应为对象，而不是列表");
        let (en, zh) = said(op::MEDIA_GET, json!({ "media_id": "m" }));
        assert_eq!(
            (en.as_str(), zh.as_str()),
            ("media_get moves a file, not JSON", "media_get 传输的是文件而不是 JSON")
        );
    }

    #[test]
    fn a_keyed_request_may_be_repeated_only_with_its_key() {
        let request = |msgid: Option<&str>| {
            let mut arguments =
                json!({ "touser": "wm1", "open_kfid": "wk1", "msgtype": "text", "text": { "content": "您好" } });
            if let Some(msgid) = msgid {
                arguments["msgid"] = json!(msgid);
            }
            JsonRequest::new(op::SEND_MSG, arguments).unwrap()
        };
        assert_eq!(request(None).repeat(), Repeat::Never);
        assert_eq!(request(Some("m1")).repeat(), Repeat::Keyed);
        assert!(request(None).reply_to_repeat(ErrCode::DUPLICATE_MSGID).is_none());
        assert!(request(Some("m1")).reply_to_repeat(ErrCode::INVALID_PARAMETER).is_none());
        let reply = request(Some("m1")).reply_to_repeat(ErrCode::DUPLICATE_MSGID).unwrap();
        assert_eq!(reply.json().get(), r#"{"errcode":0,"errmsg":"ok","msgid":"m1"}"#);
        assert_eq!(request(None).private(), ["您好"]);
    }

    #[test]
    fn secrets_are_private_and_a_callback_token_is_known() {
        let sync = |arguments| JsonRequest::new(op::SYNC_MSG, arguments).unwrap();
        let with_token = sync(json!({ "token": "ENC1", "open_kfid": "wk1" }));
        assert!(with_token.has_callback_token() && !sync(json!({ "open_kfid": "wk1" })).has_callback_token());
        assert_eq!(with_token.private(), ["ENC1"]);
        let gettoken = JsonRequest::new(op::GETTOKEN, json!({ "corpid": "ww1", "corpsecret": "geheim" })).unwrap();
        assert_eq!(gettoken.private(), ["geheim"]);
        assert_eq!(format!("{gettoken:?}"), "JsonRequest { operation: \"gettoken\", .. }");
    }

    #[test]
    fn a_reply_keeps_its_json() {
        let body = br#" {"errcode": "0", "zzz": [1.50, 123456789012345678901], "errmsg": "ok"}"#;
        let reply = JsonReply::decode(body).unwrap();
        assert_eq!((reply.errcode(), reply.errmsg()), (0, "ok"));
        assert_eq!(reply.json().get(), r#"{"errcode": "0", "zzz": [1.50, 123456789012345678901], "errmsg": "ok"}"#);
        let refused = JsonReply::decode(b"{\"errcode\":40013,\"errmsg\":\"invalid\xff corpid\"}").unwrap();
        assert_eq!((refused.errcode(), refused.errmsg()), (40013, "invalid\u{fffd} corpid"));
        assert!(JsonReply::decode(b"<html>").is_err() && JsonReply::decode(b"[]").is_err());
        assert_eq!(format!("{reply:?}"), "JsonReply { errcode: 0, .. }");
    }
}
