//! `cargo xtask test`: every test, with the prerequisites of the end-to-end tests.

use anyhow::Result;
use clap::Args;

use crate::bpf;
use crate::build::{Profile, binaries, binaries_for};
use crate::command::{cargo, step_with_output};
use crate::cross::{self, Machine};
use crate::deb;
use crate::kernels;
use crate::prerequisite::Purpose;
use crate::privilege::{is_root, sudo};
use crate::python;
use crate::setup::{self, Policy};
use crate::unpacked;
use crate::workspace;

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
    /// Instead of the others, run the tests of other kernels: of these versions (5.10, 6.1, 6.12, newest), or of all. Debian's
    /// are fetched, and booted in QEMU
    #[arg(long, value_name = "VERSION", num_args = 0.., conflicts_with_all = ["full", "filters"])]
    kernels: Option<Vec<String>>,
    /// Instead of the others, run the tests of another machine: unit tests in a user-mode QEMU, and egret on its kernel.
    /// aarch64-unknown-linux-gnu
    #[arg(long, value_name = "TRIPLE", conflicts_with_all = ["full", "filters", "kernels"])]
    target: Option<String>,
    #[command(flatten)]
    policy: Policy,
    /// Run only tests whose name contains one of these
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
}

impl Arguments {
    pub(crate) fn perform(&self) -> Result<()> {
        if let Some(machine) = self.target.as_deref().map(cross::machine).transpose()?.flatten() {
            return self.perform_for(machine);
        }
        let purpose = match (&self.kernels, self.full) {
            (Some(_), _) => Purpose::KernelTest,
            (None, true) => Purpose::LongTest,
            (None, false) => Purpose::Test,
        };
        bpf::build(setup::ensure(purpose, self.policy)?)?;
        // Optimised, as the tests trace storms of traffic. The tests share the profile, so that dependencies are compiled once.
        let built = binaries(Profile::Quick, &["egret", "egret-traffic"])?;
        let mut tests = cargo()?;
        // A failing crate does not hide the results of others.
        tests.args(["test", "--workspace", "--no-fail-fast", "--profile", "quick"]);
        tests.env("EGRET_BIN", built.join("egret")).env("EGRET_TRAFFIC", built.join("egret-traffic"));
        tests.env(python::USUAL.variable, python::USUAL.interpreter()?).env("PATH", unpacked::search_path()?);
        if self.full {
            tests.env("EGRET_TEST_FULL", "1").env(deb::VARIABLE, deb::package(&built.join("egret"))?);
            tests.env(python::ENGINES.variable, python::ENGINES.interpreter()?);
        }
        tests.env(kernels::PLACE, kernels::directory()?);
        tests.env(python::MACHINES.variable, python::MACHINES.interpreter()?);
        if let Some(versions) = &self.kernels {
            kernels::fetch_others()?;
            tests.env(kernels::WANTED, kernels::fetch(versions)?.join(" "));
            tests.args(["--test", "kernels"]);
        }
        if !is_root() {
            tests.env(runner_variable()?, root_runner()?);
        }
        if self.kernels.is_some() {
            tests.args(["--", "kernels::"]);
        } else if !self.filters.is_empty() {
            tests.arg("--").args(&self.filters);
        }
        step_with_output("tests", "unit, property and end-to-end, on this kernel", &mut tests)
    }
}

/// What is left out of another machine's unit tests: programs that need its kernel, and this one.
const NOT_ELSEWHERE: [&str; 2] = ["egret-tests", "xtask"];

impl Arguments {
    fn perform_for(&self, machine: &'static Machine) -> Result<()> {
        let toolchain = setup::ensure(Purpose::Arm64Test, self.policy)?;
        let built = binaries_for(machine, toolchain, Profile::Quick, &["egret", "egret-traffic"])?;
        let object = workspace::bpf_object_for(machine.architecture)?;
        let mut unit = cargo()?;
        unit.env(workspace::BPF_OBJECT_VARIABLE, object);
        unit.args(["test", "--workspace", "--no-fail-fast", "--profile", "quick", "--lib", "--bins"]);
        unit.args(NOT_ELSEWHERE.iter().flat_map(|name| ["--exclude", name]));
        machine.aim(&mut unit);
        unit.env("PATH", unpacked::search_path()?).env(machine.runner_variable(), machine.emulator);
        let unit = step_with_output("unit tests", "on another processor", unit.arg("--"));
        let mut boot = cargo()?;
        boot.args(["test", "--profile", "quick", "--package", "egret-tests", "--test", "kernels"]);
        boot.env("EGRET_BIN", built.join("egret")).env("EGRET_TRAFFIC", built.join("egret-traffic"));
        boot.env("PATH", unpacked::search_path()?).env(kernels::PLACE, kernels::directory()?);
        boot.env(kernels::WANTED, kernels::fetch_arm64()?);
        boot.args(["--", "kernels::arm64"]);
        step_with_output("a kernel", "of another processor", &mut boot).and(unit)
    }
}

/// Cargo's setting for the program that starts test programs.
fn runner_variable() -> Result<String> {
    Ok(cross::runner_variable(&cross::host()?))
}

/// `sudo` that keeps the variables that the tests read, and `PATH`, which it would otherwise replace.
fn root_runner() -> Result<String> {
    let path = unpacked::search_path()?;
    Ok(format!("{} -E env PATH={}", sudo("running the tests")?.display(), path.to_string_lossy()))
}
