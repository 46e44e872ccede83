//! Spans that wait to be sent together.

use tokio::time::Instant;

/// A request is at most this long before compression, bytes: gRPC servers take 4 MiB unless told otherwise.
pub(super) const LONGEST: usize = 4_000_000;

/// Spans that wait to be sent together.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// Encoded as fields of `ScopeSpans`.
    pub(super) encoded: Vec<u8>,
    /// How many spans that is.
    pub(super) spans: u64,
    /// Of how many events they are made.
    pub(super) events: u64,
    /// Since when the oldest waits.
    pub(super) since: Option<Instant>,
}

impl Pending {
    /// Whether an event's spans have to wait for the next request.
    pub(super) fn is_too_full_for(&self, encoded: &[u8], spans: u64, batch_spans: u64) -> bool {
        self.events > 0 && (self.spans + spans > batch_spans || self.encoded.len() + encoded.len() > LONGEST)
    }

    /// Takes an event's spans.
    pub(super) fn add(&mut self, encoded: &[u8], spans: u64) {
        self.encoded.extend_from_slice(encoded);
        self.spans += spans;
        self.events += 1;
        self.since.get_or_insert_with(Instant::now);
    }
}
