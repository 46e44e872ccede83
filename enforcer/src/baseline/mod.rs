//! The baseline: which programs talk to whom.
//!
//! A text file, a rule a line, sorted, so that it is reviewed and compared like source code:
//!
//! ```text
//! format 1
//! allow exe=/usr/bin/curl user=alice -> tcp example.org 443  # 12 connections on 3 days, 2026-11-20T08:00:01Z to 2026-11-23T18:22:10Z
//! ```

mod compare;
mod destination;
mod evidence;
mod facts;
mod file;
mod generalise;
mod index;
mod learn;
mod parse;
mod readiness;
mod replay;
mod rule;
mod subject;
#[cfg(test)]
pub(crate) mod tests;
mod word;

pub use compare::{Difference, diff, merge, prune};
pub use destination::{Destination, Host, Ports};
pub use evidence::{Evidence, Gap, Members};
pub use facts::Facts;
pub use file::{Baseline, Entry};
pub use generalise::{Thresholds, generalise};
pub use index::{Decision, Index};
pub use learn::{Learned, Learner, Precision};
pub use parse::{Problem, parse};
pub use readiness::{CONFIDENCE, Counts, Day, History, counts};
pub use replay::{Blocked, Replay};
pub use rule::{Action, Generalisation, Rule};
pub use subject::Subject;
