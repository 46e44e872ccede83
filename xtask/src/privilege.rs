//! Becoming root, where something needs it.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::command::find_program;

/// Whether this process runs as root: `/proc/self` belongs to the effective user.
pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// `program` as root: as it is, or through `sudo`.
///
/// # Errors
///
/// Fails for a user other than root where there is no `sudo`.
pub(crate) fn as_root(program: &str, purpose: &str) -> Result<Command> {
    if is_root() {
        return Ok(Command::new(program));
    }
    let mut command = Command::new(sudo(purpose)?);
    command.arg(program);
    Ok(command)
}

/// Where `sudo` is.
///
/// # Errors
///
/// Fails where there is none.
pub(crate) fn sudo(purpose: &str) -> Result<PathBuf> {
    match find_program("sudo") {
        Some(sudo) => Ok(sudo),
        None => bail!("{purpose} needs root, and there is no sudo; run this command again as root"),
    }
}
