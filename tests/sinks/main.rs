//! Where the events of `egret run` arrive: real collectors, a real Prometheus, real readers of Parquet, compared with
//! what the traffic says of itself.
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

mod bucket;
mod compliance;
mod otlp;
mod prometheus;

use std::process::ExitCode;

fn main() -> ExitCode {
    let trials = [bucket::trials(), compliance::trials(), otlp::trials(), prometheus::trials()];
    egret_tests::run(trials.into_iter().flatten().collect())
}
