//! What the end-to-end tests are made of: a running trace, traffic that says what it did, and guards that leave
//! nothing behind.
//!
//! Everything here panics where it cannot go on: a test ends at the first thing that is not as it should be.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

mod cgroup;
mod child;
mod event;
mod programs;
mod report;
mod run;
mod scratch;
mod seen;
mod trace;
mod traffic;

pub use cgroup::Cgroup;
pub use child::{PATIENCE, Process, until};
pub use event::Event;
pub use programs::{egret, traffic};
pub use report::{Flow, Report};
pub use run::run;
pub use scratch::Scratch;
pub use seen::{Seen, Sum};
pub use trace::Trace;
pub use traffic::{Server, Traffic, Waiting};
