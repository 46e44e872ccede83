//! The servers: metrics over TCP, and the control socket.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use egret_config::{Names, Settings};
use egret_exporters::prometheus::{self, Metrics};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::state::State;
use crate::control::{self, Admission, Gate, Guard, Service, Socket, find_group};
use crate::status::Listening;

/// Listening sockets. Opened first, so that a second daemon fails before it changes anything.
pub(super) struct Listeners {
    control: Socket,
    admission: Admission,
    /// The static table of host names, if it is read.
    hosts: Option<PathBuf>,
    metrics: Option<(TcpListener, Arc<Metrics>)>,
}

impl Listeners {
    pub(super) fn open(settings: &Settings) -> Result<Self> {
        let guard = Guard::take(&settings.control.socket)?;
        let metrics = settings.metrics.as_ref().map(|metrics| {
            let listener = TcpListener::bind(metrics.listen)
                .with_context(|| format!("cannot serve metrics at {}", metrics.listen))?;
            listener.set_nonblocking(true)?;
            anyhow::Ok((listener, Metrics::new(&metrics.prometheus)?))
        });
        let group = settings.control.group.clone();
        let group = group.map(|name| anyhow::Ok((find_group(&name)?, name))).transpose()?;
        let hosts = settings.names.as_ref().and_then(Names::hosts_file);
        let control = Socket::listen(guard, group.as_ref().map(|(group, _)| *group))?;
        Ok(Self { control, admission: Admission { group }, hosts, metrics: metrics.transpose()? })
    }

    /// Starts the control socket, which answers that egret is starting.
    pub(super) fn answer(self, runtime: &Handle) -> Result<Answering> {
        let Self { control, admission, hosts, metrics } = self;
        let (stop, stopped) = watch::channel(());
        let (service, served) = watch::channel(None);
        let gate = Gate { admission, begun: Instant::now(), service: served };
        let listener = control.listener.try_clone().context("cannot use the control socket")?;
        let mut tasks = JoinSet::new();
        tasks.spawn_on(reported(control::serve(listener, gate, until_gone(stopped))), runtime);
        Ok(Answering { hosts, metrics, service, servers: Servers { tasks, stop, socket: control } })
    }
}

/// The control socket while egret starts, and the listener for metrics.
pub(super) struct Answering {
    hosts: Option<PathBuf>,
    metrics: Option<(TcpListener, Arc<Metrics>)>,
    service: watch::Sender<Option<Service>>,
    servers: Servers,
}

impl Answering {
    pub(super) fn listening(&self) -> Listening {
        let metrics = self.metrics.as_ref().and_then(|(listener, _)| listener.local_addr().ok());
        Listening { control: self.servers.socket.path().to_owned(), metrics }
    }

    pub(super) fn metrics(&self) -> Option<Arc<Metrics>> {
        self.metrics.as_ref().map(|(_, metrics)| Arc::clone(metrics))
    }

    /// Serves all requests from now on. Must be called within a runtime.
    pub(super) fn serve(self, state: &Arc<State>) -> Result<Servers> {
        let Self { hosts, metrics, service, mut servers } = self;
        if let Some((listener, metrics)) = metrics {
            let service =
                prometheus::Service { metrics, source: Arc::clone(state) as _, health: Arc::clone(state) as _ };
            let listener = tokio::net::TcpListener::from_std(listener).context("cannot serve metrics")?;
            let stopped = until_gone(servers.stop.subscribe());
            servers.tasks.spawn(reported(prometheus::serve(listener, service, stopped)));
        }
        service.send_replace(Some(Service {
            describe: Arc::clone(state) as _,
            live: Arc::clone(&state.live),
            controller: state.controller.clone(),
            hosts,
        }));
        Ok(servers)
    }
}

/// Ready when the sender is dropped.
async fn until_gone(mut stopped: watch::Receiver<()>) {
    let _ = stopped.changed().await;
}

async fn reported(server: impl Future<Output = std::io::Result<()>>) {
    if let Err(error) = server.await {
        tracing::error!(%error, "a server ended");
    }
}

/// The running servers. Dropping them removes the file of the control socket.
pub(super) struct Servers {
    tasks: JoinSet<()>,
    stop: watch::Sender<()>,
    socket: Socket,
}

impl Servers {
    /// Finishes open requests and ends.
    pub(super) async fn end(mut self) {
        drop(self.stop);
        while self.tasks.join_next().await.is_some() {}
    }
}
