//! What the parser let through and the rules do not: names twice, ids twice, types that are not
//! there, fields and methods that could not grow.

use super::Error;
use super::Fault;
use super::syntax::{Definition, EnumValue, Field, File, Kind, Literal, Method, Name, Type};

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

/// How a kind of name is written.
#[derive(Clone, Copy)]
enum Case {
    /// `CamelCase`
    Camel,
    /// `snake_case`
    Snake,
    /// `UPPER_CASE`
    Upper,
}

impl Case {
    fn check(self, name: &Name) -> Result<(), Fault> {
        let text = name.text.as_str();
        let first = text.chars().next().unwrap_or('_');
        let (fits, shown) = match self {
            Case::Camel => (first.is_uppercase() && !text.contains('_'), "CamelCase"),
            Case::Snake => (text == text.to_lowercase() && first != '_', "snake_case"),
            Case::Upper => (text == text.to_uppercase() && first != '_', "UPPER_CASE"),
        };
        if fits {
            Ok(())
        } else {
            Err((name.at, format!("`{text}` should be in {shown}")))
        }
    }
}

/// Fails at the first name that stands twice.
fn unique<'a>(what: &str, names: impl Iterator<Item = &'a Name>) -> Result<(), Fault> {
    let mut seen: Vec<&Name> = Vec::new();
    for name in names {
        if let Some(first) = seen.iter().find(|seen| seen.text == name.text) {
            let text = &name.text;
            let line = first.at.line;
            let message = format!("{what} `{text}` is defined twice, first in line {line}");
            return Err((name.at, message));
        }
        seen.push(name);
    }
    Ok(())
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

    /// The file and definition a name stands for.
    fn find<'a>(
        &'a self,
        file: &'a File,
        name: &Name,
    ) -> Result<(&'a File, &'a Definition), Fault> {
        let unknown = || (name.at, format!("there is no type `{}`", name.text));
        let (home, short) = match name.text.split_once('.') {
            None => (file, name.text.as_str()),
            Some((stem, short)) => {
                if !file.includes.iter().any(|include| include.text == stem) {
                    return Err((name.at, format!("`{stem}` is not included")));
                }
                let home = self.files.iter().find(|other| other.stem == stem);
                (home.ok_or_else(unknown)?, short)
            }
        };
        let mut types = home
            .definitions
            .iter()
            .filter(|definition| !matches!(definition.kind, Kind::Const(..) | Kind::Service(_)));
        let found = types.find(|definition| definition.name.text == short);
        Ok((home, found.ok_or_else(unknown)?))
    }

    /// What a name stands for.
    fn target<'a>(&'a self, file: &'a File, kind: &Type) -> Option<&'a Kind> {
        match kind {
            Type::Named(name) => Some(&self.find(file, name).ok()?.1.kind),
            _ => None,
        }
    }

    /// Fails when `kind` holds a `whole` without a container between, so without end.
    fn bare(
        &self,
        file: &File,
        whole: &Name,
        kind: &Type,
        seen: &mut Vec<Name>,
    ) -> Result<(), Fault> {
        let Type::Named(name) = kind else {
            return Ok(());
        };
        let (home, definition) = self.find(file, name)?;
        if definition.name == *whole {
            return Err((whole.at, format!("`{}` holds itself", whole.text)));
        }
        if seen.contains(&definition.name) {
            return Ok(());
        }
        seen.push(definition.name.clone());
        match &definition.kind {
            Kind::Struct(fields) | Kind::Exception(fields) => fields
                .iter()
                .try_for_each(|field| self.bare(home, whole, &field.kind, seen)),
            Kind::Typedef(kind) => self.bare(home, whole, kind, seen),
            _ => Ok(()),
        }
    }
}

fn constant(name: &Name, kind: &Type, value: &Literal) -> Result<(), Fault> {
    let fits = match (kind, value) {
        (Type::I8, Literal::Int(value)) => i8::try_from(*value).is_ok(),
        (Type::I16, Literal::Int(value)) => i16::try_from(*value).is_ok(),
        (Type::I32, Literal::Int(value)) => i32::try_from(*value).is_ok(),
        (Type::I64, Literal::Int(_)) | (Type::Text, Literal::Text(_)) => true,
        _ => false,
    };
    if fits {
        Ok(())
    } else {
        let message = format!("the value of `{}` does not fit its type", name.text);
        Err((name.at, message))
    }
}

fn enumeration(name: &Name, values: &[EnumValue]) -> Result<(), Fault> {
    unique("the value", values.iter().map(|value| &value.name))?;
    if !values
        .first()
        .is_some_and(|first| first.name.text == "UNKNOWN" && first.value == 0)
    {
        let message = format!("the first value of `{}` must be UNKNOWN = 0", name.text);
        return Err((name.at, message));
    }
    for (index, value) in values.iter().enumerate() {
        Case::Upper.check(&value.name)?;
        if let Some(other) = values[..index].iter().find(|o| o.value == value.value) {
            let message = format!("{} is taken by `{}`", value.value, other.name.text);
            return Err((value.name.at, message));
        }
    }
    Ok(())
}
