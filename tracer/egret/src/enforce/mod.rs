//! Holding this host to its baseline.
//!
//! ```text
//! events -> learner -> book (baseline, in memory and on disk)
//! packets -> lanes (egret_enforcer::queue), which ask capture: owners (kernel tables), witness (the capture thread)
//! verdicts -> events (pen), counts
//! commands -> desk -> controller: modes, firewall rules, policies, falling back
//! ```
//!
//! The controller is the one thread that keeps the privilege to install firewall rules and to read packets from queues, and
//! passes it on to the threads and tools that it starts.

mod book;
mod controller;
mod desk;
mod kept;
mod learner;
mod plan;
mod sources;
mod sums;
mod verdicts;
mod witness;

pub(crate) use book::Book;
pub(crate) use controller::{Parts, learns_at_start, start};
pub(crate) use desk::{Desk, Refused, Switch};
pub(crate) use learner::{Learner, Losses, now};
pub(crate) use plan::{group_id, render, scope, user_id, wish};
pub(crate) use verdicts::{Pen, Verdicts};
pub(crate) use witness::Witness;
