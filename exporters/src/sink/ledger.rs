//! The account of a sink.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Account, DropReason, SpoolState};

/// Keeps the account of a sink. Cheap to clone, because the account is shared.
#[derive(Clone, Debug)]
pub struct Ledger {
    sink: &'static str,
    capacity: usize,
    account: Arc<Mutex<Account>>,
    spool: Arc<Mutex<Option<SpoolState>>>,
}

impl Ledger {
    pub(super) fn new(sink: &'static str, capacity: usize) -> Self {
        Self { sink, capacity, account: Arc::default(), spool: Arc::default() }
    }

    /// The name of the sink.
    #[must_use]
    pub const fn sink(&self) -> &'static str {
        self.sink
    }

    /// Capacity of the queue, in events.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    #[must_use]
    pub fn account(&self) -> Account {
        *self.lock()
    }

    /// The state of the spool, for a sink that has one.
    #[must_use]
    pub fn spool_state(&self) -> Option<SpoolState> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_spool_state(&self, state: SpoolState) {
        *self.spool.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
    }

    /// Counts all queued events as dropped, because the drain timeout expired. What the sink reports about them later is ignored.
    pub fn abandon(&self) {
        let queued = self.lock().queued;
        self.dropped(queued, DropReason::Shutdown);
    }

    pub(super) fn enqueued(&self, accepted: usize, refused: usize) {
        let (accepted, refused) = (count(accepted), count(refused));
        let mut account = self.lock();
        account.enqueued += accepted + refused;
        account.queued += accepted;
        account.waiting += accepted;
        account.dropped.add(DropReason::QueueFull, refused);
    }

    /// The sink took events from the queue.
    pub(super) fn taken(&self, events: usize) {
        let mut account = self.lock();
        account.waiting = account.waiting.saturating_sub(count(events));
    }

    pub(super) fn sent(&self, events: u64) {
        let mut account = self.lock();
        let events = events.min(account.queued);
        account.queued -= events;
        account.sent += events;
    }

    pub(super) fn dropped(&self, events: u64, reason: DropReason) {
        let mut account = self.lock();
        let events = events.min(account.queued);
        account.queued -= events;
        account.dropped.add(reason, events);
    }

    /// A poisoned lock is usable: no update can panic halfway.
    fn lock(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn count(events: usize) -> u64 {
    u64::try_from(events).unwrap_or(u64::MAX)
}
