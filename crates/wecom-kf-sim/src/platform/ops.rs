//! The operations of the document: which handler answers each, and how a request reaches it. The handlers are in one file
//! or folder per tag.

pub(crate) mod account;
mod contact_way;
pub(crate) mod corp;
pub(crate) mod customer;
pub(crate) mod knowledge;
pub(crate) mod media;
pub(crate) mod message;
pub(crate) mod one_body;
pub(crate) mod service_state;
pub(crate) mod servicer;
pub(crate) mod statistic;
mod token;
pub(crate) mod upgrade_service;

use std::time::Duration;

use serde::de::{Deserialize, DeserializeOwned};
use serde::{Deserializer, Serialize};
use serde_json::Value;
use wecom_kf_raw::{ErrCode, Operation, op};

use crate::platform::model::assumptions::Assumption;
use crate::platform::model::refusal::Refusal;
use crate::platform::model::reply::{Content, Reply};
use crate::platform::ops::media::Served;
use crate::platform::{Part, Platform};

/// Answers a request that has passed the schema check. The variants say where the request is.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    /// The request is in the query, or in the body of a POST that WeCom does not document.
    Query(fn(&mut Platform, Duration, &Value) -> Result<Reply, Refusal>),
    /// The request is in the body.
    Json(fn(&mut Platform, Duration, &Value) -> Result<Reply, Refusal>),
    /// The request is in the query, and the body is a file.
    Upload(fn(&mut Platform, Duration, &Value, Part) -> Result<Reply, Refusal>),
    /// The request is in the query, and the reply is a file.
    Download(fn(&mut Platform, Duration, &Value) -> Result<Served, Refusal>),
}

/// Makes the function `handler` from a list of operations. Each handler is a method of `Platform` that takes the present
/// time and its own request type. It returns a `Serialize` type, which does not contain `errcode` and `errmsg`. A `Known` one
/// is in the body as a `Json` one is, and the simulator needs to know what the reply says.
macro_rules! handlers {
    ($($operation:ident => $place:ident($handler:ident),)+) => {
        /// Returns the handler of an operation.
        pub(crate) fn handler(operation: Operation) -> Option<Handler> {
            Some(match operation {
                $(op::$operation => handlers!(@$place $handler),)+
                _ => return None,
            })
        }
    };
    (@Upload $handler:ident) => {
        Handler::Upload(|platform, now, request, file| {
            rule!(upload_has_empty_errmsg);
            let errmsg = platform.errmsg_of_success("");
            Ok(Reply::success(&platform.$handler(now, read(request)?, file)?, errmsg, Content::Other))
        })
    };
    (@Download $handler:ident) => {
        Handler::Download(|platform, now, request| platform.$handler(now, read(request)?))
    };
    (@Known $handler:ident) => {
        Handler::Json(|platform, now, request| {
            let errmsg = platform.errmsg_of_success("ok");
            let reply = platform.$handler(now, read(request)?)?;
            Ok(Reply::success(&reply, errmsg, reply.content()))
        })
    };
    (@$place:ident $handler:ident) => {
        Handler::$place(|platform, now, request| {
            let errmsg = platform.errmsg_of_success("ok");
            Ok(Reply::success(&platform.$handler(now, read(request)?)?, errmsg, Content::Other))
        })
    };
}

handlers! {
    GETTOKEN => Query(gettoken),
    ACCOUNT_ADD => Json(account_add),
    ACCOUNT_DEL => Json(account_del),
    ACCOUNT_LIST => Json(account_list),
    ACCOUNT_UPDATE => Json(account_update),
    ADD_CONTACT_WAY => Json(add_contact_way),
    CANCEL_UPGRADE_SERVICE => Json(cancel_upgrade_service),
    CUSTOMER_BATCHGET => Json(customer_batchget),
    GET_CORP_QUALIFICATION => Query(get_corp_qualification),
    GET_CORP_STATISTIC => Json(get_corp_statistic),
    GET_SERVICER_STATISTIC => Json(get_servicer_statistic),
    GET_UPGRADE_SERVICE_CONFIG => Query(get_upgrade_service_config),
    KNOWLEDGE_ADD_GROUP => Json(knowledge_add_group),
    KNOWLEDGE_ADD_INTENT => Json(knowledge_add_intent),
    KNOWLEDGE_DEL_GROUP => Json(knowledge_del_group),
    KNOWLEDGE_DEL_INTENT => Json(knowledge_del_intent),
    KNOWLEDGE_LIST_GROUP => Json(knowledge_list_group),
    KNOWLEDGE_LIST_INTENT => Json(knowledge_list_intent),
    KNOWLEDGE_MOD_GROUP => Json(knowledge_mod_group),
    KNOWLEDGE_MOD_INTENT => Json(knowledge_mod_intent),
    MEDIA_GET => Download(media_get),
    MEDIA_UPLOAD => Upload(media_upload),
    MEDIA_UPLOADIMG => Upload(media_uploadimg),
    RECALL_MSG => Json(recall_msg),
    SEND_MSG => Known(send_msg),
    SEND_MSG_ON_EVENT => Known(send_msg_on_event),
    SERVICE_STATE_GET => Json(service_state_get),
    SERVICE_STATE_TRANS => Json(service_state_trans),
    SERVICER_ADD => Json(servicer_add),
    SERVICER_DEL => Json(servicer_del),
    SERVICER_LIST => Query(servicer_list),
    SYNC_MSG => Known(sync_msg),
    UPGRADE_SERVICE => Json(upgrade_service),
}

impl Platform {
    /// Returns the errmsg that goes with errcode 0, if success is said.
    fn errmsg_of_success(&self, errmsg: &'static str) -> Option<&'static str> {
        self.assumptions.hold(Assumption::SuccessHasErrcode).then_some(errmsg)
    }
}

/// A request without parameters, or a reply without members of its own.
#[derive(Debug, serde::Deserialize, Serialize)]
pub(crate) struct Nothing {}

/// Reads a request into the type of its handler.
fn read<T: DeserializeOwned>(request: &Value) -> Result<T, Refusal> {
    // serde would also read a struct from a list.
    let members = if request.is_object() { request } else { &Value::Object(serde_json::Map::new()) };
    // Only numbers that are too large for their type pass the schema check and fail here. The error is not shown: it may
    // quote the request.
    let unreadable = |_| Refusal::because(ErrCode::INVALID_PARAMETER, "a value of the request is out of range");
    T::deserialize(members).map_err(unreadable)
}

/// Decodes a text of a request that no schema has checked. Any other value counts as absent.
fn lenient_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => Some(text),
        _ => None,
    })
}

/// Returns a text that WeCom needs, although the schema accepts a request without it.
fn required<'a>(text: Option<&'a str>, field: &str) -> Result<&'a str, Refusal> {
    let missing = || Refusal::because(ErrCode::INVALID_PARAMETER, format!("missing field `{field}`"));
    given(text).ok_or_else(missing)
}

/// Returns a text that is not empty.
fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wecom_kf_raw::document;

    use super::*;
    use crate::platform::AccessTokens;
    use crate::platform::ids::Ids;

    fn refusal(operation: Operation, request: &Value) -> Option<String> {
        let mut platform = Platform::new(Ids::new(1), None, AccessTokens::new(Duration::from_secs(7200)));
        let Some(Handler::Json(handle) | Handler::Query(handle)) = handler(operation) else { return None };
        let now = Duration::from_secs(1_700_000_000);
        handle(&mut platform, now, request).err().map(|refusal| refusal.what(operation))
    }

    #[test]
    fn every_operation_of_the_document_has_a_handler() {
        let without: Vec<_> = op::ALL.into_iter().filter(|operation| handler(*operation).is_none()).collect();
        assert!(without.is_empty(), "no handler for {without:?}");
    }

    #[test]
    fn every_example_of_the_document_fits_the_type_of_its_handler() {
        let document = document::parsed();
        let mut examples = 0;
        for operation in op::ALL {
            let described = &document["paths"][operation.path][operation.method.to_ascii_lowercase()];
            let body = &described["requestBody"]["content"]["application/json"];
            let named = body["examples"].as_object().into_iter().flatten().map(|(_, example)| &example["value"]);
            for request in body.get("example").into_iter().chain(named) {
                examples += 1;
                let refusal = refusal(operation, request).unwrap_or_default();
                assert!(!refusal.contains("out of range"), "{}: {request}", operation.id);
            }
        }
        assert!(examples > op::ALL.len() / 2, "{examples} examples");
    }

    #[test]
    fn a_number_that_is_too_large_is_refused() {
        let refusal = |offset: i64| refusal(op::ACCOUNT_LIST, &json!({ "offset": offset }));
        assert_eq!(refusal(i64::from(i32::MAX)), None);
        assert!(refusal(i64::from(i32::MAX) + 1).unwrap().ends_with("a value of the request is out of range"));
    }

    #[test]
    fn a_list_is_not_read_as_the_fields_of_a_request() {
        let refusal = refusal(op::SERVICER_LIST, &json!(["wk1"]));
        assert!(refusal.unwrap().ends_with("missing field `open_kfid`"));
    }
}
