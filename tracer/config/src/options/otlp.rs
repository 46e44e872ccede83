//! The OTLP sink.

use egret_exporters::otlp::Protocol;
use egret_model::ArgumentsForm;

use super::section;
use crate::choice::Compression;
use crate::kind::{AbsolutePath, Attributes, Count, Flag, Headers, OneOf, Optional, Queue, Text, Texts, Time, Url};

section! {
    /// Spans, one trace for each connection, sent to an OpenTelemetry collector. Without an endpoint egret sends nothing.
    pub(crate) otlp: Otlp {
        /// Send spans if an endpoint is set.
        enabled: Flag = "true", Sink;

        /// The collector: `http://` or `https://`, host and port. With `http/protobuf`, `/v1/traces` is appended to its
        /// path.
        endpoint: Optional<Url> = unset "nothing is sent", example r#""http://localhost:4318""#, Sink;

        /// The full URL for spans, used unchanged instead of `otlp.endpoint`.
        traces_endpoint: Optional<Url> = unset "`otlp.endpoint`", example r#""https://collector.example/tenant/v1/traces""#, Sink;

        /// The OTLP transport. The default is that of the OpenTelemetry specification.
        protocol: OneOf<Protocol> = "http/protobuf", Sink;

        /// Use no TLS if the endpoint for `grpc` begins with neither `http://` nor `https://`.
        insecure: Flag = "false", Sink;

        /// Headers (gRPC metadata) of every request. They may be secrets and are never shown.
        headers: Headers = unset "none", example r#"{ x-tenant = "egret" }"#, Sink;

        /// A file with further headers, one `name: value` a line, which only root has to be able to read. They have
        /// precedence over `otlp.headers`. Empty lines and lines that begin with `#` are ignored.
        headers_file: Optional<AbsolutePath> = unset "none", example r#""/etc/egret/headers""#, Sink;

        /// How requests are compressed. Compression pays off if the collector is on another network.
        compression: OneOf<Compression> = "none", Sink;

        /// Time limit of one request.
        timeout: Time = "10s", Sink;

        /// How long a batch is retried before it is dropped. Meanwhile the queue fills up.
        retry_for: Time = "5m", Sink;

        /// Certificates (PEM) of the authorities to trust, instead of the system's.
        certificate: Optional<AbsolutePath> = unset "those of the system", example r#""/etc/egret/ca.pem""#, Sink;

        /// Client certificate (PEM) for mutual TLS. Needs `otlp.client_key`.
        client_certificate: Optional<AbsolutePath> = unset "none", example r#""/etc/egret/client.pem""#, Sink;

        /// Private key (PEM) of `otlp.client_certificate`.
        client_key: Optional<AbsolutePath> = unset "none", example r#""/etc/egret/client.key""#, Sink;

        /// Capacity of this sink's queue in events, about 350 bytes each. While it is full, events are dropped and counted.
        queue_events: Queue = "32768", Sink;

        /// Most spans in one request. A request always stays below 4 MiB, the limit of gRPC servers.
        batch_spans: Count<1, 65_536> = "2048", Sink;

        /// How long spans wait for a batch to fill up. With the default a quiet host sends at most one request a second.
        batch_delay: Time = "1s", Sink;

        /// `service.name` of the resource.
        service_name: Text = "egret", Sink;

        /// Further resource attributes. They have precedence over those that egret detects.
        resource: Attributes = unset "none", example r#"{ "deployment.environment.name" = "production" }"#, Sink;

        /// Also send spans about egret's own work, such as starting, reloading and finishing files, to the same collector.
        /// Sending spans makes no spans.
        own_spans: Flag = "false", Live;

        /// The form of command-line arguments that leave the host: `full`, `redacted` (passwords, tokens and inline program
        /// texts are replaced by `…`) or `none`.
        arguments: OneOf<ArgumentsForm> = "redacted", Sink;

        /// Further parts of names whose values are redacted, in options (`--badge-no 7`), variables and fields. Built in are
        /// `password`, `secret`, `token` and others.
        secret_names: Texts = unset "none", example r#"["badge"]"#, Sink;
    }
}
