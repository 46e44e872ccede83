//! The collector over HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use tokio::net::TcpListener;

use super::collector::Memory;

/// The path that traces are posted to.
pub(super) const PATH: &str = "/v1/traces";

async fn export(State(memory): State<Arc<Memory>>, body: Bytes) -> Response {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let response = memory.take(request).await;
    ([(CONTENT_TYPE, "application/x-protobuf")], response.encode_to_vec()).into_response()
}

pub(super) fn serve(address: SocketAddr, memory: Arc<Memory>) {
    let listener = std::net::TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    let router = Router::new().route(PATH, post(export)).layer(DefaultBodyLimit::disable()).with_state(memory);
    tokio::spawn(axum::serve(TcpListener::from_std(listener).unwrap(), router).into_future());
}
