//! Calling a service of ours: a connection, a client over it, and one kind of failure.

use std::fmt;
use std::time::{Duration, Instant};

use thrift::protocol::TBinaryOutputProtocol;

use crate::net::{Address, Connection, Control, NetError, Reader, Writer, connect};
use crate::wire::protocol::{BinaryInput, Limits};
use crate::wire::rpc;
use crate::wire::stubs::compute_node::ComputeNodeClient;
use crate::wire::stubs::coordinator::CoordinatorClient;
use crate::wire::stubs::types::Fault;

type Input = BinaryInput<Reader>;
type Output = TBinaryOutputProtocol<Writer>;
/// Calls a compute node.
pub type Node = ComputeNodeClient<Input, Output>;
/// Calls a coordinator.
pub type Coordinator = CoordinatorClient<Input, Output>;

/// A client over an open connection.
pub struct Dialled<C> {
    client: C,
    /// Closes the connection from any thread.
    pub control: Control,
}

/// Why a call gave no reply.
#[derive(Debug)]
pub enum CallFailed {
    /// The peer answered with a fault.
    Fault(Fault),
    /// The peer would not serve the call; it may be of another version.
    Declined(String),
    /// The connection failed and is of no further use.
    Net(NetError),
}

impl fmt::Display for CallFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallFailed::Fault(fault) => write!(f, "{}", fault.message),
            CallFailed::Declined(reason) => write!(f, "the peer declined the call: {reason}"),
            CallFailed::Net(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for CallFailed {}

impl From<NetError> for CallFailed {
    fn from(error: NetError) -> CallFailed {
        CallFailed::Net(error)
    }
}

/// Connects to a compute node.
pub fn node(address: &Address, timeout: Duration) -> Result<Dialled<Node>, NetError> {
    dial(address, timeout, Node::new)
}

/// Connects to a coordinator.
pub fn coordinator(address: &Address, timeout: Duration) -> Result<Dialled<Coordinator>, NetError> {
    dial(address, timeout, Coordinator::new)
}

fn dial<C>(
    address: &Address,
    timeout: Duration,
    client: impl FnOnce(Input, Output) -> C,
) -> Result<Dialled<C>, NetError> {
    let Connection {
        reader,
        writer,
        control,
    } = connect(address, timeout)?;
    let input = BinaryInput::new(reader, Limits::default());
    let output = TBinaryOutputProtocol::new(writer, true);
    Ok(Dialled {
        client: client(input, output),
        control,
    })
}

impl<C> Dialled<C> {
    /// Makes a call, or several in a row, that must be through by `deadline`. `action` names it in errors.
    pub fn call<T>(
        &mut self,
        action: &str,
        deadline: Instant,
        call: impl FnOnce(&mut C) -> Result<T, rpc::CallError>,
    ) -> Result<T, CallFailed> {
        let client = &mut self.client;
        // What the peer answered leaves the connection in order, whatever it says.
        let outcome = self.control.call(action, deadline, || match call(client) {
            Ok(reply) => Ok(Ok(reply)),
            Err(rpc::CallError::Fault(fault)) => Ok(Err(CallFailed::Fault(fault))),
            Err(rpc::CallError::Application(error)) => Ok(Err(CallFailed::Declined(error.message))),
            Err(rpc::CallError::Transport(error)) => Err(error),
        });
        match outcome {
            Ok(answer) => answer,
            Err(crate::net::CallError::Net(error)) => Err(CallFailed::Net(error)),
            Err(crate::net::CallError::Answer(error)) => {
                Err(CallFailed::Declined(rpc::describe(&error)))
            }
        }
    }

    /// Whether the connection may be used for another call.
    pub fn is_usable(&self) -> bool {
        self.control.is_usable()
    }
}
