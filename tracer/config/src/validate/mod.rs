//! Validates all values together: a pure function of the merged configuration and of facts about this host.

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

/// Longest path of a Unix socket, without the terminating NUL (unix(7)).
const LONGEST_SOCKET_PATH: usize = 107;

/// Default of `control.group`, if this group exists.
const GROUP: &str = "egret";

/// Facts about this host.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) name: String,
    /// Whether an account exists; `None` if the name service does not answer.
    pub(crate) has_account: fn(Account, &str) -> Option<bool>,
    /// Candidates for suggestions.
    pub(crate) account_names: fn(Account) -> Vec<String>,
}

/// Makes the settings. They are valid only if `diagnostics` has no problems afterwards.
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
        diagnostics.error(merged, "capture.every_send", reason);
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
    let least = "expected at least parquet.rotate_size, the size of one file";
    if config.enabled && config.keep_size.is_some_and(|keep| keep < config.rotate_size) {
        diagnostics.error(merged, "parquet.keep_size", least);
    }
    if config.enabled && config.spool_size < config.rotate_size {
        diagnostics.error(merged, "parquet.spool_size", least);
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
    let has_group = |group: &str| (host.has_account)(Account::Group, group) == Some(true);
    let Control { socket, group } = merged.config.control.clone();
    if socket.as_os_str().len() > LONGEST_SOCKET_PATH {
        let reason = format!("expected a path of at most {LONGEST_SOCKET_PATH} bytes, the limit of a socket's path");
        diagnostics.error(merged, "control.socket", reason);
    }
    if let Some(group) = group.as_ref().filter(|group| !has_group(group)) {
        diagnostics.warn(merged, "control.group", format!("this host has no group {group:?}"));
    }
    let group = group.or_else(|| has_group(GROUP).then(|| GROUP.to_owned()));
    Control { socket, group }
}
