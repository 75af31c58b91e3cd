//! The types that progenitor generated: the fields of each struct, and their names in JSON.

use std::collections::{BTreeMap, BTreeSet};

use syn::{File, Item, ItemStruct, Type};

/// The generated structs, and the functions of the generated client.
pub struct GeneratedTypes {
    structs: BTreeMap<String, Vec<Field>>,
    functions: BTreeMap<String, Vec<String>>,
}

pub struct Field {
    /// Its name in JSON.
    pub property: String,
    pub ident: syn::Ident,
    ty: Type,
}

impl GeneratedTypes {
    pub fn of(file: &File) -> Self {
        let structs = file.items.iter().filter_map(|item| match item {
            Item::Mod(module) => module.content.as_ref(),
            _ => None,
        });
        let structs = structs.flat_map(|(_, items)| items).filter_map(|item| match item {
            Item::Struct(item) => Some((item.ident.to_string(), fields(item))),
            _ => None,
        });
        let functions = file.items.iter().filter_map(|item| match item {
            Item::Impl(block) => Some(&block.items),
            _ => None,
        });
        let functions = functions.flatten().filter_map(|item| match item {
            syn::ImplItem::Fn(function) => Some((function.sig.ident.to_string(), arguments(&function.sig))),
            _ => None,
        });
        Self { structs: structs.collect(), functions: functions.collect() }
    }

    /// Returns the names of the arguments of a function of the client, in order and without `self`.
    pub fn arguments(&self, function: &str) -> Option<&[String]> {
        self.functions.get(function).map(Vec::as_slice)
    }

    pub fn fields(&self, name: &str) -> Option<&[Field]> {
        self.structs.get(name).map(Vec::as_slice)
    }

    /// Returns the field of the struct `name` that is called `property` in JSON.
    pub fn field(&self, name: &str, property: &str) -> Option<&Field> {
        self.fields(name)?.iter().find(|field| field.property == property)
    }

    /// Returns `roots` and all structs that their fields use, also indirectly.
    pub fn reachable(&self, roots: impl IntoIterator<Item = String>) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut queue: Vec<String> = roots.into_iter().collect();
        while let Some(name) = queue.pop() {
            if found.insert(name.clone()) {
                for field in self.fields(&name).into_iter().flatten() {
                    queue.extend(named(&field.ty).filter(|name| self.structs.contains_key(name)));
                }
            }
        }
        found
    }
}

impl Field {
    /// Returns whether the field is an `Option` of the type `ty`.
    pub fn is_option_of(&self, ty: &str) -> bool {
        self.is_optional() && named(&self.ty).any(|name| name == ty)
    }

    pub fn is_optional(&self) -> bool {
        named(&self.ty).next().is_some_and(|first| first == "Option")
    }
}

fn arguments(signature: &syn::Signature) -> Vec<String> {
    let arguments = signature.inputs.iter().filter_map(|argument| match argument {
        syn::FnArg::Typed(argument) => match &*argument.pat {
            syn::Pat::Ident(name) => Some(name.ident.to_string()),
            _ => None,
        },
        syn::FnArg::Receiver(_) => None,
    });
    arguments.collect()
}

fn fields(item: &ItemStruct) -> Vec<Field> {
    let fields = item.fields.iter().filter_map(|field| {
        let ident = field.ident.clone()?;
        let property = renamed(field).unwrap_or_else(|| ident.to_string());
        Some(Field { property, ident, ty: field.ty.clone() })
    });
    fields.collect()
}

/// Returns the name that `#[serde(rename = "…")]` sets.
fn renamed(field: &syn::Field) -> Option<String> {
    let mut name = None;
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        // Other arguments of the attribute have other forms. They are skipped.
        let _ = attribute.parse_nested_meta(|meta| {
            match meta.path.is_ident("rename") {
                true => name = Some(meta.value()?.parse::<syn::LitStr>()?.value()),
                false if meta.input.peek(syn::Token![=]) => drop(meta.value()?.parse::<syn::Lit>()?),
                false => {}
            }
            Ok(())
        });
    }
    name
}

/// Returns the names of all types in `ty`: those of `Option<Vec<MessageText>>` are `Option`, `Vec` and `MessageText`.
fn named(ty: &Type) -> impl Iterator<Item = String> {
    fn collect(ty: &Type, names: &mut Vec<String>) {
        let Type::Path(path) = ty else { return };
        let Some(last) = path.path.segments.last() else { return };
        names.push(last.ident.to_string());
        if let syn::PathArguments::AngleBracketed(arguments) = &last.arguments {
            for argument in &arguments.args {
                if let syn::GenericArgument::Type(ty) = argument {
                    collect(ty, names);
                }
            }
        }
    }
    let mut names = Vec::new();
    collect(ty, &mut names);
    names.into_iter()
}
