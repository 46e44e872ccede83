//! Events on their way, shared by all sinks.

use std::ops::{Deref, Range};
use std::sync::Arc;

use egret_model::Event;

/// A run of events. Cheap to clone: the events are shared.
#[derive(Clone, Debug)]
pub struct Batch {
    events: Arc<Vec<Event>>,
    range: Range<usize>,
}

impl Batch {
    /// The first `count` events (all, if there are fewer) and the others.
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
