//! The kinds of objects in an OpenAPI 3.0 document: the keys of each kind, and the kind of object below each key.

use openapiv3::ReferenceOr;
use serde::de::DeserializeOwned;
use serde_json::Value;

use Kind::{
    Components, Contact, Discriminator, Document, Encoding, Example, ExternalDocs, Free, Header, Info, License, Link,
    List, Map, MediaType, Operation, Parameter, PathItem, RequestBody, Response, Responses, Schema, SecurityScheme,
    Server, ServerVariable, Tag, Xml,
};

/// A kind of object of the OpenAPI specification.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Document,
    Info,
    Contact,
    License,
    Server,
    ServerVariable,
    Tag,
    ExternalDocs,
    PathItem,
    Operation,
    Parameter,
    RequestBody,
    Responses,
    Response,
    MediaType,
    Encoding,
    Header,
    Example,
    Link,
    Components,
    SecurityScheme,
    Schema,
    Xml,
    Discriminator,
    /// An object whose keys are names.
    Map(&'static Kind),
    List(&'static Kind),
    /// Any JSON, such as an example.
    Free,
}

type Keys = &'static [(&'static str, Kind)];

const NAMED_PARAMETER: Keys = &[
    ("name", Free),
    ("in", Free),
    ("description", Free),
    ("required", Free),
    ("deprecated", Free),
    ("allowEmptyValue", Free),
    ("style", Free),
    ("explode", Free),
    ("allowReserved", Free),
    ("schema", Schema),
    ("example", Free),
    ("examples", Map(&Example)),
    ("content", Map(&MediaType)),
];

impl Kind {
    /// Returns the name that refusals use.
    pub fn name(self) -> &'static str {
        match self {
            Document => "the document",
            Info => "`info`",
            Contact => "`contact`",
            License => "`license`",
            Server | ServerVariable => "a server",
            Tag => "a tag",
            ExternalDocs => "`externalDocs`",
            PathItem => "a path",
            Operation => "an operation",
            Parameter => "a parameter",
            RequestBody => "a request body",
            Responses => "`responses`",
            Response => "a response",
            MediaType => "a media type",
            Encoding => "an encoding",
            Header => "a header",
            Example => "a named example",
            Link => "a link",
            Components => "`components`",
            SecurityScheme => "a security scheme",
            Schema => "a schema",
            Xml => "`xml`",
            Discriminator => "`discriminator`",
            Map(_) | List(_) | Free => "this object",
        }
    }

    /// Returns the keys that the specification defines, each with the kind below it. Empty for kinds whose keys are names.
    pub fn keys(self) -> Keys {
        match self {
            Document => &[
                ("openapi", Free),
                ("info", Info),
                ("servers", List(&Server)),
                ("paths", Map(&PathItem)),
                ("components", Components),
                ("security", Free),
                ("tags", List(&Tag)),
                ("externalDocs", ExternalDocs),
            ],
            Info => &[
                ("title", Free),
                ("description", Free),
                ("termsOfService", Free),
                ("contact", Contact),
                ("license", License),
                ("version", Free),
            ],
            Contact => &[("name", Free), ("url", Free), ("email", Free)],
            License => &[("name", Free), ("url", Free)],
            Server => &[("url", Free), ("description", Free), ("variables", Map(&ServerVariable))],
            ServerVariable => &[("enum", Free), ("default", Free), ("description", Free)],
            Tag => &[("name", Free), ("description", Free), ("externalDocs", ExternalDocs)],
            ExternalDocs => &[("description", Free), ("url", Free)],
            PathItem => &[
                ("summary", Free),
                ("description", Free),
                ("get", Operation),
                ("put", Operation),
                ("post", Operation),
                ("delete", Operation),
                ("options", Operation),
                ("head", Operation),
                ("patch", Operation),
                ("trace", Operation),
                ("servers", List(&Server)),
                ("parameters", List(&Parameter)),
            ],
            Operation => &[
                ("tags", Free),
                ("summary", Free),
                ("description", Free),
                ("externalDocs", ExternalDocs),
                ("operationId", Free),
                ("parameters", List(&Parameter)),
                ("requestBody", RequestBody),
                ("responses", Responses),
                ("callbacks", Map(&Map(&PathItem))),
                ("deprecated", Free),
                ("security", Free),
                ("servers", List(&Server)),
            ],
            Parameter => NAMED_PARAMETER,
            Header => NAMED_PARAMETER.split_at(2).1,
            RequestBody => &[("description", Free), ("content", Map(&MediaType)), ("required", Free)],
            Response => {
                &[("description", Free), ("headers", Map(&Header)), ("content", Map(&MediaType)), ("links", Map(&Link))]
            }
            MediaType => {
                &[("schema", Schema), ("example", Free), ("examples", Map(&Example)), ("encoding", Map(&Encoding))]
            }
            Encoding => &[
                ("contentType", Free),
                ("headers", Map(&Header)),
                ("style", Free),
                ("explode", Free),
                ("allowReserved", Free),
            ],
            Example => &[("summary", Free), ("description", Free), ("value", Free), ("externalValue", Free)],
            Link => &[
                ("operationRef", Free),
                ("operationId", Free),
                ("parameters", Free),
                ("requestBody", Free),
                ("description", Free),
                ("server", Server),
            ],
            Components => &[
                ("schemas", Map(&Schema)),
                ("responses", Map(&Response)),
                ("parameters", Map(&Parameter)),
                ("examples", Map(&Example)),
                ("requestBodies", Map(&RequestBody)),
                ("headers", Map(&Header)),
                ("securitySchemes", Map(&SecurityScheme)),
                ("links", Map(&Link)),
                ("callbacks", Map(&Map(&PathItem))),
            ],
            SecurityScheme => &[
                ("type", Free),
                ("description", Free),
                ("name", Free),
                ("in", Free),
                ("scheme", Free),
                ("bearerFormat", Free),
                ("flows", Free),
                ("openIdConnectUrl", Free),
            ],
            Schema => &[
                ("title", Free),
                ("multipleOf", Free),
                ("maximum", Free),
                ("exclusiveMaximum", Free),
                ("minimum", Free),
                ("exclusiveMinimum", Free),
                ("maxLength", Free),
                ("minLength", Free),
                ("pattern", Free),
                ("maxItems", Free),
                ("minItems", Free),
                ("uniqueItems", Free),
                ("maxProperties", Free),
                ("minProperties", Free),
                ("required", Free),
                ("enum", Free),
                ("type", Free),
                ("allOf", List(&Schema)),
                ("oneOf", List(&Schema)),
                ("anyOf", List(&Schema)),
                ("not", Schema),
                ("items", Schema),
                ("properties", Map(&Schema)),
                ("additionalProperties", Schema),
                ("description", Free),
                ("format", Free),
                ("default", Free),
                ("nullable", Free),
                ("discriminator", Discriminator),
                ("readOnly", Free),
                ("writeOnly", Free),
                ("xml", Xml),
                ("externalDocs", ExternalDocs),
                ("example", Free),
                ("deprecated", Free),
            ],
            Xml => &[("name", Free), ("namespace", Free), ("prefix", Free), ("attribute", Free), ("wrapped", Free)],
            Discriminator => &[("propertyName", Free), ("mapping", Free)],
            Responses | Map(_) | List(_) | Free => &[],
        }
    }

    /// Returns the kind of the value at `key`.
    pub fn child(self, key: &str) -> Kind {
        match self {
            Map(kind) | List(kind) => *kind,
            Responses => Response,
            _ => self.keys().iter().find(|(known, _)| *known == key).map_or(Free, |(_, kind)| *kind),
        }
    }

    /// Returns why `value` is not an object of this kind. `None` if it is one, or if any value is allowed.
    pub fn fault(self, value: &Value) -> Option<String> {
        fn parse<T: DeserializeOwned>(value: &Value) -> Option<String> {
            serde_json::from_value::<T>(value.clone()).err().map(|error| error.to_string())
        }
        match self {
            Document => parse::<openapiv3::OpenAPI>(value),
            Info => parse::<openapiv3::Info>(value),
            Contact => parse::<openapiv3::Contact>(value),
            License => parse::<openapiv3::License>(value),
            Server => parse::<openapiv3::Server>(value),
            ServerVariable => parse::<openapiv3::ServerVariable>(value),
            Tag => parse::<openapiv3::Tag>(value),
            ExternalDocs => parse::<openapiv3::ExternalDocumentation>(value),
            PathItem => parse::<ReferenceOr<openapiv3::PathItem>>(value),
            Operation => parse::<openapiv3::Operation>(value),
            Parameter => parse::<ReferenceOr<openapiv3::Parameter>>(value),
            RequestBody => parse::<ReferenceOr<openapiv3::RequestBody>>(value),
            Responses => parse::<openapiv3::Responses>(value),
            Response => parse::<ReferenceOr<openapiv3::Response>>(value),
            MediaType => parse::<openapiv3::MediaType>(value),
            Encoding => parse::<openapiv3::Encoding>(value),
            Header => parse::<ReferenceOr<openapiv3::Header>>(value),
            Example => parse::<ReferenceOr<openapiv3::Example>>(value),
            Link => parse::<ReferenceOr<openapiv3::Link>>(value),
            Components => parse::<openapiv3::Components>(value),
            SecurityScheme => parse::<ReferenceOr<openapiv3::SecurityScheme>>(value),
            // `additionalProperties` may also be a boolean.
            Schema => (!value.is_boolean()).then(|| parse::<ReferenceOr<openapiv3::Schema>>(value)).flatten(),
            Discriminator => parse::<openapiv3::Discriminator>(value),
            Map(_) => (!value.is_object()).then(|| "it is not a map".to_owned()),
            List(_) => (!value.is_array()).then(|| "it is not a list".to_owned()),
            Xml | Free => None,
        }
    }
}
