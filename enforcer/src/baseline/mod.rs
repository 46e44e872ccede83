//! The baseline: which programs talk to whom.
//!
//! A text file, a rule a line, sorted, so that it is reviewed and compared like source code:
//!
//! ```text
//! format 1
//! allow exe=/usr/bin/curl user=alice -> tcp example.org 443  # seen 12 times on 3 days, 2026-11-20T08:00:01Z to 2026-11-23T18:22:10Z
//! ```

mod assess;
mod compare;
mod destination;
mod evidence;
mod facts;
mod file;
mod generalise;
mod history;
mod index;
mod lasting;
mod learn;
mod parse;
mod readiness;
mod reconcile;
mod replay;
mod rule;
mod subject;
mod survey;
#[cfg(test)]
pub(crate) mod tests;
mod unmatched;
mod value;
mod word;

pub use assess::{Caveat, Figures, LARGEST_BOUND, LARGEST_NOVELTY, Percent, RECENT_DAYS, Reason, WATCHED_DAYS};
pub use compare::{Difference, diff, merge, prune};
pub use destination::{Destination, Host, Ports};
pub use evidence::{Evidence, Gap, Members, Period};
pub use facts::{Facts, KERNEL, MEMORY, Outcome, PRIVATE};
pub use file::{Baseline, Entry};
pub use generalise::{Thresholds, generalise};
pub use history::{Day, History, Hours, date_of};
pub use index::{Index, RuleMatch};
pub use lasting::{EXECUTABLES, Naming, UNITS, naming_of};
pub use learn::{Bounds, Learned, Learner, Limit, MOST_RULES, MOST_TRIED, Precision};
pub use parse::{Problem, parse, parse_destination, parse_rule, parse_subject};
pub use readiness::{CONFIDENCE, Counts, counts};
pub use reconcile::reconcile;
pub use replay::{Blocked, Replay};
pub use rule::{Action, Generalisation, Rule};
pub use subject::Subject;
pub use survey::Survey;
pub use value::{Piece, Value};
