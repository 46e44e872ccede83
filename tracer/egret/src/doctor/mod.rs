//! `egret doctor`: what this kernel, its mounts and our privileges allow, layer by layer; what is lost without the rest,
//! and what to do about it.
//!
//! It looks, and then it tries: the layers are started for a moment, and the best one has to show that it sees what this
//! process does on loopback. Firewall rules are tried in a network namespace of their own, so that none is ever made on the
//! host.

mod check;
mod enforcing;
mod examine;
mod exempted;
mod json;
mod processes;
mod report;
mod sight;
#[cfg(test)]
mod tests;
mod text;

use std::env;
use std::io::{self, ErrorKind, Write as _};

use anyhow::{Context as _, Result};

use crate::args::DoctorArgs;
use crate::exit;

/// Tells; says the exit status: [`exit::UNSUPPORTED`](crate::exit::UNSUPPORTED) if nothing but `/proc` scans is
/// possible, [`exit::USAGE`] if the configuration is wrong, whose errors go to standard error.
///
/// # Errors
///
/// When standard output cannot be written. A reader that has gone away is not an error.
pub fn run(options: &DoctorArgs) -> Result<u8> {
    let loaded = egret_config::load(options.config.as_deref(), env::vars_os());
    if let Err(problems) = &loaded {
        problems.iter().for_each(|problem| eprintln!("{problem}"));
    }
    let mut report = examine::examine();
    report.enforcing = enforcing::examine(loaded.as_ref().map(|loaded| &loaded.settings));
    let told = if options.json { json::render(&report)? } else { text::render(&report) };
    match io::stdout().lock().write_all(told.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write to standard output"),
        _ if loaded.is_err() => Ok(exit::USAGE),
        _ => Ok(report.exit_status()),
    }
}
