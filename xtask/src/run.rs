//! `cargo xtask run`: from a fresh clone to a live trace.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::bpf;
use crate::build::{Profile, binaries};
use crate::command::shell_line;
use crate::prerequisite::Purpose;
use crate::privilege::as_root;
use crate::setup::{self, Policy};

/// Install what is missing, build egret, and trace this machine's connections.
///
/// Loading eBPF programs needs root: the trace (nothing else) is started through sudo for any other user.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    policy: Policy,
    /// Arguments for `egret trace`, as in `cargo xtask run -- --duration 10s`
    #[arg(last = true, value_name = "ARGS")]
    trace: Vec<OsString>,
}

impl Arguments {
    pub(crate) fn perform(&self) -> Result<()> {
        bpf::build(setup::ensure(Purpose::Run, self.policy)?)?;
        let egret = binaries(Profile::Quick, &["egret"])?.join("egret");
        let egret = egret.to_str().context("the path of the target directory is not UTF-8")?;
        let mut command = as_root(egret, "tracing")?;
        command.arg("trace").args(&self.trace);
        eprintln!("==> egret: every connection of this machine until Ctrl-C\n    {}", shell_line(&command));
        // `exec` replaces this process, so that signals, terminal and exit status are those of the trace.
        Err(command.exec()).with_context(|| format!("cannot start {egret}"))
    }
}
