//! Resolves the arguments of `--sum-by`.

use egret_config::Choice;
use egret_view::sums::{SumKey, SumOptions};

use super::cli::SumArgs;
use super::problem::Problems;
use super::value;

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
