//! The OpenMetrics text format, version 1.0.0
//! (<https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md>).
//!
//! It differs from Prometheus' own format: the families of counters have no `_total`, units are declared, bucket bounds always have
//! the form of floating-point numbers, and an end marker shows a reader that nothing is missing.

use std::fmt::Write as _;

use prometheus::proto::{Histogram, LabelPair, Metric, MetricFamily, MetricType};

use super::catalogue::{MetricInfo, catalogue};

/// The value of `Content-Type`.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(crate) fn encode(families: &[MetricFamily]) -> String {
    let mut out = String::new();
    for family in families {
        match catalogue().iter().find(|info| info.name == family.name()) {
            Some(info) => write_family(&mut out, info, family),
            None => tracing::debug!(metric = family.name(), "a metric is omitted because it is not in the catalogue"),
        }
    }
    out.push_str("# EOF\n");
    out
}

/// Here and below, results are ignored because writing to a `String` does not fail.
fn write_family(out: &mut String, info: &MetricInfo, family: &MetricFamily) {
    let name = info.family();
    let _ = writeln!(out, "# TYPE {name} {}", info.kind.as_str());
    if let Some(unit) = info.unit() {
        let _ = writeln!(out, "# UNIT {name} {unit}");
    }
    let _ = write!(out, "# HELP {name} ");
    escape(out, info.help);
    out.push('\n');
    for sample in family.get_metric() {
        match family.get_field_type() {
            MetricType::COUNTER => write_sample(out, info.name, "", sample, None, sample.get_counter().get_value()),
            MetricType::HISTOGRAM => write_histogram(out, name, sample, sample.get_histogram()),
            _ => write_sample(out, info.name, "", sample, None, sample.get_gauge().get_value()),
        }
    }
}

fn write_histogram(out: &mut String, name: &str, sample: &Metric, histogram: &Histogram) {
    for bucket in histogram.get_bucket() {
        let bound = format!("{:?}", bucket.upper_bound());
        write_sample(out, name, "_bucket", sample, Some(&bound), bucket.cumulative_count() as f64);
    }
    let count = histogram.get_sample_count() as f64;
    write_sample(out, name, "_bucket", sample, Some("+Inf"), count);
    write_sample(out, name, "_sum", sample, None, histogram.get_sample_sum());
    write_sample(out, name, "_count", sample, None, count);
}

fn write_sample(out: &mut String, name: &str, suffix: &str, sample: &Metric, bound: Option<&str>, value: f64) {
    out.push_str(name);
    out.push_str(suffix);
    let labels = sample.get_label().iter().map(|pair: &LabelPair| (pair.name(), pair.value()));
    let mut before = '{';
    for (label, value) in labels.chain(bound.map(|bound| ("le", bound))) {
        let _ = write!(out, "{before}{label}=\"");
        escape(out, value);
        out.push('"');
        before = ',';
    }
    out.push_str(if before == ',' { "} " } else { " " });
    let _ = writeln!(out, "{value}");
}

fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' => out.push_str("\\\""),
            other => out.push(other),
        }
    }
}
