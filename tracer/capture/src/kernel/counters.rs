//! The kernel side's counters.

use aya::maps::{MapData, PerCpuArray};
use egret_model::{Loss, LossReason, LossStage};
use egret_wire::Counter;

/// Sums of the per-CPU counters at one moment. They only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    values: [u64; Counter::COUNT as usize],
}

impl Counters {
    pub(super) fn read(map: &PerCpuArray<MapData, u64>) -> Self {
        let mut values = [0; Counter::COUNT as usize];
        for (value, counter) in values.iter_mut().zip(Counter::ALL) {
            *value = map.get(&(counter as u32), 0).map_or(0, |cpus| cpus.iter().sum());
        }
        Self { values }
    }

    /// One counter, all CPUs together.
    #[must_use]
    pub fn get(&self, counter: Counter) -> u64 {
        self.values.get(counter as usize).copied().unwrap_or(0)
    }

    /// Records that the kernel side tried to write.
    #[must_use]
    pub fn produced(&self) -> u64 {
        self.get(Counter::FlowProduced) + self.get(Counter::ProcessProduced) + self.get(Counter::NameProduced)
    }

    /// Records that were lost before they reached a ring.
    #[must_use]
    pub fn lost(&self) -> Vec<Loss> {
        self.losses(&[
            (Counter::FlowRingFull, LossStage::FlowRing, LossReason::RingFull),
            (Counter::ProcessRingFull, LossStage::ProcessRing, LossReason::RingFull),
            (Counter::QuestionsLost, LossStage::NameRing, LossReason::Questions),
            (Counter::AnswersLost, LossStage::NameRing, LossReason::Answers),
            (Counter::GreetingsLost, LossStage::NameRing, LossReason::Greetings),
        ])
    }

    /// Records that are still in the rings. `taken` is the number of those that were read: of flows, of processes,
    /// of names.
    #[must_use]
    pub(crate) fn waiting(&self, taken: [u64; 3]) -> Vec<Loss> {
        let rings = [
            (Counter::FlowProduced, LossStage::FlowRing),
            (Counter::ProcessProduced, LossStage::ProcessRing),
            (Counter::NameProduced, LossStage::NameRing),
        ];
        let lost = self.lost();
        let waiting = |((produced, stage), taken): ((Counter, LossStage), u64)| {
            let lost: u64 = lost.iter().filter(|loss| loss.stage == stage).map(|loss| loss.count).sum();
            let count = self.get(produced).saturating_sub(lost).saturating_sub(taken);
            Loss { stage, reason: LossReason::Shutdown, count }
        };
        rings.into_iter().zip(taken).map(waiting).filter(|loss| loss.count != 0).collect()
    }

    /// Detail that records lack.
    #[must_use]
    pub fn incomplete(&self) -> Vec<Loss> {
        self.losses(&[
            (Counter::SocketState, LossStage::KernelState, LossReason::SocketState),
            (Counter::PeerTable, LossStage::KernelState, LossReason::PeerTable),
            (Counter::ProcessTable, LossStage::KernelState, LossReason::ProcessTable),
            (Counter::CallTable, LossStage::KernelState, LossReason::CallTable),
            (Counter::PeerContended, LossStage::KernelState, LossReason::PeerUnreported),
            (Counter::MessagesUnreported, LossStage::KernelState, LossReason::MessagesUnreported),
            (Counter::OwnerTable, LossStage::KernelState, LossReason::OwnerTable),
        ])
    }

    fn losses(&self, table: &[(Counter, LossStage, LossReason)]) -> Vec<Loss> {
        table
            .iter()
            .map(|&(counter, stage, reason)| Loss { stage, reason, count: self.get(counter) })
            .filter(|loss| loss.count != 0)
            .collect()
    }
}
