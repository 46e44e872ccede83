//! Counters of blocked connections, and of those that would have been blocked.

use egret_model::{Evaluation, Reason, Verdict};

use super::top::Count;
use crate::prometheus::encoder::label::{self, UNKNOWN};
use crate::values;

/// A verdict other than `allow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blocked {
    WouldBlock,
    Block,
}

/// Values of `verdict`, by [`Blocked`].
const VERDICTS: [&str; 2] = [values::verdict(Verdict::WouldBlock), values::verdict(Verdict::Block)];
/// Values of `reason`, by [`Reason`], and one for a verdict without a reason.
const REASONS: usize = Reason::ALL.len() + 1;

impl Blocked {
    pub(super) const fn from_verdict(verdict: Verdict) -> Option<Self> {
        match verdict {
            Verdict::Allow => None,
            Verdict::WouldBlock => Some(Self::WouldBlock),
            Verdict::Block => Some(Self::Block),
        }
    }
}

/// Counters by verdict.
#[derive(Debug, Default)]
pub(super) struct ByVerdict([Count; VERDICTS.len()]);

impl ByVerdict {
    pub(super) fn add(&mut self, blocked: Blocked) {
        if let Some(count) = self.0.get_mut(blocked as usize) {
            count.add(1);
        }
    }

    pub(super) fn move_to(&mut self, other: &mut Self) {
        self.0.iter_mut().zip(&mut other.0).for_each(|(count, other)| count.move_to(other));
    }

    pub(super) fn scrape(&mut self, mut each: impl FnMut(&str, &mut Count)) {
        VERDICTS.iter().zip(&mut self.0).for_each(|(verdict, count)| each(verdict, count));
    }
}

/// Counters by verdict and reason.
#[derive(Debug, Default)]
pub(super) struct ByReason([Count; VERDICTS.len() * REASONS]);

impl ByReason {
    pub(super) fn add(&mut self, blocked: Blocked, evaluation: Option<&Evaluation>) {
        let reason = evaluation.map_or(Reason::ALL.len(), |evaluation| evaluation.reason as usize);
        if let Some(count) = self.0.get_mut(blocked as usize * REASONS + reason) {
            count.add(1);
        }
    }

    pub(super) fn move_to(&mut self, other: &mut Self) {
        self.0.iter_mut().zip(&mut other.0).for_each(|(count, other)| count.move_to(other));
    }

    pub(super) fn scrape(&mut self, mut each: impl FnMut(&str, &str, &mut Count)) {
        for (kind, count) in self.0.iter_mut().enumerate() {
            let reason = Reason::ALL.get(kind % REASONS).map_or(UNKNOWN, |reason| reason.as_str());
            each(label::at(&VERDICTS, kind / REASONS), reason, count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_agree_with_the_names_in_records() {
        for verdict in values::VERDICTS {
            let name = Blocked::from_verdict(verdict).map(|blocked| VERDICTS[blocked as usize]);
            assert_eq!(name, (verdict != Verdict::Allow).then_some(values::verdict(verdict)));
        }
        Reason::ALL.into_iter().enumerate().for_each(|(index, reason)| assert_eq!(reason as usize, index));
    }
}
