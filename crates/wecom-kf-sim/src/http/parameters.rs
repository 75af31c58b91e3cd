//! Query parameters, read by the type that the document gives them.

use axum::http::Uri;
use serde_json::{Map, Value};

use wecom_kf_raw::document::schema::{Kind, Schema};

/// Parameters that every operation takes beside its own: they are not members of the request.
const COMMON: [&str; 2] = ["access_token", "debug"];

/// Returns a parameter of the query. Of several with one name the first counts.
pub(crate) fn parameter(uri: &Uri, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Returns the query as the members of a request. The first of several parameters with one name counts.
///
/// A value that is not of its type stays a text, so that the check of the request names it.
pub(crate) fn read<'s>(
    pairs: impl Iterator<Item = (String, String)>,
    schema: impl Fn(&str) -> Option<&'s Schema>,
) -> Map<String, Value> {
    let mut members = Map::new();
    for (name, value) in pairs.filter(|(name, _)| !COMMON.contains(&name.as_str())) {
        let kind = schema(&name).map(|schema| &schema.kind);
        members.entry(name).or_insert_with(|| typed(kind, value));
    }
    members
}

fn typed(kind: Option<&Kind>, value: String) -> Value {
    let read = match kind {
        Some(Kind::Integer { .. }) => value.parse::<i64>().ok().map(Value::from),
        Some(Kind::Number { .. }) => value.parse::<f64>().ok().map(Value::from),
        Some(Kind::Boolean) => value.parse::<bool>().ok().map(Value::from),
        _ => None,
    };
    read.unwrap_or(Value::String(value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_have_the_type_of_the_schema() {
        let properties = json!({
            "limit": { "type": "integer" },
            "share": { "type": "number" },
            "all": { "type": "boolean" },
            "name": { "type": "string" },
        });
        let schema = Schema::read(&json!({ "type": "object", "properties": properties }), &Value::Null).unwrap();
        let members = |query: &str| {
            Value::Object(read(form_urlencoded::parse(query.as_bytes()).into_owned(), |name| schema.property(name)))
        };
        let query = "access_token=t&debug=1&limit=10&share=0.5&all=true&name=5&other=5";
        assert_eq!(members(query), json!({ "limit": 10, "share": 0.5, "all": true, "name": "5", "other": "5" }));
        for unreadable in ["", "ten", "1.5", "99999999999999999999"] {
            assert_eq!(members(&format!("limit={unreadable}")), json!({ "limit": unreadable }));
        }
        assert_eq!(members("limit=1&limit=2"), json!({ "limit": 1 }));
        assert_eq!(members("all=yes"), json!({ "all": "yes" }));
    }
}
