//! `egret run` as a service: start, queries, reload, stop and privileges.
//!
//! Needs root; tests that cannot run here are listed as ignored, with the reason in their name.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends at the first thing that is not as it should be"
)]

mod attach;
mod containers;
mod control;
mod digests;
mod idle;
mod life;
mod manager;
mod privilege;
mod reload;
mod report;
mod soak;
mod totals;

use std::process::ExitCode;

pub(crate) use egret_tests::{test, test_alone};

fn main() -> ExitCode {
    let trials = [
        life::trials(),
        control::trials(),
        digests::trials(),
        attach::trials(),
        containers::trials(),
        reload::trials(),
        report::trials(),
        soak::trials(),
        manager::trials(),
        privilege::trials(),
        idle::trials(),
        totals::trials(),
    ];
    egret_tests::run(trials.into_iter().flatten().collect())
}
