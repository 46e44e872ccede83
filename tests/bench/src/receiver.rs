//! A collector that accepts every span and discards it, in a separate process, so that its cost is not the sink's.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, bail};
use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use prost::Message as _;
use tokio::net::TcpListener;
use tonic::codec::CompressionEncoding;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// The receiving process. It ends when this is dropped.
pub(crate) struct Receiver {
    child: Child,
    /// Where it takes spans over gRPC.
    pub(crate) grpc: SocketAddr,
    /// Where it takes spans over HTTP.
    pub(crate) http: SocketAddr,
}

impl Receiver {
    /// Starts it and waits until it listens.
    pub(crate) fn start() -> Result<Self> {
        let program = std::env::current_exe().context("a running program has a path")?;
        let mut child = Command::new(program).arg("receive").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("asked for")?).read_line(&mut line)?;
        let mut addresses = line.split_whitespace().map(str::parse);
        match (addresses.next(), addresses.next()) {
            (Some(Ok(grpc)), Some(Ok(http))) => Ok(Self { child, grpc, http }),
            _ => {
                let _ = child.kill();
                bail!("the receiver says {line:?} instead of its addresses")
            }
        }
    }
}

impl Receiver {
    /// Spans taken so far.
    pub(crate) fn spans(&self) -> Result<u64> {
        let mut stream = TcpStream::connect(self.http)?;
        stream.write_all(b"GET /spans HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let count = answer.rsplit("\r\n").next().unwrap_or_default();
        count.parse().with_context(|| format!("the receiver counts {count:?}"))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Spans taken.
static SPANS: AtomicU64 = AtomicU64::new(0);

fn count(request: &ExportTraceServiceRequest) {
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    let spans: usize = scopes.map(|scope| scope.spans.len()).sum();
    SPANS.fetch_add(u64::try_from(spans).unwrap_or(0), Ordering::Relaxed);
}

struct Swallow;

#[tonic::async_trait]
impl TraceService for Swallow {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        count(request.get_ref());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// Main function of the receiving process; ends when its standard input does.
pub(crate) fn receive() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let grpc = TcpListener::bind("127.0.0.1:0").await?;
        let http = TcpListener::bind("127.0.0.1:0").await?;
        println!("{} {}", grpc.local_addr()?, http.local_addr()?);
        std::io::stdout().flush()?;
        let service = TraceServiceServer::new(Swallow).accept_compressed(CompressionEncoding::Gzip);
        let server = Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(grpc));
        let routes = Router::new()
            .route("/v1/traces", post(posted))
            .route("/spans", get(async || SPANS.load(Ordering::Relaxed).to_string()))
            .layer(DefaultBodyLimit::disable());
        tokio::select! {
            ended = server => ended.context("gRPC"),
            ended = axum::serve(http, routes) => ended.context("HTTP"),
            // The parent process has ended.
            _ = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())) => Ok(()),
        }
    })
}

/// An empty answer is an empty message, which means success.
async fn posted(body: Bytes) -> ([(&'static str, &'static str); 1], &'static str) {
    if let Ok(request) = ExportTraceServiceRequest::decode(body) {
        count(&request);
    }
    ([("content-type", "application/x-protobuf")], "")
}
