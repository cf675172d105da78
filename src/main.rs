//! The executable: reads the command line, hands over to `dozvon::cli`, ends with its code.

use std::process::ExitCode;

fn main() -> ExitCode {
    dozvon::cli::main()
}
