//! Which record of a connection its spans are made of, and what earlier ones have to add to it.

use std::num::NonZeroUsize;

use egret_model::{ConnectionId, Event, EventName, Layer, Transport};
use lru::LruCache;

/// Datagram sockets with an error that are remembered. Each takes about 60 bytes; the error of one that made room is
/// missing from its span.
const ERRORS: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// Whether this is the record that a connection's spans are made of: the last in the `sockets` layer, the only one in the
/// others, which see no end.
///
/// An error of a datagram socket does not end it.
pub(super) fn is_last(event: &Event) -> bool {
    match (event.layer, event.name) {
        (_, EventName::Listen) => false,
        (Layer::Sockets, EventName::ConnectionClose) => true,
        (Layer::Sockets, EventName::ConnectionFailed) => event.transport.is_none_or(Transport::has_handshake),
        (Layer::Sockets, _) => false,
        (Layer::Syscalls | Layer::Procfs, _) => true,
    }
}

/// Errors that were reported for datagram sockets, until they are closed.
#[derive(Debug)]
pub(super) struct Errors(LruCache<ConnectionId, i32>);

impl Default for Errors {
    fn default() -> Self {
        Self(LruCache::new(ERRORS))
    }
}

impl Errors {
    /// Takes a record that is not the last.
    pub(super) fn note(&mut self, event: &Event) {
        if let (EventName::ConnectionFailed, Some(error)) = (event.name, known(event)) {
            self.0.put(event.id, error);
        }
    }

    /// The error of a connection whose last record this is.
    pub(super) fn take(&mut self, event: &Event) -> Option<i32> {
        known(event).or_else(|| self.0.pop(&event.id))
    }
}

/// Zero is what the kernel says where there was no error.
fn known(event: &Event) -> Option<i32> {
    event.error.filter(|errno| *errno != 0)
}
