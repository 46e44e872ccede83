//! Those who watch events as they happen.

use std::sync::{Mutex, MutexGuard, PoisonError};

use egret_exporters::sink::{Account, Batch, Ledger, Receiver, Sender, queue};

/// Subscribers at most.
const SUBSCRIBERS: usize = 8;
/// Events that may wait for each of them. At 350 bytes an event, 23 MB if all of them stand still at different times.
const QUEUE_EVENTS: usize = 8192;

/// The queues of all subscribers: each is a sink of its own, that loses what it has no room for and slows nobody down.
#[derive(Debug, Default)]
pub(crate) struct Live(Mutex<Subscribers>);

#[derive(Debug, Default)]
struct Subscribers {
    present: Vec<Subscriber>,
    /// What became of the events of those who have left.
    past: Account,
    closed: bool,
}

#[derive(Debug)]
struct Subscriber {
    ledger: Ledger,
    /// `None` once there is nothing more to come.
    queue: Option<Sender>,
}

impl Live {
    /// The name of all of them together.
    pub(crate) const NAME: &'static str = "live";

    /// Events that may wait, of all subscribers that there can be.
    pub(crate) const CAPACITY: usize = SUBSCRIBERS * QUEUE_EVENTS;

    /// A new subscriber's queue; `None` if there is no room for one more.
    pub(crate) fn subscribe(&self) -> Option<Receiver> {
        let mut subscribers = self.lock();
        subscribers.forget_past();
        if subscribers.closed || subscribers.present.len() >= SUBSCRIBERS {
            return None;
        }
        let (sender, receiver) = queue(Self::NAME, QUEUE_EVENTS);
        subscribers.present.push(Subscriber { ledger: sender.ledger().clone(), queue: Some(sender) });
        Some(receiver)
    }

    /// Offers a batch to all.
    pub(crate) fn offer(&self, batch: &Batch) {
        let mut subscribers = self.lock();
        subscribers.forget_past();
        subscribers.present.iter().filter_map(|present| present.queue.as_ref()).for_each(|queue| queue.offer(batch));
    }

    /// Ends all subscriptions once what waits was delivered; there are no more of them.
    pub(crate) fn close(&self) {
        let mut subscribers = self.lock();
        subscribers.closed = true;
        subscribers.present.iter_mut().for_each(|present| present.queue = None);
    }

    /// Drops what still waits, because the time to drain is over.
    pub(crate) fn abandon(&self) {
        self.lock().present.iter().for_each(|present| present.ledger.abandon());
    }

    /// What became of the events of all subscribers, past and present.
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
    fn forget_past(&mut self) {
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

    use super::*;
    use crate::sample;

    fn batch(events: usize) -> Batch {
        vec![sample::event(); events].into()
    }

    #[test]
    fn one_who_stands_still_loses_for_himself_alone() {
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
    fn the_account_outlives_the_subscriber() {
        let live = Live::default();
        let gone = live.subscribe().unwrap();
        live.offer(&batch(5));
        drop(gone);
        live.offer(&batch(5));
        assert_eq!(live.account().enqueued, 5);
        assert_eq!(live.account().dropped.get(DropReason::Shutdown), 5);
    }

    #[test]
    fn places_are_bounded_and_become_free_again() {
        let live = Live::default();
        let all: Vec<_> = (0..SUBSCRIBERS).map(|_| live.subscribe().unwrap()).collect();
        assert!(live.subscribe().is_none());
        drop(all);
        assert!(live.subscribe().is_some());
        live.close();
        assert!(live.subscribe().is_none());
    }
}
