//! A bounded queue of batches. Who offers never waits; what does not fit is dropped and counted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::batch::Batch;
use super::ledger::{DropReason, Ledger, count};

/// A queue for the sink of this name that holds at most `capacity` events.
///
/// An event takes about 350 bytes, and is shared by the queues of all sinks; names, paths and arguments are shared by
/// all events of a process.
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

/// The end that events are offered to. Dropping it closes the queue: what waits is still delivered.
#[derive(Debug)]
pub struct Sender {
    shared: Arc<Shared>,
    ledger: Ledger,
}

impl Sender {
    /// Puts as much of a batch as there is room for into the queue, and counts the rest as dropped. Never waits.
    pub fn offer(&self, batch: &Batch) {
        self.offer_within(batch, self.ledger.capacity());
    }

    /// As [`Self::offer`], with less room than the queue has: for when memory is short.
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

    /// Whether the sink has gone: what is offered now is dropped.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.lock().receiver_gone
    }

    /// Events for which there is room now.
    #[must_use]
    pub fn room(&self) -> usize {
        let state = self.shared.lock();
        if state.receiver_gone { 0 } else { self.ledger.capacity().saturating_sub(state.waiting) }
    }

    /// The sink's account.
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

/// The sink's end. Every event taken must be accounted for with [`Self::sent`] or [`Self::dropped`]; what is not when
/// this is dropped counts as [`DropReason::Shutdown`].
#[derive(Debug)]
pub struct Receiver {
    shared: Arc<Shared>,
    ledger: Ledger,
    in_hand: u64,
}

impl Receiver {
    /// The next batch; `None` once the queue is closed and empty. Cancelling it loses nothing.
    pub async fn next(&mut self) -> Option<Batch> {
        loop {
            {
                let mut state = self.shared.lock();
                if let Some(batch) = take(&mut state) {
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

    /// The next batch, if one waits.
    pub fn try_next(&mut self) -> Option<Batch> {
        let batch = take(&mut self.shared.lock())?;
        self.in_hand += count(batch.len());
        Some(batch)
    }

    /// The destination has this many of the events taken.
    pub fn sent(&mut self, events: u64) {
        self.in_hand = self.in_hand.saturating_sub(events);
        self.ledger.sent(events);
    }

    /// This many of the events taken are given up.
    pub fn dropped(&mut self, events: u64, reason: DropReason) {
        self.in_hand = self.in_hand.saturating_sub(events);
        self.ledger.dropped(events, reason);
    }

    /// Events taken and not yet accounted for.
    #[must_use]
    pub const fn in_hand(&self) -> u64 {
        self.in_hand
    }

    /// The sink's account.
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
        let waiting: u64 = state.batches.drain(..).map(|batch| count(batch.len())).sum();
        state.waiting = 0;
        self.ledger.dropped(waiting + self.in_hand, DropReason::Shutdown);
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
    fn what_does_not_fit_is_dropped_and_counted() {
        let (sender, mut receiver) = queue("trial", 5);
        sender.offer(&batch(3));
        sender.offer(&batch(4));
        let account = sender.ledger().account();
        assert_eq!((account.enqueued, account.queued), (7, 5));
        assert_eq!(account.dropped.of(DropReason::QueueFull), 2);
        assert_eq!(receiver.try_next().map(|batch| batch.len()), Some(3));
        receiver.sent(2);
        receiver.dropped(1, DropReason::Rejected);
        assert!(balances(sender.ledger()));
        assert_eq!(receiver.try_next().map(|batch| batch.len()), Some(2));
        assert!(receiver.try_next().is_none());
        assert_eq!(receiver.in_hand(), 2);
    }

    #[test]
    fn less_room_than_the_queue_has_is_kept_to() {
        let (sender, mut receiver) = queue("trial", 10);
        sender.offer_within(&batch(4), 3);
        sender.offer_within(&batch(1), 3);
        assert_eq!((sender.ledger().account().queued, sender.ledger().account().dropped.total()), (3, 2));
        sender.offer(&batch(4));
        assert_eq!(sender.ledger().account().queued, 7);
        let _ = receiver.try_next();
    }

    #[test]
    fn room_is_there_again_once_a_batch_was_taken() {
        let (sender, mut receiver) = queue("trial", 4);
        sender.offer(&batch(4));
        let _ = receiver.try_next();
        sender.offer(&batch(4));
        assert_eq!(sender.ledger().account().dropped.total(), 0);
    }

    #[tokio::test]
    async fn a_closed_queue_delivers_what_waits() {
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
    async fn a_waiting_sink_is_woken() {
        let (sender, mut receiver) = queue("trial", 10);
        let taken = tokio::spawn(async move { receiver.next().await.map(|batch| batch.len()) });
        tokio::task::yield_now().await;
        sender.offer(&batch(1));
        assert_eq!(taken.await.unwrap(), Some(1));
    }

    #[test]
    fn a_sink_that_ends_has_dropped_what_it_had() {
        let (sender, mut receiver) = queue("trial", 10);
        sender.offer(&batch(3));
        sender.offer(&batch(3));
        let _ = receiver.try_next();
        receiver.sent(1);
        drop(receiver);
        sender.offer(&batch(2));
        let account = sender.ledger().account();
        assert_eq!((account.sent, account.queued), (1, 0));
        assert_eq!(account.dropped.of(DropReason::Shutdown), 5);
        assert_eq!(account.dropped.of(DropReason::QueueFull), 2);
    }

    #[test]
    fn what_was_abandoned_stays_dropped() {
        let (sender, mut receiver) = queue("trial", 10);
        sender.offer(&batch(3));
        let _ = receiver.try_next();
        sender.ledger().abandon();
        receiver.sent(3);
        let account = sender.ledger().account();
        assert_eq!((account.sent, account.dropped.of(DropReason::Shutdown), account.queued), (0, 3, 0));
    }
}
