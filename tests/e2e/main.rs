//! What `egret trace` shows of real traffic on the real kernel, compared with what the traffic says of itself.
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

mod checks;
mod cli;
mod datagrams;
mod filters;
mod layers;
mod loss;
mod neighbours;
mod others;
mod ownership;
mod processes;
mod standing;
mod streams;

use std::process::{Command, ExitCode, Stdio};
use std::sync::{PoisonError, RwLock};

use libtest_mimic::{Failed, Trial};

/// Held for writing by tests that make more traffic than others could stand beside them.
static HOST: RwLock<()> = RwLock::new(());

fn main() -> ExitCode {
    let trials = [
        streams::trials(),
        datagrams::trials(),
        others::trials(),
        processes::trials(),
        ownership::trials(),
        standing::trials(),
        neighbours::trials(),
        filters::trials(),
        cli::trials(),
        layers::trials(),
        loss::trials(),
    ];
    egret_tests::run(trials.into_iter().flatten().collect())
}

/// A test that runs beside others.
fn test(name: &str, body: impl FnOnce() + Send + 'static) -> Trial {
    trial(name, || {
        let _host = HOST.read().unwrap_or_else(PoisonError::into_inner);
        body();
    })
}

/// A test that has the host to itself, as far as the other tests go.
fn test_alone(name: &str, body: impl FnOnce() + Send + 'static) -> Trial {
    trial(name, || {
        let _host = HOST.write().unwrap_or_else(PoisonError::into_inner);
        body();
    })
}

fn trial(name: &str, body: impl FnOnce() + Send + 'static) -> Trial {
    let body = || -> Result<(), Failed> {
        body();
        Ok(())
    };
    if nix::unistd::geteuid().is_root() {
        Trial::test(name, body)
    } else {
        Trial::test(format!("{name} (skipped: needs root)"), body).with_ignored_flag(true)
    }
}

/// The test, or its name among the ignored ones if a program that it asks is missing.
fn needing(program: &str, test: Trial) -> Trial {
    let found = Command::new(program).arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if found {
        return test;
    }
    Trial::test(format!("{} (skipped: needs {program})", test.name()), || Ok(())).with_ignored_flag(true)
}
