//! `egret baseline`: shows, rehearses, learns and changes a baseline.
//!
//! The logic is in [`egret_enforcer::baseline`]; this crate has files, logs and output.
#![forbid(unsafe_code)]

mod check;
mod diff;
mod edit;
mod explain;
mod learn;
mod merge;
mod output;
mod progress;
mod prune;
mod readiness;
mod replay;
mod scope;
mod show;
mod source;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;
use egret_args::BaselineCommand;
use egret_enforcer::baseline::{Baseline, Precision};
use egret_enforcer::store::edit::Edit;
use egret_enforcer::store::{Broken, FileStore, SaveError};
use egret_view::{exit, stdout};

/// Runs the command and returns the exit status.
///
/// # Errors
///
/// Something cannot be read or written, or a baseline has errors.
pub fn run(command: &BaselineCommand) -> Result<u8> {
    stdout::ignore_broken_pipe(write(command, &mut io::stdout().lock()))
}

fn write(command: &BaselineCommand, out: &mut dyn Write) -> Result<u8> {
    let status = match command {
        BaselineCommand::Show { file, subject_filter, json } => show::run(file, subject_filter.as_ref(), *json, out),
        BaselineCommand::Readiness { file, log, exact, subject_filter, config, json } => {
            let (log, subject_filter, config) = (log.as_ref(), subject_filter.as_ref(), config.as_deref());
            let request = readiness::Request { file, log, exact: *exact, subject_filter, config };
            readiness::run(&request, *json, out)
        }
        BaselineCommand::Diff { first, second, json } => diff::run(first, second, *json, out),
        BaselineCommand::Replay { file, log, config, json } => replay::run(file, log, config.as_deref(), *json, out),
        BaselineCommand::Learn { file, log, exact, allow_failed, precision, config } => {
            let (exact, allow_failed, precision) = (*exact, *allow_failed, *precision);
            let config = config.as_deref();
            learn::run(&learn::Request { file, log, exact, allow_failed, precision, config }, out)
        }
        BaselineCommand::Explain { file, selector, log, json } => {
            explain::run(file, selector, log.as_ref(), *json, out)
        }
        BaselineCommand::Set { file, selector, action, note } => {
            let edit = Edit::Set { selector: selector.clone(), action: *action, note: note.clone() };
            edit::run(&mut edit::FileEditor::new(file), &edit, out)
        }
        BaselineCommand::Remove { file, removal } => edit::remove_all(file, removal, out),
        BaselineCommand::Merge { files, output } => merge::run(files, output.as_deref(), out),
        BaselineCommand::Prune { file, unused, dry_run } => prune::run(file, *unused, *dry_run, out),
        BaselineCommand::Check { file } => check::run(file, out),
    }?;
    out.flush()?;
    Ok(status)
}

/// Readiness of a baseline with the scope of this configuration, as lines of text.
///
/// # Errors
///
/// Never in practice: the text is written to memory.
pub fn readiness_of(baseline: &Baseline, config: Option<&Path>) -> Result<String> {
    readiness::summary(baseline, config)
}

/// A baseline that must exist.
fn read(file: &Path) -> Result<Baseline> {
    Ok(existing(file)?.baseline().clone())
}

/// The file of a baseline that must exist.
fn existing(file: &Path) -> Result<FileStore> {
    let store = FileStore::open(file, Precision::default())?;
    if store.is_new() {
        anyhow::bail!(
            "there is no baseline {}; a daemon that has just started writes it within baseline.save_every (a minute), and \
             `egret baseline learn` makes one from the log",
            file.display()
        );
    }
    Ok(store)
}

/// The exit status of an error of a baseline; `None` for other errors.
#[must_use]
pub fn status_of(error: &anyhow::Error) -> Option<u8> {
    let broken = error.downcast_ref::<Broken>().or_else(|| match error.downcast_ref::<SaveError>() {
        Some(SaveError::Broken(broken)) => Some(broken),
        _ => None,
    })?;
    Some(match broken {
        Broken::Wrong { .. } => exit::USAGE,
        Broken::Unreadable { .. } => exit::FAILED,
    })
}
