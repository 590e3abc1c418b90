//! A coordinator with a dashboard, and a browser that speaks plain HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use roundtable::clock;
use serde_json::Value;

use super::{PATIENCE, Program};

pub const TOKEN: &str = "a-token-for-tests";

/// A coordinator and where its dashboard is.
pub struct Watched {
    pub program: Program,
    pub dashboard: SocketAddr,
    /// As it was printed.
    pub url: String,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Everything before the body.
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn has(&self, header: &str) -> bool {
        self.head.lines().any(|line| line == header)
    }
}

impl Watched {
    /// A coordinator without a list of nodes, with these arguments besides.
    pub fn start(arguments: &[&str]) -> Watched {
        let mut command = Command::new(env!("CARGO_BIN_EXE_coordinator"));
        command.args(["0", "2", "--nodes", "none", "--dashboard", "127.0.0.1:0"]);
        command
            .args(arguments)
            .env("ROUNDTABLE_DASHBOARD_TOKEN", TOKEN);
        let started = Program::try_start_and_hear(&mut command);
        let (program, mut more) = started.expect("a coordinator");
        let mut line = String::new();
        more.read_line(&mut line).expect("a second line");
        let url = line
            .trim()
            .strip_prefix("dashboard at ")
            .expect("its address");
        let (address, _) = url
            .strip_prefix("http://")
            .and_then(|url| url.split_once("/?token="))
            .expect("a token");
        Watched {
            program,
            dashboard: address.parse().expect("an address"),
            url: url.to_owned(),
        }
    }

    /// A node that announces itself to it.
    pub fn node(&self, arguments: &[&str]) -> Program {
        let own = self.program.address.to_string();
        Program::node(&[arguments, &["--join", &own]].concat())
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.dashboard).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a deadline");
        stream
    }

    /// Sends these bytes and reads to the end.
    pub fn send(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        // It may be refused before all of it was sent.
        let _ = stream.write_all(bytes);
        read(stream)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    /// A request with header lines of one's own, each with its end.
    pub fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        let host = self.dashboard;
        self.send(format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n").as_bytes())
    }

    /// Asks for something to be done to a run.
    pub fn act(&self, path: &str, token: &str, headers: &str) -> Answer {
        let headers = format!("Content-Length: 0\r\nAuthorization: Bearer {token}\r\n{headers}");
        self.ask("POST", path, &headers)
    }

    /// Asks until the status is this one.
    pub fn until(&self, path: &str, status: u16) -> Answer {
        let deadline = clock::now() + PATIENCE;
        loop {
            let answer = self.get(path);
            if answer.status == status {
                return answer;
            }
            assert!(clock::now() < deadline, "never {status}: {answer:?}");
        }
    }

    /// The stream of events, with header lines of one's own.
    pub fn events(&self, query: &str, headers: &str) -> Events {
        let mut stream = self.connect();
        let host = self.dashboard;
        let request = format!("GET /events?{query} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).expect("a request");
        let mut lines = BufReader::new(stream);
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            assert!(lines.read_line(&mut line).expect("a head") > 0);
        }
        Events {
            lines,
            id: String::new(),
        }
    }
}

fn read(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Answer {
        status: status.unwrap_or(0),
        head: head.replace("\r\n", "\n"),
        body: body.to_owned(),
    }
}

/// Events as they come.
pub struct Events {
    lines: BufReader<TcpStream>,
    /// Of the last event that had one.
    pub id: String,
}

impl Events {
    /// The next event: its name and data. None at the end.
    pub fn next(&mut self) -> Option<(String, Value)> {
        let (mut name, mut data) = (String::new(), Value::Null);
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end();
            match line.split_once(": ") {
                Some(("event", text)) => name = text.to_owned(),
                Some(("id", text)) => self.id = text.to_owned(),
                Some(("data", text)) => data = serde_json::from_str(text).expect("JSON"),
                _ if line.is_empty() && !name.is_empty() => return Some((name, data)),
                _ => {}
            }
        }
    }

    /// The next event of this name for which `found` gives something.
    pub fn find<T>(&mut self, wanted: &str, found: impl Fn(&Value) -> Option<T>) -> T {
        let deadline = clock::now() + PATIENCE;
        loop {
            assert!(clock::now() < deadline, "no such event `{wanted}`");
            let (name, data) = self.next().expect("more events");
            if name == wanted
                && let Some(found) = found(&data)
            {
                return found;
            }
        }
    }
}
