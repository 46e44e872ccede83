//! Owners of packets, as the threads that evaluate packets look them up, and grants: the kernel side and the library,
//! on real sockets in separate network namespaces.
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
