//! The sink: takes events, sends spans, keeps the account.

use std::time::Duration;

use tokio::time::timeout_at;

use super::delivery::Delivery;
use super::request::{LONGEST, Pending};
use super::span::{Seed, Spans};
use super::{Error, Settings, host, resource, wire};
use crate::sink::{Batch, DropReason, Receiver};

/// Sends the spans of connections to a collector.
///
/// Holds at most one request, 4 MB, and its copies while it is compressed and sent; what comes meanwhile waits in the
/// queue.
#[derive(Debug)]
pub struct Sink {
    spans: Spans,
    delivery: Delivery,
    batch_spans: u64,
    batch_delay: Duration,
    resource: Vec<u8>,
    scope: Vec<u8>,
    pending: Pending,
    /// One event's spans.
    fresh: Vec<u8>,
    count: Count,
}

/// Spans, which the queue's account does not know: it is in events, of which each makes up to three.
#[derive(Debug, Default)]
struct Count {
    taken: u64,
    rejected: u64,
    given_up: u64,
}

/// What there is to do next.
enum Next {
    Batch(Batch),
    /// Spans have waited long enough for company.
    Due,
    Closed,
}

impl Sink {
    /// A sink that has not connected yet: a collector that is away is no reason not to start.
    ///
    /// # Errors
    ///
    /// If the address, a header, a certificate or a key cannot be used.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        Ok(Self {
            spans: Spans::new(Seed::of_boot(&host::boot_id()?), std::process::id(), settings.arguments.clone()),
            delivery: Delivery::new(settings)?,
            batch_spans: u64::try_from(settings.batch_spans).unwrap_or(u64::MAX),
            batch_delay: settings.batch_delay,
            resource: resource::resource(settings),
            scope: resource::scope(),
            pending: Pending::default(),
            fresh: Vec::new(),
            count: Count::default(),
        })
    }

    /// Sends what comes through the queue, until it is closed and everything was sent or given up. Dropped before that, it
    /// leaves the rest counted as [`DropReason::Shutdown`].
    pub async fn run(mut self, mut inbox: Receiver) {
        loop {
            match self.next(&mut inbox).await {
                Next::Batch(batch) => self.take(&batch, &mut inbox).await,
                Next::Due => self.send(&mut inbox).await,
                Next::Closed => break,
            }
        }
        self.send(&mut inbox).await;
        let Count { taken, rejected, given_up } = self.count;
        tracing::info!(taken, rejected, given_up, "no more spans");
    }

    async fn next(&self, inbox: &mut Receiver) -> Next {
        let batch = match self.pending.since {
            None => inbox.next().await,
            Some(since) => match timeout_at(since + self.batch_delay, inbox.next()).await {
                Ok(batch) => batch,
                Err(_) => return Next::Due,
            },
        };
        batch.map_or(Next::Closed, Next::Batch)
    }

    async fn take(&mut self, batch: &Batch, inbox: &mut Receiver) {
        for event in batch.iter() {
            self.fresh.clear();
            let spans = self.spans.write(&mut self.fresh, event);
            if spans == 0 {
                inbox.sent(1);
            } else if self.fresh.len() > LONGEST {
                inbox.dropped(1, DropReason::Unencodable);
            } else {
                if self.pending.is_too_full_for(&self.fresh, spans, self.batch_spans) {
                    self.send(inbox).await;
                }
                self.pending.add(&self.fresh, spans);
            }
        }
    }

    /// Sends what waits, and counts what became of it.
    async fn send(&mut self, inbox: &mut Receiver) {
        let pending = std::mem::take(&mut self.pending);
        if pending.events == 0 {
            return;
        }
        let request = wire::request(&self.resource, &self.scope, &pending.encoded);
        match self.delivery.deliver(request).await {
            Ok(accepted) => {
                let rejected_spans = accepted.rejected_spans.min(pending.spans);
                self.count.rejected += rejected_spans;
                self.count.taken += pending.spans - rejected_spans;
                let rejected = rejected_events(&pending, rejected_spans);
                inbox.sent(pending.events - rejected);
                inbox.dropped(rejected, DropReason::Rejected);
            }
            Err(reason) => {
                self.count.given_up += pending.spans;
                inbox.dropped(pending.events, reason);
            }
        }
    }
}

/// How many events count as rejected if the collector rejected this many of their spans.
///
/// The collector does not say which, and an event has one to three. Counted is the most that it can be: each span of
/// another event. So what counts as sent has arrived whole.
fn rejected_events(pending: &Pending, rejected_spans: u64) -> u64 {
    rejected_spans.min(pending.events)
}
