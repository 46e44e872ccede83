//! Which updates of open connections become spans.

use std::num::NonZeroUsize;

use egret_model::{ConnectionId, Event, Timestamp};
use lru::LruCache;

/// Between two spans of one connection, nanoseconds: a backend hears of a connection at once, and then at least once a minute
/// while data moves, but is not sent a span for every ten seconds of it.
const INTERVAL_NS: u64 = 30_000_000_000;

/// Open connections that are remembered, about 80 bytes each: 1.3 MB. One that made room has its next span early.
const CONNECTIONS: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();

/// When the last span was made of each open connection.
#[derive(Debug)]
pub(super) struct Updates(LruCache<ConnectionId, Timestamp>);

impl Default for Updates {
    fn default() -> Self {
        Self(LruCache::new(CONNECTIONS))
    }
}

impl Updates {
    /// Whether it is time for a span, and when the last one ended if there was one. A clock that was set back makes no
    /// connection wait.
    pub(super) fn due(&mut self, update: &Event) -> Option<Option<Timestamp>> {
        let last = self.0.get(&update.id).copied();
        let waits = last.is_some_and(|last| last <= update.time && update.time.since(last) < INTERVAL_NS);
        (!waits).then(|| self.0.put(update.id, update.time))
    }

    /// A connection has ended.
    pub(super) fn forget(&mut self, id: ConnectionId) {
        self.0.pop(&id);
    }
}
