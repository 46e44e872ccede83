//! Whether enforcing hurts.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::num::NonZeroUsize;
use std::time::Duration;

use lru::LruCache;
use serde::{Deserialize, Serialize};

/// How much is too much, counted over a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The while.
    pub window: Duration,
    /// Different pairs of program and destination that were blocked.
    pub blocks: u64,
    /// Flows whose process could not be told, of all that were judged, in hundredths.
    pub unattributed_percent: u8,
    /// Packets that found a queue full.
    pub overflow: u64,
}

/// Why enforcing ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FallbackReason {
    /// Too many different programs and destinations were blocked.
    BlockSpike,
    /// Queues were full.
    QueueOverflow,
    /// Too many flows were nobody's.
    AttributionFailing,
    /// There was no baseline to enforce, or no firewall, when egret started.
    NotReady,
}

impl FallbackReason {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::BlockSpike, Self::QueueOverflow, Self::AttributionFailing, Self::NotReady];

    /// The name used in messages, JSON and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BlockSpike => "block_spike",
            Self::QueueOverflow => "queue_overflow",
            Self::AttributionFailing => "attribution_failing",
            Self::NotReady => "not_ready",
        }
    }

    /// What happened.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::BlockSpike => "too many different programs and destinations were blocked",
            Self::QueueOverflow => "packets found egret's queues full",
            Self::AttributionFailing => "the process behind too many connections could not be told",
            Self::NotReady => "there was no baseline to enforce, or no firewall, when egret started",
        }
    }
}

/// What is looked at; all of it only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Flows judged.
    pub judged: u64,
    /// Of those, flows whose process could not be told.
    pub unattributed: u64,
    /// Different pairs of program and destination blocked, see [`Pairs`].
    pub blocks: u64,
    /// Packets that found a queue full.
    pub overflow: u64,
}

/// Fewer flows than this say nothing about a share of them.
const ENOUGH: u64 = 20;

/// Samples remembered: with one a second, windows up to an hour are exact to the second. Longer ones look back as far as
/// the samples go. 40 bytes each.
const SAMPLES: usize = 3600;

/// Looks at counts over a while.
#[derive(Clone, Debug, Default)]
pub struct Alarm {
    samples: VecDeque<(Duration, Counts)>,
}

impl Alarm {
    /// Takes the counts at a moment of a clock that does not jump; says what is too much, if something is.
    pub fn look(&mut self, now: Duration, counts: Counts, limits: &Limits) -> Option<FallbackReason> {
        let begin = now.saturating_sub(limits.window);
        // The last sample from before the window is what the window began with.
        while self.samples.get(1).is_some_and(|(at, _)| *at <= begin) || self.samples.len() >= SAMPLES {
            self.samples.pop_front();
        }
        let before = self.samples.front().map_or(counts, |(_, counts)| *counts);
        self.samples.push_back((now, counts));
        let (judged, unattributed) = (counts.judged - before.judged, counts.unattributed - before.unattributed);
        if counts.overflow - before.overflow >= limits.overflow {
            Some(FallbackReason::QueueOverflow)
        } else if counts.blocks - before.blocks >= limits.blocks {
            Some(FallbackReason::BlockSpike)
        } else if judged >= ENOUGH && unattributed * 100 >= judged * u64::from(limits.unattributed_percent) {
            Some(FallbackReason::AttributionFailing)
        } else {
            None
        }
    }

    /// Forgets what was before: another mode has begun.
    pub fn reset(&mut self) {
        self.samples.clear();
    }
}

/// Pairs told apart; 32 bytes each. Limits beyond it are never reached by counting, and are not needed: long before that the
/// host is unusable.
const PAIRS: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();

/// Counts different pairs of program and destination.
#[derive(Debug)]
pub struct Pairs {
    /// By hash, when the pair was last counted.
    counted: LruCache<u64, Duration>,
    count: u64,
}

impl Default for Pairs {
    fn default() -> Self {
        Self { counted: LruCache::new(PAIRS), count: 0 }
    }
}

impl Pairs {
    /// Notes a pair at a moment; it counts once within `window`.
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
