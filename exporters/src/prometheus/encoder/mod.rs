//! Encodes samples: families of metrics, and the exposition formats.

pub(crate) mod catalogue;
pub(crate) mod label;
pub(crate) mod openmetrics;

use egret_model::Timestamp;
use egret_model::snapshot::LatencyState;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};

use self::catalogue::{Kind, MetricInfo};

/// A metric with its samples.
pub(crate) struct Family {
    info: MetricInfo,
    samples: Vec<Metric>,
}

impl Family {
    pub(crate) const fn new(info: MetricInfo) -> Self {
        Self { info, samples: Vec::new() }
    }

    /// A metric without labels.
    pub(crate) fn single(info: MetricInfo, value: u64) -> Self {
        let mut family = Self::new(info);
        family.add(&[], value);
        family
    }

    /// A metric without labels; without a sample if there is no value.
    pub(crate) fn real(info: MetricInfo, value: Option<f64>) -> Self {
        let mut family = Self::new(info);
        value.into_iter().for_each(|value| family.add_real(&[], value));
        family
    }

    /// A histogram without labels.
    pub(crate) fn histogram(info: MetricInfo, latency: &LatencyState) -> Self {
        let bucket = |of: &egret_model::snapshot::Bucket| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(of.at_most_seconds);
            bucket.set_cumulative_count(of.count);
            bucket
        };
        let mut histogram = Histogram::default();
        histogram.set_bucket(latency.buckets.iter().map(bucket).collect());
        histogram.set_sample_count(latency.count);
        histogram.set_sample_sum(latency.sum_seconds);
        let mut sample = Metric::default();
        sample.set_histogram(histogram);
        Self { info, samples: vec![sample] }
    }

    /// A metric with one label, 1 for the values for which `holds` is true and 0 for the others.
    pub(crate) fn states<'a>(
        info: MetricInfo,
        values: impl IntoIterator<Item = &'a str>,
        holds: impl Fn(&str) -> bool,
    ) -> Self {
        let mut family = Self::new(info);
        values.into_iter().for_each(|value| family.add(&[value], u64::from(holds(value))));
        family
    }

    /// Adds a sample; `values` are the values of the labels, in their order.
    pub(crate) fn add(&mut self, values: &[&str], value: u64) {
        // Exact up to 2^53, like all values of Prometheus.
        self.add_real(values, value as f64);
    }

    pub(crate) fn add_real(&mut self, values: &[&str], value: f64) {
        let labels = self.info.labels.iter().zip(values).map(|(name, value)| pair(name, value)).collect();
        let mut sample = Metric::from_label(labels);
        if self.info.kind == Kind::Counter {
            let mut counter = Counter::default();
            counter.set_value(value);
            sample.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            sample.set_gauge(gauge);
        }
        self.samples.push(sample);
    }

    /// The input of the text encoders; `None` without samples.
    pub(crate) fn finish(self) -> Option<MetricFamily> {
        let mut family = MetricFamily::default();
        family.set_name(self.info.name.to_owned());
        family.set_help(self.info.help.to_owned());
        family.set_field_type(match self.info.kind {
            Kind::Counter => MetricType::COUNTER,
            Kind::Gauge => MetricType::GAUGE,
            Kind::Histogram => MetricType::HISTOGRAM,
        });
        let some = !self.samples.is_empty();
        family.set_metric(self.samples);
        some.then_some(family)
    }
}

fn pair(name: &str, value: &str) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

/// Unix time in seconds, the form of timestamps in Prometheus.
pub(crate) fn unix_seconds(time: Timestamp) -> f64 {
    time.0 as f64 / 1e9
}
