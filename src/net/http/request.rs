//! A request as it is read: bounded in size, and refused with a status where it is wrong.

use std::io::{self, ErrorKind, Read};

use super::{LONGEST_BODY, LONGEST_HEAD};

/// Header lines of a request.
const MOST_HEADERS: usize = 64;
/// Read at once; most requests are shorter.
const BLOCK: usize = 2 << 10;

/// What a request wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The resource.
    Get,
    /// What would come before the body of the resource.
    Head,
    /// Something is to be done.
    Post,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What it wants done.
    pub method: Method,
    /// Path, as it came: no escapes are undone.
    pub path: String,
    /// What follows the question mark, as it came; empty without one.
    pub query: String,
    /// Names in lower case, and values, in their order.
    headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// A request that is not served, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Status of the answer.
    pub status: u16,
    /// For whoever sent it.
    pub reason: &'static str,
}

/// Why there is no request.
#[derive(Debug)]
pub enum ReadError {
    /// The peer closed the connection before a first byte.
    Nothing,
    /// It broke off, or took too long.
    Io(io::Error),
    /// It is wrong.
    Refused(Refusal),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> ReadError {
        ReadError::Io(error)
    }
}

fn refused<T>(status: u16, reason: &'static str) -> Result<T, ReadError> {
    Err(ReadError::Refused(Refusal { status, reason }))
}

impl Request {
    /// Reads one request. What comes after it is not looked at.
    ///
    /// # Errors
    /// When it does not come, or is none that is served here.
    pub fn read(from: &mut impl Read) -> Result<Request, ReadError> {
        let (head, rest) = read_head(from)?;
        let mut request = parse(&head)?;
        let length = request.length()?;
        request.body = read_body(from, rest, length)?;
        Ok(request)
    }

    /// The value of a header that comes once, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name);
        let (_, value) = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// The first value of this name in the query, its escapes undone.
    pub fn asked(&self, name: &str) -> Option<String> {
        let mut pairs = self
            .query
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(known, _)| *known == name)
            .map(|(_, value)| unescaped(value))
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known == name)
    }

    /// How long the body is.
    fn length(&self) -> Result<usize, ReadError> {
        if self.has("transfer-encoding") {
            return refused(501, "a body needs a Content-Length here");
        }
        if !self.has("content-length") {
            return match self.method {
                Method::Post => refused(411, "a POST needs a Content-Length"),
                Method::Get | Method::Head => Ok(0),
            };
        }
        let digits = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let Some(text) = self.header("content-length").filter(digits) else {
            return refused(400, "the Content-Length is no number");
        };
        match text.parse() {
            Ok(length) if length <= LONGEST_BODY => Ok(length),
            _ => refused(413, "the body is longer than 4 KiB"),
        }
    }
}

/// Reads up to the empty line that ends a head; what came with it besides.
fn read_head(from: &mut impl Read) -> Result<(Vec<u8>, Vec<u8>), ReadError> {
    let mut bytes = Vec::with_capacity(BLOCK);
    let mut block = [0; BLOCK];
    loop {
        let seen = bytes.len();
        match from.read(&mut block) {
            Ok(0) if seen == 0 => return Err(ReadError::Nothing),
            Ok(0) => return Err(ReadError::Io(ErrorKind::UnexpectedEof.into())),
            Ok(count) => bytes.extend_from_slice(&block[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        }
        // The end may lie across two reads.
        if let Some(end) = end_of_head(&bytes, seen.saturating_sub(3)) {
            if end > LONGEST_HEAD {
                break;
            }
            let rest = bytes.split_off(end);
            return Ok((bytes, rest));
        }
        if bytes.len() > LONGEST_HEAD {
            break;
        }
    }
    refused(431, "the head of the request is longer than 16 KiB")
}

/// Where the head ends, looked for from here on.
fn end_of_head(bytes: &[u8], from: usize) -> Option<usize> {
    let newlines = (from..bytes.len()).filter(|&at| bytes[at] == b'\n');
    newlines
        .filter_map(|at| match bytes.get(at + 1..) {
            Some([b'\n', ..]) => Some(at + 2),
            Some([b'\r', b'\n', ..]) => Some(at + 3),
            _ => None,
        })
        .next()
}

fn read_body(from: &mut impl Read, mut body: Vec<u8>, length: usize) -> Result<Vec<u8>, ReadError> {
    let had = body.len().min(length);
    body.resize(length, 0);
    from.read_exact(&mut body[had..])?;
    Ok(body)
}

/// A head as a request without its body.
fn parse(head: &[u8]) -> Result<Request, ReadError> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => {
            return refused(431, "the request has more than 64 headers");
        }
        _ => return refused(400, "this is no HTTP/1.1 request"),
    }
    let method = match parsed.method {
        Some("GET") => Method::Get,
        Some("HEAD") => Method::Head,
        Some("POST") => Method::Post,
        _ => return refused(405, "only GET, HEAD and POST are served"),
    };
    let target = origin_form(parsed.path.unwrap_or_default());
    let Some(target) = target else {
        return refused(400, "the target of the request is no path");
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let request = Request {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        headers: parsed
            .headers
            .iter()
            .map(|header| (header.name.to_ascii_lowercase(), text(header.value)))
            .collect(),
        body: Vec::new(),
    };
    if parsed.version == Some(1) && request.header("host").is_none() {
        return refused(400, "a request of HTTP/1.1 has one Host");
    }
    Ok(request)
}

/// A value of a query with its escapes undone; one that is none stays as it is.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escape = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let byte = escape.filter(|two| two.bytes().all(|b| b.is_ascii_hexdigit()));
        let byte = byte.and_then(|two| u8::from_str_radix(two, 16).ok());
        let (value, left) = match (first, byte) {
            (b'%', Some(byte)) => (byte, &after[2..]),
            (b'+', _) => (b' ', after),
            _ => (*first, after),
        };
        bytes.push(value);
        rest = left;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The path of a target, which may name the host before it.
fn origin_form(target: &str) -> Option<&str> {
    let Some(rest) = target.strip_prefix("http://") else {
        return target.starts_with('/').then_some(target);
    };
    Some(rest.find('/').map_or("/", |at| &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Request, u16> {
        Request::read(&mut text.as_bytes()).map_err(|error| match error {
            ReadError::Refused(refusal) => refusal.status,
            ReadError::Io(_) => 0,
            ReadError::Nothing => 1,
        })
    }

    #[test]
    fn a_request_is_read_to_its_end() {
        let text = "POST /runs/a/cancel?x=1&token=t HTTP/1.1\r\nHost: h:1\r\nContent-Length: 3\r\n\r\nabcd";
        let request = read(text).unwrap();
        assert_eq!(request.method, Method::Post);
        assert_eq!(
            (&*request.path, &*request.query),
            ("/runs/a/cancel", "x=1&token=t")
        );
        assert_eq!(request.asked("token").as_deref(), Some("t"));
        assert_eq!(request.header("host"), Some("h:1"));
        assert_eq!(request.body, b"abc");
        assert_eq!(
            read("GET http://h/a HTTP/1.1\nHost: h\n\n").unwrap().path,
            "/a"
        );
    }

    #[test]
    fn escapes_in_a_query_are_undone() {
        for (text, plain) in [
            ("a%2Cb%3a1", "a,b:1"),
            ("a+b", "a b"),
            ("%", "%"),
            ("%2", "%2"),
            ("%+1%zz", "% 1%zz"),
            ("%ff", "\u{fffd}"),
        ] {
            assert_eq!(unescaped(text), plain);
        }
    }

    #[test]
    fn a_request_may_come_byte_by_byte() {
        struct Dribble<'a>(&'a [u8]);
        impl Read for Dribble<'_> {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                let Some((first, rest)) = self.0.split_first() else {
                    return Ok(0);
                };
                into[0] = *first;
                self.0 = rest;
                Ok(1)
            }
        }
        let text = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok";
        assert_eq!(Request::read(&mut Dribble(text)).unwrap().body, b"ok");
    }

    #[test]
    fn what_is_wrong_has_its_status() {
        let head = |lines: &str| format!("GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n");
        let post = |lines: &str| format!("POST / HTTP/1.1\r\nHost: h\r\n{lines}\r\n");
        let many: String = (0..64).map(|n| format!("h{n}: x\r\n")).collect();
        let long = format!("a: {}\r\n", "x".repeat(LONGEST_HEAD));
        for (text, status) in [
            (String::new(), 1),
            ("GET / HTTP/1.1\r\nHost".to_owned(), 0),
            ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
            (head("Host: h\r\n"), 400),
            ("DELETE / HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), 405),
            ("GET * HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), 400),
            ("\u{16}\u{3}\u{1}\n\n".to_owned(), 400),
            (head(&many), 431),
            (head(&long), 431),
            (post(""), 411),
            (post("Content-Length: -1\r\n"), 400),
            (post("Content-Length: 1\r\nContent-Length: 2\r\n"), 400),
            (post("Content-Length: 99999999999999999999\r\n"), 413),
            (post("Content-Length: 4097\r\n"), 413),
            (post("Transfer-Encoding: chunked\r\n"), 501),
            (post("Content-Length: 5\r\n"), 0),
        ] {
            assert_eq!(read(&text), Err(status), "{text:?}");
        }
    }
}
