//! Selects events and shows them: filters, queries of the log, tables, sums, and `egret log`.
//!
//! The commands and the daemon share these parts, standard output and the exit statuses. Nothing here knows arguments or live
//! events.
#![forbid(unsafe_code)]

mod choice;
pub mod exit;
pub mod filter;
pub mod history;
pub mod query;
pub mod report;
pub mod stdout;
pub mod sums;
pub mod table;

pub use choice::{ColorChoice, LogFormat};
