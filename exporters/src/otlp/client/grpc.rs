//! OTLP over gRPC.

use std::error::Error as _;
use std::time::Duration;

use ::http::uri::PathAndQuery;
use bytes::{BufMut, Bytes};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use super::tls::{self, Files};
use super::{Accepted, Failure, Retry, USER_AGENT, chain, headers};
use crate::otlp::{Error, Settings};

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// Interval of HTTP/2 keep-alive pings. A connection that does not answer them is closed, and the next request opens a new one.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// A collector that speaks gRPC.
#[derive(Debug)]
pub(super) struct Grpc {
    endpoint: Endpoint,
    /// Created with the first request, since it needs a runtime.
    client: Option<tonic::client::Grpc<Channel>>,
    headers: MetadataMap,
    gzip: bool,
}

impl Grpc {
    pub(super) fn new(settings: &Settings) -> Result<Self, Error> {
        let endpoint = endpoint(settings)?;
        let headers = MetadataMap::from_headers(headers(settings)?);
        Ok(Self { endpoint, client: None, headers, gzip: settings.gzip })
    }

    pub(super) async fn export(&mut self, body: Bytes) -> Result<Accepted, Failure> {
        let mut request = Request::new(body);
        *request.metadata_mut() = self.headers.clone();
        let client = self.client();
        client.ready().await.map_err(|error| Failure::retryable(chain(&error)))?;
        let response = client.unary(request, PathAndQuery::from_static(EXPORT), Encoded).await;
        response.map(|response| response.into_inner().into()).map_err(|status| failure(&status))
    }

    fn client(&mut self) -> &mut tonic::client::Grpc<Channel> {
        let (endpoint, gzip) = (&self.endpoint, self.gzip);
        self.client.get_or_insert_with(|| {
            let client = tonic::client::Grpc::new(endpoint.connect_lazy()).accept_compressed(CompressionEncoding::Gzip);
            if gzip { client.send_compressed(CompressionEncoding::Gzip) } else { client }
        })
    }
}

pub(in crate::otlp) fn endpoint(settings: &Settings) -> Result<Endpoint, Error> {
    let refused = |source: tonic::transport::Error| Error::Endpoint {
        endpoint: settings.endpoint.clone(),
        source: source.into(),
    };
    let endpoint = Endpoint::from_shared(settings.endpoint.clone()).map_err(refused)?;
    let endpoint = endpoint.user_agent(USER_AGENT).map_err(refused)?;
    let endpoint = endpoint.connect_timeout(settings.timeout).http2_keep_alive_interval(KEEP_ALIVE);
    if endpoint.uri().scheme() != Some(&::http::uri::Scheme::HTTPS) {
        return Ok(endpoint);
    }
    let files = Files::read(settings)?;
    endpoint.tls_config(tls_config(files)).map_err(|error| tls::refused(settings, error))
}

fn tls_config(files: Files) -> ClientTlsConfig {
    let config = ClientTlsConfig::new();
    let config = match files.certificate {
        Some(pem) => config.ca_certificate(Certificate::from_pem(pem)),
        None => config.with_native_roots(),
    };
    match files.client {
        Some((certificate, key)) => config.identity(Identity::from_pem(certificate, key)),
        None => config,
    }
}

/// A status from the collector has no source. One that tonic made of a broken connection has, and the request may be retried
/// whatever its code is.
fn failure(status: &Status) -> Failure {
    let delay = status.get_details_retry_info().and_then(|info| info.retry_delay);
    let retry = match (status.source(), delay) {
        (Some(_), _) => Retry::Backoff,
        (None, delay) if is_retryable(status.code(), delay.is_some()) => delay.map_or(Retry::Backoff, Retry::After),
        (None, _) => Retry::Never,
    };
    let reason = match status.source() {
        Some(source) => chain(source),
        None => format!("{}: {}", status.code(), status.message()),
    };
    Failure { reason, retry }
}

fn is_retryable(code: Code, has_delay: bool) -> bool {
    match code {
        Code::ResourceExhausted => has_delay,
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => true,
        _ => false,
    }
}

/// A codec for requests that are encoded already.
struct Encoded;

impl Codec for Encoded {
    type Encode = Bytes;
    type Decode = ExportTraceServiceResponse;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, request: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(request);
        Ok(())
    }
}

impl Decoder for Encoded {
    type Item = ExportTraceServiceResponse;
    type Error = Status;

    /// A successful response counts as accepted even if its body cannot be decoded.
    fn decode(&mut self, response: &mut DecodeBuf<'_>) -> Result<Option<Self::Item>, Status> {
        Ok(Some(ExportTraceServiceResponse::decode(response).unwrap_or_default()))
    }
}
