//! What is known of single sockets: whether their first bytes were read, and the name that their connection was given.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;

use egret_model::{NameSource, Server};
use lru::LruCache;

use crate::hello::{self, Hello};
use crate::stream::Stream;
use crate::table::Choice;
use crate::{Carrier, Segment};

/// Sockets remembered, the longest unused going first. They take 4 MB when all places are taken, and up to 9 MB more
/// where all sent server names of the longest kind.
const SOCKETS: NonZeroUsize = NonZeroUsize::new(32_768).unwrap();
/// Greetings under way, the longest unused going first.
const GREETINGS: NonZeroUsize = NonZeroUsize::new(128).unwrap();
/// Bytes held of one: as many as a TLS record has. With the room that a buffer keeps to grow, all together take at
/// most 4.5 MB.
const HELD: usize = 16 * 1024;

/// The sockets.
pub(crate) struct Sockets {
    sockets: LruCache<u64, Socket>,
    greetings: LruCache<u64, Stream>,
}

/// One socket.
#[derive(Default)]
pub(crate) struct Socket {
    /// Its first bytes were read: what follows is no greeting, also if it looks like one (in a tunnel).
    greeted: bool,
    /// The name that its connection was given.
    pub(crate) given: Option<Given>,
}

/// The name that a connection was given. It keeps it: later answers were not what led to it.
#[derive(Clone)]
pub(crate) struct Given {
    pub(crate) peer: IpAddr,
    pub(crate) source: NameSource,
    pub(crate) choice: Choice,
}

impl Given {
    pub(crate) fn server(&self) -> Server {
        Server {
            name: Arc::clone(&self.choice.name),
            source: self.source,
            resolution: self.choice.lookup.as_ref().map(|lookup| Arc::clone(&lookup.resolution)),
        }
    }
}

impl Sockets {
    pub(crate) fn new() -> Self {
        Self { sockets: LruCache::sparse(SOCKETS), greetings: LruCache::new(GREETINGS) }
    }

    pub(crate) fn get(&mut self, cookie: u64) -> &mut Socket {
        self.sockets.get_or_insert_mut(cookie, Socket::default)
    }

    /// What a socket is known for, without a place for it if that is nothing.
    pub(crate) fn known(&mut self, cookie: u64) -> Option<&Socket> {
        self.sockets.get(&cookie)
    }

    /// Reads more of the first bytes that a client sends. Once it is known what they are, the rest is ignored.
    pub(crate) fn greet(&mut self, segment: &Segment<'_>) -> Hello {
        let Carrier::Tcp { sequence } = segment.carrier else { return Hello::Unfinished };
        let cookie = segment.cookie;
        if segment.length == 0 || self.get(cookie).greeted {
            return Hello::Unfinished;
        }
        let stream = self.greetings.get_or_insert_mut(cookie, || Stream::new(true, HELD));
        stream.add(sequence, segment.payload, segment.full_length());
        let prefix = stream.prefix();
        let hello = hello::read(&prefix.bytes);
        if prefix.ends || hello != Hello::Unfinished {
            self.greetings.pop(&cookie);
            self.get(cookie).greeted = true;
        }
        hello
    }

    pub(crate) fn forget(&mut self, cookie: u64) {
        self.sockets.pop(&cookie);
        self.greetings.pop(&cookie);
    }
}
