//! `client [<IP> <PORT>] [COMMAND]`: everything is in `app::client`.

use std::process::ExitCode;

use roundtable::app::{Allocator, client, program};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    program::log_errors();
    client::main(std::env::args_os())
}
