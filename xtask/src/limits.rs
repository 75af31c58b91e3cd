//! Generates the limits of every request as constants, in the units that WeCom counts.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use openapiv3::{ParameterSchemaOrContent, Schema, SchemaKind, Type};
use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};
use serde_json::Value;

use crate::document::{Document, Operation};
use crate::names::constant_name;
use crate::normal::described_reference;
use crate::schema::{Slot, each_child};

/// Returns a module for each operation that has limits, and the number of limits.
pub fn render(normal: &Document) -> Result<(TokenStream, usize)> {
    let mut count = 0;
    let mut modules = Vec::new();
    for operation in normal.operations() {
        let constants = Limits::of(normal, &operation)?.0;
        if constants.is_empty() {
            continue;
        }
        count += constants.len();
        let name = format_ident!("{}", operation.id());
        let docs = format!(" Limits of `{}`.", operation.id());
        let constants = constants.into_values().map(|(_, constant)| constant);
        modules.push(quote! {
            #[doc = #docs]
            pub mod #name {
                #(#constants)*
            }
        });
    }
    Ok((quote!(#(#modules)*), count))
}

/// The constants by name, each with the path of the value that it limits.
struct Limits(BTreeMap<String, (String, TokenStream)>);

impl Limits {
    fn of(normal: &Document, operation: &Operation<'_>) -> Result<Self> {
        let mut limits = Self(BTreeMap::new());
        for parameter in operation.parameters() {
            if let ParameterSchemaOrContent::Schema(schema) = &parameter.format {
                limits.collect(normal, operation, schema, &mut vec![parameter.name.clone()], &mut Vec::new())?;
            }
        }
        if let Some(schema) = operation.request_schema() {
            limits.below(normal, operation, normal.schema(schema)?, &mut Vec::new(), &mut vec![schema.to_owned()])?;
        }
        if let Some(parts) = operation.parts_schema() {
            limits.collect(normal, operation, parts, &mut Vec::new(), &mut Vec::new())?;
        }
        Ok(limits)
    }

    /// Collects the limits of `slot` and below. `names` are the schemas on the way, because a schema can contain itself.
    fn collect(
        &mut self,
        normal: &Document,
        operation: &Operation<'_>,
        slot: &dyn Slot,
        path: &mut Vec<String>,
        names: &mut Vec<String>,
    ) -> Result<()> {
        let Some(name) = slot.reference().or_else(|| slot.schema().and_then(described_reference)) else {
            return match slot.schema() {
                Some(schema) => self.below(normal, operation, schema, path, names),
                None => Ok(()),
            };
        };
        if names.iter().any(|known| known == name) {
            return Ok(());
        }
        names.push(name.to_owned());
        self.below(normal, operation, normal.schema(name)?, path, names)?;
        names.pop();
        Ok(())
    }

    fn below(
        &mut self,
        normal: &Document,
        operation: &Operation<'_>,
        schema: &Schema,
        path: &mut Vec<String>,
        names: &mut Vec<String>,
    ) -> Result<()> {
        for (name, constant) in constants(schema, path) {
            let of = path.join(".");
            if let Some((other, _)) =
                self.0.insert(name.clone(), (of.clone(), constant)).filter(|(other, _)| *other != of)
            {
                bail!(
                    "{}: the limits of {other} and of {of} become the same constant in Rust, limits::{}::{name}; rename one of the properties",
                    operation.place,
                    operation.id()
                );
            }
        }
        let mut result = Ok(());
        each_child(schema, &mut |key, child| {
            let name = key.strip_prefix("properties.").map(str::to_owned);
            let depth = path.len();
            path.extend(name);
            if result.is_ok() {
                result = self.collect(normal, operation, child, path, names);
            }
            path.truncate(depth);
        });
        result
    }
}

fn constants(schema: &Schema, path: &[String]) -> Vec<(String, TokenStream)> {
    let mut constants = Vec::new();
    let mut add = |suffix: &str, degree: &str, unit: &str, value: i64| {
        let name = format!("{}_{suffix}", constant_name(path));
        let docs = format!(" {degree} `{}`: {value} {unit}", path.join(".")).trim_end().to_owned() + ".";
        let ident = format_ident!("{name}");
        let ty = number_type(unit, value);
        let value = Literal::i64_unsuffixed(value);
        constants.push((
            name,
            quote! {
                #[doc = #docs]
                pub const #ident: #ty = #value;
            },
        ));
    };
    let is_file = matches!(&schema.schema_kind, SchemaKind::Type(Type::String(string))
        if string.format == openapiv3::VariantOrUnknownOrEmpty::Item(openapiv3::StringFormat::Binary));
    let bytes = if is_file { "bytes" } else { "bytes of UTF-8" };
    let (shortest, longest) = if is_file { ("Smallest", "Largest") } else { ("Shortest", "Longest") };
    let extensions = &schema.schema_data.extensions;
    for (keyword, suffix, degree, unit) in [
        ("x-min-bytes", "MIN_BYTES", shortest, bytes),
        ("x-max-bytes", "MAX_BYTES", longest, bytes),
        ("x-max-chars", "MAX_CHARS", "Longest", "characters"),
        ("x-max-items", "MAX_ITEMS", "Longest", "items"),
    ] {
        if let Some(value) = extensions.get(keyword).and_then(Value::as_i64) {
            add(suffix, degree, unit, value);
        }
    }
    if let SchemaKind::Type(Type::Integer(integer)) = &schema.schema_kind {
        if let Some(value) = integer.minimum {
            add("MIN", "Smallest", "", value.saturating_add(i64::from(integer.exclusive_minimum)));
        }
        if let Some(value) = integer.maximum {
            add("MAX", "Largest", "", value.saturating_sub(i64::from(integer.exclusive_maximum)));
        }
    }
    for (of, value) in extensions.get("x-max-bytes-of").and_then(Value::as_object).into_iter().flatten() {
        let suffix = format!("{}_MAX_BYTES", constant_name(std::slice::from_ref(of)));
        add(&suffix, longest, &format!("bytes for type {of}"), value.as_i64().unwrap_or_default());
    }
    constants
}

/// Returns the type of a constant. Sizes are `usize`, like those of strings and lists in Rust. Values have the first of
/// `u32`, `u64` and `i64` that can hold them.
fn number_type(unit: &str, value: i64) -> TokenStream {
    if !unit.is_empty() {
        return quote!(usize);
    }
    match value {
        0.. if u32::try_from(value).is_ok() => quote!(u32),
        0.. => quote!(u64),
        _ => quote!(i64),
    }
}
