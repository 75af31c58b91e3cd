//! Renders the client for Node: an ES module, and its declarations for TypeScript.

use heck::ToLowerCamelCase;

use super::model::{Api, Body, Field, Operation, Reply, Segment, Struct, Type};
use super::{class_doc, wrapped};

/// Renders the module: a class with a method for each operation, which takes one object.
pub fn javascript(api: &Api) -> String {
    let mut text = "//! The client of the simulator's control API: one method for each operation.\n\n\
        import { Transport } from \"./transport.js\";\n\n\
        export class Control extends Transport {\n"
        .to_owned();
    for operation in &api.operations {
        text.push_str(&javascript_method(operation));
    }
    text.push_str("}\n");
    text
}

fn javascript_method(operation: &Operation) -> String {
    let names = argument_names(operation);
    let arguments = match (names.is_empty(), takes_nothing_required(operation)) {
        (true, _) => String::new(),
        (false, true) => format!("{{ {} }} = {{}}", names.join(", ")),
        (false, false) => format!("{{ {} }}", names.join(", ")),
    };
    let call = match &operation.reply {
        Reply::Json(_) => "json",
        Reply::Text => "text",
        Reply::Bytes => "bytes",
    };
    let path = operation.path.iter().map(|segment| match segment {
        Segment::Literal(text) => format!("\"{text}\""),
        Segment::Parameter(name) => name.clone(),
    });
    let body = match &operation.body {
        Body::None => "undefined".to_owned(),
        Body::Empty => "{}".to_owned(),
        Body::Members(members) => object(members),
        Body::Value(_) | Body::Bytes => "body".to_owned(),
    };
    format!(
        "  {id}({arguments}) {{\n    return this.{call}(\"{method}\", [{path}], {query}, {body});\n  }}\n",
        id = operation.id.to_lower_camel_case(),
        method = operation.method,
        path = path.collect::<Vec<_>>().join(", "),
        query = object(&operation.query),
    )
}

/// Renders the declarations for TypeScript.
pub fn types(api: &Api) -> String {
    let mut text =
        "//! Types of the simulator's control API.\n\nimport { Transport } from \"./transport.js\";\n".to_owned();
    for alias in &api.aliases {
        text.push_str(&format!("\n{}export type {} = {};\n", comment(&alias.doc, ""), alias.name, ty(&alias.ty)));
    }
    for found in &api.structs {
        text.push_str(&interface(found));
    }
    let doc = comment(&class_doc(api), "");
    text.push_str(&format!("\n{doc}export declare class Control extends Transport {{\n"));
    for operation in &api.operations {
        text.push_str(&declaration(operation));
    }
    text.push_str("}\n");
    text
}

fn interface(found: &Struct) -> String {
    let base = found.base.as_ref().map(|base| format!(" extends {base}")).unwrap_or_default();
    let mut text = format!("\n{}export interface {}{base} {{\n", comment(&found.doc, ""), found.name);
    for field in &found.fields {
        text.push_str(&comment(&field.doc, "  "));
        text.push_str(&format!("  {};\n", member(field)));
    }
    if found.is_open {
        text.push_str("  [member: string]: unknown;\n");
    }
    text.push_str("}\n");
    text
}

fn declaration(operation: &Operation) -> String {
    let mut members: Vec<_> = operation.path_parameters.iter().map(member).collect();
    match &operation.body {
        Body::Value(of) => members.push(format!("body: {}", ty(of))),
        Body::Bytes => members.push("body: Uint8Array".to_owned()),
        Body::None | Body::Empty | Body::Members(_) => {}
    }
    members.extend(operation.named_arguments().map(member));
    let mark = if takes_nothing_required(operation) { "?" } else { "" };
    let arguments =
        if members.is_empty() { String::new() } else { format!("request{mark}: {{ {} }}", members.join("; ")) };
    let reply = match &operation.reply {
        Reply::Json(name) => name,
        Reply::Text => "string",
        Reply::Bytes => "Uint8Array",
    };
    let documented =
        operation.path_parameters.iter().chain(operation.named_arguments()).filter(|field| !field.doc.is_empty());
    let documented: String = documented.map(|field| format!("\n- `{}`: {}", field.name, field.doc)).collect();
    let doc = comment(&format!("{}{documented}", operation.doc), "  ");
    format!("{doc}  {}({arguments}): Promise<{reply}>;\n", operation.id.to_lower_camel_case())
}

fn member(field: &Field) -> String {
    format!("{}{}: {}", field.name, if field.required { "" } else { "?" }, ty(&field.ty))
}

fn ty(of: &Type) -> String {
    match of {
        Type::String => "string".to_owned(),
        Type::Integer | Type::Number => "number".to_owned(),
        Type::Boolean => "boolean".to_owned(),
        // Tests read messages and replies, and values of `any` need no cast, unlike those of `unknown`.
        Type::Any => "any".to_owned(),
        Type::Object => "Record<string, any>".to_owned(),
        Type::Named(name) => name.clone(),
        Type::List(item) => format!("Array<{}>", ty(item)),
        Type::Literals(values) => values.join(" | "),
        Type::OneOf(types) => types.iter().map(ty).collect::<Vec<_>>().join(" | "),
        Type::OrNull(inner) => format!("{} | null", ty(inner)),
    }
}

fn argument_names(operation: &Operation) -> Vec<&str> {
    let has_body = matches!(operation.body, Body::Value(_) | Body::Bytes);
    let of_path = operation.path_parameters.iter().map(|field| field.name.as_str());
    of_path
        .chain(has_body.then_some("body"))
        .chain(operation.named_arguments().map(|field| field.name.as_str()))
        .collect()
}

fn takes_nothing_required(operation: &Operation) -> bool {
    let has_body = matches!(operation.body, Body::Value(_) | Body::Bytes);
    operation.path_parameters.is_empty() && !has_body && operation.named_arguments().all(|field| !field.required)
}

fn object(fields: &[Field]) -> String {
    if fields.is_empty() {
        return "{}".to_owned();
    }
    format!("{{ {} }}", fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>().join(", "))
}

fn comment(text: &str, indent: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let lines = wrapped(&text.replace("*/", "*\\/"));
    if let [line] = lines.as_slice() {
        return format!("{indent}/** {line} */\n");
    }
    let lines: String = lines.iter().map(|line| format!("{}\n", format!("{indent} * {line}").trim_end())).collect();
    format!("{indent}/**\n{lines}{indent} */\n")
}
