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
    /// Optimise, as for a release; the quick build is compiled and linked in a fraction of the time, and checks itself
    #[arg(long)]
    release: bool,
    #[command(flatten)]
    policy: Policy,
}

impl Arguments {
    pub(crate) fn perform(&self) -> Result<()> {
        bpf::build(setup::ensure(Purpose::Run, self.policy)?)?;
        let profile = if self.release { Profile::Release } else { Profile::Quick };
        let binary = binaries(profile, &["egret"])?.join("egret");
        println!("{}", binary.display());
        Ok(())
    }
}

/// A Cargo profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// `quick`: optimised a little, with every check, and linked in seconds.
    Quick,
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
        Profile::Quick => {
            command.args(["--profile", "quick"]);
            "quick"
        }
        Profile::Release => {
            command.arg("--release");
            "release"
        }
    };
    step(&packages.join(" and "), &format!("the {directory} build, with the kernel side inside"), &mut command)?;
    Ok(workspace::target()?.join(directory))
}
