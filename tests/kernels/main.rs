//! egret on kernels that people run, each booted in QEMU: it takes the `sockets` layer, warns of nothing, and what it cannot do there
//! has a named degradation.
//!
//! `cargo xtask test --kernels` fetches the kernels and looks at everything; without it, two that are there are booted, and one
//! connection is traced. The host's file system is the machine's, so that the programs under test are those of the host.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends at the first thing that is not as it should be"
)]

mod arm64;
mod features;
mod machine;
mod page;
mod results;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use libtest_mimic::Trial;

use machine::{Machine, Scope};

/// The oldest that egret is made for, and what Debian 12 has.
const ORDINARY: [&str; 2] = ["5.10", "6.1"];

fn main() -> ExitCode {
    let wanted = env::var("EGRET_KERNELS_WANTED").ok();
    let in_full = wanted.is_some();
    let versions: Vec<String> = match &wanted {
        Some(list) => list.split_whitespace().map(str::to_owned).collect(),
        None => ORDINARY.map(str::to_owned).to_vec(),
    };
    let mut trials: Vec<Trial> = versions.iter().flat_map(|version| trials_on(version, in_full)).collect();
    if in_full {
        trials.push(egret_tests::skippable_test_alone("kernels::page_is_what_was_seen", page::check));
    }
    // One machine at a time: each takes all processors, and the page comes last.
    egret_tests::run_in_turn(trials)
}

/// The kernel of another processor, which `cargo xtask test --target aarch64-unknown-linux-gnu` asks for.
const ARM64: &str = "arm64";
/// The kernel on which other layouts of control groups are tried: distributions of its time have them.
const LAYOUTS_ON: &str = "5.10";
/// The kernel on which other firewalls are tried beside egret: that of the Debian whose packages they are.
const OTHERS_ON: &str = "6.1";

fn trials_on(version: &str, in_full: bool) -> Vec<Trial> {
    let scopes = match (version, in_full) {
        (ARM64, _) => &[Scope::Traffic][..],
        (LAYOUTS_ON, true) => &[Scope::Full, Scope::Hybrid, Scope::Legacy],
        (OTHERS_ON, true) => &[Scope::Full, Scope::Others],
        (_, true) => &[Scope::Full],
        (_, false) => &[Scope::Ordinary],
    };
    scopes.iter().map(|scope| trial(version, *scope)).collect()
}

fn trial(version: &str, scope: Scope) -> Trial {
    let place = kernels().join(version);
    let name = format!("kernels::{version}{}", scope.name());
    let test = {
        let (place, version) = (place.clone(), version.to_owned());
        egret_tests::skippable_test_alone(&name, move || look(&Machine::new(&version, &place, scope)))
    };
    let test = egret_tests::needing_file(&place.join("kernel"), "a kernel that could not be fetched", test);
    if scope == Scope::Traffic {
        return egret_tests::needing("qemu-system-aarch64", test);
    }
    let test = egret_tests::needing_file(&machine::python(), "virtme-ng", test);
    egret_tests::needing("qemu-system-x86_64", test)
}

fn look(machine: &Machine) -> Result<(), String> {
    let results = machine.run()?;
    results.write(machine.place());
    let wrong = results.wrong();
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), machine.outputs());
    Ok(())
}

/// Where `cargo xtask` puts kernels.
pub(crate) fn kernels() -> PathBuf {
    env::var_os("EGRET_KERNELS").map_or_else(|| PathBuf::from("target/kernels"), PathBuf::from)
}
