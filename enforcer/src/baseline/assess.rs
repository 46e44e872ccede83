//! Whether a baseline, or a part of it, is good enough to hold a host to.
//!
//! There is no number that says so. What is asked for here is that a week was watched, that few flows are new, that this is
//! known well enough, and that it did not change in the last days; each that fails is a reason.

use std::collections::BTreeMap;
use std::fmt;

use super::file::Baseline;
use super::history::{Day, History};
use super::readiness::{Counts, counts};
use super::rule::Action;
use super::subject::Subject;

/// Days that have to be watched: what happens on one day of the week alone is seen then.
pub const WATCHED_DAYS: u64 = 7;
/// The estimated chance that a flow is new may be this at most.
pub const LARGEST_NOVELTY: f64 = 0.01;
/// What that chance is at most, with the probability of [`super::CONFIDENCE`], may be this at most.
pub const LARGEST_BOUND: f64 = 0.10;
/// The last days with flows, of which no more than [`LARGEST_NOVELTY`] may have been new.
pub const RECENT_DAYS: usize = 3;
/// Losses may be this share of what was counted at most.
const LARGEST_LOSS: f64 = 0.01;

/// What is known of a baseline, or of one subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Flows and rules.
    pub counts: Counts,
    /// Days on which there were flows; where only rules are known, as many as the one that was used on most.
    pub days: u64,
    /// Hours of the day (UTC) with flows, a bit each, where that is known.
    pub hours: Option<u32>,
    /// What happened on the last [`RECENT_DAYS`] with flows together, where that is known.
    pub recent: Option<Day>,
    /// Intervals in which records were lost.
    pub gaps: usize,
    /// Records lost in them.
    pub lost: u64,
    /// Rules of flows that only failed.
    pub tried: u64,
    /// Flows that failed, of any rule.
    pub failed: u64,
}

/// Why something is not ready.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// Nothing was learned.
    NoFlows,
    /// So few days were watched.
    FewDays(u64),
    /// The chance that a flow is new is so high.
    Novel(f64),
    /// So few flows that the chance may be as high as the second; with so many more it would be known well enough.
    FewFlows(u64, f64, Option<u64>),
    /// Of the flows of the last days so many were new.
    StillNew(Day),
    /// So many records were lost, of flows that were counted.
    Lossy(u64, u64),
}

/// What to know of something that may be ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caveat {
    /// There were flows in so many hours of the day only.
    Hours(u32),
    /// There are so many intervals in which so many records were lost.
    Gaps(usize, u64),
    /// So many rules are of flows that only failed.
    Tried(u64),
}

impl Figures {
    /// Those of a baseline as a whole and of each of its subjects, as its evidence has them.
    #[must_use]
    pub fn of(baseline: &Baseline) -> (BTreeMap<&Subject, Self>, Self) {
        let (subjects, all) = counts(baseline);
        let mut days: BTreeMap<&Subject, u64> = BTreeMap::new();
        let mut unsuccessful: BTreeMap<&Subject, (u64, u64)> = BTreeMap::new();
        for (rule, entry) in baseline.entries.iter().filter(|(_, entry)| entry.action != Action::Deny) {
            let evidence = entry.evidence.as_ref();
            let (tried, failed) = unsuccessful.entry(&rule.subject).or_default();
            *tried += u64::from(entry.action == Action::Tried);
            *failed = failed.saturating_add(evidence.map_or(0, |evidence| evidence.failed));
            if let Some(evidence) = evidence.filter(|evidence| evidence.count > 0) {
                let most = days.entry(&rule.subject).or_default();
                *most = (*most).max(evidence.days);
            }
        }
        let (tried, failed) = unsuccessful.values().fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
        let most = days.values().copied().max().unwrap_or_default();
        let watched = |subject| days.get(subject).copied().unwrap_or_default();
        let subjects = subjects.into_iter().map(|(subject, counts)| {
            let (tried, failed) = unsuccessful.get(subject).copied().unwrap_or_default();
            (subject, Self { counts, days: watched(subject), tried, failed, ..Self::default() })
        });
        let all = Self { counts: all, days: most, tried, failed, ..Self::default() };
        (subjects.collect(), all.with(&baseline.history).with_gaps(baseline))
    }

    /// With what a history knows, if it knows anything.
    #[must_use]
    pub fn with(self, history: &History) -> Self {
        let days = history.days();
        if days.len() == 0 {
            return self;
        }
        let watched = u64::try_from(days.len()).unwrap_or(u64::MAX);
        let mut recent = Day::default();
        days.rev().take(RECENT_DAYS).for_each(|(_, day)| recent.add(day));
        Self { days: watched, hours: Some(history.hours()), recent: Some(recent), ..self }
    }

    /// With the losses of a baseline.
    #[must_use]
    pub fn with_gaps(self, baseline: &Baseline) -> Self {
        let lost = baseline.gaps.iter().fold(0, |sum: u64, gap| sum.saturating_add(gap.lost));
        Self { gaps: baseline.gaps.len(), lost, ..self }
    }

    /// What speaks against it; nothing if it is ready.
    #[must_use]
    pub fn reasons(&self) -> Vec<Reason> {
        let Self { counts, days, recent, lost, .. } = *self;
        let (Some(novelty), Some(bound)) = (counts.novelty(), counts.novelty_at_most()) else {
            return vec![Reason::NoFlows];
        };
        let few_flows = || Reason::FewFlows(counts.flows, bound, counts.flows_needed(LARGEST_BOUND));
        let is_still_new = |day: &Day| days > RECENT_DAYS as u64 && share(day.new, day.flows) > LARGEST_NOVELTY;
        [
            (days < WATCHED_DAYS).then_some(Reason::FewDays(days)),
            (novelty > LARGEST_NOVELTY).then_some(Reason::Novel(novelty)),
            (bound > LARGEST_BOUND).then(few_flows),
            recent.filter(is_still_new).map(Reason::StillNew),
            (share(lost, counts.flows) > LARGEST_LOSS).then_some(Reason::Lossy(lost, counts.flows)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// What to know of it, ready or not.
    #[must_use]
    pub fn caveats(&self) -> Vec<Caveat> {
        let hours = self.hours.map(u32::count_ones).filter(|hours| (1..24).contains(hours)).map(Caveat::Hours);
        let gaps = (self.gaps > 0).then_some(Caveat::Gaps(self.gaps, self.lost));
        let tried = (self.tried > 0).then_some(Caveat::Tried(self.tried));
        hours.into_iter().chain(gaps).chain(tried).collect()
    }
}

#[allow(clippy::cast_precision_loss, reason = "a ratio to a few digits")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A share as people read it: two digits, or how little it is.
#[derive(Clone, Copy, Debug)]
pub struct Percent(pub f64);

impl Percent {
    /// A part of a whole; none of nothing.
    #[must_use]
    pub fn of(part: u64, whole: u64) -> Self {
        Self(share(part, whole))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 * 100.0 {
            0.0 => f.write_str("0 %"),
            least if least < 0.01 => f.write_str("under 0.01 %"),
            little if little < 1.0 => write!(f, "{little:.2} %"),
            some if some < 10.0 => write!(f, "{some:.1} %"),
            much => write!(f, "{much:.0} %"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoFlows => f.write_str("nothing was learned yet"),
            Self::FewDays(1) => write!(f, "only 1 day was watched, of {WATCHED_DAYS} wanted"),
            Self::FewDays(days) => write!(f, "only {days} days were watched, of {WATCHED_DAYS} wanted"),
            Self::Novel(chance) => write!(
                f,
                "the next flow is one that no rule covers with an estimated chance of {}, wanted is {} at most",
                Percent(chance),
                Percent(LARGEST_NOVELTY)
            ),
            Self::FewFlows(flows, bound, needed) => {
                let flows = if flows == 1 { "1 flow is".to_owned() } else { format!("{flows} flows are") };
                write!(f, "{flows} too few to be sure: that chance may be {}", Percent(bound))?;
                match needed {
                    Some(needed) => write!(f, ", and {needed} flows bound it by {}", Percent(LARGEST_BOUND)),
                    None => Ok(()),
                }
            }
            Self::StillNew(Day { flows, new, .. }) => {
                let share = Percent::of(new, flows);
                write!(f, "{share} of the flows of the last {RECENT_DAYS} days were new ({new} of {flows})")
            }
            Self::Lossy(lost, flows) => {
                write!(f, "{lost} records were lost, against {flows} flows that were counted")
            }
        }
    }
}

impl fmt::Display for Caveat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Hours(hours) => {
                write!(f, "flows came in {hours} of the 24 hours of a day: what runs in the others is not known")
            }
            Self::Gaps(gaps, lost) => {
                let gaps = if gaps == 1 { "1 interval".to_owned() } else { format!("{gaps} intervals") };
                write!(f, "incomplete: in {gaps} {lost} records were lost, and with them flows that may be unknown")
            }
            Self::Tried(rules) => {
                let rules = if rules == 1 { "1 rule is".to_owned() } else { format!("{rules} rules are") };
                write!(f, "{rules} of flows that only failed (`tried`): enforcement would block them")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: Figures = Figures {
        counts: Counts { flows: 50_000, rules: 100, once: 5 },
        days: 9,
        hours: Some(0xff_ffff),
        recent: Some(Day { flows: 9000, new: 2, hours: 0xff_ffff }),
        gaps: 0,
        lost: 0,
        tried: 0,
        failed: 0,
    };

    #[test]
    fn each_shortfall_is_a_reason() {
        assert_eq!(READY.reasons(), []);
        assert_eq!(Figures::default().reasons(), [Reason::NoFlows]);
        let counts = |flows, once| Counts { flows, rules: 100, once };
        let still_new = Day { flows: 100, new: 2, hours: 1 };
        for (figures, said) in [
            (Figures { days: 1, ..READY }, "only 1 day was watched, of 7 wanted"),
            (Figures { counts: counts(50_000, 1000), ..READY }, "estimated chance of 2.0 %, wanted is 1.0 % at most"),
            (Figures { counts: counts(50, 0), ..READY }, "50 flows are too few to be sure: that chance may be 100 %"),
            (Figures { counts: counts(5000, 0), ..READY }, "may be 13 %, and 8516 flows bound it by 10 %"),
            (Figures { recent: Some(still_new), ..READY }, "2.0 % of the flows of the last 3 days were new (2 of 100)"),
            (Figures { lost: 600, ..READY }, "600 records were lost, against 50000 flows"),
        ] {
            let reasons: Vec<String> = figures.reasons().iter().map(Reason::to_string).collect();
            assert!(matches!(reasons.as_slice(), [reason] if reason.contains(said)), "{reasons:?}: {said}");
        }
    }

    #[test]
    fn required_number_of_flows_meets_the_bound() {
        for once in [0, 50, 400] {
            let counts = Counts { flows: 5000, rules: 500, once };
            let needed = counts.flows_needed(LARGEST_BOUND).unwrap();
            let scaled = |flows: u64| Counts { flows, once: flows * once / 5000, ..counts };
            assert!(scaled(needed + 1).novelty_at_most() <= Some(LARGEST_BOUND + 1e-4));
            assert!(scaled(needed * 9 / 10).novelty_at_most() > Some(LARGEST_BOUND));
        }
        assert_eq!(Counts { flows: 100, rules: 50, once: 50 }.flows_needed(LARGEST_BOUND), None);
    }

    #[test]
    fn missing_hours_and_losses_are_caveats() {
        let figures = Figures { hours: Some(0xff), gaps: 2, lost: 7, ..READY };
        let caveats: Vec<String> = figures.caveats().iter().map(Caveat::to_string).collect();
        assert!(
            caveats[0].contains("8 of the 24 hours") && caveats[1].contains("2 intervals 7 records"),
            "{caveats:?}"
        );
        assert_eq!(READY.caveats(), []);
    }

    #[test]
    fn small_share_is_not_rounded_to_zero() {
        for (share, text) in
            [(0.0, "0 %"), (0.000_01, "under 0.01 %"), (0.002, "0.20 %"), (0.05, "5.0 %"), (1.0, "100 %")]
        {
            assert_eq!(Percent(share).to_string(), text);
        }
    }
}
