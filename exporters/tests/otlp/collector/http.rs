//! The collector over HTTP.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::serve::Listener;
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use prost::Message;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{Answer, Script, partly};
use crate::tls::Keys;

/// The path that traces are posted to.
pub(super) const PATH: &str = "/v1/traces";

async fn export(State(script): State<Arc<Script>>, headers: HeaderMap, body: Bytes) -> Response {
    assert_eq!(headers[CONTENT_TYPE], "application/x-protobuf");
    let request = ExportTraceServiceRequest::decode(plain(&headers, body)).unwrap();
    match script.hear(headers, request) {
        None => protobuf(&ExportTraceServiceResponse::default()),
        Some(Answer::Partial { rejected, message }) => protobuf(&partly(rejected, message)),
        Some(Answer::Fail { status, wait, .. }) => fail(status, wait.map(|wait| wait.as_secs().to_string())),
        Some(Answer::Silence(time)) => {
            tokio::time::sleep(time).await;
            protobuf(&ExportTraceServiceResponse::default())
        }
    }
}

fn plain(headers: &HeaderMap, body: Bytes) -> Bytes {
    if headers.get(CONTENT_ENCODING).is_none_or(|encoding| encoding != "gzip") {
        return body;
    }
    let mut plain = Vec::new();
    GzDecoder::new(&*body).read_to_end(&mut plain).unwrap();
    plain.into()
}

fn protobuf(response: &ExportTraceServiceResponse) -> Response {
    ([(CONTENT_TYPE, "application/x-protobuf")], response.encode_to_vec()).into_response()
}

fn fail(status: u16, wait: Option<String>) -> Response {
    let mut response = (StatusCode::from_u16(status).unwrap(), "as configured").into_response();
    if let Some(seconds) = wait {
        response.headers_mut().insert(RETRY_AFTER, seconds.parse().unwrap());
    }
    response
}

/// Serves at `address` and returns the bound address.
pub(super) fn serve(address: SocketAddr, keys: Option<Keys>, script: Arc<Script>) -> SocketAddr {
    let listener = std::net::TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    let listener = TcpListener::from_std(listener).unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route(PATH, post(export)).layer(DefaultBodyLimit::disable()).with_state(script);
    match keys {
        None => tokio::spawn(axum::serve(listener, router).into_future()),
        Some(keys) => {
            let acceptor = TlsAcceptor::from(Arc::new(keys.server_config()));
            tokio::spawn(axum::serve(TlsListener { listener, acceptor }, router).into_future())
        }
    };
    address
}

struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let Ok((stream, address)) = self.listener.accept().await else { continue };
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
