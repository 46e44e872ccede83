//! `egret status`: the state of the daemon.
//!
//! The daemon writes both forms, JSON and text, so that the client does not have to be of the same version.

mod document;
mod enforcement;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod usage;

use std::io::{self, ErrorKind, Write as _};

use anyhow::{Context as _, Result};
use egret_config::paths;

use crate::args::StatusOptions;
use crate::control::Client;
use crate::exit;
pub(crate) use document::{Configuration, Describe, Listening, Status, Thread};
pub(crate) use usage::Usage;

/// Runs the command and returns the exit status.
///
/// # Errors
///
/// No daemon answers, or standard output cannot be written. A closed pipe is not an error.
pub fn run(options: &StatusOptions) -> Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    let accept = if options.json { "application/json" } else { "text/plain" };
    let socket = paths::socket(options.socket.as_deref());
    let mut answer = runtime.block_on(Client::new(&socket).get("/v1/status", accept))?.to_vec();
    if options.json {
        answer.push(b'\n');
    }
    match io::stdout().lock().write_all(&answer) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write to standard output"),
        _ => Ok(exit::DONE),
    }
}
