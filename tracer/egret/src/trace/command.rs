//! The command that `egret trace -- COMMAND` runs.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{self, Child, ExitStatus};

use anyhow::{Context as _, Result};
use egret_capture::Capture;
use egret_view::exit;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::WITHOUT_COMMAND;
use super::signals::Signals;

/// The command, if one was given.
pub(super) struct Command {
    child: Option<Child>,
    status: Option<ExitStatus>,
    asked_to_stop: bool,
}

impl Command {
    /// Runs a command so that capture follows it from its first instruction. Without words there is no command.
    pub(super) fn start(words: &[OsString], capture: &mut Capture, signals: &Signals) -> Result<Self> {
        let child = match words.split_first() {
            Some((program, arguments)) => Some(spawn(program, arguments, capture, signals)?),
            None => None,
        };
        Ok(Self { child, status: None, asked_to_stop: false })
    }

    /// Whether the command has just ended: true only once.
    pub(super) fn check(&mut self) -> bool {
        let Some(child) = &mut self.child else { return false };
        if self.status.is_some() {
            return false;
        }
        self.status = child.try_wait().ok().flatten();
        self.status.is_some()
    }

    /// Whether there was a command and it has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.status.is_some()
    }

    /// Forwards the first signal to a running command. False without a running command, and for a second signal, which stops
    /// egret itself.
    pub(super) fn forward(&mut self, signal: Signal) -> bool {
        let Some(child) = self.child.as_ref().filter(|_| self.status.is_none() && !self.asked_to_stop) else {
            return false;
        };
        self.asked_to_stop = true;
        // A terminal has already signalled the command; a second signal is harmless.
        i32::try_from(child.id()).is_ok_and(|pid| kill(Pid::from_raw(pid), signal).is_ok())
    }

    /// The exit status: that of the command, or 128 plus the number of the signal that ended it.
    pub(super) fn status(mut self) -> Result<u8> {
        let Some(child) = &mut self.child else { return Ok(WITHOUT_COMMAND) };
        let Some(status) = self.status else {
            // Tracing ended first, and the command continues.
            tracing::info!(pid = child.id(), "the command still runs");
            return Ok(WITHOUT_COMMAND);
        };
        let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
        Ok(u8::try_from(code).unwrap_or(u8::MAX))
    }
}

/// A child inherits the mark of its parent in the kernel, so egret marks itself while it spawns the command.
fn spawn(program: &OsString, arguments: &[OsString], capture: &mut Capture, signals: &Signals) -> Result<Child> {
    let own = process::id();
    capture.follow(own, true)?;
    let child = signals.released(|| process::Command::new(program).args(arguments).spawn());
    capture.follow(own, false)?;
    let not_run = |source| NotRun { program: program.clone(), source };
    Ok(child.context("cannot release signals")?.map_err(not_run)?)
}

/// The command could not be executed.
#[derive(Debug, thiserror::Error)]
#[error("cannot run {}", .program.to_string_lossy())]
pub(crate) struct NotRun {
    program: OsString,
    source: io::Error,
}

impl NotRun {
    /// The exit status of shells in this case (POSIX, XCU 2.8.2).
    pub(crate) fn status(&self) -> u8 {
        match self.source.kind() {
            io::ErrorKind::NotFound => exit::NOT_FOUND,
            _ => exit::NOT_EXECUTABLE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_of_a_command_that_cannot_run_is_that_of_shells() {
        for (program, status) in
            [("/no/such/command", 127), ("no-such-command", 127), ("/etc/passwd/x", 126), ("/", 126)]
        {
            let source = process::Command::new(program).spawn().unwrap_err();
            let error = anyhow::Error::from(NotRun { program: program.into(), source }).context("further out");
            assert_eq!(crate::status_of(&error), status, "{error:?}");
        }
    }
}
