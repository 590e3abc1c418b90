//! `coordinator <PORT> <SCHEDULING_POLICY>`: everything is in `app::coordinator`.

use std::process::ExitCode;

use roundtable::app::coordinator;

fn main() -> ExitCode {
    coordinator::main(std::env::args_os())
}
