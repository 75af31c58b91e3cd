//! Checks requests against the document: every operation's schema, compiled when it is first needed.

use std::collections::HashMap;
use std::sync::OnceLock;

use jsonschema::error::ValidationErrorKind;
use jsonschema::paths::Location;
use jsonschema::{Draft, Keyword, ValidationError, Validator};
use serde_json::Value;
use wecom_kf_raw::{ErrCode, Operation, document, op};

use crate::absent;
use crate::parameters;
use crate::platform::check_kinds;
use crate::refusal::Refusal;
use crate::setup::Strictness;

/// No field of the API has a name nearly as long.
const MAX_NAME_BYTES: usize = 64;

/// The requests of all operations, as the document describes them.
///
/// Each is compiled when it is first needed. All together would take longer than everything else that a simulator does
/// to start.
pub(crate) struct Checks(HashMap<&'static str, OnceLock<Described>>);

/// The request of one operation, as the document describes it.
struct Described {
    /// The query parameters.
    parameters: Value,
    /// The body, if it is JSON.
    body: Option<Body>,
}

struct Body {
    schema: Value,
    validator: Validator,
}

impl Checks {
    /// Those of the process, for all its simulators.
    pub(crate) fn get() -> &'static Self {
        static CHECKS: OnceLock<Checks> = OnceLock::new();
        CHECKS.get_or_init(|| Self(op::ALL.into_iter().map(|operation| (operation.id, OnceLock::new())).collect()))
    }

    fn described(&self, operation: Operation) -> Option<&Described> {
        Some(self.0.get(operation.id)?.get_or_init(|| Described::of(operation)))
    }

    /// Returns `None` if the operation takes no JSON.
    fn body(&self, operation: Operation) -> Option<&Body> {
        self.described(operation)?.body.as_ref()
    }

    /// Returns the query as the members of a request, each with the type that the document gives it.
    pub(crate) fn read_query(
        &self,
        operation: Operation,
        pairs: impl Iterator<Item = (String, String)>,
    ) -> serde_json::Map<String, Value> {
        let described = self.described(operation);
        parameters::read(pairs, |name| {
            let described = described?;
            let of_body = described.body.as_ref().and_then(|body| absent::property(&body.schema, name));
            of_body.or_else(|| described.parameters.get(name))
        })
    }

    /// Removes the optional members of a request that are empty.
    pub(crate) fn remove_empty_members(&self, operation: Operation, request: &mut Value) {
        if let Some(body) = self.body(operation) {
            absent::remove_empty_members(&body.schema, request);
        }
    }

    /// What the document says of a request.
    pub(crate) fn check(&self, operation: Operation, request: &Value, strictness: Strictness) -> Verdict {
        if matches!(operation, op::SEND_MSG | op::SEND_MSG_ON_EVENT)
            && let Err(refusal) = check_kinds(request)
        {
            return Verdict::refusing(operation, refusal);
        }
        let Some(body) = self.body(operation) else { return Verdict::default() };
        let errors = body.validator.iter_errors(request).filter(|error| !is_cut_instead(operation, error));
        let mut verdict = Verdict::default();
        let mut refusals = Vec::new();
        for error in errors {
            let unknown = unknown_fields(&error);
            if unknown.is_empty() || strictness == Strictness::Strict {
                refusals.push(refusal(operation, &error));
            }
            verdict.unknown_fields.extend(unknown);
            verdict.problems.push(detail(&error));
        }
        // A wrong shape says more than a limit with a code of its own.
        refusals.sort_by_key(|refusal| refusal.code != ErrCode::INVALID_PARAMETER);
        verdict.refusal = refusals.into_iter().next();
        verdict
    }
}

impl Described {
    fn of(operation: Operation) -> Self {
        let method = operation.method.to_ascii_lowercase();
        let described = &document::parsed()["paths"][operation.path][method];
        let parameters = described["parameters"].as_array().into_iter().flatten();
        let parameters = parameters
            .filter(|parameter| parameter["in"] == "query")
            .filter_map(|parameter| Some((parameter["name"].as_str()?.to_owned(), parameter["schema"].clone())))
            .collect();
        let body = document::request_schema(operation);
        Self { parameters, body: body.map(|schema| Body { validator: validator(&schema), schema }) }
    }
}

/// What the document says of a request.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Why the platform does not do it, if it does not.
    pub(crate) refusal: Option<Refusal>,
    /// Everything that is not as documented, in words.
    pub(crate) problems: Vec<String>,
    /// The fields that the document does not know.
    pub(crate) unknown_fields: Vec<String>,
}

impl Verdict {
    /// Of a request that has nothing more to look at.
    pub(crate) fn refusing(operation: Operation, refusal: Refusal) -> Self {
        Self { problems: vec![refusal.what(operation)], refusal: Some(refusal), unknown_fields: Vec::new() }
    }
}

fn validator(schema: &Value) -> Validator {
    jsonschema::options()
        // OpenAPI 3.0 schemas are nearest to draft 4.
        .with_draft(Draft::Draft4)
        .with_keyword("x-max-bytes", |_, limit, _| Ok(Box::new(Limit::new(limit, Unit::Bytes))))
        .with_keyword("x-max-chars", |_, limit, _| Ok(Box::new(Limit::new(limit, Unit::Chars))))
        .with_keyword("x-max-items", |_, limit, _| Ok(Box::new(Limit::new(limit, Unit::Items))))
        .build(schema)
        .expect("the document's schemas are valid, as a test shows")
}

/// The unit in which WeCom counts.
#[derive(Clone, Copy, Debug)]
enum Unit {
    Bytes,
    Chars,
    Items,
}

/// A limit of the document, which JSON Schema has no keyword for.
#[derive(Debug)]
struct Limit {
    max: u64,
    unit: Unit,
}

impl Limit {
    fn new(limit: &Value, unit: Unit) -> Self {
        Self { max: limit.as_u64().expect("limits of the document are whole numbers"), unit }
    }

    fn measure(&self, instance: &Value) -> Option<u64> {
        let size = match self.unit {
            Unit::Bytes => instance.as_str()?.len(),
            Unit::Chars => instance.as_str()?.chars().count(),
            Unit::Items => instance.as_array()?.len(),
        };
        u64::try_from(size).ok()
    }
}

impl<'i> Keyword<'i> for Limit {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) {
            return Ok(());
        }
        let unit = match self.unit {
            Unit::Bytes => "bytes of UTF-8",
            Unit::Chars => "characters",
            Unit::Items => "items",
        };
        Err(ValidationError::custom(format!("at most {} {unit} are allowed", self.max)))
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        self.measure(instance).is_none_or(|size| size <= self.max)
    }
}

/// Title and description of a link are cut rather than refused [94677].
fn is_cut_instead(operation: Operation, error: &ValidationError<'_>) -> bool {
    operation == op::SEND_MSG && is_limit(error) && matches!(path(error), "/link/title" | "/link/desc")
}

fn refusal(operation: Operation, error: &ValidationError<'_>) -> Refusal {
    Refusal::because(errcode(operation, error), detail(error))
}

fn errcode(operation: Operation, error: &ValidationError<'_>) -> ErrCode {
    if !is_limit(error) {
        return ErrCode::INVALID_PARAMETER;
    }
    match (operation, path(error)) {
        (op::SEND_MSG | op::SEND_MSG_ON_EVENT, "/text/content") => ErrCode::MESSAGE_TOO_LONG,
        (op::SEND_MSG | op::SEND_MSG_ON_EVENT, "/msgmenu/list") => ErrCode::TOO_MANY_MENU_ITEMS,
        (op::SEND_MSG, "/link/url") => ErrCode::INVALID_URL_LENGTH,
        (op::ACCOUNT_ADD | op::ACCOUNT_UPDATE, "/name") => ErrCode::INVALID_ACCOUNT_NAME,
        _ => ErrCode::INVALID_PARAMETER,
    }
}

fn detail(error: &ValidationError<'_>) -> String {
    let field = field(path(error));
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { .. } => {
            let unknown = unknown_fields(error).join("`, `");
            format!("the simulator is stricter than WeCom: unknown field `{unknown}`")
        }
        ValidationErrorKind::Required { property } => {
            format!("missing field `{field}{}`", property.as_str().unwrap_or_default())
        }
        // Without what was sent: that may be a customer's words.
        _ if field.is_empty() => error.masked_with("the request").to_string(),
        _ => format!("field `{}`: {}", field.trim_end_matches('.'), error.masked_with("the value")),
    }
}

/// The names of the fields that the document does not know, if that is what is wrong.
fn unknown_fields(error: &ValidationError<'_>) -> Vec<String> {
    let field = field(path(error));
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            unexpected.iter().map(|name| format!("{field}{}", shown(name))).collect()
        }
        _ => Vec::new(),
    }
}

fn is_limit(error: &ValidationError<'_>) -> bool {
    matches!(error.kind(), ValidationErrorKind::Custom { .. })
}

fn path<'e>(error: &'e ValidationError<'_>) -> &'e str {
    Location::as_str(error.instance_path())
}

/// `/msgmenu/list/0` as `msgmenu.list.0.`, and nothing for the request itself. All are names of the document.
fn field(path: &str) -> String {
    path.split('/').skip(1).map(|part| format!("{part}.")).collect()
}

/// A name the client made up, if it can be one. Cut it must not be: a part of a token would escape the masking.
fn shown(name: &str) -> &str {
    let is_name = name.len() <= MAX_NAME_BYTES && !name.chars().any(char::is_control);
    if is_name { name } else { "(no name)" }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_schema_of_the_document_compiles() {
        let takes_json = |operation: &Operation| {
            operation.method == "POST" && !matches!(*operation, op::MEDIA_UPLOAD | op::MEDIA_UPLOADIMG)
        };
        for operation in op::ALL {
            assert_eq!(Checks::get().body(operation).is_some(), takes_json(&operation), "{operation:?}");
        }
    }

    #[test]
    fn a_wrong_shape_is_told_before_a_limit() {
        let refusal = |request| Checks::get().check(op::SEND_MSG, &request, Strictness::Strict).refusal.unwrap().code;
        let mut request = json!({ "msgtype": "text", "text": { "content": "x".repeat(2049) } });
        request["touser"] = json!("wm1");
        request["open_kfid"] = json!("wk1");
        assert_eq!(refusal(request.clone()), ErrCode::MESSAGE_TOO_LONG);
        request["msgid"] = json!(5);
        assert_eq!(refusal(request.clone()), ErrCode::INVALID_PARAMETER);
        request["msgid"] = json!("own");
        request["zzz"] = json!(5);
        assert_eq!(refusal(request), ErrCode::INVALID_PARAMETER);
    }

    #[test]
    fn an_unknown_field_is_only_reported_where_the_simulator_is_lenient() {
        let request = json!({ "open_kfid": "wk1", "ofset": 1 });
        let [strict, lenient] = [Strictness::Strict, Strictness::Lenient]
            .map(|strictness| Checks::get().check(op::SYNC_MSG, &request, strictness));
        assert_eq!(strict.refusal.unwrap().code, ErrCode::INVALID_PARAMETER);
        assert_eq!(lenient.refusal, None);
        assert_eq!([strict.unknown_fields, lenient.unknown_fields], [["ofset"], ["ofset"]]);
        assert_eq!(strict.problems, lenient.problems);
    }

    #[test]
    fn what_cannot_be_a_name_is_not_shown_not_even_in_part() {
        assert_eq!(shown("ofset"), "ofset");
        assert_eq!(shown("\u{1b}[31m"), "(no name)");
        assert_eq!(shown(&"x".repeat(65)), "(no name)");
    }
}
