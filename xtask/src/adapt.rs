//! Adapting: edits the code that progenitor generates, so that it calls our hand-written client.
//!
//! Each edit of the syntax tree has a reason. An edit that does not find the code it expects fails. progenitor's version
//! is pinned, so such a failure means that its output has changed and a person must look at it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use quote::format_ident;
use syn::punctuated::Punctuated;
use syn::visit_mut::{self, VisitMut};
use syn::{
    Attribute, Expr, Fields, File, Ident, ImplItem, ImplItemFn, Item, ItemStruct, LitStr, Pat, Stmt, Type, parse_quote,
};

use crate::docs;
use crate::document::{Document, Operation};
use crate::generated_types::GeneratedTypes;
use crate::json_schema::RequestLimits;
use crate::lower::{Lowered, OpenEnum, Step};
use crate::names;

/// Adapts the generated client. Returns how often each edit applied.
pub fn adapt(file: &mut File, lowered: &Lowered) -> Result<Vec<Step>> {
    let requests = GeneratedTypes::of(file).reachable(lowered.document.request_schemas());
    keep_types_and_client(file)?;
    optional_boxes(file);
    let in_one_line = operations_in_one_line(file, &lowered.document)?;
    let lenient = lenient_replies(file, &requests)?;
    let defaults = default_requests(file);
    let limited = schemars_on_demand(file, &requests, &lowered.limits)?;
    Docs.visit_file_mut(file);
    document_fields(file);
    open_enums(file, lowered);
    file.items.insert(
        0,
        parse_quote!(
            use super::op;
        ),
    );
    Ok(vec![
        Step { name: "operation becomes one line", count: in_one_line },
        Step { name: "reply field takes null, and numbers and strings for one another", count: lenient },
        Step { name: "request type gets a Default", count: defaults },
        Step { name: "request field gets its limits in the derived schema", count: limited },
    ])
}

/// Keeps only the module `types`, and `Client` with its operations. progenitor's constructors panic and follow redirects,
/// and its errors and hooks are replaced (see `operations_in_one_line`).
fn keep_types_and_client(file: &mut File) -> Result<()> {
    file.items.retain(|item| match item {
        Item::Use(_) | Item::Const(_) => false,
        Item::Impl(block) => block.trait_.is_none() && !has_function(block, "new_with_client"),
        Item::Mod(module) => module.ident == "types",
        _ => true,
    });
    // The submodule of `types` is the error of conversions, which no type here has.
    for item in &mut file.items {
        if let Item::Mod(types) = item {
            types.content.iter_mut().for_each(|(_, items)| items.retain(|item| !matches!(item, Item::Mod(_))));
        }
    }
    match file.items.as_slice() {
        [Item::Mod(_), Item::Struct(_), Item::Impl(_)] => Ok(()),
        items => bail!(
            "progenitor wrote {} items instead of 3 (types, Client and its operations); change keep_types_and_client in xtask/src/adapt.rs",
            items.len()
        ),
    }
}

fn has_function(block: &syn::ItemImpl, name: &str) -> bool {
    block.items.iter().any(|item| matches!(item, ImplItem::Fn(function) if function.sig.ident == name))
}

/// Replaces the body of each operation by one call of a hand-written method: `Client::post`, `get` or `call`. These build
/// URLs, send secrets and create errors. Signature and documentation stay as progenitor wrote them. The header
/// `api-version` is left out, because WeCom does not know it. Returns how many operations were adapted.
fn operations_in_one_line(file: &mut File, lowered: &Document) -> Result<usize> {
    let operations = lowered.operations();
    let mut adapted = 0;
    for item in &mut file.items {
        if let Item::Struct(client) = item {
            replace_client_fields(client);
        }
        let Item::Impl(block) = item else { continue };
        for item in &mut block.items {
            let ImplItem::Fn(function) = item else { continue };
            let name = &function.sig.ident;
            let generated = GeneratedFunction::read(function).with_context(|| {
                format!("operation {name}: progenitor generates another form than expected; change GeneratedFunction::read in xtask/src/adapt.rs")
            })?;
            let operation = operations
                .iter()
                .find(|operation| operation.method == generated.method && anonymous(operation.path) == generated.path)
                .with_context(|| {
                    format!(
                        "operation {name}: no operation of the document has this method and path; change operations_in_one_line in xtask/src/adapt.rs"
                    )
                })?;
            rewrite(function, &generated, operation);
            adapted += 1;
        }
    }
    ensure!(
        adapted == operations.len(),
        "progenitor generated {adapted} of {} operations; change operations_in_one_line in xtask/src/adapt.rs",
        operations.len()
    );
    Ok(adapted)
}

/// Replaces the fields of `Client`. The hand-written `Client::new` parses the base URL once, and the hand-written `Debug`
/// does not print it.
fn replace_client_fields(client: &mut ItemStruct) {
    client.attrs.retain(|attribute| !attribute.path().is_ident("derive"));
    client.attrs.push(parse_quote!(#[derive(Clone)]));
    client.fields = Fields::Named(parse_quote!({
        pub(crate) base: std::sync::Arc<crate::client::Base>,
        pub(crate) http: reqwest::Client,
        pub(crate) reply_limit: usize,
        pub(crate) timeout: Option<std::time::Duration>,
    }));
}

/// Removes the names of path parameters: `/a/{b}` becomes `/a/{}`, as in progenitor's format string.
fn anonymous(path: &str) -> String {
    let mut parts = path.split('{');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |path, part| path + "{}" + part.split_once('}').map_or(part, |(_, rest)| rest))
}

/// The parts of the function that progenitor generated for one operation.
struct GeneratedFunction {
    reply: Type,
    method: String,
    path: String,
    /// The arguments of the path parameters, in the order of the path.
    in_path: Vec<Ident>,
    /// The name of each query parameter in the API, and its argument.
    in_query: Vec<(LitStr, Ident)>,
    has_body: bool,
}

impl GeneratedFunction {
    /// Reads a function. Returns `None` if it does not have exactly the expected form, so that no part of it is lost.
    fn read(function: &ImplItemFn) -> Option<Self> {
        let statements = &function.block.stmts;
        let bound: Vec<(String, &Expr)> = statements.iter().filter_map(bound).collect();
        let names: Vec<&str> = bound.iter().map(|(name, _)| name.as_str()).collect();
        if names != ["url", "header_map", "request", "info", "result", "response"] || statements.len() != 10 {
            return None;
        }
        let (path, in_path) = path_in(bound[0].1)?;
        let mut generated = Self {
            reply: reply_type(&function.sig.output)?,
            method: String::new(),
            path,
            in_path,
            in_query: Vec::new(),
            has_body: false,
        };
        generated.read_request(bound[2].1)?;
        Some(generated)
    }

    /// Reads `self.client.post(url).header(ACCEPT, …).json(&body).query(&…).headers(header_map).build()?`.
    fn read_request(&mut self, expression: &Expr) -> Option<()> {
        let call = match expression {
            Expr::Try(tried) => return self.read_request(&tried.expr),
            Expr::MethodCall(call) => call,
            _ => return None,
        };
        match call.method.to_string().as_str() {
            "build" | "headers" | "header" => self.read_request(&call.receiver),
            "json" => {
                self.has_body = true;
                self.read_request(&call.receiver)
            }
            "query" => {
                self.read_request(&call.receiver)?;
                self.in_query.push(query_parameter(call.args.first()?)?);
                Some(())
            }
            method @ ("get" | "post" | "put" | "patch" | "delete") => {
                self.method = method.to_owned();
                Some(())
            }
            _ => None,
        }
    }
}

/// Returns the `T` of `-> Result<ResponseValue<T>, Error<()>>`.
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

/// Returns the name that a `let` binds, and the value. progenitor prefixes the name with underscores if a parameter has
/// the same name.
fn bound(statement: &Stmt) -> Option<(String, &Expr)> {
    let Stmt::Local(local) = statement else { return None };
    let Pat::Ident(name) = &local.pat else { return None };
    Some((name.ident.to_string().trim_start_matches('_').to_owned(), &local.init.as_ref()?.expr))
}

/// Reads the path: `format!("{}/a/{}", self.baseurl, encode_path(&b.to_string()))` has the path `/a/{}` and the argument `b`.
fn path_in(expression: &Expr) -> Option<(String, Vec<Ident>)> {
    let Expr::Macro(format) = expression else { return None };
    let arguments = format.mac.parse_body_with(Punctuated::<Expr, syn::Token![,]>::parse_terminated).ok()?.into_iter();
    let mut arguments = arguments.filter(|argument| !is_base_url(argument));
    let Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(template), .. }) = arguments.next()? else { return None };
    let path = template.value().strip_prefix("{}")?.to_owned();
    let idents: Vec<Ident> = arguments.map(|argument| path_argument(&argument)).collect::<Option<_>>()?;
    (path.matches("{}").count() == idents.len()).then_some((path, idents))
}

fn is_base_url(expression: &Expr) -> bool {
    matches!(expression, Expr::Field(field) if quote::quote!(#field).to_string() == "self . baseurl")
}

/// Returns the `b` of `encode_path(&b.to_string())`.
fn path_argument(expression: &Expr) -> Option<Ident> {
    let Expr::Call(call) = expression else { return None };
    match call.args.first()? {
        Expr::Reference(text) => match &*text.expr {
            Expr::MethodCall(call) if call.method == "to_string" => ident(&call.receiver),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the `"b"` and the `c` of `&progenitor_client::QueryParam::new("b", &c)`.
fn query_parameter(expression: &Expr) -> Option<(LitStr, Ident)> {
    let Expr::Reference(parameter) = expression else { return None };
    let Expr::Call(call) = &*parameter.expr else { return None };
    let mut arguments = call.args.iter();
    let Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(name), .. }) = arguments.next()? else { return None };
    let Expr::Reference(value) = arguments.next()? else { return None };
    Some((name.clone(), ident(&value.expr)?))
}

fn ident(expression: &Expr) -> Option<Ident> {
    match expression {
        Expr::Path(path) => path.path.get_ident().cloned(),
        _ => None,
    }
}

fn rewrite(function: &mut ImplItemFn, generated: &GeneratedFunction, operation: &Operation<'_>) {
    let constant = format_ident!("{}", operation.id().to_uppercase());
    let (tokens, in_query): (Vec<_>, Vec<_>) =
        generated.in_query.iter().partition(|(name, _)| name.value() == "access_token");
    let token: Expr = match tokens.first() {
        Some((_, argument)) => parse_quote!(Some(#argument)),
        None => parse_quote!(None),
    };
    let placeholders = operation.path.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    let in_path = placeholders.map(|(name, _)| format!("{{{name}}}")).zip(&generated.in_path);
    let parameters: Vec<Expr> = in_path
        .map(|(name, argument)| parse_quote!((#name, &#argument)))
        .chain(in_query.into_iter().map(|(name, argument)| parse_quote!((#name, &#argument))))
        .collect();
    let call: Expr = match (generated.has_body, generated.method.as_str(), tokens.first()) {
        (true, "post", Some((_, token))) if parameters.is_empty() => {
            parse_quote!(self.post(op::#constant, #token, body).await)
        }
        (true, ..) => parse_quote!(self.call(op::#constant, #token, &[#(#parameters),*], body).await),
        (false, ..) => parse_quote!(self.get(op::#constant, #token, &[#(#parameters),*]).await),
    };
    let reply = &generated.reply;
    function.sig.output = parse_quote!(-> Result<#reply, crate::Error>);
    // progenitor gives all arguments the same lifetime. Without the named lifetime, each argument has a lifetime of its
    // own.
    function.sig.generics = syn::Generics::default();
    if let Some(receiver) = function.sig.inputs.first_mut() {
        *receiver = parse_quote!(&self);
    }
    ElidedLifetimes.visit_signature_mut(&mut function.sig);
    function.block = parse_quote!({ #call });
}

struct ElidedLifetimes;

impl VisitMut for ElidedLifetimes {
    fn visit_type_reference_mut(&mut self, reference: &mut syn::TypeReference) {
        reference.lifetime = None;
        visit_mut::visit_type_reference_mut(self, reference);
    }
}

/// Turns `Box<Option<T>>` into `Option<Box<T>>`, in an optional field of a type that contains itself. The field is then
/// left out of a request when it is `None`, like every optional field.
fn optional_boxes(file: &mut File) {
    for field in types(file).flat_map(|item| item.fields.iter_mut()) {
        if let Some(inner) = first_argument(&field.ty, "Box").and_then(|inner| first_argument(&inner, "Option")) {
            field.ty = parse_quote!(::std::option::Option<::std::boxed::Box<#inner>>);
            field.attrs.push(parse_quote!(#[serde(skip_serializing_if = "::std::option::Option::is_none")]));
        }
    }
}

/// Makes every field of a reply decode with `crate::lenient`, because WeCom sends null for values, numbers in strings and
/// strings as numbers.
fn lenient_replies(file: &mut File, requests: &BTreeSet<String>) -> Result<usize> {
    let mut count = 0;
    let mut structs = Vec::new();
    for item in types(file).filter(|item| !requests.contains(&item.ident.to_string())) {
        structs.push(item.ident.clone());
        for field in item.fields.iter_mut() {
            // With `deserialize_with`, serde no longer knows that an absent Option is None.
            field.attrs.push(match mentions(&field.attrs, "default") {
                true => parse_quote!(#[serde(deserialize_with = "crate::lenient::field")]),
                false => parse_quote!(#[serde(default, deserialize_with = "crate::lenient::field")]),
            });
            count += 1;
        }
    }
    let types = types_module(file)
        .context("progenitor generated no module `types`; change lenient_replies in xtask/src/adapt.rs")?;
    types.push(parse_quote!(crate::lenient::reply_structs! { #(#structs),* }));
    Ok(count)
}

/// Adds the open enums. progenitor is told that they are defined elsewhere.
fn open_enums(file: &mut File, lowered: &Lowered) {
    let enums = lowered.enums.iter().map(|(name, OpenEnum { description, values })| -> Item {
        let name = format_ident!("{name}");
        let docs = docs::lines(description).map(|line| format!(" {line}"));
        let variants = values.iter().map(|value| format_ident!("{}", names::variant_name(value)));
        let variant_docs = values.iter().map(|value| format!(" `{value}`"));
        parse_quote! {
            crate::open_enum::open_enum! {
                #(#[doc = #docs])*
                #name { #(#[doc = #variant_docs] #variants = #values),* }
            }
        }
    });
    let enums: Vec<Item> = enums.collect();
    types_module(file).into_iter().for_each(|types| types.extend(enums.clone()));
}

fn mentions(attributes: &[Attribute], word: &str) -> bool {
    attributes
        .iter()
        .any(|attribute| !attribute.path().is_ident("doc") && quote::quote!(#attribute).to_string().contains(word))
}

/// Derives `Default`, so that a request with many optional fields can be written with `..Default::default()`.
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

/// Derives a JSON Schema for each type, with the feature `schemars`. The schema of a request also forbids what WeCom
/// refuses: values beyond the limits, unknown properties, and a request without a property that WeCom needs. The schema
/// of a reply forbids nothing, because WeCom adds properties.
fn schemars_on_demand(file: &mut File, requests: &BTreeSet<String>, limits: &RequestLimits) -> Result<usize> {
    let generated = GeneratedTypes::of(file);
    let mut limited = 0;
    for item in types(file) {
        let name = item.ident.to_string();
        item.attrs.push(match requests.contains(&name) && !item.fields.is_empty() {
            true => parse_quote!(#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]),
            false => parse_quote!(#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]),
        });
        if let Some(required) = limits.required(&name) {
            item.attrs.push(parse_quote!(#[cfg_attr(feature = "schemars", schemars(extend(#required)))]));
        }
        let properties = generated.fields(&name).into_iter().flatten();
        for (field, property) in item.fields.iter_mut().zip(properties) {
            if let Some(keywords) = limits.extension(&name, &property.property) {
                field.attrs.push(parse_quote!(#[cfg_attr(feature = "schemars", schemars(extend(#keywords)))]));
                limited += 1;
            }
        }
    }
    limits.expect(limited)?;
    Ok(limited)
}

fn types_module(file: &mut File) -> Option<&mut Vec<Item>> {
    file.items.iter_mut().find_map(|item| match item {
        Item::Mod(module) => module.content.as_mut().map(|(_, items)| items),
        _ => None,
    })
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

/// Cleans the documentation: removes the folded JSON schema, and writes each line of text as a line of its own.
struct Docs;

impl VisitMut for Docs {
    fn visit_attributes_mut(&mut self, attributes: &mut Vec<Attribute>) {
        *attributes = std::mem::take(attributes).into_iter().flat_map(doc_lines).collect();
    }
}

fn doc_lines(attribute: Attribute) -> Vec<Attribute> {
    let Some(text) = doc_text(&attribute) else { return vec![attribute] };
    let text = text.rsplit_once("<details><summary>JSON schema</summary>").map_or(text.as_str(), |(text, _)| text);
    let lines = docs::lines(text.trim()).map(|line| if line.is_empty() { line } else { format!(" {line}") });
    lines.map(|line| parse_quote!(#[doc = #line])).collect()
}

/// Copies the documentation of an inline schema's type to the field that holds it. progenitor documents only the type.
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

/// Returns the name of a type without its path and `Option`: `::std::option::Option<MessageText>` becomes `MessageText`.
fn last_segment(ty: &Type) -> String {
    match first_argument(ty, "Option") {
        Some(inner) => last_segment(&inner),
        None => match ty {
            Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default(),
            _ => String::new(),
        },
    }
}

/// Returns the text of `#[doc = "…"]`, which is the form of a `///` line in the syntax tree.
pub fn doc_text(attribute: &Attribute) -> Option<String> {
    let syn::Meta::NameValue(meta) = &attribute.meta else { return None };
    match &meta.value {
        Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) if meta.path.is_ident("doc") => Some(text.value()),
        _ => None,
    }
}
