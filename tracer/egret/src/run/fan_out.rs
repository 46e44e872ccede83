//! Hands every batch to every sink.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use egret_exporters::sink::{Batch, Sender};

/// The queues of all sinks. Offering never waits for a sink: a queue without room drops, and counts what it dropped.
#[derive(Debug, Default)]
pub(super) struct FanOut {
    sinks: Mutex<Vec<Sender>>,
    /// Memory is short.
    is_pressed: AtomicBool,
}

/// Part of their room that queues have while memory is short.
const PRESSED: usize = 8;

impl FanOut {
    /// Offers a batch to all.
    pub(super) fn offer(&self, batch: &Batch) {
        let part = if self.is_pressed.load(Ordering::Relaxed) { PRESSED } else { 1 };
        self.lock().iter().for_each(|sink| sink.offer_within(batch, sink.ledger().capacity() / part));
    }

    /// Says whether memory is short from now on: queues have an eighth of their room then.
    pub(super) fn press(&self, is_pressed: bool) {
        self.is_pressed.store(is_pressed, Ordering::Relaxed);
    }

    /// From here on events go to this queue, and no longer to the one that a sink of the same name has, which closes: no
    /// event goes to both or to neither.
    pub(super) fn put(&self, sender: Sender) {
        let name = sender.ledger().sink();
        let mut sinks = self.lock();
        sinks.retain(|sink| sink.ledger().sink() != name);
        sinks.push(sender);
    }

    /// Closes the queue of a sink.
    pub(super) fn remove(&self, name: &str) {
        self.lock().retain(|sink| sink.ledger().sink() != name);
    }

    /// The sinks that have gone although their queues are open.
    pub(super) fn broken(&self) -> impl Iterator<Item = &'static str> {
        let gone = |sink: &Sender| sink.is_closed().then(|| sink.ledger().sink());
        self.lock().iter().filter_map(gone).collect::<Vec<_>>().into_iter()
    }

    /// Closes all queues.
    pub(super) fn close(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Sender>> {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
