//! `cargo xtask setup`: checks the prerequisites of a purpose and installs what is missing.

use std::process::{Child, Stdio};

use anyhow::{Result, bail};
use clap::Args;

use crate::apt;
use crate::command::cargo;
use crate::prerequisite::{Prerequisite, Purpose, needed_for};
use crate::toolchain::Toolchain;

/// List what egret needs on this machine, and install what is missing.
///
/// Packages come from apt, Rust programs from crates.io. The kernel side is compiled with Debian's
/// `rustc-web` where apt offers it, else with rustup's nightly; EGRET_BPF_TOOLCHAIN=debian or nightly
/// overrides the choice.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to prepare for
    #[arg(long = "for", value_name = "PURPOSE", value_enum, default_value_t = Purpose::Run)]
    purpose: Purpose,
    #[command(flatten)]
    policy: Policy,
}

/// Whether anything may be installed.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Policy {
    /// Install nothing: report what is missing, and fail if anything is
    #[arg(long)]
    no_install: bool,
}

impl Arguments {
    pub(crate) fn perform(&self) -> Result<()> {
        let toolchain = choose_toolchain(self.policy)?;
        for entry in needed_for(self.purpose) {
            report(entry, entry.is_present(toolchain)?, toolchain);
        }
        provide(self.purpose, self.policy, toolchain)
    }
}

/// Installs missing prerequisites of `purpose`. Prints nothing if none are missing.
pub(crate) fn ensure(purpose: Purpose, policy: Policy) -> Result<Toolchain> {
    let toolchain = choose_toolchain(policy)?;
    if policy.no_install {
        for entry in missing(purpose, toolchain)? {
            report(entry, false, toolchain);
        }
    }
    provide(purpose, policy, toolchain)?;
    Ok(toolchain)
}

fn choose_toolchain(policy: Policy) -> Result<Toolchain> {
    if let Some(toolchain) = Toolchain::named()?.or_else(Toolchain::installed) {
        return Ok(toolchain);
    }
    let choice = Toolchain::installable();
    if choice == Toolchain::Debian || policy.no_install || !apt::is_available() {
        return Ok(choice);
    }
    // Without package lists, as in a fresh container, apt offers nothing until they are fetched.
    apt::refresh();
    Ok(Toolchain::installable())
}

fn missing(purpose: Purpose, toolchain: Toolchain) -> Result<Vec<&'static Prerequisite>> {
    let mut missing = Vec::new();
    for entry in needed_for(purpose) {
        if !entry.is_present(toolchain)? {
            missing.push(entry);
        }
    }
    Ok(missing)
}

fn provide(purpose: Purpose, policy: Policy, toolchain: Toolchain) -> Result<()> {
    let missing = missing(purpose, toolchain)?;
    let (optional, missing): (Vec<_>, Vec<_>) = missing.into_iter().partition(|entry| entry.is_optional(purpose));
    if policy.no_install && !missing.is_empty() {
        if toolchain == Toolchain::Nightly && !toolchain.is_installed() && apt::is_available() {
            println!("apt's package lists have no BPF compiler; without --no-install they are refreshed first");
        }
        let names: Vec<_> = missing.iter().map(|entry| entry.name).collect();
        bail!("missing: {}; the same command without --no-install installs it", names.join(", "));
    }
    let mut fetching = if missing.is_empty() { None } else { fetch()? };
    for entry in missing {
        entry.install(toolchain)?;
        if !entry.is_present(toolchain)? {
            bail!("{} was installed but is still not found; is Cargo's bin directory on PATH?", entry.name);
        }
    }
    if let Some(fetching) = &mut fetching {
        fetching.wait()?;
    }
    if !policy.no_install {
        provide_optional(&optional, toolchain);
    }
    Ok(())
}

/// Downloads the crates of the workspace in the background while packages are installed. If that fails, the build reports it.
fn fetch() -> Result<Option<Child>> {
    let mut fetch = cargo()?;
    fetch.args(["fetch", "--locked"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(fetch.spawn().ok())
}

/// Installs optional prerequisites. Tests that need them report that they are skipped. The first failure ends it, as the others
/// are of no use alone.
fn provide_optional(optional: &[&Prerequisite], toolchain: Toolchain) {
    for entry in optional {
        let installed = entry.install(toolchain).and_then(|()| match entry.is_present(toolchain)? {
            true => Ok(()),
            false => bail!("it was installed but does not work"),
        });
        if let Err(error) = installed {
            println!("going on without {}, which {}: {error:#}", entry.name, entry.why);
            return;
        }
    }
}

fn report(entry: &Prerequisite, present: bool, toolchain: Toolchain) {
    let state = if present { "ok" } else { "missing" };
    println!("{state:<8} {:<14} {}", entry.name, entry.why);
    if !present {
        println!("{:<23} install: {}", "", entry.source(toolchain));
    }
}
