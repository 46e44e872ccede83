//! Where spans are sent, and how.

use egret_exporters::otlp::{ClientIdentity, Protocol, Settings};
use http::Uri;

use crate::choice::Compression;
use crate::diagnostics::Diagnostics;
use crate::merged::MergedConfig;
use crate::options;
use crate::raw::Origin;

/// What is appended to the path of an endpoint for traces.
const TRACES: &str = "/v1/traces";

/// The usual ports of OTLP's transports.
const GRPC_PORT: u16 = 4317;
const HTTP_PORT: u16 = 4318;

pub(super) fn settings(merged: &MergedConfig, diagnostics: &mut Diagnostics) -> Option<Settings> {
    let config = &merged.config.otlp;
    let client = client(merged, diagnostics);
    if !config.enabled {
        return None;
    }
    let Some(endpoint) = endpoint(merged, diagnostics) else {
        doubt_without_endpoint(merged, diagnostics);
        return None;
    };
    doubt_without_tls(&endpoint, merged, diagnostics);
    Some(Settings {
        endpoint,
        protocol: config.protocol,
        headers: config.headers.0.clone(),
        gzip: config.compression == Compression::Gzip,
        timeout: config.timeout,
        retry_for: config.retry_for,
        certificate: config.certificate.clone(),
        client,
        queue_events: config.queue_events,
        arguments: super::arguments(config.arguments, &config.secret_names),
        batch_spans: config.batch_spans,
        batch_delay: config.batch_delay,
        service_name: config.service_name.clone(),
        resource: config.resource.clone(),
    })
}

/// The endpoint as the sink wants it: with its scheme, and for HTTP with its path.
fn endpoint(merged: &MergedConfig, diagnostics: &mut Diagnostics) -> Option<String> {
    let config = &merged.config.otlp;
    let (key, url) = match (&config.traces_endpoint, &config.endpoint) {
        (Some(exact), _) => ("otlp.traces_endpoint", exact),
        (None, Some(base)) => ("otlp.endpoint", base),
        (None, None) => return None,
    };
    let uri: Uri = url.parse().ok()?;
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        diagnostics.wrong(
            merged,
            key,
            "expected no user in a URL; credentials go into otlp.headers or otlp.headers_file",
        );
    }
    let usual = if config.protocol == Protocol::Http { GRPC_PORT } else { HTTP_PORT };
    if uri.port_u16() == Some(usual) {
        let reason = format!("{usual} is the usual port of the other transport, see otlp.protocol");
        diagnostics.doubtful(merged, key, reason);
    }
    match config.protocol {
        Protocol::Grpc => Some(target(&uri, key, merged, diagnostics)),
        Protocol::Http if uri.scheme().is_none() => {
            diagnostics.wrong(merged, key, "expected http:// or https:// in front");
            None
        }
        Protocol::Http if key == "otlp.endpoint" => Some(with_path(url)),
        Protocol::Http => Some(url.clone()),
    }
}

/// Scheme, host and port: what gRPC takes. The path of each request is the method's.
fn target(uri: &Uri, key: &'static str, merged: &MergedConfig, diagnostics: &mut Diagnostics) -> String {
    let insecure = if merged.config.otlp.insecure { "http" } else { "https" };
    if !matches!(uri.path(), "" | "/") {
        diagnostics.doubtful(merged, key, "gRPC has no use for the path");
    }
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    format!("{}://{authority}", uri.scheme_str().unwrap_or(insecure))
}

fn with_path(url: &str) -> String {
    let (base, query) = url.split_once('?').map_or((url, None), |(base, query)| (base, Some(query)));
    let url = format!("{}{TRACES}", base.trim_end_matches('/'));
    query.map_or_else(|| url.clone(), |query| format!("{url}?{query}"))
}

fn client(merged: &MergedConfig, diagnostics: &mut Diagnostics) -> Option<ClientIdentity> {
    let config = &merged.config.otlp;
    match (config.client_certificate.clone(), config.client_key.clone()) {
        (Some(certificate), Some(key)) => Some(ClientIdentity { certificate, key }),
        (Some(_), None) => {
            diagnostics.wrong(merged, "otlp.client_certificate", "expected otlp.client_key with it");
            None
        }
        (None, Some(_)) => {
            diagnostics.wrong(merged, "otlp.client_key", "expected otlp.client_certificate with it");
            None
        }
        (None, None) => None,
    }
}

fn doubt_without_endpoint(merged: &MergedConfig, diagnostics: &mut Diagnostics) {
    let set = options::all()
        .find(|entry| entry.key.starts_with("otlp.") && matches!(merged.origin(entry.key), Origin::File(_)));
    if let Some(entry) = set.filter(|_| diagnostics.problems.is_empty()) {
        diagnostics.doubtful(merged, entry.key, "has no effect: there is no otlp.endpoint, so nothing is sent");
    }
}

fn doubt_without_tls(endpoint: &str, merged: &MergedConfig, diagnostics: &mut Diagnostics) {
    let files = ["otlp.certificate", "otlp.client_certificate"];
    let set = files.into_iter().find(|key| merged.is_set(key));
    if let Some(key) = set.filter(|_| endpoint.starts_with("http://")) {
        diagnostics.doubtful(merged, key, "has no effect: the endpoint is http://, without TLS");
    }
}
