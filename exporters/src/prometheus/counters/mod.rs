//! Counters and histograms of events.

mod blocked;
mod candidates;
mod classify;
mod executables;
mod fixed;
mod frequent;
mod latencies;
mod peers;
mod top;

use std::time::{Duration, Instant};

use egret_model::Event;
use prometheus::Registry;

use self::executables::Executables;
pub(super) use self::executables::FAILURES;
use self::fixed::Fixed;
pub(super) use self::fixed::register;
use self::latencies::Latencies;
use self::peers::Peers;
use self::top::Sums;
use super::config::{Error, Settings};
use super::encoder::Family;
use super::encoder::catalogue::{LABEL_VALUES, LABEL_VALUES_LIMIT, SERIES_OTHER, SERIES_REPLACED};

/// Half-life of the frequency by which executables and peers get their own series.
const HALF_LIFE: Duration = Duration::from_secs(3600);

/// All counters and histograms of events.
#[derive(Debug)]
pub(super) struct Counters {
    fixed: Fixed,
    latencies: Latencies,
    executables: Executables,
    peers: Peers,
    halved: Instant,
}

impl Counters {
    pub(super) fn register(registry: &Registry, settings: &Settings) -> Result<Self, Error> {
        Ok(Self {
            fixed: Fixed::register(registry)?,
            latencies: Latencies::register(registry, &settings.latency_buckets)?,
            executables: Executables::new(settings.executables),
            peers: Peers::new(settings.peers),
            halved: Instant::now(),
        })
    }

    /// Counts a batch of events.
    pub(super) fn count(&mut self, events: &[Event]) {
        self.age(Instant::now());
        events.iter().for_each(|event| self.count_event(event));
        self.latencies.flush();
    }

    fn count_event(&mut self, event: &Event) {
        let opens = classify::opens(event);
        let blocked = classify::blocked(event, opens);
        self.fixed.count(event);
        self.latencies.observe(event, opens);
        self.executables.count(event, opens, blocked);
        self.peers.count(event, opens, blocked);
    }

    fn age(&mut self, now: Instant) {
        if now.saturating_duration_since(self.halved) >= HALF_LIFE {
            self.halved = now;
            self.executables.top.halve();
            self.peers.top.halve();
        }
    }

    /// The samples that are not in the registry.
    pub(super) fn families(&mut self) -> Vec<Family> {
        let mut families = self.sums();
        families.extend(self.executables.families());
        families.extend(self.peers.families());
        families
    }

    fn sums(&self) -> Vec<Family> {
        let executables = ("executable", self.executables.top.sums());
        let peers = ("peer", self.peers.top.sums());
        let error_type = "error_type";
        let family = |info, value: fn(&Sums) -> u64| {
            let mut family = Family::new(info);
            [&executables, &peers].into_iter().for_each(|(label, sums)| family.add(&[label], value(sums)));
            family
        };
        let mut limit = family(LABEL_VALUES_LIMIT, |sums| sums.limit as u64);
        limit.add(&[error_type], FAILURES as u64);
        let mut other = family(SERIES_OTHER, |sums| sums.other);
        other.add(&[error_type], self.executables.other_errors);
        let replaced = family(SERIES_REPLACED, |sums| sums.replaced);
        vec![family(LABEL_VALUES, |sums| sums.values as u64), limit, other, replaced]
    }
}
