//! One request to the collector, and what its answer means.
//!
//! What may be sent again and what must not is OTLP's to say
//! (<https://opentelemetry.io/docs/specs/otlp/#failures>, <https://opentelemetry.io/docs/specs/otlp/#failures-1>).

pub(super) mod grpc;
pub(super) mod http;
mod tls;

use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;

use self::grpc::Grpc;
use self::http::Http;
use super::{Error, Protocol, Settings};

/// What egret calls itself, in the form that OTLP asks of exporters.
const USER_AGENT: &str = concat!("OTel-OTLP-Exporter-egret/", env!("CARGO_PKG_VERSION"));

/// The collector took the request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Accepted {
    /// Spans of it that the collector refused.
    pub(super) rejected_spans: u64,
    /// What it has to say of them, or a warning; often empty.
    pub(super) message: String,
}

/// The collector did not take the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// What is told of it.
    pub(super) reason: String,
    /// Whether it may be sent again.
    pub(super) again: Again,
}

/// Whether a request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// Never: it would be refused again.
    Never,
    /// When we think fit.
    Later,
    /// Not before the collector said that it may.
    After(Duration),
}

/// A collector.
#[derive(Debug)]
pub(super) struct Client {
    transport: Transport,
    timeout: Duration,
}

#[derive(Debug)]
enum Transport {
    Grpc(Box<Grpc>),
    Http(Http),
}

impl Client {
    /// A client that has not connected yet.
    pub(super) fn new(settings: &Settings) -> Result<Self, Error> {
        let transport = match settings.protocol {
            Protocol::Grpc => Transport::Grpc(Box::new(Grpc::new(settings)?)),
            Protocol::Http => Transport::Http(Http::new(settings)?),
        };
        Ok(Self { transport, timeout: settings.timeout })
    }

    /// What of a request needs to be done only once, however often it is sent.
    pub(super) fn prepare(&self, request: Vec<u8>) -> Bytes {
        match &self.transport {
            Transport::Grpc(_) => request.into(),
            Transport::Http(http) => http.prepare(request),
        }
    }

    /// Sends a prepared request.
    pub(super) async fn export(&mut self, request: Bytes) -> Result<Accepted, Failure> {
        let answer = async {
            match &mut self.transport {
                Transport::Grpc(grpc) => grpc.export(request).await,
                Transport::Http(http) => http.export(request).await,
            }
        };
        match tokio::time::timeout(self.timeout, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure::later(format!("no answer within {:?}", self.timeout))),
        }
    }
}

impl Failure {
    fn later(reason: String) -> Self {
        Self { reason, again: Again::Later }
    }
}

impl From<ExportTraceServiceResponse> for Accepted {
    fn from(response: ExportTraceServiceResponse) -> Self {
        let partial = response.partial_success.unwrap_or_default();
        Self { rejected_spans: u64::try_from(partial.rejected_spans).unwrap_or(0), message: partial.error_message }
    }
}

/// An error and what it came from, on one line.
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
