//! `cargo xtask check`: static checks.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::bpf;
use crate::command::{cargo, step, succeeds};
use crate::prerequisite::Purpose;
use crate::setup::{self, Policy};
use crate::toolchain::Toolchain;
use crate::words;
use crate::workspace::{self, EXCLUDED};

/// Check format, lints, dependencies and spelling.
///
/// Every check runs, even if others fail; a table of results follows. A check that cannot run on this machine is counted as
/// skipped, with the reason.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    policy: Policy,
}

impl Arguments {
    pub(crate) fn perform(&self) -> Result<()> {
        let toolchain = setup::ensure(Purpose::Check, self.policy)?;
        let results: Vec<_> = CHECKS.iter().map(|check| check.perform(toolchain)).collect();
        println!("{:<14} {:<8} {:>8}", "check", "result", "time");
        for result in &results {
            println!("{result}");
        }
        let failed = results.iter().filter(|result| matches!(result.outcome, Outcome::Failed(_))).count();
        let skipped = results.iter().filter(|result| matches!(result.outcome, Outcome::Skipped(_))).count();
        println!("{} ok, {failed} failed, {skipped} skipped", results.len() - failed - skipped);
        if failed > 0 {
            bail!("{failed} of {} checks failed", results.len());
        }
        Ok(())
    }
}

struct Check {
    name: &'static str,
    perform: fn(Toolchain) -> Result<Outcome>,
}

enum Outcome {
    Passed,
    Failed(anyhow::Error),
    Skipped(&'static str),
}

struct Report {
    name: &'static str,
    outcome: Outcome,
    time: Duration,
}

const CHECKS: &[Check] = &[
    Check { name: "format", perform: format },
    Check { name: "eBPF object", perform: object },
    Check { name: "eBPF lints", perform: bpf_lints },
    Check { name: "lints", perform: lints },
    Check { name: "dependencies", perform: dependencies },
    Check { name: "advisories", perform: advisories },
    Check { name: "unused", perform: unused },
    Check { name: "spelling", perform: spelling },
    Check { name: "words", perform: words },
];

impl Check {
    fn perform(&self, toolchain: Toolchain) -> Report {
        let started = Instant::now();
        let outcome = (self.perform)(toolchain).unwrap_or_else(Outcome::Failed);
        if let Outcome::Failed(error) = &outcome {
            eprintln!("    {error:#}");
        }
        Report { name: self.name, outcome, time: started.elapsed() }
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (word, remark) = match &self.outcome {
            Outcome::Passed => ("ok", String::new()),
            Outcome::Failed(error) => ("FAILED", format!("  {error}")),
            Outcome::Skipped(reason) => ("skipped", format!("  {reason}")),
        };
        write!(f, "{:<14} {word:<8} {:>6.1} s{remark}", self.name, self.time.as_secs_f64())
    }
}

fn format(_: Toolchain) -> Result<Outcome> {
    step("format", "the workspace, as rustfmt.toml says", cargo()?.args(["fmt", "--all", "--check"]))?;
    for manifest in excluded()? {
        let mut command = cargo()?;
        command.args(["fmt", "--check", "--manifest-path", manifest]);
        step("format", "a crate outside the workspace", &mut command)?;
    }
    Ok(Outcome::Passed)
}

fn object(toolchain: Toolchain) -> Result<Outcome> {
    bpf::build(toolchain)?;
    Ok(Outcome::Passed)
}

fn bpf_lints(toolchain: Toolchain) -> Result<Outcome> {
    bpf::lint(toolchain)?;
    Ok(Outcome::Passed)
}

fn lints(_: Toolchain) -> Result<Outcome> {
    let mut command = cargo()?;
    command.args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    step("lints", "Clippy over the workspace, warnings denied", &mut command)?;
    Ok(Outcome::Passed)
}

fn dependencies(_: Toolchain) -> Result<Outcome> {
    for manifest in std::iter::once("Cargo.toml").chain(excluded()?) {
        let mut command = cargo()?;
        command.args(["deny", "--manifest-path", manifest, "check", "licenses", "bans", "sources"]);
        step("dependencies", "licences, versions and sources, as deny.toml says", &mut command)?;
    }
    Ok(Outcome::Passed)
}

fn advisories(_: Toolchain) -> Result<Outcome> {
    if !succeeds(cargo()?.args(["deny", "fetch", "db"])) {
        return Ok(Outcome::Skipped("the advisory database (github.com/rustsec/advisory-db) cannot be reached"));
    }
    let mut command = cargo()?;
    command.args(["deny", "check", "advisories"]);
    step("advisories", "known vulnerabilities of dependencies", &mut command)?;
    Ok(Outcome::Passed)
}

fn unused(_: Toolchain) -> Result<Outcome> {
    // Not `cargo machete`: below `cargo run` it takes its own name for a directory to search.
    let mut command = Command::new("cargo-machete");
    step("unused", "dependencies that no source file names", command.current_dir(workspace::root()?))?;
    Ok(Outcome::Passed)
}

fn spelling(_: Toolchain) -> Result<Outcome> {
    let mut command = Command::new("typos");
    step("spelling", "code, documents and messages", command.current_dir(workspace::root()?))?;
    Ok(Outcome::Passed)
}

fn words(_: Toolchain) -> Result<Outcome> {
    words::check(workspace::root()?)?;
    Ok(Outcome::Passed)
}

/// The manifests outside the workspace that exist.
fn excluded() -> Result<impl Iterator<Item = &'static str>> {
    let root = workspace::root().context("the workspace cannot be found")?;
    Ok(EXCLUDED.into_iter().filter(move |manifest| root.join(manifest).is_file()))
}
