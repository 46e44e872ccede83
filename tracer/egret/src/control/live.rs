//! Subscribers to live events.

use std::sync::{Mutex, MutexGuard, PoisonError};

use egret_exporters::sink::{Account, Batch, Ledger, Receiver, Sender, queue};

const SUBSCRIBERS: usize = 8;
/// Capacity of a subscriber's queue. At 350 bytes an event, full queues take at most 23 MB.
const QUEUE_EVENTS: usize = 8192;

/// The queues of all subscribers. Each is a sink of its own: a full queue drops events and does not delay others.
#[derive(Debug, Default)]
pub(crate) struct Live(Mutex<Subscribers>);

#[derive(Debug, Default)]
struct Subscribers {
    present: Vec<Subscriber>,
    /// The sum of the accounts of former subscribers.
    past: Account,
    closed: bool,
}

#[derive(Debug)]
struct Subscriber {
    ledger: Ledger,
    /// `None` once the subscription is closed.
    queue: Option<Sender>,
}

impl Live {
    /// The name of all subscribers together as a sink.
    pub(crate) const NAME: &'static str = "live";

    /// The capacity of all queues.
    pub(crate) const CAPACITY: usize = SUBSCRIBERS * QUEUE_EVENTS;

    /// Adds a subscriber; `None` at the limit.
    pub(crate) fn subscribe(&self) -> Option<Receiver> {
        let mut subscribers = self.lock();
        subscribers.remove_closed();
        if subscribers.closed || subscribers.present.len() >= SUBSCRIBERS {
            return None;
        }
        let (sender, receiver) = queue(Self::NAME, QUEUE_EVENTS);
        subscribers.present.push(Subscriber { ledger: sender.ledger().clone(), queue: Some(sender) });
        Some(receiver)
    }

    /// Offers a batch to all subscribers.
    pub(crate) fn offer(&self, batch: &Batch) {
        let mut subscribers = self.lock();
        subscribers.remove_closed();
        subscribers.present.iter().filter_map(|present| present.queue.as_ref()).for_each(|queue| queue.offer(batch));
    }

    /// Closes all subscriptions after their queues are delivered, and accepts no more.
    pub(crate) fn close(&self) {
        let mut subscribers = self.lock();
        subscribers.closed = true;
        subscribers.present.iter_mut().for_each(|present| present.queue = None);
    }

    /// Drops the events in all queues at the end of the drain time.
    pub(crate) fn abandon(&self) {
        self.lock().present.iter().for_each(|present| present.ledger.abandon());
    }

    /// The sum of the accounts of all subscribers, including former ones.
    pub(crate) fn account(&self) -> Account {
        let subscribers = self.lock();
        let mut sum = subscribers.past;
        subscribers.present.iter().for_each(|present| sum += present.ledger.account());
        sum
    }

    fn lock(&self) -> MutexGuard<'_, Subscribers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscribers {
    fn remove_closed(&mut self) {
        let past = &mut self.past;
        self.present.retain(|present| {
            let gone = present.queue.as_ref().is_some_and(Sender::is_closed);
            if gone {
                *past += present.ledger.account();
            }
            !gone
        });
    }
}

#[cfg(test)]
mod tests {
    use egret_exporters::sink::DropReason;
    use egret_model::sample;

    use super::*;

    fn batch(events: usize) -> Batch {
        vec![sample::event(); events].into()
    }

    #[test]
    fn slow_subscriber_drops_only_its_own_events() {
        let live = Live::default();
        let (mut quick, _slow) = (live.subscribe().unwrap(), live.subscribe().unwrap());
        for _ in 0..3 {
            live.offer(&batch(QUEUE_EVENTS / 2));
            let taken = quick.try_next().unwrap();
            quick.sent(taken.len() as u64);
        }
        assert_eq!(quick.ledger().account().dropped.total(), 0);
        let account = live.account();
        assert_eq!(account.dropped.get(DropReason::QueueFull), QUEUE_EVENTS as u64 / 2);
        assert_eq!(account.enqueued, account.sent + account.dropped.total() + account.queued);
    }

    #[test]
    fn accounts_include_former_subscribers() {
        let live = Live::default();
        let gone = live.subscribe().unwrap();
        live.offer(&batch(5));
        drop(gone);
        live.offer(&batch(5));
        assert_eq!(live.account().enqueued, 5);
        assert_eq!(live.account().dropped.get(DropReason::Shutdown), 5);
    }

    #[test]
    fn number_of_subscribers_is_bounded() {
        let live = Live::default();
        let all: Vec<_> = (0..SUBSCRIBERS).map(|_| live.subscribe().unwrap()).collect();
        assert!(live.subscribe().is_none());
        drop(all);
        assert!(live.subscribe().is_some());
        live.close();
        assert!(live.subscribe().is_none());
    }
}
