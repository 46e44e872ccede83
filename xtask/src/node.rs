//! npm packages that render the dashboards in tests, at the versions of their lock file.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::command::step;
use crate::workspace;

/// Directory of the project.
pub(crate) const PROJECT: &str = "tests/grafana/render";

fn project() -> Result<PathBuf> {
    Ok(workspace::root()?.join(PROJECT))
}

/// A copy of the lock file that was installed. If the lock file differs from it, packages are installed again.
fn installed() -> Result<PathBuf> {
    Ok(project()?.join("node_modules").join(".installed-lock.json"))
}

/// Whether the packages of the lock file are installed.
pub(crate) fn is_present() -> Result<bool> {
    let lock = project()?.join("package-lock.json");
    let listed = fs::read(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    Ok(fs::read(installed()?).is_ok_and(|installed| installed == listed))
}

/// Installs the packages without running their scripts.
pub(crate) fn install(why: &str) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(project()?);
    step("npm packages", why, &mut npm)?;
    fs::copy(project()?.join("package-lock.json"), installed()?).context("cannot copy the lock file")?;
    Ok(())
}
