//! What was lost, where and why. Loss is a record of its own, never a silence.

use serde::Serialize;

/// Where something was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LossStage {
    /// The ring that carries records about flows.
    FlowRing,
    /// The ring that carries records about processes.
    ProcessRing,
    /// The ring that carries DNS messages and the first bytes of TLS connections.
    NameRing,
    /// State kept in the kernel about sockets, peers, processes and calls.
    KernelState,
    /// Reading records in user space.
    Decode,
    /// Handing events on inside egret.
    Queue,
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
    /// The process table is full: a process cannot be named by the kernel side.
    ProcessTable,
    /// The table of calls under way is full: a call's result is not seen.
    CallTable,
    /// Bytes of a socket with several peers could not be put down to one of them.
    PeerUntold,
    /// One `sendmmsg` sent more messages than the `syscalls` layer tells.
    MessagesUntold,
    /// The kernel skipped a run of a tracepoint's program that would have interrupted another run of it.
    HookSkipped,
    /// The table of owners refused an entry: who sent a packet has to be searched for when it is judged.
    OwnerTable,
    /// The record was malformed.
    Malformed,
    /// A bounded queue had no room.
    QueueFull,
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

/// The sum of a capture: every record produced was delivered or is counted as lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Records that the kernel side set out to write.
    pub captured: u64,
    /// Records that were read, decoded and handed on.
    pub delivered: u64,
    /// Losses of records; these and `delivered` make up `captured`.
    pub lost: Vec<Loss>,
    /// Losses of detail: a record was delivered, but something it should say is missing.
    pub incomplete: Vec<Loss>,
}

impl LossStage {
    /// The name used in messages, JSON and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FlowRing => "flow_ring",
            Self::ProcessRing => "process_ring",
            Self::NameRing => "name_ring",
            Self::KernelState => "kernel_state",
            Self::Decode => "decode",
            Self::Queue => "queue",
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
            Self::ProcessTable => "process_table",
            Self::CallTable => "call_table",
            Self::PeerUntold => "peer_untold",
            Self::MessagesUntold => "messages_untold",
            Self::HookSkipped => "hook_skipped",
            Self::OwnerTable => "owner_table",
            Self::Malformed => "malformed",
            Self::QueueFull => "queue_full",
        }
    }
}

impl Tally {
    /// Records lost, all stages and reasons together.
    #[must_use]
    pub fn lost_total(&self) -> u64 {
        self.lost.iter().map(|loss| loss.count).sum()
    }
}
