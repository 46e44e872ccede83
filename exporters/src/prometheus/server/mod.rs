//! Serves metrics and health over HTTP.
//!
//! There is no access control: whoever reaches the address can read which programs and peers are most active. It is a
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
use crate::snapshot::Source;

/// How long requests under way may take once the server is to stop.
const GRACE: Duration = Duration::from_secs(2);

const INDEX: &str = "\
egret: see which program talks to whom

/metrics  metrics for Prometheus
/healthz  200 while egret runs
/readyz   200 while it captures and its sinks work, or else 503 and why
";

/// Whether egret does what it is there for.
pub trait Health: Send + Sync {
    /// What does not work, a line each; empty if egret is ready.
    fn troubles(&self) -> Vec<String>;
}

/// What the server answers from.
#[derive(Clone)]
pub struct Service {
    /// What events added up to.
    pub metrics: Arc<Metrics>,
    /// What egret says of itself.
    pub source: Arc<dyn Source>,
    /// Whether it is ready.
    pub health: Arc<dyn Health>,
}

/// Answers until `stop` is ready, and then until requests under way are answered, two seconds at most.
///
/// # Errors
///
/// The listener does not tell its address.
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
            tracing::error!(%error, "metrics cannot be encoded");
            (StatusCode::INTERNAL_SERVER_ERROR, format!("metrics cannot be encoded: {error}\n")).into_response()
        }
    }
}

async fn ready(State(service): State<Service>) -> Response {
    let troubles = service.health.troubles();
    if troubles.is_empty() {
        return "ready\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, troubles.join("\n") + "\n").into_response()
}
