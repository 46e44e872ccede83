//! Spans sent to a collector.

use super::Fallback::{Unset, Value};
use super::Reload::{Live, Sink};
use super::{Section, option};

pub(super) const SECTION: Section = Section {
    name: "otlp",
    about: "Spans, a trace for each connection, sent to an OpenTelemetry collector. Nothing is sent unless there is an \
            endpoint: egret does not talk to the network uninvited.",
    options: &[
        option!(otlp.enabled, Value("true"), Sink, "Send spans if there is an endpoint."),
        option!(
            otlp.endpoint,
            Unset { means: "nothing is sent", example: "\"http://localhost:4318\"" },
            Sink,
            "The collector: `http://` or `https://`, host and port. With `http/protobuf`, `/v1/traces` is appended to its path."
        ),
        option!(
            otlp.traces_endpoint,
            Unset { means: "`otlp.endpoint`", example: "\"https://collector.example/tenant/v1/traces\"" },
            Sink,
            "The full URL that spans go to, used as it is, in place of `otlp.endpoint`."
        ),
        option!(
            otlp.protocol,
            Value("http/protobuf"),
            Sink,
            "Which of OTLP's transports. The default is that of OpenTelemetry's specification."
        ),
        option!(
            otlp.insecure,
            Value("false"),
            Sink,
            "Do without TLS where the endpoint of `grpc` has neither `http://` nor `https://` in front."
        ),
        option!(
            otlp.headers,
            Unset { means: "none", example: "{ x-tenant = \"egret\" }" },
            Sink,
            "Headers (gRPC metadata) of every request. They may be secrets, and are shown nowhere."
        ),
        option!(
            otlp.headers_file,
            Unset { means: "none", example: "\"/etc/egret/headers\"" },
            Sink,
            "A file with further headers, `name: value` on each line, which only root need read; they win over \
             `otlp.headers`. Empty lines and those that begin with `#` are left out."
        ),
        option!(
            otlp.compression,
            Value("none"),
            Sink,
            "How requests are compressed. Worth its work where the collector is not on this host or next to it."
        ),
        option!(otlp.timeout, Value("10s"), Sink, "How long one request may take."),
        option!(
            otlp.retry_for,
            Value("5m"),
            Sink,
            "How long a batch is tried again before it is dropped. Meanwhile the queue fills up."
        ),
        option!(
            otlp.certificate,
            Unset { means: "those of the system", example: "\"/etc/egret/ca.pem\"" },
            Sink,
            "Certificates (PEM) of the authorities to trust instead of the system's."
        ),
        option!(
            otlp.client_certificate,
            Unset { means: "none", example: "\"/etc/egret/client.pem\"" },
            Sink,
            "Certificate (PEM) to show to a collector that asks who this is; goes with `otlp.client_key`."
        ),
        option!(
            otlp.client_key,
            Unset { means: "none", example: "\"/etc/egret/client.key\"" },
            Sink,
            "Private key (PEM) of `otlp.client_certificate`."
        ),
        option!(
            otlp.queue_events,
            Value("32768"),
            Sink,
            "Events that may wait for this sink, about 350 bytes each; what comes while it is full is dropped and counted."
        ),
        option!(
            otlp.batch_spans,
            Value("2048"),
            Sink,
            "Spans in one request at most. Whatever this says, a request stays below the 4 MiB that gRPC servers take."
        ),
        option!(
            otlp.batch_delay,
            Value("1s"),
            Sink,
            "How long spans may wait for a batch to fill up. With it a quiet host sends one request a second at most."
        ),
        option!(otlp.service_name, Value("egret"), Sink, "`service.name` of the resource."),
        option!(
            otlp.resource,
            Unset { means: "none", example: "{ \"deployment.environment.name\" = \"production\" }" },
            Sink,
            "Further resource attributes; they win over what egret finds out itself."
        ),
        option!(
            otlp.own_spans,
            Value("false"),
            Live,
            "Send spans about egret's own work too, such as loading, reloading and finishing files; never about sending \
             spans. They go to the same collector, in the same way."
        ),
        option!(
            otlp.arguments,
            Value("redacted"),
            Sink,
            "Which arguments of programs leave the host: `full`, `redacted` (passwords, tokens and the texts of inline \
             programs are replaced by `…`) or `none`."
        ),
        option!(
            otlp.secret_names,
            Unset { means: "none", example: "[\"badge\"]" },
            Sink,
            "Parts of names whose values are secrets too, of options (`--badge-no 7`), variables and fields, besides those that \
             are always looked for (`password`, `secret`, `token`, ...)."
        ),
    ],
};
