//! Who sends a packet, as the threads that judge packets ask, and what passes without being asked about: the kernel side and
//! the library alone, on real sockets in network namespaces of the tests' own.
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

mod datagrams;
mod grants;
mod identity;
mod judge;
mod search;
mod streams;

use std::process::ExitCode;

fn main() -> ExitCode {
    let trials = [streams::trials(), datagrams::trials(), search::trials(), grants::trials(), identity::trials()];
    egret_tests::run(trials.into_iter().flatten().collect())
}
