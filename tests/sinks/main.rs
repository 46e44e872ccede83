//! Destinations of `egret run`: real collectors, a real Prometheus and real readers of Parquet, compared with the
//! reports of the traffic generator.
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
