//! Connections that egret itself makes.
//!
//! Spans about the connection that carries spans would never end: each request could close one, and be told of in the
//! next. What egret does is left out at both ends, as far as the other end is on this host and sees the same addresses.

use std::num::NonZeroUsize;

use egret_model::{Endpoint, Event, EventName};
use lru::LruCache;

use super::last::is_last;

/// Connections of egret's own that are remembered; each takes about 120 bytes. It makes two at a time: for the sink, and
/// for spans about egret's own work.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// Knows egret's own connections.
#[derive(Debug)]
pub(super) struct Own {
    pid: u32,
    /// Both ends as egret sees them.
    open: LruCache<(Endpoint, Endpoint), ()>,
}

impl Own {
    pub(super) fn new(pid: u32) -> Self {
        Self { pid, open: LruCache::new(REMEMBERED) }
    }

    /// Whether the connection is egret's own. Takes every record, in order.
    pub(super) fn has(&mut self, event: &Event) -> bool {
        if event.process.as_ref().is_some_and(|process| process.pid == self.pid) {
            self.note(event);
            return true;
        }
        self.is_other_end(event)
    }

    fn note(&mut self, event: &Event) {
        let ends = (event.local, event.peer);
        match event.name {
            EventName::ConnectionOpen => drop(self.open.put(ends, ())),
            EventName::ConnectionFailed => drop(self.open.pop(&ends)),
            // The other end may close later.
            _ => {}
        }
    }

    /// Whose port is free again may be used by another program.
    fn is_other_end(&mut self, event: &Event) -> bool {
        let ends = (event.peer, event.local);
        if is_last(event) { self.open.pop(&ends).is_some() } else { self.open.contains(&ends) }
    }
}
