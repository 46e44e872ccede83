//! What a configuration means, once it is known to be right.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use egret_exporters::{json, otlp, parquet, prometheus};
use egret_model::Layer;

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
