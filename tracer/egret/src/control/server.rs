//! Answers at the control socket.

use std::io;
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};

use super::live::Live;
use super::peer::{Admission, Peer};
use super::{enforce, events};
use crate::enforce::Desk;
use crate::status::{Describe, text};

const TEXT: &str = "text/plain";
const JSON_LINES: &str = "application/jsonl";

/// What is answered from.
#[derive(Clone)]
pub(crate) struct Service {
    /// What the daemon says of itself.
    pub(crate) describe: Arc<dyn Describe>,
    /// Where subscribers get events.
    pub(crate) live: Arc<Live>,
    /// Who switches modes; `None` where nobody may.
    pub(crate) desk: Option<Arc<Desk>>,
    /// Who may ask.
    pub(crate) admission: Admission,
}

/// Answers until `stop` is ready, and then until all answers under way are given.
pub(crate) async fn serve(
    listener: UnixListener,
    service: Service,
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
        .layer(from_fn_with_state(service.clone(), admit))
        .with_state(service)
        .into_make_service_with_connect_info::<Peer>();
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}

async fn admit(
    State(service): State<Service>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
    next: Next,
) -> Response {
    if !service.admission.admits(&peer) {
        return (StatusCode::FORBIDDEN, service.admission.refusal()).into_response();
    }
    if request.method() != Method::GET && !peer.may_change() {
        let refusal = "only root and egret's own user may change what egret does\n";
        return (StatusCode::FORBIDDEN, refusal).into_response();
    }
    next.run(request).await
}

async fn status(State(service): State<Service>, headers: HeaderMap) -> Response {
    let status = service.describe.describe();
    let wants_text = headers.get(header::ACCEPT).is_some_and(|accept| accept == TEXT);
    if wants_text { text::render(&status).into_response() } else { Json(status).into_response() }
}

async fn follow(State(service): State<Service>) -> Response {
    match service.live.subscribe() {
        Some(inbox) => ([(header::CONTENT_TYPE, JSON_LINES)], events::body(inbox)).into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "as many watch already as egret has room for\n").into_response(),
    }
}
