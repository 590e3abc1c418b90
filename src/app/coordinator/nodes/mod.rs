//! What is asked of nodes, and the connections over which.

pub mod abilities;
pub mod call;
pub mod fingerprint;
pub mod greetings;
pub mod hosts;
pub mod job;
pub mod lane;
pub mod link;
pub mod payload;
pub mod pulse;
pub mod training;
pub mod trouble;
