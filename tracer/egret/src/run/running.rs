//! A running sink.

use std::thread;

use anyhow::{Context as _, Result};
use egret_exporters::sink::{Ledger, Receiver};
use futures_util::future::{BoxFuture, LocalBoxFuture};
use tokio::sync::oneshot;

/// Threads for blocking calls of a sink with its own thread.
const BLOCKING: usize = 2;

/// The body of a sink, which runs until its queue is closed and empty.
pub(super) enum Work {
    /// On its own thread, because writing files may block.
    Thread(Box<dyn FnOnce(Receiver) -> LocalBoxFuture<'static, ()> + Send>),
    /// On the shared runtime.
    Shared(Box<dyn FnOnce(Receiver) -> BoxFuture<'static, ()> + Send>),
}

#[derive(Debug)]
pub(super) struct Running {
    ledger: Ledger,
    ended: oneshot::Receiver<()>,
    cancel: Option<oneshot::Sender<()>>,
}

impl Running {
    /// Starts a sink. Must be called within a runtime.
    pub(super) fn start(work: Work, inbox: Receiver) -> Result<Self> {
        let ledger = inbox.ledger().clone();
        let (cancel, cancelled) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        match work {
            Work::Shared(work) => drop(tokio::spawn(until_cancelled(work(inbox), cancelled, end))),
            Work::Thread(work) => {
                let name = format!("egret-{}", ledger.sink());
                let mut runtime = tokio::runtime::Builder::new_current_thread();
                runtime.enable_all().thread_name(&name).max_blocking_threads(BLOCKING);
                let runtime = runtime.build().context("cannot create a runtime")?;
                let body = move || runtime.block_on(until_cancelled(work(inbox), cancelled, end));
                thread::Builder::new().name(name).spawn(body).context("cannot start a thread")?;
            }
        }
        Ok(Self { ledger, ended, cancel: Some(cancel) })
    }

    pub(super) const fn name(&self) -> &'static str {
        self.ledger.sink()
    }

    pub(super) async fn end(&mut self) {
        // Ready when the sender is dropped.
        let _ = (&mut self.ended).await;
    }

    /// Cancels the sink at its next await point.
    pub(super) fn cancel(&mut self) {
        self.cancel = None;
    }
}

async fn until_cancelled(work: impl Future<Output = ()>, cancelled: oneshot::Receiver<()>, end: oneshot::Sender<()>) {
    tokio::select! {
        biased;
        () = work => {}
        _ = cancelled => {}
    }
    drop(end);
}
