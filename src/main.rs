//! The executable: reads the command line, hands over to `dozvon::cli`, ends with its code.

use std::process::ExitCode;

/// Allocations are a good part of a webhook's cost; the system's allocator is slower at many small ones.
#[cfg(feature = "fast-alloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    dozvon::cli::main()
}
