//! What was timed.

use std::collections::BTreeMap;

use crate::collector::Configuration;
use crate::statistics::Spread;

/// Nanoseconds an operation, by workload, configuration and round.
#[derive(Default)]
pub(super) struct Samples(BTreeMap<(&'static str, Configuration), BTreeMap<usize, f64>>);

impl Samples {
    pub(super) fn add(&mut self, workload: &'static str, configuration: Configuration, round: usize, nanoseconds: f64) {
        self.0.entry((workload, configuration)).or_default().insert(round, nanoseconds);
    }

    /// Nanoseconds an operation over all rounds.
    pub(super) fn time(&self, workload: &'static str, configuration: Configuration) -> Option<Spread> {
        Spread::of(self.0.get(&(workload, configuration))?.values().copied())
    }

    /// Throughput relative to another configuration, from the pairs of the same round.
    pub(super) fn throughput(
        &self,
        workload: &'static str,
        configuration: Configuration,
        relative_to: Configuration,
    ) -> Option<Spread> {
        let (times, others) = (self.0.get(&(workload, configuration))?, self.0.get(&(workload, relative_to))?);
        Spread::of(times.iter().filter_map(|(round, time)| Some(others.get(round)? / time)))
    }
}

#[cfg(test)]
mod tests {
    use super::Samples;
    use crate::collector::Configuration::{Sockets, Untraced};

    #[test]
    fn ratios_are_formed_within_rounds_before_the_median_is_taken() {
        let mut samples = Samples::default();
        // The machine became ten times slower in the second round: every pair still says one half.
        for (round, slowness) in [(0, 1.0), (1, 10.0), (2, 3.0)] {
            samples.add("x", Untraced, round, 100.0 * slowness);
            samples.add("x", Sockets, round, 200.0 * slowness);
        }
        // A round without its pair says nothing.
        samples.add("x", Sockets, 3, 1.0);
        let ratio = samples.throughput("x", Sockets, Untraced).unwrap();
        assert_eq!((ratio.least, ratio.median, ratio.most), (0.5, 0.5, 0.5));
        assert_eq!(samples.time("x", Untraced).unwrap().median, 300.0);
        assert!(samples.throughput("y", Sockets, Untraced).is_none());
    }
}
