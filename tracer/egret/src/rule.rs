//! A rule of a baseline, as people and the daemon name it.

use egret_enforcer::baseline::{Baseline, Rule};

/// Which rule is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// This one.
    Rule(Box<Rule>),
    /// The one with this number, counted from one in the order of the file.
    Number(usize),
}

impl Which {
    /// The rule.
    ///
    /// # Errors
    ///
    /// The baseline has no rule of this number.
    pub(crate) fn find(&self, baseline: &Baseline) -> Result<Rule, String> {
        match self {
            Self::Rule(rule) => Ok(Rule::clone(rule)),
            Self::Number(number) => {
                let found = number.checked_sub(1).and_then(|index| baseline.entries.keys().nth(index));
                found.cloned().ok_or_else(|| format!("there is no rule {number}, only {}", baseline.entries.len()))
            }
        }
    }
}
