//! Messages about egret itself: to standard error, so that they never mix with data.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

/// Starts the log. `EGRET_LOG` takes the filter syntax of `tracing-subscriber`, such as `debug` or
/// `egret_capture=trace`; without it warnings and errors are shown.
pub fn start() {
    let filter = EnvFilter::try_from_env("EGRET_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    // Fails only if there is a log already, and then that one will do.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .without_time()
        .try_init();
}
