//! The thread that adds what takes time to find out, and hands events to the sinks.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result};
use egret_capture::host::Hasher;
use egret_exporters::sink::Batch;
use egret_model::Event;
use tokio::sync::oneshot;

use super::fan_out::FanOut;
use super::tallies::Tallies;
use crate::control::Live;
use crate::enforce::{Pen, Verdicts};
use crate::privilege;

/// Starts it; what is returned is ready once it has ended. It does when capture has ended and all was handed on, and
/// closes the queues of the sinks.
pub(super) fn start(
    batches: Receiver<Vec<Event>>,
    hash: bool,
    fan_out: Arc<FanOut>,
    live: Arc<Live>,
    verdicts: Arc<Verdicts>,
    tallies: Arc<Tallies>,
) -> Result<oneshot::Receiver<()>> {
    let (end, ended) = oneshot::channel();
    let hasher = hash.then(Hasher::default);
    let body = move || {
        if let Err(error) = privilege::reduce(privilege::enrich(hash)) {
            tracing::warn!("{error:#}");
        }
        Enricher { hasher, fan_out, live, verdicts, tallies, pen: Pen::default() }.run(&batches);
        // Told when dropped, also by a panic.
        drop(end);
    };
    thread::Builder::new().name("egret-enrich".into()).spawn(body).context("cannot start a thread")?;
    Ok(ended)
}

struct Enricher {
    hasher: Option<Hasher>,
    fan_out: Arc<FanOut>,
    live: Arc<Live>,
    verdicts: Arc<Verdicts>,
    tallies: Arc<Tallies>,
    /// Events that wait for their verdicts.
    pen: Pen,
}

impl Enricher {
    fn run(mut self, batches: &Receiver<Vec<Event>>) {
        while let Some(events) = self.next(batches) {
            self.hash(&events);
            let passed = self.pen.pass(events, &self.verdicts);
            self.offer(passed);
        }
        let rest = self.pen.empty(&self.verdicts);
        self.offer(rest);
        self.fan_out.close();
        self.live.close();
    }

    /// The next batch, an empty one once events have waited long enough; `None` at the end.
    fn next(&self, batches: &Receiver<Vec<Event>>) -> Option<Vec<Event>> {
        let Some(until) = self.pen.next() else { return batches.recv().ok() };
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

    fn hash(&mut self, events: &[Event]) {
        let Some(hasher) = &mut self.hasher else { return };
        events.iter().filter_map(|event| event.process.as_deref()).for_each(|process| {
            hasher.digest(process);
        });
    }
}
