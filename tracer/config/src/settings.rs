//! What a configuration means, once it is known to be right.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use egret_enforcer::baseline::{Bounds, Precision, Thresholds};
use egret_enforcer::mode::Limits;
use egret_exporters::{json, otlp, parquet, prometheus};

use crate::options::{Baseline, Capture, Control, Enforce, Names};

/// What the daemon does.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How connections are captured.
    pub capture: Capture,
    /// Host names; `None` gathers none.
    pub names: Option<Names>,
    /// Parquet files; `None` writes none.
    pub parquet: Option<parquet::Settings>,
    /// Spans; `None` sends none.
    pub otlp: Option<otlp::Settings>,
    /// Metrics; `None` serves none.
    pub metrics: Option<Metrics>,
    /// JSON lines; `None` writes none.
    pub json: Option<json::Settings>,
    /// The baseline; `None` learns none.
    pub baseline: Option<Baseline>,
    /// The name of this host, in the baseline and in the names of files.
    pub host: String,
    /// Holding the host to it; `None` cannot.
    pub enforce: Option<EnforceSettings>,
    /// The control socket.
    pub control: Control,
    /// Send spans about egret's own work, to the collector of `otlp`.
    pub own_spans: bool,
    /// How long sinks may take to send what they have when egret stops.
    pub drain_for: Duration,
    /// What the log shows, in the syntax of `tracing-subscriber`'s filters.
    pub log: String,
}

/// The file that names addresses that nobody asks for.
pub const HOSTS: &str = "/etc/hosts";

impl Names {
    /// The file of host names, if it is read.
    #[must_use]
    pub fn hosts_file(&self) -> Option<PathBuf> {
        self.hosts.then(|| HOSTS.into())
    }
}

/// Where metrics are served, and how they are bounded.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Their bounds.
    pub prometheus: prometheus::Settings,
}

impl Baseline {
    /// What learned rules say of processes.
    #[must_use]
    pub fn precision(&self) -> Precision {
        Precision { user: self.user, unit: self.unit, sha256: self.sha256, ..Precision::default() }
    }

    /// When several rules become one.
    #[must_use]
    pub const fn thresholds(&self) -> Thresholds {
        Thresholds { names: self.names, addresses: self.addresses, ports: self.ports }
    }

    /// How many rules learning may make.
    #[must_use]
    pub const fn bounds(&self) -> Bounds {
        Bounds { rules: self.rules, of_subject: self.rules_of_subject, of_user: self.rules_of_user }
    }
}

/// How the host is held to its baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct EnforceSettings {
    /// The section `enforce`; of queues there is one at least.
    pub options: Enforce,
    /// When to go back by itself; `None` for never.
    pub fallback: Option<Limits>,
    /// How long a connection may wait for an answer; `None` asks nobody.
    pub ask_hold: Option<Duration>,
}
