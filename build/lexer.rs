//! Characters to tokens. Comments vanish, except that a doc comment stays with the token after it.

use super::Fault;
use super::syntax::Position;

/// A token, where it starts, and the doc comment before it.
#[derive(Debug)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it starts.
    pub at: Position,
    /// Lines of the last `/** ... */` before it.
    pub doc: Vec<String>,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub enum TokenKind {
    /// A word, with dots for names of other files.
    Word(String),
    /// A whole number.
    Int(i64),
    /// A string between quotes.
    Text(String),
    /// One of `{}()<>,;:=*`.
    Mark(char),
    /// The end of the file.
    End,
}

impl TokenKind {
    /// How a message shows it.
    pub fn show(&self) -> String {
        match self {
            TokenKind::Word(word) => format!("`{word}`"),
            TokenKind::Int(value) => format!("`{value}`"),
            TokenKind::Text(text) => format!("\"{text}\""),
            TokenKind::Mark(mark) => format!("`{mark}`"),
            TokenKind::End => "the end of the file".to_owned(),
        }
    }
}

/// All tokens of a text; the last is [`TokenKind::End`].
pub fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    let mut lexer = Lexer {
        rest: text.chars().collect(),
        next: 0,
        at: Position { line: 1, column: 1 },
        doc: Vec::new(),
    };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.token()?;
        let last = token.kind == TokenKind::End;
        tokens.push(token);
        if last {
            return Ok(tokens);
        }
    }
}

struct Lexer {
    rest: Vec<char>,
    next: usize,
    at: Position,
    doc: Vec<String>,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.rest.get(self.next + ahead).copied()
    }

    fn bump(&mut self) -> Option<char> {
        let character = self.peek(0)?;
        self.next += 1;
        if character == '\n' {
            self.at.line += 1;
            self.at.column = 1;
        } else {
            self.at.column += 1;
        }
        Some(character)
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(character) = self.peek(0).filter(|&character| wanted(character)) {
            taken.push(character);
            self.bump();
        }
        taken
    }

    fn token(&mut self) -> Result<Token, Fault> {
        self.skip_blank()?;
        let at = self.at;
        let kind = match self.peek(0) {
            None => TokenKind::End,
            Some(quote @ ('"' | '\'')) => self.text(quote, at)?,
            Some('-' | '+' | '0'..='9') => self.number(at)?,
            Some(first) if first == '_' || first.is_ascii_alphabetic() => {
                TokenKind::Word(self.take_while(|character| {
                    character == '_' || character == '.' || character.is_ascii_alphanumeric()
                }))
            }
            Some(mark) if "{}()<>,;:=*".contains(mark) => {
                self.bump();
                TokenKind::Mark(mark)
            }
            Some(other) => return Err((at, format!("unexpected character {other:?}"))),
        };
        let doc = std::mem::take(&mut self.doc);
        Ok(Token { kind, at, doc })
    }

    fn skip_blank(&mut self) -> Result<(), Fault> {
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(blank), _) if blank.is_whitespace() => {
                    self.bump();
                }
                (Some('#'), _) | (Some('/'), Some('/')) => {
                    self.take_while(|character| character != '\n');
                }
                (Some('/'), Some('*')) => self.block_comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn block_comment(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.bump();
        self.bump();
        let mut body = String::new();
        while !(self.peek(0) == Some('*') && self.peek(1) == Some('/')) {
            match self.bump() {
                Some(character) => body.push(character),
                None => return Err((start, "this comment does not end".to_owned())),
            }
        }
        self.bump();
        self.bump();
        if let Some(body) = body.strip_prefix('*') {
            self.doc = doc_lines(body);
        }
        Ok(())
    }

    fn text(&mut self, quote: char, at: Position) -> Result<TokenKind, Fault> {
        self.bump();
        let text = self.take_while(|character| character != quote && character != '\n');
        if text.contains('\\') {
            return Err((at, "escapes are not supported in strings".to_owned()));
        }
        match self.bump() {
            Some(end) if end == quote => Ok(TokenKind::Text(text)),
            _ => Err((at, "this string does not end on its line".to_owned())),
        }
    }

    fn number(&mut self, at: Position) -> Result<TokenKind, Fault> {
        let text = self.take_while(|character| {
            character.is_ascii_alphanumeric() || matches!(character, '-' | '+' | '.')
        });
        let value = match text.strip_prefix("0x") {
            Some(digits) => i64::from_str_radix(digits, 16),
            None => text.parse(),
        };
        match value {
            Ok(value) => Ok(TokenKind::Int(value)),
            Err(_) => Err((at, format!("`{text}` is not a whole number of 64 bits"))),
        }
    }
}

/// The lines of a doc comment without the stars of the left margin, blank ends cut off.
fn doc_lines(body: &str) -> Vec<String> {
    let mut lines: Vec<String> = body
        .lines()
        .map(|line| {
            let line = line.trim();
            line.strip_prefix('*').unwrap_or(line).trim().to_owned()
        })
        .collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    let blank = lines.iter().take_while(|line| line.is_empty()).count();
    lines.split_off(blank)
}
