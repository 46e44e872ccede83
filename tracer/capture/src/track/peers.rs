//! The peers of datagram sockets that have several, as far as user space knows them.

use egret_model::{Loss, LossReason, LossStage};
use egret_wire::{FlowRecord, PeerKey, PeerTotals};
use lru::LruCache;

/// Where the kernel side keeps the totals of peers.
pub(crate) trait PeerTable {
    /// Takes the totals of a packet socket that has ended.
    fn take_socket(&mut self, cookie: u64) -> Option<PeerTotals>;

    /// Takes one peer's totals out, if they are still there and began at this moment.
    fn take(&mut self, key: &PeerKey, opened_ns: u64) -> Option<PeerTotals>;
}

/// Peers remembered of all sockets together: twice as many as the kernel's table has entries, because a socket's last peer is
/// not in that. With 170 bytes a peer 6 MB at most. The least recently used sockets are evicted whole.
const PEERS: usize = 32_768;

/// First records of the peers of each socket.
pub(super) struct KnownPeers {
    sockets: LruCache<u64, Vec<FlowRecord>>,
    /// Peers of all of them.
    peers: usize,
    evicted: u64,
    forgotten: u64,
}

impl KnownPeers {
    pub(super) fn new() -> Self {
        Self { sockets: LruCache::unbounded(), peers: 0, evicted: 0, forgotten: 0 }
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

    /// Forgets a socket, returning its peers.
    pub(super) fn remove(&mut self, cookie: u64) -> Vec<FlowRecord> {
        let peers = self.sockets.pop(&cookie).unwrap_or_default();
        self.peers -= peers.len();
        peers
    }

    /// Accounts for the peers of a socket that has ended: of `spilled` that went to the kernel's table some came back, and of
    /// those that did not, `known` are known here. The first records of the others were evicted here, or lost.
    pub(super) fn account(&mut self, spilled: u64, came_back: u64, known: u64) {
        let missing = spilled.saturating_sub(came_back);
        let evicted = missing.min(known);
        self.evicted += evicted;
        self.forgotten += missing - evicted;
    }

    /// Peers whose end could not be reported with its totals, or not at all.
    pub(super) fn losses(&self) -> impl Iterator<Item = Loss> {
        let kinds = [
            (LossStage::KernelState, LossReason::PeerEvicted, self.evicted),
            (LossStage::UserState, LossReason::PeerForgotten, self.forgotten),
        ];
        kinds.into_iter().filter(|(.., count)| *count != 0).map(|(stage, reason, count)| Loss { stage, reason, count })
    }
}

/// The peer table's key of the peer that a record names.
pub(super) fn key_of(flow: &FlowRecord) -> PeerKey {
    PeerKey { cookie: flow.cookie, peer: flow.peer, port: u64::from(flow.peer_port) }
}

/// Whether two records are about the same use of the same peer.
pub(super) fn is_same_peer(one: &FlowRecord, other: &FlowRecord) -> bool {
    (one.peer, one.peer_port, one.opened_ns) == (other.peer, other.peer_port, other.opened_ns)
}

#[cfg(test)]
mod tests {
    use egret_wire::{Header, Kind, ProcessRef, VERSION};

    use super::*;

    fn first(cookie: u64, peer: u64) -> FlowRecord {
        FlowRecord {
            header: Header { version: VERSION, kind: Kind::Datagram as u8, length: 168, flags: 0, time_ns: 0 },
            cookie,
            process: ProcessRef::NOBODY,
            local: [0; 2],
            peer: [0, peer],
            opened_ns: 0,
            established_ns: 0,
            sent: 0,
            received: 0,
            sends: 0,
            receives: 0,
            retransmits: 0,
            srtt_us: 0,
            error: 0,
            netns: 0,
            local_port: 0,
            peer_port: 0,
            family: 2,
            protocol: 17,
            socket_type: 2,
            old_state: 0,
            spilled: 0,
        }
    }

    #[test]
    fn all_sockets_share_one_bound() {
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
    fn missing_peers_are_counted_where_they_were_lost() {
        let mut peers = KnownPeers::new();
        peers.account(10, 10, 0);
        assert_eq!(peers.losses().count(), 0);
        peers.account(10, 4, 2);
        let losses: Vec<_> = peers.losses().map(|loss| (loss.reason, loss.count)).collect();
        assert_eq!(losses, [(LossReason::PeerEvicted, 2), (LossReason::PeerForgotten, 4)]);
    }
}
