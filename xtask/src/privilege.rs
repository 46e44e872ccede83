//! Commands that run as root.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::command::find_program;

/// Whether this process runs as root: the owner of `/proc/self` is the effective user.
pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// A command that runs `program` as root: directly, or through `sudo`.
///
/// # Errors
///
/// Fails for a user other than root if `sudo` is not installed.
pub(crate) fn as_root(program: &str, purpose: &str) -> Result<Command> {
    if is_root() {
        return Ok(Command::new(program));
    }
    let mut command = Command::new(sudo(purpose)?);
    command.arg(program);
    Ok(command)
}

/// Path of `sudo`.
///
/// # Errors
///
/// Fails if it is not installed.
pub(crate) fn sudo(purpose: &str) -> Result<PathBuf> {
    match find_program("sudo") {
        Some(sudo) => Ok(sudo),
        None => bail!("{purpose} needs root, and sudo is not installed; run this command again as root"),
    }
}
