//! Metrics that are put together at the scrape.

use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};

use super::catalogue::{Kind, MetricInfo};
use super::count::Count;
use crate::snapshot::LatencyState;

/// A metric with its samples.
pub(super) struct Family {
    info: MetricInfo,
    samples: Vec<Metric>,
}

impl Family {
    pub(super) const fn new(info: MetricInfo) -> Self {
        Self { info, samples: Vec::new() }
    }

    /// A metric without labels.
    pub(super) fn single(info: MetricInfo, value: u64) -> Self {
        let mut family = Self::new(info);
        family.add(&[], value);
        family
    }

    /// A metric without labels, of any number; without a sample if there is none.
    pub(super) fn real(info: MetricInfo, value: Option<f64>) -> Self {
        let mut family = Self::new(info);
        value.into_iter().for_each(|value| family.add_real(&[], value));
        family
    }

    /// A histogram without labels.
    pub(super) fn histogram(info: MetricInfo, latency: &LatencyState) -> Self {
        let bucket = |of: &crate::snapshot::Bucket| {
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

    /// A metric with one label that is 1 for the values that `holds`, and 0 for the others.
    pub(super) fn states<'a>(
        info: MetricInfo,
        values: impl IntoIterator<Item = &'a str>,
        holds: impl Fn(&str) -> bool,
    ) -> Self {
        let mut family = Self::new(info);
        values.into_iter().for_each(|value| family.add(&[value], u64::from(holds(value))));
        family
    }

    /// Adds a sample; `values` are those of the labels, in their order.
    pub(super) fn add(&mut self, values: &[&str], value: u64) {
        // Exact up to 2^53, as all values of Prometheus are.
        self.add_real(values, value as f64);
    }

    /// Adds a sample that is any number.
    pub(super) fn add_real(&mut self, values: &[&str], value: f64) {
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

    /// Adds a count, unless there never was anything to count.
    pub(super) fn shown(&mut self, values: &[&str], count: &mut Count) {
        let value = count.show();
        if value != 0 {
            self.add(values, value);
        }
    }

    /// As the encoders take it; `None` if there is no sample.
    pub(super) fn finish(self) -> Option<MetricFamily> {
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
