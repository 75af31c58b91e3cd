//! The operations and types of a client of the control API, in no particular language.

/// The operations and types of a client.
pub struct Api {
    pub operations: Vec<Operation>,
    pub structs: Vec<Struct>,
    /// Named types that are not objects, such as closed lists.
    pub aliases: Vec<Field>,
    /// The ids of operations whose reply is a stream, which the clients leave out.
    pub streams: Vec<String>,
}

pub struct Operation {
    /// In `snake_case`, as in the document.
    pub id: String,
    /// The HTTP method, in capitals.
    pub method: String,
    /// The parts of the path below `/sim/v1`.
    pub path: Vec<Segment>,
    pub doc: String,
    pub path_parameters: Vec<Field>,
    pub query: Vec<Field>,
    pub body: Body,
    pub reply: Reply,
}

pub enum Segment {
    Literal(String),
    Parameter(String),
}

pub enum Body {
    None,
    /// An object without members.
    Empty,
    /// An object that allows no other members. Each member is an argument of the method.
    Members(Vec<Field>),
    /// A value that the caller passes as a whole.
    Value(Type),
    Bytes,
}

pub enum Reply {
    Json(String),
    Text,
    Bytes,
}

pub struct Struct {
    pub name: String,
    pub doc: String,
    /// The name of the struct from which it inherits fields.
    pub base: Option<String>,
    pub fields: Vec<Field>,
    /// Whether it may have members that the document does not name.
    pub is_open: bool,
}

pub struct Field {
    pub name: String,
    pub ty: Type,
    pub required: bool,
    pub doc: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    String,
    Integer,
    Number,
    Boolean,
    /// Any JSON value.
    Any,
    /// An object with any members.
    Object,
    Named(String),
    List(Box<Type>),
    /// One of these values, written as JSON.
    Literals(Vec<String>),
    OneOf(Vec<Type>),
    OrNull(Box<Type>),
}

impl Api {
    pub fn is_open(&self, name: &str) -> bool {
        self.structs.iter().any(|found| found.name == name && found.is_open)
    }
}

impl Operation {
    /// Returns the arguments that are not in the path: those of the query, then the members of the body.
    pub fn named_arguments(&self) -> impl Iterator<Item = &Field> {
        let members = match &self.body {
            Body::Members(members) => members.as_slice(),
            _ => &[],
        };
        self.query.iter().chain(members)
    }
}
