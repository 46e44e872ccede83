//! What a configuration means, once it is known to be right.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use egret_enforcer::Mode;
use egret_enforcer::baseline::{Precision, Thresholds};
use egret_enforcer::mode::Limits;
use egret_exporters::{json, otlp, parquet, prometheus};
use egret_model::Layer;

use super::kinds::{Action, Backend, Loopback, OnFailure, Unattributed};

/// Everything that the daemon can be told.
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
    /// Holding the host to it; `None` cannot.
    pub enforce: Option<Enforce>,
    /// The control socket.
    pub control: Control,
    /// Send spans about egret's own work, to the collector of `otlp`.
    pub own_spans: bool,
    /// How long sinks may take to send what they have when egret stops.
    pub drain_for: Duration,
    /// What the log shows, in the syntax of `tracing-subscriber`'s filters.
    pub log: String,
}

/// How connections are captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// The layer asked for; `None` for the best that works.
    pub layer: Option<Layer>,
    /// Bytes of the ring between kernel and egret: a power of two, at least a page.
    pub ring_bytes: u32,
    /// A record for every send.
    pub every_send: bool,
    /// Record the connections that stood before the start.
    pub standing: bool,
    /// Report the totals of open connections this often; `None` for at their end alone.
    pub totals_interval: Option<Duration>,
    /// Compute digests of executables.
    pub hash: bool,
}

/// How host names are gathered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Read DNS messages.
    pub dns: bool,
    /// Read TLS server names.
    pub sni: bool,
    /// Read `/etc/hosts`.
    pub hosts: bool,
    /// Addresses remembered at most.
    pub addresses: usize,
    /// A name is remembered at least this long, however short its TTL.
    pub floor: Duration,
}

/// Where metrics are served, and how they are bounded.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Their bounds.
    pub prometheus: prometheus::Settings,
}

/// The control socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Its path.
    pub socket: PathBuf,
    /// Members of this group may ask, besides root and the user that egret runs as; `None` for nobody else.
    pub group: Option<String>,
}

/// How a baseline is learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// The file.
    pub file: PathBuf,
    /// The name of this host in it; the same as that of the Parquet log's files.
    pub host: String,
    /// How often it is written if something was learned.
    pub save_every: Duration,
    /// What learned rules say of processes.
    pub precision: Precision,
    /// When several rules become one.
    pub thresholds: Thresholds,
    /// Events that may wait to be learned.
    pub queue_events: usize,
}

/// How the host is held to its baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enforce {
    /// The mode to begin with.
    pub mode: Mode,
    /// Where the mode is kept.
    pub state: PathBuf,
    /// What can be changed while it is done.
    pub live: EnforceLive,
    /// Which firewall.
    pub backend: Backend,
    /// Number of the first queue.
    pub first_queue: u16,
    /// Queues that packets are spread over, one at least.
    pub queues: u16,
    /// Packets that may wait in each.
    pub queue_length: u32,
    /// Bits of marks.
    pub mark_mask: u32,
}

/// What can be changed while the host is held to its baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnforceLive {
    /// What holds while egret cannot judge.
    pub on_failure: OnFailure,
    /// How connections are blocked.
    pub action: Action,
    /// What becomes of connections whose process is not known.
    pub unattributed: Unattributed,
    /// What becomes of connections within this host.
    pub loopback: Loopback,
    /// Judge connections that stood before.
    pub established: bool,
    /// Always let through what a host cannot live without.
    pub protect: bool,
    /// Users that are not judged, by name or number.
    pub bypass_users: Vec<String>,
    /// Groups that are not judged, by name or number.
    pub bypass_groups: Vec<String>,
    /// Control groups that are not judged.
    pub bypass_cgroups: Vec<String>,
    /// When to go back by itself; `None` for never.
    pub fallback: Option<Limits>,
    /// How long a connection may wait for an answer; `None` asks nobody.
    pub ask_hold: Option<Duration>,
}
