//! A running sink.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use egret_exporters::sink::{Account, Batch, Ledger, Receiver, Sender, queue};
use tokio::runtime;
use tokio::sync::Notify;

/// Timeout of waits, much longer than needed on a busy machine, and short enough to detect a hang.
const PATIENCE: Duration = Duration::from_secs(60);
/// Polling interval of conditions.
const LOOK: Duration = Duration::from_millis(1);

/// Polls until `condition` holds; `what` describes it.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "waited {PATIENCE:?} in vain for {what}");
        thread::sleep(LOOK);
    }
}

/// A sink on a separate thread, as the daemon runs it.
pub(crate) struct Running {
    sender: Option<Sender>,
    ledger: Ledger,
    thread: JoinHandle<()>,
    abandoned: Arc<Notify>,
}

impl Running {
    pub(crate) fn start<W: Future<Output = ()>>(
        name: &'static str,
        capacity: usize,
        run: impl FnOnce(Receiver) -> W + Send + 'static,
    ) -> Self {
        let (sender, receiver) = queue(name, capacity);
        let abandoned = Arc::new(Notify::new());
        let leave = Arc::clone(&abandoned);
        let thread = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                tokio::select! {
                    () = run(receiver) => {}
                    () = leave.notified() => {}
                }
            });
        });
        Self { ledger: sender.ledger().clone(), sender: Some(sender), thread, abandoned }
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub(crate) fn offer(&self, batch: &Batch) {
        self.sender.as_ref().unwrap().offer(batch);
    }

    /// Capacity of the queue.
    #[allow(dead_code, reason = "not every suite that includes this file fills queues")]
    pub(crate) fn room(&self) -> usize {
        self.sender.as_ref().unwrap().room()
    }

    /// Waits until every offered event is sent or dropped.
    pub(crate) fn settle(&self) -> Account {
        until("an empty queue", || self.ledger.account().queued == 0);
        self.ledger.account()
    }

    /// Closes the queue; the sink still processes its events.
    pub(crate) fn close(&mut self) {
        self.sender = None;
    }

    /// Closes the queue and waits for the sink to end.
    pub(crate) fn finish(mut self) -> Account {
        self.close();
        self.join()
    }

    /// Aborts the sink, as the daemon does at the drain timeout.
    pub(crate) fn abandon(mut self) -> Account {
        self.close();
        self.abandoned.notify_one();
        self.join()
    }

    fn join(self) -> Account {
        until("the end of the sink", || self.thread.is_finished());
        self.thread.join().unwrap();
        self.ledger.account()
    }
}
