//! Timed samples.

use std::collections::BTreeMap;
use std::time::Duration;

use super::judge::Judge;
use crate::statistics::{Spread, percentile};

/// One load under one judge.
pub(super) struct Sample {
    pub(super) elapsed: Duration,
    /// Latencies of the client, nanoseconds.
    pub(super) times: Vec<f64>,
    /// Packets queued meanwhile.
    pub(super) queued: u64,
}

impl Sample {
    /// Operations a second.
    pub(super) fn rate(&self) -> f64 {
        self.times.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// Packets queued for each operation.
    pub(super) fn queued_each(&self) -> f64 {
        self.queued as f64 / self.times.len().max(1) as f64
    }
}

/// Samples by load, judge and round.
#[derive(Default)]
pub(super) struct Samples(BTreeMap<(&'static str, Judge), BTreeMap<usize, Sample>>);

impl Samples {
    pub(super) fn add(&mut self, load: &'static str, judge: Judge, round: usize, sample: Sample) {
        self.0.entry((load, judge)).or_default().insert(round, sample);
    }

    /// A figure of each sample, over all rounds.
    pub(super) fn of(&self, load: &'static str, judge: Judge, figure: impl Fn(&Sample) -> f64) -> Option<Spread> {
        Spread::of(self.0.get(&(load, judge))?.values().map(figure))
    }

    /// Nanoseconds that so many percent of a sample's operations did not exceed, over all rounds.
    pub(super) fn latency(&self, load: &'static str, judge: Judge, percent: usize) -> Option<Spread> {
        Spread::of(self.0.get(&(load, judge))?.values().filter_map(|sample| percentile(&sample.times, percent)))
    }

    /// The rate relative to another judge's, from the pairs of the same round.
    pub(super) fn relative(&self, load: &'static str, judge: Judge, to: Judge) -> Option<Spread> {
        let (samples, others) = (self.0.get(&(load, judge))?, self.0.get(&(load, to))?);
        let pairs = samples.iter().filter_map(|(round, sample)| Some((sample, others.get(round)?)));
        Spread::of(pairs.map(|(sample, other)| sample.rate() / other.rate()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Sample, Samples};
    use crate::enforce::judge::Judge::{C, Enforce};

    #[test]
    fn median_is_taken_of_the_ratios_of_each_round() {
        let mut samples = Samples::default();
        for (round, slowness) in [(0, 1_u64), (1, 10), (2, 3)] {
            let sample = |millis| Sample {
                elapsed: Duration::from_millis(millis * slowness),
                times: vec![1.0; 100],
                queued: 200,
            };
            samples.add("x", C, round, sample(100));
            samples.add("x", Enforce, round, sample(50));
        }
        let relative = samples.relative("x", Enforce, C).unwrap();
        assert!([relative.least, relative.median, relative.most].iter().all(|ratio| (ratio - 2.0).abs() < 1e-9));
        assert!((samples.of("x", C, Sample::queued_each).unwrap().median - 2.0).abs() < 1e-9);
        assert!(samples.relative("y", Enforce, C).is_none());
    }
}
