//! The client: sends a request to the collector and interprets the answer.
//!
//! OTLP defines which failures may be retried
//! (<https://opentelemetry.io/docs/specs/otlp/#failures>, <https://opentelemetry.io/docs/specs/otlp/#failures-1>).

mod delivery;
pub(super) mod grpc;
pub(super) mod http;
mod tls;

use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;

pub(super) use self::delivery::Delivery;
use self::grpc::Grpc;
use self::http::Http;
use super::{Error, Protocol, Settings};

/// The user agent, in the form that OTLP specifies for exporters.
const USER_AGENT: &str = concat!("OTel-OTLP-Exporter-egret/", env!("CARGO_PKG_VERSION"));

/// The collector accepted the request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Accepted {
    /// Spans of the request that the collector rejected.
    pub(super) rejected_spans: u64,
    /// The reason, or a warning; often empty.
    pub(super) message: String,
}

/// The collector did not accept the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    reason: String,
    retry: Retry,
}

/// Whether a failed request may be retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Retry {
    /// The collector would reject it again.
    Never,
    /// After the client's own back-off.
    Backoff,
    /// After the delay that the collector asked for, and the back-off.
    After(Duration),
}

/// A connection to the collector.
#[derive(Debug)]
struct Client {
    transport: Transport,
    timeout: Duration,
}

#[derive(Debug)]
enum Transport {
    Grpc(Box<Grpc>),
    Http(Http),
}

impl Client {
    /// A client that is not connected yet.
    fn new(settings: &Settings) -> Result<Self, Error> {
        let transport = match settings.protocol {
            Protocol::Grpc => Transport::Grpc(Box::new(Grpc::new(settings)?)),
            Protocol::Http => Transport::Http(Http::new(settings)?),
        };
        Ok(Self { transport, timeout: settings.timeout })
    }

    /// Compresses a request once, for all attempts.
    fn prepare(&self, request: Vec<u8>) -> Bytes {
        match &self.transport {
            Transport::Grpc(_) => request.into(),
            Transport::Http(http) => http.prepare(request),
        }
    }

    /// Sends a prepared request.
    async fn export(&mut self, request: Bytes) -> Result<Accepted, Failure> {
        let answer = async {
            match &mut self.transport {
                Transport::Grpc(grpc) => grpc.export(request).await,
                Transport::Http(http) => http.export(request).await,
            }
        };
        match tokio::time::timeout(self.timeout, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure::retryable(format!("no answer within {:?}", self.timeout))),
        }
    }
}

impl Failure {
    fn retryable(reason: String) -> Self {
        Self { reason, retry: Retry::Backoff }
    }
}

impl From<ExportTraceServiceResponse> for Accepted {
    fn from(response: ExportTraceServiceResponse) -> Self {
        let partial = response.partial_success.unwrap_or_default();
        Self { rejected_spans: u64::try_from(partial.rejected_spans).unwrap_or(0), message: partial.error_message }
    }
}

/// An error and its sources, on one line.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.dedup_by(|next, previous| previous.contains(next.as_str()));
    texts.join(": ")
}

pub(super) fn headers(settings: &Settings) -> Result<::http::HeaderMap, Error> {
    settings.headers.iter().map(header).collect()
}

fn header((name, value): &(String, String)) -> Result<(::http::HeaderName, ::http::HeaderValue), Error> {
    let refused = |source| Error::Header { name: name.clone(), source };
    let parsed: ::http::HeaderName = name.parse().map_err(|error| refused(::http::Error::from(error)))?;
    let mut value = ::http::HeaderValue::from_str(value).map_err(|error| refused(::http::Error::from(error)))?;
    value.set_sensitive(true);
    Ok((parsed, value))
}
