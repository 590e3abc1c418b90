//! A compute node that answers with samples.

use roundtable::wire::stubs::compute_node::{self as node, ComputeNodeHandler};
use roundtable::wire::stubs::types;

use super::{fault, train_reply, train_request};

/// A node that knows the sample request and finds fault with all others.
pub struct Node;

type Answer<T> = Result<T, types::Fault>;

impl ComputeNodeHandler for Node {
    fn hello(&self, _: node::HelloRequest) -> Answer<node::HelloReply> {
        Err(fault())
    }

    fn heartbeat(&self, _: node::HeartbeatRequest) -> Answer<node::HeartbeatReply> {
        Ok(node::HeartbeatReply {
            incarnation: 42,
            ..node::HeartbeatReply::default()
        })
    }

    fn train(&self, request: node::TrainRequest) -> Answer<node::TrainReply> {
        if request == train_request() {
            Ok(train_reply())
        } else {
            Err(fault())
        }
    }

    fn evaluate(&self, _: node::EvaluateRequest) -> Answer<node::EvaluateReply> {
        Err(fault())
    }

    fn describe(&self, _: node::DescribeRequest) -> Answer<node::DescribeReply> {
        Err(fault())
    }

    fn initialise(&self, _: node::InitialiseRequest) -> Answer<node::InitialiseReply> {
        Err(fault())
    }

    fn cancel(&self, _: node::CancelRequest) -> Answer<node::CancelReply> {
        Err(fault())
    }

    fn missing(&self, _: types::MissingRequest) -> Answer<types::MissingReply> {
        Err(fault())
    }

    fn put_chunk(&self, _: types::Chunk) -> Answer<types::ChunkReply> {
        Err(fault())
    }

    fn get_chunk(&self, _: types::ChunkRequest) -> Answer<types::Chunk> {
        Err(fault())
    }
}
