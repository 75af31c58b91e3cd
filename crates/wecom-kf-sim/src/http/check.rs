//! Checks requests against the document, and chooses the errcode that WeCom answers with.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use serde_json::Value;
use wecom_kf_raw::document::schema::{Fault, Mistake, Schema};
use wecom_kf_raw::{ErrCode, Operation, document, op};

use crate::http::absent;
use crate::http::parameters;
use crate::platform::check_kinds;
use crate::platform::refusal::Refusal;
use crate::world::setup::Strictness;

/// The requests of all operations, as the document describes them.
pub(crate) struct Checks(HashMap<&'static str, Described>);

/// The request of one operation, as the document describes it.
struct Described {
    /// The query parameters.
    parameters: BTreeMap<String, Schema>,
    /// The body, if it is JSON.
    body: Option<Schema>,
}

impl Checks {
    /// Those of the process, for all its simulators.
    pub(crate) fn get() -> &'static Self {
        static CHECKS: OnceLock<Checks> = OnceLock::new();
        CHECKS.get_or_init(|| {
            let document = document::parsed();
            let described = |operation: Operation| Described::read(operation, &document);
            Self(op::ALL.into_iter().map(|operation| (operation.id, described(operation))).collect())
        })
    }

    /// Returns `None` if the operation takes no JSON.
    fn body(&self, operation: Operation) -> Option<&Schema> {
        self.0.get(operation.id)?.body.as_ref()
    }

    /// Returns the query as the members of a request, each with the type that the document gives it.
    pub(crate) fn read_query(
        &self,
        operation: Operation,
        pairs: impl Iterator<Item = (String, String)>,
    ) -> serde_json::Map<String, Value> {
        let described = self.0.get(operation.id);
        parameters::read(pairs, |name| {
            let described = described?;
            let of_body = described.body.as_ref().and_then(|body| body.property(name));
            of_body.or_else(|| described.parameters.get(name))
        })
    }

    /// Removes the optional members of a request that are empty.
    pub(crate) fn remove_empty_members(&self, operation: Operation, request: &mut Value) {
        if let Some(body) = self.body(operation) {
            absent::remove_empty_members(body, request);
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
        let mut verdict = Verdict::default();
        let mut refusals = Vec::new();
        for mistake in body.mistakes(request).iter().filter(|mistake| !is_cut_instead(operation, mistake)) {
            let unknown = mistake.unknown_fields();
            if unknown.is_empty() || strictness == Strictness::Strict {
                refusals.push(Refusal::because(errcode(operation, mistake), detail(mistake)));
            }
            verdict.unknown_fields.extend(unknown);
            verdict.problems.push(detail(mistake));
        }
        // A wrong shape says more than a limit with a code of its own.
        refusals.sort_by_key(|refusal| refusal.code != ErrCode::INVALID_PARAMETER);
        verdict.refusal = refusals.into_iter().next();
        verdict
    }
}

impl Described {
    fn read(operation: Operation, document: &Value) -> Self {
        const WHY: &str = "the document has no keyword that the simulator does not know, as a test shows";
        let described = &document["paths"][operation.path][operation.method.to_ascii_lowercase()];
        let parameters = described["parameters"].as_array().into_iter().flatten();
        let parameters = parameters.filter(|parameter| parameter["in"] == "query").filter_map(|parameter| {
            let schema = Schema::read(&parameter["schema"], document).expect(WHY);
            Some((parameter["name"].as_str()?.to_owned(), schema))
        });
        let body = described["requestBody"]["content"]["application/json"].get("schema");
        Self { parameters: parameters.collect(), body: body.map(|schema| Schema::read(schema, document).expect(WHY)) }
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

/// Title and description of a link are cut rather than refused.
fn is_cut_instead(operation: Operation, mistake: &Mistake) -> bool {
    rule!(link_title_and_description_are_cut);
    operation == op::SEND_MSG && is_limit(mistake) && matches!(&*mistake.path, "link.title" | "link.desc")
}

fn errcode(operation: Operation, mistake: &Mistake) -> ErrCode {
    if !is_limit(mistake) {
        return ErrCode::INVALID_PARAMETER;
    }
    match (operation, &*mistake.path) {
        (op::SEND_MSG | op::SEND_MSG_ON_EVENT, "text.content") => ErrCode::MESSAGE_TOO_LONG,
        (op::SEND_MSG | op::SEND_MSG_ON_EVENT, "msgmenu.list") => ErrCode::TOO_MANY_MENU_ITEMS,
        (op::SEND_MSG, "link.url") => ErrCode::INVALID_URL_LENGTH,
        (op::ACCOUNT_ADD | op::ACCOUNT_UPDATE, "name") => ErrCode::INVALID_ACCOUNT_NAME,
        _ => ErrCode::INVALID_PARAMETER,
    }
}

fn detail(mistake: &Mistake) -> String {
    match &mistake.fault {
        Fault::Unknown(_) => format!("the simulator is stricter than WeCom: {mistake}"),
        _ => mistake.to_string(),
    }
}

fn is_limit(mistake: &Mistake) -> bool {
    matches!(mistake.fault, Fault::TooLong { .. })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_schema_of_the_document_can_be_checked() {
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
}
