//! Histograms of latencies.

use std::collections::VecDeque;
use std::sync::Arc;

use egret_model::{Event, EventName, Resolution};
use prometheus::local::{LocalHistogram, LocalHistogramVec};
use prometheus::{Histogram, HistogramOpts, HistogramVec, Registry};

use super::classify;
use super::fixed::register;
use crate::prometheus::config::Error;
use crate::prometheus::encoder::catalogue::{
    CONNECT_DURATION, CONNECTION_DURATION, DNS_RESOLUTION_DURATION, MetricInfo, TCP_RTT,
};
use crate::prometheus::encoder::label::{self, TRANSPORTS};

/// Upper bounds of the durations of connections, seconds.
const LIFETIMES: [f64; 12] = [0.001, 0.01, 0.1, 1.0, 10.0, 60.0, 300.0, 1_800.0, 3_600.0, 14_400.0, 43_200.0, 86_400.0];

/// Look-ups in the cache, which makes a look-up for several connections count once. The table of names shares them; if it does not,
/// they take 5 KiB.
const CACHED_LOOKUPS: usize = 64;

/// The histograms. Scrapes see observations after [`Latencies::flush`].
#[derive(Debug)]
pub(super) struct Latencies {
    connect: LocalHistogramVec,
    connection: LocalHistogram,
    resolution: LocalHistogram,
    rtt: LocalHistogram,
    counted: VecDeque<Arc<Resolution>>,
}

impl Latencies {
    pub(super) fn register(registry: &Registry, buckets: &[f64]) -> Result<Self, Error> {
        let failed = |source| Error { metric: CONNECT_DURATION.name, source };
        let connect = HistogramVec::new(options(CONNECT_DURATION, buckets), CONNECT_DURATION.labels).map_err(failed)?;
        // The series exists from the start. This also makes invalid buckets an error here instead of a panic later.
        connect.get_metric_with_label_values(&[label::at(&TRANSPORTS, 0)]).map_err(failed)?;
        register(registry, CONNECT_DURATION, connect.clone())?;
        Ok(Self {
            connect: connect.local(),
            connection: histogram(registry, CONNECTION_DURATION, &LIFETIMES)?,
            resolution: histogram(registry, DNS_RESOLUTION_DURATION, buckets)?,
            rtt: histogram(registry, TCP_RTT, buckets)?,
            counted: VecDeque::new(),
        })
    }

    pub(super) fn observe(&mut self, event: &Event, opens: bool) {
        if let Some(duration) = event.connect_duration_ns.filter(|_| opens) {
            let transport = label::at(&TRANSPORTS, label::transport(event.transport));
            self.connect.with_label_values(&[transport]).observe(seconds(duration));
        }
        if event.name == EventName::ConnectionClose {
            observe(&self.connection, event.connection_duration_ns);
            observe(&self.rtt, event.rtt_ns);
        }
        if let Some(resolution) = classify::resolution(event).filter(|_| opens || classify::ends(event)) {
            self.observe_lookup(resolution);
        }
    }

    /// Makes observations visible to scrapes.
    pub(super) fn flush(&self) {
        self.connect.flush();
        self.connection.flush();
        self.resolution.flush();
        self.rtt.flush();
    }

    fn observe_lookup(&mut self, resolution: &Arc<Resolution>) {
        if self.counted.iter().any(|counted| counted == resolution) {
            return;
        }
        if self.counted.len() == CACHED_LOOKUPS {
            self.counted.pop_front();
        }
        self.counted.push_back(Arc::clone(resolution));
        self.resolution.observe(seconds(resolution.answered.since(resolution.asked)));
    }
}

fn observe(histogram: &LocalHistogram, nanoseconds: Option<u64>) {
    if let Some(nanoseconds) = nanoseconds {
        histogram.observe(seconds(nanoseconds));
    }
}

fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

fn options(info: MetricInfo, buckets: &[f64]) -> HistogramOpts {
    HistogramOpts::new(info.name, info.help).buckets(buckets.to_vec())
}

fn histogram(registry: &Registry, info: MetricInfo, buckets: &[f64]) -> Result<LocalHistogram, Error> {
    let histogram =
        Histogram::with_opts(options(info, buckets)).map_err(|source| Error { metric: info.name, source })?;
    register(registry, info, histogram.clone())?;
    Ok(histogram.local())
}
