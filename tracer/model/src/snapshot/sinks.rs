//! The state of sinks: how many events they sent, dropped and hold.

use std::marker::PhantomData;
use std::ops::AddAssign;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// A sink at one time.
#[derive(Clone, Debug, Serialize)]
pub struct SinkState {
    /// Its name: `parquet`, `otlp`, `prometheus`, `json`, `live`.
    pub name: &'static str,
    /// Capacity of its queue, in events.
    pub capacity: usize,
    #[serde(flatten)]
    pub account: Account,
    /// Absent for a destination without a spool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spool: Option<SpoolState>,
}

/// The event counts of a sink: `enqueued = sent + dropped + queued` at all times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Events offered to the sink; a counter.
    pub enqueued: u64,
    /// Events delivered to the destination; a counter.
    pub sent: u64,
    /// Events dropped, by reason; counters.
    pub dropped: Drops,
    /// Events in the queue and in the sink's hands.
    pub queued: u64,
    /// Of those, events in the queue, which its capacity limits.
    pub waiting: u64,
}

/// Adds up the accounts of successive sinks of one name, such as a sink and its replacement.
impl AddAssign for Account {
    fn add_assign(&mut self, other: Self) {
        self.enqueued += other.enqueued;
        self.sent += other.sent;
        self.queued += other.queued;
        self.waiting += other.waiting;
        self.dropped += other.dropped;
    }
}

/// Why a sink dropped events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// The queue was full.
    QueueFull,
    /// The destination was unreachable or did not answer until the retry limit.
    Unreachable,
    /// The destination rejected them permanently.
    Rejected,
    /// They could not be written: a full disk, a removed directory, a closed pipe.
    WriteFailed,
    /// They could not be encoded in the destination's format.
    Unencodable,
    /// The drain timeout expired.
    Shutdown,
}

impl DropReason {
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

/// Why a file left the spool without having been uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SpoolDropReason {
    /// Uploads failed for longer than a file may wait.
    Expired,
    /// Newer files needed the space.
    SpoolFull,
    /// The file could not be read.
    Unreadable,
}

impl SpoolDropReason {
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

/// A reason that [`DropCounts`] counts by.
pub trait CountedReason: Copy + 'static {
    /// All reasons, in the order of their indices.
    const REASONS: &'static [Self];

    fn index(self) -> usize;

    /// The name used in messages, JSON and metrics.
    fn name(self) -> &'static str;
}

macro_rules! counted_reason {
    ($reason:ty) => {
        impl CountedReason for $reason {
            const REASONS: &'static [Self] = &Self::ALL;

            fn index(self) -> usize {
                self as usize
            }

            fn name(self) -> &'static str {
                self.as_str()
            }
        }
    };
}

counted_reason!(DropReason);
counted_reason!(SpoolDropReason);

/// Dropped events, by reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DropCounts<R, const REASONS: usize> {
    counts: [u64; REASONS],
    reasons: PhantomData<R>,
}

/// Events that a sink dropped, by reason.
pub type Drops = DropCounts<DropReason, { DropReason::ALL.len() }>;

/// Events in files that left the spool without having been uploaded, by reason.
pub type SpoolDrops = DropCounts<SpoolDropReason, { SpoolDropReason::ALL.len() }>;

impl<R, const REASONS: usize> Default for DropCounts<R, REASONS> {
    fn default() -> Self {
        Self { counts: [0; REASONS], reasons: PhantomData }
    }
}

impl<R: CountedReason, const REASONS: usize> DropCounts<R, REASONS> {
    #[must_use]
    pub fn get(&self, reason: R) -> u64 {
        self.counts.get(reason.index()).copied().unwrap_or(0)
    }

    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Every reason with its count, zeros included.
    pub fn iter(&self) -> impl Iterator<Item = (R, u64)> + '_ {
        R::REASONS.iter().copied().zip(self.counts.iter().copied())
    }

    pub fn add(&mut self, reason: R, events: u64) {
        if let Some(count) = self.counts.get_mut(reason.index()) {
            *count += events;
        }
    }
}

impl<R: CountedReason, const REASONS: usize> AddAssign for DropCounts<R, REASONS> {
    fn add_assign(&mut self, other: Self) {
        other.iter().for_each(|(reason, events)| self.add(reason, events));
    }
}

/// An object without the reasons whose count is zero.
impl<R: CountedReason, const REASONS: usize> Serialize for DropCounts<R, REASONS> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counted = self.iter().filter(|(_, count)| *count != 0);
        serializer.collect_map(counted.map(|(reason, count)| (reason.name(), count)))
    }
}

/// The files that a sink has spooled on this host's disk for its destination. The sink's account counts their events as sent,
/// since they survive the end of egret; the spool has an account of its own, `spooled = uploaded + dropped + waiting`, which also
/// holds over restarts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SpoolState {
    /// Files waiting.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Events in them.
    pub events: u64,
    /// For how long egret has tried to upload the oldest file, seconds; absent if none waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_seconds: Option<u64>,
    /// Files uploaded since the start; a counter.
    pub uploaded_files: u64,
    /// Events uploaded since the start; a counter.
    pub uploaded_events: u64,
    /// Events dropped since the start, by reason; counters.
    pub dropped: SpoolDrops,
    /// The error of the last upload and what to do about it; absent if it succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Arc<str>>,
    /// The delay after that error before the next attempt, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_seconds: Option<u64>,
}

impl SpoolState {
    /// This state with the counters of an earlier one added.
    #[must_use]
    pub fn after(mut self, earlier: &Self) -> Self {
        self.uploaded_files += earlier.uploaded_files;
        self.uploaded_events += earlier.uploaded_events;
        self.dropped += earlier.dropped;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every reason has its own count, under the name that JSON and metrics use.
    fn counts_by_reason<R: CountedReason + PartialEq + std::fmt::Debug, const REASONS: usize>() {
        let mut drops = DropCounts::<R, REASONS>::default();
        assert_eq!(serde_json::to_value(drops).unwrap(), serde_json::json!({}), "nothing was dropped");
        for (index, reason) in R::REASONS.iter().enumerate() {
            drops.add(*reason, 1 << index);
        }
        drops += drops;
        for (index, (reason, count)) in drops.iter().enumerate() {
            assert_eq!((reason, count, drops.get(reason)), (R::REASONS[index], 2 << index, 2 << index));
            assert_eq!(serde_json::to_value(drops).unwrap()[reason.name()], 2 << index);
        }
        assert_eq!(drops.iter().count(), REASONS);
        assert_eq!(drops.total(), 2 * ((1 << REASONS) - 1));
    }

    #[test]
    fn drops_are_counted_by_reason() {
        counts_by_reason::<DropReason, { DropReason::ALL.len() }>();
        counts_by_reason::<SpoolDropReason, { SpoolDropReason::ALL.len() }>();
    }
}
