//! The sink: takes events from its queue and sends their spans in batches.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::client::Delivery;
use super::encoder::{Encoder, Seed, resource, wire};
use super::{Error, Settings};
use crate::sink::{Batch, DropReason, Receiver};

/// Maximum length of a request before compression, bytes. gRPC servers accept 4 MiB by default.
const MAX_REQUEST: usize = 4_000_000;

/// Sends the spans of connections to a collector.
///
/// Holds at most one request of 4 MB and its copies while it is compressed and sent; further events wait in the queue.
#[derive(Debug)]
pub struct Sink {
    encoder: Encoder,
    delivery: Delivery,
    batch_spans: u64,
    batch_delay: Duration,
    resource: Vec<u8>,
    scope: Vec<u8>,
    pending: Pending,
    /// Buffer for the spans of one event.
    encoded: Vec<u8>,
    count: SpanCount,
}

/// Counts spans. The account of the queue counts events, which have up to three spans each.
#[derive(Debug, Default)]
struct SpanCount {
    sent: u64,
    rejected: u64,
    dropped: u64,
}

/// Spans that wait for the next request.
#[derive(Debug, Default)]
struct Pending {
    /// Encoded as fields of `ScopeSpans`.
    encoded: Vec<u8>,
    spans: u64,
    /// The number of events that the spans are made of.
    events: u64,
    /// Since when the oldest span waits.
    since: Option<Instant>,
}

impl Pending {
    /// Whether the spans of an event do not fit into the same request.
    fn is_too_full_for(&self, encoded: &[u8], spans: u64, batch_spans: u64) -> bool {
        self.events > 0 && (self.spans + spans > batch_spans || self.encoded.len() + encoded.len() > MAX_REQUEST)
    }

    /// Adds the spans of an event.
    fn add(&mut self, encoded: &[u8], spans: u64) {
        self.encoded.extend_from_slice(encoded);
        self.spans += spans;
        self.events += 1;
        self.since.get_or_insert_with(Instant::now);
    }
}

/// What the sink does next.
enum Next {
    Batch(Batch),
    /// The batch delay has passed.
    Send,
    Closed,
}

impl Sink {
    /// A sink that is not connected yet: it also starts while the collector is unreachable.
    ///
    /// # Errors
    ///
    /// The address, a header, a certificate or a key cannot be used.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        Ok(Self {
            encoder: Encoder::new(
                Seed::from_boot_id(&resource::boot_id()?),
                std::process::id(),
                settings.arguments.clone(),
            ),
            delivery: Delivery::new(settings)?,
            batch_spans: u64::try_from(settings.batch_spans).unwrap_or(u64::MAX),
            batch_delay: settings.batch_delay,
            resource: resource::encode_resource(settings),
            scope: resource::encode_scope(),
            pending: Pending::default(),
            encoded: Vec::new(),
            count: SpanCount::default(),
        })
    }

    /// Sends the events of the queue until it is closed and all events are sent or dropped. If this future is dropped before, the
    /// remaining events count as [`DropReason::Shutdown`].
    pub async fn run(mut self, mut inbox: Receiver) {
        loop {
            match self.next(&mut inbox).await {
                Next::Batch(batch) => self.take(&batch, &mut inbox).await,
                Next::Send => self.send(&mut inbox).await,
                Next::Closed => break,
            }
        }
        self.send(&mut inbox).await;
        let SpanCount { sent, rejected, dropped } = self.count;
        tracing::info!(sent, rejected, dropped, "the last spans were sent");
    }

    async fn next(&self, inbox: &mut Receiver) -> Next {
        let batch = match self.pending.since {
            None => inbox.next().await,
            Some(since) => match timeout_at(since + self.batch_delay, inbox.next()).await {
                Ok(batch) => batch,
                Err(_) => return Next::Send,
            },
        };
        batch.map_or(Next::Closed, Next::Batch)
    }

    async fn take(&mut self, batch: &Batch, inbox: &mut Receiver) {
        for event in batch.iter() {
            self.encoded.clear();
            let spans = self.encoder.write(&mut self.encoded, event);
            if spans == 0 {
                inbox.sent(1);
            } else if self.encoded.len() > MAX_REQUEST {
                inbox.dropped(1, DropReason::Unencodable);
            } else {
                if self.pending.is_too_full_for(&self.encoded, spans, self.batch_spans) {
                    self.send(inbox).await;
                }
                self.pending.add(&self.encoded, spans);
            }
        }
    }

    /// Sends the pending spans and reports their events.
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
                self.count.sent += pending.spans - rejected_spans;
                let rejected = rejected_events(&pending, rejected_spans);
                inbox.sent(pending.events - rejected);
                inbox.dropped(rejected, DropReason::Rejected);
            }
            Err(reason) => {
                self.count.dropped += pending.spans;
                inbox.dropped(pending.events, reason);
            }
        }
    }
}

/// The number of events that count as rejected if the collector rejected so many of their spans.
///
/// The collector does not name the spans, and an event has up to three. This is the maximum, each span from another event, so that
/// events that count as sent have arrived completely.
fn rejected_events(pending: &Pending, rejected_spans: u64) -> u64 {
    rejected_spans.min(pending.events)
}
