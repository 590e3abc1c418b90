//! `compute_node <PORT> <LOAD_PROBABILITY>`: everything is in `app::node`.

use std::process::ExitCode;

use roundtable::app::node;

fn main() -> ExitCode {
    node::main(std::env::args_os())
}
