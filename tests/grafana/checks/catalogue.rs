//! Compares the metrics in dashboards, alerts and pages with those that egret serves.

use std::collections::BTreeSet;

use egret_exporters::prometheus::{Kind, catalogue};

use super::promql::names;
use crate::substitution::substituted;

/// Labels that Prometheus adds.
const OF_PROMETHEUS: [&str; 2] = ["instance", "job"];

/// The labels of the metric of this name; `None` if egret does not serve it.
pub(super) fn labels(name: &str) -> Option<BTreeSet<&'static str>> {
    if name == "up" {
        return Some(OF_PROMETHEUS.into());
    }
    catalogue().iter().find_map(|metric| {
        let rest = name.strip_prefix(metric.name)?;
        let more: &[&str] = match (metric.kind, rest) {
            (Kind::Histogram, "_bucket") => &["le"],
            (Kind::Histogram, "_sum" | "_count") => &[],
            (Kind::Counter | Kind::Gauge, "") => &[],
            _ => return None,
        };
        Some(metric.labels.iter().chain(more).copied().chain(OF_PROMETHEUS).collect())
    })
}

/// Problems of an expression, and of labels used on its result.
pub(super) fn problems(expression: &str, used: &[String]) -> Vec<String> {
    let names = names(&substituted(expression));
    let mut problems = Vec::new();
    let mut known = BTreeSet::new();
    for (metric, selected) in &names.selected {
        let Some(labels) = labels(metric) else {
            problems.push(format!("egret serves no {metric}"));
            continue;
        };
        let unknown = selected.iter().filter(|label| !labels.contains(label.as_str()));
        problems.extend(unknown.map(|label| format!("{metric} has no label {label}")));
        known.extend(labels);
    }
    let unknown = names.grouped.iter().chain(used).filter(|label| !known.contains(label.as_str()));
    problems.extend(unknown.map(|label| format!("no metric here has a label {label}")));
    if names.selected.is_empty() {
        problems.push("no metric".to_owned());
    }
    problems
}

/// Words between marks in a text, as `{{executable}}` or `$labels.executable`.
pub(super) fn between(text: &str, before: &str, after: &[char]) -> Vec<String> {
    let parts = text.split(before).skip(1);
    parts.map(|part| part.split(after).next().unwrap_or_default().trim().to_owned()).collect()
}
