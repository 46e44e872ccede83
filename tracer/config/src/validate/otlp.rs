//! Validates the OTLP sink.

use egret_exporters::otlp::{ClientIdentity, Protocol, Settings};
use http::Uri;

use crate::choice::Compression;
use crate::diagnostics::Diagnostics;
use crate::merged::MergedConfig;
use crate::options;
use crate::raw::Origin;

/// Appended to the path of `otlp.endpoint`.
const TRACES: &str = "/v1/traces";

/// The standard ports of OTLP.
const GRPC_PORT: u16 = 4317;
const HTTP_PORT: u16 = 4318;

pub(super) fn settings(merged: &MergedConfig, diagnostics: &mut Diagnostics) -> Option<Settings> {
    let config = &merged.config.otlp;
    let client = client(merged, diagnostics);
    if !config.enabled {
        return None;
    }
    let Some(endpoint) = endpoint(merged, diagnostics) else {
        warn_without_endpoint(merged, diagnostics);
        return None;
    };
    warn_without_tls(&endpoint, merged, diagnostics);
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

/// The endpoint as the sink needs it: with its scheme, and for HTTP with its path.
fn endpoint(merged: &MergedConfig, diagnostics: &mut Diagnostics) -> Option<String> {
    let config = &merged.config.otlp;
    let (key, url) = match (&config.traces_endpoint, &config.endpoint) {
        (Some(exact), _) => ("otlp.traces_endpoint", exact),
        (None, Some(base)) => ("otlp.endpoint", base),
        (None, None) => return None,
    };
    let uri: Uri = url.parse().ok()?;
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        diagnostics.error(
            merged,
            key,
            "expected a URL without a user; put credentials into otlp.headers or otlp.headers_file",
        );
    }
    let other_port = if config.protocol == Protocol::Http { GRPC_PORT } else { HTTP_PORT };
    if uri.port_u16() == Some(other_port) {
        let reason = format!("{other_port} is the standard port of the other transport, see otlp.protocol");
        diagnostics.warn(merged, key, reason);
    }
    match config.protocol {
        Protocol::Grpc => Some(target(&uri, key, merged, diagnostics)),
        Protocol::Http if uri.scheme().is_none() => {
            diagnostics.error(merged, key, "expected http:// or https:// in front");
            None
        }
        Protocol::Http if key == "otlp.endpoint" => Some(with_path(url)),
        Protocol::Http => Some(url.clone()),
    }
}

/// Scheme, host and port, as gRPC needs them: the path of a request is the name of its method.
fn target(uri: &Uri, key: &'static str, merged: &MergedConfig, diagnostics: &mut Diagnostics) -> String {
    let insecure = if merged.config.otlp.insecure { "http" } else { "https" };
    if !matches!(uri.path(), "" | "/") {
        diagnostics.warn(merged, key, "gRPC ignores the path");
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
            diagnostics.error(merged, "otlp.client_certificate", "expected otlp.client_key with it");
            None
        }
        (None, Some(_)) => {
            diagnostics.error(merged, "otlp.client_key", "expected otlp.client_certificate with it");
            None
        }
        (None, None) => None,
    }
}

fn warn_without_endpoint(merged: &MergedConfig, diagnostics: &mut Diagnostics) {
    let set = options::all()
        .find(|entry| entry.key.starts_with("otlp.") && matches!(merged.origin(entry.key), Origin::File(_)));
    if let Some(entry) = set.filter(|_| diagnostics.problems.is_empty()) {
        diagnostics.warn(merged, entry.key, "has no effect: there is no otlp.endpoint, so nothing is sent");
    }
}

fn warn_without_tls(endpoint: &str, merged: &MergedConfig, diagnostics: &mut Diagnostics) {
    let files = ["otlp.certificate", "otlp.client_certificate"];
    let set = files.into_iter().find(|key| merged.is_set(key));
    if let Some(key) = set.filter(|_| endpoint.starts_with("http://")) {
        diagnostics.warn(merged, key, "has no effect: the endpoint is http://, without TLS");
    }
}
