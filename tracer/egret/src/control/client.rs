//! Asks the daemon.

use std::io;
use std::path::{Path, PathBuf};

use axum::body::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::http::request::Builder;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

/// No answer but the endless one is longer than this.
const LONGEST: usize = 16 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// Nobody listens.
    #[error("no egret runs on {socket}; start one with `egret run`, or name its socket with --socket", socket = .0.display())]
    NobodyThere(PathBuf),
    /// The socket may not be used.
    #[error("this user may not use {socket}; become root, or a member of the group that owns it", socket = .0.display())]
    NotAllowed(PathBuf),
    /// The socket cannot be used otherwise.
    #[error("cannot connect to {socket}: {error}", socket = socket.display())]
    Connect {
        /// The socket.
        socket: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The daemon says no.
    #[error("egret refuses: {reason} ({status})")]
    Refused {
        /// The status of its answer.
        status: StatusCode,
        /// What it says.
        reason: String,
    },
    /// The daemon closed the connection without an answer.
    #[error(
        "egret closed the connection at {socket} without an answer: it ended, or could not start; its log says why",
        socket = .0.display()
    )]
    Ended(PathBuf),
    /// The connection broke, or whatever listens does not speak HTTP.
    #[error("{socket} does not answer as egret does: {error}", socket = socket.display())]
    Broken {
        /// The socket.
        socket: PathBuf,
        /// Why.
        error: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Asks at a socket.
#[derive(Debug)]
pub(crate) struct Client {
    socket: PathBuf,
}

impl Client {
    pub(crate) fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// The whole answer.
    pub(crate) async fn get(&self, path: &str, accept: &str) -> Result<Bytes, ClientError> {
        let response = self.ask(path, accept).await?;
        let body = Limited::new(response.into_body(), LONGEST).collect().await;
        body.map(http_body_util::Collected::to_bytes).map_err(|error| self.broken(error))
    }

    /// Sends a JSON document, and gives the whole answer.
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

    /// Events from now on.
    pub(crate) async fn events(&self) -> Result<Events, ClientError> {
        let response = self.ask("/v1/events", "application/jsonl").await?;
        Ok(Events { body: response.into_body(), rest: Vec::new() })
    }

    async fn ask(&self, path: &str, accept: &str) -> Result<Response<Incoming>, ClientError> {
        self.request(Request::get(path).header(header::ACCEPT, accept), Full::default()).await
    }

    async fn request(&self, request: Builder, body: Full<Bytes>) -> Result<Response<Incoming>, ClientError> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| self.unreachable(error))?;
        let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = shaken.map_err(|error| self.broken(error))?;
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
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ClientError::NobodyThere(socket),
            io::ErrorKind::PermissionDenied => ClientError::NotAllowed(socket),
            _ => ClientError::Connect { socket, error },
        }
    }

    fn broken(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ClientError {
        ClientError::Broken { socket: self.socket.clone(), error: error.into() }
    }
}

/// Whether the other side went away while it had not read everything.
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

/// Events that come, as lines of JSON.
#[derive(Debug)]
pub(crate) struct Events {
    body: Incoming,
    /// The beginning of a line whose end has not come.
    rest: Vec<u8>,
}

impl Events {
    /// Whole lines, as many as have come; `None` once the daemon has ended. Cancelling it loses nothing.
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
