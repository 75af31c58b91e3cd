//! Forms that the source document may use but does not use today: each is generated, compiled and called.

use super::probe::Probe;
use super::scratch::Scratch;
use super::{DOCUMENT, read};

/// Operations that use one feature each.
fn probes() -> Vec<Probe> {
    let kind = "type: string, description: d, enum: [plain, in-a-frame]";
    let text = "type: string, description: d";
    vec![
        Probe::request(&format!(
            "old: {{ type: string, deprecated: true, description: \"A <tag>, a [bracket] and a block:\\n\\n```\\nnot rust\\n```\" }}, kind: {{ {kind} }}, kinds: {{ type: array, description: d, items: {{ {kind} }} }}, named: {{ $ref: \"#/components/schemas/NamedKind\" }}, \
             maybe: {{ {kind}, nullable: true }}, number: {{ type: integer, description: d, enum: [1, 2] }}, limit: {{ type: integer, description: d, default: 100 }}"
        ))
        .with_schemas(&format!("    NamedKind: {{ {kind} }}\n"))
        .named("probe_enums"),
        Probe {
            method: "get".to_owned(),
            ..Probe::parameters(&format!(
                "[{{ name: id, in: path, required: true, description: d, schema: {{ type: string }} }}, {{ name: page-no, in: path, required: true, description: d, schema: {{ type: integer }} }}, \
                 {{ name: a_first, in: query, required: true, description: d, schema: {{ type: boolean }} }}, {{ name: pageSize, in: query, description: d, schema: {{ type: integer, format: uint64 }} }}, \
                 {{ name: type, in: query, description: d, schema: {{ {kind} }} }}, {{ name: note, in: query, description: d, schema: {{ type: string, x-private: true }} }}, \
                 {{ name: ratio, in: query, description: d, schema: {{ type: number, format: float }} }}, {{ name: since, in: query, description: d, schema: {{ type: string, format: date-time }} }}, \
                 {{ name: open_kfid, in: query, required: true, description: d, schema: {{ $ref: \"#/components/schemas/ProbeId\" }} }}]"
            ))
        }
        .with_schemas("    ProbeId: { type: string, description: d, x-max-bytes: 64 }\n")
        .with_path("/cgi-bin/kf/probe/{id}/{page-no}")
        .named("probe_parameters"),
        Probe {
            request: format!(
                "{{ type: object, description: d, required: [must, type], properties: {{ must: {{ {text}, nullable: true }}, may: {{ type: integer, description: d, nullable: true }}, \
                 list: {{ type: array, description: d, nullable: true, items: {{ {text} }} }}, type: {{ {text} }}, openKfid: {{ {text} }}, x-note: {{ {text} }}, \
                 required: {{ type: boolean, description: d }}, self: {{ {text} }}, at: {{ {text}, format: date-time }} }} }}"
            ),
            ..Probe::default()
        }
        .named("probe_names"),
        Probe {
            request: "{ description: d, allOf: [{ $ref: \"#/components/schemas/ProbeBase\" }, { type: object, required: [base_text], properties: { own: { type: string, description: d, x-private: true, x-max-chars: 7 }, \
                 item: { description: Another description., allOf: [{ $ref: \"#/components/schemas/ProbeItem\" }] } } }] }"
                .to_owned(),
            ..Probe::default()
        }
        .with_schemas(&format!(
            "    ProbeBase: {{ type: object, description: d, properties: {{ base_text: {{ {text}, x-private: true, x-max-bytes: 9 }} }} }}\n    \
             ProbeItem: {{ type: object, description: d, properties: {{ secret_words: {{ {text}, x-private: true }}, inner: {{ $ref: \"#/components/schemas/ProbeItem\" }}, \
             big: {{ type: integer, format: int64, description: d, minimum: -5, maximum: 9000000000 }}, above: {{ type: integer, description: d, minimum: 0, exclusiveMinimum: true }} }} }}\n"
        ))
        .named("probe_all_of"),
        Probe::request(&format!(
            "labels: {{ type: object, description: d, additionalProperties: {{ {text}, x-private: true }} }}, \
             items: {{ type: object, description: d, additionalProperties: {{ type: object, description: d, properties: {{ count: {{ type: integer, format: uint64, description: d }} }} }} }}, \
             free: {{ type: object, description: d }}"
        ))
        .named("probe_maps"),
        Probe {
            parameters: "[{ name: kind, in: query, description: Which., schema: { $ref: \"#/components/schemas/ProbeKind\" } }, \
                 { name: size, in: query, required: true, description: How large., schema: { type: integer, format: uint64, maximum: 9000000000 } }]"
                .to_owned(),
            ..Probe::request(&format!(
                "words: {{ type: array, description: d, x-max-items: 2, minItems: 1, uniqueItems: true, items: {{ type: string, x-max-chars: 3, pattern: \"^\\\\w+$\" }} }}, \
                 labels: {{ type: object, description: d, maxProperties: 2, additionalProperties: {{ {text}, x-max-bytes: 5 }} }}, \
                 rows: {{ type: array, description: d, items: {{ type: array, items: {{ type: integer, format: uint32, maximum: 9 }} }} }}, \
                 above: {{ type: number, description: d, minimum: -0.5, exclusiveMinimum: true, multipleOf: 0.25 }}, large: {{ type: integer, format: int64, description: d, maximum: 9000000000 }}, \
                 number: {{ type: integer, description: d, enum: [1, 2] }}, kind: {{ description: How., allOf: [{{ $ref: \"#/components/schemas/ProbeKind\" }}] }}, kinds: {{ type: array, description: d, items: {{ $ref: \"#/components/schemas/ProbeKind\" }} }}"
            ))
        }
        .with_schemas(&format!("    ProbeKind: {{ {kind} }}\n"))
        .named("probe_limits"),
        Probe::reply(&format!(
            "big: {{ type: integer, format: uint64, description: d }}, share: {{ type: number, format: float, description: d }}, on: {{ type: boolean, description: d }}, \
             list: {{ type: array, description: d, nullable: true, items: {{ type: integer, format: uint64, description: d }} }}, id: {{ $ref: \"#/components/schemas/ProbeName\" }}, \
             ids: {{ type: array, description: d, items: {{ $ref: \"#/components/schemas/ProbeName\" }} }}, labels: {{ type: object, description: d, additionalProperties: {{ type: integer, description: d }} }}, \
             items: {{ type: object, description: d, additionalProperties: {{ type: object, description: d, properties: {{ name: {{ {text} }} }} }} }}, at: {{ {text}, format: date-time }}, \
             required: {{ {text} }}, type: {{ {text} }}, openKfid: {{ {text} }}, x-note: {{ {text} }}, tree: {{ $ref: \"#/components/schemas/ProbeTree\" }}, \
             both: {{ description: d, allOf: [{{ $ref: \"#/components/schemas/ProbeTree\" }}, {{ properties: {{ more: {{ {text} }} }} }}] }}, free: {{ type: object, description: d }}, \
             limit: {{ type: integer, description: d, default: 5 }}"
        ))
        .with_schemas(&format!(
            "    ProbeName: {{ {text} }}\n    ProbeTree: {{ type: object, description: d, properties: {{ name: {{ {text} }}, child: {{ $ref: \"#/components/schemas/ProbeTree\" }}, children: {{ type: array, description: d, items: {{ $ref: \"#/components/schemas/ProbeTree\" }} }} }} }}\n"
        ))
        .named("probe_reply"),
    ]
}

fn document() -> String {
    let mut document = read(DOCUMENT);
    for probe in probes() {
        document = probe.add_to(&document);
    }
    // A reply without errcode, and two examples whose inner objects have the same title.
    let silent = Probe::reply("name: { type: string, description: d }").named("probe_silent").add_to(&document);
    let silent = silent.replacen(
        "ProbeSilentResponse: { type: object, description: d, properties: { errcode: { type: integer, format: int32, description: d }, errmsg: { type: string, description: d }, ",
        "ProbeSilentResponse: { type: object, description: d, x-no-errcode: true, properties: { ",
        1,
    );
    // A keyed operation whose key is required.
    let keyed = Probe {
        request: "{ type: object, description: d, required: [msgid], properties: { msgid: { type: string, description: d } } }".to_owned(),
        ..Probe::reply("msgid: { type: string, description: d }")
    };
    let keyed = keyed.named("probe_keyed").add_to(&silent);
    let at = keyed.find("operationId: probe_keyed").unwrap();
    let (before, after) = keyed.split_at(at);
    let after = after.replacen(
        "x-repeat: never",
        "x-repeat: keyed\n      x-repeat-key: msgid\n      x-repeat-answered-with: 95033",
        1,
    );
    let link = "{ msgtype: link, touser: w, open_kfid: k, link: { title: T, url: \"http://h\", thumb_media_id: m } }";
    let program = "{ msgtype: miniprogram, touser: w, open_kfid: k, miniprogram: { title: T, appid: a, thumb_media_id: m, pagepath: p } }";
    let titles = format!("examples: {{ one_title: {{ value: {link} }}, the_same_title: {{ value: {program} }}");
    let at = after.find("operationId: send_msg\n").unwrap();
    let (first, second) = after.split_at(at);
    let second = match second.find("            examples:\n") {
        Some(_) => second.replacen("            examples:\n", &format!("            examples:\n              one_title: {{ value: {link} }}\n              the_same_title: {{ value: {program} }}\n"), 1),
        None => second.replacen("            example:", &format!("            {titles} }}\n            x-was-example:"), 1),
    };
    format!("{before}{first}{second}")
}

#[test]
fn every_supported_form_compiles_and_can_be_called() {
    let scratch = Scratch::generate(&document());
    scratch.write("crates/wecom-kf-raw/tests/supported.rs", include_str!("supported_calls.rs.in"));
    scratch.cargo(&["test", "--test", "supported"]);
    // No text of the document may be compiled as a doc test.
    scratch.cargo(&["test", "--doc"]);
    let client = std::fs::read_to_string(scratch.path().join("crates/wecom-kf-raw/src/generated/client.rs")).unwrap();
    assert!(client.contains("/// **Deprecated.** A <tag>, a [bracket] and a block:"));
}
