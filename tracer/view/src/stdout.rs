//! Standard output of commands, where a closed pipe is not an error.

use std::io::{self, ErrorKind, Write as _};

use anyhow::{Context as _, Result};

use crate::exit;

/// Writes a whole document and returns the exit status.
///
/// # Errors
///
/// Standard output cannot be written. A closed pipe is not an error.
pub fn print(text: &[u8]) -> Result<u8> {
    ignore_broken_pipe(io::stdout().lock().write_all(text).map(|()| exit::DONE).map_err(Into::into))
        .context("cannot write to standard output")
}

/// Replaces the error of a closed pipe by success: the reader, such as `head`, has read enough.
///
/// # Errors
///
/// Any other error of `done`.
pub fn ignore_broken_pipe(done: Result<u8>) -> Result<u8> {
    match done {
        Err(error) if is_broken_pipe(&error) => Ok(exit::DONE),
        done => done,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
