//! A baseline as a whole.

use std::collections::BTreeMap;
use std::fmt;

use super::evidence::{Evidence, Gap, Seconds};
use super::rule::{Action, Rule};

/// The version of the form in which baselines are written.
pub(super) const FORMAT: u32 = 1;

/// Rules with their evidence, and what is known of the baseline itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    /// Lines of comment at the top.
    pub notes: Vec<String>,
    /// The hosts whose traffic it was learned from.
    pub hosts: Vec<String>,
    /// Intervals in which events were lost: there are flows that it does not know.
    pub gaps: Vec<Gap>,
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

impl Entry {
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
        self.hosts.iter().try_for_each(|host| writeln!(f, "host {}", super::word::quoted(host)))?;
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
        Ok(())
    }
}
