//! What the baseline says of itself, as metrics.

use std::collections::HashMap;
use std::sync::Arc;

use super::catalogue::{
    BASELINE_DENIED_RULES, BASELINE_FLOWS, BASELINE_FULL, BASELINE_GAPS, BASELINE_LEARNED, BASELINE_NOVELTY,
    BASELINE_NOVELTY_BOUND, BASELINE_PROBLEMS, BASELINE_RULES, BASELINE_SAVED, BASELINE_SUBJECTS, SUBJECT_FLOWS,
    SUBJECT_NOVELTY,
};
use super::enforcement::seconds;
use super::family::Family;
use super::label;
use crate::snapshot::{BaselineState, ExecutableFlows};

/// The metrics of the baseline, with no more executables than `limit`.
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
        Family::real(BASELINE_SAVED, state.last_saved.map(seconds)),
        Family::single(BASELINE_PROBLEMS, state.problems.len() as u64),
    ];
    families.extend(executables(&state.executables, limit));
    families
}

/// Flows, and those that were the only ones of their kind.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    flows: u64,
    once: u64,
}

impl Seen {
    fn add(&mut self, flows: u64, once: u64) {
        self.flows = self.flows.saturating_add(flows);
        self.once = self.once.saturating_add(once);
    }
}

fn executables(all: &[ExecutableFlows], limit: usize) -> [Family; 2] {
    let mut seen: HashMap<Option<Arc<str>>, Seen> = HashMap::new();
    for ExecutableFlows { executable, flows, once } in all {
        seen.entry(executable.as_ref().map(label::bounded)).or_default().add(*flows, *once);
    }
    let unknown = seen.remove(&None);
    let mut known: Vec<_> = seen.into_iter().filter_map(|(path, seen)| path.map(|path| (path, seen))).collect();
    // By path where there are as many flows, so that each scrape has the same.
    known.sort_by(|(one, first), (other, second)| second.flows.cmp(&first.flows).then_with(|| one.cmp(other)));
    let rest = known.split_off(limit.min(known.len()));
    let mut shown = [Family::new(SUBJECT_FLOWS), Family::new(SUBJECT_NOVELTY)];
    known.iter().for_each(|(path, seen)| show(&mut shown, &label::value(path), *seen));
    unknown.iter().for_each(|seen| show(&mut shown, label::UNKNOWN, *seen));
    let mut other = Seen::default();
    rest.iter().for_each(|(_, seen)| other.add(seen.flows, seen.once));
    show(&mut shown, label::OTHER, other);
    shown
}

/// Without flows nothing is known of what is new.
fn show([flows, novelty]: &mut [Family; 2], executable: &str, seen: Seen) {
    if seen.flows > 0 {
        flows.add(&[executable], seen.flows);
        novelty.add_real(&[executable], seen.once as f64 / seen.flows as f64);
    }
}
