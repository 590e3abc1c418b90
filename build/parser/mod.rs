//! Tokens to [`File`]. What is written is taken as it is; what it means is for `check`.

use super::Fault;
use super::lexer::{Token, TokenKind};
use super::syntax::{Definition, EnumValue, Field, File, Kind, Literal, Method, Name, Type};
use super::words;

mod cursor;

use cursor::Parser;

/// Parses one file.
pub fn parse(path: &str, text: &str) -> Result<File, Fault> {
    let mut parser = Parser::new(text)?;
    let mut file = File {
        path: path.to_owned(),
        stem: stem(path).to_owned(),
        includes: Vec::new(),
        definitions: Vec::new(),
    };
    while parser.peek().kind != TokenKind::End {
        parser.top(&mut file)?;
    }
    Ok(file)
}

/// The file name without folders and without ending.
fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".thrift").unwrap_or(name)
}

impl Parser {
    fn top(&mut self, file: &mut File) -> Result<(), Fault> {
        let doc = self.doc();
        let at = self.peek().at;
        let keyword = self.word("a definition")?.text;
        match keyword.as_str() {
            "namespace" => return self.namespace(),
            "include" => {
                file.includes.push(self.include()?);
                return Ok(());
            }
            _ => {}
        }
        let definition = match keyword.as_str() {
            "const" => {
                let kind = self.kind()?;
                let name = self.name("the constant's name")?;
                self.expect('=')?;
                let value = self.literal()?;
                (name, Kind::Const(kind, value))
            }
            "typedef" => {
                let kind = self.kind()?;
                (self.name("the new type's name")?, Kind::Typedef(kind))
            }
            "enum" => (self.name("the enum's name")?, Kind::Enum(self.values()?)),
            "struct" => {
                let name = self.name("the struct's name")?;
                (name, Kind::Struct(self.fields('{', '}')?))
            }
            "exception" => {
                let name = self.name("the exception's name")?;
                (name, Kind::Exception(self.fields('{', '}')?))
            }
            "service" => (self.name("the service's name")?, self.service()?),
            other => return Err((at, format!("`{other}` does not start a definition here"))),
        };
        self.separator();
        let (name, kind) = definition;
        file.definitions.push(Definition { name, doc, kind });
        Ok(())
    }

    /// Namespaces are for other languages: here the file names the module.
    fn namespace(&mut self) -> Result<(), Fault> {
        if !self.eat('*') {
            self.word("a language or `*`")?;
        }
        self.word("the namespace").map(drop)
    }

    fn include(&mut self) -> Result<Name, Fault> {
        let Token { kind, at, .. } = self.peek();
        let TokenKind::Text(path) = kind else {
            return self.fail("a file name in quotes");
        };
        let name = Name {
            text: stem(path).to_owned(),
            at: *at,
        };
        self.take();
        Ok(name)
    }

    fn literal(&mut self) -> Result<Literal, Fault> {
        let literal = match &self.peek().kind {
            TokenKind::Int(value) => Literal::Int(*value),
            TokenKind::Text(text) => Literal::Text(text.clone()),
            _ => return self.fail("a whole number or a string"),
        };
        self.take();
        Ok(literal)
    }

    fn values(&mut self) -> Result<Vec<EnumValue>, Fault> {
        self.expect('{')?;
        let mut values = Vec::new();
        while !self.eat('}') {
            let doc = self.doc();
            let name = self.name("a value's name or `}`")?;
            // Apache counts on from the value before; a number that is written cannot move.
            self.expect('=')?;
            let value = self.small("an enum value (i32)")?;
            self.separator();
            values.push(EnumValue { name, value, doc });
        }
        Ok(values)
    }

    fn fields(&mut self, open: char, close: char) -> Result<Vec<Field>, Fault> {
        self.expect(open)?;
        let mut fields = Vec::new();
        while !self.eat(close) {
            fields.push(self.field(close)?);
        }
        Ok(fields)
    }

    fn field(&mut self, close: char) -> Result<Field, Fault> {
        let doc = self.doc();
        let id = self.small(&format!("a field id (i16) or `{close}`"))?;
        self.expect(':')?;
        let required = if self.eat_word("required") {
            Some(true)
        } else if self.eat_word("optional") {
            Some(false)
        } else {
            None
        };
        let kind = self.kind()?;
        let name = self.name("the field's name")?;
        if self.peek().kind == TokenKind::Mark('=') {
            let why = "default values are not supported: make the field optional and say in its \
                       comment what is meant when it is absent";
            return Err((self.peek().at, why.to_owned()));
        }
        self.separator();
        Ok(Field {
            id,
            name,
            kind,
            required,
            doc,
        })
    }

    fn service(&mut self) -> Result<Kind, Fault> {
        self.expect('{')?;
        let mut methods = Vec::new();
        while !self.eat('}') {
            methods.push(self.method()?);
        }
        Ok(Kind::Service(methods))
    }

    fn method(&mut self) -> Result<Method, Fault> {
        let doc = self.doc();
        let oneway = self.eat_word("oneway");
        let reply = if self.eat_word("void") {
            None
        } else {
            Some(self.kind()?)
        };
        let name = self.name("the method's name")?;
        let arguments = self.fields('(', ')')?;
        let throws = if self.eat_word("throws") {
            self.fields('(', ')')?
        } else {
            Vec::new()
        };
        self.separator();
        Ok(Method {
            name,
            oneway,
            reply,
            arguments,
            throws,
            doc,
        })
    }

    fn kind(&mut self) -> Result<Type, Fault> {
        let name = self.word("a type")?;
        Ok(match name.text.as_str() {
            "bool" => Type::Bool,
            "byte" | "i8" => Type::I8,
            "i16" => Type::I16,
            "i32" => Type::I32,
            "i64" => Type::I64,
            "double" => Type::Double,
            "string" => Type::Text,
            "binary" => Type::Binary,
            "list" => Type::List(self.element()?),
            "set" => Type::Set(self.element()?),
            "map" => {
                self.expect('<')?;
                let key = Box::new(self.kind()?);
                self.expect(',')?;
                let value = Box::new(self.kind()?);
                self.expect('>')?;
                Type::Map(key, value)
            }
            other if words::refuse(other).is_some() => {
                return Err((name.at, format!("`{other}` is no type here")));
            }
            _ => Type::Named(name),
        })
    }

    fn element(&mut self) -> Result<Box<Type>, Fault> {
        self.expect('<')?;
        let kind = self.kind()?;
        self.expect('>')?;
        Ok(Box::new(kind))
    }
}
