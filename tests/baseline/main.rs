//! `egret baseline`: rules from real traffic, the flows that they would block, and concurrent changes by several
//! programs.
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

mod editing;
mod large;
#[path = "../made_up_log.rs"]
mod made_up_log;
mod walk;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use egret_tests::{Scratch, egret, stdout_of};
pub(crate) use egret_tests::{test, test_alone};
use serde_json::Value;

fn main() -> ExitCode {
    let trials = [walk::trials(), editing::trials(), large::trials()];
    egret_tests::run(trials.into_iter().flatten().collect())
}

/// A directory for a baseline, which need not exist yet, and for logs.
struct Directory(Scratch);

impl Directory {
    fn new() -> Self {
        Self(Scratch::new())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }

    fn file(&self) -> PathBuf {
        self.path("baseline")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap()
    }

    /// A baseline command.
    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(egret());
        command.args(["baseline", name, "--baseline"]).arg(self.file()).args(arguments);
        // Most traffic of these tests stays within the host.
        command.env("EGRET_ENFORCE_LOOPBACK", "judge");
        command
    }

    /// Output of a baseline command, which must succeed.
    fn stdout_of(&self, name: &str, arguments: &[&str]) -> String {
        stdout_of(&mut self.command(name, arguments))
    }

    fn json(&self, name: &str, arguments: &[&str]) -> Value {
        let text = self.stdout_of(name, &[arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

/// Records the flows of a command and its descendants in a log.
fn record(log: &Path, command: &[&str]) {
    let mut egret = Command::new(egret());
    egret.args(["trace", "--format", "json", "--parquet"]).arg(log).arg("--").args(command);
    let output = egret.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.contains("lost=0"), "{stderr}");
}
