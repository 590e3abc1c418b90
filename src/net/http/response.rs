//! An answer: a status, headers, and a body that is whole or comes bit by bit.

use std::borrow::Cow;
use std::io::{self, Write};

/// What is said for as long as somebody listens.
pub trait Feed: Send {
    /// What is to be said next: nothing for now is an empty part, `None` the end. It waits a second at most.
    fn next(&mut self) -> Option<Vec<u8>>;
}

/// What follows the head of an answer.
pub enum Body {
    /// All of it.
    Whole(Cow<'static, [u8]>),
    /// What comes of a feed, until it or the connection ends.
    Feed(Box<dyn Feed>),
}

/// One answer.
pub struct Response {
    /// Status.
    pub status: u16,
    /// Type of the body.
    pub kind: &'static str,
    /// Further headers.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// Body.
    pub body: Body,
}

impl Response {
    /// An answer with a whole body.
    pub fn new(status: u16, kind: &'static str, body: impl Into<Cow<'static, [u8]>>) -> Response {
        Response {
            status,
            kind,
            headers: Vec::new(),
            body: Body::Whole(body.into()),
        }
    }

    /// A line of text.
    pub fn text(status: u16, line: &str) -> Response {
        let line = format!("{line}\n").into_bytes();
        Response::new(status, "text/plain; charset=utf-8", line)
    }

    /// An answer that goes on while somebody listens.
    pub fn feed(kind: &'static str, feed: impl Feed + 'static) -> Response {
        Response {
            body: Body::Feed(Box::new(feed)),
            ..Response::new(200, kind, Vec::new())
        }
    }

    /// The same with one more header.
    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Response {
        self.headers.push((name, value.into()));
        self
    }

    /// Writes everything before the body.
    pub(super) fn write_head(&self, to: &mut impl Write) -> io::Result<()> {
        let reason = reason(self.status);
        let mut head = format!("HTTP/1.1 {} {reason}\r\n", self.status);
        head += &format!("Content-Type: {}\r\nConnection: close\r\n", self.kind);
        if let Body::Whole(bytes) = &self.body {
            head += &format!("Content-Length: {}\r\n", bytes.len());
        }
        for (name, value) in &self.headers {
            // A value with a line break in it would be a header of its own.
            let value: String = value.chars().filter(|c| !c.is_control()).collect();
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        to.write_all(head.as_bytes())
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        421 => "Misdirected Request",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_has_a_line_each() {
        let response = Response::text(200, "ok").with("X-Name", "a\r\nSet-Cookie: b");
        let mut head = Vec::new();
        response.write_head(&mut head).unwrap();
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"));
        assert!(head.contains("Content-Length: 3\r\n"));
        assert!(head.ends_with("X-Name: aSet-Cookie: b\r\n\r\n"), "{head}");
    }
}
