//! Losses by stage and reason.

use serde::Serialize;

/// The stage of a loss.
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
    /// Passing events on within egret.
    Queue,
    /// Writing events.
    Output,
    /// The `/proc` scan.
    Scan,
    /// Computing digests of executables.
    Digest,
    /// Reading the executables of processes in `/proc`.
    Process,
}

/// The reason of a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LossReason {
    /// The ring was full.
    RingFull,
    /// The ring was full for DNS questions.
    Questions,
    /// The ring was full for DNS answers.
    Answers,
    /// The ring was full for the first bytes of TLS connections.
    Greetings,
    /// The kernel refused memory for the state of a socket: the socket is not tracked.
    SocketState,
    /// The peer table refused an entry: the peer's totals are not kept.
    PeerTable,
    /// The totals of an older peer were evicted.
    PeerEvicted,
    /// The first record of a peer was lost or evicted in user space: its end is unreported.
    PeerForgotten,
    /// The kernel truncated the path of a cgroup, which was removed before it could be read: container and unit are unknown.
    CgroupPath,
    /// The process table was full: the kernel side cannot name a process.
    ProcessTable,
    /// The table of pending calls was full: the result of a call is unknown.
    CallTable,
    /// Bytes of a socket with several peers could not be attributed to one of them.
    #[serde(rename = "peer_untold")]
    PeerUnreported,
    /// A `sendmmsg` sent more messages than the `syscalls` layer reports.
    #[serde(rename = "messages_untold")]
    MessagesUnreported,
    /// The kernel skipped a run of a tracepoint's program because it would have interrupted another run of it. The number of records
    /// is unknown: it counts as one.
    HookSkipped,
    /// The table of owners refused an entry: the owner of a packet has to be searched when it is evaluated.
    OwnerTable,
    /// There was no answer in time.
    Unanswered,
    /// The record was malformed.
    Malformed,
    /// A bounded queue was full.
    QueueFull,
    /// The drain timeout expired.
    Shutdown,
    /// The reader closed the output, or it could not be written.
    Closed,
}

/// An amount lost at a stage for a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Loss {
    pub stage: LossStage,
    pub reason: LossReason,
    /// A counter.
    pub count: u64,
}

/// The account of a capture: every record is delivered, lost or waiting.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Records that the kernel side produced or failed to write, and runs of hooks that the kernel skipped.
    pub captured: u64,
    /// Records that were read, decoded and passed on.
    pub delivered: u64,
    /// Losses of records: `captured = delivered + lost + waiting`.
    pub lost: Vec<Loss>,
    /// Records that wait to be read, as the losses that they become if they are not read.
    pub waiting: Vec<Loss>,
    /// Losses of details of delivered records.
    pub incomplete: Vec<Loss>,
}

impl LossStage {
    /// The name in messages, JSON and metrics.
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
            Self::Digest => "digest",
            Self::Process => "process",
        }
    }
}

impl LossReason {
    /// The name in messages, JSON and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RingFull => "ring_full",
            Self::Questions => "questions",
            Self::Answers => "answers",
            Self::Greetings => "greetings",
            Self::SocketState => "socket_state",
            Self::PeerTable => "peer_table",
            Self::PeerEvicted => "peer_evicted",
            Self::PeerForgotten => "peer_forgotten",
            Self::CgroupPath => "cgroup_path",
            Self::ProcessTable => "process_table",
            Self::CallTable => "call_table",
            Self::PeerUnreported => "peer_untold",
            Self::MessagesUnreported => "messages_untold",
            Self::HookSkipped => "hook_skipped",
            Self::OwnerTable => "owner_table",
            Self::Unanswered => "unanswered",
            Self::Malformed => "malformed",
            Self::QueueFull => "queue_full",
            Self::Shutdown => "shutdown",
            Self::Closed => "closed",
        }
    }
}

impl Tally {
    /// Counts waiting records as lost, because they will not be read.
    pub fn settle(&mut self) {
        self.lost.append(&mut self.waiting);
    }

    /// Counts delivered events as lost at a later stage, each as one record.
    pub fn lose_delivered(&mut self, stage: LossStage, reason: LossReason, events: u64) {
        let count = events.min(self.delivered);
        if count != 0 {
            self.delivered -= count;
            self.lost.push(Loss { stage, reason, count });
        }
    }

    /// Records that were delivered or lost: captured ones without waiting ones.
    #[must_use]
    pub fn accounted_for(&self) -> u64 {
        let waiting = self.waiting.iter().map(|loss| loss.count).sum();
        self.captured.saturating_sub(waiting)
    }

    /// Records lost, over all stages and reasons.
    #[must_use]
    pub fn lost_total(&self) -> u64 {
        self.lost.iter().map(|loss| loss.count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settled_tally_adds_up() {
        let waiting = Loss { stage: LossStage::FlowRing, reason: LossReason::Shutdown, count: 45 };
        let mut tally = Tally { captured: 263, delivered: 218, waiting: vec![waiting], ..Tally::default() };
        tally.settle();
        tally.lose_delivered(LossStage::Queue, LossReason::Shutdown, 18);
        assert_eq!((tally.delivered, tally.lost_total(), tally.waiting.len()), (200, 63, 0));
        tally.lose_delivered(LossStage::Output, LossReason::Closed, 1000);
        assert_eq!((tally.captured, tally.delivered, tally.lost_total()), (263, 0, 263));
    }
}
