//! Where spans are sent, and how.

use axum::http::Uri;
use egret_exporters::otlp::{self, ClientIdentity, Settings};

use super::Findings;
use crate::config::given::Origin;
use crate::config::kinds::{Compression, Protocol};
use crate::config::layer::Layered;
use crate::config::options;

/// What is appended to the path of an endpoint for traces.
const TRACES: &str = "/v1/traces";

/// The usual ports of OTLP's transports.
const GRPC_PORT: u16 = 4317;
const HTTP_PORT: u16 = 4318;

pub(super) fn settings(layered: &Layered, findings: &mut Findings) -> Option<Settings> {
    let draft = &layered.draft.otlp;
    let client = client(layered, findings);
    if !draft.enabled {
        return None;
    }
    let Some(endpoint) = endpoint(layered, findings) else {
        doubt_without_endpoint(layered, findings);
        return None;
    };
    doubt_without_tls(&endpoint, layered, findings);
    Some(Settings {
        endpoint,
        protocol: match draft.protocol {
            Protocol::Grpc => otlp::Protocol::Grpc,
            Protocol::Http => otlp::Protocol::Http,
        },
        headers: draft.headers.0.clone(),
        gzip: draft.compression == Compression::Gzip,
        timeout: draft.timeout,
        retry_for: draft.retry_for,
        certificate: draft.certificate.clone().map(|path| path.0),
        client,
        queue_events: draft.queue_events.usize(),
        arguments: super::arguments(draft.arguments, &draft.secret_names),
        batch_spans: draft.batch_spans.usize(),
        batch_delay: draft.batch_delay,
        service_name: draft.service_name.0.clone(),
        resource: draft.resource.0.clone(),
    })
}

/// The endpoint as the sink wants it: with its scheme, and for HTTP with its path.
fn endpoint(layered: &Layered, findings: &mut Findings) -> Option<String> {
    let draft = &layered.draft.otlp;
    let (key, url) = match (&draft.traces_endpoint, &draft.endpoint) {
        (Some(exact), _) => ("otlp.traces_endpoint", exact),
        (None, Some(base)) => ("otlp.endpoint", base),
        (None, None) => return None,
    };
    let uri: Uri = url.0.parse().ok()?;
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        findings.wrong(
            layered,
            key,
            "expected no user in a URL; credentials go into otlp.headers or otlp.headers_file",
        );
    }
    let usual = if draft.protocol == Protocol::Http { GRPC_PORT } else { HTTP_PORT };
    if uri.port_u16() == Some(usual) {
        let reason = format!("{usual} is the usual port of the other transport, see otlp.protocol");
        findings.doubtful(layered, key, reason);
    }
    match draft.protocol {
        Protocol::Grpc => Some(target(&uri, key, layered, findings)),
        Protocol::Http if uri.scheme().is_none() => {
            findings.wrong(layered, key, "expected http:// or https:// in front");
            None
        }
        Protocol::Http if key == "otlp.endpoint" => Some(with_path(&url.0)),
        Protocol::Http => Some(url.0.clone()),
    }
}

/// Scheme, host and port: what gRPC takes. The path of each request is the method's.
fn target(uri: &Uri, key: &'static str, layered: &Layered, findings: &mut Findings) -> String {
    let insecure = if layered.draft.otlp.insecure { "http" } else { "https" };
    if !matches!(uri.path(), "" | "/") {
        findings.doubtful(layered, key, "gRPC has no use for the path");
    }
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    format!("{}://{authority}", uri.scheme_str().unwrap_or(insecure))
}

fn with_path(url: &str) -> String {
    let (base, query) = url.split_once('?').map_or((url, None), |(base, query)| (base, Some(query)));
    let url = format!("{}{TRACES}", base.trim_end_matches('/'));
    query.map_or_else(|| url.clone(), |query| format!("{url}?{query}"))
}

fn client(layered: &Layered, findings: &mut Findings) -> Option<ClientIdentity> {
    let draft = &layered.draft.otlp;
    match (draft.client_certificate.clone(), draft.client_key.clone()) {
        (Some(certificate), Some(key)) => Some(ClientIdentity { certificate: certificate.0, key: key.0 }),
        (Some(_), None) => {
            findings.wrong(layered, "otlp.client_certificate", "expected otlp.client_key with it");
            None
        }
        (None, Some(_)) => {
            findings.wrong(layered, "otlp.client_key", "expected otlp.client_certificate with it");
            None
        }
        (None, None) => None,
    }
}

fn doubt_without_endpoint(layered: &Layered, findings: &mut Findings) {
    let given = options::all()
        .find(|entry| entry.key.starts_with("otlp.") && matches!(layered.origin(entry.key), Origin::File(_)));
    if let Some(entry) = given.filter(|_| findings.problems.is_empty()) {
        findings.doubtful(layered, entry.key, "has no effect: there is no otlp.endpoint, so nothing is sent");
    }
}

fn doubt_without_tls(endpoint: &str, layered: &Layered, findings: &mut Findings) {
    let files = ["otlp.certificate", "otlp.client_certificate"];
    let given = files.into_iter().find(|key| layered.is_given(key));
    if let Some(key) = given.filter(|_| endpoint.starts_with("http://")) {
        findings.doubtful(layered, key, "has no effect: the endpoint is http://, without TLS");
    }
}
