//! The peers of datagram sockets, by their first records.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;

use egret_model::{Loss, LossReason, LossStage};
use egret_wire::{FlowRecord, INBOUND, PeerKey, PeerTotals, address_bytes};
use lru::LruCache;

/// Where the kernel side keeps the totals of peers.
pub(crate) trait PeerTable {
    /// Takes the totals of a peer, if they are still there and its use began at this moment.
    fn take(&mut self, key: &PeerKey, opened_ns: u64) -> Option<PeerTotals>;
}

/// Peers remembered of all sockets together: twice as many as the kernel's table has entries, because a socket's
/// last peer is not in that. With 170 bytes a peer 6 MB at most. The least recently used sockets are evicted
/// whole.
const PEERS: usize = 32_768;

/// Closed sockets of which it is remembered who spoke first: what they sent last may still wait for its verdict. Each
/// keeps its last peers, 24 bytes each: 0.5 MB at most.
const CLOSED: NonZeroUsize = NonZeroUsize::new(1024).unwrap();
const LAST_PEERS: usize = 16;

pub(super) struct KnownPeers {
    sockets: LruCache<u64, Vec<FlowRecord>>,
    /// The last peers of closed sockets that sent the first datagram.
    closed: LruCache<u64, Vec<(IpAddr, u16)>>,
    /// Number of peers of all sockets.
    peers: usize,
    evicted: u64,
    forgotten: u64,
}

impl KnownPeers {
    pub(super) fn new() -> Self {
        Self { sockets: LruCache::unbounded(), closed: LruCache::sparse(CLOSED), peers: 0, evicted: 0, forgotten: 0 }
    }

    /// Remembers the first record of a peer.
    pub(super) fn add(&mut self, first: FlowRecord) {
        self.sockets.get_or_insert_mut(first.cookie, Vec::new).push(first);
        self.peers += 1;
        while self.peers > PEERS
            && let Some((_, evicted)) = self.sockets.pop_lru()
        {
            self.peers -= evicted.len();
        }
    }

    /// Whether the first datagram between a socket and a peer came from the peer, if it is remembered. The last
    /// use of the peer counts.
    pub(super) fn is_inbound(&mut self, cookie: u64, peer: SocketAddr) -> bool {
        let peer = (peer.ip().to_canonical(), peer.port());
        match self.sockets.get(&cookie) {
            Some(peers) => {
                let first = peers.iter().rev().find(|first| address_of(first) == peer);
                first.is_some_and(|first| first.header.flags & INBOUND != 0)
            }
            None => self.closed.get(&cookie).is_some_and(|peers| peers.contains(&peer)),
        }
    }

    /// The first records of the peers of every socket.
    pub(super) fn by_socket(&self) -> impl Iterator<Item = &[FlowRecord]> {
        self.sockets.iter().map(|(_, peers)| peers.as_slice())
    }

    /// Removes a socket; returns its peers.
    pub(super) fn remove(&mut self, cookie: u64) -> Vec<FlowRecord> {
        let peers = self.sockets.pop(&cookie).unwrap_or_default();
        self.peers -= peers.len();
        let last = peers.iter().rev().take(LAST_PEERS);
        let inbound: Vec<_> = last.filter(|first| first.header.flags & INBOUND != 0).map(address_of).collect();
        if !inbound.is_empty() {
            self.closed.put(cookie, inbound);
        }
        peers
    }

    /// Accounts for the peers of a closed socket. Of `spilled` peers that were moved to the kernel's table,
    /// `returned` came from there, and `known` of the others have a first record here. The first records of the
    /// rest were evicted here, or lost.
    pub(super) fn account(&mut self, spilled: u64, returned: u64, known: u64) {
        let missing = spilled.saturating_sub(returned);
        let evicted = missing.min(known);
        self.evicted += evicted;
        self.forgotten += missing - evicted;
    }

    /// Peers whose end was reported without totals, or not at all.
    pub(super) fn losses(&self) -> impl Iterator<Item = Loss> {
        let kinds = [
            (LossStage::KernelState, LossReason::PeerEvicted, self.evicted),
            (LossStage::UserState, LossReason::PeerForgotten, self.forgotten),
        ];
        kinds.into_iter().filter(|(.., count)| *count != 0).map(|(stage, reason, count)| Loss { stage, reason, count })
    }
}

/// The key of a record's peer in the peer table.
pub(super) fn key_of(flow: &FlowRecord) -> PeerKey {
    PeerKey { cookie: flow.cookie, peer: flow.peer, port: u32::from(flow.peer_port), interface: flow.interface }
}

/// Whether two records are about the same use of the same peer.
pub(super) fn is_same_peer(one: &FlowRecord, other: &FlowRecord) -> bool {
    let peer = |flow: &FlowRecord| (flow.peer, flow.peer_port, flow.interface, flow.opened_ns);
    peer(one) == peer(other)
}

fn address_of(first: &FlowRecord) -> (IpAddr, u16) {
    (IpAddr::from(address_bytes(first.peer)).to_canonical(), first.peer_port)
}

#[cfg(test)]
mod tests {
    use egret_wire::Kind;

    use super::super::sample;
    use super::*;

    fn first(cookie: u64, peer: u64) -> FlowRecord {
        FlowRecord { cookie, peer: [0, peer], protocol: 17, socket_type: 2, ..sample::flow(Kind::Datagram) }
    }

    #[test]
    fn closed_socket_is_remembered_with_the_peers_that_spoke_first() {
        let mut peers = KnownPeers::new();
        let peer = |number: u64| SocketAddr::from((address_of(&first(1, number)).0, 0));
        let mut from_peer = first(1, 1);
        from_peer.header.flags = INBOUND;
        peers.add(from_peer);
        peers.add(first(1, 2));
        assert_eq!([1, 2].map(|number| peers.is_inbound(1, peer(number))), [true, false]);
        peers.remove(1);
        assert_eq!([1, 2].map(|number| peers.is_inbound(1, peer(number))), [true, false]);
        assert!(!peers.is_inbound(2, peer(1)));
    }

    #[test]
    fn least_recently_used_sockets_are_evicted() {
        let mut peers = KnownPeers::new();
        for cookie in 0..4 {
            for peer in 0..PEERS as u64 / 2 {
                peers.add(first(cookie, peer));
            }
        }
        assert_eq!(peers.peers, PEERS);
        assert_eq!([0, 1, 2, 3].map(|cookie| peers.remove(cookie).len()), [0, 0, PEERS / 2, PEERS / 2]);
        assert_eq!((peers.peers, peers.sockets.len()), (0, 0));
    }

    #[test]
    fn socket_with_more_peers_than_fit_is_evicted_whole() {
        let mut peers = KnownPeers::new();
        for peer in 0..PEERS as u64 + 3 {
            peers.add(first(1, peer));
        }
        assert_eq!(peers.remove(1).len(), 2);
    }

    #[test]
    fn missing_peers_are_counted_by_stage() {
        let mut peers = KnownPeers::new();
        peers.account(10, 10, 0);
        assert_eq!(peers.losses().count(), 0);
        peers.account(10, 4, 2);
        let losses: Vec<_> = peers.losses().map(|loss| (loss.reason, loss.count)).collect();
        assert_eq!(losses, [(LossReason::PeerEvicted, 2), (LossReason::PeerForgotten, 4)]);
    }
}
