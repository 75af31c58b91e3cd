//! Optional members of a request that are empty: they count as absent.
//!
//! SDKs of statically typed languages send every member of a request, the unused ones as `""`, `null`, an empty list or
//! an object of empty members, and nobody reports that WeCom refuses them. Which members are optional, and which values
//! they may have, is read from the document's schema.

use serde_json::Value;

/// The document's mark on a member that WeCom refuses when it is an empty text, although it is optional.
const REFUSED_WHEN_EMPTY: &str = "x-refused-when-empty";

/// Removes, at every depth, the optional members of `request` that are empty and that `schema` would refuse.
///
/// An empty value that the schema accepts stays, because it may mean something: an empty list of similar questions
/// removes all of them. The `$ref`s of `schema` point into itself.
pub(crate) fn remove_empty_members(schema: &Value, request: &mut Value) {
    Document { root: schema }.remove_empty_members(schema, request);
}

/// Whether a value says nothing: `null`, `""`, `[]`, or an object whose members all say nothing.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The schema of a member of what `schema` describes.
pub(crate) fn property<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    let document = Document { root: schema };
    Some(document.resolve(document.resolve(schema)["properties"].get(name)?))
}

#[derive(Clone, Copy)]
struct Document<'a> {
    root: &'a Value,
}

impl<'a> Document<'a> {
    fn remove_empty_members(self, schema: &'a Value, value: &mut Value) {
        let schema = self.resolve(schema);
        match value {
            Value::Object(members) => {
                for (name, member) in members.iter_mut() {
                    self.remove_empty_members(&schema["properties"][name], member);
                }
                members.retain(|name, member| !self.is_absent(schema, name, member));
            }
            Value::Array(items) => {
                items.iter_mut().for_each(|item| self.remove_empty_members(&schema["items"], item));
            }
            _ => {}
        }
    }

    fn is_absent(self, schema: &'a Value, name: &str, member: &Value) -> bool {
        let Some(property) = schema["properties"].get(name).map(|property| self.resolve(property)) else {
            return false;
        };
        let is_marked = property[REFUSED_WHEN_EMPTY] == true && member == "";
        !is_required(schema, name)
            && !is_marked
            && self.names_nothing(property, member)
            && self.refuses(property, member)
    }

    /// Whether a member is empty. An object whose required members are all empty names nothing, whatever is beside them:
    /// SDKs send a group chat without an id but with a wording.
    fn names_nothing(self, property: &'a Value, member: &Value) -> bool {
        let Value::Object(members) = member else { return is_empty(member) };
        let mut required = required(property).peekable();
        if required.peek().is_none() {
            return is_empty(member);
        }
        required.all(|name| match members.get(name) {
            Some(member) => self.names_nothing(self.resolve(&property["properties"][name]), member),
            None => true,
        })
    }

    /// Whether the schema refuses this empty value.
    fn refuses(self, schema: &'a Value, value: &Value) -> bool {
        let schema = self.resolve(schema);
        match value {
            Value::Null => schema["nullable"] != true,
            Value::String(_) => schema["type"] != "string" || refuses_empty_text(schema),
            Value::Array(_) => schema["type"] != "array" || schema["minItems"].as_u64() > Some(0),
            Value::Object(members) => {
                let lacks =
                    |name| members.get(name).is_none_or(|member| self.refuses(&schema["properties"][name], member));
                schema["type"] != "object" || required(schema).any(lacks)
            }
            Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// The schema that a `$ref` leads to, or the schema itself.
    fn resolve(self, schema: &'a Value) -> &'a Value {
        let pointer = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        pointer.and_then(|pointer| self.root.pointer(pointer)).map_or(schema, |target| self.resolve(target))
    }
}

/// A pattern counts as a refusal: a text that must have a form means the same empty and absent.
fn refuses_empty_text(schema: &Value) -> bool {
    let lacks_empty = |values: &Vec<Value>| !values.iter().any(|value| value == "");
    schema["minLength"].as_u64() > Some(0)
        || schema["enum"].as_array().is_some_and(lacks_empty)
        || schema.get("pattern").is_some()
}

fn is_required(schema: &Value, name: &str) -> bool {
    required(schema).any(|required| required == name)
}

fn required(schema: &Value) -> impl Iterator<Item = &str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "inner": {
                "type": "object",
                "required": ["chat_id"],
                "properties": { "chat_id": { "type": "string", "minLength": 1 }, "wording": { "type": "string" } },
            },
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
        })
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
