//! Batches of events, which the queues of all sinks share.

use std::ops::{Deref, Range};
use std::sync::Arc;

use egret_model::Event;

/// Consecutive events. Cheap to clone, because the events are shared.
#[derive(Clone, Debug)]
pub struct Batch {
    events: Arc<Vec<Event>>,
    range: Range<usize>,
}

impl Batch {
    /// Splits after the first `count` events, or at the end if there are fewer.
    #[must_use]
    pub fn split(self, count: usize) -> (Self, Self) {
        let middle = self.range.start + count.min(self.len());
        let first = Self { events: Arc::clone(&self.events), range: self.range.start..middle };
        (first, Self { range: middle..self.range.end, events: self.events })
    }
}

impl From<Vec<Event>> for Batch {
    fn from(events: Vec<Event>) -> Self {
        Self { range: 0..events.len(), events: Arc::new(events) }
    }
}

impl Deref for Batch {
    type Target = [Event];

    fn deref(&self) -> &[Event] {
        self.events.get(self.range.clone()).unwrap_or_default()
    }
}
