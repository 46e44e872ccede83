//! The configuration of the OTLP sink.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use egret_model::Arguments;

/// The configuration of the OTLP sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The collector: `http://` or `https://`, host and port. For [`Protocol::Http`] the full URL that traces are
    /// posted to, `/v1/traces` included.
    pub endpoint: String,
    pub protocol: Protocol,
    /// Headers (gRPC metadata) of every request.
    pub headers: Vec<(String, String)>,
    /// Compress requests with gzip.
    pub gzip: bool,
    /// Timeout of a request.
    pub timeout: Duration,
    /// For how long a request is retried before its events are dropped.
    pub retry_for: Duration,
    /// Certificates (PEM) to trust instead of the system's.
    pub certificate: Option<PathBuf>,
    /// The identity for a collector that authenticates its clients by TLS.
    pub client: Option<ClientIdentity>,
    /// Capacity of the queue.
    pub queue_events: usize,
    /// The form in which program arguments are sent.
    pub arguments: Arguments,
    /// Maximum number of spans in a request.
    pub batch_spans: usize,
    /// For how long spans wait until a batch is full.
    pub batch_delay: Duration,
    /// `service.name`.
    pub service_name: String,
    /// Further resource attributes; they override those that egret detects.
    pub resource: Vec<(String, String)>,
}

/// The transport of OTLP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    Grpc,
    /// Protobuf over HTTP.
    #[default]
    Http,
}

/// The certificate of a client and its key, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Why the sink cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the collector's address {endpoint:?} cannot be used")]
    Endpoint { endpoint: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// The value of the header may be a secret and is not shown.
    #[error("the header {name:?} cannot be sent")]
    Header { name: String, source: http::Error },
    #[error("cannot read {path}")]
    File { path: PathBuf, source: io::Error },
    #[error("TLS to {endpoint} cannot be set up with {}", .files.join(", "))]
    Tls {
        endpoint: String,
        /// The files that were read.
        files: Vec<String>,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
