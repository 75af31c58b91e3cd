//! The operations and types of a client of the control API, in no particular language.

/// All that a client is generated from.
pub struct Api {
    pub operations: Vec<Operation>,
    pub structs: Vec<Struct>,
    /// Types that are not objects and have a name, such as a closed list.
    pub aliases: Vec<Field>,
    /// The ids of operations whose reply is a stream, which the clients leave out.
    pub streams: Vec<String>,
}

pub struct Operation {
    /// In `snake_case`, as in the document.
    pub id: String,
    /// In capitals.
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
    /// A closed object: its members are arguments.
    Members(Vec<Field>),
    /// A value that the caller builds.
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
    /// The struct whose fields it has too.
    pub base: Option<String>,
    pub fields: Vec<Field>,
    /// It may have further members.
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
    /// One of these values, as JSON writes them.
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
