//! The enriching thread, which adds verdicts to events and offers them to the sinks. It requests digests from other threads
//! and does not wait for them.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result};
use egret_capture::host::Digester;
use egret_enforcer::verdicts::{PendingEvents, Verdicts};
use egret_exporters::sink::Batch;
use egret_model::Event;
use tokio::sync::oneshot;

use super::fan_out::FanOut;
use super::tallies::Tallies;
use crate::control::Live;
use crate::privilege;

/// Starts the thread. It ends when capture has ended and all batches are processed, and then closes the queues of the sinks.
/// The returned receiver is ready once it has ended.
pub(super) fn start(
    batches: Receiver<Vec<Event>>,
    digester: Digester,
    fan_out: Arc<FanOut>,
    live: Arc<Live>,
    verdicts: Arc<Verdicts>,
    tallies: Arc<Tallies>,
) -> Result<oneshot::Receiver<()>> {
    let (end, ended) = oneshot::channel();
    let body = move || {
        if let Err(error) = privilege::reduce(Vec::new()) {
            tracing::warn!("{error:#}");
        }
        Enricher { digester, fan_out, live, verdicts, tallies, pending: PendingEvents::default() }.run(&batches);
        drop(end);
    };
    thread::Builder::new().name("egret-enrich".into()).spawn(body).context("cannot start a thread")?;
    Ok(ended)
}

struct Enricher {
    digester: Digester,
    fan_out: Arc<FanOut>,
    live: Arc<Live>,
    verdicts: Arc<Verdicts>,
    tallies: Arc<Tallies>,
    pending: PendingEvents,
}

impl Enricher {
    fn run(mut self, batches: &Receiver<Vec<Event>>) {
        while let Some(events) = self.next(batches) {
            self.digester.attend(&events);
            let passed = self.pending.pass(events, &self.verdicts);
            self.offer(passed);
        }
        let rest = self.pending.flush(&self.verdicts);
        self.offer(rest);
        self.fan_out.close();
        self.live.close();
    }

    /// The next batch, or an empty one when the verdict of a pending event is overdue; `None` at the end.
    fn next(&self, batches: &Receiver<Vec<Event>>) -> Option<Vec<Event>> {
        let Some(until) = self.pending.next_due() else { return batches.recv().ok() };
        match batches.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(events) => Some(events),
            Err(RecvTimeoutError::Timeout) => Some(Vec::new()),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    fn offer(&self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let batch = Batch::from(events);
        self.fan_out.offer(&batch);
        self.live.offer(&batch);
        self.tallies.offered(batch.len());
    }
}
