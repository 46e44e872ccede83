//! The state of the baseline as metrics.

use std::collections::HashMap;
use std::sync::Arc;

use crate::prometheus::encoder::catalogue::{
    BASELINE_DENIED_RULES, BASELINE_FLOWS, BASELINE_FULL, BASELINE_GAPS, BASELINE_LEARNED, BASELINE_NOVELTY,
    BASELINE_NOVELTY_BOUND, BASELINE_PROBLEMS, BASELINE_RULES, BASELINE_SAVED, BASELINE_SUBJECTS, SUBJECT_FLOWS,
    SUBJECT_NOVELTY,
};
use crate::prometheus::encoder::{Family, label, unix_seconds};
use egret_model::snapshot::{BaselineState, ExecutableFlows};

/// The metrics of the baseline, with at most `limit` executables.
pub(super) fn families(state: &BaselineState, limit: usize) -> Vec<Family> {
    let mut families = vec![
        Family::single(BASELINE_RULES, state.rules as u64),
        Family::single(BASELINE_DENIED_RULES, state.denied_rules as u64),
        Family::single(BASELINE_SUBJECTS, state.subjects as u64),
        Family::single(BASELINE_GAPS, state.gaps as u64),
        Family::single(BASELINE_LEARNED, state.learned),
        Family::single(BASELINE_FULL, state.full),
        Family::single(BASELINE_FLOWS, state.flows),
        Family::real(BASELINE_NOVELTY, state.novelty),
        Family::real(BASELINE_NOVELTY_BOUND, state.novelty_at_most),
        Family::real(BASELINE_SAVED, state.last_saved.map(unix_seconds)),
        Family::single(BASELINE_PROBLEMS, state.problems.len() as u64),
    ];
    families.extend(executables(&state.executables, limit));
    families
}

/// Flows, and rules that matched a single flow.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    flows: u64,
    once: u64,
}

impl Counts {
    fn add(&mut self, flows: u64, once: u64) {
        self.flows = self.flows.saturating_add(flows);
        self.once = self.once.saturating_add(once);
    }
}

fn executables(all: &[ExecutableFlows], limit: usize) -> [Family; 2] {
    let mut by_path: HashMap<Option<Arc<str>>, Counts> = HashMap::new();
    for ExecutableFlows { executable, flows, once } in all {
        by_path.entry(executable.as_ref().map(label::bounded)).or_default().add(*flows, *once);
    }
    let unknown = by_path.remove(&None);
    let mut known: Vec<_> = by_path.into_iter().filter_map(|(path, counts)| path.map(|path| (path, counts))).collect();
    // Ties are ordered by path, so that each scrape shows the same executables.
    known.sort_by(|(one, first), (other, second)| second.flows.cmp(&first.flows).then_with(|| one.cmp(other)));
    let rest = known.split_off(limit.min(known.len()));
    let mut families = [Family::new(SUBJECT_FLOWS), Family::new(SUBJECT_NOVELTY)];
    known.iter().for_each(|(path, counts)| add(&mut families, &label::value(path), *counts));
    unknown.iter().for_each(|counts| add(&mut families, label::UNKNOWN, *counts));
    let mut other = Counts::default();
    rest.iter().for_each(|(_, counts)| other.add(counts.flows, counts.once));
    add(&mut families, label::OTHER, other);
    families
}

/// The novelty is unknown without flows.
fn add([flows, novelty]: &mut [Family; 2], executable: &str, counts: Counts) {
    if counts.flows > 0 {
        flows.add(&[executable], counts.flows);
        novelty.add_real(&[executable], counts.once as f64 / counts.flows as f64);
    }
}
