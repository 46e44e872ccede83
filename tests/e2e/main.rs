//! What `egret trace` reports about real traffic on the real kernel, compared with the reports of the traffic
//! generator.
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

mod cli;
mod config;
mod datagrams;
mod filters;
mod interfaces;
mod layers;
mod loss;
mod names;
mod neighbours;
mod others;
mod ownership;
mod peers;
mod preexisting;
mod processes;
mod starting;
mod streams;
mod totals;
mod trace_context;

use std::process::ExitCode;

pub(crate) use egret_tests::{checks, needing, test, test_alone};

fn main() -> ExitCode {
    let trials = [
        streams::trials(),
        datagrams::trials(),
        peers::trials(),
        others::trials(),
        processes::trials(),
        ownership::trials(),
        preexisting::trials(),
        starting::trials(),
        totals::trials(),
        neighbours::trials(),
        filters::trials(),
        interfaces::trials(),
        cli::trials(),
        config::trials(),
        layers::trials(),
        loss::trials(),
        names::trials(),
        trace_context::trials(),
    ];
    egret_tests::run(trials.into_iter().flatten().collect())
}
