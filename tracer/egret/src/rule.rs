//! Selects a rule of a baseline.

use egret_enforcer::baseline::{Baseline, Rule};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleSelector {
    Rule(Box<Rule>),
    /// The number of the rule in the file, from one.
    Number(usize),
}

impl RuleSelector {
    /// # Errors
    ///
    /// The baseline has no rule with this number.
    pub(crate) fn find(&self, baseline: &Baseline) -> Result<Rule, String> {
        match self {
            Self::Rule(rule) => Ok(Rule::clone(rule)),
            Self::Number(number) => {
                let found = number.checked_sub(1).and_then(|index| baseline.entries.keys().nth(index));
                found.cloned().ok_or_else(|| {
                    format!("there is no rule {number}; the baseline has {} rules", baseline.entries.len())
                })
            }
        }
    }
}
