//! What an IDL file says, as the parser hands it on.

/// A place in a file, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Position {
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

/// A name and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Name {
    /// The name; a dot parts the file from the name for types of other files.
    pub text: String,
    /// Where it stands.
    pub at: Position,
}

/// One IDL file.
#[derive(Debug, PartialEq)]
pub struct File {
    /// As given, for messages.
    pub path: String,
    /// File name without ending; the name of the module.
    pub stem: String,
    /// Stems of included files.
    pub includes: Vec<Name>,
    /// In the order of the file.
    pub definitions: Vec<Definition>,
}

/// A named thing at the top level of a file.
#[derive(Debug, PartialEq)]
pub struct Definition {
    /// Its name.
    pub name: Name,
    /// Lines of its doc comment.
    pub doc: Vec<String>,
    /// What it is.
    pub kind: Kind,
}

/// What a definition defines.
#[derive(Debug, PartialEq)]
pub enum Kind {
    /// `const type name = value`
    Const(Type, Literal),
    /// `typedef type name`
    Typedef(Type),
    /// `enum name { ... }`
    Enum(Vec<EnumValue>),
    /// `struct name { ... }`
    Struct(Vec<Field>),
    /// `exception name { ... }`
    Exception(Vec<Field>),
    /// `service name { ... }`
    Service(Vec<Method>),
}

/// A constant's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// A whole number.
    Int(i64),
    /// A string.
    Text(String),
}

/// One value of an enum.
#[derive(Debug, PartialEq)]
pub struct EnumValue {
    /// Its name.
    pub name: Name,
    /// Its number.
    pub value: i32,
    /// Lines of its doc comment.
    pub doc: Vec<String>,
}

/// A field of a struct, an argument, or an exception of a method.
#[derive(Debug, PartialEq)]
pub struct Field {
    /// Its number on the wire.
    pub id: i16,
    /// Its name.
    pub name: Name,
    /// Its type.
    pub kind: Type,
    /// `required` or `optional`; none where the IDL says neither.
    pub required: Option<bool>,
    /// Lines of its doc comment.
    pub doc: Vec<String>,
}

/// A method of a service.
#[derive(Debug, PartialEq)]
pub struct Method {
    /// Its name.
    pub name: Name,
    /// No answer is awaited.
    pub oneway: bool,
    /// What it returns; none for `void`.
    pub reply: Option<Type>,
    /// Its arguments.
    pub arguments: Vec<Field>,
    /// What it may throw.
    pub throws: Vec<Field>,
    /// Lines of its doc comment.
    pub doc: Vec<String>,
}

/// A type as written.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// `bool`
    Bool,
    /// `i8` or `byte`
    I8,
    /// `i16`
    I16,
    /// `i32`
    I32,
    /// `i64`
    I64,
    /// `double`
    Double,
    /// `string`
    Text,
    /// `binary`
    Binary,
    /// `list<...>`
    List(Box<Type>),
    /// `set<...>`
    Set(Box<Type>),
    /// `map<..., ...>`
    Map(Box<Type>, Box<Type>),
    /// A definition, `name` or `file.name`.
    Named(Name),
}
