//! Optional members of a request that are empty: they count as absent.
//!
//! SDKs of statically typed languages send every member of a request, the unused ones as `""`, `null`, an empty list or
//! an object of empty members, and nobody reports that WeCom refuses them. Which members are optional, and which values
//! they may have, is read from the document's schema.

use serde_json::Value;

use crate::platform::is_empty;
use wecom_kf_raw::document::schema::{Kind, Object, Schema, Text};

/// Removes, at every depth, the optional members of `value` that are empty and that `schema` would refuse.
///
/// An empty value that the schema accepts stays, because it may mean something: an empty list of similar questions
/// removes all of them.
pub(crate) fn remove_empty_members(schema: &Schema, value: &mut Value) {
    match (&schema.kind, value) {
        (Kind::Object(object), Value::Object(members)) => {
            for (name, property) in &object.properties {
                if let Some(member) = members.get_mut(name) {
                    remove_empty_members(property, member);
                }
            }
            members.retain(|name, member| !is_absent(object, name, member));
        }
        (Kind::List { items, .. }, Value::Array(values)) => {
            values.iter_mut().for_each(|value| remove_empty_members(items, value));
        }
        _ => {}
    }
}

fn is_absent(object: &Object, name: &str, member: &Value) -> bool {
    let Some(property) = object.properties.get(name) else { return false };
    let is_marked = matches!(&property.kind, Kind::Text(text) if text.is_refused_when_empty) && member == "";
    !object.is_required(name) && !is_marked && names_nothing(property, member) && refuses(property, member)
}

/// Whether a member is empty. An object whose required members are all empty names nothing, whatever is beside them:
/// SDKs send a group chat without an id but with a wording.
fn names_nothing(property: &Schema, member: &Value) -> bool {
    match (&property.kind, member) {
        (Kind::Object(object), Value::Object(members)) if !object.required.is_empty() => {
            object.required.iter().all(|name| match (object.properties.get(name), members.get(name)) {
                (Some(property), Some(member)) => names_nothing(property, member),
                (_, member) => member.is_none_or(is_empty),
            })
        }
        _ => is_empty(member),
    }
}

/// Whether the schema refuses this empty value.
fn refuses(schema: &Schema, value: &Value) -> bool {
    match (&schema.kind, value) {
        (_, Value::Null) => !schema.is_nullable,
        (Kind::Text(text), Value::String(_)) => refuses_empty_text(text),
        (Kind::List { min_items, .. }, Value::Array(_)) => *min_items > 0,
        (Kind::Object(object), Value::Object(members)) => {
            object.required.iter().any(|name| match (object.properties.get(name), members.get(name)) {
                (Some(property), Some(member)) => refuses(property, member),
                (_, member) => member.is_none(),
            })
        }
        (_, Value::Bool(_) | Value::Number(_)) => false,
        (_, Value::String(_) | Value::Array(_) | Value::Object(_)) => true,
    }
}

/// A pattern counts as a refusal: a text that must have a form means the same empty and absent.
fn refuses_empty_text(text: &Text) -> bool {
    text.min_chars > 0
        || text.values.as_ref().is_some_and(|values| !values.iter().any(String::is_empty))
        || text.pattern.is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Schema {
        let document = json!({
            "inner": {
                "type": "object",
                "required": ["chat_id"],
                "properties": { "chat_id": { "type": "string", "minLength": 1 }, "wording": { "type": "string" } },
            },
            "outer": {
                "type": "object",
                "required": ["id"],
                "properties": {
                    "id": { "type": "string", "minLength": 1 },
                    "name": { "type": "string", "minLength": 1 },
                    "free": { "type": "string" },
                    "own_id": { "type": "string", "minLength": 1, "x-refused-when-empty": true },
                    "limit": { "type": "integer", "minimum": 1 },
                    "colour": { "type": "string", "enum": ["red"] },
                    "some": { "type": "array", "minItems": 1, "items": { "type": "string" } },
                    "any": { "type": "array", "items": { "$ref": "#/inner" } },
                    "group": { "$ref": "#/inner" },
                }
            }
        });
        Schema::read(&document["outer"], &document).unwrap()
    }

    fn left(mut request: Value) -> Value {
        remove_empty_members(&schema(), &mut request);
        request
    }

    #[test]
    fn optional_members_that_are_empty_are_removed() {
        for empty in [json!(""), json!(null), json!([]), json!({})] {
            for member in ["name", "limit", "colour", "some", "group"] {
                assert_eq!(left(json!({ "id": "1", member: empty })), json!({ "id": "1" }), "{member}: {empty}");
            }
        }
        for group in [
            json!({ "chat_id": "" }),
            json!({ "chat_id": null, "wording": "" }),
            json!({ "chat_id": "", "wording": "您好" }),
        ] {
            assert_eq!(left(json!({ "id": "1", "group": group })), json!({ "id": "1" }));
        }
    }

    #[test]
    fn members_of_list_items_are_removed_too() {
        let request = json!({ "any": [{ "chat_id": "1", "wording": null }, { "chat_id": "" }] });
        assert_eq!(left(request), json!({ "any": [{ "chat_id": "1" }, { "chat_id": "" }] }));
    }

    #[test]
    fn required_marked_unknown_and_meaningful_members_stay() {
        for request in [
            json!({ "id": "" }),
            json!({ "id": null }),
            json!({ "own_id": "" }),
            json!({ "other": "" }),
            json!({ "free": "" }),
            json!({ "any": [] }),
            json!({ "limit": 0 }),
            json!({ "group": { "chat_id": "1", "wording": "" } }),
            json!([]),
            json!(null),
        ] {
            assert_eq!(left(request.clone()), request);
        }
        assert_eq!(left(json!({ "own_id": null })), json!({}));
    }
}
