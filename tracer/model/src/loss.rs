//! What was lost, where and why. Loss is a record of its own, never a silence.

use serde::Serialize;

/// Where something was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LossStage {
    /// The hooks themselves.
    Hook,
    /// The ring that carries records about flows.
    FlowRing,
    /// The ring that carries records about processes.
    ProcessRing,
    /// The ring that carries DNS messages and the first bytes of TLS connections.
    NameRing,
    /// State kept in the kernel about sockets, peers, processes and calls.
    KernelState,
    /// State kept in user space about sockets and their peers.
    UserState,
    /// Reading records in user space.
    Decode,
    /// Handing events on inside egret.
    Queue,
    /// Writing events out.
    Output,
    /// The `/proc` scan.
    Scan,
}

/// Why something was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LossReason {
    /// The ring had no room.
    RingFull,
    /// The kernel refused memory for a socket's state: the socket is not followed.
    SocketState,
    /// The peer table refused an entry: the peer's totals are not kept.
    PeerTable,
    /// An older peer's totals made room for a newer one's.
    PeerEvicted,
    /// The first record of a peer was lost, or evicted in user space: its end is not reported.
    PeerForgotten,
    /// The kernel cut the path of a control group, which was gone before it could be read: its container and unit are not known.
    CgroupPath,
    /// The process table is full: a process cannot be named by the kernel side.
    ProcessTable,
    /// The table of calls under way is full: a call's result is not seen.
    CallTable,
    /// Bytes of a socket with several peers could not be put down to one of them.
    PeerUntold,
    /// One `sendmmsg` sent more messages than the `syscalls` layer tells.
    MessagesUntold,
    /// The kernel skipped a run of a tracepoint's program that would have interrupted another run of it. How many records it
    /// would have written is not known: it counts as one.
    HookSkipped,
    /// The table of owners refused an entry: who sent a packet has to be searched for when it is judged.
    OwnerTable,
    /// The record was malformed.
    Malformed,
    /// A bounded queue had no room.
    QueueFull,
    /// The time to drain was over before it was taken.
    Shutdown,
    /// Nobody read what was written, or it could not be written.
    Closed,
}

/// An amount lost at a stage for a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// Where.
    pub stage: LossStage,
    /// Why.
    pub reason: LossReason,
    /// How many; only ever grows.
    pub count: u64,
}

/// The sum of a capture: every record produced was delivered, is counted as lost, or waits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Records that the kernel side set out to write, and runs of hooks that the kernel skipped.
    pub captured: u64,
    /// Records that were read, decoded and handed on.
    pub delivered: u64,
    /// Losses of records; these, `delivered` and `waiting` make up `captured`.
    pub lost: Vec<Loss>,
    /// Records that wait to be read, as the losses that they will be if nobody reads them.
    pub waiting: Vec<Loss>,
    /// Losses of detail: a record was delivered, but something it should say is missing.
    pub incomplete: Vec<Loss>,
}

impl LossStage {
    /// The name used in messages, JSON and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hook => "hook",
            Self::FlowRing => "flow_ring",
            Self::ProcessRing => "process_ring",
            Self::NameRing => "name_ring",
            Self::KernelState => "kernel_state",
            Self::UserState => "user_state",
            Self::Decode => "decode",
            Self::Queue => "queue",
            Self::Output => "output",
            Self::Scan => "scan",
        }
    }
}

impl LossReason {
    /// The name used in messages, JSON and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RingFull => "ring_full",
            Self::SocketState => "socket_state",
            Self::PeerTable => "peer_table",
            Self::PeerEvicted => "peer_evicted",
            Self::PeerForgotten => "peer_forgotten",
            Self::CgroupPath => "cgroup_path",
            Self::ProcessTable => "process_table",
            Self::CallTable => "call_table",
            Self::PeerUntold => "peer_untold",
            Self::MessagesUntold => "messages_untold",
            Self::HookSkipped => "hook_skipped",
            Self::OwnerTable => "owner_table",
            Self::Malformed => "malformed",
            Self::QueueFull => "queue_full",
            Self::Shutdown => "shutdown",
            Self::Closed => "closed",
        }
    }
}

impl Tally {
    /// Counts what waits as lost: nobody will read it.
    pub fn settle(&mut self) {
        self.lost.append(&mut self.waiting);
    }

    /// Counts events as lost that were delivered to this stage and went no further, each as one record.
    pub fn lose_delivered(&mut self, stage: LossStage, reason: LossReason, events: u64) {
        let count = events.min(self.delivered);
        if count != 0 {
            self.delivered -= count;
            self.lost.push(Loss { stage, reason, count });
        }
    }

    /// Records lost, all stages and reasons together.
    #[must_use]
    pub fn lost_total(&self) -> u64 {
        self.lost.iter().map(|loss| loss.count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_left_is_lost_and_the_sum_adds_up() {
        let waiting = Loss { stage: LossStage::FlowRing, reason: LossReason::Shutdown, count: 45 };
        let mut tally = Tally { captured: 263, delivered: 218, waiting: vec![waiting], ..Tally::default() };
        tally.settle();
        tally.lose_delivered(LossStage::Queue, LossReason::Shutdown, 18);
        assert_eq!((tally.delivered, tally.lost_total(), tally.waiting.len()), (200, 63, 0));
        tally.lose_delivered(LossStage::Output, LossReason::Closed, 1000);
        assert_eq!((tally.captured, tally.delivered, tally.lost_total()), (263, 0, 263));
    }
}
