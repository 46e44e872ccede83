//! What was blocked, and what would have been.

use egret_model::{Judgement, Reason, Verdict};

use super::count::Count;
use super::label::{self, UNKNOWN};
use crate::values;

/// A verdict that is not to let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blocked {
    WouldBe,
    Is,
}

/// Values of `verdict`, by [`Blocked`].
const VERDICTS: [&str; 2] = [values::verdict(Verdict::WouldBlock), values::verdict(Verdict::Block)];
/// Values of `reason`, by [`Reason`], and one for a verdict without.
const REASONS: usize = Reason::ALL.len() + 1;

impl Blocked {
    pub(super) const fn of(verdict: Verdict) -> Option<Self> {
        match verdict {
            Verdict::Allow => None,
            Verdict::WouldBlock => Some(Self::WouldBe),
            Verdict::Block => Some(Self::Is),
        }
    }
}

/// Counts by verdict.
#[derive(Debug, Default)]
pub(super) struct ByVerdict([Count; VERDICTS.len()]);

impl ByVerdict {
    pub(super) fn add(&mut self, blocked: Blocked) {
        if let Some(count) = self.0.get_mut(blocked as usize) {
            count.add(1);
        }
    }

    /// Ends; what no scrape has shown goes to the other.
    pub(super) fn end(&mut self, other: &mut Self) {
        self.0.iter_mut().zip(&mut other.0).for_each(|(ends, heir)| heir.add(ends.end()));
    }

    pub(super) fn show(&mut self, mut each: impl FnMut(&str, &mut Count)) {
        VERDICTS.iter().zip(&mut self.0).for_each(|(verdict, count)| each(verdict, count));
    }
}

/// Counts by verdict and reason.
#[derive(Debug, Default)]
pub(super) struct ByReason([Count; VERDICTS.len() * REASONS]);

impl ByReason {
    pub(super) fn add(&mut self, blocked: Blocked, judgement: Option<&Judgement>) {
        let reason = judgement.map_or(Reason::ALL.len(), |judgement| judgement.reason as usize);
        if let Some(count) = self.0.get_mut(blocked as usize * REASONS + reason) {
            count.add(1);
        }
    }

    /// Ends; what no scrape has shown goes to the other.
    pub(super) fn end(&mut self, other: &mut Self) {
        self.0.iter_mut().zip(&mut other.0).for_each(|(ends, heir)| heir.add(ends.end()));
    }

    pub(super) fn show(&mut self, mut each: impl FnMut(&str, &str, &mut Count)) {
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
    fn indices_agree_with_the_names_of_records() {
        for verdict in values::VERDICTS {
            let name = Blocked::of(verdict).map(|blocked| VERDICTS[blocked as usize]);
            assert_eq!(name, (verdict != Verdict::Allow).then_some(values::verdict(verdict)));
        }
        Reason::ALL.into_iter().enumerate().for_each(|(index, reason)| assert_eq!(reason as usize, index));
    }
}
