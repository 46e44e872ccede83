//! Virtual environments with the PyPI packages that tests need, so that nothing is installed into the system's Python.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::apt;
use crate::command::{step, succeeds};
use crate::workspace;

/// A virtual environment.
pub(crate) struct Environment {
    /// File that lists the packages and their versions.
    pub(crate) requirements: &'static str,
    /// The environment variable in which tests and benchmarks find the interpreter.
    pub(crate) variable: &'static str,
    /// Directory below Cargo's target directory.
    directory: &'static str,
}

/// The packages that most tests need.
pub(crate) const USUAL: Environment =
    Environment { requirements: "tests/requirements.txt", variable: "EGRET_PYTHON", directory: "python" };

/// SQL engines (1.5 GB), for the long tests.
pub(crate) const ENGINES: Environment = Environment {
    requirements: "tests/requirements-engines.txt",
    variable: "EGRET_PYTHON_ENGINES",
    directory: "python-engines",
};

/// The programs that boot kernels.
pub(crate) const MACHINES: Environment = Environment {
    requirements: "tests/requirements-machines.txt",
    variable: "EGRET_PYTHON_MACHINES",
    directory: "python-machines",
};

impl Environment {
    pub(crate) fn interpreter(&self) -> Result<PathBuf> {
        Ok(self.path()?.join("bin").join("python"))
    }

    fn path(&self) -> Result<PathBuf> {
        Ok(workspace::target()?.join(self.directory))
    }

    /// A copy of the list that was installed. If the list differs from it, packages are installed again.
    fn installed(&self) -> Result<PathBuf> {
        Ok(self.path()?.join("requirements.txt"))
    }

    /// Whether it works and has the listed packages.
    pub(crate) fn is_present(&self) -> Result<bool> {
        let list = workspace::root()?.join(self.requirements);
        let listed = fs::read(&list).with_context(|| format!("cannot read {}", list.display()))?;
        let same = fs::read(self.installed()?).is_ok_and(|installed| installed == listed);
        Ok(same && succeeds(Command::new(self.interpreter()?).arg("--version")))
    }

    pub(crate) fn install(&self, why: &str) -> Result<()> {
        // Debian has `ensurepip`, which `venv` needs, in a separate package.
        if !succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"])) {
            apt::install(&["python3-venv"], why)?;
        }
        step("Python", why, Command::new("python3").args(["-m", "venv", "--clear"]).arg(self.path()?))?;
        let list = workspace::root()?.join(self.requirements);
        let mut pip = Command::new(self.interpreter()?);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(&list);
        step("Python packages", why, &mut pip)?;
        fs::copy(&list, self.installed()?).context("cannot copy the list of packages")?;
        Ok(())
    }
}
