//! Compares two OpenAPI documents: operations, parameters, requests, replies, and the top level.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::changes::{Changes, Effect, Place};
use super::schema::{Schemas, Side, compare_rest, differs, follow, object, shown};

/// The role of users' programs in the API.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// They send requests and read replies.
    Client,
    /// They read requests and send replies.
    Server,
}

const METHODS: [&str; 8] = ["get", "post", "put", "patch", "delete", "head", "options", "trace"];

/// Keys whose values only people read, and their names in the report.
const WORDS: [(&str, &str); 9] = [
    ("summary", "summary"),
    ("description", "description"),
    ("example", "example"),
    ("examples", "example"),
    ("externalDocs", "link"),
    ("x-official-page", "official page"),
    ("x-edition", "edition"),
    ("x-unconfirmed", "source"),
    ("x-vectors", "test vectors"),
];

struct Operation<'a> {
    id: String,
    endpoint: String,
    body: &'a Map<String, Value>,
    /// Parameters of the path belong to each of its operations.
    path_parameters: Option<&'a Value>,
}

struct Comparison<'a> {
    schemas: Schemas<'a>,
    role: Role,
    changes: &'a mut Changes,
}

pub fn compare(old: &Value, new: &Value, role: Role, changes: &mut Changes) {
    let mut comparison = Comparison { schemas: Schemas::new(old, new), role, changes };
    comparison.operations();
    comparison.unused_schemas();
    comparison.rest();
}

/// Compares the values that only people read. Returns the keys that it compared.
pub fn compare_words(
    place: &Place,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    changes: &mut Changes,
) -> impl Iterator<Item = &'static str> {
    for (key, name) in WORDS {
        let text = match (old.get(key), new.get(key)) {
            (was, is) if was == is => continue,
            (Some(was), Some(is)) if is.is_number() => format!("{name} is {is} instead of {was}"),
            (Some(_), Some(_)) => format!("{name} changed"),
            (None, _) => format!("{name} added"),
            (_, None) => format!("{name} removed"),
        };
        changes.add(Effect::Words, place, text);
    }
    WORDS.into_iter().map(|(key, _)| key)
}

impl Comparison<'_> {
    fn operations(&mut self) {
        let (old, new) = (operations(self.schemas.old), operations(self.schemas.new));
        let mut left: Vec<&Operation<'_>> = old.iter().collect();
        let mut take = |matches: &dyn Fn(&Operation<'_>) -> bool| {
            let index = left.iter().position(|operation| matches(operation))?;
            Some(left.remove(index))
        };
        let mut pairs: Vec<(Option<&Operation<'_>>, &Operation<'_>)> =
            new.iter().map(|new| (take(&|old| old.id == new.id), new)).collect();
        // An operation whose operationId changed is found by its endpoint.
        for (old, new) in pairs.iter_mut().filter(|(old, _)| old.is_none()) {
            *old = take(&|old| old.endpoint == new.endpoint);
        }
        for old in left {
            self.changes.breaking(Place::new(&*old.id), format!("this operation was removed ({})", old.endpoint));
        }
        for (old, new) in pairs {
            match old {
                Some(old) => self.operation(old, new),
                None => {
                    self.changes.compatible(Place::new(&*new.id), format!("this operation is new ({})", new.endpoint));
                    self.met_schemas_of(new.body);
                }
            }
        }
        for old in old.iter().filter(|old| new.iter().all(|new| new.id != old.id && new.endpoint != old.endpoint)) {
            self.met_schemas_of(old.body);
        }
    }

    fn operation(&mut self, old: &Operation<'_>, new: &Operation<'_>) {
        let place = Place::new(&*new.id);
        if old.id != new.id {
            let text = format!("the operationId was {}, so generated methods have another name", old.id);
            self.changes.breaking(place.clone(), text);
        }
        if old.endpoint != new.endpoint {
            self.changes.breaking(place.clone(), format!("moved to {} from {}", new.endpoint, old.endpoint));
        }
        let (was, is) = (old.body.get("tags"), new.body.get("tags"));
        if was != is {
            let text = format!("{}; generators name modules after tags", differs("the tag", was, is));
            self.changes.breaking(place.clone(), text);
        }
        self.repeat_class(&place, old.body, new.body);
        self.security(&place, old.body, new.body);
        self.parameters(&new.id, old, new);
        self.request(&new.id, old.body, new.body);
        self.replies(&new.id, old.body, new.body);
        let mut handled: BTreeSet<&str> = compare_words(&place, old.body, new.body, self.changes).collect();
        handled.extend(["operationId", "tags", "x-repeat", "security", "parameters", "requestBody", "responses"]);
        compare_rest(&place, old.body, new.body, &handled, self.changes);
    }

    /// Compares `x-repeat`. A change is compatible: clients behave differently, but every call stays possible.
    fn repeat_class(&mut self, place: &Place, old: &Map<String, Value>, new: &Map<String, Value>) {
        let (was, is) = (old.get("x-repeat"), new.get("x-repeat"));
        if was == is {
            return;
        }
        let consequence = match is.and_then(Value::as_str) {
            Some("safe") => "clients may repeat the call",
            Some("keyed") => "clients may repeat the call under its key",
            _ => "clients no longer repeat the call after an unknown outcome",
        };
        self.changes.compatible(place.clone(), format!("{}: {consequence}", differs("the repeat class", was, is)));
    }

    fn security(&mut self, place: &Place, old: &Map<String, Value>, new: &Map<String, Value>) {
        let empty = Value::Array(Vec::new());
        let was = old.get("security").or_else(|| self.schemas.old.get("security")).unwrap_or(&empty);
        let is = new.get("security").or_else(|| self.schemas.new.get("security")).unwrap_or(&empty);
        if was == is {
            return;
        }
        match (*was == empty, *is == empty) {
            (true, false) => self.changes.breaking(place.clone(), format!("needs authorisation now: {}", shown(is))),
            (false, true) => self.changes.compatible(place.clone(), "no longer needs authorisation"),
            _ => self.changes.breaking(place.clone(), differs("the authorisation", Some(was), Some(is))),
        }
    }

    fn parameters(&mut self, id: &str, old: &Operation<'_>, new: &Operation<'_>) {
        let old = parameters(self.schemas.old, old);
        let new = parameters(self.schemas.new, new);
        for name in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
            let place = Place::new(format!("{id} parameter {name}"));
            match (old.get(name), new.get(name)) {
                (Some(old), Some(new)) => self.parameter(&place, old, new),
                (Some(_), None) => self.changes.breaking(place, "removed"),
                (None, Some(new)) => match (is_true(new, "required"), self.sent()) {
                    (true, Side::Sent) => self.changes.breaking(place, "added, and required"),
                    _ => self.changes.compatible(place, "added"),
                },
                (None, None) => {}
            }
        }
    }

    fn parameter(&mut self, place: &Place, old: &Map<String, Value>, new: &Map<String, Value>) {
        let side = self.sent();
        self.required(place, side, old, new);
        self.part("schema", place, side, old, new);
        let mut handled: BTreeSet<&str> = compare_words(place, old, new, self.changes).collect();
        handled.extend(["required", "schema", "name", "in"]);
        compare_rest(place, old, new, &handled, self.changes);
    }

    fn required(&mut self, place: &Place, side: Side, old: &Map<String, Value>, new: &Map<String, Value>) {
        match (is_true(old, "required"), is_true(new, "required"), side) {
            (false, true, Side::Sent) => self.changes.breaking(place.clone(), "is required now"),
            (true, false, Side::Sent) => self.changes.compatible(place.clone(), "is no longer required"),
            (false, true, Side::Read) => self.changes.compatible(place.clone(), "is always there now"),
            (true, false, Side::Read) => self.changes.breaking(place.clone(), "may be missing now"),
            _ => {}
        }
    }

    fn part(&mut self, key: &str, place: &Place, side: Side, old: &Map<String, Value>, new: &Map<String, Value>) {
        match (old.get(key), new.get(key)) {
            (Some(old), Some(new)) => self.schemas.compare(side, place, old, new, self.changes),
            (None, None) => {}
            (was, is) => self.changes.breaking(place.clone(), differs(&format!("the {key}"), was, is)),
        }
    }

    fn request(&mut self, id: &str, old: &Map<String, Value>, new: &Map<String, Value>) {
        let place = Place::new(format!("{id} request"));
        let (old, new) = (self.resolved(old.get("requestBody")), self.resolved_new(new.get("requestBody")));
        match (old, new) {
            (Some(old), Some(new)) => {
                self.required(&place, self.sent(), &old, &new);
                self.content(&place, self.sent(), &old, &new);
                let mut handled: BTreeSet<&str> = compare_words(&place, &old, &new, self.changes).collect();
                handled.extend(["required", "content"]);
                compare_rest(&place, &old, &new, &handled, self.changes);
            }
            (None, Some(new)) if is_true(&new, "required") && self.sent() == Side::Sent => {
                self.changes.breaking(place, "a body was added, and is required")
            }
            (None, Some(_)) => self.changes.compatible(place, "a body was added"),
            (Some(_), None) => self.changes.breaking(place, "the body was removed"),
            (None, None) => {}
        }
    }

    fn replies(&mut self, id: &str, old: &Map<String, Value>, new: &Map<String, Value>) {
        let (old, new) = (object(old, "responses"), object(new, "responses"));
        for status in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
            let place = Place::new(match status.as_str() {
                "200" => format!("{id} reply"),
                "default" => format!("{id} default reply"),
                status => format!("{id} reply with status {status}"),
            });
            let (old, new) = (self.resolved(old.get(status)), self.resolved_new(new.get(status)));
            match (old, new) {
                (Some(old), Some(new)) => {
                    self.content(&place, self.read(), &old, &new);
                    self.headers(&place, &old, &new);
                    let mut handled: BTreeSet<&str> = compare_words(&place, &old, &new, self.changes).collect();
                    handled.extend(["content", "headers"]);
                    compare_rest(&place, &old, &new, &handled, self.changes);
                }
                (None, Some(_)) => self.changes.compatible(place, "added"),
                (Some(_), None) => self.changes.breaking(place, "removed"),
                (None, None) => {}
            }
        }
    }

    /// Compares the headers of a reply.
    fn headers(&mut self, reply: &Place, old: &Map<String, Value>, new: &Map<String, Value>) {
        let (old, new) = (object(old, "headers"), object(new, "headers"));
        for name in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
            let place = reply.property(&format!("header {name}"));
            match (self.resolved(old.get(name)), self.resolved_new(new.get(name))) {
                (Some(old), Some(new)) => {
                    self.required(&place, self.read(), &old, &new);
                    self.part("schema", &place, self.read(), &old, &new);
                    let mut handled: BTreeSet<&str> = compare_words(&place, &old, &new, self.changes).collect();
                    handled.extend(["required", "schema"]);
                    compare_rest(&place, &old, &new, &handled, self.changes);
                }
                (None, Some(_)) => self.changes.compatible(place, "added"),
                (Some(_), None) => self.changes.breaking(place, "removed"),
                (None, None) => {}
            }
        }
    }

    /// Compares the media types of a request or a reply.
    fn content(&mut self, place: &Place, side: Side, old: &Map<String, Value>, new: &Map<String, Value>) {
        let (old, new) = (object(old, "content"), object(new, "content"));
        for media in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
            match (old.get(media).and_then(Value::as_object), new.get(media).and_then(Value::as_object)) {
                (Some(old), Some(new)) => {
                    self.part("schema", place, side, old, new);
                    let mut handled: BTreeSet<&str> = compare_words(place, old, new, self.changes).collect();
                    handled.insert("schema");
                    compare_rest(place, old, new, &handled, self.changes);
                }
                (None, Some(_)) => {
                    let effect = if side == Side::Sent { Effect::Compatible } else { Effect::Breaking };
                    self.changes.add(effect, place, format!("may be {media} now"));
                }
                (Some(_), None) => self.changes.breaking(place.clone(), format!("can no longer be {media}")),
                (None, None) => {}
            }
        }
    }

    /// Returns whether users' programs send or read requests.
    fn sent(&self) -> Side {
        if self.role == Role::Client { Side::Sent } else { Side::Read }
    }

    /// Returns whether users' programs read or send replies.
    fn read(&self) -> Side {
        if self.role == Role::Client { Side::Read } else { Side::Sent }
    }

    fn resolved(&self, value: Option<&Value>) -> Option<Map<String, Value>> {
        follow(self.schemas.old, value?).1.as_object().cloned()
    }

    fn resolved_new(&self, value: Option<&Value>) -> Option<Map<String, Value>> {
        follow(self.schemas.new, value?).1.as_object().cloned()
    }

    /// Marks the schemas of an added or removed operation as compared, so that they are not reported again.
    fn met_schemas_of(&mut self, body: &Map<String, Value>) {
        let mut queue: Vec<Value> = body.values().cloned().collect();
        while let Some(next) = queue.pop() {
            for root in [self.schemas.old, self.schemas.new] {
                if let (Some(name), target) = follow(root, &next)
                    && self.schemas.met.insert(name)
                {
                    queue.push(target.clone());
                }
            }
            match next {
                Value::Object(map) => queue.extend(map.into_iter().map(|(_, value)| value)),
                Value::Array(items) => queue.extend(items),
                _ => {}
            }
        }
    }

    /// Compares schemas that no operation uses. Today's checks refuse them, but an older document may have some.
    fn unused_schemas(&mut self) {
        let schemas = |root: &Value| root["components"]["schemas"].as_object().cloned().unwrap_or_default();
        let (old, new) = (schemas(self.schemas.old), schemas(self.schemas.new));
        for name in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
            let was_met = self.schemas.met.contains(name);
            match (old.get(name), new.get(name)) {
                (was, is) if was_met || was == is => {}
                (was, is) => {
                    let what = if was.is_none() {
                        "added"
                    } else if is.is_none() {
                        "removed"
                    } else {
                        "changed"
                    };
                    let text = format!("{what}; no operation uses it");
                    self.changes.compatible(Place::new(format!("schema {name}")), text);
                }
            }
        }
    }

    /// Compares the top level of the documents.
    fn rest(&mut self) {
        let empty = Map::new();
        let (old, new) =
            (self.schemas.old.as_object().unwrap_or(&empty), self.schemas.new.as_object().unwrap_or(&empty));
        self.info(&object(old, "info"), &object(new, "info"));
        self.servers(old.get("servers"), new.get("servers"));
        self.tags(old.get("tags"), new.get("tags"));
        self.paths(&object(old, "paths"), &object(new, "paths"));
        self.components(&object(old, "components"), &object(new, "components"));
        let handled = ["info", "servers", "tags", "paths", "components", "security"].into_iter().collect();
        compare_rest(&Place::new("the document"), old, new, &handled, self.changes);
    }

    fn info(&mut self, old: &Map<String, Value>, new: &Map<String, Value>) {
        for key in old.keys().chain(new.keys()).filter(|key| *key != "version").collect::<BTreeSet<_>>() {
            if old.get(key) != new.get(key) {
                self.changes.words(Place::new("info"), format!("{key} changed"));
            }
        }
    }

    fn servers(&mut self, old: Option<&Value>, new: Option<&Value>) {
        let urls = |list: Option<&Value>| -> Vec<Value> {
            list.and_then(Value::as_array).into_iter().flatten().map(|server| server["url"].clone()).collect()
        };
        if old == new {
            return;
        }
        match (urls(old), urls(new)) {
            (was, is) if was == is => self.changes.words(Place::new("servers"), "description changed"),
            (was, is) => {
                let text = differs("the address", Some(&Value::Array(was)), Some(&Value::Array(is)));
                self.changes.breaking(Place::new("servers"), text);
            }
        }
    }

    fn tags(&mut self, old: Option<&Value>, new: Option<&Value>) {
        let by_name = |list: Option<&Value>| -> BTreeMap<String, Value> {
            let list = list.and_then(Value::as_array).into_iter().flatten();
            list.map(|tag| (tag["name"].as_str().unwrap_or_default().to_owned(), tag.clone())).collect()
        };
        let (old, new) = (by_name(old), by_name(new));
        for name in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
            let place = Place::new(format!("tag {name}"));
            match (old.get(name), new.get(name)) {
                (Some(was), Some(is)) if was != is => self.changes.words(place, "description changed"),
                (None, Some(_)) => self.changes.compatible(place, "added"),
                (Some(_), None) => self.changes.compatible(place, "removed"),
                _ => {}
            }
        }
    }

    /// Compares the keys beside the operations of a path.
    fn paths(&mut self, old: &Map<String, Value>, new: &Map<String, Value>) {
        let handled: BTreeSet<&str> = METHODS.into_iter().chain(["parameters"]).collect();
        for (path, new) in new {
            if let (Some(old), Some(new)) = (old.get(path).and_then(Value::as_object), new.as_object()) {
                let place = Place::new(path);
                let mut handled = handled.clone();
                handled.extend(compare_words(&place, old, new, self.changes));
                compare_rest(&place, old, new, &handled, self.changes);
            }
        }
    }

    /// Compares security schemes. Other components are compared where something refers to them.
    fn components(&mut self, old: &Map<String, Value>, new: &Map<String, Value>) {
        let (old, new) = (object(old, "securitySchemes"), object(new, "securitySchemes"));
        for name in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
            let place = Place::new(format!("security scheme {name}"));
            match (old.get(name).and_then(Value::as_object), new.get(name).and_then(Value::as_object)) {
                (Some(old), Some(new)) => {
                    let handled = compare_words(&place, old, new, self.changes).collect();
                    compare_rest(&place, old, new, &handled, self.changes);
                }
                (None, Some(_)) => self.changes.compatible(place, "added"),
                (Some(_), None) => self.changes.breaking(place, "removed"),
                (None, None) => {}
            }
        }
    }
}

fn operations(root: &Value) -> Vec<Operation<'_>> {
    let mut all = Vec::new();
    for (path, item) in root["paths"].as_object().into_iter().flatten() {
        for method in METHODS {
            let Some(body) = item[method].as_object() else { continue };
            let endpoint = format!("{} {path}", method.to_uppercase());
            let id = body.get("operationId").and_then(Value::as_str).unwrap_or(&endpoint).to_owned();
            all.push(Operation { id, endpoint, body, path_parameters: item.get("parameters") });
        }
    }
    all
}

/// Returns the parameters of an operation by name. The name says where a parameter is, unless it is in the query.
fn parameters(root: &Value, operation: &Operation<'_>) -> BTreeMap<String, Map<String, Value>> {
    let lists = [operation.path_parameters, operation.body.get("parameters")];
    let all = lists.into_iter().flatten().filter_map(Value::as_array).flatten();
    all.filter_map(|parameter| follow(root, parameter).1.as_object())
        .map(|parameter| {
            let name = parameter.get("name").map(shown).unwrap_or_default();
            let name = match parameter.get("in").and_then(Value::as_str) {
                Some("query") | None => name,
                Some(place) => format!("{name} (in {place})"),
            };
            (name, parameter.clone())
        })
        .collect()
}

fn is_true(map: &Map<String, Value>, key: &str) -> bool {
    map.get(key) == Some(&Value::Bool(true))
}
