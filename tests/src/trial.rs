//! Tests by name, and when they can run.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{PoisonError, RwLock};

use libtest_mimic::{Failed, Trial};

/// Held for writing by tests that make more traffic than others could stand beside them.
static HOST: RwLock<()> = RwLock::new(());

/// A test that runs beside others.
#[must_use]
pub fn test(name: &str, body: impl FnOnce() + Send + 'static) -> Trial {
    trial(name, || {
        let _host = HOST.read().unwrap_or_else(PoisonError::into_inner);
        body();
    })
}

/// A test that has the host to itself, as far as the other tests go.
#[must_use]
pub fn test_alone(name: &str, body: impl FnOnce() + Send + 'static) -> Trial {
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
#[must_use]
pub fn needing(program: &str, test: Trial) -> Trial {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if found {
        return test;
    }
    Trial::test(format!("{} (skipped: needs {program})", test.name()), || Ok(())).with_ignored_flag(true)
}

/// The test, or its name among the ignored ones if there is no Python with the packages of `tests/requirements.txt`.
#[must_use]
pub fn needing_python(test: Trial) -> Trial {
    if python().is_file() {
        return test;
    }
    Trial::test(format!("{} (skipped: needs `cargo xtask setup --for test`)", test.name()), || Ok(()))
        .with_ignored_flag(true)
}

/// The interpreter that has the packages of `tests/requirements.txt`.
#[must_use]
pub fn python() -> PathBuf {
    std::env::var_os("EGRET_PYTHON").map_or_else(|| PathBuf::from("target/python/bin/python"), PathBuf::from)
}
