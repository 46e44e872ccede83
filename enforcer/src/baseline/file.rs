//! A baseline as a whole.

use std::collections::BTreeMap;
use std::fmt;

use egret_model::Timestamp;

use super::evidence::{Evidence, Exactly, Gap, Period, Seconds};
use super::history::History;
use super::rule::{Action, Rule};

/// The version of the form in which baselines are written.
pub(super) const FORMAT: u32 = 1;

/// Rules with their evidence, and what is known of the baseline itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    /// Lines of comment at the top.
    pub notes: Vec<String>,
    /// The hosts whose traffic it was learned from, each with the flows that are counted already, where that is known.
    pub hosts: BTreeMap<String, Option<Period>>,
    /// Intervals in which events were lost: there are flows that it does not know.
    pub gaps: Vec<Gap>,
    /// What was new, day by day.
    pub history: History,
    /// The rules, in the order in which they are written.
    pub entries: BTreeMap<Rule, Entry>,
}

/// What is to be done with the flows of a rule, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What is to be done.
    pub action: Action,
    /// Lines of comment above the rule.
    pub notes: Vec<String>,
    /// Comment behind the rule.
    pub note: Option<String>,
    /// What was seen; absent for a rule that nothing has used yet.
    pub evidence: Option<Evidence>,
}

/// Gaps that are no further apart than this are one.
const GAP_JOINED_NS: i64 = 60_000_000_000;
/// Gaps remembered; beyond, the oldest become one that spans them.
const GAPS: usize = 1000;

impl Baseline {
    /// Notes an interval in which events were lost.
    pub fn lose(&mut self, gap: Gap) {
        self.gaps.push(gap.in_seconds());
        self.gaps.sort();
        let mut joined: Vec<Gap> = Vec::with_capacity(self.gaps.len());
        for gap in std::mem::take(&mut self.gaps) {
            match joined.last_mut().filter(|last| gap.from.0.saturating_sub(last.to.0) <= GAP_JOINED_NS) {
                Some(last) => join(last, gap),
                None => joined.push(gap),
            }
        }
        let beyond = joined.len().saturating_sub(GAPS);
        let mut kept = joined.split_off(beyond);
        if let Some(oldest) = kept.first_mut() {
            joined.into_iter().for_each(|gap| join(oldest, gap));
        }
        self.gaps = kept;
    }

    /// Notes that flows of a host at a moment are counted.
    pub(super) fn counted(&mut self, host: &str, time: Timestamp) {
        let period = match self.hosts.get_mut(host) {
            Some(period) => period,
            None => self.hosts.entry(host.to_owned()).or_default(),
        };
        period.get_or_insert(Period::of(time)).extend(Period::of(time));
    }

    /// What people wrote or decided on: rules that deny, have a comment or were never used. Without evidence.
    #[must_use]
    pub fn by_hand(&self) -> Self {
        let written = self.entries.iter().filter(|(_, entry)| !entry.is_learned());
        let entries = written.map(|(rule, entry)| (rule.clone(), Entry { evidence: None, ..entry.clone() })).collect();
        Self { entries, ..Self::default() }
    }
}

fn join(gap: &mut Gap, other: Gap) {
    gap.from = gap.from.min(other.from);
    gap.to = gap.to.max(other.to);
    gap.lost = gap.lost.saturating_add(other.lost);
}

impl Entry {
    /// Whether learning made it, and nobody has said anything of it since.
    #[must_use]
    pub fn is_learned(&self) -> bool {
        self.action != Action::Deny && self.evidence.is_some() && self.notes.is_empty() && self.note.is_none()
    }

    /// How many flows used the rule; `None` if none did, or it does not allow.
    pub(crate) fn used(&self) -> Option<u64> {
        let evidence = self.evidence.as_ref().filter(|_| self.action == Action::Allow)?;
        (evidence.count > 0).then_some(evidence.count)
    }

    /// A rule without comment and evidence.
    #[must_use]
    pub const fn new(action: Action) -> Self {
        Self { action, notes: Vec::new(), note: None, evidence: None }
    }

    /// What is written behind the rule.
    fn remark(&self) -> Option<String> {
        match (&self.evidence, &self.note) {
            (Some(evidence), Some(note)) => Some(format!("{evidence}; {note}")),
            (Some(evidence), None) => Some(evidence.to_string()),
            (None, Some(note)) => Some(note.clone()),
            (None, None) => None,
        }
    }
}

/// The file.
impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.notes.iter().try_for_each(|note| writeln!(f, "#{note}"))?;
        writeln!(f, "format {FORMAT}")?;
        for (host, period) in &self.hosts {
            write!(f, "host {}", super::word::quoted(host))?;
            match period {
                Some(Period { first, last }) => writeln!(f, " {} {}", Exactly(*first), Exactly(*last))?,
                None => writeln!(f)?,
            }
        }
        for Gap { from, to, lost } in &self.gaps {
            writeln!(f, "gap {} {} {lost}", Seconds(*from), Seconds(*to))?;
        }
        let mut executable = None;
        for (rule, entry) in &self.entries {
            if executable != Some(&rule.subject.executable) {
                writeln!(f)?;
                executable = Some(&rule.subject.executable);
            }
            entry.notes.iter().try_for_each(|note| writeln!(f, "#{note}"))?;
            write!(f, "{} {rule}", entry.action.as_str())?;
            match entry.remark() {
                Some(remark) => writeln!(f, "  # {remark}")?,
                None => writeln!(f)?,
            }
        }
        if self.history.days().len() > 0 {
            writeln!(f)?;
        }
        self.history.fmt(f)
    }
}
