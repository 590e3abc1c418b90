//! The room `net` over real sockets: serving, limits, stopping, and the client's side.

mod client;
mod echo;
mod limits;
mod serving;
mod stopping;
