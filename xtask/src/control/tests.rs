//! Tests of the clients of the control API.

use super::clients;
use crate::codegen::workspace_root;

/// A document that uses each feature of the generator once.
const DOCUMENT: &str = r##"
paths:
  /sim/v1/events:
    get: { operationId: events, responses: { "200": { content: { text/event-stream: { schema: { type: string } } } } } }
  /sim/v1/things/{id}/write:
    parameters:
      - { $ref: "#/components/parameters/CorpId" }
      - { name: id, in: path, required: true, schema: { type: string } }
    post:
      operationId: thing_write
      summary: Writes a "thing".
      parameters: [{ name: wait, in: query, description: How long., schema: { type: string } }]
      requestBody: { content: { application/json: { schema: { $ref: "#/components/schemas/Thing" } } } }
      responses: { "200": { content: { application/json: { schema: { $ref: "#/components/schemas/Thing" } } } } }
  /sim/v1/reset:
    post:
      operationId: reset
      requestBody: { content: { application/json: { schema: { type: object, additionalProperties: false } } } }
      responses: { "200": { content: { application/octet-stream: {} } } }
  /sim/v1/clock:
    put:
      operationId: clock_set
      requestBody:
        content:
          application/json:
            schema: { type: object, additionalProperties: false, properties: { manual: { type: boolean } } }
      responses: { "200": { content: { application/yaml: {} } } }
components:
  parameters:
    CorpId: { name: corp_id, in: query, schema: { type: string } }
  schemas:
    Thing:
      type: object
      required: [from, parts]
      additionalProperties: true
      properties:
        from: { type: string, enum: [bot, null], nullable: true }
        parts: { type: array, items: { type: object, properties: { n: { type: integer, description: From 1. } } } }
    Kind: { type: string, enum: [small, large], description: How large. }
    Longer:
      allOf:
        - { $ref: "#/components/schemas/Thing" }
        - { type: object, properties: { more: { type: object } } }
"##;

fn client(suffix: &str, document: &str) -> String {
    let files = clients(document, "Generated.").unwrap();
    files.into_iter().find(|(path, _)| path.to_str().unwrap().ends_with(suffix)).unwrap().1
}

fn expect_lines(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.contains(line), "without {line:?}:\n{text}");
    }
}

#[test]
fn python_has_every_type_and_operation() {
    expect_lines(
        &client("control.py", DOCUMENT),
        &[
            "# Generated.\n\"\"\"",
            "Thing = TypedDict(\n    \"Thing\",\n    {\n        \"from\": 'Literal[\"bot\"] | None',\n",
            "\nclass ThingPart(TypedDict):\n    # From 1.\n    n: NotRequired[int]\n",
            "# How large.\nKind = Literal[\"small\", \"large\"]\n",
            "\nclass Longer(Thing):\n    more: NotRequired[dict[str, Any]]\n",
            "    def thing_write(self, id: str, body: Thing | Mapping[str, Any], *, wait: str | None = None) -> Thing:\n",
            "        \"\"\"Writes a \"thing\".\n\n        wait: How long.\n        \"\"\"\n",
            "        return self._json(\"POST\", [\"things\", id, \"write\"], {\"wait\": wait}, body)\n",
            "    def reset(self) -> bytes:\n",
            "        return self._bytes(\"POST\", [\"reset\"], {}, {})\n",
            "    def clock_set(self, *, manual: bool | None = None) -> str:\n",
        ],
    );
}

#[test]
fn typescript_has_every_type_and_operation() {
    expect_lines(
        &client("control.d.ts", DOCUMENT),
        &[
            "export interface Thing {\n  from: \"bot\" | null;\n  parts: Array<ThingPart>;\n  [member: string]: unknown;\n}\n",
            "export interface Longer extends Thing {\n  more?: Record<string, any>;\n  [member: string]: unknown;\n}\n",
            "/** How large. */\nexport type Kind = \"small\" | \"large\";\n",
            "  thingWrite(request: { id: string; body: Thing; wait?: string }): Promise<Thing>;\n",
            "  reset(): Promise<Uint8Array>;\n",
            "  clockSet(request?: { manual?: boolean }): Promise<string>;\n",
        ],
    );
    expect_lines(
        &client("control.js", DOCUMENT),
        &[
            "  thingWrite({ id, body, wait }) {\n    return this.json(\"POST\", [\"things\", id, \"write\"], { wait }, body);\n",
            "  reset() {\n    return this.bytes(\"POST\", [\"reset\"], {}, {});\n",
            "  clockSet({ manual } = {}) {\n    return this.text(\"PUT\", [\"clock\"], {}, { manual });\n",
        ],
    );
}

#[test]
fn a_stream_has_no_method() {
    for suffix in ["control.py", "control.js", "control.d.ts"] {
        assert!(!client(suffix, DOCUMENT).contains("events("), "{suffix}");
    }
}

#[test]
fn what_the_generator_does_not_know_is_refused_with_its_place() {
    for (from, to, expected) in [
        ("type: integer, description", "type: integer, pattern: x, description", "the keyword `pattern` is not known"),
        ("type: boolean", "type: bit", "the type `bit` is not known"),
        ("name: wait, in: query", "name: wait, in: cookie", "only `path` and `query` are known"),
        ("name: wait", "name: id", "`id` is the name of two arguments"),
        (
            "content: { application/json: { schema: { $ref: \"#/components/schemas/Thing\" } } } } }",
            "content: { application/json: { schema: { type: object } } } } }",
            "move it to components",
        ),
        ("parameters/CorpId\" }", "parameters/Gone\" }", "#/components/parameters/Gone does not exist"),
    ] {
        assert!(DOCUMENT.contains(from), "{from}");
        let error = clients(&DOCUMENT.replacen(from, to, 1), "").unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn every_operation_of_the_document_has_a_method() {
    let document = std::fs::read_to_string(workspace_root().join(super::FILE)).unwrap();
    let operations = document.matches("operationId: ").count();
    let streams = document.matches("text/event-stream: {").count();
    assert!(operations > 40 && streams == 1, "{operations} operations, {streams} streams");
    assert_eq!(client("control.py", &document).matches("    def ").count(), operations - streams);
    assert_eq!(client("control.js", &document).matches("  return this.").count(), operations - streams);
    assert_eq!(client("control.d.ts", &document).matches("): Promise<").count(), operations - streams);
}
