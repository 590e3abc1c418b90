//! `client [<IP> <PORT>] [COMMAND]`: everything is in `app::client`.

use std::process::ExitCode;

use roundtable::app::{client, program};

fn main() -> ExitCode {
    program::log_errors();
    client::main(std::env::args_os())
}
