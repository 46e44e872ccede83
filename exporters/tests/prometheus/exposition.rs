//! Both formats have the same samples, which match the catalogue.

use std::collections::BTreeMap;
use std::sync::Arc;

use egret_exporters::prometheus::{Format, Kind, Metrics, catalogue};
use egret_exporters::sink::DropReason;
use egret_model::{Degradation, Event, EventName, Loss, LossReason, LossStage, Verdict};
use proptest::prelude::*;

use crate::situation::{event, metrics, of, opened, samples, scrape, settings, snapshot, text};

/// An event for every metric that needs one.
fn full() -> Arc<Metrics> {
    let metrics = metrics(10, 10);
    let closed = Event { bytes_sent: Some(1), ..event(EventName::ConnectionClose, "/a") };
    let blocked = Event { verdict: Some(Verdict::Block), ..event(EventName::ConnectionFailed, "/a") };
    metrics.count(&[opened("/a"), closed, blocked]);
    metrics
}

/// The label names of each metric, as samples have them.
fn labels(samples: &BTreeMap<String, f64>) -> BTreeMap<&str, Vec<&str>> {
    samples
        .keys()
        .map(|series| {
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let names = labels.split("\",").filter_map(|label| label.split_once('=')).map(|(name, _)| name);
            (name, names.filter(|name| *name != "le").collect())
        })
        .collect()
}

#[test]
fn catalogue_matches_the_served_metrics() {
    let metrics = full();
    let text = text(&metrics);
    let shown = samples(&text);
    let labels = labels(&shown);
    for info in catalogue() {
        assert!(text.contains(&format!("# TYPE {} {}\n", info.name, info.kind.as_str())), "{info:?}");
        assert!(text.contains(&format!("# HELP {} {}\n", info.name, info.help)), "{info:?}");
        let sample = if info.kind == Kind::Histogram { format!("{}_sum", info.name) } else { info.name.to_owned() };
        let mut expected = info.labels.to_vec();
        let mut found = labels.get(&*sample).cloned().unwrap_or_else(|| panic!("no sample of {}", info.name));
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected, "{info:?}");
    }
    assert_eq!(text.matches("# TYPE ").count(), catalogue().len());
    assert_eq!(shown["egret_series"], shown.len() as f64);
}

#[test]
fn names_follow_the_conventions() {
    for info in catalogue() {
        assert!(info.name.starts_with("egret_") || info.name.starts_with("process_"), "{info:?}");
        assert_eq!(info.kind == Kind::Counter, info.name.ends_with("_total"), "{info:?}");
        assert!(info.unit().is_some() || info.kind != Kind::Histogram, "{info:?}");
        assert!(info.help.ends_with('.'), "{info:?}");
    }
}

#[test]
fn fixed_series_exist_at_zero() {
    let shown = scrape(&metrics(10, 10));
    let zeros = |metric| {
        let samples = of(&shown, metric);
        assert!(samples.values().all(|value| *value == 0.0), "{samples:?}");
        samples.len()
    };
    assert_eq!(zeros("egret_events_total"), 7);
    assert_eq!(zeros("egret_attribution_total"), 5);
    assert_eq!(zeros("egret_verdicts_total"), 21);
    assert_eq!(zeros("egret_verdict_attributions_total"), 5);
    assert_eq!(zeros("egret_queue_dropped_total"), 2);
    assert_eq!(shown["egret_verdict_duration_seconds_count"], 0.0);
    assert_eq!(zeros("egret_names_total"), 4);
    assert_eq!(zeros("egret_connections_closed_total"), 18);
    assert_eq!(zeros("egret_sink_dropped_total"), DropReason::ALL.len());
    assert_eq!(zeros("egret_degradation"), Degradation::ALL.len());
    assert!(zeros("egret_records_lost_total") > 0 && zeros("egret_records_incomplete_total") > 0);
    assert_eq!(zeros("egret_connect_duration_seconds_count"), 1);
    assert_eq!(shown["egret_tcp_rtt_seconds_count"], 0.0);
}

#[test]
fn state_of_egret_is_exposed() {
    let mut state = snapshot();
    let loss = Loss { stage: LossStage::FlowRing, reason: LossReason::RingFull, count: 7 };
    state.tally.captured = 10;
    state.tally.delivered = 3;
    state.tally.lost = vec![loss];
    state.degradations = vec![Degradation::NoBtf];
    state.sinks[0].account.enqueued = 5;
    state.sinks[0].account.queued = 2;
    let shown = samples(&metrics(1, 1).render(&state, Format::Text).unwrap());
    let value = |series: &str| shown[series];
    assert_eq!((value(r#"egret_mode{mode="observe"}"#), value(r#"egret_mode{mode="enforce"}"#)), (1.0, 0.0));
    assert_eq!(value(r#"egret_capture_layer{layer="sockets"}"#), 1.0);
    assert_eq!(value(r#"egret_degradation{degradation="no_btf"}"#), 1.0);
    assert_eq!((value("egret_records_captured_total"), value("egret_records_delivered_total")), (10.0, 3.0));
    assert_eq!(value(r#"egret_records_lost_total{stage="flow_ring",reason="ring_full"}"#), 7.0);
    assert_eq!(value(r#"egret_sink_enqueued_total{sink="parquet"}"#), 5.0);
    assert_eq!(value(r#"egret_sink_queue_events{sink="parquet"}"#), 2.0);
    assert_eq!(value(r#"egret_sink_queue_capacity_events{sink="parquet"}"#), 10.0);
}

#[test]
fn descending_buckets_are_an_error_with_the_metric() {
    let mut settings = settings(1, 1);
    settings.latency_buckets = vec![1.0, 0.5];
    assert!(Metrics::new(&settings).unwrap_err().to_string().contains("egret_connect_duration_seconds"));
}

#[test]
fn openmetrics_has_families_units_and_end_marker() {
    let text = full().render(&snapshot(), Format::OpenMetrics).unwrap();
    assert!(text.ends_with("\n# EOF\n"));
    assert!(text.contains("# TYPE egret_bytes counter\n# UNIT egret_bytes bytes\n# HELP egret_bytes "));
    assert!(text.contains("# UNIT egret_connect_duration_seconds seconds\n"));
    assert!(text.contains(r#"egret_connect_duration_seconds_bucket{transport="tcp",le="1.0"} 1"#));
    assert!(text.contains("\negret_bytes_total{"));
}

proptest! {
    /// Both formats have the same samples, whatever the names of programs are, and no name breaks out of its line.
    #[test]
    fn both_formats_have_the_same_samples(path in any::<String>()) {
        let metrics = metrics(10, 10);
        metrics.count(&[opened(&format!("/{path}"))]);
        let other = metrics.render(&snapshot(), Format::OpenMetrics).unwrap();
        let stable = |text: &str| {
            let mut samples = samples(&text.replace(".0\"}", "\"}"));
            samples.retain(|series, _| !series.starts_with("process_"));
            samples
        };
        prop_assert_eq!(stable(&text(&metrics)), stable(&other));
        let escaped = path.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let shown = text(&metrics);
        let whole = format!("executable=\"/{escaped}\"}} 1\n");
        prop_assert!(path.len() > 255 || shown.contains(&whole), "{}", shown);
    }
}
