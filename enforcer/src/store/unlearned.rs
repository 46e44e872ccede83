//! Flows that were not learned because the baseline has as many rules as it may have.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::baseline::{Limit, Subject};

/// Subjects that are counted separately between two warnings, some 500 bytes each: 512 KB. Flows of others count in the sum.
const SUBJECTS: usize = 1024;
/// The least time between two warnings.
const BETWEEN: Duration = Duration::from_secs(600);

/// Counts flows that were not learned.
#[derive(Debug, Default)]
pub(super) struct Unlearned {
    /// Flows since the start.
    flows: u64,
    since: Unreported,
    reported: Option<Instant>,
}

/// Flows since the last warning.
#[derive(Debug, Default)]
struct Unreported {
    /// Because of the limit of all rules.
    rules: u64,
    /// Because of the limit of rules about one subject.
    of_subject: u64,
    /// Because of the limit of rules about one user.
    of_user: u64,
    subjects: HashMap<Subject, u64>,
}

/// A warning.
#[derive(Debug, PartialEq, Eq)]
struct Report {
    flows: u64,
    limit: String,
    /// The subject with the most of the flows, and how many.
    most: Option<(String, u64)>,
}

impl Unlearned {
    /// Flows since the start.
    pub(super) const fn flows(&self) -> u64 {
        self.flows
    }

    /// Counts a flow of this subject.
    pub(super) fn note(&mut self, limit: Limit, subject: Option<Subject>) {
        self.flows += 1;
        match limit {
            Limit::Rules => self.since.rules += 1,
            Limit::RulesOfSubject => self.since.of_subject += 1,
            Limit::RulesOfUser => self.since.of_user += 1,
        }
        let Some(subject) = subject else { return };
        let has_room = self.since.subjects.len() < SUBJECTS;
        match self.since.subjects.get_mut(&subject) {
            Some(flows) => *flows += 1,
            None if has_room => drop(self.since.subjects.insert(subject, 1)),
            None => {}
        }
    }

    /// Warns of flows since the last warning, unless that was just now.
    pub(super) fn report(&mut self) {
        if let Some(Report { flows, limit, most }) = self.due(Instant::now()) {
            let (subject, of_subject) = most.unzip();
            tracing::warn!(
                flows,
                subject,
                of_subject,
                "nothing is learned from flows that need new rules: there are as many as {limit} allows"
            );
        }
    }

    fn due(&mut self, now: Instant) -> Option<Report> {
        let is_early = self.reported.is_some_and(|last| now.saturating_duration_since(last) < BETWEEN);
        let Unreported { rules, of_subject, of_user, .. } = self.since;
        let flows = rules + of_subject + of_user;
        if flows == 0 || is_early {
            return None;
        }
        self.reported = Some(now);
        let since = std::mem::take(&mut self.since);
        let limits =
            [(rules, "baseline.rules"), (of_subject, "baseline.rules_of_subject"), (of_user, "baseline.rules_of_user")];
        let reached: Vec<&str> = limits.iter().filter(|(flows, _)| *flows > 0).map(|(_, limit)| *limit).collect();
        let limit = reached.join(" or ");
        // The first by name of those with as many.
        let most = since
            .subjects
            .into_iter()
            .max_by(|(one, first), (other, second)| first.cmp(second).then_with(|| other.cmp(one)));
        let most = most.map(|(subject, flows)| (subject.to_string(), flows));
        Some(Report { flows, limit, most })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::parse_subject;

    #[test]
    fn warning_names_limit_and_largest_subject_once_in_ten_minutes() {
        let subject = |name: &str| parse_subject(&format!("exe={name}")).ok();
        let (mut unlearned, begin) = (Unlearned::default(), Instant::now());
        assert_eq!(unlearned.due(begin), None);
        unlearned.note(Limit::RulesOfSubject, subject("/bin/few"));
        (0..3).for_each(|_| unlearned.note(Limit::RulesOfSubject, subject("/bin/scan")));
        let most = Some(("exe=/bin/scan".to_owned(), 3));
        assert_eq!(
            unlearned.due(begin),
            Some(Report { flows: 4, limit: "baseline.rules_of_subject".to_owned(), most })
        );
        unlearned.note(Limit::Rules, subject("/bin/few"));
        assert_eq!(unlearned.due(begin + BETWEEN / 2), None);
        unlearned.note(Limit::Rules, subject("/bin/few"));
        let most = Some(("exe=/bin/few".to_owned(), 2));
        assert_eq!(unlearned.due(begin + BETWEEN), Some(Report { flows: 2, limit: "baseline.rules".to_owned(), most }));
        assert_eq!((unlearned.due(begin + BETWEEN * 3), unlearned.flows()), (None, 6));
    }

    #[test]
    fn subjects_between_two_warnings_are_bounded() {
        let mut unlearned = Unlearned::default();
        for number in 0..2 * SUBJECTS {
            unlearned.note(Limit::Rules, parse_subject(&format!("exe=/bin/{number}")).ok());
        }
        assert_eq!((unlearned.since.subjects.len(), unlearned.flows()), (SUBJECTS, 2 * SUBJECTS as u64));
    }
}
