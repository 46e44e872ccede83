//! The sink that counts events.

use std::sync::Arc;

use super::metrics::Metrics;
use crate::sink::Receiver;

/// Counts every event that comes in. It drops nothing by itself: only its queue may be full.
#[derive(Debug)]
pub struct Sink {
    metrics: Arc<Metrics>,
}

impl Sink {
    /// A sink that writes these metrics.
    #[must_use]
    pub const fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics }
    }

    /// Counts until the queue is closed and empty. An event is sent once it is counted.
    pub async fn run(self, mut inbox: Receiver) {
        while let Some(batch) = inbox.next().await {
            self.metrics.count(&batch);
            inbox.sent(batch.len() as u64);
            // A queue that is never empty is no reason to keep a thread from scrapes.
            tokio::task::consume_budget().await;
        }
    }
}
