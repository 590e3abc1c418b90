//! Calls: what a generated client and processor do that is the same for every method.

use std::fmt;

use thrift::ApplicationError;

use super::stubs::types::Fault;

mod client;
mod server;

pub use client::Channel;
pub use server::Call;

/// Why a call gave no answer. `E` is the exception that the method declares.
#[derive(Debug)]
pub enum CallError<E = Fault> {
    /// The peer served the call and answered with the declared exception.
    Fault(E),
    /// The peer would not serve the call: it does not know the method or could not read the request.
    Application(ApplicationError),
    /// No answer, or none that can be read. The connection is out of step and of no more use.
    Transport(thrift::Error),
}

impl<E> CallError<E> {
    /// Whether the connection is of no more use.
    pub fn is_transport(&self) -> bool {
        matches!(self, CallError::Transport(_))
    }
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Fault(fault) => write!(out, "{fault}"),
            CallError::Application(error) => write!(out, "refused by the peer: {}", text(error)),
            CallError::Transport(error) => write!(out, "no answer: {}", describe(error)),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for CallError<E> {}

impl<E> From<thrift::Error> for CallError<E> {
    fn from(error: thrift::Error) -> Self {
        CallError::Transport(error)
    }
}

/// An error of the crate with its message; its own `Display` gives the kind alone.
pub fn describe(error: &thrift::Error) -> String {
    match error {
        thrift::Error::Transport(inner) => format!("{inner}: {}", inner.message),
        thrift::Error::Protocol(inner) => format!("{inner}: {}", inner.message),
        thrift::Error::Application(inner) => text(inner),
        thrift::Error::User(inner) => inner.to_string(),
    }
}

fn text(error: &ApplicationError) -> String {
    format!("{error}: {}", error.message)
}
