//! Whether a baseline is good enough: how often does something happen that it does not know?
//!
//! The chance that the next flow is one that was never seen is estimated by the share of those seen exactly once
//! (I. J. Good, "The Population Frequencies of Species and the Estimation of Population Parameters", Biometrika 40,
//! 1953, <https://doi.org/10.1093/biomet/40.3-4.237>; the idea is A. M. Turing's). How far off that may be is bounded as
//! in D. McAllester and R. E. Schapire, "On the Convergence Rate of Good-Turing Estimators", COLT 2000, theorem 1.
//! Both take flows to be independent draws, which traffic is not: flows come in bursts, and the first of a monthly job is
//! not announced by the days before. So days and hours that were watched are part of the answer, see [`Figures`].

use std::collections::BTreeMap;

use super::file::Baseline;
use super::subject::Subject;

/// The bound holds with this probability.
pub const CONFIDENCE: f64 = 0.95;
/// The theorem's factor, two times the root of two and the root of three.
const SPREAD: f64 = 2.0 * std::f64::consts::SQRT_2 + 1.732_050_807_568_877_2;

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
        let spread = SPREAD * ((3.0 / (1.0 - CONFIDENCE)).ln() / self.flows as f64).sqrt();
        self.novelty().map(|novelty| (novelty + spread).min(1.0))
    }

    /// How many flows are needed before the bound can be as low as this, if novelty stays as it is; `None` if it never can.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float becomes an integer saturating")]
    pub fn flows_needed(&self, bound: f64) -> Option<u64> {
        let room = bound - self.novelty().unwrap_or_default();
        (room > 0.0).then(|| (SPREAD * SPREAD * (3.0 / (1.0 - CONFIDENCE)).ln() / (room * room)).ceil() as u64)
    }

    /// Adds a rule that was used so often.
    pub(crate) fn add(&mut self, count: u64) {
        self.flows = self.flows.saturating_add(count);
        self.rules += 1;
        self.once += u64::from(count == 1);
    }
}

/// The counts of each subject, and of all together, as a baseline's evidence has them.
#[must_use]
pub fn counts(baseline: &Baseline) -> (BTreeMap<&Subject, Counts>, Counts) {
    let mut subjects: BTreeMap<&Subject, Counts> = BTreeMap::new();
    let mut all = Counts::default();
    for (rule, entry) in &baseline.entries {
        let Some(used) = entry.used() else { continue };
        subjects.entry(&rule.subject).or_default().add(used);
        all.add(used);
    }
    (subjects, all)
}
