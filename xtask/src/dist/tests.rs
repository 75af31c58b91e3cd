//! Tests of the products: their content, and the refusals of sources that do not fit.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use super::errcodes::CLASS_TEXTS;
use super::texts::Texts;
use super::{Sources, Translations, portable, products, read_callback};
use crate::codegen::workspace_root;
use crate::document::{Document, reference};
use crate::errcodes::{CLASSES, Errcodes};

fn read(path: &str) -> String {
    fs::read_to_string(workspace_root().join(path)).unwrap()
}

fn product(name: &str) -> Value {
    serde_json::from_str(&read(&format!("spec/dist/{name}"))).unwrap()
}

/// Calls `f` with the sources of the workspace, after `edit` has changed the document.
fn with_sources<T>(
    edit: impl Fn(String) -> String,
    f: impl Fn(&Sources<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let document = Document::read(&edit(read("spec/wecom-kf.yaml")))?;
    let errcodes = Errcodes::read(&read("spec/errcodes.yaml"), &document)?;
    let callback = read_callback(&read("spec/wecom-kf-callback.yaml"))?;
    let translations = Translations::read(&read("spec/zh-CN.yaml"))?;
    f(&Sources { document: &document, callback: &callback, errcodes: &errcodes, translations: &translations })
}

fn schemas(root: &Value) -> &serde_json::Map<String, Value> {
    root["components"]["schemas"].as_object().unwrap()
}

fn names(root: &Value) -> BTreeSet<String> {
    schemas(root).keys().cloned().collect()
}

#[test]
fn every_schema_has_the_name_of_its_rust_type() {
    let portable = product("wecom-kf.openapi.json");
    let file = syn::parse_file(&read("crates/wecom-kf-raw/src/generated/client.rs")).unwrap();
    let types: BTreeSet<String> = file
        .items
        .iter()
        .filter_map(|item| match item {
            syn::Item::Mod(module) => module.content.as_ref(),
            _ => None,
        })
        .flat_map(|(_, items)| items)
        .filter_map(|item| match item {
            syn::Item::Struct(item) => Some(item.ident.to_string()),
            syn::Item::Enum(item) => Some(item.ident.to_string()),
            _ => None,
        })
        .collect();
    assert!(types.len() > 130, "{} types were found", types.len());
    let missing: Vec<_> = types.difference(&names(&portable)).cloned().collect();
    assert!(missing.is_empty(), "the portable document does not have the schemas {missing:?}");

    // The other schemas are the variants of unions with their kinds, and the bodies of uploads, whose types are hand-written.
    let mut explained: BTreeSet<String> = ["MediaUploadRequest", "MediaUploadimgRequest"].map(str::to_owned).into();
    for variant in schemas(&portable).values().flat_map(|union| union["oneOf"].as_array()).flatten() {
        let name = reference(variant).unwrap();
        explained.insert(name.to_owned());
        let properties = schemas(&portable)[name]["properties"].as_object().unwrap();
        let kind = ["msgtype", "type"].iter().find_map(|by| properties.get(*by)).unwrap();
        explained.insert(reference(kind).unwrap().to_owned());
    }
    let more: BTreeSet<String> = names(&portable).difference(&types).cloned().collect();
    assert_eq!(more, explained);
}

#[test]
fn no_schema_is_inline() {
    for name in ["wecom-kf.openapi.json", "wecom-kf.openapi-3.1.json", "wecom-kf-callback.openapi.json"] {
        for (schema, body) in schemas(&product(name)) {
            for (property, value) in body["properties"].as_object().into_iter().flatten() {
                let is_inline = value.get("properties").is_some() || value.get("enum").is_some();
                assert!(!is_inline, "{name}: {schema}.{property}");
            }
        }
    }
}

#[test]
fn every_operation_but_gettoken_takes_the_token_as_a_parameter() {
    let portable = product("wecom-kf.openapi.json");
    assert_eq!(portable["security"], json!([]));
    assert_eq!(portable["components"].get("securitySchemes"), None);
    assert!(!portable.to_string().contains("\"password\""), "pydantic would send asterisks");
    let mut without = Vec::new();
    for operation in operations(&portable) {
        assert_eq!(operation.get("security"), None);
        let first = &operation["parameters"][0]["$ref"];
        if first != "#/components/parameters/AccessToken" {
            without.push(operation["operationId"].as_str().unwrap());
        }
    }
    assert_eq!(without, ["gettoken"]);
}

fn operations(root: &Value) -> impl Iterator<Item = &Value> {
    root["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values())
}

#[test]
fn sent_messages_are_unions_with_required_members() {
    let portable = product("wecom-kf.openapi.json");
    let send = &schemas(&portable)["SendRequest"];
    let document = Document::read(&read("spec/wecom-kf.yaml")).unwrap();
    let properties = document.root["components"]["schemas"]["SendRequest"]["properties"].as_object().unwrap();
    let kinds = properties.values().filter(|property| property["type"] == "object").count();
    assert_eq!(send["oneOf"].as_array().unwrap().len(), kinds);
    assert_eq!(send["discriminator"]["propertyName"], "msgtype");
    assert_eq!(send["discriminator"]["mapping"]["ca_link"], "#/components/schemas/SendCaLinkRequest");
    let text = &schemas(&portable)["SendTextRequest"];
    assert_eq!(text["required"], json!(["touser", "open_kfid", "msgtype", "text"]));
    assert_eq!(text["properties"].as_object().unwrap().len(), 5);
    assert_eq!(schemas(&portable)["SendTextRequestMsgtype"]["enum"], json!(["text"]));
    // A discriminator cannot be a number.
    let upgrade = &schemas(&portable)["UpgradeServiceRequest"];
    assert_eq!(upgrade.get("discriminator"), None);
    assert_eq!(schemas(&portable)["UpgradeServiceGroupchatRequestType"]["enum"], json!([2]));
}

#[test]
fn limits_of_requests_are_in_standard_keywords() {
    let portable = product("wecom-kf.openapi.json");
    let content = &schemas(&portable)["SendRequestText"]["properties"]["content"];
    assert_eq!((&content["maxLength"], &content["x-max-bytes"]), (&json!(2048), &json!(2048)));
    assert_eq!(schemas(&portable)["SendRequestMsgmenu"]["properties"]["list"]["maxItems"], 10);
    assert_eq!(schemas(&portable)["KnowledgeAddGroupRequest"]["properties"]["name"]["maxLength"], 12);
    assert!(!portable.to_string().contains("x-max-items") && !portable.to_string().contains("x-max-chars"));
    let file = &schemas(&portable)["MediaUploadimgRequest"]["properties"]["media"];
    assert_eq!(file.get("maxLength"), None, "a file is not a text");
}

#[test]
fn downloads_are_bytes_and_nothing_else() {
    let portable = product("wecom-kf.openapi.json");
    let replies = &portable["paths"]["/cgi-bin/media/get"]["get"]["responses"];
    for status in ["200", "206"] {
        let types: Vec<_> = replies[status]["content"].as_object().unwrap().keys().collect();
        assert_eq!(types, ["application/octet-stream"]);
    }
    for operation in operations(&portable).filter(|operation| operation["operationId"] != "media_get") {
        let statuses: Vec<_> = operation["responses"].as_object().unwrap().keys().collect();
        assert_eq!(statuses, ["200"], "{}", operation["operationId"]);
    }
}

#[test]
fn operations_link_their_page_and_their_errcodes() {
    let portable = product("wecom-kf.openapi.json");
    let send = &portable["paths"]["/cgi-bin/kf/send_msg"]["post"];
    assert_eq!(send["externalDocs"]["url"], "https://developer.work.weixin.qq.com/document/path/94677");
    let codes: Vec<i64> = send["x-errcodes"].as_array().unwrap().iter().map(|code| code.as_i64().unwrap()).collect();
    assert!(codes.contains(&95001) && codes.contains(&95033) && !codes.contains(&40014), "{codes:?}");
    assert!(codes.is_sorted());
}

/// Validates with the 3.1 document, whose schemas are JSON Schema 2020-12.
fn validator(root: &Value, schema: &str) -> jsonschema::Validator {
    let mut whole = json!({ "$ref": format!("#/components/schemas/{schema}") });
    whole["components"] = root["components"].clone();
    jsonschema::draft202012::new(&whole).unwrap()
}

#[test]
fn every_sample_satisfies_the_portable_document() {
    let root = product("wecom-kf.openapi-3.1.json");
    let mut seen = 0;
    for entry in fs::read_dir(workspace_root().join("tests/samples")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let sample: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let id = name.split('.').next().unwrap();
        let operation = operations(&root).find(|operation| operation["operationId"] == id);
        let part = match name.ends_with(".request") {
            true => operation.map(|operation| &operation["requestBody"]),
            false => operation.map(|operation| &operation["responses"]["200"]),
        };
        let schema = part.and_then(|part| reference(&part["content"]["application/json"]["schema"]));
        let validator = validator(&root, schema.unwrap_or("ErrorModel"));
        let problems: Vec<_> = validator.iter_errors(&sample).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{name}: {problems:?}");
        seen += 1;
    }
    assert!(seen > 50, "{seen} samples");
}

#[test]
fn replies_may_hold_what_servers_are_known_to_send() {
    let root = product("wecom-kf.openapi-3.1.json");
    let accepted = [
        ("SyncResponse", json!({ "errcode": 95007, "errmsg": "invalid msg token", "msg_list": [] })),
        ("SyncResponse", json!({ "msg_list": null, "next_cursor": null })),
        ("Message", json!({ "msgtype": "location", "location": { "latitude": "23.1", "longitude": 113 } })),
        ("Message", json!({ "channels_shop_product": { "sales_price": 19900 } })),
        ("Message", json!({ "merged_msg": { "item": [{ "msgtype": 1, "msg_content": { "text": {} } }] } })),
        ("Message", json!({ "merged_msg": { "item": [{ "send_time": "1718000400", "msg_content": null }] } })),
        ("Message", json!({ "event": { "event_type": "enter_session", "wechat_channels": { "scene": "1" } } })),
        ("Message", json!({ "text": null, "unknown": { "a": 1 } })),
        ("Customer", json!({ "enter_session_context": { "wechat_channels": { "scene": "4" } } })),
        ("MediaUploadResponse", json!({ "created_at": 1718001000 })),
        ("MediaUploadResponse", json!({ "created_at": "1718001000" })),
        ("GetUpgradeServiceConfigResponse", json!({ "member_range": { "department_id_list": ["2", 3] } })),
        ("GetUpgradeServiceConfigResponse", json!({ "member_range": { "department_list": null } })),
        ("KnowledgeIntent", json!({ "question": { "text": {}, "answers": [], "similar_questions": null } })),
        ("KnowledgeAttachment", json!({ "msgtype": "link", "link": { "picurl": "u" } })),
        ("Servicer", json!({ "department_id": "2", "status": null })),
    ];
    for (schema, reply) in accepted {
        let validator = validator(&root, schema);
        let problems: Vec<_> = validator.iter_errors(&reply).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{schema} {reply}: {problems:?}");
    }
    let refused = [
        ("SendRequest", json!({})),
        ("SendRequest", json!({ "touser": "a", "open_kfid": "b", "msgtype": "text", "image": { "media_id": "m" } })),
        ("SendRequest", json!({ "touser": "a", "msgtype": "text", "text": { "content": "c" } })),
        ("SendMenuItem", json!({ "type": "click", "view": { "url": "u", "content": "c" } })),
        ("UpgradeServiceRequest", json!({ "open_kfid": "a", "external_userid": "b", "type": 3 })),
        ("SyncRequest", json!({})),
    ];
    for (schema, request) in refused {
        assert!(!validator(&root, schema).is_valid(&request), "{schema} {request}");
    }
}

/// With `oneOf`, Java's decoder would say that "17" fits both types. Without the format, Go would use 32 bits.
#[test]
fn a_disputed_value_may_have_either_type() {
    let portable = product("wecom-kf.openapi.json");
    let created_at = &schemas(&portable)["MediaUploadResponse"]["properties"]["created_at"];
    assert_eq!(
        created_at["anyOf"],
        json!([{ "type": "string", "nullable": true }, { "type": "integer", "format": "int64" }])
    );
}

#[test]
fn the_3_1_document_has_the_same_content_and_the_webhooks() {
    let (old, new) = (product("wecom-kf.openapi.json"), product("wecom-kf.openapi-3.1.json"));
    assert_eq!((&old["openapi"], &new["openapi"]), (&json!("3.0.3"), &json!("3.1.0")));
    assert_eq!(old["paths"].as_object().unwrap().len(), new["paths"].as_object().unwrap().len());
    let callback = names(&product("wecom-kf-callback.openapi.json"));
    let both: BTreeSet<String> = names(&old).union(&callback).cloned().collect();
    assert_eq!(names(&new), both);
    assert!(!new.to_string().contains("\"nullable\""));
    let methods: Vec<_> = new["webhooks"]["callback"].as_object().unwrap().keys().collect();
    assert_eq!(methods, ["get", "post"]);
    assert_eq!(old.get("webhooks"), None);
    assert!(!old.to_string().contains("callbacks"), "a mock server would call them");
}

#[test]
fn the_callback_document_has_the_vectors_of_the_crate() {
    let vectors: Value = serde_json::from_str(&read("crates/wecom-kf-callback/tests/vectors.json")).unwrap();
    let document = product("wecom-kf-callback.openapi.json");
    let mut seen = 0;
    for operation in operations(&document) {
        for vector in operation["x-vectors"].as_array().unwrap() {
            let own = vectors["vectors"].as_array().unwrap().iter().find(|own| own["name"] == vector["name"]).unwrap();
            assert_eq!(own["expect"]["plaintext"], vector["plaintext"]);
            for (key, value) in vector.as_object().unwrap().iter().filter(|(key, _)| *key != "plaintext") {
                assert_eq!(value, &own[key], "{}: {key}", vector["name"]);
            }
            for parameter in operation["parameters"].as_array().unwrap() {
                let name = parameter["name"].as_str().unwrap();
                assert_eq!(parameter["example"], own["query"][name], "{name}");
            }
            seen += 1;
        }
    }
    assert_eq!(seen, vectors["vectors"].as_array().unwrap().len());
    let body = &document["paths"]["/callback"]["post"]["requestBody"]["content"]["text/xml"]["example"];
    assert_eq!(body["Encrypt"], vectors["vectors"][1]["encrypt"]);
    let event = &schemas(&document)["KfMsgOrEvent"]["example"];
    assert_eq!(event, &vectors["vectors"][1]["expect"]["event"]);
}

#[test]
fn errcodes_json_is_complete_and_satisfies_its_schema() {
    let (table, schema) = (product("errcodes.json"), product("errcodes.schema.json"));
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let problems: Vec<_> = validator.iter_errors(&table).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{problems:?}");
    let classes: Vec<_> = CLASS_TEXTS.iter().map(|(name, _, _)| *name).collect();
    assert_eq!(classes, CLASSES);
    let rows = read("spec/errcodes.yaml").lines().filter(|line| line.starts_with("  - code:")).count();
    assert_eq!(table["errcodes"].as_array().unwrap().len(), rows);
    let mut damaged = table.clone();
    damaged["errcodes"][0]["class"] = json!("lazy");
    assert!(!validator.is_valid(&damaged));
}

#[test]
fn a_translation_replaces_texts_and_nothing_else() {
    let rows = "- { en: A summary., zh: 摘要。 }\n- { en: Not used., zh: 未用。 }\n- { en: name, zh: 名称 }\n";
    let translations = Translations::read(rows).unwrap();
    let root = json!({
        "info": { "title": "Title", "description": "Missing." },
        "paths": { "/p": { "get": { "summary": "A summary.", "example": { "description": "A summary." } } } },
        "components": { "schemas": { "S": {
            "required": ["name"],
            "properties": { "description": { "description": "A summary." }, "example": { "description": "A summary." } },
            "enum": ["name"],
        } } },
    });
    let mut own = Texts::default();
    own.add("Title", "标题");
    let translated = translations.apply(&root, &own);
    assert_eq!(translated["info"], json!({ "title": "标题", "description": "Missing." }));
    assert_eq!(
        translated["paths"]["/p"]["get"],
        json!({ "summary": "摘要。", "example": { "description": "A summary." } })
    );
    let schema = &translated["components"]["schemas"]["S"];
    assert_eq!(schema["properties"]["description"]["description"], "摘要。");
    assert_eq!(schema["properties"]["example"]["description"], "摘要。");
    assert_eq!((&schema["required"], &schema["enum"]), (&json!(["name"]), &json!(["name"])));
    let (missing, unused) = translations.gaps(&root, &own);
    assert_eq!((missing, unused), (vec!["Missing.".to_owned()], vec!["Not used.".to_owned(), "name".to_owned()]));
}

#[test]
fn each_text_has_a_chinese_row_and_no_row_is_unused() {
    let document = Document::read(&read("spec/wecom-kf.yaml")).unwrap();
    let translations = Translations::read(&read("spec/zh-CN.yaml")).unwrap();
    let (missing, unused) = translations.gaps(&document.root, &Texts::default());
    assert!(missing.is_empty(), "spec/zh-CN.yaml has no row for {missing:#?}");
    assert!(unused.is_empty(), "spec/zh-CN.yaml has rows that no text of spec/wecom-kf.yaml needs: {unused:#?}");
}

/// The steps add texts of their own, whose Chinese is in the code.
#[test]
fn every_text_of_the_chinese_product_is_translated() {
    let missing = with_sources(
        |text| text,
        |sources| {
            let portable = portable(sources)?;
            Ok(sources.translations.gaps(&portable.root, &portable.texts).0)
        },
    );
    assert_eq!(missing.unwrap(), Vec::<String>::new());
}

/// Uses forms that the source document may have but does not have today.
#[test]
fn names_and_nullable_are_right_for_forms_not_used_today() {
    let added = "    SendResponse:\n      description: x\n      type: object\n      properties:\n        a-b:\n          description: x\n          type: object\n          properties:\n            inner: { type: array, description: x, items: { type: object, properties: { c: { type: string, description: x } } } }\n        level: { type: string, enum: [low, high], description: x }\n        id: { $ref: '#/components/schemas/OpenKfId' }\n";
    let edit = |text: String| {
        let start = text.find("    SendResponse:\n").unwrap();
        let end = start + text[start..].find("        errcode:").unwrap();
        let id = "    OpenKfId:\n      description: x\n      type: string\n";
        format!("{}{id}{added}{}", &text[..start], &text[end..])
    };
    let portable = with_sources(edit, |sources| Ok(portable(sources)?.root)).unwrap();
    let all = schemas(&portable);
    let properties = &all["SendResponse"]["properties"];
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    assert_eq!(properties["a-b"]["allOf"][0], reference("SendResponseAB"));
    assert_eq!(all["SendResponseAB"]["properties"]["inner"]["items"], reference("SendResponseABInnerItem"));
    assert_eq!(all["SendResponseLevel"]["enum"], json!(["low", "high"]));
    let id = &properties["id"];
    assert_eq!(
        (&id["type"], &id["nullable"], &id["allOf"][0]),
        (&json!("string"), &json!(true), &reference("OpenKfId"))
    );
}

#[test]
fn a_bad_row_of_the_translations_is_refused() {
    for (rows, expected) in [
        ("- { en: a, zh: '' }", "\"a\" has no Chinese"),
        ("- { en: a, zh: b }\n- { en: a, zh: c }", "\"a\" has two rows"),
        ("- { en: a, de: b }", "rows with `en` and `zh`"),
    ] {
        let Err(error) = Translations::read(rows) else { panic!("{rows} was accepted") };
        assert!(format!("{error:#}").contains(expected), "{error:#}");
    }
}

#[test]
fn a_callback_document_with_a_slip_is_refused_with_its_place() {
    let cases = [
        ("      required: [ToUserName, Encrypt]", "      requird: [ToUserName, Encrypt]", "CallbackEnvelope.requird"),
        (
            "          x-decrypted:",
            "          x-decripted:",
            "Encrypt.x-decripted is unknown; the known extensions are x-official-page",
        ),
        ("$ref: \"#/components/schemas/KfMsgOrEvent\"", "$ref: \"#/components/schemas/Kf\"", "points at nothing"),
        (
            "kf_msg_or_event: \"#/components/schemas/KfMsg",
            "kf_msg_or_event: \"#/components/schemas/M",
            "points at nothing",
        ),
        ("  /callback:", "  /call:", "paths has no /callback"),
    ];
    let good = read("spec/wecom-kf-callback.yaml");
    for (from, to, expected) in cases {
        assert!(good.contains(from), "the document has no {from:?}");
        let Err(error) = read_callback(&good.replacen(from, to, 1)) else { panic!("{to:?} was accepted") };
        assert!(format!("{error:#}").contains(expected), "{to:?}: {error:#}");
    }
}

/// Each row: the old text, the new text, and a part of the refusal.
#[test]
fn a_document_that_does_not_fit_a_step_is_refused() {
    let cases = [
        ("sales_price: { type", "price: { type", "MessageChannelsShopProduct.properties.sales_price: no longer exists"),
        (
            "sales_price: { type: string,",
            "sales_price: { type: integer,",
            "sales_price: its type is \"integer\"; change TWO_TYPES",
        ),
        (
            "        touser: {",
            "        to: {",
            "SendRequest.properties.touser: no longer exists; drop it from REQUIRED",
        ),
        (
            "      required: [msgid, open_kfid]\n      properties:\n",
            "      required: [msgid, open_kfid]\n      properties:\n        msgtype: { type: string, description: x }\n",
            "RecallMsgRequest: has a msgtype; add it to UNIONS",
        ),
        // An object that msgtype does not name may belong to every kind.
        (
            "image, video, link or miniprogram.\" }\n        image:",
            "image, video or miniprogram.\" }\n        image:",
            "KnowledgeAttachmentInput.properties.link: is an object, but msgtype does not name it",
        ),
        (
            "        groupchat:\n",
            "        robot:\n          description: x\n          type: object\n          properties: { a: { type: string, description: x } }\n        groupchat:\n",
            "UpgradeServiceRequest.properties.robot: is an object, but type does not name it",
        ),
        (
            "    RecallMsgRequest:\n",
            "    SendRequestText:\n      description: x\n      type: object\n    RecallMsgRequest:\n",
            "SendRequestText: is also the name of an inline schema",
        ),
    ];
    let good = read("spec/wecom-kf.yaml");
    for (from, to, expected) in cases {
        assert!(good.contains(from), "the document has no {from:?}");
        let made = with_sources(|text| text.replacen(from, to, 1), products);
        let Err(error) = made else { panic!("{to:?} was accepted") };
        assert!(format!("{error:#}").contains(expected), "{to:?}: {error:#}");
    }
}
