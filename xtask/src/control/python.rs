//! Renders the Python client: a `TypedDict` for each type, and a class with a method for each operation.

use super::model::{Api, Body, Field, Operation, Reply, Segment, Struct, Type};
use super::{class_doc, wrapped};

/// Keywords of Python, which cannot be names of attributes.
const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

const HEAD: &str = r#""""The client of the simulator's control API: one method for each operation, one type for each reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

from ._transport import Transport

# pytest shows the line of the test whose request was refused, and no line of this file.
__tracebackhide__ = True

"#;

pub fn render(api: &Api) -> String {
    let mut text = HEAD.to_owned();
    for alias in &api.aliases {
        text.push_str(&format!("\n{}{} = {}\n\n", comment(&alias.doc, ""), alias.name, ty(&alias.ty)));
    }
    for found in ordered(&api.structs) {
        text.push_str(&render_struct(found));
    }
    let doc = docstring(&class_doc(api), "    ");
    text.push_str(&format!("\nclass Control(Transport):\n{doc}"));
    for operation in &api.operations {
        text.push('\n');
        text.push_str(&render_operation(api, operation));
    }
    text
}

/// Sorts the structs so that each base comes before the structs that inherit from it.
fn ordered(structs: &[Struct]) -> Vec<&Struct> {
    let (derived, others): (Vec<_>, Vec<_>) = structs.iter().partition(|found| found.base.is_some());
    others.into_iter().chain(derived).collect()
}

fn render_struct(found: &Struct) -> String {
    let has_keyword = found.fields.iter().any(|field| KEYWORDS.contains(&field.name.as_str()));
    if has_keyword { by_call(found) } else { by_class(found) }
}

fn by_class(found: &Struct) -> String {
    let base = found.base.as_deref().unwrap_or("TypedDict");
    let mut text = format!("\nclass {}({base}):\n", found.name);
    if !found.doc.is_empty() {
        text.push_str(&docstring(&found.doc, "    "));
        text.push('\n');
    }
    for field in &found.fields {
        text.push_str(&comment(&field.doc, "    "));
        text.push_str(&format!("    {}: {}\n", field.name, member(field)));
    }
    text.push('\n');
    text
}

/// Renders a type by a call of `TypedDict`, because it has a member, such as `from`, that a class cannot declare.
fn by_call(found: &Struct) -> String {
    let mut text =
        format!("\n{}{} = TypedDict(\n    \"{}\",\n    {{\n", comment(&found.doc, ""), found.name, found.name);
    for field in &found.fields {
        text.push_str(&comment(&field.doc, "        "));
        text.push_str(&format!("        \"{}\": '{}',\n", field.name, member(field)));
    }
    text.push_str("    },\n)\n\n");
    text
}

fn member(field: &Field) -> String {
    let ty = ty(&field.ty);
    if field.required { ty } else { format!("NotRequired[{ty}]") }
}

fn ty(of: &Type) -> String {
    match of {
        Type::String => "str".to_owned(),
        Type::Integer => "int".to_owned(),
        Type::Number => "float".to_owned(),
        Type::Boolean => "bool".to_owned(),
        Type::Any => "Any".to_owned(),
        Type::Object => "dict[str, Any]".to_owned(),
        Type::Named(name) => name.clone(),
        Type::List(item) => format!("list[{}]", ty(item)),
        Type::Literals(values) => format!("Literal[{}]", values.join(", ")),
        Type::OneOf(types) => types.iter().map(ty).collect::<Vec<_>>().join(" | "),
        Type::OrNull(inner) => format!("{} | None", ty(inner)),
    }
}

/// Returns the type of an argument. It accepts more values than the type of a reply.
fn argument(api: &Api, of: &Type) -> String {
    match of {
        Type::List(item) => format!("Sequence[{}]", ty(item)),
        Type::Named(name) if api.is_open(name) => format!("{name} | Mapping[str, Any]"),
        other => ty(other),
    }
}

fn render_operation(api: &Api, operation: &Operation) -> String {
    let mut arguments = vec!["self".to_owned()];
    arguments
        .extend(operation.path_parameters.iter().map(|field| format!("{}: {}", field.name, argument(api, &field.ty))));
    match &operation.body {
        Body::Value(of) => arguments.push(format!("body: {}", argument(api, of))),
        Body::Bytes => arguments.push("body: bytes".to_owned()),
        Body::None | Body::Empty | Body::Members(_) => {}
    }
    if operation.named_arguments().next().is_some() {
        arguments.push("*".to_owned());
    }
    arguments.extend(operation.named_arguments().map(|field| {
        let of = argument(api, &field.ty);
        if field.required { format!("{}: {of}", field.name) } else { format!("{}: {of} | None = None", field.name) }
    }));
    let (reply, call) = match &operation.reply {
        Reply::Json(name) => (name.as_str(), "_json"),
        Reply::Text => ("str", "_text"),
        Reply::Bytes => ("bytes", "_bytes"),
    };
    let documented = arguments_doc(operation);
    let doc = [operation.doc.as_str(), documented.as_str()].join("\n\n");
    format!(
        "    def {id}({arguments}) -> {reply}:\n{doc}        return self.{call}(\"{method}\", [{path}], {query}, {body})\n",
        id = operation.id,
        arguments = arguments.join(", "),
        doc = docstring(doc.trim(), "        "),
        method = operation.method,
        path = path(operation),
        query = object(&operation.query),
        body = body(operation),
    )
}

fn path(operation: &Operation) -> String {
    let parts = operation.path.iter().map(|segment| match segment {
        Segment::Literal(text) => format!("\"{text}\""),
        Segment::Parameter(name) => name.clone(),
    });
    parts.collect::<Vec<_>>().join(", ")
}

fn body(operation: &Operation) -> String {
    match &operation.body {
        Body::None => "None".to_owned(),
        Body::Empty => "{}".to_owned(),
        Body::Members(members) => object(members),
        Body::Value(_) | Body::Bytes => "body".to_owned(),
    }
}

fn object(fields: &[Field]) -> String {
    let members = fields.iter().map(|field| format!("\"{0}\": {0}", field.name));
    format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
}

fn arguments_doc(operation: &Operation) -> String {
    let documented =
        operation.path_parameters.iter().chain(operation.named_arguments()).filter(|field| !field.doc.is_empty());
    documented.map(|field| format!("{}: {}", field.name, field.doc)).collect::<Vec<_>>().join("\n")
}

fn docstring(text: &str, indent: &str) -> String {
    let text = text.replace('\\', "\\\\").replace("\"\"\"", "\\\"\"\"");
    let lines = wrapped(&text);
    if let [line] = lines.as_slice() {
        let line = line.strip_suffix('"').map_or_else(|| line.clone(), |rest| format!("{rest}\\\""));
        return format!("{indent}\"\"\"{line}\"\"\"\n");
    }
    let lines = lines.iter().enumerate().map(|(number, line)| match (number, line.as_str()) {
        (0, line) => format!("{indent}\"\"\"{line}\n"),
        (_, "") => "\n".to_owned(),
        (_, line) => format!("{indent}{line}\n"),
    });
    format!("{}{indent}\"\"\"\n", lines.collect::<String>())
}

fn comment(text: &str, indent: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    wrapped(text).iter().map(|line| format!("{indent}# {line}\n")).collect()
}
