//! Events, and what a scrape shows.

use std::collections::BTreeMap;
use std::sync::Arc;

use egret_exporters::prometheus::{Format, Metrics, Settings};
use egret_exporters::sink::{Account, SpoolState};
use egret_model::snapshot::{
    BaselineState, Bucket, ConnectionTable, EnforcementState, ExecutableFlows, Fallback, FallbackCount, LatencyState,
    NamesState, QueueState, SinkState, Snapshot,
};
use egret_model::{
    Attribution, ConnectionId, Endpoint, Event, EventName, Executable, Layer, Mode, Process, Tally, Timestamp,
    Transport,
};

pub(crate) fn settings(executables: usize, peers: usize) -> Settings {
    Settings { executables, peers, latency_buckets: vec![0.001, 0.01, 0.1, 1.0], queue_events: 1000 }
}

pub(crate) fn metrics(executables: usize, peers: usize) -> Arc<Metrics> {
    Metrics::new(&settings(executables, peers)).unwrap()
}

pub(crate) fn snapshot() -> Snapshot {
    Snapshot {
        open: Some(Arc::default()),
        mode: Mode::Observe,
        layer: Layer::Sockets,
        degradations: Vec::new(),
        tally: Tally::default(),
        sinks: vec![SinkState { name: "parquet", capacity: 10, account: Account::default(), spool: Some(spool()) }],
        names: Some(NamesState::default()),
        enforcement: Some(enforcement()),
        baseline: None,
    }
}

/// An empty spool.
fn spool() -> SpoolState {
    SpoolState::default()
}

/// The state of enforcement with all values, and all counts at zero.
pub(crate) fn enforcement() -> EnforcementState {
    let time = Timestamp(1_700_000_000_500_000_000);
    let buckets = [0.0001, 0.001].map(|at_most_seconds| Bucket { at_most_seconds, count: 0 });
    EnforcementState {
        mode: Mode::Observe,
        since: time,
        confirm_by: Some(time),
        last_fallback: Some(Fallback { reason: "block_spike", at: time }),
        fallbacks: vec![FallbackCount { reason: "block_spike", count: 0 }],
        latency: LatencyState { buckets: buckets.into(), ..LatencyState::default() },
        queues: vec![QueueState { number: 3, capacity: 1024, ..QueueState::default() }],
        connection_table: Some(ConnectionTable { entries: 12, limit: 1000 }),
        baseline: Some(baseline()),
        ..EnforcementState::default()
    }
}

fn baseline() -> BaselineState {
    BaselineState {
        flows: 10,
        novelty: Some(0.1),
        novelty_at_most: Some(0.5),
        last_saved: Some(Timestamp(1_700_000_000_000_000_000)),
        executables: vec![ExecutableFlows { executable: Some("/a".into()), flows: 10, once: 1 }],
        ..BaselineState::default()
    }
}

pub(crate) fn process(path: &str) -> Arc<Process> {
    let executable = Executable { path: Some(path.into()), ..Executable::default() };
    Arc::new(Process {
        pid: 1,
        start_time: None,
        parent_pid: None,
        executable: Arc::new(executable),
        uid: None,
        user: None,
        cgroup: None,
    })
}

/// An event of an outgoing TCP connection over IPv4.
pub(crate) fn event(name: EventName, path: &str) -> Event {
    Event {
        process: Some(process(path)),
        attribution: Attribution::Cookie,
        transport: Some(Transport::Tcp),
        peer: Endpoint { address: Some([192, 0, 2, 1].into()), port: Some(443), interface: None },
        ..Event::new(name, Timestamp(0), ConnectionId { socket: 1, opened: 2 }, Layer::Sockets)
    }
}

/// A completed connect.
pub(crate) fn opened(path: &str) -> Event {
    Event { connect_duration_ns: Some(5_000_000), ..event(EventName::ConnectionOpen, path) }
}

pub(crate) fn text(metrics: &Metrics) -> String {
    metrics.render(&snapshot(), Format::Text).unwrap()
}

/// Every sample of a scrape: `name{label="value",...}` and its value.
pub(crate) fn scrape(metrics: &Metrics) -> BTreeMap<String, f64> {
    samples(&text(metrics))
}

pub(crate) fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let mut samples = BTreeMap::new();
    for (series, value) in lines.map(|line| line.rsplit_once(' ').unwrap()) {
        let before = samples.insert(series.to_owned(), value.parse().unwrap());
        assert_eq!(before, None, "{series} is there twice");
    }
    samples
}

/// The samples of one metric.
pub(crate) fn of<'a>(scrape: &'a BTreeMap<String, f64>, metric: &str) -> BTreeMap<&'a str, f64> {
    let metric = format!("{metric}{{");
    let samples = scrape.iter().filter_map(|(series, value)| Some((series.strip_prefix(&metric)?, *value)));
    samples.map(|(labels, value)| (labels.strip_suffix('}').unwrap(), value)).collect()
}

/// The samples of one metric that are not zero.
pub(crate) fn some<'a>(scrape: &'a BTreeMap<String, f64>, metric: &str) -> Vec<(&'a str, f64)> {
    of(scrape, metric).into_iter().filter(|(_, value)| *value != 0.0).collect()
}
