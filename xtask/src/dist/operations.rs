//! The steps of the portable view that change operations and the top level of the document.

use serde_json::{Map, Value, json};

use super::texts::Texts;
use super::tree::each_operation;
use crate::errcodes::Errcodes;
use crate::lower::Step;

/// Applies the steps. Returns how often each applied.
pub fn adapt(root: &mut Value, errcodes: &Errcodes, texts: &mut Texts) -> Vec<Step> {
    describe_head(root, texts);
    vec![
        Step { name: "operation gets the parameter access_token", count: token_parameter(root, texts) },
        Step { name: "operation links its official page", count: official_pages(root, texts) },
        Step { name: "operation names its errcodes", count: own_errcodes(root, errcodes) },
        Step { name: "default reply dropped", count: drop_default_replies(root) },
        Step { name: "reply of bytes has one media type", count: plain_downloads(root) },
    ]
}

/// Describes the server, because linters require it and readers of the product do not have the source.
fn describe_head(root: &mut Value, texts: &mut Texts) {
    let server =
        texts.add("Production. Tests use the address of a simulator instead.", "正式环境；测试时改用模拟器的地址。");
    for known in root.get_mut("servers").and_then(Value::as_array_mut).into_iter().flatten() {
        known["description"] = json!(server);
    }
}

/// Replaces the security requirement by a parameter. Most generators ignore a key in the query or hide it in a
/// configuration object, and then WeCom answers 41001. The empty requirement says that there is no other security.
fn token_parameter(root: &mut Value, texts: &mut Texts) -> usize {
    let mut count = 0;
    each_operation(root, |operation| {
        let requires = operation
            .remove("security")
            .is_some_and(|security| security.as_array().is_some_and(|required| !required.is_empty()));
        if requires {
            let reference = json!({ "$ref": "#/components/parameters/AccessToken" });
            match operation.get_mut("parameters").and_then(Value::as_array_mut) {
                Some(parameters) => parameters.insert(0, reference),
                None => _ = operation.insert("parameters".to_owned(), json!([reference])),
            }
            count += 1;
        }
    });
    if let Some(components) = root.get_mut("components").and_then(Value::as_object_mut) {
        components.remove("securitySchemes");
    }
    root["components"]["parameters"]["AccessToken"] = json!({
        "name": "access_token",
        "in": "query",
        "required": true,
        "description": texts.add(
            "The token that `gettoken` returned. It is a secret: keep URLs out of logs.",
            "`gettoken` 返回的 token。它是机密，日志中不要出现带有它的 URL。",
        ),
        "schema": { "type": "string", "minLength": 1 },
        "example": "ACCESS_TOKEN_EXAMPLE",
    });
    root["security"] = json!([]);
    count
}

/// Links the official page of every operation that has one.
pub fn official_pages(root: &mut Value, texts: &mut Texts) -> usize {
    let description = texts.add("Official page (Chinese)", "官方文档");
    let mut count = 0;
    each_operation(root, |operation| {
        if let Some(page) = operation.get("x-official-page").and_then(Value::as_u64) {
            let link = json!({ "description": description, "url": official_page(page) });
            operation.insert("externalDocs".to_owned(), link);
            count += 1;
        }
    });
    count
}

/// Returns the address of an official page.
pub fn official_page(number: u64) -> String {
    format!("https://developer.work.weixin.qq.com/document/path/{number}")
}

/// Adds the errcodes that are known for each operation in particular. `errcodes.json` has their meaning. Any operation may
/// also return the codes that name no operation there.
fn own_errcodes(root: &mut Value, errcodes: &Errcodes) -> usize {
    let mut count = 0;
    each_operation(root, |operation| {
        let codes = errcodes.of_operation(operation.get("operationId").and_then(Value::as_str).unwrap_or_default());
        if !codes.is_empty() {
            operation.insert("x-errcodes".to_owned(), json!(codes));
            count += 1;
        }
    });
    count
}

/// Drops the `default` reply, because generators would type every reply as "the reply or an `ErrorModel`". WeCom refuses
/// with status 200; another status comes from a proxy and is not an `ErrorModel`. The reply stays beside bytes, where the
/// refusal has no other schema.
fn drop_default_replies(root: &mut Value) -> usize {
    let mut count = 0;
    each_operation(root, |operation| {
        let Some(replies) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
        let is_bytes = replies.get("200").and_then(|reply| binary(reply["content"].as_object()?)).is_some();
        count += usize::from(!is_bytes && replies.remove("default").is_some());
    });
    count
}

/// Leaves one media type in replies of bytes. From several, most generators choose JSON and then fail on every file, and
/// they do not know `*/*`. The description of the operation explains the JSON of a refusal.
fn plain_downloads(root: &mut Value) -> usize {
    let mut count = 0;
    each_operation(root, |operation| {
        let replies = operation.get_mut("responses").and_then(Value::as_object_mut);
        for reply in replies.into_iter().flat_map(|replies| replies.values_mut()) {
            let Some(content) = reply.get_mut("content").and_then(Value::as_object_mut) else { continue };
            if let Some(bytes) = binary(content) {
                *content = Map::from_iter([("application/octet-stream".to_owned(), bytes)]);
                count += 1;
            }
        }
    });
    count
}

fn binary(content: &Map<String, Value>) -> Option<Value> {
    content.values().find(|media| media["schema"]["format"] == "binary").cloned()
}
