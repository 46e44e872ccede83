//! Fixtures of the end-to-end tests: a running trace, traffic that reports what it did, and guards that clean up.
//!
//! Everything here panics on failure, which ends the test.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

mod cgroup;
pub mod checks;
mod child;
mod clock;
mod daemon;
mod disk;
mod event;
mod hand;
mod namespace;
mod programs;
mod report;
mod run;
mod scratch;
mod seen;
mod trace;
mod traffic;
mod trial;

pub use cgroup::Cgroup;
pub use child::{PATIENCE, Process, stdout_of, until};
pub use clock::WallClock;
pub use daemon::{Daemon, Ended, Setup, SinkAccount};
pub use disk::with_small_disk;
pub use event::Event;
pub use hand::{Answer, Hand};
pub use namespace::Namespace;
pub use programs::{copy_program, egret, traffic, write_program};
pub use report::{Flow, Report};
pub use run::{run, run_in_turn};
pub use scratch::Scratch;
pub use seen::{Seen, Sum, cookie_of};
pub use trace::Trace;
pub use traffic::{Server, Traffic, Waiting};
pub use trial::{in_full, needing, needing_file, needing_python, python, skippable_test_alone, test, test_alone};
