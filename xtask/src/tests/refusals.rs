//! Documents that codegen refuses. Each row has an edit, and the place and remedy that the refusal must name.

use super::probe::Probe;
use super::{DOCUMENT, read};
use crate::check;
use crate::document::Document;

/// Returns the text of the refusal of a document.
fn refusal(text: &str) -> Option<String> {
    Document::read(text).and_then(|document| check::check(&document)).err().map(|error| format!("{error:#}"))
}

fn assert_refused(text: &str, edit: &str, expected: &[&str]) {
    let error = refusal(text).unwrap_or_else(|| panic!("{edit} was accepted"));
    for part in expected {
        assert!(error.contains(part), "{edit}: the refusal does not say {part:?}:\n{error}");
    }
}

/// Each row: the old text, the new text, and parts of the refusal.
#[test]
fn an_edit_is_refused_with_place_and_remedy() {
    let name = "name: { type: string, description: ";
    let cases: &[(&str, &str, &[&str])] = &[
        ("servers:\n", "servers:\n  - url: https://other.example\n", &["servers: must be one server"]),
        ("url: https://qyapi.weixin.qq.com", "url: not a url", &["servers[0].url: is not a URL that clients can call"]),
        ("url: https://qyapi.weixin.qq.com", "url: https://u@h/?a=1", &["servers[0].url: is not a URL"]),
        (
            "  securitySchemes:\n",
            "  securitySchemes:\n    basic: { type: http, scheme: basic }\n",
            &["securitySchemes.basic: is used by no operation"],
        ),
        (
            "  - name: corp\n",
            "  - { name: account, description: d }\n  - name: corp\n",
            &["declares \"account\" a second time"],
        ),
        (
            "        \"200\":\n          description: The reply. `errcode` 0 means success.\n",
            "        \"201\":\n          description: The reply. `errcode` 0 means success.\n",
            &[
                "responses.201: is a successful reply that the client would not read; WeCom answers with 200 only, so write",
            ],
        ),
        (
            "      in: query\n      name: access_token\n",
            "      in: header\n      name: access_token\n",
            &["components.securitySchemes.access_token: must be an apiKey in the query named access_token"],
        ),
        ("openapi: 3.0.3", "openapi: 3.1.0", &["openapi: is \"3.1.0\", but the generator reads OpenAPI 3.0 only"]),
        ("openapi: 3.0.3", "openapi: 3.0.3\nwebhooks: {}", &["webhooks: is not a key of the document"]),
        ("openapi: 3.0.3", "openapi: 3.0.3\nsecurity: [{ access_token: [] }]", &["security: is not read at the top"]),
        (
            "components:\n",
            "components:\n  parameters: { a: { name: a, in: query, schema: { type: string } } }\n",
            &["components.parameters: is not read"],
        ),
        ("  /cgi-bin/gettoken:\n", "  /cgi-bin/gettoken:\n    parameters: []\n", &["gettoken.parameters: is not read"]),
        (
            "  /cgi-bin/gettoken:\n",
            "  /cgi-bin/gettoken:\n    options: { responses: {} }\n",
            &["gettoken.options: is not read"],
        ),
        ("  /cgi-bin/gettoken:\n", "  cgi-bin/gettoken:\n", &["paths.cgi-bin/gettoken: ", "begins with a slash"]),
        (
            "operationId: account_add",
            "operationId: account_del",
            &["share the operationId \"account_del\"; give each its own"],
        ),
        ("operationId: account_add", "operationId: accountAdd", &["\"accountAdd\" is not snake_case"]),
        ("operationId: account_add", "operationId: type", &["\"type\" is a keyword of Rust"]),
        ("operationId: account_add", "operationId: post", &["\"post\" is already a name in the generated code"]),
        ("operationId: account_add", "operationId: request", &["\"request\" is already a name in the generated code"]),
        ("      operationId: account_add\n", "", &["paths./cgi-bin/kf/account/add.post: has no operationId"]),
        ("      summary: Add a customer service account.\n", "", &["account/add.post: has no summary"]),
        ("tags: [token]", "tags: [token, account]", &["gettoken.get: has 2 tags"]),
        ("tags: [token]", "tags: [tokens]", &["tag \"tokens\" is not declared"]),
        ("x-repeat: never", "x-repeat: sometimes", &["x-repeat is \"sometimes\"; say safe, keyed or never"]),
        ("      x-repeat-answered-with: 95033\n", "", &["has no x-repeat-answered-with"]),
        ("x-repeat-key: msgid", "x-repeat-key: id", &["x-repeat-key \"id\" is not a property of SendRequest"]),
        ("x-repeat-key: msgid", "x-repeat-key: text", &["x-repeat-key \"text\" is not a plain string in SendRequest"]),
        ("x-repeat: keyed", "x-repeat: safe", &["go with `x-repeat: keyed` only"]),
        ("      x-official-page: 94662\n", "", &["account/add.post: has no x-official-page"]),
        ("      x-unconfirmed: ", "      x-unconfirmed: ''\n      # ", &["recall_msg.post: has no x-official-page"]),
        ("x-official-page: 94662", "x-oficial-page: 94662", &["x-oficial-page: is unknown"]),
        ("x-edition: \"2023-11\"", "x-edition: 2023-11-05", &["x-edition is \"2023-11-05\"; write the month"]),
        ("security: [{ access_token: [] }]", "security: [{ basic: [] }]", &["must say `security:"]),
        (
            "requestBody:\n        required: true",
            "requestBody:\n        required: false",
            &["requestBody is not required"],
        ),
        (
            "requestBody:\n        required: true",
            "requestBody:\n        requird: true",
            &["requestBody.requird: is not a key of a request body; did you mean required?"],
        ),
        (
            "        default:\n",
            "        \"500\":\n",
            &["has no `default` reply that is an ErrorModel", "responses.500: would not be read"],
        ),
        (
            "        default:\n",
            "        \"202\": { description: x }\n        default:\n",
            &["responses.202: is a successful reply that the client would not read"],
        ),
        (
            "        default:\n",
            "        defualt: { description: x }\n        default:\n",
            &["responses.defualt: ", "is neither a status"],
        ),
        ("#/components/schemas/SendResponse", "#/components/schemas/Sent", &["points at nothing"]),
        ("x-max-bytes: 2048", "x-max-bytes: none", &["write a positive whole number"]),
        ("x-max-items: 10", "x-max-chars: 10", &["x-max-chars belongs to a schema of type string"]),
        ("x-max-chars: 16", "maxLength: 16", &["use x-max-bytes, x-max-chars or x-max-items"]),
        (
            "minimum: 1\n          maximum: 1000",
            "minimun: 1\n          maximum: 1000",
            &["minimun: is not a key of a schema; did you mean minimum?"],
        ),
        (
            "minimum: 1\n          maximum: 1000",
            "minimum: 1001\n          maximum: 1000",
            &["has a minimum above its maximum"],
        ),
        (
            "      required: [open_kfid]\n",
            "      requird: [open_kfid]\n",
            &["requird: is not a key of a schema; did you mean required?"],
        ),
        (
            "      required: [open_kfid]\n",
            "      required: [open_kfif]\n",
            &[".required: names \"open_kfif\", which is not a property"],
        ),
        (
            "      required: [open_kfid]\n",
            "      required: open_kfid\n",
            &["cannot be read as a schema", "components.schemas.AddContactWayRequest"],
        ),
        (
            "      type: object\n      properties:\n",
            "      type: object\n      propertes:\n",
            &["propertes: is not a key of a schema; did you mean properties?"],
        ),
        (
            name,
            "naem: { type: string, descripton: ",
            &["descripton: is not a key of a schema; did you mean description?"],
        ),
    ];
    let good = read(DOCUMENT);
    assert_eq!(refusal(&good), None);
    for (from, to, expected) in cases {
        assert!(good.contains(from), "the document has no {from:?}");
        assert_refused(&good.replacen(from, to, 1), to, expected);
    }
}

#[test]
fn schemas_of_requests() {
    let cases: &[(&str, &[&str])] = &[
        ("a: { type: string }", &["ProbeRequest.properties.a: has no description"]),
        ("a: { type: string, description: \" \" }", &["ProbeRequest.properties.a: has no description"]),
        ("a: { description: d }", &["ProbeRequest.properties.a: does not say its type"]),
        (
            "a: { type: sting, description: d }",
            &["ProbeRequest.properties.a: is of type \"sting\"; write one of string, integer"],
        ),
        (
            "a: { type: string, description: d, minimum: 1 }",
            &["ProbeRequest.properties.a: has minimum, which a schema of type string"],
        ),
        ("a: { type: array, description: d }", &["ProbeRequest.properties.a: is a list without `items`"]),
        (
            "a: { description: d, oneOf: [{ type: string }, { type: integer }] }",
            &["ProbeRequest.properties.a: is a oneOf"],
        ),
        (
            "a: { description: d, anyOf: [{ type: string }, { type: integer }] }",
            &["ProbeRequest.properties.a: is a oneOf, anyOf"],
        ),
        (
            "a: { type: integer, format: int128, description: d }",
            &["ProbeRequest.properties.a: has a format that no number type"],
        ),
        (
            "a: { type: number, format: int32, description: d }",
            &["ProbeRequest.properties.a: has a format that no number type"],
        ),
        (
            "a: { type: string, description: d, enum: [x, X] }",
            &["ProbeRequest.properties.a: has two values that become the same name"],
        ),
        ("a: { type: string, description: d, enum: [x, \"\"] }", &["ProbeRequest.properties.a: has an empty value"]),
        ("a: { type: boolean, description: d, enum: [true] }", &["ProbeRequest.properties.a: is an enum of booleans"]),
        ("a: { type: number, description: d, enum: [0.5] }", &["ProbeRequest.properties.a: is an enum of fractions"]),
        ("a: { type: string, format: password, description: d }", &["add it to SECRETS in xtask/src/lower.rs"]),
        ("a: { type: string, description: d, x-private: yes-please }", &["x-private must be `true`"]),
        (
            "a: { type: integer, description: d, x-private: true }",
            &["x-private must be `true` and belongs to a string"],
        ),
        ("a: { type: string, description: d, x-privat: true }", &["ProbeRequest.properties.a.x-privat: is unknown"]),
        (
            "a: { type: string, description: d, x-repeat: safe }",
            &["x-repeat: belongs to an operation, not to a schema"],
        ),
        (
            "a: { type: string, description: d, readOnly: true }",
            &["ProbeRequest.properties.a: is readOnly in a request"],
        ),
        (
            "a: { type: object, description: d, properties: { b: { type: string, description: d } }, additionalProperties: true }",
            &["ProbeRequest.properties.a.additionalProperties: is true beside properties"],
        ),
        (
            "a: { type: object, description: d, properties: { b: { type: string, description: d } }, additionalProperties: { type: string, description: d } }",
            &["ProbeRequest.properties.a.additionalProperties: is a schema beside properties"],
        ),
        (
            "a: { type: string, description: d, example: 7 }",
            &["ProbeRequest.properties.a.example: contradicts its schema"],
        ),
        (
            "a: { type: string, description: d, default: 7 }",
            &["ProbeRequest.properties.a.default: contradicts its schema"],
        ),
        (
            "a: { type: string, description: d, x-max-bytes: 3, example: 四 }, b: { type: string, description: d, x-max-bytes: 2, example: 四 }",
            &["ProbeRequest.properties.b.example: contradicts its schema: it is longer than 2"],
        ),
        (
            "open-kfid: { type: string, description: d }, open_kfid: { type: string, description: d }",
            &["become the same field in Rust, open_kfid"],
        ),
        (
            "openKfid: { type: string, description: d }, open_kfid: { type: string, description: d }",
            &["become the same field in Rust, open_kfid"],
        ),
        ("\"a.b\": { type: string, description: d }", &["\"a.b\" cannot become a name in Rust"]),
        ("\"客服\": { type: string, description: d }", &["\"客服\" cannot become a name in Rust"]),
        ("\"\": { type: string, description: d }", &["\"\" cannot become a name in Rust"]),
        (
            "a: { type: string, description: d, pattern: \"(\" }",
            &["properties.a.pattern: is not a valid regular expression"],
        ),
        ("a: { type: string, description: d, enum: [b, null] }", &["properties.a: has null among its values"]),
        (
            "a: { type: integer, format: int32, description: d, maximum: 5000000000 }",
            &["properties.a.maximum: is beyond what the format can hold; choose a wider format"],
        ),
        (
            "a: { type: integer, format: uint32, description: d, minimum: -1 }",
            &["properties.a.minimum: is beyond what the format can hold"],
        ),
        (
            "a: { type: integer, format: uint64, description: d, maximum: 18446744073709551615 }",
            &["properties.a: has a minimum, maximum or multipleOf that is not a signed 64-bit integer"],
        ),
        (
            "a: { type: string, description: d, minimum: 3 }",
            &["properties.a: has minimum, which a schema of type string does not have"],
        ),
        (
            "a: { $ref: \"#/components/schemas/SendMenuItem\", description: d }",
            &["ProbeRequest.properties.a.description: is beside a `$ref`"],
        ),
        ("a: { $ref: \"#/components/responses/X\" }", &["ProbeRequest.properties.a: points at nothing"]),
        (
            "a: { description: d, allOf: [{ $ref: \"#/components/schemas/SendMenuItem\" }, { type: string }] }",
            &["ProbeRequest.properties.a: merges schemas that are not all objects"],
        ),
        (
            "a: { description: d, allOf: [{ properties: { b: { type: string, description: d } } }, { properties: { b: { type: integer, description: d } } }] }",
            &["ProbeRequest.properties.a: merges objects that declare b differently"],
        ),
        ("a: { type: string, description: d, writeOnly: true }", &["ProbeRequest.properties.a.writeOnly: is not read"]),
        ("a: { type: string, description: d, x-max-bytes: 9223372036854775808 }", &["write a positive whole number"]),
        ("a: { type: integer, description: d, maximum: 18446744073709551615 }", &["ProbeRequest.properties.a"]),
    ];
    for (properties, expected) in cases {
        assert_refused(&Probe::request(properties).document(), properties, expected);
    }
    let required = "{ type: object, description: d, required: [a], properties: { a: { type: string, description: d, default: x } } }";
    let probe = Probe { request: required.to_owned(), ..Probe::default() };
    assert_refused(&probe.document(), required, &["ProbeRequest.properties.a: is required and has a default"]);
}

#[test]
fn schemas_of_replies() {
    let cases: &[(&str, &[&str])] = &[
        (
            "a: { type: string, description: d, enum: [a] }",
            &["ProbeResponse.properties.a: is a closed enum in a reply"],
        ),
        (
            "a: { type: integer, description: d, enum: [1] }",
            &["ProbeResponse.properties.a: is a closed enum in a reply"],
        ),
        ("a: { description: d }", &["ProbeResponse.properties.a: does not say its type"]),
        (
            "a: { description: d, oneOf: [{ type: string }, { type: integer }] }",
            &["ProbeResponse.properties.a: is a oneOf", "lenient decoder"],
        ),
        (
            "a: { type: string, description: d, x-private: true }",
            &["ProbeResponse.properties.a: has x-private, which is for requests"],
        ),
        (
            "a: { type: string, description: d, x-max-bytes: 3 }",
            &["ProbeResponse.properties.a: has x-max-bytes, which is for requests"],
        ),
        (
            "a: { type: object, description: d, properties: { b: { type: string, description: d } }, additionalProperties: false }",
            &["ProbeResponse.properties.a: forbids further properties in a reply"],
        ),
        ("a: { type: string, format: password, description: d }", &["add it to SECRETS in xtask/src/lower.rs"]),
        ("a: { $ref: \"#/components/schemas/SendMenuItem\" }", &["SendMenuItem: is used by requests and by replies"]),
    ];
    for (properties, expected) in cases {
        assert_refused(&Probe::reply(properties).document(), properties, expected);
    }
    let good = Probe::default().document();
    let errcode = "errcode: { type: integer, format: int32, description: d }, errmsg: { type: string, description: d }";
    for (to, expected) in [
        ("", "is the reply of probe and has no errcode (an integer) and errmsg (a string)"),
        (
            "errcode: { type: string, description: d }, errmsg: { type: string, description: d }",
            "has an errcode that is not an integer",
        ),
    ] {
        assert_refused(&good.replacen(errcode, to, 1), to, &["components.schemas.ProbeResponse", expected]);
    }
    let marked =
        good.replacen("ProbeResponse: { type: object,", "ProbeResponse: { type: object, x-no-errcode: true,", 1);
    assert_refused(&marked, "x-no-errcode", &["has errcode or errmsg and says x-no-errcode"]);
}

#[test]
fn parameters_and_paths() {
    let parameter = |text: &str| format!("[{{ {text} }}]");
    let cases: &[(&str, &[&str])] = &[
        ("name: a, in: query, schema: { type: string }", &["parameters[0]: has no description"]),
        (
            "name: a, in: header, description: d, schema: { type: string }",
            &["\"a\" is neither in the query nor in the path"],
        ),
        (
            "name: a, in: cookie, description: d, schema: { type: string }",
            &["\"a\" is neither in the query nor in the path"],
        ),
        (
            "name: a, in: path, required: true, description: d, schema: { type: string }",
            &["declares the path parameter \"a\", but the path has no {a}"],
        ),
        (
            "name: a, in: query, description: d, schema: { type: array, items: { type: string } }",
            &["is a list or an object"],
        ),
        (
            "name: a, in: query, description: d, schema: { $ref: \"#/components/schemas/SendMenuItem\" }",
            &["is an object"],
        ),
        ("name: a, in: query, description: d, style: spaceDelimited, schema: { type: string }", &["has a style"]),
        (
            "name: a, in: query, description: d, schema: { type: string, nullable: true }",
            &["is nullable, which a query cannot express"],
        ),
        (
            "name: a, in: query, required: true, description: d, schema: { type: string, default: x }",
            &["is required and has a default"],
        ),
        (
            "name: a, in: query, description: d, schema: { type: integer, format: int8 }",
            &["has a format that no number type of Rust has"],
        ),
        (
            "name: access_token, in: query, description: d, schema: { type: string }",
            &["is added by `security` already"],
        ),
        ("name: body, in: query, description: d, schema: { type: string }", &["is named \"body\""]),
        (
            "name: a, in: query, description: d, content: { application/json: { schema: { type: string } } }",
            &["has `content`, which is not supported; use `schema`"],
        ),
        (
            "name: a, in: query, description: d, schema: { type: integer }, example: x",
            &["parameters[0].example: contradicts its schema"],
        ),
        ("name: secret, in: query, description: d, schema: { type: string, format: password }", &["add it to SECRETS"]),
        ("$ref: \"#/components/parameters/A\"", &["parameters[0]: is a $ref, which is not followed"]),
        ("name: a, in: query, description: d, shema: { type: string }", &["parameters[0]"]),
    ];
    for (text, expected) in cases {
        assert_refused(&Probe::parameters(&parameter(text)).document(), text, expected);
    }
    let two = "[{ name: a, in: query, description: d, schema: { type: string } }, { name: a, in: query, description: d, schema: { type: string } }]";
    assert_refused(&Probe::parameters(two).document(), two, &["parameters[1]: is the second parameter named a"]);
    let same = two.replacen("name: a", "name: pageSize", 1).replacen("name: a", "name: page_size", 1);
    assert_refused(&Probe::parameters(&same).document(), &same, &["become the same name in Rust"]);
    for (path, expected) in [
        ("/cgi-bin/kf/probe/{id}", "does not declare {id} of its path"),
        ("/cgi-bin/kf/probe/{id", "has a brace in its path that belongs to no {parameter}"),
        ("cgi-bin/kf/probe", "begins with a slash"),
        ("/cgi-bin/kf/probe?a=b", "has a character in its path that is not allowed in a URL"),
        ("/cgi-bin//probe", "has a character in its path that is not allowed in a URL"),
        ("/cgi-bin/客服", "has a character in its path that is not allowed in a URL"),
        ("/cgi-bin/{a}/{a}", "has {a} twice in its path"),
    ] {
        assert_refused(&Probe::default().with_path(path).document(), path, &[expected]);
    }
    let id = "[{ name: NAME, in: path, required: true, description: d, schema: { type: string } }]";
    let one = Probe::parameters(&id.replace("NAME", "a")).with_path("/cgi-bin/kf/{a}/probe").named("first").document();
    let both =
        Probe::parameters(&id.replace("NAME", "b")).with_path("/cgi-bin/kf/{b}/probe").named("second").add_to(&one);
    let both = both.replace("/cgi-bin/kf/{b}/second:", "/cgi-bin/kf/{b}/first:");
    assert_refused(&both, "two paths that are one", &["is the same path as /cgi-bin/kf/{a}/first"]);
    let get = Probe { method: "get".to_owned(), ..Probe::default() };
    let with_body = get.document().replacen(
        "      parameters: []\n      responses:",
        "      parameters: []\n      requestBody: { required: true, content: { application/json: { schema: { $ref: \"#/components/schemas/SyncRequest\" } } } }\n      responses:",
        1,
    );
    assert_refused(&with_body, "a body on GET", &["probe.get.requestBody: has no meaning in a GET"]);
}

#[test]
fn names_that_clash() {
    let d = "type: object, description: d, properties: { a: { type: string, description: d } }";
    let cases = [
        ("ProbeRequestInner", "becomes the type ProbeRequestInner, as "),
        ("AccessToken", "becomes the type AccessToken"),
        ("probe_thing", "is not a valid type name in Rust; write it ProbeThing"),
        ("Probe-Thing", "is not a valid type name in Rust; write it ProbeThing"),
        ("Self", "is not a valid type name in Rust; it is a keyword, so choose another"),
        ("Default", "Default: is a name of Rust's prelude, which generated code uses"),
        ("Result", "Result: is a name of Rust's prelude, which generated code uses"),
    ];
    for (name, expected) in cases {
        let properties = format!(
            "inner: {{ {d} }}, other: {{ $ref: \"#/components/schemas/{name}\" }}, values: {{ type: array, description: d, items: {{ {d} }} }}"
        );
        let probe = Probe::request(&properties).with_schemas(&format!("    {name}: {{ {d} }}\n"));
        assert_refused(&probe.document(), name, &[expected]);
    }
    let circle = Probe::request("a: { $ref: \"#/components/schemas/RoundA\" }").with_schemas(
        "    RoundA: { $ref: \"#/components/schemas/RoundB\" }\n    RoundB: { $ref: \"#/components/schemas/RoundA\" }\n",
    );
    assert_refused(&circle.document(), "a circle of names", &["is in a circle of `$ref`s through RoundA"]);
    let inside = Probe::request("a: { $ref: \"#/components/schemas/RoundA\" }").with_schemas(
        "    RoundA: { description: d, allOf: [{ $ref: \"#/components/schemas/RoundA\" }, { properties: {} }] }\n",
    );
    assert_refused(&inside.document(), "allOf of itself", &["refers to itself in a circle"]);
    let list = Probe::request("a: { $ref: \"#/components/schemas/RoundA\" }").with_schemas(
        "    RoundA: { type: array, description: d, items: { $ref: \"#/components/schemas/RoundA\" } }\n",
    );
    assert_refused(&list.document(), "a list of itself", &["RoundA: is a list or a map that contains itself"]);
    let endless = Probe::request("a: { $ref: \"#/components/schemas/RoundA\" }").with_schemas(
        "    RoundA: { type: object, description: d, properties: { b: { description: d, allOf: [{ $ref: \"#/components/schemas/RoundA\" }, { properties: { c: { type: string, description: d } } }] } } }\n",
    );
    assert_refused(
        &endless.document(),
        "an allOf that nests itself",
        &["never ends, because an allOf on the way contains itself"],
    );
    let first = Probe::default().named("probe_1a").document();
    let second =
        Probe::default().named("other").add_to(&first).replacen("operationId: other", "operationId: probe1a", 1);
    assert_refused(&second, "ids of one name", &["become the same name in Rust"]);
}

#[test]
fn operations_that_move_files() {
    let body = "        content: { application/json: { schema: { $ref: \"#/components/schemas/ProbeRequest\" } } }\n";
    let parts = "        content: { multipart/form-data: { schema: { type: object, description: d, properties: { media: { type: string, format: binary, description: d } } } } }\n";
    let document = Probe::default().document();
    assert!(document.contains(body));
    assert_refused(
        &document.replacen(body, parts, 1),
        "a new operation in parts",
        &[
            "paths./cgi-bin/kf/probe.post: moves files",
            "write `pub struct Probe` with `impl Request` by hand in crates/wecom-kf-raw/src/media",
            "add \"probe\" to BY_HAND in xtask/src/document.rs",
        ],
    );
    let renamed = read(DOCUMENT).replace("MediaUploadResponse", "MediaUploaded");
    assert_refused(
        &renamed,
        "a renamed reply of a hand-written operation",
        &["is written by hand for replies of the schema MediaUploadResponse"],
    );
    let gone = read(DOCUMENT).replacen("operationId: media_upload\n", "operationId: media_send\n", 1);
    assert_refused(
        &gone,
        "a hand-written operation that is missing",
        &["has no operation \"media_upload\", which is written by hand"],
    );
}

#[test]
fn examples_that_contradict_their_schema() {
    let good = Probe::request("a: { type: string, description: d }");
    let reference = "{ application/json: { schema: { $ref: \"#/components/schemas/ProbeRequest\" } } }";
    for (example, expected) in [
        ("example: { a: 7 }", "requestBody.content.application/json.example: contradicts its schema: /a"),
        ("example: { b: x }", "requestBody.content.application/json.example: contradicts its schema"),
        ("examples: { first: { value: { a: 7 } } }", "examples.first.value: contradicts its schema"),
        ("examples: { first: { summary: s } }", "examples.first: has no `value`"),
    ] {
        let with = reference.replacen(" } }", &format!(" }}, {example} }}"), 1);
        assert!(good.document().contains(reference));
        assert_refused(&good.document().replacen(reference, &with, 1), example, &[expected]);
    }
}

#[test]
fn every_function_of_the_client_is_a_reserved_name() {
    let raw = crate::codegen::workspace_root().join("crates/wecom-kf-raw/src");
    let mut functions = Vec::new();
    for file in ["client.rs", "exchange.rs"] {
        let file = syn::parse_file(&std::fs::read_to_string(raw.join(file)).unwrap()).unwrap();
        for item in file.items {
            let syn::Item::Impl(block) = item else { continue };
            let syn::Type::Path(path) = &*block.self_ty else { continue };
            if path.path.is_ident("Client") && block.trait_.is_none() {
                functions.extend(block.items.into_iter().filter_map(|item| match item {
                    syn::ImplItem::Fn(function) => Some(function.sig.ident.to_string()),
                    _ => None,
                }));
            }
        }
    }
    assert!(functions.iter().any(|name| name == "post"));
    for name in functions {
        let is_reserved = crate::check::reserved_operations().contains(&name.as_str());
        assert!(
            is_reserved,
            "Client::{name} is written by hand, so add it to RESERVED_OPERATIONS in xtask/src/check/names.rs"
        );
    }
}
