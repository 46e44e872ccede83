//! Who can be asked: metrics over TCP, everything else at the control socket.

use std::net::TcpListener;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use egret_exporters::prometheus::{self, Metrics};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::state::State;
use crate::config::Settings;
use crate::control::{self, Admission, Guard, Socket, find_group};
use crate::status::Listening;

/// Where to listen. Opened first of all: whoever finds the places taken has changed nothing.
pub(super) struct Listeners {
    control: Socket,
    admission: Admission,
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
        let control = Socket::listen(guard, group.as_ref().map(|(group, _)| *group))?;
        Ok(Self { control, admission: Admission { group }, metrics: metrics.transpose()? })
    }

    /// Where they listen.
    pub(super) fn listening(&self) -> Listening {
        let metrics = self.metrics.as_ref().and_then(|(listener, _)| listener.local_addr().ok());
        Listening { control: self.control.path().to_owned(), metrics }
    }

    /// What the metrics sink counts in.
    pub(super) fn metrics(&self) -> Option<Arc<Metrics>> {
        self.metrics.as_ref().map(|(_, metrics)| Arc::clone(metrics))
    }

    /// Begins to answer. Must be called where there is a runtime.
    pub(super) fn serve(self, state: &Arc<State>) -> Result<Servers> {
        let (stop, stopped) = watch::channel(());
        let stopped = move || {
            let mut stopped = stopped.clone();
            async move {
                // Nothing is ever sent: it ends when the sender goes.
                let _ = stopped.changed().await;
            }
        };
        let mut tasks = JoinSet::new();
        let service = control::Service {
            describe: Arc::clone(state) as _,
            live: Arc::clone(&state.live),
            desk: state.desk.clone(),
            admission: self.admission,
        };
        let listener = self.control.listener.try_clone().context("cannot use the control socket")?;
        tasks.spawn(told(control::serve(listener, service, stopped())));
        if let Some((listener, metrics)) = self.metrics {
            let service =
                prometheus::Service { metrics, source: Arc::clone(state) as _, health: Arc::clone(state) as _ };
            let listener = tokio::net::TcpListener::from_std(listener).context("cannot serve metrics")?;
            tasks.spawn(told(prometheus::serve(listener, service, stopped())));
        }
        Ok(Servers { tasks, stop, _socket: self.control })
    }
}

async fn told(server: impl Future<Output = std::io::Result<()>>) {
    if let Err(error) = server.await {
        tracing::error!(%error, "a server ended");
    }
}

/// The servers at work. The control socket's file goes with them.
pub(super) struct Servers {
    tasks: JoinSet<()>,
    stop: watch::Sender<()>,
    _socket: Socket,
}

impl Servers {
    /// Gives the answers that are under way, and ends.
    pub(super) async fn end(mut self) {
        drop(self.stop);
        while self.tasks.join_next().await.is_some() {}
    }
}
