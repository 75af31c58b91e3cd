//! Replies of the simulator are as the document describes them, and have no other fields.

use std::collections::HashMap;
use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::{Value, json};
use wecom_kf_raw::document;
use wecom_kf_sim::{Operation, op};

/// Panics if a successful reply does not fit the document.
pub(crate) fn check_reply(operation: Operation, reply: &Value) {
    let problems: Vec<_> =
        validator(operation).iter_errors(reply).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(problems.is_empty(), "{}: {problems:#?}", operation.id);
}

fn validator(operation: Operation) -> &'static Validator {
    static VALIDATORS: OnceLock<HashMap<&'static str, Validator>> = OnceLock::new();
    let all = VALIDATORS.get_or_init(|| {
        let document = document::parsed();
        let json = |operation: &Operation| *operation != op::MEDIA_GET;
        let validators = op::ALL.into_iter().filter(json).map(|operation| {
            let method = operation.method.to_ascii_lowercase();
            let reply = &document["paths"][operation.path][method]["responses"]["200"];
            let reference = &reply["content"]["application/json"]["schema"]["$ref"];
            let mut schema = json!({ "$ref": reference, "components": document["components"].clone() });
            refuse_unknown_fields(&mut schema);
            // Tests send messages of kinds that the document does not know.
            schema["components"]["schemas"]["SyncResponse"]["properties"]["msg_list"]["items"] = json!({});
            // `$ref` stands alone in draft 4, and the components are only looked up.
            let options = jsonschema::options().with_draft(jsonschema::Draft::Draft4);
            (operation.id, options.build(&schema).unwrap())
        });
        validators.collect()
    });
    &all[operation.id]
}

/// Closes every object of a schema.
fn refuse_unknown_fields(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.get("properties").is_some_and(Value::is_object) && members.contains_key("type") {
                members.insert("additionalProperties".to_owned(), json!(false));
            }
            members.values_mut().for_each(refuse_unknown_fields);
        }
        Value::Array(items) => items.iter_mut().for_each(refuse_unknown_fields),
        _ => {}
    }
}

#[test]
#[should_panic(expected = "account_list")]
fn a_field_that_the_document_does_not_know_is_a_problem() {
    let account = json!({ "open_kfid": "wk", "name": "a", "avatar": "", "manage_privilege": true, "age": 3 });
    check_reply(op::ACCOUNT_LIST, &json!({ "errcode": 0, "errmsg": "ok", "account_list": [account] }));
}
