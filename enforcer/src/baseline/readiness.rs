//! Whether a baseline is good enough: how often does something happen that it does not know?
//!
//! The chance that the next flow is one that was never seen is estimated by the share of those seen exactly once
//! (I. J. Good, "The Population Frequencies of Species and the Estimation of Population Parameters", Biometrika 40,
//! 1953, <https://doi.org/10.1093/biomet/40.3-4.237>; the idea is A. M. Turing's). How far off that may be is bounded as
//! in D. McAllester and R. E. Schapire, "On the Convergence Rate of Good-Turing Estimators", COLT 2000, theorem 1.
//! Both take flows to be independent draws, which traffic is not: flows come in bursts, and the first of a monthly job is
//! not announced by the days before. So days and hours that were watched are part of the answer.

use std::collections::BTreeMap;

use egret_model::Timestamp;

use super::file::Baseline;
use super::learn::Learned;
use super::rule::{Action, Rule};
use super::subject::Subject;

/// The bound holds with this probability.
pub const CONFIDENCE: f64 = 0.95;

/// What flows and rules of a baseline, or of one subject, amount to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Flows.
    pub flows: u64,
    /// Rules that allow.
    pub rules: u64,
    /// Of those, rules that were used once.
    pub once: u64,
}

impl Counts {
    /// The chance that the next flow is one that was never seen; `None` before the first flow.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a ratio to a few digits")]
    pub fn novelty(&self) -> Option<f64> {
        (self.flows > 0).then(|| self.once as f64 / self.flows as f64)
    }

    /// What that chance is at most, with a probability of [`CONFIDENCE`].
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a ratio to a few digits")]
    pub fn novelty_at_most(&self) -> Option<f64> {
        let spread =
            (2.0 * 2.0_f64.sqrt() + 3.0_f64.sqrt()) * ((3.0 / (1.0 - CONFIDENCE)).ln() / self.flows as f64).sqrt();
        self.novelty().map(|novelty| (novelty + spread).min(1.0))
    }

    fn add(&mut self, count: u64) {
        self.flows += count;
        self.rules += 1;
        self.once += u64::from(count == 1);
    }
}

/// The counts of each subject, and of all together, as a baseline's evidence has them.
#[must_use]
pub fn counts(baseline: &Baseline) -> (BTreeMap<&Subject, Counts>, Counts) {
    let mut subjects: BTreeMap<&Subject, Counts> = BTreeMap::new();
    let mut all = Counts::default();
    let used = baseline.entries.iter().filter(|(_, entry)| entry.action == Action::Allow);
    for (Rule { subject, .. }, entry) in used {
        let Some(evidence) = &entry.evidence else { continue };
        subjects.entry(subject).or_default().add(evidence.count);
        all.add(evidence.count);
    }
    (subjects, all)
}

/// What was new, day by day, and which hours were watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Days since 1970-01-01 in UTC, with what happened on each. At most [`DAYS`]; the oldest go first.
    days: BTreeMap<i64, Day>,
    /// Hours of the day (UTC) with any flow, a bit each.
    hours: u32,
}

/// Days remembered.
const DAYS: usize = 400;

/// What happened on a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// Flows that could be learned.
    pub flows: u64,
    /// Of those, flows that no rule covered.
    pub new: u64,
}

const HOUR_NS: i64 = 3_600_000_000_000;

impl History {
    /// Notes what became of a flow.
    pub fn note(&mut self, learned: Learned, time: Timestamp) {
        let new = match learned {
            Learned::Known => 0,
            Learned::New => 1,
            Learned::Denied | Learned::Untold => return,
        };
        let hour = time.0.div_euclid(HOUR_NS);
        let day = self.days.entry(hour.div_euclid(24)).or_default();
        day.flows += 1;
        day.new += new;
        self.hours |= 1 << hour.rem_euclid(24);
        if self.days.len() > DAYS {
            self.days.pop_first();
        }
    }

    /// The days on which there were flows, as days since 1970-01-01, with what happened on each.
    pub fn days(&self) -> impl ExactSizeIterator<Item = (i64, Day)> + '_ {
        self.days.iter().map(|(day, what)| (*day, *what))
    }

    /// How many hours of the day, of 24, had any flow.
    #[must_use]
    pub const fn hours(&self) -> u32 {
        self.hours.count_ones()
    }
}
