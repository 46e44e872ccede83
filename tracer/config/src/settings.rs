//! The settings: a validated configuration.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use egret_enforcer::baseline::{Bounds, Precision, Thresholds};
use egret_enforcer::mode::Limits;
use egret_exporters::{json, otlp, parquet, prometheus};

use crate::options::{Baseline, Capture, Control, Enforce, Names};

/// The settings of the daemon.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub capture: Capture,
    /// `None` gathers no names.
    pub names: Option<Names>,
    /// `None` writes no Parquet files.
    pub parquet: Option<parquet::Settings>,
    /// `None` sends no spans.
    pub otlp: Option<otlp::Settings>,
    /// `None` serves no metrics.
    pub metrics: Option<Metrics>,
    /// `None` writes no JSON.
    pub json: Option<json::Settings>,
    /// `None` learns no baseline.
    pub baseline: Option<Baseline>,
    /// The name of this host in the baseline and in file names.
    pub host: String,
    /// `None` cannot enforce.
    pub enforce: Option<EnforceSettings>,
    pub control: Control,
    /// Send spans about egret's own work to the collector of `otlp`.
    pub own_spans: bool,
    /// How long sinks may take to drain when egret stops.
    pub drain_for: Duration,
    /// The filter of messages, in the syntax of `tracing-subscriber`.
    pub log: String,
}

/// The static table of host names.
pub const HOSTS: &str = "/etc/hosts";

impl Names {
    /// The table of host names, if `names.hosts` is set.
    #[must_use]
    pub fn hosts_file(&self) -> Option<PathBuf> {
        self.hosts.then(|| HOSTS.into())
    }
}

/// Where metrics are served, and their bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    pub listen: SocketAddr,
    pub prometheus: prometheus::Settings,
}

impl Baseline {
    /// Which attributes of a process learned rules contain.
    #[must_use]
    pub fn precision(&self) -> Precision {
        Precision { user: self.user, unit: self.unit, sha256: self.sha256, ..Precision::default() }
    }

    /// How many similar rules become one.
    #[must_use]
    pub const fn thresholds(&self) -> Thresholds {
        Thresholds { names: self.names, addresses: self.addresses, ports: self.ports }
    }

    /// The most rules that learning may make.
    #[must_use]
    pub const fn bounds(&self) -> Bounds {
        Bounds { rules: self.rules, of_subject: self.rules_of_subject, of_user: self.rules_of_user }
    }
}

/// The settings of enforcement.
#[derive(Clone, Debug, PartialEq)]
pub struct EnforceSettings {
    /// The section `enforce`, with at least one queue.
    pub options: Enforce,
    /// When to fall back to shadow; `None` for never.
    pub fallback: Option<Limits>,
    /// How long a connection may wait for an answer; `None` makes no questions.
    pub ask_hold: Option<Duration>,
}
