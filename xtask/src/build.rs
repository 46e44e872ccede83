//! `cargo xtask build`: the kernel side, then the binary that embeds it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::bpf;
use crate::command::{cargo, step};
use crate::cross::{self, Machine};
use crate::prerequisite::Purpose;
use crate::setup::{self, Policy};
use crate::toolchain::Toolchain;
use crate::workspace;

/// Build the kernel side and the egret binary.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Optimise, as for a release; the quick build is compiled and linked in a fraction of the time, and checks itself
    #[arg(long)]
    release: bool,
    /// Build for another machine: aarch64-unknown-linux-gnu
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    #[command(flatten)]
    policy: Policy,
}

impl Arguments {
    pub(crate) fn perform(&self) -> Result<()> {
        let profile = if self.release { Profile::Release } else { Profile::Quick };
        let machine = self.target.as_deref().map(cross::machine).transpose()?.flatten();
        let toolchain = setup::ensure(machine.map_or(Purpose::Run, |machine| machine.purpose), self.policy)?;
        let directory = match machine {
            Some(machine) => binaries_for(machine, toolchain, profile, &["egret"])?,
            None => {
                bpf::build(toolchain)?;
                binaries(profile, &["egret"])?
            }
        };
        let binary = directory.join("egret");
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

impl Profile {
    /// The name for Cargo, and of the directory below its target directory.
    const fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Release => "release",
        }
    }
}

/// Builds the binaries of some packages; returns the directory that holds them.
pub(crate) fn binaries(profile: Profile, packages: &[&str]) -> Result<PathBuf> {
    step_build(&mut build(profile, packages)?, profile, packages)?;
    Ok(workspace::target()?.join(profile.name()))
}

/// The same, and the kernel side, for another machine.
pub(crate) fn binaries_for(
    machine: &Machine,
    toolchain: Toolchain,
    profile: Profile,
    packages: &[&str],
) -> Result<PathBuf> {
    let object = bpf::build_for(machine.architecture, toolchain)?;
    let mut command = build(profile, packages)?;
    command.env(workspace::BPF_OBJECT_VARIABLE, object);
    machine.aim(&mut command);
    step_build(&mut command, profile, packages)?;
    Ok(workspace::target()?.join(machine.triple).join(profile.name()))
}

fn build(profile: Profile, packages: &[&str]) -> Result<Command> {
    let mut command = cargo()?;
    command.args(["build", "--bins", "--profile", profile.name()]);
    for package in packages {
        command.args(["--package", package]);
    }
    Ok(command)
}

fn step_build(command: &mut Command, profile: Profile, packages: &[&str]) -> Result<()> {
    let why = format!("the {} build, with the kernel side inside", profile.name());
    step(&packages.join(" and "), &why, command)
}
