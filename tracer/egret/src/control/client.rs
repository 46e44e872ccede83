//! The client of the control socket.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use axum::body::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::runtime::Builder;

/// Runs a future of a client on a new runtime.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> Result<T> {
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot create a runtime")?;
    Ok(runtime.block_on(future))
}

/// Longest answer, except the stream of events.
const LONGEST: usize = 16 << 20;

#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("no egret runs on {socket}; start one with `egret run`, or name its socket with --socket", socket = .0.display())]
    NotRunning(PathBuf),
    #[error("this user may not use {socket}; become root, or a member of the group that owns it", socket = .0.display())]
    NotAllowed(PathBuf),
    #[error("cannot connect to {socket}: {error}", socket = socket.display())]
    Connect { socket: PathBuf, error: io::Error },
    #[error("the daemon refuses: {reason} ({status})")]
    Refused { status: StatusCode, reason: String },
    /// The daemon closed the connection without an answer.
    #[error(
        "egret closed the connection at {socket} without an answer: it ended, or could not start; its log says why",
        socket = .0.display()
    )]
    Ended(PathBuf),
    /// The connection broke, or another program listens at the socket.
    #[error("the answer at {socket} is not that of egret: {error}", socket = socket.display())]
    Broken { socket: PathBuf, error: Box<dyn std::error::Error + Send + Sync> },
}

#[derive(Debug)]
pub(crate) struct Client {
    socket: PathBuf,
}

impl Client {
    pub(crate) fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    pub(crate) async fn get(&self, path: &str, accept: &str) -> Result<Bytes, ClientError> {
        let response = self.ask(path, accept).await?;
        let body = Limited::new(response.into_body(), LONGEST).collect().await;
        body.map(http_body_util::Collected::to_bytes).map_err(|error| self.broken(error))
    }

    /// Sends a JSON document and returns the answer.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        document: &impl serde::Serialize,
    ) -> Result<Bytes, ClientError> {
        let body = serde_json::to_vec(document).map_err(|error| self.broken(error))?;
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
        let response = self.request(request, Full::new(Bytes::from(body))).await?;
        let body = Limited::new(response.into_body(), LONGEST).collect().await;
        body.map(http_body_util::Collected::to_bytes).map_err(|error| self.broken(error))
    }

    pub(crate) async fn events(&self) -> Result<Events, ClientError> {
        let response = self.ask("/v1/events", "application/jsonl").await?;
        Ok(Events { body: response.into_body(), rest: Vec::new() })
    }

    async fn ask(&self, path: &str, accept: &str) -> Result<Response<Incoming>, ClientError> {
        self.request(Request::get(path).header(header::ACCEPT, accept), Full::default()).await
    }

    async fn request(
        &self,
        request: hyper::http::request::Builder,
        body: Full<Bytes>,
    ) -> Result<Response<Incoming>, ClientError> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| self.unreachable(error))?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| self.broken(error))?;
        tokio::spawn(connection);
        let request = request.header(header::HOST, "egret").body(body).map_err(|error| self.broken(error))?;
        let response = sender.send_request(request).await.map_err(|error| {
            let has_ended =
                error.is_incomplete_message() || error.is_closed() || error.is_canceled() || is_reset(&error);
            if has_ended { ClientError::Ended(self.socket.clone()) } else { self.broken(error) }
        })?;
        if response.status().is_success() { Ok(response) } else { Err(refused(response).await) }
    }

    fn unreachable(&self, error: io::Error) -> ClientError {
        let socket = self.socket.clone();
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ClientError::NotRunning(socket),
            io::ErrorKind::PermissionDenied => ClientError::NotAllowed(socket),
            _ => ClientError::Connect { socket, error },
        }
    }

    fn broken(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ClientError {
        ClientError::Broken { socket: self.socket.clone(), error: error.into() }
    }
}

/// Whether the peer closed the connection before it had read everything.
fn is_reset(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|error| matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe))
}

async fn refused(response: Response<Incoming>) -> ClientError {
    let status = response.status();
    let body = Limited::new(response.into_body(), LONGEST).collect().await;
    let reason = body.map(|body| String::from_utf8_lossy(&body.to_bytes()).trim().to_owned()).unwrap_or_default();
    ClientError::Refused { status, reason }
}

/// A stream of events as JSON lines.
#[derive(Debug)]
pub(crate) struct Events {
    body: Incoming,
    /// An incomplete line.
    rest: Vec<u8>,
}

impl Events {
    /// All complete lines received so far; `None` once the daemon has ended. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let frame = self.body.frame().await?.ok()?;
            let Ok(data) = frame.into_data() else { continue };
            self.rest.extend_from_slice(&data);
            if let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') {
                let rest = self.rest.split_off(end + 1);
                return Some(std::mem::replace(&mut self.rest, rest));
            }
        }
    }
}
