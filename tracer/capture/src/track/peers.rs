//! The peers of datagram sockets that have several, as far as user space knows them.

use std::num::NonZeroUsize;

use egret_wire::{FlowRecord, PeerKey, PeerTotals};
use lru::LruCache;

/// Where the kernel side keeps the totals of peers.
pub(crate) trait PeerTable {
    /// One peer's totals, if they are there.
    fn read(&self, key: &PeerKey) -> Option<PeerTotals>;

    /// Takes one peer's totals out, if they are still there.
    fn take(&mut self, key: &PeerKey) -> Option<PeerTotals>;
}

/// Sockets remembered, the longest unused going first.
const SOCKETS: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
/// Peers remembered of one socket: as many as the kernel's table has entries for all sockets together. With
/// 170 bytes a peer a single socket can take 2.8 MB.
const PEERS: usize = 16_384;

/// First records of the peers of each socket.
pub(super) struct KnownPeers {
    sockets: LruCache<u64, Vec<FlowRecord>>,
}

impl KnownPeers {
    pub(super) fn new() -> Self {
        Self { sockets: LruCache::new(SOCKETS) }
    }

    /// Remembers the first record of a peer.
    pub(super) fn add(&mut self, first: FlowRecord) {
        let peers = self.sockets.get_or_insert_mut(first.cookie, Vec::new);
        if peers.len() < PEERS {
            peers.push(first);
        }
    }

    /// The first records of a socket's peers.
    pub(super) fn of(&self, cookie: u64) -> &[FlowRecord] {
        self.sockets.peek(&cookie).map_or(&[], Vec::as_slice)
    }

    /// Forgets a socket, returning its peers.
    pub(super) fn remove(&mut self, cookie: u64) -> Vec<FlowRecord> {
        self.sockets.pop(&cookie).unwrap_or_default()
    }
}

/// The peer table's key of the peer that a record names.
pub(super) fn key_of(flow: &FlowRecord) -> PeerKey {
    PeerKey { cookie: flow.cookie, peer: flow.peer, port: u64::from(flow.peer_port) }
}
