//! Histograms.

use std::collections::VecDeque;
use std::sync::Arc;

use egret_model::{Event, EventName, Resolution};
use prometheus::local::{LocalHistogram, LocalHistogramVec};
use prometheus::{Histogram, HistogramOpts, HistogramVec, Registry};

use super::catalogue::{CONNECT_DURATION, CONNECTION_DURATION, DNS_RESOLUTION_DURATION, MetricInfo, TCP_RTT};
use super::error::Error;
use super::fixed::register;
use super::label::{self, TRANSPORTS};
use super::meaning;

/// Upper bounds for how long connections last, seconds: from a request to a day.
const LIFETIMES: [f64; 12] = [0.001, 0.01, 0.1, 1.0, 10.0, 60.0, 300.0, 1_800.0, 3_600.0, 14_400.0, 43_200.0, 86_400.0];

/// Look-ups remembered, so that one that led to several connections is counted once. They are shared with the table
/// of names; 64 are 5 KiB if they are not.
const LOOK_UPS: usize = 64;

/// The histograms. Observations are kept here until [`Latencies::flush`].
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
        // There from the start; and where buckets are not as they should be, this is an error, and later a panic.
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

    /// Takes what an event tells.
    pub(super) fn observe(&mut self, event: &Event, opens: bool) {
        if let Some(lasted) = event.connect_duration_ns.filter(|_| opens) {
            let transport = label::at(&TRANSPORTS, label::transport(event.transport));
            self.connect.with_label_values(&[transport]).observe(seconds(lasted));
        }
        if event.name == EventName::ConnectionClose {
            observe(&self.connection, event.connection_duration_ns);
            observe(&self.rtt, event.rtt_ns);
        }
        if let Some(resolution) = meaning::resolution(event).filter(|_| opens || meaning::ends(event)) {
            self.looked_up(resolution);
        }
    }

    /// Makes the observations visible to scrapes.
    pub(super) fn flush(&self) {
        self.connect.flush();
        self.connection.flush();
        self.resolution.flush();
        self.rtt.flush();
    }

    fn looked_up(&mut self, resolution: &Arc<Resolution>) {
        if self.counted.iter().any(|counted| counted == resolution) {
            return;
        }
        if self.counted.len() == LOOK_UPS {
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
