//! Generates the file `op.rs`: for each operation, a constant that describes it and a request value that can be sent.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, anyhow};
use openapiv3::{AdditionalProperties, ParameterData, ParameterSchemaOrContent, Schema, SchemaKind, Type};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use crate::dist::Translations;
use crate::docs;
use crate::document::{Document, Operation, source_of};
use crate::errcodes::Errcodes;
use crate::generated_types::GeneratedTypes;
use crate::json_schema;
use crate::lower::{NO_ERRCODE, SECRETS, is_password};
use crate::names::{argument_name, type_at, type_name};
use crate::normal::described_reference;
use crate::schema::{Slot, object, walk};

pub fn render(normal: &Document, errcodes: &Errcodes, types: &GeneratedTypes) -> Result<TokenStream> {
    let operations = normal.operations();
    let private = PrivateTexts::of(normal)?;
    let constants = operations.iter().map(constant);
    let names = operations.iter().map(constant_name);
    let generated = operations.iter().filter(|operation| !operation.moves_files());
    let requests = generated
        .map(|operation| request(operation, errcodes, types, &private).with_context(|| operation.place.clone()))
        .collect::<Result<Vec<_>>>()?;
    let private = private.render(types)?;
    let by_hand = operations.iter().filter(|operation| operation.moves_files()).map(request_name);
    let replies: BTreeSet<&str> =
        operations.iter().filter(|operation| !operation.answers_bytes()).filter_map(Operation::reply_schema).collect();
    let replies = replies.into_iter().map(|schema| reply(normal, schema)).collect::<Result<Vec<_>>>()?;
    let count = operations.len();
    let schemas = operations
        .iter()
        .filter(|operation| !operation.moves_files())
        .map(|operation| request_schema(normal, operation))
        .collect::<Result<Vec<_>>>()?;
    let server = &normal.api.servers.first().context("servers: is empty; add the server")?.url;
    let server_docs = format!(" The server of the document: `{server}`.");
    Ok(quote! {
        use super::client::{Client, types};
        use crate::request::{FromJson, Operation, Private, Repeat, Reply, Request};
        use crate::{AccessToken, ErrCode, Error};

        // The requests of operations that move files are written by hand.
        pub use crate::media::{#(#by_hand),*};

        #[doc = #server_docs]
        pub const SERVER: &str = #server;

        /// Every operation of the document, by path.
        pub const ALL: [Operation; #count] = [#(#names),*];

        /// Returns the JSON Schema of the arguments of the operation.
        #[cfg(feature = "schemars")]
        pub(crate) fn request_schema(id: &str, generator: &mut schemars::SchemaGenerator) -> Option<schemars::Schema> {
            Some(match id {
                #(#schemas,)*
                _ => return None,
            })
        }

        #(#constants)*
        #(#requests)*
        #(#private)*
        #(#replies)*
    })
}

/// Generates the file `chinese.rs`: what the operations do, in Chinese. A text without a translation stays English.
pub fn render_chinese(normal: &Document, translations: &Translations) -> TokenStream {
    let operations = normal.operations();
    let rows = operations.iter().map(|operation| {
        let chinese = |text: &str| translations.of(text).unwrap_or(text).trim().to_owned();
        let summary = chinese(summary(operation));
        let description = chinese(operation.api.description.as_deref().unwrap_or_default());
        let id = operation.id();
        quote!(#id => (#summary, #description))
    });
    quote! {
        /// Returns the summary and the description of an operation in Chinese.
        pub(crate) fn chinese(id: &str) -> Option<(&'static str, &'static str)> {
            Some(match id {
                #(#rows,)*
                _ => return None,
            })
        }
    }
}

fn constant_name(operation: &Operation<'_>) -> Ident {
    format_ident!("{}", operation.id().to_uppercase())
}

fn request_name(operation: &Operation<'_>) -> Ident {
    format_ident!("{}", type_name(operation.id()))
}

fn constant(operation: &Operation<'_>) -> TokenStream {
    let (name, id, path, tag) = (constant_name(operation), operation.id(), operation.path, operation.tag());
    let method = operation.method.to_uppercase();
    let repeat = format_ident!("{}", type_name(operation.text("x-repeat")));
    let page = match operation.official_page() {
        Some(page) => quote!(Some(#page)),
        None => quote!(None),
    };
    let needs_access_token = operation.needs_access_token();
    let docs = format!(" `{method} {path}`: {}", docs::text(summary(operation)));
    let summary = summary(operation);
    let description = operation.api.description.as_deref().unwrap_or_default().trim();
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
            summary: #summary,
            description: #description,
        };
    }
}

/// Returns one arm of the generated function `request_schema`.
fn request_schema(normal: &Document, operation: &Operation<'_>) -> Result<TokenStream> {
    let id = operation.id();
    let body = operation.request_schema().map(|schema| {
        let schema = format_ident!("{schema}");
        quote!(generator.root_schema_for::<types::#schema>())
    });
    Ok(match body {
        Some(body) if operation.parameters().next().is_none() => quote!(#id => #body),
        body => {
            let schema = json_schema::of_parameters(normal, operation, body)?;
            quote!(#id => schemars::json_schema!(#schema))
        }
    })
}

fn summary<'a>(operation: &Operation<'a>) -> &'a str {
    operation.api.summary.as_deref().unwrap_or_default()
}

fn request(
    operation: &Operation<'_>,
    errcodes: &Errcodes,
    types: &GeneratedTypes,
    private: &PrivateTexts,
) -> Result<TokenStream> {
    let name = request_name(operation);
    let (constant, method) = (constant_name(operation), format_ident!("{}", operation.id()));
    let reply = format_ident!("{}", operation.reply_schema().unwrap_or_default());
    let docs = [
        format!(" {}", docs::text(summary(operation))),
        String::new(),
        format!(" `{} {}`. {}", operation.method.to_uppercase(), operation.path, source_of(operation.body)),
    ];
    let parameters: Vec<Parameter<'_>> = operation.parameters().map(|data| Parameter::of(operation, data)).collect();
    let fields = parameters.iter().map(Parameter::field).chain(operation.request_schema().map(|schema| {
        let schema = format_ident!("{schema}");
        quote! {
            /// The JSON body.
            pub body: types::#schema
        }
    }));
    let token_name = match operation.needs_access_token() {
        true => format_ident!("access_token"),
        false => format_ident!("_access_token"),
    };
    let arguments = types
        .arguments(operation.id())
        .context("progenitor generated no function for it; choose another operationId")?;
    let arguments = arguments.iter().map(|argument| match argument.as_str() {
        "access_token" if operation.needs_access_token() => Ok(quote!(access_token)),
        "body" => Ok(quote!(&self.body)),
        name => match parameters.iter().find(|parameter| parameter.name == name) {
            Some(parameter) => Ok(parameter.argument()),
            None => Err(anyhow!("progenitor generated an argument {name} that is not a parameter; compare argument_name in xtask/src/names.rs")),
        },
    });
    let arguments = arguments.collect::<Result<Vec<_>>>()?;
    let keyed = (operation.text("x-repeat") == "keyed").then(|| keyed(operation, errcodes, types)).transpose()?;
    let private = private_of_request(operation, &parameters, private);
    let callback_token = callback_token(operation, types);
    Ok(quote! {
        #(#[doc = #docs])*
        #[derive(Clone, Debug, Default)]
        pub struct #name {
            #(#fields),*
        }

        impl Request for #name {
            type Reply = types::#reply;

            fn operation(&self) -> Operation {
                #constant
            }

            async fn send(&self, client: &Client, #token_name: &AccessToken) -> Result<Self::Reply, Error> {
                client.#method(#(#arguments),*).await
            }

            #private
            #callback_token
            #keyed
        }
    })
}

/// Returns the method that says whether a request has the token of a callback. The client paces calls without one.
fn callback_token(operation: &Operation<'_>, types: &GeneratedTypes) -> Option<TokenStream> {
    let fields = types.fields(operation.request_schema()?)?;
    let token = &fields.iter().find(|field| field.is_option_of("SyncToken"))?.ident;
    Some(quote! {
        fn has_callback_token(&self) -> bool {
            self.body.#token.is_some()
        }
    })
}

/// A parameter of an operation as a field of its request value.
struct Parameter<'a> {
    name: String,
    data: &'a ParameterData,
    ty: TokenStream,
    /// Numbers and booleans are passed by value.
    is_copy: bool,
    is_secret: bool,
    is_text: bool,
    is_private: bool,
}

impl<'a> Parameter<'a> {
    fn of(operation: &Operation<'_>, data: &'a ParameterData) -> Self {
        let (schema, named) = match &data.format {
            ParameterSchemaOrContent::Schema(slot) => (slot.schema(), slot.reference()),
            ParameterSchemaOrContent::Content(_) => (None, None),
        };
        let secret = SECRETS.iter().find(|(name, _)| *name == data.name && schema.is_some_and(is_password));
        let number = schema.and_then(number);
        let is_text = schema.is_some_and(|schema| {
            matches!(&schema.schema_kind, SchemaKind::Type(Type::String(string)) if string.enumeration.is_empty())
        });
        let ty = match (secret, &number) {
            (Some((_, secret)), _) => {
                let secret = format_ident!("{secret}");
                quote!(crate::#secret)
            }
            (None, Some(number)) => number.clone(),
            (None, None) if is_text => quote!(String),
            (None, None) => {
                // An enum. It has a name of its own if the slot is a reference.
                let own = format!("{}_{}", operation.id(), data.name);
                let name = format_ident!("{}", type_name(named.unwrap_or(&own)));
                quote!(types::#name)
            }
        };
        Self {
            name: argument_name(&data.name),
            data,
            ty,
            is_copy: number.is_some(),
            is_secret: secret.is_some(),
            is_text: is_text && secret.is_none(),
            is_private: schema.is_some_and(|schema| schema.schema_data.extensions.contains_key("x-private")),
        }
    }

    fn ident(&self) -> Ident {
        format_ident!("{}", self.name)
    }

    fn field(&self) -> TokenStream {
        let (ident, ty) = (self.ident(), &self.ty);
        let schema = match &self.data.format {
            ParameterSchemaOrContent::Schema(slot) => slot.schema(),
            ParameterSchemaOrContent::Content(_) => None,
        };
        let default = schema.and_then(|schema| schema.schema_data.default.as_ref());
        let docs = docs::lines(self.data.description.as_deref().unwrap_or_default())
            .chain(default.map(|default| format!("Default: `{default}`.")))
            .map(|line| format!(" {line}"));
        let ty = if self.data.required { quote!(#ty) } else { quote!(Option<#ty>) };
        quote! {
            #(#[doc = #docs])*
            pub #ident: #ty
        }
    }

    /// Returns the expression that passes the field to the generated function.
    fn argument(&self) -> TokenStream {
        let ident = self.ident();
        match (self.data.required, self.is_copy, self.is_text) {
            (_, true, _) => quote!(self.#ident),
            (true, false, _) => quote!(&self.#ident),
            (false, false, true) => quote!(self.#ident.as_deref()),
            (false, false, false) => quote!(self.#ident.as_ref()),
        }
    }
}

/// Returns the type that typify chooses for a number or a boolean.
fn number(schema: &Schema) -> Option<TokenStream> {
    use openapiv3::{IntegerFormat, NumberFormat, VariantOrUnknownOrEmpty as Format};
    Some(match &schema.schema_kind {
        SchemaKind::Type(Type::Boolean(_)) => quote!(bool),
        SchemaKind::Type(Type::Number(number)) => match number.format {
            Format::Item(NumberFormat::Float) => quote!(f32),
            _ => quote!(f64),
        },
        SchemaKind::Type(Type::Integer(integer)) => match &integer.format {
            Format::Item(IntegerFormat::Int32) => quote!(i32),
            Format::Unknown(format) if format == "uint32" => quote!(u32),
            Format::Unknown(format) if format == "uint64" => quote!(u64),
            _ => quote!(i64),
        },
        _ => return None,
    })
}

/// Returns the methods of a keyed operation: whether this request may be repeated, and which errcode means that an earlier
/// attempt succeeded.
fn keyed(operation: &Operation<'_>, errcodes: &Errcodes, types: &GeneratedTypes) -> Result<TokenStream> {
    let key = operation.text("x-repeat-key");
    let field = |schema: Option<&str>| {
        let schema = schema.unwrap_or_default();
        types.field(schema, key).ok_or_else(|| {
            anyhow!("the generated {schema} has no field for {key}; compare field_name in xtask/src/names.rs")
        })
    };
    let (sent, answered) = (field(operation.request_schema())?, field(operation.reply_schema())?);
    let answer = operation.body["x-repeat-answered-with"].as_i64().unwrap_or_default();
    let answer = format_ident!("{}", errcodes.require(answer)?);
    let (sent_key, reply_key) = (&sent.ident, &answered.ident);
    let value = match sent.is_optional() {
        true => quote!(self.body.#sent_key.as_deref().unwrap_or_default()),
        false => quote!(self.body.#sent_key.as_str()),
    };
    let repeated = match (sent.is_optional(), answered.is_optional()) {
        (false, true) => quote!(Some(self.body.#sent_key.clone())),
        (true, false) => quote!(self.body.#sent_key.clone().unwrap_or_default()),
        _ => quote!(self.body.#sent_key.clone()),
    };
    Ok(quote! {
        fn repeat(&self) -> Repeat {
            // An empty key counts as no key.
            if #value.is_empty() { Repeat::Never } else { Repeat::Keyed }
        }

        fn reply_to_repeat(&self, errcode: ErrCode) -> Option<Self::Reply> {
            (errcode == ErrCode::#answer).then(|| Self::Reply { #reply_key: #repeated, ..Default::default() })
        }
    })
}

fn reply(normal: &Document, name: &str) -> Result<TokenStream> {
    let ident = format_ident!("{name}");
    let schema = normal.schema(name)?;
    let has_no_errcode = schema.schema_data.extensions.contains_key(NO_ERRCODE);
    let properties = object(schema).map_or(0, |object| object.properties.len());
    let has_more = properties > if has_no_errcode { 0 } else { 2 };
    let rest = has_more.then(|| quote!(, ..Default::default()));
    Ok(quote! {
        impl FromJson for types::#ident {
            fn decode(body: &[u8]) -> Result<Self, Error> {
                crate::exchange::decode(body)
            }
        }

        impl Reply for types::#ident {
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

/// The texts of requests that must not be printed: secrets, and texts that the document marks with `x-private`. Maps
/// the name of each struct to those of its properties that are such texts or contain some.
struct PrivateTexts(BTreeMap<String, Vec<PrivateProperty>>);

struct PrivateProperty {
    name: String,
    kind: Privacy,
}

enum Privacy {
    Secret,
    Text,
    /// The property is a struct with this name, which may contain private texts.
    Inside(String),
}

impl PrivateTexts {
    fn of(normal: &Document) -> Result<Self> {
        let mut structs = BTreeMap::new();
        for name in normal.request_schemas() {
            let slot = normal.api.components.as_ref().and_then(|components| components.schemas.get(&name));
            let Some(slot) = slot else { continue };
            walk(&format!("components.schemas.{name}"), slot, &mut |place, slot| {
                let Some(object) = slot.schema().and_then(object) else { return };
                let properties = object.properties.iter().filter_map(|(name, property)| {
                    let kind = privacy(&format!("{place}.properties.{name}"), property)?;
                    Some(PrivateProperty { name: name.clone(), kind })
                });
                structs.insert(type_at(place), properties.collect());
            });
        }
        let mut texts = Self(structs);
        texts.keep_private();
        Ok(texts)
    }

    /// Drops the structs and properties that contain no private text.
    fn keep_private(&mut self) {
        let mut private = BTreeSet::new();
        loop {
            let is_private = |property: &PrivateProperty| match &property.kind {
                Privacy::Inside(name) => private.contains(name),
                Privacy::Secret | Privacy::Text => true,
            };
            let found: BTreeSet<String> =
                self.0.iter().filter(|(_, all)| all.iter().any(is_private)).map(|(name, _)| name.clone()).collect();
            if found == private {
                break;
            }
            private = found;
        }
        self.0.retain(|name, _| private.contains(name));
        for properties in self.0.values_mut() {
            properties.retain(|property| match &property.kind {
                Privacy::Inside(name) => private.contains(name),
                Privacy::Secret | Privacy::Text => true,
            });
        }
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn render(&self, types: &GeneratedTypes) -> Result<Vec<TokenStream>> {
        let blocks = self.0.iter().map(|(name, properties)| {
            let statements = properties.iter().map(|property| {
                let field = types.field(name, &property.name).ok_or_else(|| {
                    anyhow!(
                        "the generated {name} has no field for {}; compare field_name in xtask/src/names.rs",
                        property.name
                    )
                })?;
                let ident = &field.ident;
                Ok(quote!(self.#ident.private(private);))
            });
            let statements = statements.collect::<Result<Vec<_>>>()?;
            let ident = format_ident!("{name}");
            Ok(quote! {
                impl Private for types::#ident {
                    fn private<'a>(&'a self, private: &mut Vec<&'a str>) {
                        #(#statements)*
                    }
                }
            })
        });
        blocks.collect()
    }
}

fn privacy(place: &str, slot: &dyn Slot) -> Option<Privacy> {
    if let Some(name) = slot.reference().or_else(|| slot.schema().and_then(described_reference)) {
        return Some(Privacy::Inside(name.to_owned()));
    }
    let schema = slot.schema()?;
    match &schema.schema_kind {
        _ if is_password(schema) => Some(Privacy::Secret),
        _ if schema.schema_data.extensions.contains_key("x-private") => Some(Privacy::Text),
        SchemaKind::Type(Type::Array(array)) => privacy(&format!("{place}.items"), array.items.as_ref()?),
        SchemaKind::Type(Type::Object(object)) => match &object.additional_properties {
            Some(AdditionalProperties::Schema(values)) if object.properties.is_empty() => {
                privacy(&format!("{place}.additionalProperties"), &**values)
            }
            _ => Some(Privacy::Inside(type_at(place))),
        },
        _ => None,
    }
}

fn private_of_request(
    operation: &Operation<'_>,
    parameters: &[Parameter<'_>],
    texts: &PrivateTexts,
) -> Option<TokenStream> {
    let parameters = parameters.iter().filter(|parameter| parameter.is_secret || parameter.is_private);
    let body = operation.request_schema().filter(|schema| texts.has(schema)).map(|_| format_ident!("body"));
    let fields: Vec<Ident> = parameters.map(Parameter::ident).chain(body).collect();
    (!fields.is_empty()).then(|| {
        quote! {
            fn private(&self) -> Vec<&str> {
                let mut private = Vec::new();
                #(self.#fields.private(&mut private);)*
                private
            }
        }
    })
}
