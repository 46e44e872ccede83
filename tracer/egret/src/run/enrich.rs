//! The thread that adds what takes time to find out, and hands events to the sinks.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;

use anyhow::{Context as _, Result};
use egret_capture::host::Hasher;
use egret_exporters::sink::Batch;
use egret_model::Event;
use tokio::sync::oneshot;

use super::fan_out::FanOut;
use super::privilege;
use crate::control::Live;

/// Starts it; what is returned is ready once it has ended. It does when capture has ended and all was handed on, and
/// closes the queues of the sinks.
pub(super) fn start(
    batches: Receiver<Vec<Event>>,
    hash: bool,
    fan_out: Arc<FanOut>,
    live: Arc<Live>,
) -> Result<oneshot::Receiver<()>> {
    let (end, ended) = oneshot::channel();
    let hasher = hash.then(Hasher::default);
    let body = move || {
        if let Err(error) = privilege::reduce(privilege::enrich(hash)) {
            tracing::warn!("{error:#}");
        }
        Enricher { hasher, fan_out, live }.run(batches);
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
}

impl Enricher {
    fn run(mut self, batches: Receiver<Vec<Event>>) {
        for events in batches {
            self.hash(&events);
            let batch = Batch::from(events);
            self.fan_out.offer(&batch);
            self.live.offer(&batch);
        }
        self.fan_out.close();
        self.live.close();
    }

    fn hash(&mut self, events: &[Event]) {
        let Some(hasher) = &mut self.hasher else { return };
        events.iter().filter_map(|event| event.process.as_deref()).for_each(|process| {
            hasher.digest(process);
        });
    }
}
