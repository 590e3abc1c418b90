//! `client [<IP> <PORT>] [COMMAND]`: everything is in `app::client`.

use std::process::ExitCode;

use roundtable::app::client;

fn main() -> ExitCode {
    client::main(std::env::args_os())
}
