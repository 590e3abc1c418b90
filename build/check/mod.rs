//! What the parser let through and the rules do not: names twice, ids twice, types that are not
//! there, fields and methods that could not grow.

use super::Error;
use super::Fault;
use super::syntax::{Definition, Field, File, Kind, Method, Type};

mod leaves;
mod lookup;
mod names;

use leaves::{constant, enumeration};
use names::{Case, unique};

/// Files that fit together.
pub struct Program {
    /// In the order given.
    pub files: Vec<File>,
}

/// Checks all files.
pub fn check(files: Vec<File>) -> Result<Program, Error> {
    let program = Program { files };
    for file in &program.files {
        program.file(file).map_err(|(at, message)| Error {
            path: file.path.clone(),
            at,
            message,
        })?;
    }
    Ok(program)
}

impl Program {
    fn file(&self, file: &File) -> Result<(), Fault> {
        for include in &file.includes {
            if !self.files.iter().any(|other| other.stem == include.text) {
                let message = format!("there is no `{}.thrift` beside this file", include.text);
                return Err((include.at, message));
            }
        }
        unique("the name", file.definitions.iter().map(|each| &each.name))?;
        for definition in &file.definitions {
            self.definition(file, definition)?;
        }
        Ok(())
    }

    fn definition(&self, file: &File, definition: &Definition) -> Result<(), Fault> {
        let case = match definition.kind {
            Kind::Const(..) => Case::Upper,
            _ => Case::Camel,
        };
        case.check(&definition.name)?;
        match &definition.kind {
            Kind::Const(kind, value) => constant(&definition.name, kind, value),
            Kind::Typedef(kind) => {
                self.kind(file, kind)?;
                self.bare(file, &definition.name, kind, &mut Vec::new())
            }
            Kind::Enum(values) => enumeration(&definition.name, values),
            Kind::Struct(fields) | Kind::Exception(fields) => {
                self.fields(file, fields)?;
                let mut seen = Vec::new();
                fields
                    .iter()
                    .try_for_each(|field| self.bare(file, &definition.name, &field.kind, &mut seen))
            }
            Kind::Service(methods) => self.service(file, methods),
        }
    }

    fn fields(&self, file: &File, fields: &[Field]) -> Result<(), Fault> {
        unique("the field", fields.iter().map(|field| &field.name))?;
        for (index, field) in fields.iter().enumerate() {
            let Field { id, name, .. } = field;
            Case::Snake.check(name)?;
            if *id < 1 {
                return Err((name.at, format!("the id {id} is below 1")));
            }
            if let Some(other) = fields[..index].iter().find(|other| other.id == *id) {
                let message = format!("id {id} is taken by `{}`", other.name.text);
                return Err((name.at, message));
            }
            if field.required.is_none() {
                let message = format!("say whether `{}` is required or optional", name.text);
                return Err((name.at, message));
            }
            self.kind(file, &field.kind)?;
        }
        Ok(())
    }

    fn service(&self, file: &File, methods: &[Method]) -> Result<(), Fault> {
        unique("the method", methods.iter().map(|method| &method.name))?;
        for method in methods {
            Case::Snake.check(&method.name)?;
            self.method(file, method)?;
        }
        Ok(())
    }

    /// One request, one reply, one exception: the shape that can grow.
    fn method(&self, file: &File, method: &Method) -> Result<(), Fault> {
        let at = method.name.at;
        let wrong = |what: &str| Err((at, format!("the method `{}` {what}", method.name.text)));
        let [argument] = method.arguments.as_slice() else {
            return wrong("must take exactly one request struct");
        };
        Case::Snake.check(&argument.name)?;
        let mut parts = vec![(&argument.kind, false)];
        match (&method.reply, method.throws.as_slice()) {
            (None, []) if method.oneway => {}
            _ if method.oneway => return wrong("is oneway, so it returns void and throws nothing"),
            (Some(reply), [thrown]) => parts.extend([(reply, false), (&thrown.kind, true)]),
            (None, _) => return wrong("must return a reply struct"),
            (Some(_), _) => return wrong("must throw exactly one exception"),
        }
        for (kind, thrown) in parts {
            self.kind(file, kind)?;
            match self.target(file, kind) {
                Some(Kind::Struct(_)) if !thrown => {}
                Some(Kind::Exception(_)) if thrown => {}
                _ if thrown => return wrong("must throw an exception, not another type"),
                _ => return wrong("must take and return structs, not other types"),
            }
        }
        Ok(())
    }

    /// Checks that a type is there and can be written in Rust.
    fn kind(&self, file: &File, kind: &Type) -> Result<(), Fault> {
        match kind {
            Type::List(element) => self.kind(file, element),
            Type::Set(element) => self.key(file, element),
            Type::Map(key, value) => {
                self.key(file, key)?;
                self.kind(file, value)
            }
            Type::Named(name) => self.find(file, name).map(drop),
            _ => Ok(()),
        }
    }

    /// Keys are kept in order, so they need one.
    fn key(&self, file: &File, kind: &Type) -> Result<(), Fault> {
        self.kind(file, kind)?;
        let ordered = match kind {
            Type::Named(name) => match self.find(file, name)? {
                (
                    home,
                    Definition {
                        kind: Kind::Typedef(kind),
                        ..
                    },
                ) => return self.key(home, kind),
                (_, definition) => matches!(definition.kind, Kind::Enum(_)),
            },
            Type::Double | Type::List(_) | Type::Set(_) | Type::Map(..) => false,
            _ => true,
        };
        match (ordered, kind) {
            (true, _) => Ok(()),
            (false, Type::Named(name)) => {
                Err((name.at, format!("`{}` cannot be a key", name.text)))
            }
            (false, _) => {
                let at = file.definitions.first().map(|first| first.name.at);
                let message = "doubles and containers cannot be keys of sets and maps";
                Err((at.unwrap_or_default(), message.to_owned()))
            }
        }
    }
}
