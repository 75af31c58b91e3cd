//! Converts names of the document to names of Rust, by the rules of typify.

use heck::{ToPascalCase, ToShoutySnakeCase, ToSnakeCase};

/// Returns the name of the type that a schema named `name` becomes.
pub fn type_name(name: &str) -> String {
    identifier(name, |name| name.to_pascal_case())
}

/// Returns the name of the field that a property named `name` becomes.
pub fn field_name(name: &str) -> String {
    identifier(name, |name| name.to_snake_case())
}

/// Returns the name of the argument that a parameter named `name` becomes. For leading digits, progenitor has another rule
/// than typify.
pub fn argument_name(name: &str) -> String {
    let field = field_name(name);
    match name.trim_start_matches(['_', '-']).starts_with(|first: char| first.is_ascii_digit()) {
        true => format!("_{}", field.trim_start_matches('x').trim_start_matches('_')),
        false => field,
    }
}

/// Returns the name of the constant for the value at `path`, a list of property names.
pub fn constant_name(path: &[String]) -> String {
    identifier(&path.join("_"), |name| name.to_shouty_snake_case())
}

/// Returns the name of the variant of an open enum for `value`.
pub fn variant_name(value: &str) -> String {
    type_name(value)
}

/// Returns the name of the type of the schema at `place`, such as `components.schemas.SendRequest.properties.text`.
pub fn type_at(place: &str) -> String {
    let mut parts = place.trim_start_matches("components.schemas.").split('.');
    let mut name = type_name(parts.next().unwrap_or_default());
    while let Some(part) = parts.next() {
        match part {
            "properties" => name.push_str(&type_name(parts.next().unwrap_or_default())),
            "items" => name.push_str("Item"),
            "additionalProperties" => name.push_str("Value"),
            _ => {}
        }
    }
    name
}

/// Returns whether `name` is a valid identifier of Rust.
pub fn is_identifier(name: &str) -> bool {
    // syn does not know that `gen` is a keyword of edition 2024.
    name != "gen" && syn::parse_str::<syn::Ident>(name).is_ok()
}

fn identifier(name: &str, to_case: impl Fn(&str) -> String) -> String {
    let plain: String = name
        .chars()
        .filter(|letter| *letter != '\'')
        .map(|letter| if letter.is_alphanumeric() || letter == '_' { letter } else { '-' })
        .collect();
    let cased = to_case(&plain);
    let cased = match cased.chars().next() {
        None => to_case("x"),
        Some(first) if first.is_alphabetic() || first == '_' => cased,
        Some(_) => to_case("x") + &cased,
    };
    if is_identifier(&cased) { cased } else { cased + "_" }
}
