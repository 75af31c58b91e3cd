//! Tests that every difference is reported: each kind of change in small documents, and edits of the real documents.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::changes::Changes;
use super::{CALLBACK, DOCUMENT, Documents, ERRCODES, compare, diff, report};
use crate::codegen::workspace_root;
use crate::document::read_yaml;

const SMALL: &str = r##"
openapi: 3.0.3
info: { title: Small, version: 1.4.2, description: Words. }
servers: [{ url: "https://example.com", description: Here. }]
tags: [{ name: message, description: Messages. }, { name: account }]
paths:
  /send:
    post:
      operationId: send
      tags: [message]
      summary: Sends.
      x-official-page: 1
      x-repeat: never
      security: [{ access_token: [] }]
      parameters:
        - { name: debug, in: query, description: D., schema: { type: integer, format: int32 } }
      requestBody:
        required: true
        content:
          application/json:
            schema: { $ref: "#/components/schemas/Sent" }
            example: { text: a }
      responses:
        "200": { description: R., content: { application/json: { schema: { $ref: "#/components/schemas/Reply" } } } }
        default: { description: E., content: { application/json: { schema: { $ref: "#/components/schemas/Refusal" } } } }
  /read:
    get:
      operationId: read
      tags: [message]
      summary: Reads.
      x-repeat: safe
      security: []
      responses:
        "200":
          description: R.
          headers: { Length: { description: H., schema: { type: string } } }
          content: { application/json: { schema: { $ref: "#/components/schemas/Page" } } }
        default: { description: E., content: { application/json: { schema: { $ref: "#/components/schemas/Refusal" } } } }
components:
  securitySchemes:
    access_token: { type: apiKey, in: query, name: access_token }
  schemas:
    Sent:
      type: object
      description: What is sent.
      required: [text]
      properties:
        text: { type: string, x-max-bytes: 20, description: T. }
        kind: { type: string, enum: [a, b], description: K. }
        level: { type: integer, format: int64, minimum: 1, default: 3, description: L. }
        list: { type: array, x-max-items: 5, description: L., items: { $ref: "#/components/schemas/Entry" } }
        secret: { type: string, description: S. }
        size: { type: string, x-max-bytes-of: { image: 100 }, description: F. }
    Entry:
      type: object
      description: An entry.
      properties:
        name: { type: string, pattern: "^a", description: N. }
    Common:
      type: object
      description: In every reply.
      required: [errcode]
      properties:
        errcode: { type: integer, format: int32, description: C. }
    Refusal: { type: object, description: X., properties: { errmsg: { type: string, description: M. } } }
    Reply:
      description: A reply.
      allOf:
        - $ref: "#/components/schemas/Common"
        - type: object
          properties:
            msgid: { type: string, x-max-bytes: 32, nullable: true, description: I. }
    Page:
      description: A page.
      oneOf:
        - { type: object, properties: { msgtype: { type: string, enum: [text] }, text: { type: string } } }
        - { type: object, properties: { msgtype: { type: string, enum: [image] }, image: { type: string } } }
"##;

const CODES: &str = "
errcodes:
  - code: -1
    name: SYSTEM_BUSY
    class: busy
    operations: []
    meaning: { en: busy, zh: 忙 }
    remedy: { en: Wait., zh: 等。 }
  - code: 40001
    name: INVALID_CREDENTIAL
    class: token
    operations: [send]
    meaning: { en: bad, zh: 坏 }
    remedy: { en: Renew., zh: 换。 }
    at:
      read:
        class: permission
        remedy: { en: Ask., zh: 问。 }
";

fn documents(document: &str, errcodes: &str) -> Documents {
    Documents {
        document: read_yaml(document, "document").unwrap(),
        errcodes: read_yaml(errcodes, "errcodes").unwrap(),
        callback: None,
        chinese: None,
    }
}

/// Returns the lines of a report in their groups, without the advice on the version.
fn lines_of(old: &Documents, new: &Documents) -> Vec<String> {
    let text = report(old, new).0;
    text.split("\n\n").next().unwrap().lines().map(|line| line.trim().to_owned()).collect()
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "there is no {from:?}");
    text.replacen(from, to, 1)
}

/// Each row: the old text, the new text, the lines of the report, and those of the opposite edit if it is tested too.
#[test]
fn each_kind_of_change_of_the_document_is_reported() {
    let cases: &[(&str, &str, &[&str], &[&str])] = &[
        (
            "  /read:",
            "  /fetch:",
            &["breaking (1)", "read: moved to GET /fetch from GET /read"],
            &["breaking (1)", "read: moved to GET /read from GET /fetch"],
        ),
        ("    get:", "    post:", &["breaking (1)", "read: moved to POST /read from GET /read"], &[]),
        (
            "operationId: read",
            "operationId: fetch",
            &["breaking (1)", "fetch: the operationId was read, so generated methods have another name"],
            &[],
        ),
        (
            "tags: [message]",
            "tags: [account]",
            &[
                "breaking (1)",
                "send: the tag is [\"account\"] instead of [\"message\"]; generators name modules after tags",
            ],
            &[],
        ),
        (
            "x-repeat: never",
            "x-repeat: safe",
            &["compatible (1)", "send: the repeat class is safe instead of never: clients may repeat the call"],
            &[
                "compatible (1)",
                "send: the repeat class is never instead of safe: clients no longer repeat the call after an unknown outcome",
            ],
        ),
        (
            "security: []",
            "security: [{ access_token: [] }]",
            &["breaking (1)", "read: needs authorisation now: [{\"access_token\":[]}]"],
            &["compatible (1)", "read: no longer needs authorisation"],
        ),
        (
            "        - { name: debug, in: query, description: D., schema: { type: integer, format: int32 } }\n",
            "        []\n",
            &["breaking (1)", "send parameter debug: removed"],
            &["compatible (1)", "send parameter debug: added"],
        ),
        (
            "in: query, description: D.,",
            "in: query, description: D., required: true,",
            &["breaking (1)", "send parameter debug: is required now"],
            &["compatible (1)", "send parameter debug: is no longer required"],
        ),
        (
            "schema: { type: integer, format: int32 }",
            "schema: { type: integer, format: int64 }",
            &["compatible (1)", "send parameter debug: the format is int64 instead of int32"],
            &["breaking (1)", "send parameter debug: the format is int32 instead of int64"],
        ),
        (
            "        secret: { type: string, description: S. }\n",
            "",
            &["breaking (1)", "send request: secret: removed"],
            &["compatible (1)", "send request: secret: added"],
        ),
        (
            "required: [text]",
            "required: [text, kind]",
            &["breaking (1)", "send request: kind: is required now"],
            &["compatible (1)", "send request: kind: is no longer required"],
        ),
        (
            "required: [text]\n      properties:\n",
            "required: [text, extra]\n      properties:\n        extra: { type: string, description: X. }\n",
            &["breaking (1)", "send request: extra: added, and required"],
            &["breaking (1)", "send request: extra: removed"],
        ),
        (
            "x-max-bytes: 20",
            "x-max-bytes: 10",
            &["breaking (1)", "send request: text: at most 10 bytes instead of 20"],
            &["compatible (1)", "send request: text: at most 20 bytes instead of 10"],
        ),
        (
            ", x-max-items: 5",
            "",
            &["compatible (1)", "send request: list: no longer limited to at most 5 items"],
            &["breaking (1)", "send request: list: at most 5 items; there was no such limit"],
        ),
        (
            "minimum: 1",
            "minimum: 2",
            &["breaking (1)", "send request: level: at least 2 instead of 1"],
            &["compatible (1)", "send request: level: at least 1 instead of 2"],
        ),
        (
            "{ image: 100 }",
            "{ image: 50, file: 9 }",
            &[
                "breaking (2)",
                "send request: size<file>: at most 9 bytes; there was no such limit",
                "send request: size<image>: at most 50 bytes instead of 100",
            ],
            &[],
        ),
        (
            "enum: [a, b]",
            "enum: [a, c]",
            &[
                "breaking (1)",
                "send request: kind: the value b was removed",
                "compatible (1)",
                "send request: kind: the value c is new",
            ],
            &[],
        ),
        (
            ", enum: [a, b]",
            "",
            &["compatible (1)", "send request: kind: any value is allowed now"],
            &["breaking (1)", "send request: kind: only these values are allowed now: a, b"],
        ),
        (
            "enum: [a, b]",
            "enum: [b, a]",
            &[
                "words only (1)",
                "the content is written in another way, such as in another order (1): spec/wecom-kf.yaml",
            ],
            &[],
        ),
        ("default: 3", "default: 4", &["breaking (1)", "send request: level: the default is 4 instead of 3"], &[]),
        (
            "pattern: \"^a\"",
            "pattern: \"^b\"",
            &["breaking (1)", "send request: list[].name: the pattern is ^b instead of ^a"],
            &[],
        ),
        (
            "        secret: { type: string",
            "        secret: { type: string, format: password",
            &["compatible (1)", "send request: secret: the format was added: password"],
            &["compatible (1)", "send request: secret: the format was removed: password"],
        ),
        (
            "        secret: { type: string",
            "        secret: { type: string, x-private: true",
            &["compatible (1)", "send request: secret: `x-private` was added: true"],
            &[],
        ),
        (
            "        secret: { type: string",
            "        secret: { type: boolean",
            &["breaking (1)", "send request: secret: the type is boolean instead of string"],
            &[],
        ),
        (
            "        secret: { type: string",
            "        secret: { type: string, uniqueItems: true",
            &["breaking (1)", "send request: secret: `uniqueItems` was added: true"],
            &[],
        ),
        (
            "    Entry:\n      type: object\n",
            "    Entry:\n      type: object\n      additionalProperties: false\n",
            &["breaking (1)", "send request: list[]: further properties are refused now"],
            &["compatible (1)", "send request: list[]: any further property is accepted now"],
        ),
        (
            "    Entry:\n      type: object\n",
            "    Entry:\n      type: object\n      additionalProperties: { type: string }\n",
            &["breaking (1)", "send request: list[]: further properties have a schema now"],
            &[],
        ),
        // In a reply, a wider schema is breaking for programs that read it.
        (
            "nullable: true, ",
            "",
            &["compatible (1)", "send reply: msgid: may no longer be null"],
            &["breaking (1)", "send reply: msgid: may be null now"],
        ),
        (
            "msgid: { type: string, x-max-bytes: 32",
            "msgid: { type: string, x-max-bytes: 64",
            &["breaking (1)", "send reply: msgid: at most 64 bytes instead of 32"],
            &["compatible (1)", "send reply: msgid: at most 32 bytes instead of 64"],
        ),
        (
            "            msgid: {",
            "            extra: { type: string }\n            msgid: {",
            &["compatible (1)", "send reply: extra: added"],
            &["breaking (1)", "send reply: extra: removed"],
        ),
        // Through allOf.
        (
            "      required: [errcode]\n",
            "",
            &["breaking (1)", "send reply: errcode: may be missing now"],
            &["compatible (1)", "send reply: errcode: is always there now"],
        ),
        (
            "format: int32, description: C.",
            "format: int64, description: C.",
            &["breaking (1)", "send reply: errcode: the format is int64 instead of int32"],
            &["compatible (1)", "send reply: errcode: the format is int32 instead of int64"],
        ),
        // A schema that two replies use is one change with two places.
        (
            "errmsg: { type: string,",
            "errmsg: { type: integer,",
            &[
                "breaking (1)",
                "read default reply: errmsg and send default reply: errmsg: the type is integer instead of string",
            ],
            &[],
        ),
        // A form is recognised by the value that only it has.
        (
            "        - { type: object, properties: { msgtype: { type: string, enum: [image] }, image: { type: string } } }\n",
            "",
            &["compatible (1)", "read reply: <msgtype image>: this form was removed"],
            &["breaking (1)", "read reply: <msgtype image>: this form is new"],
        ),
        (
            "image: { type: string } }",
            "picture: { type: string } }",
            &[
                "breaking (1)",
                "read reply: <msgtype image>.image: removed",
                "compatible (1)",
                "read reply: <msgtype image>.picture: added",
            ],
            &[],
        ),
        (
            "        default: { description: E., content: { application/json: { schema: { $ref: \"#/components/schemas/Refusal\" } } } }\n  /read",
            "  /read",
            &["breaking (1)", "send default reply: removed"],
            &["compatible (1)", "send default reply: added"],
        ),
        (
            "description: R., content: { application/json",
            "description: R., content: { text/plain",
            &["breaking (2)", "send reply: can no longer be application/json", "send reply: may be text/plain now"],
            &[],
        ),
        (
            "        required: true\n        content:",
            "        content:",
            &["compatible (1)", "send request: is no longer required"],
            &["breaking (1)", "send request: is required now"],
        ),
        (
            "url: \"https://example.com\"",
            "url: \"https://example.org\"",
            &["breaking (1)", "servers: the address is [\"https://example.org\"] instead of [\"https://example.com\"]"],
            &[],
        ),
        (
            "in: query, name: access_token",
            "in: header, name: access_token",
            &["breaking (1)", "security scheme access_token: `in` is header instead of query"],
            &[],
        ),
        (
            "tags: [{ name: message, description: Messages. }, { name: account }]",
            "tags: [{ name: message, description: Other. }, { name: customer }]",
            &[
                "compatible (2)",
                "tag account: removed",
                "tag customer: added",
                "words only (1)",
                "description changed (1): tag message",
            ],
            &[],
        ),
        (
            "openapi: 3.0.3",
            "openapi: 3.1.0",
            &["breaking (1)", "the document: `openapi` is 3.1.0 instead of 3.0.3"],
            &[],
        ),
        (
            "description: H.",
            "description: G.",
            &["words only (1)", "description changed (1): read reply: header Length"],
            &[],
        ),
        (
            "description: H., schema: { type: string }",
            "description: H., schema: { type: integer }",
            &["breaking (1)", "read reply: header Length: the type is integer instead of string"],
            &[],
        ),
        (
            "          headers: { Length: { description: H., schema: { type: string } } }\n",
            "",
            &["breaking (1)", "read reply: header Length: removed"],
            &["compatible (1)", "read reply: header Length: added"],
        ),
        ("description: Words.", "description: Other words.", &["words only (1)", "description changed (1): info"], &[]),
        (
            "x-official-page: 1",
            "x-official-page: 2",
            &["words only (1)", "official page is 2 instead of 1 (1): send"],
            &[],
        ),
        ("summary: Sends.", "summary: Posts.", &["words only (1)", "summary changed (1): send"], &[]),
        ("example: { text: a }", "example: { text: b }", &["words only (1)", "example changed (1): send request"], &[]),
        (
            "description: N.",
            "description: M.",
            &["words only (1)", "description changed (1): send request: list[].name"],
            &[],
        ),
    ];
    let old = documents(SMALL, CODES);
    for (from, to, there, back) in cases {
        let new = documents(&replaced(SMALL, from, to), CODES);
        assert_eq!(lines_of(&old, &new), *there, "{from:?} to {to:?}");
        if !back.is_empty() {
            assert_eq!(lines_of(&new, &old), *back, "{to:?} to {from:?}");
        }
    }
}

#[test]
fn added_removed_and_renamed_operations_are_reported() {
    let old = documents(SMALL, CODES);
    let start = SMALL.find("  /read:").unwrap();
    let without_read = format!("{}{}", &SMALL[..start], &SMALL[SMALL.find("components:").unwrap()..]);
    let new = documents(&without_read, CODES);
    assert_eq!(lines_of(&old, &new), ["breaking (1)", "read: this operation was removed (GET /read)"]);
    assert_eq!(lines_of(&new, &old), ["compatible (1)", "read: this operation is new (GET /read)"]);

    let renamed = documents(&SMALL.replace("schemas/Entry", "schemas/Item").replace("    Entry:", "    Item:"), CODES);
    let line = "send request: list[]: the schema is Item instead of Entry: generated types have another name";
    assert_eq!(lines_of(&old, &renamed), ["breaking (1)", line]);

    let unused = documents(&format!("{SMALL}    Unused: {{ type: object }}\n"), CODES);
    assert_eq!(lines_of(&old, &unused), ["compatible (1)", "schema Unused: added; no operation uses it"]);
}

#[test]
fn a_schema_that_refers_to_itself_is_compared_once() {
    let tree = |description: &str| {
        let properties = format!(
            "properties:\n        child: {{ $ref: \"#/components/schemas/Entry\" }}\n        name: {{ type: string, pattern: \"^a\", description: {description} }}"
        );
        documents(
            &replaced(
                SMALL,
                "properties:\n        name: { type: string, pattern: \"^a\", description: N. }",
                &properties,
            ),
            CODES,
        )
    };
    assert_eq!(
        lines_of(&tree("N."), &tree("M.")),
        ["words only (1)", "description changed (1): send request: list[].name"]
    );
}

#[test]
fn each_change_of_an_errcode_is_reported_with_its_effect() {
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "    class: busy",
            "    class: unknown",
            &[
                "compatible (1)",
                "errcode -1 SYSTEM_BUSY: the class is unknown instead of busy: clients no longer repeat the call where that is safe",
            ],
        ),
        (
            "    class: token",
            "    class: busy",
            &[
                "compatible (1)",
                "errcode 40001 INVALID_CREDENTIAL: the class is busy instead of token: clients repeat the call where that is safe now, and no longer renew the access token",
            ],
        ),
        (
            "        class: permission",
            "        class: token",
            &[
                "compatible (1)",
                "errcode 40001 INVALID_CREDENTIAL: read: the class is token instead of permission: clients renew the access token now",
            ],
        ),
        (
            "    at:\n      read:\n        class: permission\n        remedy: { en: Ask., zh: 问。 }\n",
            "",
            &[
                "compatible (1)",
                "errcode 40001 INVALID_CREDENTIAL: read: the class is token instead of permission: clients renew the access token now",
                "words only (1)",
                "texts removed (1): errcode 40001 INVALID_CREDENTIAL: read",
            ],
        ),
        (
            "name: SYSTEM_BUSY",
            "name: BUSY",
            &["breaking (1)", "errcode -1 BUSY: the name was SYSTEM_BUSY, so the constant has another name"],
        ),
        (
            "  - code: -1\n    name: SYSTEM_BUSY",
            "  - code: -2\n    name: SYSTEM_BUSY",
            &[
                "breaking (1)",
                "errcode -1 SYSTEM_BUSY: this errcode was removed",
                "compatible (1)",
                "errcode -2 SYSTEM_BUSY: this errcode is new; its class is busy",
            ],
        ),
        (
            "operations: [send]",
            "operations: [read]",
            &[
                "compatible (2)",
                "errcode 40001 INVALID_CREDENTIAL: now known to occur at read",
                "errcode 40001 INVALID_CREDENTIAL: no longer known to occur at send",
            ],
        ),
        (
            "    operations: []\n",
            "    operations: []\n    unconfirmed: true\n    source: page\n",
            &[
                "words only (2)",
                "certainty added (1): errcode -1 SYSTEM_BUSY",
                "source added (1): errcode -1 SYSTEM_BUSY",
            ],
        ),
        ("en: busy", "en: very busy", &["words only (1)", "meaning changed in English (1): errcode -1 SYSTEM_BUSY"]),
        ("zh: 等。", "zh: 请等。", &["words only (1)", "remedy changed in Chinese (1): errcode -1 SYSTEM_BUSY"]),
        (
            "en: Ask.",
            "en: Do ask.",
            &["words only (1)", "remedy changed in English (1): errcode 40001 INVALID_CREDENTIAL: read"],
        ),
        (
            "    class: busy",
            "    class: busy\n    weight: 1",
            &["breaking (1)", "errcode -1 SYSTEM_BUSY: `weight` was added: 1"],
        ),
    ];
    let old = documents(SMALL, CODES);
    for (from, to, expected) in cases {
        let new = documents(SMALL, &replaced(CODES, from, to));
        assert_eq!(lines_of(&old, &new), *expected, "{from:?} to {to:?}");
    }
}

/// In the callback document, the bot is the server: it reads requests and sends replies.
#[test]
fn the_callback_document_is_compared_as_a_server() {
    let with = |callback: &str| Documents {
        callback: Some(read_yaml(callback, "callback").unwrap()),
        ..documents(SMALL, CODES)
    };
    let new = with(&replaced(SMALL, "x-max-bytes: 20", "x-max-bytes: 10"));
    let line = "send request: text: at most 10 bytes instead of 20";
    assert_eq!(lines_of(&with(SMALL), &new), ["compatible (1)", line]);
    let line = "spec/wecom-kf-callback.yaml: this document is new";
    assert_eq!(lines_of(&documents(SMALL, CODES), &new), ["compatible (1)", line]);
}

#[test]
fn a_chinese_text_that_changed_is_named_by_its_english_one() {
    let with =
        |chinese: &str| Documents { chinese: Some(read_yaml(chinese, "zh-CN").unwrap()), ..documents(SMALL, CODES) };
    let old = with("[{ en: Sends., zh: 发送 }, { en: Reads., zh: 读取 }]");
    let new = with("[{ en: Sends., zh: 发送。 }, { en: Fetches., zh: 获取 }]");
    assert_eq!(lines_of(&old, &new), ["words only (1)", "Chinese text changed (1): \"Sends.\""]);
}

#[test]
fn the_report_names_the_version_that_the_changes_need() {
    const TIGHTER: (&str, &str) = ("x-max-bytes: 20", "x-max-bytes: 10");
    const WIDER: (&str, &str) = ("x-max-bytes: 20", "x-max-bytes: 30");
    const WORDS: (&str, &str) = ("summary: Sends.", "summary: Posts.");
    const NOTHING: (&str, &str) = ("summary: Sends.", "summary: Sends.");
    let cases = [
        (TIGHTER, "1.4.2", "is still 1.4.2. The changes need a new major version: raise it to 2.0.0. If 1.4.2 is not"),
        (TIGHTER, "1.5.0", "is 1.5.0 instead of 1.4.2. The changes need a new major version: raise it to 2.0.0. If"),
        (TIGHTER, "2.0.0", "is 2.0.0 instead of 1.4.2. The changes need a new major version, and this is one."),
        (WIDER, "1.4.3", "a new minor version: raise it to 1.5.0. If"),
        (WIDER, "1.5.0", "a new minor version, and this is one."),
        (WORDS, "1.4.2", "a new patch version: raise it to 1.4.3. If"),
        (WORDS, "1.4.3", "a new patch version, and this is one."),
        (NOTHING, "1.4.2", "info.version is still 1.4.2, which is right."),
        (NOTHING, "1.4.3", "is 1.4.3 instead of 1.4.2, but no change of the document needs it."),
        (NOTHING, "one", "\"1.4.2\" before, \"one\" now; write it as 1.2.3"),
    ];
    let old = documents(SMALL, CODES);
    for ((from, to), version, expected) in cases {
        let new = replaced(&replaced(SMALL, from, to), "version: 1.4.2", &format!("version: {version}"));
        let text = report(&old, &documents(&new, CODES)).0;
        let advice = text.lines().last().unwrap();
        assert!(advice.starts_with("spec/wecom-kf.yaml: ") && advice.contains(expected), "{to} {version}: {advice}");
    }
    // A change of the errcodes does not affect the version of the document.
    let text = report(&old, &documents(SMALL, &replaced(CODES, "name: SYSTEM_BUSY", "name: BUSY"))).0;
    assert!(text.ends_with("info.version is still 1.4.2, which is right."), "{text}");
}

fn real() -> Documents {
    Documents::of_working_tree(&workspace_root()).unwrap()
}

#[test]
fn the_real_documents_do_not_differ_from_themselves() {
    let (text, is_breaking) = report(&real(), &real());
    assert!(text.starts_with("nothing changed\n"), "{text}");
    assert!(!is_breaking);
}

/// Removes one key or changes one value, at one place of each kind.
#[test]
fn every_difference_of_the_real_documents_is_reported() {
    let Documents { document, errcodes, callback, .. } = real();
    let mut silent = Vec::new();
    let mut count = 0;
    for (name, old) in [(DOCUMENT, document), (ERRCODES, errcodes), (CALLBACK, callback.unwrap())] {
        let mut pointers = BTreeMap::new();
        collect_kinds(&old, "", "", &mut pointers);
        for pointer in pointers.values() {
            for edit in [remove, change] {
                let mut new = old.clone();
                edit(&mut new, pointer);
                let mut changes = Changes::default();
                compare(name, &old, &new, &mut changes);
                if changes.is_empty() {
                    silent.push(format!("{name} {pointer}"));
                }
                count += 1;
            }
        }
    }
    assert!(count > 200, "only {count} edits");
    assert!(silent.is_empty(), "{} of {count} edits are not reported:\n{}", silent.len(), silent.join("\n"));
}

/// Collects one place of each kind. A kind is a key and the key above it; all freely chosen names count as one key.
fn collect_kinds(value: &Value, pointer: &str, above: &str, pointers: &mut BTreeMap<(String, String), String>) {
    const HOLD_NAMES: [&str; 6] = ["properties", "paths", "schemas", "at", "mapping", "x-max-bytes-of"];
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(key, child)| (key.clone(), child)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(index, child)| (index.to_string(), child)).collect(),
        _ => return,
    };
    for (key, child) in children {
        let pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
        let kind = match value.is_array() || HOLD_NAMES.contains(&above) {
            true => "*".to_owned(),
            false => key,
        };
        if pointer != "/info/version" {
            pointers.entry((above.to_owned(), kind.clone())).or_insert_with(|| pointer.clone());
        }
        // Test vectors and examples are compared as a whole.
        if !["example", "examples", "x-vectors"].contains(&kind.as_str()) {
            collect_kinds(child, &pointer, &kind, pointers);
        }
    }
}

fn remove(root: &mut Value, pointer: &str) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/").replace("~0", "~");
    match root.pointer_mut(parent).unwrap() {
        Value::Object(map) => drop(map.remove(&key)),
        Value::Array(items) => drop(items.remove(key.parse().unwrap())),
        other => panic!("{other} has no children"),
    }
}

fn change(root: &mut Value, pointer: &str) {
    let value = root.pointer_mut(pointer).unwrap();
    *value = match &*value {
        Value::String(text) => json!(format!("{text}x")),
        Value::Number(number) => json!(number.as_i64().unwrap_or_default() + 1),
        Value::Bool(is) => json!(!is),
        _ => json!("something else"),
    };
}

/// A repository with one commit of the documents, and edits after it.
#[test]
fn a_commit_is_compared_with_the_working_tree() {
    let root = tempfile::TempDir::new().unwrap();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let git = |arguments: &[&str]| {
        let names = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"];
        let output = Command::new("git").arg("-C").arg(root.path()).args(names).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    };
    git(&["init", "--quiet"]);
    write("README.md", "Nothing yet.");
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "empty"]);
    git(&["tag", "empty"]);
    write(DOCUMENT, SMALL);
    write(ERRCODES, CODES);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "documents"]);

    let same = diff(root.path(), "HEAD").unwrap();
    assert!(same.text.contains("\nnothing changed\n"), "{}", same.text);
    write(DOCUMENT, &replaced(SMALL, "x-max-bytes: 20", "x-max-bytes: 10"));
    write(CALLBACK, SMALL);
    let changed = diff(root.path(), "HEAD").unwrap();
    assert!(changed.is_breaking);
    assert!(changed.text.contains("\n  send request: text: at most 10 bytes instead of 20\n"), "{}", changed.text);
    assert!(changed.text.contains("\n  spec/wecom-kf-callback.yaml: this document is new\n"), "{}", changed.text);

    let error = |reference: &str| diff(root.path(), reference).err().unwrap().to_string();
    assert_eq!(
        error("empty"),
        "empty has no spec/wecom-kf.yaml; compare with a commit that has the documents in spec/"
    );
    let unknown = error("nowhere");
    assert!(unknown.starts_with("git knows no commit \"nowhere\"") && unknown.contains("shallow"), "{unknown}");
    assert!(error("--help").starts_with("git knows no commit"), "an option is taken as a name");
}
