//! The metrics: what events add to them, and what a scrape gets.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use egret_model::Event;
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::{MetricFamily, MetricType};
use prometheus::{IntGaugeVec, Opts, Registry, TEXT_FORMAT, TextEncoder};

use super::catalogue::{
    BUILD_INFO, LABEL_VALUES, LABEL_VALUES_LIMIT, MetricInfo, SERIES, SERIES_OTHER, SERIES_REPLACED,
};
use super::error::Error;
use super::executables::{Executables, FAILURES};
use super::family::Family;
use super::fixed::{Fixed, register};
use super::latencies::Latencies;
use super::peers::Peers;
use super::settings::Settings;
use super::state;
use super::top::Sums;
use super::{meaning, openmetrics};
use crate::snapshot::Snapshot;

/// After this long, what an executable or a peer did counts half as much for whether it has series of its own.
const HALF_LIFE: Duration = Duration::from_secs(3600);

/// How samples are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' own text format, version 0.0.4.
    Text,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
}

impl Format {
    /// The value of `Content-Type`.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => TEXT_FORMAT,
            Self::OpenMetrics => openmetrics::CONTENT_TYPE,
        }
    }
}

/// All metrics. The sink writes them a batch at a time, scrapes read them between two batches.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    counts: Mutex<Counts>,
    /// Executables of the baseline that have series of their own.
    executables: usize,
}

#[derive(Debug)]
struct Counts {
    fixed: Fixed,
    latencies: Latencies,
    executables: Executables,
    peers: Peers,
    halved: Instant,
}

impl Metrics {
    /// Metrics at zero.
    ///
    /// # Errors
    ///
    /// The bounds of the buckets do not ascend.
    pub fn new(settings: &Settings) -> Result<Arc<Self>, Error> {
        let registry = Registry::new();
        register(&registry, BUILD_INFO, build_info()?)?;
        let process = MetricInfo { name: "process_*", ..BUILD_INFO };
        register(&registry, process, ProcessCollector::for_self())?;
        let counts = Counts {
            fixed: Fixed::register(&registry)?,
            latencies: Latencies::register(&registry, &settings.latency_buckets)?,
            executables: Executables::new(settings.executables),
            peers: Peers::new(settings.peers),
            halved: Instant::now(),
        };
        Ok(Arc::new(Self { registry, counts: Mutex::new(counts), executables: settings.executables }))
    }

    /// Counts a batch of events.
    pub fn count(&self, events: &[Event]) {
        let mut counts = self.lock();
        counts.age(Instant::now());
        events.iter().for_each(|event| counts.event(event));
        counts.latencies.flush();
    }

    /// The page that a scraper gets.
    ///
    /// # Errors
    ///
    /// A metric has a name that the format does not allow.
    pub fn render(&self, snapshot: &Snapshot, format: Format) -> Result<String, prometheus::Error> {
        let families = self.gather(snapshot);
        match format {
            Format::Text => TextEncoder::new().encode_to_string(&families),
            Format::OpenMetrics => Ok(openmetrics::encode(&families)),
        }
    }

    /// All samples, metrics in the order of their names.
    fn gather(&self, snapshot: &Snapshot) -> Vec<MetricFamily> {
        let mut families = self.registry.gather();
        families.extend(self.lock().show().into_iter().filter_map(Family::finish));
        families.extend(state::families(snapshot, self.executables).into_iter().filter_map(Family::finish));
        let series = families.iter().map(series).sum::<usize>() + 1;
        families.extend(Family::single(SERIES, series as u64).finish());
        families.sort_by(|one, other| one.name().cmp(other.name()));
        families
    }

    /// What a panic in the middle of a batch leaves is counts of a part of it.
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn event(&mut self, event: &Event) {
        let opens = meaning::opens(event);
        let blocked = meaning::blocked(event, opens);
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

    fn show(&mut self) -> Vec<Family> {
        let mut families = self.sums();
        families.extend(self.executables.show());
        families.extend(self.peers.show());
        families
    }

    fn sums(&self) -> Vec<Family> {
        let executables = ("executable", self.executables.top.sums());
        let peers = ("peer", self.peers.top.sums());
        let error_type = "error_type";
        let family = |info, of: fn(&Sums) -> u64| {
            let mut family = Family::new(info);
            [&executables, &peers].into_iter().for_each(|(label, sums)| family.add(&[label], of(sums)));
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

fn build_info() -> Result<IntGaugeVec, Error> {
    let failed = |source| Error { metric: BUILD_INFO.name, source };
    let gauges = IntGaugeVec::new(Opts::new(BUILD_INFO.name, BUILD_INFO.help), BUILD_INFO.labels).map_err(failed)?;
    gauges.get_metric_with_label_values(&[env!("CARGO_PKG_VERSION")]).map_err(failed)?.set(1);
    Ok(gauges)
}

/// Series of a metric: a histogram has one for each bucket, and those for no bound, sum and count.
fn series(family: &MetricFamily) -> usize {
    match family.get_field_type() {
        MetricType::HISTOGRAM => {
            family.get_metric().iter().map(|sample| sample.get_histogram().get_bucket().len() + 3).sum()
        }
        _ => family.get_metric().len(),
    }
}
