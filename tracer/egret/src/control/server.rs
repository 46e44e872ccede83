//! The server of the control socket.

use std::io;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};

use egret_enforcer::controller::ControllerHandle;
use serde_json::json;
use tokio::sync::watch;

use super::live::Live;
use super::peer::{Admission, Peer};
use super::{enforce, events};
use crate::status::{Describe, text};

const TEXT: &str = "text/plain";
const JSON_LINES: &str = "application/jsonl";

/// The sources of answers.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) describe: Arc<dyn Describe>,
    pub(crate) live: Arc<Live>,
    /// `None` without enforcement.
    pub(crate) controller: Option<Arc<ControllerHandle>>,
    /// The static table of host names; `None` if it is not read.
    pub(crate) hosts: Option<PathBuf>,
}

/// Admits requests: checks the peer, and waits until egret has started.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) admission: Admission,
    /// When egret began to start.
    pub(crate) begun: Instant,
    /// `None` while egret starts.
    pub(crate) service: watch::Receiver<Option<Service>>,
}

/// Serves requests until `stop` is ready, and then finishes open requests.
pub(crate) async fn serve(
    listener: UnixListener,
    gate: Gate,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let listener = tokio::net::UnixListener::from_std(listener)?;
    let router = Router::new()
        .route("/v1/status", get(status))
        .route("/v1/events", get(follow))
        .route("/v1/mode", get(enforce::mode).put(enforce::switch))
        .route("/v1/mode/confirm", post(enforce::confirm))
        .route("/v1/questions", get(enforce::questions))
        .route("/v1/questions/answer", post(enforce::answer))
        .route("/v1/questions/withdraw", post(enforce::withdraw))
        .layer(from_fn_with_state(gate, admit))
        .into_make_service_with_connect_info::<Peer>();
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}

async fn admit(
    State(mut gate): State<Gate>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    if !gate.admission.admits(&peer) {
        return (StatusCode::FORBIDDEN, gate.admission.refusal()).into_response();
    }
    if request.method() != Method::GET && !peer.may_change() {
        let refusal = "only root and egret's own user may change the state of egret\n";
        return (StatusCode::FORBIDDEN, refusal).into_response();
    }
    let ready = gate.service.borrow().clone();
    let service = match ready {
        Some(service) => service,
        None if request.uri().path() == "/v1/status" => return starting(&gate, request.headers()),
        None => match gate.service.wait_for(Option::is_some).await.map(|service| service.clone()) {
            Ok(Some(service)) => service,
            _ => return (StatusCode::SERVICE_UNAVAILABLE, "egret could not start; its log says why\n").into_response(),
        },
    };
    request.extensions_mut().insert(service);
    next.run(request).await
}

/// The status while egret starts.
fn starting(gate: &Gate, headers: &HeaderMap) -> Response {
    let (version, pid, uptime) = (env!("CARGO_PKG_VERSION"), std::process::id(), gate.begun.elapsed().as_secs());
    if wants_text(headers) {
        return text::starting(version, pid, uptime).into_response();
    }
    let status = json!({
        "version": version, "pid": pid, "uptime_seconds": uptime, "starting": true, "stopping": false,
    });
    Json(status).into_response()
}

fn wants_text(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).is_some_and(|accept| accept == TEXT)
}

async fn status(Extension(service): Extension<Service>, headers: HeaderMap) -> Response {
    let status = service.describe.describe();
    if wants_text(&headers) { text::render(&status).into_response() } else { Json(status).into_response() }
}

async fn follow(Extension(service): Extension<Service>) -> Response {
    match service.live.subscribe() {
        Some(inbox) => ([(header::CONTENT_TYPE, JSON_LINES)], events::body(inbox)).into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "too many subscribers\n").into_response(),
    }
}
