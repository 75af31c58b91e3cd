//! Adapting: from what progenitor writes to what this crate can stand behind.
//!
//! Edits of the syntax tree, each with its reason. One that no longer finds what it expects fails: the generator is
//! pinned, so that is news to look at.

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Expr, Fields, File, ImplItem, Item, ItemStruct, Pat, Stmt, Type, parse_quote};

use crate::document::Document;
use crate::lower::Step;

/// Adapts the generated client and says what each edit did.
pub fn adapt(file: &mut File, lowered: &Document) -> Result<Vec<Step>> {
    let operations = lowered.operations().len();
    let requests = lowered.request_schemas()?;
    keep_types_and_client(file)?;
    let exchanged = exchange_safely(file);
    ensure!(
        exchanged == operations,
        "{exchanged} of {operations} operations could be adapted: progenitor writes them differently now, see xtask/src/adapt.rs"
    );
    let lenient = lenient_replies(file, &requests);
    let defaults = default_requests(file);
    schemars_on_demand(file);
    Docs.visit_file_mut(file);
    document_fields(file);
    Ok(vec![
        Step { name: "operation's errors freed of URL and body", count: exchanged },
        Step { name: "reply field takes null, and numbers and strings for one another", count: lenient },
        Step { name: "request type gets a Default", count: defaults },
    ])
}

/// progenitor's constructors panic and follow redirects; its errors and hooks are replaced (see `exchange_safely`).
fn keep_types_and_client(file: &mut File) -> Result<()> {
    file.items.retain(|item| match item {
        Item::Use(_) | Item::Const(_) => false,
        Item::Impl(block) => block.trait_.is_none() && !has_function(block, "new_with_client"),
        Item::Mod(module) => module.ident == "types",
        _ => true,
    });
    // The error of conversions that no type here has.
    for item in &mut file.items {
        if let Item::Mod(types) = item {
            types.content.iter_mut().for_each(|(_, items)| items.retain(|item| !matches!(item, Item::Mod(_))));
        }
    }
    match file.items.as_slice() {
        [Item::Mod(_), Item::Struct(_), Item::Impl(_)] => Ok(()),
        items => bail!(
            "progenitor wrote {} items where types, Client and its operations were expected, see xtask/src/adapt.rs",
            items.len()
        ),
    }
}

fn has_function(block: &syn::ItemImpl, name: &str) -> bool {
    block.items.iter().any(|item| matches!(item, ImplItem::Fn(function) if function.sig.ident == name))
}

/// Every operation ends in `Client::exchange`, by hand, which prints no URL and no body, whatever fails. The header
/// `api-version`, which WeCom does not know, goes too. Returns how many operations had exactly the expected form.
fn exchange_safely(file: &mut File) -> usize {
    let mut adapted = 0;
    for item in &mut file.items {
        if let Item::Struct(client) = item {
            // Its Debug, by hand, does not print the base URL.
            client.attrs.retain(|attribute| !attribute.path().is_ident("derive"));
            client.attrs.push(parse_quote!(#[derive(Clone)]));
        }
        let Item::Impl(block) = item else { continue };
        for item in &mut block.items {
            let ImplItem::Fn(function) = item else { continue };
            let (Some(reply), true) = (reply_type(&function.sig.output), has_expected_body(&function.block.stmts))
            else {
                continue;
            };
            function.sig.output = parse_quote!(-> Result<#reply, crate::Error>);
            let statements = std::mem::take(&mut function.block.stmts);
            function.block.stmts = statements
                .into_iter()
                .filter(|statement| matches!(bound_name(statement).as_deref(), Some("url" | "request")))
                .collect();
            for statement in &mut function.block.stmts {
                PlainRequest.visit_stmt_mut(statement);
            }
            function.block.stmts.push(Stmt::Expr(parse_quote!(self.exchange(request).await), None));
            adapted += 1;
        }
    }
    adapted
}

/// The `T` of `-> Result<ResponseValue<T>, Error<()>>`.
fn reply_type(output: &syn::ReturnType) -> Option<Type> {
    let syn::ReturnType::Type(_, result) = output else { return None };
    let value = first_argument(result, "Result")?;
    first_argument(&value, "ResponseValue")
}

fn first_argument(ty: &Type, name: &str) -> Option<Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|segment| segment.ident == name)?;
    let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first()? {
        syn::GenericArgument::Type(ty) => Some(ty.clone()),
        _ => None,
    }
}

fn has_expected_body(statements: &[Stmt]) -> bool {
    let names: Vec<_> = statements.iter().filter_map(bound_name).collect();
    names == ["url", "header_map", "request", "info", "result", "response"] && statements.len() == 10
}

/// The name a `let` statement binds.
fn bound_name(statement: &Stmt) -> Option<String> {
    match statement {
        Stmt::Local(local) => match &local.pat {
            Pat::Ident(name) => Some(name.ident.to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// `let mut request = … .query(&progenitor_client::QueryParam::new(name, &value)).headers(header_map).build()?`
/// → `let request = … .query(&[(name, &value)]).build()?`, which needs nothing of progenitor's at run time.
struct PlainRequest;

impl VisitMut for PlainRequest {
    fn visit_local_mut(&mut self, local: &mut syn::Local) {
        local.attrs.clear();
        if let Pat::Ident(name) = &mut local.pat {
            name.mutability = None;
        }
        visit_mut::visit_local_mut(self, local);
    }

    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        visit_mut::visit_expr_mut(self, expression);
        if let Expr::MethodCall(call) = expression
            && call.method == "headers"
        {
            *expression = (*call.receiver).clone();
        }
        if let Expr::Call(call) = expression
            && quote::quote!(#call).to_string().starts_with("progenitor_client :: QueryParam :: new")
        {
            let arguments = &call.args;
            *expression = parse_quote!([(#arguments)]);
        }
    }
}

/// Replies hold null where a value belongs, numbers in strings and strings as numbers: each field decodes by a
/// function of `crate::lenient` that takes them all.
fn lenient_replies(file: &mut File, requests: &[String]) -> usize {
    let mut count = 0;
    for item in types(file) {
        let is_request = requests.iter().any(|request| belongs_to(&item.ident.to_string(), request));
        for field in item.fields.iter_mut().filter(|_| !is_request) {
            let Some(function) = lenient_function(&field.ty) else { continue };
            let path = format!("crate::lenient::{function}");
            // With `deserialize_with`, serde no longer knows that an absent Option is None.
            field.attrs.push(match mentions(&field.attrs, "default") {
                true => parse_quote!(#[serde(deserialize_with = #path)]),
                false => parse_quote!(#[serde(default, deserialize_with = #path)]),
            });
            count += 1;
        }
    }
    count
}

fn mentions(attributes: &[Attribute], word: &str) -> bool {
    attributes
        .iter()
        .any(|attribute| !attribute.path().is_ident("doc") && quote::quote!(#attribute).to_string().contains(word))
}

/// Inline schemas are named after what they stand in: SendRequestText belongs to SendRequest.
fn belongs_to(name: &str, schema: &str) -> bool {
    name.strip_prefix(schema)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(|first: char| first.is_ascii_uppercase()))
}

fn lenient_function(ty: &Type) -> Option<&'static str> {
    Some(match quote::quote!(#ty).to_string().replace(' ', "").as_str() {
        "i64" => "integer",
        "::std::string::String" => "string",
        "::std::option::Option<::std::string::String>" => "optional_string",
        "::std::option::Option<i64>" => "optional_integer",
        "::std::option::Option<f64>" => "optional_number",
        "::std::option::Option<bool>" => "optional_bool",
        "::std::vec::Vec<i64>" => "integers",
        "::std::vec::Vec<::std::string::String>" => "strings",
        list if list.starts_with("::std::vec::Vec<") => "list",
        _ => return None,
    })
}

/// So that a request with many optional fields can be written with `..Default::default()`.
fn default_requests(file: &mut File) -> usize {
    let mut count = 0;
    for item in types(file) {
        if matches!(item.fields, Fields::Named(_)) && !mentions(&item.attrs, "Default") {
            item.attrs.push(parse_quote!(#[derive(Default)]));
            count += 1;
        }
    }
    count
}

fn schemars_on_demand(file: &mut File) {
    for item in types(file) {
        item.attrs.push(parse_quote!(#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]));
    }
}

fn types(file: &mut File) -> impl Iterator<Item = &mut ItemStruct> {
    file.items
        .iter_mut()
        .filter_map(|item| match item {
            Item::Mod(module) => module.content.as_mut(),
            _ => None,
        })
        .flat_map(|(_, items)| items)
        .filter_map(|item| match item {
            Item::Struct(item) => Some(item),
            _ => None,
        })
}

/// Documentation as a person writes it: no JSON schema folded in, a line of text per line.
struct Docs;

impl VisitMut for Docs {
    fn visit_attributes_mut(&mut self, attributes: &mut Vec<Attribute>) {
        *attributes = std::mem::take(attributes).into_iter().flat_map(doc_lines).collect();
    }
}

fn doc_lines(attribute: Attribute) -> Vec<Attribute> {
    let Some(text) = doc_text(&attribute) else { return vec![attribute] };
    let text = text.split("<details>").next().unwrap_or_default().trim();
    text.lines()
        .map(|line| {
            if line.is_empty() {
                parse_quote!(#[doc = ""])
            } else {
                let line = format!(" {}", line.trim());
                parse_quote!(#[doc = #line])
            }
        })
        .collect()
}

/// progenitor documents the type of an inline schema, not the field that holds it: the field says the same.
fn document_fields(file: &mut File) {
    let docs: BTreeMap<String, Vec<Attribute>> = types(file)
        .map(|item| {
            (
                item.ident.to_string(),
                item.attrs.iter().filter(|attribute| attribute.path().is_ident("doc")).cloned().collect(),
            )
        })
        .collect();
    for item in types(file) {
        for field in
            item.fields.iter_mut().filter(|field| !field.attrs.iter().any(|attribute| attribute.path().is_ident("doc")))
        {
            let ty = last_segment(&field.ty);
            let own = match docs.get(&ty) {
                Some(docs) => docs.clone(),
                None => {
                    let line = format!(" See [`{ty}`](crate::{ty}).");
                    vec![parse_quote!(#[doc = #line])]
                }
            };
            field.attrs.splice(0..0, own);
        }
    }
}

/// `::std::option::Option<MessageText>` → `MessageText`
fn last_segment(ty: &Type) -> String {
    match first_argument(ty, "Option") {
        Some(inner) => last_segment(&inner),
        None => match ty {
            Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default(),
            _ => String::new(),
        },
    }
}

/// The text of a `#[doc = "…"]`, which is what a line of `///` becomes.
pub fn doc_text(attribute: &Attribute) -> Option<String> {
    let syn::Meta::NameValue(meta) = &attribute.meta else { return None };
    match &meta.value {
        Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) if meta.path.is_ident("doc") => Some(text.value()),
        _ => None,
    }
}
