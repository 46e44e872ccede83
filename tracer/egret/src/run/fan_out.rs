//! Offers every batch to every sink.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use egret_exporters::sink::{Batch, Sender};

/// The queues of all sinks. Offering never blocks: a full queue drops events and counts them.
#[derive(Debug, Default)]
pub(super) struct FanOut {
    sinks: Mutex<Vec<Sender>>,
    is_memory_short: AtomicBool,
}

/// Divisor of the capacity of queues while memory is short.
const PRESSURE_DIVISOR: usize = 8;

impl FanOut {
    /// Offers a batch to all sinks.
    pub(super) fn offer(&self, batch: &Batch) {
        let part = if self.is_memory_short.load(Ordering::Relaxed) { PRESSURE_DIVISOR } else { 1 };
        self.lock().iter().for_each(|sink| sink.offer_within(batch, sink.ledger().capacity() / part));
    }

    /// While memory is short, queues have an eighth of their capacity.
    pub(super) fn set_pressure(&self, is_memory_short: bool) {
        self.is_memory_short.store(is_memory_short, Ordering::Relaxed);
    }

    /// Adds a queue, and closes the queue of an earlier sink of the same name. Every event goes to exactly one of the two.
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

    /// The sinks that have ended although their queues are open.
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
