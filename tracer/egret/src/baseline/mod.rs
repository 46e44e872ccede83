//! `egret baseline`: what a host usually does, looked at, rehearsed, learned and changed.
//!
//! What the commands decide is decided by [`egret_enforcer::baseline`]; here are files, logs and output.

mod check;
mod diff;
mod edit;
mod explain;
mod judged;
mod learn;
mod merge;
mod output;
mod progress;
mod prune;
mod readiness;
mod replay;
mod show;
mod source;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;
use egret_enforcer::baseline::{Baseline, Precision};
use egret_enforcer::store::{Broken, FileStore, SaveError};

pub use self::edit::Removal;
pub(crate) use self::edit::{Edit, answer_note, apply};
use crate::args::BaselineCommand;
use crate::exit;
use crate::history;

/// Does what was asked and gives the exit status.
///
/// # Errors
///
/// That something cannot be read or written, or that a baseline is wrong.
pub fn run(command: &BaselineCommand) -> Result<u8> {
    match write(command, &mut io::stdout().lock()) {
        // Nobody reads any more: that is how `head` says that it has enough.
        Err(error) if history::is_broken_pipe(&error) => Ok(exit::DONE),
        done => done,
    }
}

fn write(command: &BaselineCommand, out: &mut dyn Write) -> Result<u8> {
    let status = match command {
        BaselineCommand::Show { file, whose, json } => show::run(file, whose.as_ref(), *json, out),
        BaselineCommand::Readiness { file, log, exact, whose, config, json } => {
            let (log, whose, config) = (log.as_ref(), whose.as_ref(), config.as_deref());
            let asked = readiness::Asked { file, log, exact: *exact, whose, config };
            readiness::run(&asked, *json, out)
        }
        BaselineCommand::Diff { first, second, json } => diff::run(first, second, *json, out),
        BaselineCommand::Replay { file, log, config, json } => replay::run(file, log, config.as_deref(), *json, out),
        BaselineCommand::Learn { file, log, exact, allow_failed, precision, config } => {
            let (exact, allow_failed, precision) = (*exact, *allow_failed, *precision);
            let config = config.as_deref();
            learn::run(&learn::Asked { file, log, exact, allow_failed, precision, config }, out)
        }
        BaselineCommand::Explain { file, which, log, json } => explain::run(file, which, log.as_ref(), *json, out),
        BaselineCommand::Set { file, which, action, note } => {
            let edit = Edit::Set { which: which.clone(), action: *action, note: note.clone() };
            edit::run(&mut edit::FileKeeper::new(file), &edit, out)
        }
        BaselineCommand::Remove { file, removal } => edit::remove_all(file, removal, out),
        BaselineCommand::Merge { files, output } => merge::run(files, output.as_deref(), out),
        BaselineCommand::Prune { file, unused, dry_run } => prune::run(file, *unused, *dry_run, out),
        BaselineCommand::Check { file } => check::run(file, out),
    }?;
    out.flush()?;
    Ok(status)
}

/// A baseline that has to be there.
fn read(file: &Path) -> Result<Baseline> {
    Ok(existing(file)?.baseline().clone())
}

/// A baseline that has to be there, and its file.
fn existing(file: &Path) -> Result<FileStore> {
    let store = FileStore::open(file, Precision::default())?;
    if store.is_new() {
        anyhow::bail!(
            "there is no baseline {}; a daemon that has just begun writes it within baseline.save_every (a minute), and \
             `egret baseline learn` makes one of the log",
            file.display()
        );
    }
    Ok(store)
}

/// The exit status that an error calls for, if it is about a baseline.
pub(crate) fn status_of(error: &anyhow::Error) -> Option<u8> {
    let broken = error.downcast_ref::<Broken>().or_else(|| match error.downcast_ref::<SaveError>() {
        Some(SaveError::Broken(broken)) => Some(broken),
        _ => None,
    })?;
    Some(match broken {
        Broken::Wrong { .. } => exit::USAGE,
        Broken::Unreadable { .. } => exit::FAILED,
    })
}
