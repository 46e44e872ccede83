//! What a worker counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use egret_model::{Attribution, Reason, Verdict};

/// Upper bounds of the buckets of [`Latency`]; beyond the last there is one more.
pub const BUCKETS: [Duration; 14] = [
    Duration::from_micros(50),
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
];

pub(super) const VERDICTS: [Verdict; 3] = [Verdict::Allow, Verdict::WouldBlock, Verdict::Block];
pub(super) const ATTRIBUTIONS: [Attribution; 5] =
    [Attribution::Cookie, Attribution::Tuple, Attribution::Diag, Attribution::Procfs, Attribution::Unknown];

/// How long verdicts took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// Verdicts that took no longer than each of [`BUCKETS`] and longer than the one before; at the end, those that took
    /// longer than all.
    pub buckets: [u64; BUCKETS.len() + 1],
    /// All together.
    pub sum: Duration,
}

impl Latency {
    /// How many verdicts there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

/// The counts of one worker. They only grow; only that worker adds to them.
#[derive(Debug, Default)]
pub(super) struct Counts {
    verdicts: [[AtomicU64; Reason::ALL.len()]; VERDICTS.len()],
    attributions: [AtomicU64; ATTRIBUTIONS.len()],
    buckets: [AtomicU64; BUCKETS.len() + 1],
    nanoseconds: AtomicU64,
    /// Packets that were decided by what was remembered.
    pub(super) hits: AtomicU64,
    /// Packets that a fast path gave to the slow one.
    pub(super) deferred: AtomicU64,
    /// Packets that were held.
    pub(super) parked: AtomicU64,
    /// Packets whose owner was not searched for: searches had used up their budget.
    pub(super) unsearched: AtomicU64,
    /// Packets that the kernel did not hand over, for want of room.
    pub(super) missing: AtomicU64,
    /// Verdicts that the kernel would not take.
    pub(super) refused: AtomicU64,
}

impl Counts {
    pub(super) fn verdict(&self, verdict: Verdict, reason: Reason, attribution: Attribution, duration: Duration) {
        let of_verdict = position(&VERDICTS, &verdict).and_then(|at| self.verdicts.get(at));
        add(of_verdict.zip(position(&Reason::ALL, &reason)).and_then(|(reasons, at)| reasons.get(at)));
        add(position(&ATTRIBUTIONS, &attribution).and_then(|at| self.attributions.get(at)));
        add(self.buckets.get(BUCKETS.partition_point(|bound| *bound < duration)));
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    pub(super) fn verdicts(&self) -> impl Iterator<Item = (Verdict, Reason, u64)> {
        let rows = VERDICTS.into_iter().zip(&self.verdicts);
        rows.flat_map(|(verdict, reasons)| {
            Reason::ALL.into_iter().zip(reasons).map(move |(reason, count)| (verdict, reason, get(count)))
        })
    }

    pub(super) fn attributions(&self) -> impl Iterator<Item = (Attribution, u64)> {
        ATTRIBUTIONS.into_iter().zip(&self.attributions).map(|(attribution, count)| (attribution, get(count)))
    }

    pub(super) fn add_latency(&self, sum: &mut Latency) {
        for (bucket, count) in sum.buckets.iter_mut().zip(&self.buckets) {
            *bucket += get(count);
        }
        sum.sum += Duration::from_nanos(get(&self.nanoseconds));
    }
}

fn position<T: PartialEq>(all: &[T], one: &T) -> Option<usize> {
    all.iter().position(|other| other == one)
}

fn add(count: Option<&AtomicU64>) {
    count.inspect(|count| one_more(count));
}

pub(super) fn one_more(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

pub(super) fn get(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdict_latency_is_counted_in_its_bucket() {
        let counts = Counts::default();
        for duration in [0, 50_000, 50_001, 1_000_000_000, 1_000_000_001].map(Duration::from_nanos) {
            counts.verdict(Verdict::WouldBlock, Reason::NoRule, Attribution::Diag, duration);
        }
        let mut latency = Latency::default();
        counts.add_latency(&mut latency);
        assert_eq!((latency.buckets[0], latency.buckets[1], latency.buckets[13], latency.buckets[14]), (2, 1, 1, 1));
        assert_eq!((latency.count(), latency.sum), (5, Duration::from_nanos(2_000_100_002)));
        let counted: Vec<_> = counts.verdicts().filter(|(_, _, count)| *count > 0).collect();
        assert_eq!(counted, [(Verdict::WouldBlock, Reason::NoRule, 5)]);
        assert_eq!(counts.attributions().find(|(_, count)| *count > 0), Some((Attribution::Diag, 5)));
    }
}
