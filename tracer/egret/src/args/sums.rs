//! How connections are to be added up.

use egret_config::Choice;

use super::choice::{SumFigure, SumKey};
use super::cli::SumArgs;
use super::problem::Problems;
use super::value;

/// How connections are added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SumOptions {
    /// By what, in this order; each once.
    pub by: Vec<SumKey>,
    /// What comes first.
    pub sort: SumFigure,
    /// Sums to show at most.
    pub top: Option<u64>,
}

impl SumArgs {
    /// What was meant; what is wrong goes to `problems`.
    pub(super) fn meant(&self, problems: &mut Problems) -> Option<SumOptions> {
        let mut by = problems.each("--sum-by <KEY>", &self.sum_by, Choice::from_word);
        let mut seen: Vec<SumKey> = Vec::new();
        by.retain(|key| {
            let is_new = !seen.contains(key);
            seen.push(*key);
            is_new
        });
        let sort = problems.one("--sort <FIGURE>", &self.sort, Choice::from_word).unwrap_or_default();
        let top = self.top.as_deref().and_then(|text| problems.one("--top <COUNT>", text, value::count));
        (!by.is_empty()).then_some(SumOptions { by, sort, top })
    }
}
