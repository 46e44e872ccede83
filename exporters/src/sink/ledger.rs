//! The account of a sink.

use std::ops::AddAssign;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Serialize, Serializer};

/// Why events were dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// The queue had no room.
    QueueFull,
    /// The destination could not be reached, or did not answer, for as long as the sink may try.
    Unreachable,
    /// The destination refused them for good.
    Rejected,
    /// They could not be written: a full disk, a removed directory, a closed pipe.
    WriteFailed,
    /// They could not be put into the destination's format.
    Unencodable,
    /// The time to drain was over.
    Shutdown,
}

impl DropReason {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::QueueFull, Self::Unreachable, Self::Rejected, Self::WriteFailed, Self::Unencodable, Self::Shutdown];

    /// The name used in messages, JSON and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Unreachable => "unreachable",
            Self::Rejected => "rejected",
            Self::WriteFailed => "write_failed",
            Self::Unencodable => "unencodable",
            Self::Shutdown => "shutdown",
        }
    }
}

/// The sum of a sink at one moment: `enqueued = sent + dropped + queued`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Events offered to the sink; only ever grows.
    pub enqueued: u64,
    /// Events that the destination has; only ever grows.
    pub sent: u64,
    /// Events dropped, by reason; only ever grows.
    pub dropped: Drops,
    /// Events that wait, or that the sink has in hand.
    pub queued: u64,
    /// Of those, events that wait in the queue: what its capacity bounds.
    pub waiting: u64,
}

/// Sums up sinks that stand for one, such as one that was started anew.
impl AddAssign for Account {
    fn add_assign(&mut self, other: Self) {
        self.enqueued += other.enqueued;
        self.sent += other.sent;
        self.queued += other.queued;
        self.waiting += other.waiting;
        other.dropped.iter().for_each(|(reason, count)| self.dropped.add(reason, count));
    }
}

/// Events dropped, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops([u64; DropReason::ALL.len()]);

impl Drops {
    /// Dropped for one reason.
    #[must_use]
    pub fn of(&self, reason: DropReason) -> u64 {
        self.0.get(reason as usize).copied().unwrap_or(0)
    }

    /// Dropped for any reason.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Each reason with its count, zeros too.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL.into_iter().zip(self.0.iter().copied())
    }

    fn add(&mut self, reason: DropReason, count: u64) {
        if let Some(place) = self.0.get_mut(reason as usize) {
            *place += count;
        }
    }
}

/// As an object, without the reasons that never occurred.
impl Serialize for Drops {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().filter(|(_, count)| *count != 0).map(|(why, count)| (why.as_str(), count)))
    }
}

/// Why events left a spool without having been uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SpoolDrop {
    /// Uploads failed for as long as a file may wait.
    Expired,
    /// Younger files needed the room.
    SpoolFull,
    /// The file could not be read.
    Unreadable,
}

impl SpoolDrop {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Expired, Self::SpoolFull, Self::Unreadable];

    /// The name used in messages, JSON and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::SpoolFull => "spool_full",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Events that left a spool without having been uploaded, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolDrops([u64; SpoolDrop::ALL.len()]);

impl SpoolDrops {
    /// Dropped for one reason.
    #[must_use]
    pub fn of(&self, reason: SpoolDrop) -> u64 {
        self.0.get(reason as usize).copied().unwrap_or(0)
    }

    /// Adds to what was dropped for one reason.
    pub fn add(&mut self, reason: SpoolDrop, events: u64) {
        if let Some(place) = self.0.get_mut(reason as usize) {
            *place += events;
        }
    }

    /// Each reason with its count, zeros too.
    pub fn iter(&self) -> impl Iterator<Item = (SpoolDrop, u64)> + '_ {
        SpoolDrop::ALL.into_iter().zip(self.0.iter().copied())
    }
}

/// As an object, without the reasons that never occurred.
impl Serialize for SpoolDrops {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().filter(|(_, count)| *count != 0).map(|(why, count)| (why.as_str(), count)))
    }
}

/// What a sink has put on this host's disk on the way to its destination. In the sink's account these events are sent: from
/// there on they survive the end of egret, and the spool's own sum is `spooled = uploaded + dropped + waiting`, over restarts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SpoolState {
    /// Files that wait.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Events in them.
    pub events: u64,
    /// How long the oldest has been tried, seconds; absent where none waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_seconds: Option<u64>,
    /// Files uploaded since the start; only ever grows.
    pub uploaded_files: u64,
    /// Events uploaded since the start; only ever grows.
    pub uploaded_events: u64,
    /// Events dropped since the start, by reason; only ever grows.
    pub dropped: SpoolDrops,
    /// Why the last upload failed; absent where it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Arc<str>>,
}

impl SpoolState {
    /// This state with the counts of one before it added.
    #[must_use]
    pub fn after(mut self, earlier: &Self) -> Self {
        self.uploaded_files += earlier.uploaded_files;
        self.uploaded_events += earlier.uploaded_events;
        earlier.dropped.iter().for_each(|(reason, events)| self.dropped.add(reason, events));
        self
    }
}

/// Keeps a sink's account. Cheap to clone: the account is shared.
#[derive(Clone, Debug)]
pub struct Ledger {
    sink: &'static str,
    capacity: usize,
    account: Arc<Mutex<Account>>,
    spool: Arc<Mutex<Option<SpoolState>>>,
}

impl Ledger {
    pub(super) fn new(sink: &'static str, capacity: usize) -> Self {
        Self { sink, capacity, account: Arc::default(), spool: Arc::default() }
    }

    /// The sink's name.
    #[must_use]
    pub const fn sink(&self) -> &'static str {
        self.sink
    }

    /// Events that may wait in the queue.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// The sum now.
    #[must_use]
    pub fn account(&self) -> Account {
        *self.lock()
    }

    /// The sink's spool, if it has one.
    #[must_use]
    pub fn spool_state(&self) -> Option<SpoolState> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says what is in the sink's spool.
    pub(crate) fn spool(&self, state: SpoolState) {
        *self.spool.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
    }

    /// Counts all that is queued as dropped, because the time to drain is over. What the sink may say of it later
    /// changes nothing.
    pub fn abandon(&self) {
        let left = self.lock().queued;
        self.dropped(left, DropReason::Shutdown);
    }

    pub(super) fn enqueued(&self, accepted: usize, refused: usize) {
        let (accepted, refused) = (count(accepted), count(refused));
        let mut account = self.lock();
        account.enqueued += accepted + refused;
        account.queued += accepted;
        account.waiting += accepted;
        account.dropped.add(DropReason::QueueFull, refused);
    }

    /// So many no longer wait: the sink has them in hand.
    pub(super) fn taken(&self, events: usize) {
        let mut account = self.lock();
        account.waiting = account.waiting.saturating_sub(count(events));
    }

    pub(super) fn sent(&self, events: u64) {
        let mut account = self.lock();
        let events = events.min(account.queued);
        account.queued -= events;
        account.sent += events;
    }

    pub(super) fn dropped(&self, events: u64, reason: DropReason) {
        let mut account = self.lock();
        let events = events.min(account.queued);
        account.queued -= events;
        account.dropped.add(reason, events);
    }

    /// Nothing is left half done by a panic while it is held.
    fn lock(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn count(events: usize) -> u64 {
    u64::try_from(events).unwrap_or(u64::MAX)
}
