//! The Rust types, as `schemars` derives them, say what the lowered document says: type and document cannot part.

use std::collections::BTreeMap;

use schemars::schema_for;
use serde_json::{Value, json};
use wecom_kf::raw::{AccessToken, CorpSecret, MessageJson, SyncToken, types};

/// Written by `cargo xtask codegen`.
const LOWERED: &str = include_str!("lowered.json");

macro_rules! derived {
    ($($name:ident)*) => {
        BTreeMap::from([$((stringify!($name), Value::from(schema_for!(types::$name)))),*])
    };
}

fn derived() -> BTreeMap<&'static str, Value> {
    let mut all = derived! {
        AddContactWayRequest AddContactWayResponse AddCustomerServiceAccountRequest AddCustomerServiceAccountResponse
        CancelUpgradeServiceRequest CancelUpgradeServiceResponse CorpStatisticDay Customer CustomerBatchgetRequest
        CustomerBatchgetResponse CustomerServiceAccount DelCustomerServiceAccountRequest
        DelCustomerServiceAccountResponse ErrorModel GetAccessTokenResponse GetCorpQualificationResponse
        GetCorpStatisticRequest GetCorpStatisticResponse GetServiceStateRequest GetServiceStateResponse
        GetServicerStatisticRequest GetServicerStatisticResponse GetUpgradeServiceConfigResponse
        KnowledgeAddGroupRequest KnowledgeAddGroupResponse KnowledgeAddIntentRequest KnowledgeAddIntentResponse
        KnowledgeAnswer KnowledgeAnswerInput KnowledgeAttachment KnowledgeAttachmentInput KnowledgeDelGroupRequest
        KnowledgeDelGroupResponse KnowledgeDelIntentRequest KnowledgeDelIntentResponse KnowledgeGroup KnowledgeIntent
        KnowledgeListGroupRequest KnowledgeListGroupResponse KnowledgeListIntentRequest KnowledgeListIntentResponse
        KnowledgeModGroupRequest KnowledgeModGroupResponse KnowledgeModIntentRequest KnowledgeModIntentResponse
        KnowledgeQuestion KnowledgeQuestionInput KnowledgeSimilarQuestions KnowledgeSimilarQuestionsInput
        ListCustomerServiceAccountRequest ListCustomerServiceAccountResponse MediaUploadResponse
        MediaUploadimgResponse MergedMessageItem Message MessageMenuItem RecallMsgRequest RecallMsgResponse
        SendMenuItem SendOnEventRequest SendOnEventResponse SendRequest SendResponse Servicer ServicerAddRequest
        ServicerAddResponse ServicerDelRequest ServicerDelResponse ServicerListResponse ServicerResult
        ServicerStatisticDay SyncRequest SyncResponse TransformServiceStateRequest TransformServiceStateResponse
        UpdateCustomerServiceAccountRequest UpdateCustomerServiceAccountResponse UpgradeServiceRequest
        UpgradeServiceResponse
    };
    all.insert("AccessToken", schema_for!(AccessToken).into());
    all.insert("CorpSecret", schema_for!(CorpSecret).into());
    all.insert("SyncToken", schema_for!(SyncToken).into());
    all.insert("MessageJson", schema_for!(MessageJson).into());
    all
}

/// What a schema says, without the words: types, formats, properties, what is required. References are followed.
fn shape(schema: &Value, root: &Value) -> Value {
    if let Some(pointer) = schema["$ref"].as_str() {
        let target = root.pointer(pointer.trim_start_matches('#')).unwrap_or_else(|| panic!("{pointer} leads nowhere"));
        return shape(target, root);
    }
    // An Option is "this or null", written in one of two ways.
    if let Some(options) = schema["anyOf"].as_array() {
        let one = options.iter().find(|option| option["type"] != "null").expect("an option that is not null");
        return shape(one, root);
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null").expect("a type that is not null").clone(),
        kind => kind.clone(),
    };
    match kind.as_str() {
        Some("object") => {
            let properties = schema["properties"].as_object().into_iter().flatten();
            let required = schema["required"].as_array().into_iter().flatten().collect::<Vec<_>>();
            let properties = properties.map(|(name, property)| {
                let is_required = required.contains(&&json!(name));
                (name.clone(), json!([is_required, shape(property, root)]))
            });
            Value::Object(properties.collect())
        }
        Some("array") => json!([shape(&schema["items"], root)]),
        Some("integer" | "number") => json!([kind, schema["format"]]),
        _ => kind,
    }
}

#[test]
fn derived_schemas_are_those_of_the_lowered_document() {
    let lowered: Value = serde_json::from_str(LOWERED).unwrap();
    let documented = lowered["components"]["schemas"].as_object().unwrap();
    let derived = derived();
    assert!(documented.keys().eq(derived.keys()), "{:?}\n{:?}", documented.keys(), derived.keys());
    for (name, schema) in documented {
        let root = &derived[name.as_str()];
        assert_eq!(shape(root, root), shape(schema, &lowered), "{name}");
    }
}

#[test]
fn a_request_schema_tells_a_language_model_what_each_field_is() {
    let schema = Value::from(schema_for!(types::SendRequest));
    assert_eq!(schema["properties"]["touser"]["description"], "external_userid of the customer.");
    let schema = Value::from(schema_for!(types::TransformServiceStateRequest));
    assert_eq!(schema["required"], json!(["external_userid", "open_kfid", "service_state"]));
}

#[test]
fn the_document_is_there_as_json_with_strict_requests_and_open_replies() {
    let document = wecom_kf_raw::document::parsed();
    assert_eq!(document["openapi"], "3.0.3");
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["SendRequest"]["additionalProperties"], false);
    assert_eq!(schemas["SendRequest"]["properties"]["text"]["additionalProperties"], false);
    assert_eq!(schemas["SendMenuItem"]["properties"]["click"]["additionalProperties"], false);
    assert!(schemas["SyncResponse"].get("additionalProperties").is_none());
    assert_eq!(schemas["SyncResponse"]["required"], json!(["errcode", "errmsg"]));
}
