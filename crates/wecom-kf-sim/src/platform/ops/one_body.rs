//! The rule that a message, a menu item or an attachment has exactly one body.

use serde::Serialize;
use serde_json::Value;
use wecom_kf_raw::ErrCode;

use crate::platform::model::assumptions::{Assumption, Assumptions};
use crate::platform::model::refusal::Refusal;

/// There is one body, and it is the one that `kind` names. Returns this body. `field` is the field that has the kind,
/// for the reason of a refusal.
pub(crate) fn one_body<B: Serialize>(
    kind: &str,
    field: &str,
    bodies: impl IntoIterator<Item = (&'static str, Option<B>)>,
    assumptions: &Assumptions,
) -> Result<B, Refusal> {
    rule!(body_named_by_kind);
    let (mut chosen, mut other) = (None, None);
    for (name, body) in bodies {
        match body {
            None => {}
            Some(body) if name == kind => chosen = Some(body),
            Some(body) if other.is_none() && counts(&body, assumptions) => other = Some(name),
            Some(_) => {}
        }
    }
    let invalid = |detail: String| Err(Refusal::because(ErrCode::INVALID_PARAMETER, detail));
    match (chosen, other) {
        (None, _) => invalid(format!("{field} is `{kind}`, so the field `{kind}` is missing or empty")),
        (Some(_), Some(other)) => invalid(format!("{field} is `{kind}`, so there must be no field `{other}`")),
        (Some(body), None) => Ok(body),
    }
}

fn counts(body: &impl Serialize, assumptions: &Assumptions) -> bool {
    let says_nothing = serde_json::to_value(body).is_ok_and(|body| is_empty(&body));
    !(says_nothing && assumptions.hold(Assumption::EmptyCountsAsAbsent))
}

/// Returns whether a value says nothing: `null`, `""`, `[]`, or an object whose members all say nothing.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_second_body_is_refused_unless_it_is_empty() {
        let mut assumptions = Assumptions::default();
        let body = |second: Option<Value>, assumptions: &Assumptions| {
            one_body("text", "msgtype", [("text", Some(json!({ "content": "a" }))), ("link", second)], assumptions)
        };
        let refusal =
            || Refusal::because(ErrCode::INVALID_PARAMETER, "msgtype is `text`, so there must be no field `link`");
        assert_eq!(body(None, &assumptions), Ok(json!({ "content": "a" })));
        assert_eq!(body(Some(json!({ "url": "a" })), &assumptions), Err(refusal()));
        assert_eq!(body(Some(json!({ "url": "" })), &assumptions), Ok(json!({ "content": "a" })));
        assumptions.switch_off(Assumption::EmptyCountsAsAbsent);
        assert_eq!(body(Some(json!({ "url": "" })), &assumptions), Err(refusal()));
    }

    #[test]
    fn the_body_of_the_kind_must_be_there() {
        let bodies = [("text", None), ("link", Some(json!({ "url": "a" })))];
        let refused = one_body("text", "msgtype", bodies, &Assumptions::default());
        let why = "msgtype is `text`, so the field `text` is missing or empty";
        assert_eq!(refused, Err(Refusal::because(ErrCode::INVALID_PARAMETER, why)));
    }
}
