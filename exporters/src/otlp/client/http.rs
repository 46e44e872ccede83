//! OTLP over HTTP, binary protobuf.

use std::io::Write;
use std::time::{Duration, SystemTime};

use ::http::header::{CONTENT_ENCODING, CONTENT_TYPE, DATE, RETRY_AFTER};
use ::http::{HeaderMap, HeaderValue, StatusCode};
use bytes::{Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use reqwest::{Certificate, ClientBuilder, Identity, Response, Url, redirect};

use super::tls::{self, Files};
use super::{Accepted, Failure, Retry, USER_AGENT, chain, headers};
use crate::otlp::{Error, Settings};

const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");

/// Maximum number of bytes read of a response body; OTLP responses are smaller.
const MAX_BODY: usize = 64 * 1024;
/// Maximum length of a collector's message in the log, characters.
const MAX_MESSAGE: usize = 200;

/// A collector that speaks HTTP.
#[derive(Debug)]
pub(in crate::otlp) struct Http {
    client: reqwest::Client,
    url: Url,
    gzip: bool,
}

impl Http {
    pub(in crate::otlp) fn new(settings: &Settings) -> Result<Self, Error> {
        let refused = |source| Error::Endpoint { endpoint: settings.endpoint.clone(), source };
        let url = Url::parse(&settings.endpoint).map_err(|error| refused(error.into()))?;
        let mut headers = headers(settings)?;
        headers.insert(CONTENT_TYPE, PROTOBUF);
        if settings.gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let builder = reqwest::Client::builder().user_agent(USER_AGENT).default_headers(headers);
        // Headers may be secrets: they go to the configured collector only.
        let builder = builder.connect_timeout(settings.timeout).redirect(redirect::Policy::none());
        let client = with_tls(builder, settings)?.build().map_err(|error| tls::refused(settings, error))?;
        Ok(Self { client, url, gzip: settings.gzip })
    }

    pub(super) fn prepare(&self, request: Vec<u8>) -> Bytes {
        if self.gzip { compress(&request).into() } else { request.into() }
    }

    pub(super) async fn export(&self, body: Bytes) -> Result<Accepted, Failure> {
        let sent = self.post(HeaderMap::new(), body).await;
        let (status, headers, body) = sent.map_err(|error| Failure::retryable(chain(&error)))?;
        if status.is_success() { Ok(accepted(&headers, &body)) } else { Err(failure(status, &headers, &body)) }
    }

    /// Posts a body. `headers` override the default headers.
    pub(in crate::otlp) async fn post(
        &self,
        headers: HeaderMap,
        body: Bytes,
    ) -> reqwest::Result<(StatusCode, HeaderMap, Bytes)> {
        let response = self.client.post(self.url.clone()).headers(headers).body(body).send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok((status, headers, read(response).await))
    }
}

/// Installs the TLS provider of the process, unless one is installed already.
fn with_tls(builder: ClientBuilder, settings: &Settings) -> Result<ClientBuilder, Error> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let files = Files::read(settings)?;
    let builder = match &files.certificate {
        Some(pem) => {
            builder.tls_certs_only(Certificate::from_pem_bundle(pem).map_err(|error| tls::refused(settings, error))?)
        }
        None => builder,
    };
    let Some((certificate, key)) = files.client else { return Ok(builder) };
    let identity = Identity::from_pem(&[certificate, key].concat()).map_err(|error| tls::refused(settings, error))?;
    Ok(builder.identity(identity))
}

/// Compresses with the fastest level. The default level, 6, makes requests smaller by a fifth (43 instead of 55 KB of 610) and
/// takes five times as long.
fn compress(request: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(request.len() / 8), Compression::fast());
    // Writing to a `Vec` does not fail.
    let _ = encoder.write_all(request);
    encoder.finish().unwrap_or_default()
}

/// The body as far as it was received. It is optional: the status alone decides.
async fn read(mut response: Response) -> Bytes {
    let mut body = BytesMut::new();
    while let Ok(Some(chunk)) = response.chunk().await
        && body.len() + chunk.len() <= MAX_BODY
    {
        body.extend_from_slice(&chunk);
    }
    body.freeze()
}

fn accepted(headers: &HeaderMap, body: &Bytes) -> Accepted {
    let response = ExportTraceServiceResponse::decode(body.clone()).ok().filter(|_| is_protobuf(headers));
    response.unwrap_or_default().into()
}

fn failure(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Failure {
    let retry = match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => retry_after(headers).map_or(Retry::Backoff, Retry::After),
        _ => Retry::Never,
    };
    Failure { reason: format!("{status}: {}", message(headers, body)), retry }
}

/// The message of a failure: a `google.rpc.Status`, or text. Control characters become blanks.
fn message(headers: &HeaderMap, body: &Bytes) -> String {
    let status = tonic_types::Status::decode(body.clone()).ok().filter(|_| is_protobuf(headers));
    let message = status.map_or_else(|| String::from_utf8_lossy(body).into_owned(), |status| status.message);
    message.chars().take(MAX_MESSAGE).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

fn is_protobuf(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.starts_with(PROTOBUF.as_bytes()))
}

/// The delay in `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |value: &HeaderValue| httpdate::parse_http_date(value.to_str().ok()?).ok();
    // Relative to the server's clock, which its `Date` header shows: the clock of this host may be wrong.
    let now = headers.get(DATE).and_then(date).unwrap_or_else(SystemTime::now);
    Some(date(headers.get(RETRY_AFTER)?)?.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delay(value: &str) -> Option<Duration> {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(value).unwrap())]);
        retry_after(&headers)
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(delay("120"), Some(Duration::from_secs(120)));
        assert_eq!(delay("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(delay("Sunday, 06-Nov-94 08:49:37 GMT"), Some(Duration::ZERO));
        let far = delay("Fri, 31 Dec 9999 00:00:00 GMT").unwrap();
        assert!(far > Duration::from_secs(1_000_000_000), "{far:?}");
        assert_eq!(delay("soon"), None);
        assert_eq!(delay("-1"), None);
    }

    #[test]
    fn retry_after_date_is_relative_to_the_server_clock() {
        let date = |text| HeaderValue::from_static(text);
        let headers = HeaderMap::from_iter([
            (DATE, date("Sun, 06 Nov 1994 08:49:37 GMT")),
            (RETRY_AFTER, date("Sun, 06 Nov 1994 08:50:07 GMT")),
        ]);
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(30)));
    }

    #[test]
    fn control_characters_of_a_message_are_blanked() {
        let text = message(&HeaderMap::new(), &Bytes::from_static(b"no\x1b[2J\nmore"));
        assert_eq!(text, "no [2J more");
    }
}
