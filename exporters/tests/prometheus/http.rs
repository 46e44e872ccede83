//! The HTTP server.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use egret_exporters::prometheus::{Health, Metrics, Service, Sink, serve};
use egret_exporters::sink::queue;
use egret_model::snapshot::{Snapshot, Source};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::situation::{metrics, of, opened, samples, snapshot};

/// A timeout longer than any step of a test.
const PATIENCE: Duration = Duration::from_secs(20);

struct Still;

impl Source for Still {
    fn snapshot(&self) -> Snapshot {
        snapshot()
    }
}

#[derive(Default)]
struct Troubles(Mutex<Vec<String>>);

impl Health for Troubles {
    fn problems(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

struct Server {
    address: SocketAddr,
    metrics: Arc<Metrics>,
    troubles: Arc<Troubles>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (metrics, troubles) = (metrics(10, 10), Arc::new(Troubles::default()));
        let service =
            Service { metrics: Arc::clone(&metrics), source: Arc::new(Still), health: Arc::clone(&troubles) as _ };
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(serve(listener, service, async {
            let _ = stopped.await;
        }));
        Self { address, metrics, troubles, stop, task }
    }

    /// The head and the body of the answer.
    async fn ask(&self, method: &str, path: &str, headers: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: egret\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_lowercase(), body.to_owned())
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        timeout(PATIENCE, self.task).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test]
async fn scrape_shows_counted_events() {
    let server = Server::start().await;
    let (sender, inbox) = queue("prometheus", 100);
    sender.offer(&vec![opened("/a"); 7].into());
    let ledger = sender.ledger().clone();
    drop(sender);
    Sink::new(Arc::clone(&server.metrics)).run(inbox).await;
    assert_eq!((ledger.account().sent, ledger.account().queued), (7, 0));

    let (head, body) = server.ask("GET", "/metrics", "").await;
    assert!(head.starts_with("http/1.1 200 ") && head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    assert_eq!(of(&samples(&body), "egret_connections_total").values().sum::<f64>(), 7.0);
    server.stop().await;
}

#[tokio::test]
async fn format_is_negotiated() {
    let server = Server::start().await;
    let (head, body) = server.ask("GET", "/metrics", "Accept: application/openmetrics-text\r\n").await;
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"), "{head}");
    assert!(body.ends_with("# EOF\n"));
    server.stop().await;
}

#[tokio::test]
async fn readiness_reports_problems() {
    let server = Server::start().await;
    assert!(server.ask("GET", "/healthz", "").await.0.starts_with("http/1.1 200 "));
    assert!(server.ask("GET", "/readyz", "").await.0.starts_with("http/1.1 200 "));
    server.troubles.0.lock().unwrap().push("sink parquet: no space left on device".to_owned());
    let (head, body) = server.ask("GET", "/readyz", "").await;
    assert!(head.starts_with("http/1.1 503 "), "{head}");
    assert_eq!(body, "sink parquet: no space left on device\n");
    assert!(server.ask("GET", "/healthz", "").await.0.starts_with("http/1.1 200 "));
    server.stop().await;
}

#[tokio::test]
async fn other_requests_get_http_errors() {
    let server = Server::start().await;
    assert!(server.ask("GET", "/", "").await.1.contains("/metrics"));
    assert!(server.ask("GET", "/nothing", "").await.0.starts_with("http/1.1 404 "));
    assert!(server.ask("POST", "/metrics", "Content-Length: 0\r\n").await.0.starts_with("http/1.1 405 "));
    let (head, body) = server.ask("HEAD", "/metrics", "").await;
    assert!(head.starts_with("http/1.1 200 ") && head.contains("content-length: ") && body.is_empty(), "{head}");
    server.stop().await;
}

/// Any process of the host can connect.
#[tokio::test]
async fn idle_connections_do_not_delay_shutdown() {
    let server = Server::start().await;
    let mut idle = Vec::new();
    for _ in 0..10 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\n").await.unwrap();
        idle.push(stream);
    }
    assert!(server.ask("GET", "/healthz", "").await.0.starts_with("http/1.1 200 "));
    server.stop().await;
}
