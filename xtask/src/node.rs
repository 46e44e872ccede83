//! What draws the dashboards in tests, from the npm registry: at the versions of its lock file, beside its source.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::command::step;
use crate::workspace;

/// Where it is.
pub(crate) const PROJECT: &str = "tests/grafana/render";

fn project() -> Result<PathBuf> {
    Ok(workspace::root()?.join(PROJECT))
}

/// A copy of the lock file that was installed: another one is installed again.
fn installed() -> Result<PathBuf> {
    Ok(project()?.join("node_modules").join(".installed-lock.json"))
}

/// Whether what the lock file lists is there.
pub(crate) fn is_present() -> Result<bool> {
    let lock = project()?.join("package-lock.json");
    let listed = fs::read(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    Ok(fs::read(installed()?).is_ok_and(|installed| installed == listed))
}

/// Installs it. No package's own scripts are run.
pub(crate) fn install(why: &str) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(project()?);
    step("npm packages", why, &mut npm)?;
    fs::copy(project()?.join("package-lock.json"), installed()?).context("cannot note what was installed")?;
    Ok(())
}
