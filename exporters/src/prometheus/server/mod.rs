//! The server: metrics and health over HTTP.
//!
//! There is no access control: a client that reaches the address can read which executables and peers are most active. It is a
//! loopback address unless configured otherwise.

mod accept;
mod listener;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use self::accept::prefers_openmetrics;
use self::listener::Bounded;
use super::metrics::{Format, Metrics};
use egret_model::snapshot::Source;

/// Timeout of pending requests when the server stops.
const GRACE: Duration = Duration::from_secs(2);

const INDEX: &str = "\
egret: see which program talks to whom

/metrics  metrics for Prometheus
/healthz  200 while egret runs
/readyz   200 while it captures and its sinks work, or else 503 and why
";

/// Where the readiness comes from.
pub trait Health: Send + Sync {
    /// The problems, a line each; empty if egret is ready.
    fn problems(&self) -> Vec<String>;
}

/// The data of the server.
#[derive(Clone)]
pub struct Service {
    pub metrics: Arc<Metrics>,
    pub source: Arc<dyn Source>,
    pub health: Arc<dyn Health>,
}

/// Serves until `stop` is ready, and then pending requests for at most two seconds.
///
/// # Errors
///
/// The address of the listener cannot be read.
pub async fn serve(
    listener: TcpListener,
    service: Service,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stopping, stopped) = tokio::sync::oneshot::channel::<()>();
    let graceful = async move {
        stop.await;
        drop(stopping);
    };
    let server = axum::serve(Bounded::new(listener), router(service)).with_graceful_shutdown(graceful);
    let overdue = async {
        let _ = stopped.await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = async { server.await } => served,
        () = overdue => Ok(()),
    }
}

fn router(service: Service) -> Router {
    Router::new()
        .route("/", get(|| async { INDEX }))
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .with_state(service)
}

async fn metrics(State(service): State<Service>, headers: HeaderMap) -> Response {
    let format = if prefers_openmetrics(&headers) { Format::OpenMetrics } else { Format::Text };
    match service.metrics.render(&service.source.snapshot(), format) {
        Ok(text) => ([(header::CONTENT_TYPE, format.content_type())], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "cannot encode metrics");
            (StatusCode::INTERNAL_SERVER_ERROR, format!("cannot encode metrics: {error}\n")).into_response()
        }
    }
}

async fn ready(State(service): State<Service>) -> Response {
    let problems = service.health.problems();
    if problems.is_empty() {
        return "ready\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, problems.join("\n") + "\n").into_response()
}
