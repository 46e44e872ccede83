//! A running sink with one destination, whose account is checked continuously.

use egret_exporters::sink::{Account, Batch};

use crate::load::{Auditor, batches};
use crate::running::{Running, until};
use crate::subject::{Condition, Delivery, Destination, Expected, Holds, Permitted, Ready};

pub(crate) struct Trial {
    permitted: Permitted,
    destination: Box<dyn Destination>,
    sink: Running,
    auditor: Auditor,
    offered: u64,
}

impl Trial {
    /// Starts a sink with this queue capacity. `None` if it refuses, as expected.
    pub(crate) fn start(
        mut destination: Box<dyn Destination>,
        expected: Expected,
        queue_events: usize,
    ) -> Option<Self> {
        match (expected, destination.sink()) {
            (Expected::Account(permitted), Ok(ready)) => Some(Self::run(permitted, destination, ready, queue_events)),
            (Expected::StartError, Err(error)) => {
                assert!(error.contains(&destination.address()), "{error}");
                None
            }
            (Expected::Account(_), Err(error)) => panic!("refused to start: {error}"),
            (expected, Ok(_)) => panic!("started, but: {expected:?}"),
            (expected @ Expected::Inapplicable(_), Err(_)) => panic!("not to be started: {expected:?}"),
        }
    }

    fn run(permitted: Permitted, destination: Box<dyn Destination>, ready: Ready, queue_events: usize) -> Self {
        let sink = Running::start("trial", queue_events, ready);
        let auditor = Auditor::start(sink.ledger().clone());
        Self { permitted, destination, sink, auditor, offered: 0 }
    }

    /// Offers further events without a pause.
    pub(crate) fn offer(&mut self, count: u64) {
        for batch in self.further(count) {
            self.sink.offer(&batch);
        }
    }

    /// Offers further events, each batch once those before are accounted for.
    pub(crate) fn offer_slowly(&mut self, count: u64) {
        for batch in self.further(count) {
            self.sink.offer(&batch);
            self.sink.settle();
        }
    }

    fn further(&mut self, count: u64) -> Vec<Batch> {
        let first = self.offered;
        self.offered += count;
        batches(first, count)
    }

    pub(crate) fn set(&mut self, condition: Condition) {
        self.destination.set(condition);
    }

    pub(crate) fn account(&self) -> Account {
        self.sink.ledger().account()
    }

    /// Waits until events were dropped for the required reason.
    pub(crate) fn until_dropped(&self) {
        let reason = self.permitted.must.unwrap();
        until(&format!("drops for {reason:?}"), || self.account().dropped.get(reason) > 0);
    }

    /// Waits until every offered event is sent or dropped.
    pub(crate) fn settle(&self) {
        self.sink.settle();
    }

    /// Waits until the sink drops events if it must, or until it processes some.
    pub(crate) fn until_noticed(&self) {
        if self.permitted.must.is_some() { self.until_dropped() } else { self.until_at_work() }
    }

    /// Waits until the sink processes events.
    pub(crate) fn until_at_work(&self) {
        let waiting = || self.sink.ledger().capacity() - self.sink.room();
        until("a sink at work", || waiting() < usize::try_from(self.account().enqueued).unwrap());
    }

    /// Closes the queue, waits for the sink, and compares its account with what the destination has.
    pub(crate) fn finish(self) {
        self.end(Running::finish);
    }

    /// The same, but the sink is aborted.
    pub(crate) fn abandon(self) {
        self.end(Running::abandon);
    }

    fn end(mut self, end: impl FnOnce(Running) -> Account) {
        let account = end(self.sink);
        self.auditor.finish();
        self.permitted.check(&account, self.offered);
        self.permitted.delivery.check(&account, self.destination.holds(), self.offered);
    }
}

impl Permitted {
    /// Asserts that every event is accounted for, and dropped only for permitted reasons.
    fn check(&self, account: &Account, offered: u64) {
        assert_eq!((account.enqueued, account.queued), (offered, 0), "{account:?}");
        assert_eq!(account.enqueued, account.sent + account.dropped.total(), "{account:?}");
        for (reason, count) in account.dropped.iter() {
            assert_eq!(count > 0, self.must == Some(reason), "{count} dropped for {reason:?}: {account:?}");
        }
    }
}

impl Delivery {
    fn check(self, account: &Account, holds: Holds, offered: u64) {
        match holds {
            Holds::Events(events) => self.check_events(account, &events, offered),
            Holds::Count(count) => assert_eq!((self, count), (Self::Exactly, account.sent), "{account:?}"),
        }
    }

    fn check_events(self, account: &Account, events: &[u64], offered: u64) {
        assert!(events.iter().all(|event| *event < offered), "events that were not offered");
        let distinct = u64::try_from(distinct(events)).unwrap();
        match self {
            Self::Exactly => {
                assert!(events.is_sorted_by(|one, next| one < next), "out of order, or twice");
                assert_eq!(distinct, account.sent, "{account:?}");
            }
            Self::AtLeast => assert!(distinct >= account.sent, "only {distinct}: {account:?}"),
        }
    }
}

fn distinct(events: &[u64]) -> usize {
    events.iter().collect::<std::collections::HashSet<_>>().len()
}
