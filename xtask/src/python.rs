//! Pythons of our own with what the tests need from PyPI, so that nothing is installed into the system's.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::apt;
use crate::command::{step, succeeds};
use crate::workspace;

/// An environment, by the list of its packages.
pub(crate) struct Environment {
    /// The packages, each at one version.
    pub(crate) requirements: &'static str,
    /// The environment variable that names the interpreter to tests and benchmarks.
    pub(crate) variable: &'static str,
    /// Below Cargo's target directory.
    directory: &'static str,
}

/// What most tests need.
pub(crate) const USUAL: Environment =
    Environment { requirements: "tests/requirements.txt", variable: "EGRET_PYTHON", directory: "python" };

/// SQL engines, a gigabyte and a half of them: for the long tests alone.
pub(crate) const ENGINES: Environment = Environment {
    requirements: "tests/requirements-engines.txt",
    variable: "EGRET_PYTHON_ENGINES",
    directory: "python-engines",
};

impl Environment {
    /// The interpreter.
    pub(crate) fn interpreter(&self) -> Result<PathBuf> {
        Ok(self.path()?.join("bin").join("python"))
    }

    fn path(&self) -> Result<PathBuf> {
        Ok(workspace::target()?.join(self.directory))
    }

    /// A copy of the list that was installed: another list is installed again.
    fn installed(&self) -> Result<PathBuf> {
        Ok(self.path()?.join("requirements.txt"))
    }

    /// Whether it works and has what is listed.
    pub(crate) fn is_present(&self) -> Result<bool> {
        let list = workspace::root()?.join(self.requirements);
        let listed = fs::read(&list).with_context(|| format!("cannot read {}", list.display()))?;
        let same = fs::read(self.installed()?).is_ok_and(|installed| installed == listed);
        Ok(same && succeeds(Command::new(self.interpreter()?).arg("--version")))
    }

    /// Makes it.
    pub(crate) fn install(&self, why: &str) -> Result<()> {
        // Debian has `venv` without the `ensurepip` that fills it in a package of its own.
        if !succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"])) {
            apt::install(&["python3-venv"], why)?;
        }
        step("Python", why, Command::new("python3").args(["-m", "venv", "--clear"]).arg(self.path()?))?;
        let list = workspace::root()?.join(self.requirements);
        let mut pip = Command::new(self.interpreter()?);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(&list);
        step("Python packages", why, &mut pip)?;
        fs::copy(&list, self.installed()?).context("cannot note what was installed")?;
        Ok(())
    }
}
