//! `egret run` with evaluation: allowed and blocked flows, and failures. Every test has a network namespace with a
//! daemon that evaluates loopback traffic, too.
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

mod answers;
mod audit;
mod baselines;
mod clock;
mod echo;
mod exempt;
mod failing;
mod fallback;
mod foreign;
mod host;
mod identity;
mod inbound;
mod learning;
mod multipath;
mod names;
mod namespaces;
mod programs;
mod questions;
mod queues;
mod revert;
mod shared;
mod supervision;
mod web;
mod wide;

use std::process::ExitCode;

use egret_tests::needing;
use libtest_mimic::Trial;

/// A test whose programs are copies of curl.
fn test(name: &str, body: impl FnOnce() + Send + 'static) -> Trial {
    needing("curl", needing("iptables", egret_tests::test(name, body)))
}

fn main() -> ExitCode {
    let trials = [
        programs::trials(),
        failing::trials(),
        fallback::trials(),
        revert::trials(),
        clock::trials(),
        baselines::trials(),
        answers::trials(),
        audit::trials(),
        foreign::trials(),
        queues::trials(),
        echo::trials(),
        exempt::trials(),
        questions::trials(),
        inbound::trials(),
        identity::trials(),
        learning::trials(),
        multipath::trials(),
        names::trials(),
        namespaces::trials(),
        shared::trials(),
        supervision::trials(),
        wide::trials(),
    ];
    egret_tests::run(trials.into_iter().flatten().collect())
}
