//! `cargo xtask bench`: runs a benchmark.

use std::ffi::OsString;

use anyhow::Result;
use clap::Args;

use crate::bpf;
use crate::build::{Profile, binaries};
use crate::command::{cargo, step_with_output};
use crate::prerequisite::Purpose;
use crate::python;
use crate::setup::{self, Policy};
use crate::unpacked;

/// Build egret optimised, and run one benchmark.
///
/// The table goes to standard output. Run on an otherwise idle machine, as root.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    policy: Policy,
    /// Name of the benchmark
    name: String,
    /// Arguments for the benchmark
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    arguments: Vec<OsString>,
}

impl Arguments {
    pub(crate) fn perform(&self) -> Result<()> {
        bpf::build(setup::ensure(Purpose::Bench, self.policy)?)?;
        let egret = binaries(Profile::Release, &["egret", "egret-traffic"])?;
        let mut bench = cargo()?;
        bench.env("EGRET_BIN", egret.join("egret")).env("EGRET_TRAFFIC", egret.join("egret-traffic"));
        bench.env(python::USUAL.variable, python::USUAL.interpreter()?).env("PATH", unpacked::search_path()?);
        bench.args(["run", "--release", "--package", "egret-bench", "--", &self.name]).args(&self.arguments);
        step_with_output("benchmark", "measures the release build on this machine", &mut bench)
    }
}
