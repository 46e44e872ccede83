//! The sink: counts the events of its queue.

use std::sync::Arc;

use super::metrics::Metrics;
use crate::sink::Receiver;

/// Counts events. It drops none itself; only its queue may be full.
#[derive(Debug)]
pub struct Sink {
    metrics: Arc<Metrics>,
}

impl Sink {
    #[must_use]
    pub const fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics }
    }

    /// Counts until the queue is closed and empty. A counted event is reported as sent.
    pub async fn run(self, mut inbox: Receiver) {
        while let Some(batch) = inbox.next().await {
            self.metrics.count(&batch);
            inbox.sent(batch.len() as u64);
            // Yields to scrapes even if the queue is never empty.
            tokio::task::consume_budget().await;
        }
    }
}
