//! A Python of our own with what the tests need from PyPI, so that nothing is installed into the system's.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::apt;
use crate::command::{step, succeeds};
use crate::workspace;

/// The packages, each at one version.
pub(crate) const REQUIREMENTS: &str = "tests/requirements.txt";

/// The environment variable that names the interpreter to tests and benchmarks.
pub(crate) const VARIABLE: &str = "EGRET_PYTHON";

/// The interpreter.
pub(crate) fn interpreter() -> Result<PathBuf> {
    Ok(directory()?.join("bin").join("python"))
}

fn directory() -> Result<PathBuf> {
    Ok(workspace::target()?.join("python"))
}

/// A copy of the list that was installed: another list is installed again.
fn installed() -> Result<PathBuf> {
    Ok(directory()?.join("requirements.txt"))
}

/// Whether it works and has what is listed.
pub(crate) fn is_present() -> Result<bool> {
    let listed =
        fs::read(workspace::root()?.join(REQUIREMENTS)).with_context(|| format!("cannot read {REQUIREMENTS}"))?;
    let same = fs::read(installed()?).is_ok_and(|installed| installed == listed);
    Ok(same && succeeds(Command::new(interpreter()?).arg("--version")))
}

/// Makes it.
pub(crate) fn install(why: &str) -> Result<()> {
    let directory = directory()?;
    // Debian has `venv` without the `ensurepip` that fills it in a package of its own.
    if !succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"])) {
        apt::install(&["python3-venv"], why)?;
    }
    step("Python", why, Command::new("python3").args(["-m", "venv", "--clear"]).arg(&directory))?;
    let list = workspace::root()?.join(REQUIREMENTS);
    let mut pip = Command::new(interpreter()?);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(&list);
    step("Python packages", why, &mut pip)?;
    fs::copy(&list, installed()?).context("cannot note what was installed")?;
    Ok(())
}
