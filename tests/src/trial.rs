//! Trials by name, and their requirements.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{PoisonError, RwLock};

use libtest_mimic::{Completion, Failed, Trial};

/// Held for writing by tests whose traffic would disturb others.
static HOST: RwLock<()> = RwLock::new(());

/// A test that runs in parallel with others.
#[must_use]
pub fn test(name: &str, body: impl FnOnce() + Send + 'static) -> Trial {
    trial(name, || {
        let _host = HOST.read().unwrap_or_else(PoisonError::into_inner);
        body();
    })
}

/// A test that runs while no other test runs.
#[must_use]
pub fn test_alone(name: &str, body: impl FnOnce() + Send + 'static) -> Trial {
    trial(name, || {
        let _host = HOST.write().unwrap_or_else(PoisonError::into_inner);
        body();
    })
}

/// A test that has the host to itself, and finds out while it runs whether it can: an error is what it lacks, and counts it among the
/// ignored ones.
#[must_use]
pub fn skippable_test_alone(name: &str, body: impl FnOnce() -> Result<(), String> + Send + 'static) -> Trial {
    skippable_trial(name, || {
        let _host = HOST.write().unwrap_or_else(PoisonError::into_inner);
        body()
    })
}

fn trial(name: &str, body: impl FnOnce() + Send + 'static) -> Trial {
    skippable_trial(name, || {
        body();
        Ok(())
    })
}

fn skippable_trial(name: &str, body: impl FnOnce() -> Result<(), String> + Send + 'static) -> Trial {
    let body = || -> Result<Completion, Failed> {
        Ok(body().map_or_else(Completion::ignored_with, |()| Completion::Completed))
    };
    given(nix::unistd::geteuid().is_root(), "root", Trial::ignorable_test(name, body))
}

/// The test, ignored if a required program is missing.
#[must_use]
pub fn needing(program: &str, test: Trial) -> Trial {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    given(found, program, test)
}

/// The test, ignored if there is no Python with the packages of `tests/requirements.txt`.
#[must_use]
pub fn needing_python(test: Trial) -> Trial {
    given(python().is_file(), "`cargo xtask setup --for test`", test)
}

/// The test, ignored if a file is missing; `source` makes the file.
#[must_use]
pub fn needing_file(path: &Path, source: &str, test: Trial) -> Trial {
    given(path.exists(), source, test)
}

/// The interpreter that has the packages of `tests/requirements.txt`.
#[must_use]
pub fn python() -> PathBuf {
    std::env::var_os("EGRET_PYTHON").map_or_else(|| PathBuf::from("target/python/bin/python"), PathBuf::from)
}

/// The test, ignored unless this is `cargo xtask test --full`.
#[must_use]
pub fn in_full(test: Trial) -> Trial {
    given(std::env::var_os("EGRET_TEST_FULL").is_some(), "`cargo xtask test --full`", test)
}

/// The test, ignored with the reason in its name unless its requirement is met.
fn given(there: bool, what: &str, test: Trial) -> Trial {
    if there {
        return test;
    }
    let name = test.name();
    // A test that is ignored already has the first reason.
    let name = if test.has_ignored_flag() { name.to_owned() } else { format!("{name} (skipped: needs {what})") };
    Trial::test(name, || Ok(())).with_ignored_flag(true)
}

#[cfg(test)]
mod tests {
    use libtest_mimic::{Arguments, run};

    use super::skippable_test_alone;

    #[test]
    fn test_that_lacks_something_is_ignored_and_not_passed() {
        let counted = |lacks: Result<(), String>| {
            let trial = skippable_test_alone("machine", || lacks);
            let conclusion = run(&Arguments::from_iter(["tests", "--quiet"]), vec![trial]);
            (conclusion.num_passed, conclusion.num_ignored)
        };
        assert_eq!(counted(Err("it does not start".into())), (0, 1));
        if nix::unistd::geteuid().is_root() {
            assert_eq!(counted(Ok(())), (1, 0));
        }
    }
}
