//! `egret doctor`: what this kernel, its mounts and the privileges of this process allow, layer by layer; the consequences
//! of what is missing, and remedies.
//!
//! The layers are started for a moment, and the best one must see operations of this process on loopback. Firewall rules are
//! installed only in a separate network namespace, never on the host.
#![forbid(unsafe_code)]

mod check;
mod enforcing;
mod examine;
mod exempted;
mod json;
mod observations;
mod processes;
mod report;
#[cfg(test)]
mod tests;
mod text;

use std::env;

use anyhow::Result;
use egret_args::DoctorArgs;
use egret_view::{exit, stdout};

/// Prints the report and returns the exit status: [`exit::UNSUPPORTED`] if only `/proc` scans are
/// possible, [`exit::USAGE`] if the configuration has errors, which go to standard error.
///
/// # Errors
///
/// Standard output cannot be written. A closed pipe is not an error.
pub fn run(options: &DoctorArgs) -> Result<u8> {
    let loaded = egret_config::load(options.config.as_deref(), env::vars_os());
    if let Err(problems) = &loaded {
        problems.iter().for_each(|problem| eprintln!("{problem}"));
    }
    let mut report = examine::examine();
    report.enforcing = enforcing::examine(loaded.as_ref().map(|loaded| &loaded.settings));
    let rendered = if options.json { json::render(&report)? } else { text::render(&report) };
    stdout::print(rendered.as_bytes())?;
    Ok(if loaded.is_err() { exit::USAGE } else { report.exit_status() })
}
