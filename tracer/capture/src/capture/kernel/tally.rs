//! The account of records: captured, delivered, lost.

use egret_model::{Loss, LossReason, LossStage, Tally};

use super::super::rings::Taken;
use super::KernelCapture;

impl KernelCapture {
    pub(in super::super) fn tally(&self) -> Tally {
        let skipped = self.programs.skipped_runs();
        let taken = [self.flows.taken, self.execs.taken, self.names.ring.taken];
        // Read after what was taken, so that the number of waiting records is never negative.
        let counters = self.programs.counters();
        let mut lost = counters.lost();
        let malformed = taken.iter().map(|taken| taken.malformed).sum();
        push(&mut lost, LossStage::Decode, LossReason::Malformed, malformed);
        push(&mut lost, LossStage::Hook, LossReason::HookSkipped, skipped);
        let mut incomplete = counters.incomplete();
        incomplete.extend(self.tracker.incomplete());
        Tally {
            captured: counters.produced() + skipped,
            delivered: taken.iter().map(|taken| taken.delivered).sum(),
            lost,
            waiting: counters.waiting(taken.map(Taken::total)),
            incomplete,
        }
    }
}

fn push(losses: &mut Vec<Loss>, stage: LossStage, reason: LossReason, count: u64) {
    if count != 0 {
        losses.push(Loss { stage, reason, count });
    }
}
