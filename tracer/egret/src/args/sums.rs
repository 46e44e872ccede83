//! The resolved arguments of `--sum-by`.

use egret_config::Choice;

use super::choice::{SumFigure, SumKey};
use super::cli::SumArgs;
use super::problem::Problems;
use super::value;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SumOptions {
    /// Unique keys in the order of columns.
    pub by: Vec<SumKey>,
    /// The figure to sort by, largest first.
    pub sort: SumFigure,
    /// Most sums to show.
    pub top: Option<u64>,
}

impl SumArgs {
    /// Resolves the arguments; `None` without `--sum-by`.
    pub(super) fn resolve(&self, problems: &mut Problems) -> Option<SumOptions> {
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
