//! How the OTLP sink is set up.

use std::path::PathBuf;
use std::time::Duration;

use egret_model::Arguments;

/// How the OTLP sink is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The collector: `http://` or `https://`, host and port. For [`Protocol::Http`] the full URL that traces are
    /// posted to, `/v1/traces` included.
    pub endpoint: String,
    /// Which of OTLP's transports.
    pub protocol: Protocol,
    /// Headers (gRPC metadata) sent with every request.
    pub headers: Vec<(String, String)>,
    /// Compress requests with gzip.
    pub gzip: bool,
    /// How long one request may take.
    pub timeout: Duration,
    /// How long a batch is tried again before it is dropped.
    pub retry_for: Duration,
    /// Certificates (PEM) to trust instead of the system's.
    pub certificate: Option<PathBuf>,
    /// What to show to a collector that asks who we are.
    pub client: Option<ClientIdentity>,
    /// Events that may wait.
    pub queue_events: usize,
    /// Arguments of programs in it.
    pub arguments: Arguments,
    /// Spans in one request at most.
    pub batch_spans: usize,
    /// How long spans may wait for a batch to fill up.
    pub batch_delay: Duration,
    /// `service.name`.
    pub service_name: String,
    /// Further resource attributes; they win over what egret finds out itself.
    pub resource: Vec<(String, String)>,
}

/// OTLP's transports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// gRPC.
    Grpc,
    /// Protobuf over HTTP.
    Http,
}

/// A client's certificate and its key, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The certificate.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}
