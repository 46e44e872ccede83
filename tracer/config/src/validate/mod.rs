//! Looks at all values together: a pure function of the merged configuration and of what this host is.

mod enforce;
mod otlp;

use std::time::Duration;

use egret_exporters::{json, parquet, prometheus};
use egret_model::{Arguments, ArgumentsForm, Layer};

use crate::accounts::Account;
use crate::diagnostics::Diagnostics;
use crate::kind::host_name_like;
use crate::merged::MergedConfig;
use crate::options::{Capture, Control, Names};
use crate::settings::{Metrics, Settings};

/// Longest path of a Unix socket that the kernel takes, without the zero at its end (unix(7)).
const LONGEST_SOCKET_PATH: usize = 107;

/// The group that may ask if it exists and no other was named.
const GROUP: &str = "egret";

/// What has to be known of a host.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) name: String,
    /// Whether it has an account of this name, if that can be told.
    pub(crate) has: fn(Account, &str) -> Option<bool>,
    /// Names of accounts that may have been meant.
    pub(crate) names: fn(Account) -> Vec<String>,
}

/// What the configuration means. It holds only if `diagnostics` has no problems afterwards.
pub(crate) fn settings(merged: &MergedConfig, host: &Host, diagnostics: &mut Diagnostics) -> Settings {
    let config = &merged.config;
    let settings = Settings {
        capture: capture(merged, diagnostics),
        names: names(merged),
        parquet: parquet(merged, host, diagnostics),
        otlp: otlp::settings(merged, diagnostics),
        metrics: metrics(merged),
        json: json(merged),
        host: host_name(merged, host),
        baseline: enforce::baseline(merged, diagnostics),
        enforce: enforce::settings(merged, host, diagnostics),
        control: control(merged, host, diagnostics),
        own_spans: config.otlp.own_spans,
        drain_for: config.shutdown.drain_for,
        log: config.log.filter.clone(),
    };
    Settings { own_spans: settings.own_spans && settings.otlp.is_some(), ..settings }
}

fn capture(merged: &MergedConfig, diagnostics: &mut Diagnostics) -> Capture {
    let capture = &merged.config.capture;
    if capture.every_send && capture.layer == Some(Layer::Procfs) {
        let reason = "cannot be used with capture.layer = \"procfs\", which sees no sends";
        diagnostics.wrong(merged, "capture.every_send", reason);
    }
    capture.clone()
}

fn names(merged: &MergedConfig) -> Option<Names> {
    let names = &merged.config.names;
    let any = names.enabled && (names.dns || names.sni || names.hosts);
    any.then(|| names.clone())
}

fn parquet(merged: &MergedConfig, host: &Host, diagnostics: &mut Diagnostics) -> Option<parquet::Settings> {
    let config = &merged.config.parquet;
    let room = "expected room for one file at least, of parquet.rotate_size";
    if config.enabled && config.keep_size.is_some_and(|keep| keep < config.rotate_size) {
        diagnostics.wrong(merged, "parquet.keep_size", room);
    }
    if config.enabled && config.spool_size < config.rotate_size {
        diagnostics.wrong(merged, "parquet.spool_size", room);
    }
    config.enabled.then(|| parquet::Settings {
        destination: config.destination.clone(),
        host: host_name(merged, host),
        rotate_after: config.rotate_after,
        rotate_bytes: config.rotate_size,
        row_group_rows: config.row_group_rows,
        zstd_level: config.zstd_level,
        keep_for: config.keep_for,
        gap_percent: config.keep_gap,
        keep_bytes: config.keep_size,
        spool: parquet::Spool {
            directory: config.spool.clone(),
            keep_for: config.spool_keep_for,
            keep_bytes: config.spool_size,
        },
        queue_events: config.queue_events,
        arguments: arguments(config.arguments, &config.secret_names),
    })
}

fn arguments(form: ArgumentsForm, secret_names: &[String]) -> Arguments {
    Arguments { form, keys: secret_names.into() }
}

/// The name of this host in files.
fn host_name(merged: &MergedConfig, host: &Host) -> String {
    merged.config.parquet.host.clone().unwrap_or_else(|| host_name_like(&host.name))
}

fn metrics(merged: &MergedConfig) -> Option<Metrics> {
    let config = &merged.config.metrics;
    config.enabled.then(|| Metrics {
        listen: config.listen.0,
        prometheus: prometheus::Settings {
            executables: config.executables,
            peers: config.peers,
            latency_buckets: config.latency_buckets.iter().map(Duration::as_secs_f64).collect(),
            queue_events: config.queue_events,
        },
    })
}

fn json(merged: &MergedConfig) -> Option<json::Settings> {
    let config = &merged.config.json;
    config.enabled.then(|| json::Settings {
        destination: config.destination.clone(),
        updates: config.updates,
        queue_events: config.queue_events,
        arguments: arguments(config.arguments, &config.secret_names),
    })
}

fn control(merged: &MergedConfig, host: &Host, diagnostics: &mut Diagnostics) -> Control {
    let has_group = |group: &str| (host.has)(Account::Group, group) == Some(true);
    let Control { socket, group } = merged.config.control.clone();
    if socket.as_os_str().len() > LONGEST_SOCKET_PATH {
        let reason =
            format!("expected a path of at most {LONGEST_SOCKET_PATH} bytes, which is all that a socket's can have");
        diagnostics.wrong(merged, "control.socket", reason);
    }
    if let Some(group) = group.as_ref().filter(|group| !has_group(group)) {
        diagnostics.doubtful(merged, "control.group", format!("this host has no group {group:?}"));
    }
    let group = group.or_else(|| has_group(GROUP).then(|| GROUP.to_owned()));
    Control { socket, group }
}
