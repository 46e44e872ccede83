//! `cargo xtask test`: every test, with what the end-to-end ones need.

use std::process::Command;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::bpf;
use crate::build::{Profile, binaries};
use crate::command::{cargo, output, step_with_output};
use crate::deb;
use crate::prerequisite::Purpose;
use crate::privilege::{is_root, sudo};
use crate::python;
use crate::setup::{self, Policy};
use crate::unpacked;

/// Install what the tests need, build egret, and run every test.
///
/// The end-to-end tests load eBPF programs and make network namespaces, so the test programs (not Cargo) are
/// started through sudo for any user but root.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Also run the long tests: storms, soaks, large populations, the Debian package, SQL engines, dashboards in a
    /// browser
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    policy: Policy,
    /// Run only tests whose name contains one of these
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
}

impl Arguments {
    pub(crate) fn perform(&self) -> Result<()> {
        let purpose = if self.full { Purpose::LongTest } else { Purpose::Test };
        bpf::build(setup::ensure(purpose, self.policy)?)?;
        // Optimised: the tests trace storms of traffic. The same profile for the tests: their dependencies are compiled.
        let built = binaries(Profile::Quick, &["egret", "egret-traffic"])?;
        let mut tests = cargo()?;
        // One failing crate does not hide the others.
        tests.args(["test", "--workspace", "--no-fail-fast", "--profile", "quick"]);
        tests.env("EGRET_BIN", built.join("egret")).env("EGRET_TRAFFIC", built.join("egret-traffic"));
        tests.env(python::USUAL.variable, python::USUAL.interpreter()?).env("PATH", unpacked::search_path()?);
        if self.full {
            tests.env("EGRET_TEST_FULL", "1").env(deb::VARIABLE, deb::package(&built.join("egret"))?);
            tests.env(python::ENGINES.variable, python::ENGINES.interpreter()?);
        }
        if !is_root() {
            tests.env(runner_variable()?, root_runner()?);
        }
        if !self.filters.is_empty() {
            tests.arg("--").args(&self.filters);
        }
        step_with_output("tests", "unit, property and end-to-end, on this kernel", &mut tests)
    }
}

/// Cargo's setting for the program that starts test programs.
fn runner_variable() -> Result<String> {
    let version = output(Command::new("rustc").arg("-vV")).context("cannot run rustc -vV")?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc -vV names no host")?;
    Ok(format!("CARGO_TARGET_{}_RUNNER", host.to_uppercase().replace('-', "_")))
}

/// `sudo`, passing on the variables that the tests read; of the search path it would make its own.
fn root_runner() -> Result<String> {
    let path = unpacked::search_path()?;
    Ok(format!("{} -E env PATH={}", sudo("running the tests")?.display(), path.to_string_lossy()))
}
