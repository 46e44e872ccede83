//! All metrics of a scrape.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use egret_model::Event;
use egret_model::snapshot::Snapshot;
use prometheus::proto::{MetricFamily, MetricType};
use prometheus::{IntGaugeVec, Opts, Registry, TEXT_FORMAT, TextEncoder};

use super::config::{Error, Settings};
use super::counters::{Counters, register};
use super::encoder::catalogue::{BUILD_INFO, SERIES};
use super::encoder::{Family, openmetrics};
use super::state;

/// The exposition format.
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

/// All metrics. The sink updates them by batch, and scrapes read them between two batches.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    counters: Mutex<Counters>,
    /// Maximum number of executables with their own series.
    executables: usize,
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
        let counters = Mutex::new(Counters::register(&registry, settings)?);
        Ok(Arc::new(Self { registry, counters, executables: settings.executables }))
    }

    /// Counts a batch of events.
    pub fn count(&self, events: &[Event]) {
        self.lock().count(events);
    }

    /// The response to a scrape.
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

    /// All samples, with metrics in the order of their names.
    fn gather(&self, snapshot: &Snapshot) -> Vec<MetricFamily> {
        let mut families = self.registry.gather();
        families.extend(self.lock().families().into_iter().filter_map(Family::finish));
        families.extend(state::families(snapshot, self.executables).into_iter().filter_map(Family::finish));
        let series = families.iter().map(count_series).sum::<usize>() + 1;
        families.extend(Family::single(SERIES, series as u64).finish());
        families.sort_by(|one, other| one.name().cmp(other.name()));
        families
    }

    /// A poisoned lock is usable: a panic leaves a batch counted in part.
    fn lock(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn build_info() -> Result<IntGaugeVec, Error> {
    let failed = |source| Error { metric: BUILD_INFO.name, source };
    let gauges = IntGaugeVec::new(Opts::new(BUILD_INFO.name, BUILD_INFO.help), BUILD_INFO.labels).map_err(failed)?;
    gauges.get_metric_with_label_values(&[env!("CARGO_PKG_VERSION")]).map_err(failed)?.set(1);
    Ok(gauges)
}

/// The series of a metric: a histogram has one for each bucket and those for `+Inf`, sum and count.
fn count_series(family: &MetricFamily) -> usize {
    match family.get_field_type() {
        MetricType::HISTOGRAM => {
            family.get_metric().iter().map(|sample| sample.get_histogram().get_bucket().len() + 3).sum()
        }
        _ => family.get_metric().len(),
    }
}
