//! The fallback monitor: watches for reasons to leave enforce.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::num::NonZeroUsize;
use std::time::Duration;

use lru::LruCache;
use serde::{Deserialize, Serialize};

/// Limits within a window; reaching one of them is a reason to leave enforce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The window.
    pub window: Duration,
    /// Distinct pairs of program and destination blocked.
    pub blocks: u64,
    /// Unattributed flows among those evaluated, percent.
    pub unattributed_percent: u8,
    /// Packets that found a queue full.
    pub overflow: u64,
}

/// Why egret left a mode on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FallbackReason {
    /// Too many distinct programs and destinations were blocked.
    BlockSpike,
    /// Queues were full.
    QueueOverflow,
    /// Too many flows could not be attributed.
    AttributionFailing,
    /// The conntrack table was full.
    ConnectionsFull,
    /// There was no baseline to enforce, or no firewall, when egret started.
    NotReady,
}

impl FallbackReason {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::BlockSpike, Self::QueueOverflow, Self::AttributionFailing, Self::ConnectionsFull, Self::NotReady];

    /// The name used in messages, JSON and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BlockSpike => "block_spike",
            Self::QueueOverflow => "queue_overflow",
            Self::AttributionFailing => "attribution_failing",
            Self::ConnectionsFull => "connections_full",
            Self::NotReady => "not_ready",
        }
    }

    /// What happened.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::BlockSpike => "too many different programs and destinations were blocked",
            Self::QueueOverflow => "packets found egret's queues full",
            Self::AttributionFailing => "the process behind too many connections is unknown",
            Self::ConnectionsFull => {
                "the kernel's table of connections was full, so that it dropped new ones (net.netfilter.nf_conntrack_max)"
            }
            Self::NotReady => "there was no baseline to enforce, or no firewall, when egret started",
        }
    }
}

/// What the monitor watches; counts only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Flows evaluated.
    pub evaluated: u64,
    /// Of those, flows that could not be attributed.
    pub unattributed: u64,
    /// Distinct pairs of program and destination blocked, see [`Pairs`].
    pub blocks: u64,
    /// Packets that found a queue full.
    pub overflow: u64,
}

impl Counts {
    /// What was counted since `before`; zero for a count that went backwards.
    const fn since(&self, before: &Self) -> Self {
        Self {
            evaluated: self.evaluated.saturating_sub(before.evaluated),
            unattributed: self.unattributed.saturating_sub(before.unattributed),
            blocks: self.blocks.saturating_sub(before.blocks),
            overflow: self.overflow.saturating_sub(before.overflow),
        }
    }
}

/// A share of fewer flows than this is not significant.
const MIN_FLOWS: u64 = 20;

/// Samples remembered: with one a second, windows up to an hour are exact to the second. Longer ones look back as far as
/// the samples go. 40 bytes each.
const SAMPLES: usize = 3600;

/// Compares counts within a window with limits.
#[derive(Clone, Debug, Default)]
pub struct FallbackMonitor {
    samples: VecDeque<(Duration, Counts)>,
}

impl FallbackMonitor {
    /// Takes the counts at a time of a monotonic clock; returns the limit that is reached, if one is.
    pub fn check(&mut self, now: Duration, counts: Counts, limits: &Limits) -> Option<FallbackReason> {
        let begin = now.saturating_sub(limits.window);
        // The last sample from before the window is the window's baseline.
        while self.samples.get(1).is_some_and(|(at, _)| *at <= begin) || self.samples.len() >= SAMPLES {
            self.samples.pop_front();
        }
        let before = self.samples.front().map_or(counts, |(_, counts)| *counts);
        self.samples.push_back((now, counts));
        let counts = counts.since(&before);
        let Counts { evaluated, unattributed, .. } = counts;
        if counts.overflow >= limits.overflow {
            Some(FallbackReason::QueueOverflow)
        } else if counts.blocks >= limits.blocks {
            Some(FallbackReason::BlockSpike)
        } else if evaluated >= MIN_FLOWS && unattributed * 100 >= evaluated * u64::from(limits.unattributed_percent) {
            Some(FallbackReason::AttributionFailing)
        } else {
            None
        }
    }

    /// Forgets all samples: another mode has begun.
    pub fn reset(&mut self) {
        self.samples.clear();
    }
}

/// Distinct pairs that are remembered; 32 bytes each. A limit beyond it is never reached, nor needed: the host is unusable long
/// before.
const PAIRS: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();

/// Counts distinct pairs of program and destination.
#[derive(Debug)]
pub struct Pairs {
    /// When a pair was last counted, by its hash.
    counted: LruCache<u64, Duration>,
    count: u64,
}

impl Default for Pairs {
    fn default() -> Self {
        Self { counted: LruCache::new(PAIRS), count: 0 }
    }
}

impl Pairs {
    /// Notes a pair; it counts once within `window`.
    pub fn note(&mut self, pair: impl Hash, now: Duration, window: Duration) {
        let mut hasher = DefaultHasher::new();
        pair.hash(&mut hasher);
        let hash = hasher.finish();
        let is_new = self.counted.get(&hash).is_none_or(|counted| now.saturating_sub(*counted) >= window);
        if is_new {
            self.counted.put(hash, now);
            self.count += 1;
        }
    }

    /// How many so far.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }
}
