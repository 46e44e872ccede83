//! What a recorded time would have taught, day by day: how many of each day's flows the days before had not shown.

use std::collections::BTreeMap;

use egret_model::Timestamp;

use super::assess::Figures;
use super::facts::Facts;
use super::file::Baseline;
use super::generalise::Thresholds;
use super::history::History;
use super::learn::{Learned, Learner, Precision};
use super::subject::Subject;

/// Nanoseconds in a day; days are those of UTC.
const DAY_NS: i64 = 86_400_000_000_000;

/// Learns from recorded flows, as egret would have learned when they happened.
#[derive(Clone, Debug)]
pub struct Survey {
    learner: Learner,
    /// How several rules become one at the end of each day; `None` for never.
    thresholds: Option<Thresholds>,
    /// What happened by subject; as many as there are subjects in the rules, some ten kilobytes each at most.
    subjects: BTreeMap<Subject, History>,
    day: Option<i64>,
    /// Flows of which nothing can be learned.
    pub unknown: u64,
    /// Flows that a rule denies.
    pub denied: u64,
    /// Flows that failed, and that no rule covers.
    pub failed: u64,
    /// Flows that enforcement blocked, or would have.
    pub blocked: u64,
    /// Flows in other network namespaces, of no container that a rule names.
    pub other_namespace: u64,
}

impl Survey {
    /// Begins with what people wrote and decided on, and no evidence.
    #[must_use]
    pub fn new(baseline: &Baseline, precision: Precision, thresholds: Option<Thresholds>) -> Self {
        Self {
            learner: Learner::new(baseline.by_hand(), precision),
            thresholds,
            subjects: BTreeMap::new(),
            day: None,
            unknown: 0,
            denied: 0,
            failed: 0,
            blocked: 0,
            other_namespace: 0,
        }
    }

    /// Takes a flow.
    pub fn put(&mut self, facts: &Facts<'_>, time: Timestamp) {
        let day = time.0.div_euclid(DAY_NS);
        if self.day.is_some_and(|before| before < day) {
            self.generalise();
        }
        self.day = self.day.max(Some(day));
        let (learned, rule) = self.learner.learn_by_rule(facts, time);
        match learned {
            Learned::Known | Learned::New | Learned::Outstanding | Learned::Answered => {}
            Learned::Failed => self.failed += 1,
            Learned::Blocked => self.blocked += 1,
            Learned::OtherNamespace => self.other_namespace += 1,
            Learned::Denied => self.denied += 1,
            Learned::Unknown | Learned::Frozen | Learned::Full(_) => self.unknown += 1,
        }
        let Some(rule) = rule else { return };
        match self.subjects.get_mut(&rule.subject) {
            Some(history) => history.note(learned, time),
            None => self.subjects.entry(rule.subject.clone()).or_default().note(learned, time),
        }
    }

    fn generalise(&mut self) {
        if let Some(thresholds) = self.thresholds {
            self.learner.generalise(thresholds);
        }
    }

    /// Ends the last day.
    pub fn finish(&mut self) {
        self.generalise();
    }

    /// What happened, day by day.
    #[must_use]
    pub const fn history(&self) -> &History {
        &self.learner.baseline().history
    }

    /// What it all amounts to, by subject and as a whole.
    #[must_use]
    pub fn figures(&self) -> (BTreeMap<&Subject, Figures>, Figures) {
        let (mut subjects, all) = Figures::of(self.learner.baseline());
        for (subject, figures) in &mut subjects {
            if let Some(history) = self.subjects.get(*subject) {
                *figures = figures.with(history);
            }
        }
        (subjects, all)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Day, parse};
    use super::*;

    fn flow(name: &'static str, executable: &'static str) -> Facts<'static> {
        Facts {
            executable: Some(executable),
            user: Some("alice".into()),
            transport: Some("tcp"),
            name: Some(name),
            port: Some(443),
            ..Facts::default()
        }
    }

    #[test]
    fn each_day_is_compared_with_the_days_before() {
        let mine = parse("format 1\nallow exe=/usr/bin/git -> tcp example.com 443\n").unwrap();
        let mut survey =
            Survey::new(&mine, Precision::default(), Some(Thresholds { names: 2, ..Thresholds::default() }));
        for (day, name) in [(0, "a.example.org"), (0, "b.example.org"), (0, "b.example.org"), (1, "c.example.org")] {
            survey.put(&flow(name, "/usr/bin/curl"), Timestamp(day * DAY_NS));
        }
        survey.put(&flow("example.com", "/usr/bin/git"), Timestamp(DAY_NS));
        survey.put(&Facts::default(), Timestamp(DAY_NS));
        survey.finish();
        let days: Vec<_> = survey.history().days().map(|(day, Day { flows, new, .. })| (day, flows, new)).collect();
        assert_eq!(days, [(0, 3, 2), (1, 2, 0)]);
        assert_eq!(survey.unknown, 1);
        let (subjects, all) = survey.figures();
        assert_eq!((all.counts.flows, all.counts.rules, all.days), (5, 2, 2));
        let git = subjects.iter().find(|(subject, _)| subject.executable == Some("/usr/bin/git".into())).unwrap().1;
        assert_eq!((git.counts.flows, git.counts.once, git.days, git.hours), (1, 1, 1, Some(1)));
    }
}
