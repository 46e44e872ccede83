//! Per-CPU counters. They only grow; user space reads and sums them and never resets one.

/// Index of a counter in the kernel's per-CPU array.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counter {
    /// Records of flows that the kernel side tried to write.
    FlowProduced = 0,
    /// Of those, not written because the ring was full.
    FlowRingFull = 1,
    /// Records of processes that the kernel side tried to write.
    ProcessProduced = 2,
    /// Of those, not written because the ring was full.
    ProcessRingFull = 3,
    /// Sockets that could not be followed: the kernel refused memory for their state.
    SocketState = 4,
    /// Peers whose totals could not be kept: the peer table refused the entry.
    PeerTable = 5,
    /// Processes that could not be entered: the process table is full.
    ProcessTable = 6,
    /// Calls whose entry could not be kept until their exit.
    CallTable = 7,
    /// Bytes of an unknown peer, because two threads used the socket at once.
    PeerContended = 8,
    /// Messages of one `sendmmsg` beyond those that are reported.
    MessagesUnreported = 9,
    /// Records for names that the kernel side tried to write.
    NameProduced = 10,
    /// Of those, lost DNS questions.
    QuestionsLost = 11,
    /// Sockets and endpoints whose owner could not be recorded: the kernel refused the entry.
    OwnerTable = 12,
    /// Of [`Self::NameProduced`], lost DNS answers.
    AnswersLost = 13,
    /// Of the same, lost parts of TLS hellos.
    GreetingsLost = 14,
}

impl Counter {
    /// Number of counters.
    pub const COUNT: u32 = 15;

    /// All of them, in order.
    pub const ALL: [Self; Self::COUNT as usize] = [
        Self::FlowProduced,
        Self::FlowRingFull,
        Self::ProcessProduced,
        Self::ProcessRingFull,
        Self::SocketState,
        Self::PeerTable,
        Self::ProcessTable,
        Self::CallTable,
        Self::PeerContended,
        Self::MessagesUnreported,
        Self::NameProduced,
        Self::QuestionsLost,
        Self::OwnerTable,
        Self::AnswersLost,
        Self::GreetingsLost,
    ];
}
