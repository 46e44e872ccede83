//! A sink at work.

use std::thread;

use anyhow::{Context as _, Result};
use egret_exporters::sink::{Ledger, Receiver};
use futures_util::future::{BoxFuture, LocalBoxFuture};
use tokio::sync::oneshot;

/// Threads that a sink with a thread of its own may use besides, for calls that block.
const BLOCKING: usize = 2;

/// What a sink does with its queue until that is closed and empty, and where.
pub(super) enum Work {
    /// On a thread of its own, because it writes files, which may block.
    Thread(Box<dyn FnOnce(Receiver) -> LocalBoxFuture<'static, ()> + Send>),
    /// With others that wait for the network.
    Shared(Box<dyn FnOnce(Receiver) -> BoxFuture<'static, ()> + Send>),
}

/// A sink at work.
#[derive(Debug)]
pub(super) struct Running {
    ledger: Ledger,
    ended: oneshot::Receiver<()>,
    cancel: Option<oneshot::Sender<()>>,
}

impl Running {
    /// Puts a sink to work. Must be called where there is a runtime.
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
                let runtime = runtime.build().context("cannot make a runtime")?;
                let body = move || runtime.block_on(until_cancelled(work(inbox), cancelled, end));
                thread::Builder::new().name(name).spawn(body).context("cannot start a thread")?;
            }
        }
        Ok(Self { ledger, ended, cancel: Some(cancel) })
    }

    /// The sink's name.
    pub(super) const fn name(&self) -> &'static str {
        self.ledger.sink()
    }

    /// Waits until it has ended.
    pub(super) async fn end(&mut self) {
        // Nothing is ever sent.
        let _ = (&mut self.ended).await;
    }

    /// Has it end where it stands, with the next thing that it waits for.
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
    // Told when dropped, also by a panic.
    drop(end);
}
