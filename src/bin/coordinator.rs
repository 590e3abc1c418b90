//! `coordinator <PORT> <SCHEDULING_POLICY>`: everything is in `app::coordinator`.

use std::process::ExitCode;

use roundtable::app::{Allocator, coordinator};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    coordinator::main(std::env::args_os())
}
