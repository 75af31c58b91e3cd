//! From the documents to the texts of the generated files.

use anyhow::{Context, Result};
use proc_macro2::TokenStream;
use progenitor::{GenerationSettings, Generator, HooksMode, InterfaceStyle};
use quote::{format_ident, quote};
use serde_json::{Value, json};

use crate::adapt::adapt;
use crate::document::{Document, Operation, pascal_case, reference, source_of};
use crate::errcodes::Errcodes;
use crate::lower::{MESSAGE_JSON, SECRETS, Step};

/// progenitor's types and client, adapted.
pub fn client(lowered: &Document) -> Result<(String, Vec<Step>)> {
    let openapi: openapiv3::OpenAPI =
        serde_json::from_value(lowered.root.clone()).context("the lowered document is no OpenAPI 3.0 document")?;
    let mut settings = GenerationSettings::default();
    settings.with_interface(InterfaceStyle::Positional).with_hooks(HooksMode::Expected).with_derive("PartialEq");
    for name in SECRETS.iter().map(|(_, secret)| *secret).chain([MESSAGE_JSON]) {
        settings.with_replacement(name, format!("crate::{name}"), std::iter::empty());
    }
    let tokens =
        Generator::new(&settings).generate_tokens(&openapi).context("progenitor refused the lowered document")?;
    let mut file = syn::parse2(tokens).context("progenitor wrote what is no Rust")?;
    let steps = adapt(&mut file, lowered)?;
    Ok((prettyplease::unparse(&file), steps))
}

/// For each operation a constant that describes it and a request value that can send itself.
pub fn operations(document: &Document, errcodes: &Errcodes) -> Result<String> {
    let operations = document.operations();
    let constants = operations.iter().map(constant);
    let names = operations.iter().map(constant_name);
    let generated = operations.iter().filter(|operation| !operation.is_by_hand());
    let requests = generated.map(|operation| request(document, operation, errcodes)).collect::<Result<Vec<_>>>()?;
    let by_hand = operations.iter().filter(|operation| operation.is_by_hand()).map(request_name);
    let replies = operations
        .iter()
        .filter(|operation| !operation.answers_bytes())
        .filter_map(Operation::reply_schema)
        .map(|schema| reply(document, schema))
        .collect::<Result<Vec<_>>>()?;
    let count = operations.len();
    pretty(quote! {
        use super::client::{Client, types};
        use crate::request::{FromJson, Operation, Repeat, Reply, Request};
        use crate::{AccessToken, ErrCode, Error};

        // What moves files is written by hand.
        pub use crate::media::{#(#by_hand),*};

        /// Every operation of the document, by path.
        pub const ALL: [Operation; #count] = [#(#names),*];

        #(#constants)*
        #(#requests)*
        #(#replies)*
    })
}

fn constant_name(operation: &Operation<'_>) -> proc_macro2::Ident {
    format_ident!("{}", operation.id().to_uppercase())
}

fn request_name(operation: &Operation<'_>) -> proc_macro2::Ident {
    format_ident!("{}", pascal_case(operation.id()))
}

fn constant(operation: &Operation<'_>) -> TokenStream {
    let (name, id, path, tag) = (constant_name(operation), operation.id(), operation.path, operation.tag());
    let method = operation.method.to_uppercase();
    let repeat = format_ident!("{}", pascal_case(operation.text("x-repeat")));
    let page = match operation.official_page() {
        Some(page) => quote!(Some(#page)),
        None => quote!(None),
    };
    let needs_access_token = operation.needs_access_token();
    let docs = format!(" `{method} {path}`: {}", operation.text("summary"));
    quote! {
        #[doc = #docs]
        pub const #name: Operation = Operation {
            id: #id,
            method: #method,
            path: #path,
            tag: #tag,
            repeat: Repeat::#repeat,
            official_page: #page,
            needs_access_token: #needs_access_token,
        };
    }
}

fn request(document: &Document, operation: &Operation<'_>, errcodes: &Errcodes) -> Result<TokenStream> {
    let name = request_name(operation);
    let (constant, method) = (constant_name(operation), format_ident!("{}", operation.id()));
    let reply = format_ident!("{}", operation.reply_schema().unwrap_or_default());
    let docs = [
        format!(" {}", operation.text("summary")),
        String::new(),
        format!(" `{} {}`. {}", operation.method.to_uppercase(), operation.path, source_of(operation.body)),
    ];
    let fields = operation.parameters().map(parameter_field).chain(operation.request_schema().map(|schema| {
        let schema = format_ident!("{schema}");
        quote! {
            /// The JSON body.
            pub body: types::#schema
        }
    }));
    let parameters = operation.parameters().map(|parameter| {
        let name = format_ident!("{}", parameter["name"].as_str().unwrap_or_default());
        quote!(&self.#name)
    });
    let body = operation.request_schema().map(|_| quote!(&self.body));
    let (token_name, token) = match operation.needs_access_token() {
        true => (format_ident!("access_token"), Some(quote!(access_token))),
        false => (format_ident!("_access_token"), None),
    };
    let arguments = token.into_iter().chain(parameters).chain(body);
    let keyed = (operation.text("x-repeat") == "keyed").then(|| keyed(operation, errcodes)).transpose()?;
    let private = private(document, operation)?;
    Ok(quote! {
        #(#[doc = #docs])*
        #[derive(Clone, Debug, Default)]
        pub struct #name {
            #(#fields),*
        }

        impl Request for #name {
            type Reply = types::#reply;
            const OPERATION: Operation = #constant;

            async fn send(&self, client: &Client, #token_name: &AccessToken) -> Result<Self::Reply, Error> {
                client.#method(#(#arguments),*).await
            }

            #private
            #keyed
        }
    })
}

/// What of a request must not be printed: secrets, and what the document marks with `x-private`.
fn private(document: &Document, operation: &Operation<'_>) -> Result<Option<TokenStream>> {
    let mut parts = Vec::new();
    for parameter in operation.parameters().filter(|parameter| parameter["schema"]["format"] == "password") {
        let name = format_ident!("{}", parameter["name"].as_str().unwrap_or_default());
        parts.push(quote!(std::iter::once(self.#name.expose())));
    }
    if let Some(schema) = operation.request_schema() {
        collect_private(document, document.schema(schema)?, &quote!(std::iter::once(&self.body)), &mut parts)?;
    }
    Ok((!parts.is_empty()).then(|| {
        quote! {
            fn private(&self) -> Vec<&str> {
                let mut private = Vec::new();
                #(private.extend(#parts);)*
                private
            }
        }
    }))
}

/// Iterators of texts. `values` is one of references to what `schema` describes.
fn collect_private(
    document: &Document,
    schema: &Value,
    values: &TokenStream,
    parts: &mut Vec<TokenStream>,
) -> Result<()> {
    if let Some(name) = reference(schema) {
        return collect_private(document, document.schema(name)?, values, parts);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let is_required = schema["required"].as_array().is_some_and(|required| required.contains(&json!(name)));
        let is_list = property["type"] == "array";
        // As progenitor names it: `type` is a word of Rust.
        let name = if name == "type" { format_ident!("type_") } else { format_ident!("{name}") };
        let inner = match (is_list, is_required) {
            (true, _) => quote!(#values.flat_map(|value| &value.#name)),
            (false, true) => quote!(#values.map(|value| &value.#name)),
            (false, false) => quote!(#values.filter_map(|value| value.#name.as_ref())),
        };
        if property["format"] == "password" {
            parts.push(quote!(#inner.map(|secret| secret.expose())));
        } else if property["x-private"] == true {
            parts.push(quote!(#inner.map(String::as_str)));
        } else {
            collect_private(document, property.get("items").unwrap_or(property), &inner, parts)?;
        }
    }
    Ok(())
}

fn parameter_field(parameter: &Value) -> TokenStream {
    let name = parameter["name"].as_str().unwrap_or_default();
    let secret = SECRETS.iter().find(|(secret, _)| *secret == name).map(|(_, ty)| format_ident!("{ty}"));
    let ty = secret.map_or_else(|| quote!(String), |secret| quote!(crate::#secret));
    let (name, docs) = (format_ident!("{name}"), format!(" {}", parameter["description"].as_str().unwrap_or_default()));
    quote! {
        #[doc = #docs]
        pub #name: #ty
    }
}

/// What a keyed operation says of itself: with its key it may be repeated, and which answer means it went through before.
fn keyed(operation: &Operation<'_>, errcodes: &Errcodes) -> Result<TokenStream> {
    let key = format_ident!("{}", operation.text("x-repeat-key"));
    let answer = operation.body["x-repeat-answered-with"].as_i64().unwrap_or_default();
    let answer = format_ident!("{}", errcodes.require(answer).context(operation.place.clone())?);
    Ok(quote! {
        fn repeat(&self) -> Repeat {
            match self.body.#key.as_deref() {
                // An empty key is none.
                Some("") | None => Repeat::Never,
                Some(_) => Repeat::Keyed,
            }
        }

        fn reply_to_repeat(&self, errcode: ErrCode) -> Option<Self::Reply> {
            (errcode == ErrCode::#answer).then(|| Self::Reply { #key: self.body.#key.clone(), ..Default::default() })
        }
    })
}

fn reply(document: &Document, schema: &str) -> Result<TokenStream> {
    let name = format_ident!("{schema}");
    let has_more = document.schema(schema)?["properties"].as_object().is_some_and(|properties| properties.len() > 2);
    let rest = has_more.then(|| quote!(, ..Default::default()));
    Ok(quote! {
        impl FromJson for types::#name {
            fn decode(body: &[u8]) -> Result<Self, Error> {
                crate::exchange::decode(body)
            }
        }

        impl Reply for types::#name {
            fn errcode(&self) -> i64 {
                self.errcode
            }

            fn errmsg(&self) -> &str {
                &self.errmsg
            }

            fn refusal(errcode: i64, errmsg: String) -> Self {
                Self { errcode, errmsg #rest }
            }
        }
    })
}

/// The limits of every request, in the unit WeCom counts in.
pub fn limits(document: &Document) -> Result<(String, usize)> {
    let mut count = 0;
    let mut modules = Vec::new();
    for operation in document.operations() {
        let mut constants = Vec::new();
        for parameter in operation.parameters() {
            let name = parameter["name"].as_str().unwrap_or_default().to_owned();
            collect_limits(document, &parameter["schema"], &mut vec![name], &mut constants)?;
        }
        if let Some(schema) = operation.request_schema() {
            collect_limits(document, document.schema(schema)?, &mut Vec::new(), &mut constants)?;
        }
        if let Some(parts) = operation.parts_schema() {
            collect_limits(document, parts, &mut Vec::new(), &mut constants)?;
        }
        if constants.is_empty() {
            continue;
        }
        count += constants.len();
        let name = format_ident!("{}", operation.id());
        let docs = format!(" Limits of `{}`.", operation.id());
        modules.push(quote! {
            #[doc = #docs]
            pub mod #name {
                #(#constants)*
            }
        });
    }
    Ok((pretty(quote!(#(#modules)*))?, count))
}

fn collect_limits(
    document: &Document,
    schema: &Value,
    path: &mut Vec<String>,
    constants: &mut Vec<TokenStream>,
) -> Result<()> {
    if let Some(name) = reference(schema) {
        return collect_limits(document, document.schema(name)?, path, constants);
    }
    let integer = schema["type"] == "integer";
    let bytes = if schema["format"] == "binary" { "bytes" } else { "bytes of UTF-8" };
    let known = [
        ("x-min-bytes", "MIN_BYTES", "Shortest", bytes, true),
        ("x-max-bytes", "MAX_BYTES", "Longest", bytes, true),
        ("x-max-chars", "MAX_CHARS", "Longest", "characters", true),
        ("x-max-items", "MAX_ITEMS", "Longest", "items", true),
        ("minimum", "MIN", "Smallest", "", integer),
        ("maximum", "MAX", "Largest", "", integer),
    ];
    for (keyword, suffix, degree, unit, applies) in known {
        let Some(value) = schema.get(keyword).and_then(Value::as_u64).filter(|_| applies) else { continue };
        let name = format_ident!("{}_{suffix}", path.join("_").to_uppercase());
        let docs = format!(" {degree} `{}`: {value} {unit}", path.join(".")).trim_end().to_owned() + ".";
        let value = proc_macro2::Literal::u64_unsuffixed(value);
        let ty = if unit.is_empty() { quote!(u32) } else { quote!(usize) };
        constants.push(quote! {
            #[doc = #docs]
            pub const #name: #ty = #value;
        });
    }
    for (of, value) in schema["x-max-bytes-of"].as_object().into_iter().flatten() {
        let name = format_ident!("{}_{}_MAX_BYTES", path.join("_").to_uppercase(), of.to_uppercase());
        let docs = format!(" Longest `{}` of type {of}: {value} bytes.", path.join("."));
        let value = proc_macro2::Literal::u64_unsuffixed(value.as_u64().unwrap_or_default());
        constants.push(quote! {
            #[doc = #docs]
            pub const #name: usize = #value;
        });
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        path.push(name.clone());
        collect_limits(document, property, path, constants)?;
        path.pop();
    }
    match schema.get("items") {
        Some(items) => collect_limits(document, items, path, constants),
        None => Ok(()),
    }
}

/// The document as JSON, whose request schemas refuse what they do not name.
pub fn strict_document(document: &Document, header: &str) -> Result<String> {
    let mut strict = document.clone();
    for name in document.request_schemas()? {
        make_strict(&mut strict.root["components"]["schemas"][&name]);
    }
    json_file(strict.root, header)
}

fn make_strict(schema: &mut Value) {
    if schema["type"] == "object" {
        schema["additionalProperties"] = json!(false);
    }
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for property in properties.into_iter().flat_map(|map| map.values_mut()) {
        make_strict(property);
    }
    if let Some(items) = schema.get_mut("items") {
        make_strict(items);
    }
}

/// JSON has no comments, so the header is its first member, on the first line.
pub fn json_file(mut root: Value, header: &str) -> Result<String> {
    root.as_object_mut().map(|root| root.remove("x-generated"));
    let text = serde_json::to_string_pretty(&root)?;
    let rest = text.strip_prefix("{\n").context("a document is an object")?;
    Ok(format!("{{ \"x-generated\": {},\n{rest}\n", json!(header)))
}

pub fn pretty(tokens: TokenStream) -> Result<String> {
    let file = syn::parse2(tokens).context("the generator wrote what is no Rust")?;
    Ok(prettyplease::unparse(&file))
}
