//! Failures between two machines, named for programs and told to people.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

use thrift::TransportErrorKind;

/// What went wrong with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetErrorKind {
    /// Nobody listens at that address.
    Refused,
    /// The deadline passed. What was asked may or may not have been done.
    TimedOut,
    /// No way to that machine.
    Unreachable,
    /// The name has no address.
    UnknownHost,
    /// The peer closed the connection.
    Closed,
    /// The peer, or something between, broke the connection off.
    Reset,
    /// This side closed the connection, with [`Control::close`](super::Control::close).
    Aborted,
    /// What came was not a Thrift reply to the question asked.
    Garbled,
    /// Anything else, told in the detail.
    Other,
}

impl NetErrorKind {
    /// The kind of an input or output error.
    pub fn of_io(error: &io::Error) -> NetErrorKind {
        match error.kind() {
            ErrorKind::ConnectionRefused => NetErrorKind::Refused,
            ErrorKind::TimedOut | ErrorKind::WouldBlock => NetErrorKind::TimedOut,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
                NetErrorKind::Unreachable
            }
            ErrorKind::UnexpectedEof | ErrorKind::NotConnected => NetErrorKind::Closed,
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => NetErrorKind::Reset,
            ErrorKind::ConnectionAborted => NetErrorKind::Aborted,
            ErrorKind::InvalidData => NetErrorKind::Garbled,
            _ => NetErrorKind::Other,
        }
    }

    /// The kind of a Thrift error; `None` where it is an answer, which leaves the connection in
    /// order: an exception of the service, or a complaint about the call.
    pub fn of_thrift(error: &thrift::Error) -> Option<NetErrorKind> {
        match error {
            thrift::Error::Transport(error) => Some(match error.kind {
                TransportErrorKind::TimedOut => NetErrorKind::TimedOut,
                TransportErrorKind::EndOfFile => NetErrorKind::Closed,
                TransportErrorKind::NotOpen => NetErrorKind::Reset,
                TransportErrorKind::NegativeSize | TransportErrorKind::SizeLimit => {
                    NetErrorKind::Garbled
                }
                _ => NetErrorKind::Other,
            }),
            thrift::Error::Protocol(_) => Some(NetErrorKind::Garbled),
            thrift::Error::Application(_) | thrift::Error::User(_) => None,
        }
    }

    fn phrase(self) -> &'static str {
        match self {
            NetErrorKind::Refused => "was refused (nothing listens there)",
            NetErrorKind::TimedOut => "timed out",
            NetErrorKind::Unreachable => "found no way there",
            NetErrorKind::UnknownHost => "found no address for that name",
            NetErrorKind::Closed => "ended: the other side closed the connection",
            NetErrorKind::Reset => "ended: the connection broke off",
            NetErrorKind::Aborted => "was aborted on this side",
            NetErrorKind::Garbled => "brought an answer that makes no sense",
            NetErrorKind::Other => "failed",
        }
    }
}

/// A failure to connect or to get an answer. It displays as a sentence for people, such as
/// "connecting to 10.0.0.7:5106 timed out after 2.0 s".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetError {
    /// What went wrong.
    pub kind: NetErrorKind,
    /// The other end, as it was given or as it resolved.
    pub peer: String,
    /// What was tried: "connecting", "train".
    pub action: String,
    /// How long it was tried.
    pub after: Duration,
    /// What the system or the protocol said, where the kind does not say it all.
    pub detail: Option<String>,
}

impl fmt::Display for NetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NetError {
            kind,
            peer,
            action,
            after,
            detail,
        } = self;
        let phrase = kind.phrase();
        write!(f, "{action} to {peer} {phrase}")?;
        if *kind != NetErrorKind::Refused {
            write!(f, " after {}", Span(*after))?;
        }
        match detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl Error for NetError {}

/// A duration with two digits that mean something.
struct Span(Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        match seconds {
            s if s >= 10.0 => write!(f, "{s:.0} s"),
            s if s >= 0.1 => write!(f, "{s:.1} s"),
            s => write!(f, "{:.1} ms", s * 1e3),
        }
    }
}

/// Why a call gave no result.
#[derive(Debug)]
pub enum CallError {
    /// The connection failed and is of no further use.
    Net(NetError),
    /// The peer answered with an exception. The connection is in order.
    Answer(thrift::Error),
}

impl CallError {
    /// The failure of the connection, if that is what it was.
    pub fn net(&self) -> Option<&NetError> {
        match self {
            CallError::Net(error) => Some(error),
            CallError::Answer(_) => None,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Net(error) => error.fmt(f),
            // The crate's own display leaves out what the peer wrote.
            CallError::Answer(thrift::Error::Application(error)) => error.message.fmt(f),
            CallError::Answer(error) => error.fmt(f),
        }
    }
}

impl Error for CallError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn told_to_people() {
        let error = NetError {
            kind: NetErrorKind::TimedOut,
            peer: "10.0.0.7:5106".into(),
            action: "connecting".into(),
            after: Duration::from_millis(2004),
            detail: None,
        };
        assert_eq!(
            error.to_string(),
            "connecting to 10.0.0.7:5106 timed out after 2.0 s"
        );
        let error = NetError {
            kind: NetErrorKind::Other,
            action: "call train".into(),
            after: Duration::from_micros(1250),
            detail: Some("out of luck".into()),
            ..error
        };
        let said = "call train to 10.0.0.7:5106 failed after 1.2 ms: out of luck";
        assert_eq!(error.to_string(), said);
    }

    #[test]
    fn system_errors_have_kinds() {
        let kind = |kind: ErrorKind| NetErrorKind::of_io(&kind.into());
        assert_eq!(kind(ErrorKind::WouldBlock), NetErrorKind::TimedOut);
        assert_eq!(kind(ErrorKind::BrokenPipe), NetErrorKind::Reset);
        assert_eq!(kind(ErrorKind::ConnectionRefused), NetErrorKind::Refused);
        assert_eq!(kind(ErrorKind::UnexpectedEof), NetErrorKind::Closed);
    }

    #[test]
    fn thrift_errors_have_kinds_and_answers_have_none() {
        let timed_out: thrift::Error = io::Error::from(ErrorKind::TimedOut).into();
        assert_eq!(
            NetErrorKind::of_thrift(&timed_out),
            Some(NetErrorKind::TimedOut)
        );
        let answer = thrift::Error::User("no such run".into());
        assert_eq!(NetErrorKind::of_thrift(&answer), None);
    }
}
