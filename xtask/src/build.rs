//! `cargo xtask build`: the kernel side, then the binary that embeds it.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::bpf;
use crate::command::{cargo, step};
use crate::prerequisite::Purpose;
use crate::setup::{self, Policy};
use crate::workspace;

/// Build the kernel side and the egret binary.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Optimise; the debug build is quicker to compile and slower to run
    #[arg(long)]
    release: bool,
    #[command(flatten)]
    policy: Policy,
}

impl Arguments {
    pub(crate) fn perform(&self) -> Result<()> {
        bpf::build(setup::ensure(Purpose::Run, self.policy)?)?;
        let profile = if self.release { Profile::Release } else { Profile::Debug };
        let binary = binaries(profile, &["egret"])?.join("egret");
        println!("{}", binary.display());
        Ok(())
    }
}

/// A Cargo profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// `dev`.
    Debug,
    /// `release`.
    Release,
}

/// Builds the binaries of some packages; returns the directory that holds them.
pub(crate) fn binaries(profile: Profile, packages: &[&str]) -> Result<PathBuf> {
    let mut command = cargo()?;
    command.args(["build", "--bins"]);
    for package in packages {
        command.args(["--package", package]);
    }
    let directory = match profile {
        Profile::Debug => "debug",
        Profile::Release => {
            command.arg("--release");
            "release"
        }
    };
    step(&packages.join(" and "), &format!("the {directory} build, with the kernel side inside"), &mut command)?;
    Ok(workspace::target()?.join(directory))
}
