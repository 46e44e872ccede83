//! Looks at all values together: a pure function of what was typed and of what this host is.

mod enforce;
mod otlp;

use std::time::Duration;

use egret_exporters::{json, parquet, prometheus};
use egret_model::Layer;

use super::given::Origin;
use super::kinds::HostName;
use super::layer::Layered;
use super::problem::{Problem, Warning};
use super::settings::{Capture, Control, Metrics, Names, Settings};
use crate::args;

/// Longest path of a Unix socket that the kernel takes, without the zero at its end (unix(7)).
const LONGEST_SOCKET_PATH: usize = 107;

/// The group that may ask if it exists and no other was named.
const GROUP: &str = "egret";

/// What has to be known of a host.
#[derive(Clone, Debug)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) has_group: fn(&str) -> bool,
}

/// What there is to say.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Warning>,
}

impl Findings {
    /// `key` is wrong, together with others.
    fn wrong(&mut self, layered: &Layered, key: &'static str, reason: impl Into<String>) {
        let origin = layered.origin(key);
        self.problems.push(Problem::Value { origin, key: key.to_owned(), value: None, reason: reason.into() });
    }

    /// `key` may not do what it looks like.
    fn doubtful(&mut self, layered: &Layered, key: &'static str, reason: impl Into<String>) {
        self.doubtful_at(layered.origin(key), key, reason);
    }

    pub(super) fn doubtful_at(&mut self, origin: Origin, key: &'static str, reason: impl Into<String>) {
        self.warnings.push(Warning::Doubtful { origin, key, reason: reason.into() });
    }
}

/// What was meant. It holds only if `findings` has no problems afterwards.
pub(super) fn settings(layered: &Layered, host: &Host, findings: &mut Findings) -> Settings {
    let draft = &layered.draft;
    let settings = Settings {
        capture: capture(layered, findings),
        names: names(layered),
        parquet: parquet(layered, host, findings),
        otlp: otlp::settings(layered, findings),
        metrics: metrics(layered),
        json: json(layered),
        baseline: enforce::baseline(layered, host, findings),
        enforce: enforce::settings(layered, findings),
        control: control(layered, host, findings),
        own_spans: draft.otlp.own_spans,
        drain_for: draft.shutdown.drain_for,
        log: draft.log.filter.0.clone(),
    };
    Settings { own_spans: settings.own_spans && settings.otlp.is_some(), ..settings }
}

fn capture(layered: &Layered, findings: &mut Findings) -> Capture {
    let draft = &layered.draft.capture;
    let layer = match draft.layer {
        args::Capture::Auto => None,
        args::Capture::Only(layer) => Some(layer),
    };
    if draft.every_send && layer == Some(Layer::Procfs) {
        findings.wrong(
            layered,
            "capture.every_send",
            "cannot be used with capture.layer = \"procfs\", which sees no sends",
        );
    }
    Capture {
        layer,
        ring_bytes: draft.ring_size.0,
        every_send: draft.every_send,
        standing: draft.standing,
        totals_interval: draft.totals_interval.0,
        hash: draft.hash,
    }
}

fn names(layered: &Layered) -> Option<Names> {
    let draft = &layered.draft.names;
    let any = draft.enabled && (draft.dns || draft.sni || draft.hosts);
    any.then(|| Names {
        dns: draft.dns,
        sni: draft.sni,
        hosts: draft.hosts,
        addresses: draft.addresses.usize(),
        floor: draft.floor,
    })
}

fn parquet(layered: &Layered, host: &Host, findings: &mut Findings) -> Option<parquet::Settings> {
    let draft = &layered.draft.parquet;
    if draft.enabled && draft.keep_size.0.is_some_and(|keep| keep.0 < draft.rotate_size.0) {
        findings.wrong(layered, "parquet.keep_size", "expected room for one file at least, of parquet.rotate_size");
    }
    draft.enabled.then(|| parquet::Settings {
        destination: draft.destination.0.clone(),
        host: host_name(layered, host),
        rotate_after: draft.rotate_after,
        rotate_bytes: draft.rotate_size.0,
        row_group_rows: draft.row_group_rows.usize(),
        zstd_level: draft.zstd_level.0.cast_signed(),
        keep_for: draft.keep_for.0,
        keep_bytes: draft.keep_size.0.map(|size| size.0),
        queue_events: draft.queue_events.usize(),
    })
}

/// The name of this host in files.
fn host_name(layered: &Layered, host: &Host) -> String {
    layered.draft.parquet.host.clone().unwrap_or_else(|| HostName::like(&host.name)).0
}

fn metrics(layered: &Layered) -> Option<Metrics> {
    let draft = &layered.draft.metrics;
    draft.enabled.then(|| Metrics {
        listen: draft.listen.0,
        prometheus: prometheus::Settings {
            executables: draft.executables.usize(),
            peers: draft.peers.usize(),
            latency_buckets: draft.latency_buckets.0.iter().map(Duration::as_secs_f64).collect(),
            queue_events: draft.queue_events.usize(),
        },
    })
}

fn json(layered: &Layered) -> Option<json::Settings> {
    let draft = &layered.draft.json;
    draft.enabled.then(|| json::Settings {
        destination: draft.destination.0.clone(),
        updates: draft.updates,
        queue_events: draft.queue_events.usize(),
    })
}

fn control(layered: &Layered, host: &Host, findings: &mut Findings) -> Control {
    let draft = &layered.draft.control;
    if draft.socket.0.as_os_str().len() > LONGEST_SOCKET_PATH {
        let reason =
            format!("expected a path of at most {LONGEST_SOCKET_PATH} bytes, which is all that a socket's can have");
        findings.wrong(layered, "control.socket", reason);
    }
    let group = match &draft.group {
        Some(group) => {
            if !(host.has_group)(&group.0) {
                findings.doubtful(layered, "control.group", format!("this host has no group {:?}", group.0));
            }
            Some(group.0.clone())
        }
        None => (host.has_group)(GROUP).then(|| GROUP.to_owned()),
    };
    Control { socket: draft.socket.0.clone(), group }
}
