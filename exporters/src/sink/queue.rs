//! A bounded queue of batches. The sender never waits: events that do not fit are dropped and counted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::DropReason;
use super::batch::Batch;
use super::ledger::{Ledger, count};

/// A queue of at most `capacity` events for the sink of this name.
///
/// An event takes about 350 bytes. The queues of all sinks share it, and all events of a process share names, paths and arguments.
#[must_use]
pub fn queue(sink: &'static str, capacity: usize) -> (Sender, Receiver) {
    let ledger = Ledger::new(sink, capacity);
    let shared = Arc::new(Shared { state: Mutex::default(), changed: Notify::new() });
    let sender = Sender { shared: Arc::clone(&shared), ledger: ledger.clone() };
    (sender, Receiver { shared, ledger, in_hand: 0 })
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    batches: VecDeque<Batch>,
    waiting: usize,
    sender_gone: bool,
    receiver_gone: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sending half. Dropping it closes the queue; waiting events are still delivered.
#[derive(Debug)]
pub struct Sender {
    shared: Arc<Shared>,
    ledger: Ledger,
}

impl Sender {
    /// Enqueues as many events of a batch as fit and counts the rest as dropped. Never waits.
    pub fn offer(&self, batch: &Batch) {
        self.offer_within(batch, self.ledger.capacity());
    }

    /// [`Self::offer`] with a smaller capacity than the queue's, for when memory is short.
    pub fn offer_within(&self, batch: &Batch, capacity: usize) {
        let mut state = self.shared.lock();
        let capacity = capacity.min(self.ledger.capacity());
        let room = if state.receiver_gone { 0 } else { capacity.saturating_sub(state.waiting) };
        let (fits, rest) = batch.clone().split(room);
        self.ledger.enqueued(fits.len(), rest.len());
        if !fits.is_empty() {
            state.waiting += fits.len();
            state.batches.push_back(fits);
            drop(state);
            self.shared.changed.notify_one();
        }
    }

    /// Whether the sink has ended, so that offered events are dropped.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.lock().receiver_gone
    }

    /// Events that fit now.
    #[must_use]
    pub fn room(&self) -> usize {
        let state = self.shared.lock();
        if state.receiver_gone { 0 } else { self.ledger.capacity().saturating_sub(state.waiting) }
    }

    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.shared.lock().sender_gone = true;
        self.shared.changed.notify_one();
    }
}

/// The receiving half, the sink's. The sink must report every event it takes with [`Self::sent`] or [`Self::dropped`]; events
/// without a report count as [`DropReason::Shutdown`] when this is dropped.
#[derive(Debug)]
pub struct Receiver {
    shared: Arc<Shared>,
    ledger: Ledger,
    in_hand: u64,
}

impl Receiver {
    /// The next batch; `None` once the queue is closed and empty. Cancel safe.
    pub async fn next(&mut self) -> Option<Batch> {
        loop {
            {
                let mut state = self.shared.lock();
                if let Some(batch) = take(&mut state) {
                    self.ledger.taken(batch.len());
                    self.in_hand += count(batch.len());
                    return Some(batch);
                }
                if state.sender_gone {
                    return None;
                }
            }
            self.shared.changed.notified().await;
        }
    }

    /// The next batch, without waiting.
    pub fn try_next(&mut self) -> Option<Batch> {
        let batch = take(&mut self.shared.lock())?;
        self.ledger.taken(batch.len());
        self.in_hand += count(batch.len());
        Some(batch)
    }

    /// Reports events taken as delivered to the destination.
    pub fn sent(&mut self, events: u64) {
        self.in_hand = self.in_hand.saturating_sub(events);
        self.ledger.sent(events);
    }

    /// Reports events taken as dropped.
    pub fn dropped(&mut self, events: u64, reason: DropReason) {
        self.in_hand = self.in_hand.saturating_sub(events);
        self.ledger.dropped(events, reason);
    }

    /// Events taken and not yet reported.
    #[must_use]
    pub const fn in_hand(&self) -> u64 {
        self.in_hand
    }

    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

fn take(state: &mut State) -> Option<Batch> {
    let batch = state.batches.pop_front()?;
    state.waiting -= batch.len();
    Some(batch)
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.receiver_gone = true;
        let waiting: usize = state.batches.drain(..).map(|batch| batch.len()).sum();
        state.waiting = 0;
        self.ledger.taken(waiting);
        self.ledger.dropped(count(waiting) + self.in_hand, DropReason::Shutdown);
    }
}

#[cfg(test)]
mod tests {
    use egret_model::{ConnectionId, Event, EventName, Layer, Timestamp};

    use super::*;

    fn batch(events: usize) -> Batch {
        let id = ConnectionId { socket: 1, opened: 2 };
        vec![Event::new(EventName::Listen, Timestamp(0), id, Layer::Sockets); events].into()
    }

    fn balances(ledger: &Ledger) -> bool {
        let account = ledger.account();
        account.enqueued == account.sent + account.dropped.total() + account.queued
    }

    #[test]
    fn events_beyond_the_capacity_are_dropped_and_counted() {
        let (sender, mut receiver) = queue("trial", 5);
        sender.offer(&batch(3));
        sender.offer(&batch(4));
        let account = sender.ledger().account();
        assert_eq!((account.enqueued, account.queued, account.waiting), (7, 5, 5));
        assert_eq!(account.dropped.get(DropReason::QueueFull), 2);
        assert_eq!(receiver.try_next().map(|batch| batch.len()), Some(3));
        receiver.sent(2);
        receiver.dropped(1, DropReason::Rejected);
        assert!(balances(sender.ledger()));
        assert_eq!(receiver.try_next().map(|batch| batch.len()), Some(2));
        assert!(receiver.try_next().is_none());
        assert_eq!((receiver.in_hand(), sender.ledger().account().waiting), (2, 0));
    }

    #[test]
    fn offer_within_keeps_to_the_smaller_capacity() {
        let (sender, mut receiver) = queue("trial", 10);
        sender.offer_within(&batch(4), 3);
        sender.offer_within(&batch(1), 3);
        assert_eq!((sender.ledger().account().queued, sender.ledger().account().dropped.total()), (3, 2));
        sender.offer(&batch(4));
        assert_eq!(sender.ledger().account().queued, 7);
        let _ = receiver.try_next();
    }

    #[test]
    fn taking_a_batch_frees_capacity() {
        let (sender, mut receiver) = queue("trial", 4);
        sender.offer(&batch(4));
        let _ = receiver.try_next();
        sender.offer(&batch(4));
        assert_eq!(sender.ledger().account().dropped.total(), 0);
    }

    #[tokio::test]
    async fn closed_queue_delivers_waiting_events() {
        let (sender, mut receiver) = queue("trial", 10);
        sender.offer(&batch(4));
        let ledger = sender.ledger().clone();
        drop(sender);
        assert_eq!(receiver.next().await.map(|batch| batch.len()), Some(4));
        receiver.sent(4);
        assert!(receiver.next().await.is_none());
        assert_eq!(ledger.account().sent, 4);
    }

    #[tokio::test]
    async fn offer_wakes_the_waiting_sink() {
        let (sender, mut receiver) = queue("trial", 10);
        let taken = tokio::spawn(async move { receiver.next().await.map(|batch| batch.len()) });
        tokio::task::yield_now().await;
        sender.offer(&batch(1));
        assert_eq!(taken.await.unwrap(), Some(1));
    }

    #[test]
    fn ended_sink_counts_its_events_as_dropped() {
        let (sender, mut receiver) = queue("trial", 10);
        sender.offer(&batch(3));
        sender.offer(&batch(3));
        let _ = receiver.try_next();
        receiver.sent(1);
        drop(receiver);
        sender.offer(&batch(2));
        let account = sender.ledger().account();
        assert_eq!((account.sent, account.queued), (1, 0));
        assert_eq!(account.dropped.get(DropReason::Shutdown), 5);
        assert_eq!(account.dropped.get(DropReason::QueueFull), 2);
    }

    #[test]
    fn abandoned_events_stay_dropped() {
        let (sender, mut receiver) = queue("trial", 10);
        sender.offer(&batch(3));
        let _ = receiver.try_next();
        sender.ledger().abandon();
        receiver.sent(3);
        let account = sender.ledger().account();
        assert_eq!((account.sent, account.dropped.get(DropReason::Shutdown), account.queued), (0, 3, 0));
    }
}
