//! Taking tokens one after the other.

use crate::stubgen::Fault;
use crate::stubgen::lexer::{Token, TokenKind, tokens};
use crate::stubgen::syntax::Name;
use crate::stubgen::words;

/// Tokens and how far they are taken.
pub struct Parser {
    tokens: Vec<Token>,
    next: usize,
}

impl Parser {
    /// At the start of `text`.
    pub fn new(text: &str) -> Result<Self, Fault> {
        Ok(Parser {
            tokens: tokens(text)?,
            next: 0,
        })
    }

    /// The token at hand.
    pub fn peek(&self) -> &Token {
        &self.tokens[self.next]
    }

    /// Takes the token at hand; the end is never passed.
    pub fn take(&mut self) -> &Token {
        let token = &self.tokens[self.next];
        if token.kind != TokenKind::End {
            self.next += 1;
        }
        token
    }

    /// Fails at the token at hand.
    pub fn fail<T>(&self, wanted: &str) -> Result<T, Fault> {
        let Token { kind, at, .. } = self.peek();
        Err((*at, format!("expected {wanted}, found {}", kind.show())))
    }

    pub fn is_word(&self, word: &str) -> bool {
        matches!(&self.peek().kind, TokenKind::Word(found) if found == word)
    }

    /// Takes a word if it is the next.
    pub fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.take();
        }
        found
    }

    /// Takes a mark if it is the next.
    pub fn eat(&mut self, mark: char) -> bool {
        let found = self.peek().kind == TokenKind::Mark(mark);
        if found {
            self.take();
        }
        found
    }

    /// Takes a mark that must be the next.
    pub fn expect(&mut self, mark: char) -> Result<(), Fault> {
        if self.eat(mark) {
            Ok(())
        } else {
            self.fail(&format!("`{mark}`"))
        }
    }

    /// The separator after an element, which may be left out.
    pub fn separator(&mut self) {
        if !self.eat(',') {
            self.eat(';');
        }
    }

    /// The doc comment before the token at hand.
    pub fn doc(&self) -> Vec<String> {
        self.peek().doc.clone()
    }

    /// A word that is used, not defined; it may have a dot.
    pub fn word(&mut self, wanted: &str) -> Result<Name, Fault> {
        let Token { kind, at, .. } = self.peek();
        let TokenKind::Word(text) = kind else {
            return self.fail(wanted);
        };
        let name = Name {
            text: text.clone(),
            at: *at,
        };
        self.take();
        Ok(name)
    }

    /// A name that is defined here.
    pub fn name(&mut self, wanted: &str) -> Result<Name, Fault> {
        let name = self.word(wanted)?;
        if name.text.contains('.') {
            return Err((name.at, format!("the name `{}` has a dot", name.text)));
        }
        match words::refuse(&name.text) {
            Some(why) => Err((name.at, format!("`{}` {why}", name.text))),
            None => Ok(name),
        }
    }

    /// A whole number.
    pub fn int(&mut self, wanted: &str) -> Result<i64, Fault> {
        match self.peek().kind {
            TokenKind::Int(value) => {
                self.take();
                Ok(value)
            }
            _ => self.fail(wanted),
        }
    }

    /// A whole number that fits `T`.
    pub fn small<T: TryFrom<i64>>(&mut self, wanted: &str) -> Result<T, Fault> {
        let at = self.peek().at;
        let value = self.int(wanted)?;
        T::try_from(value).map_err(|_| (at, format!("{value} is out of range for {wanted}")))
    }
}
