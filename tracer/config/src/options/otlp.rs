//! Spans sent to a collector.

use egret_exporters::otlp::Protocol;
use egret_model::ArgumentsForm;

use super::section;
use crate::choice::Compression;
use crate::kind::{AbsolutePath, Attributes, Count, Flag, Headers, OneOf, Optional, Queue, Text, Texts, Time, Url};

section! {
    /// Spans, a trace for each connection, sent to an OpenTelemetry collector. Nothing is sent unless there is an
    /// endpoint: egret does not talk to the network uninvited.
    pub(crate) otlp: Otlp {
        /// Send spans if there is an endpoint.
        enabled: Flag = "true", Sink;

        /// The collector: `http://` or `https://`, host and port. With `http/protobuf`, `/v1/traces` is appended to its
        /// path.
        endpoint: Optional<Url> = unset "nothing is sent", example r#""http://localhost:4318""#, Sink;

        /// The full URL that spans go to, used as it is, in place of `otlp.endpoint`.
        traces_endpoint: Optional<Url> = unset "`otlp.endpoint`", example r#""https://collector.example/tenant/v1/traces""#, Sink;

        /// Which of OTLP's transports. The default is that of OpenTelemetry's specification.
        protocol: OneOf<Protocol> = "http/protobuf", Sink;

        /// Do without TLS where the endpoint of `grpc` has neither `http://` nor `https://` in front.
        insecure: Flag = "false", Sink;

        /// Headers (gRPC metadata) of every request. They may be secrets, and are shown nowhere.
        headers: Headers = unset "none", example r#"{ x-tenant = "egret" }"#, Sink;

        /// A file with further headers, `name: value` on each line, which only root need read; they win over
        /// `otlp.headers`. Empty lines and those that begin with `#` are left out.
        headers_file: Optional<AbsolutePath> = unset "none", example r#""/etc/egret/headers""#, Sink;

        /// How requests are compressed. Worth its work where the collector is not on this host or next to it.
        compression: OneOf<Compression> = "none", Sink;

        /// How long one request may take.
        timeout: Time = "10s", Sink;

        /// How long a batch is tried again before it is dropped. Meanwhile the queue fills up.
        retry_for: Time = "5m", Sink;

        /// Certificates (PEM) of the authorities to trust instead of the system's.
        certificate: Optional<AbsolutePath> = unset "those of the system", example r#""/etc/egret/ca.pem""#, Sink;

        /// Certificate (PEM) to show to a collector that asks who this is; goes with `otlp.client_key`.
        client_certificate: Optional<AbsolutePath> = unset "none", example r#""/etc/egret/client.pem""#, Sink;

        /// Private key (PEM) of `otlp.client_certificate`.
        client_key: Optional<AbsolutePath> = unset "none", example r#""/etc/egret/client.key""#, Sink;

        /// Events that may wait for this sink, about 350 bytes each; what comes while it is full is dropped and
        /// counted.
        queue_events: Queue = "32768", Sink;

        /// Spans in one request at most. Whatever this says, a request stays below the 4 MiB that gRPC servers take.
        batch_spans: Count<1, 65_536> = "2048", Sink;

        /// How long spans may wait for a batch to fill up. With it a quiet host sends one request a second at most.
        batch_delay: Time = "1s", Sink;

        /// `service.name` of the resource.
        service_name: Text = "egret", Sink;

        /// Further resource attributes; they win over what egret finds out itself.
        resource: Attributes = unset "none", example r#"{ "deployment.environment.name" = "production" }"#, Sink;

        /// Send spans about egret's own work too, such as loading, reloading and finishing files; never about sending
        /// spans. They go to the same collector, in the same way.
        own_spans: Flag = "false", Live;

        /// Which arguments of programs leave the host: `full`, `redacted` (passwords, tokens and the texts of inline
        /// programs are replaced by `…`) or `none`.
        arguments: OneOf<ArgumentsForm> = "redacted", Sink;

        /// Parts of names whose values are secrets too, of options (`--badge-no 7`), variables and fields, besides
        /// those that are always looked for (`password`, `secret`, `token`, ...).
        secret_names: Texts = unset "none", example r#"["badge"]"#, Sink;
    }
}
