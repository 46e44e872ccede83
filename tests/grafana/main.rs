//! Dashboards and alerts: the metrics that they use, and their data from a real Prometheus that scrapes a real `egret
//! run`.
//!
//! Tests that cannot run here are listed as ignored, with the reason in their name.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends at the first thing that is not as it should be"
)]

mod checks;
mod drawn;
mod live;
mod source;
mod substitution;

use std::process::ExitCode;

fn main() -> ExitCode {
    let trials = [checks::trials(), live::trials(), drawn::trials()];
    egret_tests::run(trials.into_iter().flatten().collect())
}
