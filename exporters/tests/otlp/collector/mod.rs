//! A collector that records requests and sends configured responses.

mod grpc;
mod http;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use egret_exporters::otlp::Protocol;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::runtime::{Builder, Runtime};

use crate::tls::Keys;

/// The response to a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// The request is rejected in part.
    Partial { rejected: i64, message: &'static str },
    /// The request fails with this code over gRPC and this status over HTTP, with this retry delay.
    Fail { code: tonic::Code, status: u16, wait: Option<Duration> },
    /// No response for this time.
    Silence(Duration),
}

/// A received request.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) at: Instant,
    pub(crate) headers: HeaderMap,
    pub(crate) request: ExportTraceServiceRequest,
}

/// Received requests and configured responses; after the last response, every request is accepted.
#[derive(Default)]
struct Script {
    heard: Mutex<Vec<Heard>>,
    answers: Mutex<VecDeque<Answer>>,
}

impl Script {
    fn hear(&self, headers: HeaderMap, request: ExportTraceServiceRequest) -> Option<Answer> {
        self.heard.lock().unwrap().push(Heard { at: Instant::now(), headers, request });
        self.answers.lock().unwrap().pop_front()
    }
}

fn partly(rejected_spans: i64, message: &str) -> ExportTraceServiceResponse {
    let partial_success = Some(ExportTracePartialSuccess { rejected_spans, error_message: message.to_owned() });
    ExportTraceServiceResponse { partial_success }
}

/// A collector with a separate runtime: dropping it closes its connections.
pub(crate) struct Collector {
    script: Arc<Script>,
    endpoint: String,
    runtime: Option<Runtime>,
}

impl Collector {
    /// A collector on a free port.
    pub(crate) fn start(protocol: Protocol, answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::start_at(protocol, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), None, answers)
    }

    /// A collector at this address; with keys it speaks TLS.
    pub(crate) fn start_at(
        protocol: Protocol,
        address: SocketAddr,
        keys: Option<Keys>,
        answers: impl IntoIterator<Item = Answer>,
    ) -> Self {
        let script = Arc::new(Script { answers: Mutex::new(answers.into_iter().collect()), ..Script::default() });
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let entered = runtime.enter();
        let scheme = if keys.is_some() { "https" } else { "http" };
        let (address, path) = match protocol {
            Protocol::Grpc => (grpc::serve(address, keys, Arc::clone(&script)), ""),
            Protocol::Http => (http::serve(address, keys, Arc::clone(&script)), http::PATH),
        };
        drop(entered);
        // The certificate is for this name.
        let host = if scheme == "https" { "localhost".to_owned() } else { address.ip().to_string() };
        Self { script, endpoint: format!("{scheme}://{host}:{}{path}", address.port()), runtime: Some(runtime) }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.script.heard.lock().unwrap().clone()
    }

    /// All spans of all requests, including repeated ones.
    pub(crate) fn spans(&self) -> Vec<Span> {
        self.heard().into_iter().flat_map(|heard| spans_of(heard.request)).collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

pub(crate) fn spans_of(request: ExportTraceServiceRequest) -> Vec<Span> {
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}
