//! `docs/kernels.md`, made of what was seen.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::features::{BESIDE_OTHERS, FEATURES, Feature, SKIPPED};
use crate::machine::Scope;
use crate::results::{Results, version};
use crate::{ARM64, kernels};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/kernels.md");

const HEAD: &str = "# Kernels

What egret sees on which kernel. This page is made by `EGRET_BLESS=1 cargo xtask test --kernels`, which boots Debian's kernels in
QEMU, makes the same traffic on each, and compares what egret reports with what the traffic did (and by
`cargo xtask test --target aarch64-unknown-linux-gnu` the same for arm64, without the daemon and the firewall); do not edit it.

A cell that is less than `yes` names its degradation, which `egret doctor` explains: with it comes what is lost and what to do.
`hook_skipped` is a loss that egret counts ([trace.md](trace.md)): since Linux 7.0 the kernel skips runs of hooks where many want one CPU,
and what such a run would have counted is missing.

";

/// What the page is made of, by kernel.
const PARTS: [(&str, Scope); 7] = [
    ("5.10", Scope::Full),
    ("5.10", Scope::Hybrid),
    ("5.10", Scope::Legacy),
    ("6.1", Scope::Full),
    ("6.1", Scope::Others),
    ("6.12", Scope::Full),
    ("newest", Scope::Full),
];

/// Compares the page with what was seen, or writes it. Where some kernel was not looked at, that is the error: a page of the others
/// would be less.
pub(crate) fn check() -> Result<(), String> {
    let before = fs::read_to_string(Path::new(PAGE)).unwrap_or_default();
    // That of another processor has a command of its own.
    let arm64 = before.contains(&format!(", {ARM64} |")).then_some((ARM64, Scope::Traffic));
    for (version, scope) in PARTS.into_iter().chain(arm64) {
        if Results::kept(&kernels().join(version), scope).is_none() {
            return Err(format!("nothing was seen of {version}{} yet", scope.name()));
        }
    }
    let mut seen = kept(&[Scope::Full]);
    seen.sort_by_key(|results| (results.version == ARM64, version(&results.release)));
    let mut page = render(&seen);
    others(&mut page, &kept(&[Scope::Others]));
    layouts(&mut page, &kept(&[Scope::Hybrid, Scope::Legacy]));
    if env::var_os("EGRET_BLESS").is_some() {
        fs::write(PAGE, &page).unwrap();
        return Ok(());
    }
    assert_eq!(before, page, "docs/kernels.md is not what was seen; EGRET_BLESS=1 writes it anew");
    Ok(())
}

/// What was seen of these scopes: what a kernel's own look left is under one name, whichever that was.
fn kept(scopes: &[Scope]) -> Vec<Results> {
    let places: Vec<_> = fs::read_dir(kernels()).unwrap().map(|entry| entry.unwrap().path()).collect();
    scopes.iter().flat_map(|scope| places.iter().filter_map(|place| Results::kept(place, *scope))).collect()
}

const OTHERS: &str = "
## Beside other firewalls

While egret enforces with nftables, each of them starts, and all but Docker are reloaded: egret's rules are there afterwards, and theirs
are as they would be without egret.

";

fn others(page: &mut String, seen: &[Results]) {
    if seen.is_empty() {
        return;
    }
    page.push_str(OTHERS);
    row(page, "", seen.iter().map(heading));
    row(page, "---", seen.iter().map(|_| "---".to_owned()));
    rows(page, BESIDE_OTHERS, seen);
}

const LAYOUTS: &str = "
## Layouts of control groups

The table is of the unified layout, which distributions have now. With version 1 beside it (hybrid), egret attaches to version 2 all the
same. Where there is only version 1 it takes the `syscalls` layer.

";

fn layouts(page: &mut String, seen: &[Results]) {
    if seen.is_empty() {
        return;
    }
    page.push_str(LAYOUTS);
    row(page, "layout", ["kernel", "layer", "a connection, with its process", "degradations"].map(str::to_owned));
    row(page, "---", ["---"; 4].map(str::to_owned));
    for results in seen {
        let name = if results.scope == Scope::Hybrid { "versions 1 and 2" } else { "version 1" };
        let found = if results.wrong().is_empty() { "yes" } else { "no" };
        let degradations = results.degradations.join(", ");
        row(page, name, [heading(results), results.layer.clone(), found.to_owned(), degradations]);
    }
}

fn heading(results: &Results) -> String {
    let numbers: Vec<String> = version(&results.release).iter().map(u32::to_string).collect();
    let processor = if results.version == ARM64 { ", arm64" } else { "" };
    format!("Linux {}{processor}", numbers.join("."))
}

fn render(seen: &[Results]) -> String {
    let mut page = HEAD.to_owned();
    row(&mut page, "", seen.iter().map(heading));
    row(&mut page, "---", seen.iter().map(|_| "---".to_owned()));
    row(&mut page, "release", seen.iter().map(|results| format!("`{}`", results.release)));
    row(&mut page, "layer", seen.iter().map(|results| results.layer.clone()));
    rows(&mut page, FEATURES, seen);
    row(&mut page, "degradations", seen.iter().map(|results| results.degradations.join(", ")));
    page
}

fn rows(page: &mut String, features: &[Feature], seen: &[Results]) {
    for feature in features {
        let cells =
            seen.iter().map(|results| cell(results.shown(feature), results.tried(feature), &results.excuses(feature)));
        row(page, feature.name, cells);
    }
}

fn cell(shown: usize, all: usize, excuses: &[&str]) -> String {
    let reasons: String = excuses.iter().map(|name| format!(": `{name}`")).collect();
    match shown {
        _ if all == 0 => "not tried".to_owned(),
        // Whether one is skipped is chance, and no page changes by that.
        _ if excuses == [SKIPPED] => format!("yes, but for `{SKIPPED}`"),
        0 => format!("no{reasons}"),
        _ if shown == all => "yes".to_owned(),
        _ => format!("{shown} of {all}{reasons}"),
    }
}

fn row(page: &mut String, name: &str, cells: impl IntoIterator<Item = String>) {
    let cells: String = cells.into_iter().map(|cell| format!(" {cell} |")).collect();
    writeln!(page, "| {name} |{cells}").unwrap();
}
