//! `examples/`: configurations, the unit, the package, the stacks and the fleet queries work as documented.
//!
//! Needs root; tests that cannot run here are listed as ignored, with the reason in their name.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends at the first thing that is not as it should be"
)]

mod configurations;
mod fleet;
#[path = "../made_up_log.rs"]
mod made_up_log;
mod package;
mod stacks;
mod unit;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};

fn main() -> ExitCode {
    let trials = [configurations::trials(), unit::trials(), stacks::trials(), fleet::trials(), package::trials()];
    egret_tests::run(trials.into_iter().flatten().collect())
}

/// A file of `examples/`.
fn example(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples")).join(name).canonicalize().unwrap()
}

/// Both outputs of a command, and whether it succeeds.
fn ran(command: &mut Command) -> (bool, String, String) {
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|error| panic!("{}: {error}", command.get_program().display()));
    (status.success(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}
