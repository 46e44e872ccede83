//! The packet path on the real kernel: real sockets in a network namespace, real rules, and known owners.
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

mod asking;
mod digests;
mod fakes;
mod full;
mod host;
mod late;
mod life;
mod policies;
mod verdicts;

use std::process::ExitCode;

use libtest_mimic::Trial;

fn main() -> ExitCode {
    let trials = [
        verdicts::trials(),
        policies::trials(),
        full::trials(),
        late::trials(),
        asking::trials(),
        digests::trials(),
        life::trials(),
    ];
    egret_tests::run(trials.into_iter().flatten().collect())
}

/// A test with rules of iptables-legacy, which every supported kernel has.
fn test(name: &str, body: impl FnOnce() + Send + 'static) -> Trial {
    egret_tests::needing("iptables-legacy", egret_tests::test(name, body))
}
