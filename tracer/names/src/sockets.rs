//! The state of sockets: whether their ClientHello was parsed, and the name of their connection.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;

use egret_model::{NameSource, Server};
use lru::LruCache;

use crate::fair::FairTable;
use crate::hello::{self, Hello};
use crate::stream::Stream;
use crate::table::Choice;
use crate::{Carrier, Client, Segment};

/// Maximum number of sockets; the least recently used is evicted. They take at most 5 MB, and up to 9 MB more with server names of
/// maximum length.
const SOCKETS: NonZeroUsize = NonZeroUsize::new(32_768).unwrap();
/// Maximum number of incomplete ClientHellos.
const HELLOS: NonZeroUsize = NonZeroUsize::new(128).unwrap();
/// Maximum number of bytes buffered of a ClientHello, the size of a TLS record. With the spare capacity of buffers, all take at most
/// 4.5 MB.
const BUFFER: usize = 16 * 1024;

pub(crate) struct Sockets {
    sockets: LruCache<u64, Socket>,
    hellos: FairTable<Stream>,
}

#[derive(Default)]
pub(crate) struct Socket {
    /// The first bytes were parsed. A later ClientHello, as within a tunnel, is ignored.
    parsed: bool,
    pub(crate) name: Option<ConnectionName>,
}

/// The name of a connection. It does not change, because later answers did not lead to the connection.
#[derive(Clone)]
pub(crate) struct ConnectionName {
    pub(crate) peer: IpAddr,
    pub(crate) source: NameSource,
    pub(crate) choice: Choice,
}

impl ConnectionName {
    /// The name for a client's record.
    pub(crate) fn server(&self, client: &Client) -> Server {
        Server {
            name: Arc::clone(&self.choice.name),
            source: self.source,
            unverified: !self.choice.evidence.counts_for(client),
            resolution: self.choice.lookup.as_ref().map(|lookup| Arc::clone(&lookup.resolution)),
        }
    }
}

impl Sockets {
    pub(crate) fn new() -> Self {
        Self { sockets: LruCache::sparse(SOCKETS), hellos: FairTable::new(HELLOS) }
    }

    pub(crate) fn get_or_create(&mut self, cookie: u64) -> &mut Socket {
        self.sockets.get_or_insert_mut(cookie, Socket::default)
    }

    pub(crate) fn get(&mut self, cookie: u64) -> Option<&Socket> {
        self.sockets.get(&cookie)
    }

    /// Adds a segment of a client and parses its ClientHello. Segments after it are ignored.
    pub(crate) fn add(&mut self, segment: &Segment<'_>) -> Hello {
        let Carrier::Tcp { sequence } = segment.carrier else { return Hello::Incomplete };
        let cookie = segment.cookie;
        if segment.length == 0 || self.get_or_create(cookie).parsed {
            return Hello::Incomplete;
        }
        if !self.hellos.contains(cookie) {
            self.hellos.insert(cookie, segment.user, Stream::new(true, BUFFER));
        }
        let Some(stream) = self.hellos.get_mut(cookie) else { return Hello::Incomplete };
        stream.add(sequence, segment.payload, segment.full_length());
        let prefix = stream.prefix();
        let hello = hello::parse(&prefix.bytes);
        if prefix.ends || hello != Hello::Incomplete {
            self.hellos.remove(cookie);
            self.get_or_create(cookie).parsed = true;
        }
        hello
    }

    pub(crate) fn remove(&mut self, cookie: u64) {
        self.sockets.pop(&cookie);
        self.hellos.remove(cookie);
    }
}
