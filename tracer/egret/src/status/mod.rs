//! `egret status`: the state of the daemon.
//!
//! The daemon writes both forms, JSON and text, so that the client does not have to be of the same version.

mod document;
mod enforcement;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod usage;

use anyhow::Result;
pub(crate) use document::{Configuration, Describe, Listening, Status, Thread};
use egret_args::StatusOptions;
use egret_config::paths;
use egret_view::stdout;
pub(crate) use usage::Usage;

use crate::control::{Client, block_on};

/// Runs the command and returns the exit status.
///
/// # Errors
///
/// No daemon answers, or standard output cannot be written. A closed pipe is not an error.
pub fn run(options: &StatusOptions) -> Result<u8> {
    let accept = if options.json { "application/json" } else { "text/plain" };
    let socket = paths::socket(options.socket.as_deref());
    let mut answer = block_on(Client::new(&socket).get("/v1/status", accept))??.to_vec();
    if options.json {
        answer.push(b'\n');
    }
    stdout::print(&answer)
}
