//! Timed samples.

use std::collections::BTreeMap;

use crate::collector::Configuration;
use crate::statistics::Spread;
use crate::workload::Taken;

/// Wall-clock or CPU time.
#[derive(Clone, Copy, Debug)]
pub(super) enum Clock {
    Wall,
    Cpu,
}

impl Clock {
    /// Nanoseconds.
    fn of(self, taken: &Taken) -> f64 {
        let time = match self {
            Self::Wall => taken.wall,
            Self::Cpu => taken.cpu,
        };
        time.as_secs_f64() * 1e9
    }
}

/// Times of a sample, by workload, configuration and round. Samples of a workload have the same number of operations.
#[derive(Default)]
pub(super) struct Samples(BTreeMap<(&'static str, Configuration), BTreeMap<usize, Taken>>);

impl Samples {
    pub(super) fn add(&mut self, workload: &'static str, configuration: Configuration, round: usize, taken: Taken) {
        self.0.entry((workload, configuration)).or_default().insert(round, taken);
    }

    /// Nanoseconds of a sample, for all rounds.
    pub(super) fn time(&self, clock: Clock, workload: &'static str, configuration: Configuration) -> Option<Spread> {
        Spread::of(self.0.get(&(workload, configuration))?.values().map(|taken| clock.of(taken)))
    }

    /// Speed relative to another configuration, from the pairs of the same round.
    pub(super) fn speed(
        &self,
        clock: Clock,
        workload: &'static str,
        configuration: Configuration,
        relative_to: Configuration,
    ) -> Option<Spread> {
        let (samples, others) = (self.0.get(&(workload, configuration))?, self.0.get(&(workload, relative_to))?);
        let pairs = samples.iter().filter_map(|(round, taken)| Some((taken, others.get(round)?)));
        Spread::of(pairs.map(|(taken, other)| clock.of(other) / clock.of(taken)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Clock, Samples};
    use crate::collector::Configuration::{Sockets, Untraced};
    use crate::workload::Taken;

    fn taken(wall: u64, cpu: u64) -> Taken {
        Taken { wall: Duration::from_nanos(wall), cpu: Duration::from_nanos(cpu) }
    }

    #[test]
    fn median_is_taken_of_the_ratios_of_each_round() {
        let mut samples = Samples::default();
        // The machine is ten times slower in the second round: every pair has the ratio one half.
        for (round, slowness) in [(0, 1), (1, 10), (2, 3)] {
            samples.add("x", Untraced, round, taken(100 * slowness, 80 * slowness));
            samples.add("x", Sockets, round, taken(200 * slowness, 100 * slowness));
        }
        // A round without its pair is ignored.
        samples.add("x", Sockets, 3, taken(1, 1));
        let wall = samples.speed(Clock::Wall, "x", Sockets, Untraced).unwrap();
        assert!([wall.least, wall.median, wall.most].iter().all(|ratio| (ratio - 0.5).abs() < 1e-9));
        let cpu = samples.speed(Clock::Cpu, "x", Sockets, Untraced).unwrap();
        assert!((cpu.median - 0.8).abs() < 1e-9);
        assert!((samples.time(Clock::Wall, "x", Untraced).unwrap().median - 300.0).abs() < 1e-9);
        assert!(samples.speed(Clock::Wall, "y", Sockets, Untraced).is_none());
    }
}
