//! Expresses WeCom's limits of requests in standard keywords, where these are never too strict.

use serde_json::{Map, Value, json};

use super::tree::{Sides, components, each_operation, each_schema, operation_schemas};
use crate::lower::Step;

/// How many limits of a schema became standard keywords.
#[derive(Default)]
pub struct Standard {
    exact: usize,
    bounds: usize,
}

/// Adds `maxItems` and `maxLength`, which validators know, to a schema. `maxLength` counts characters. So it replaces
/// `x-max-chars`, but is only an upper bound for `x-max-bytes`, because n bytes of UTF-8 hold at most n characters.
/// `x-max-bytes` therefore stays.
pub fn standard_limits_of(schema: &mut Map<String, Value>) -> Standard {
    let mut standard = Standard::default();
    for (ours, keyword) in [("x-max-items", "maxItems"), ("x-max-chars", "maxLength")] {
        if let Some(limit) = schema.remove(ours) {
            schema.insert(keyword.to_owned(), limit);
            standard.exact += 1;
        }
    }
    let is_file = schema.get("format").is_some_and(|format| format == "binary");
    if let Some(limit) = schema.get("x-max-bytes").and_then(Value::as_u64).filter(|_| !is_file) {
        let longest = schema.get("maxLength").and_then(Value::as_u64).map_or(limit, |other| other.min(limit));
        schema.insert("maxLength".to_owned(), json!(longest));
        standard.bounds += 1;
    }
    standard
}

/// Applies [`standard_limits_of`] to every request. Replies have no limits.
pub fn standard_limits(root: &mut Value, sides: &Sides) -> Vec<Step> {
    let (mut exact, mut bounds) = (0, 0);
    let mut apply = |schema: &mut Map<String, Value>| {
        let standard = standard_limits_of(schema);
        exact += standard.exact;
        bounds += standard.bounds;
    };
    let requests = components(root).into_iter().flatten().filter(|(name, _)| sides.is_request(name));
    requests.for_each(|(_, schema)| each_schema(schema, &mut apply));
    each_operation(root, |operation| {
        if let Some(parameters) = operation.get_mut("parameters") {
            let mut only_parameters = Map::from_iter([("parameters".to_owned(), parameters.take())]);
            operation_schemas(&mut only_parameters, &mut |schema| each_schema(schema, &mut apply));
            *parameters = only_parameters.remove("parameters").unwrap_or_default();
        }
    });
    vec![
        Step { name: "limit in items or characters becomes maxItems or maxLength", count: exact },
        Step { name: "limit in bytes becomes a maxLength that is never too strict", count: bounds },
    ]
}
