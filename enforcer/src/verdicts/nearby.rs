//! Verdicts on packets that lead to no socket which an event knows: those without ports (ICMP), and those whose owner was
//! found by a search of `/proc`, or not at all. An event finds them by its process or its local port, its peer, and the time.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use egret_model::{Evaluation, Transport, Verdict};
use lru::LruCache;

/// Whose packet it is: a process, or where none is known the local port; and the transport.
pub(super) type Key = (u32, Transport);

/// The verdict of a packet.
pub(super) type Outcome = (Verdict, Arc<Evaluation>);

/// Keys of which packets are remembered, and packets of each: some 120 bytes each, 2 MB. The least recently used key, and the
/// oldest packet of a key, are evicted.
const KEYS: NonZeroUsize = NonZeroUsize::new(1024).unwrap();
const EACH: usize = 16;

/// How far a send and its packet are apart, nanoseconds; and how much later the packet may have come if none did by then: it
/// may have waited for those before it, as all processes are searched for the owner of each.
pub(super) const NEARBY_NS: u64 = 100_000_000;
pub(super) const LATER_NS: u64 = 1_000_000_000;
/// How much later than the verdict the event of a handshake that was waited for may be.
const AFTER_VERDICT_NS: u64 = 5_000_000_000;

/// A packet.
pub(super) struct Packet {
    pub(super) peer: SocketAddr,
    /// When it came, nanoseconds on the boot clock.
    pub(super) came_ns: u64,
    pub(super) state: State,
}

/// What has become of a packet.
pub(super) enum State {
    /// It is held, until this moment at the latest.
    Held(Instant),
    /// It got its verdict at this time on the boot clock.
    Settled(u64, Outcome),
}

/// What an event knows of its packet.
#[derive(Clone, Copy)]
pub(super) struct Sent {
    pub(super) transport: Transport,
    pub(super) peer: Option<SocketAddr>,
    /// When, nanoseconds on the boot clock.
    pub(super) at_ns: u64,
}

/// Packets by their owners.
pub(super) struct Nearby(LruCache<Key, VecDeque<Packet>>);

impl Default for Nearby {
    fn default() -> Self {
        Self(LruCache::new(KEYS))
    }
}

impl Nearby {
    /// Notes that a packet is held.
    pub(super) fn hold(&mut self, key: Key, peer: SocketAddr, came_ns: u64, until: Instant) {
        match self.held(key, peer) {
            Some(packet) => packet.state = State::Held(until),
            None => self.push(key, Packet { peer, came_ns, state: State::Held(until) }),
        }
    }

    /// Notes a packet that has its verdict.
    pub(super) fn note(&mut self, key: Key, settled: Packet) {
        match self.held(key, settled.peer) {
            Some(packet) => *packet = settled,
            None => self.push(key, settled),
        }
    }

    /// The packet of an event, if it has its verdict.
    pub(super) fn find(&self, key: Key, sent: &Sent) -> Option<(SocketAddr, Outcome)> {
        let found = find(self.0.peek(&key)?.iter(), sent)?;
        found.outcome().map(|outcome| (found.peer, outcome))
    }

    /// Whether the packet of an event is held. One that should have been released before `longest_ago` holds nothing up.
    pub(super) fn is_held(&self, key: Key, sent: &Sent, longest_ago: Instant) -> bool {
        let Some(packets) = self.0.peek(&key) else { return false };
        packets.iter().any(|packet| packet.may_be(sent) && packet.is_held(longest_ago))
    }

    fn held(&mut self, key: Key, peer: SocketAddr) -> Option<&mut Packet> {
        let mut packets = self.0.get_mut(&key)?.iter_mut();
        packets.find(|packet| packet.peer == peer && matches!(packet.state, State::Held(_)))
    }

    fn push(&mut self, key: Key, packet: Packet) {
        let packets = self.0.get_or_insert_mut(key, VecDeque::new);
        if packets.len() >= EACH {
            packets.pop_front();
        }
        packets.push_back(packet);
    }
}

impl Packet {
    pub(super) fn outcome(&self) -> Option<Outcome> {
        match &self.state {
            State::Settled(_, outcome) => Some(outcome.clone()),
            State::Held(_) => None,
        }
    }

    fn is_held(&self, longest_ago: Instant) -> bool {
        matches!(self.state, State::Held(until) if until > longest_ago)
    }

    /// Whether it may be the packet that was sent at a moment, if it came so much later at most.
    pub(super) const fn is_near(&self, sent_ns: u64, later_ns: u64) -> bool {
        sent_ns <= self.came_ns.saturating_add(NEARBY_NS) && self.came_ns <= sent_ns.saturating_add(later_ns)
    }

    /// Whether it may be the packet of an event. Where both have the same peer, the moment makes little difference.
    pub(super) fn may_be(&self, sent: &Sent) -> bool {
        let Some(peer) = sent.peer else { return self.is_near(sent.at_ns, LATER_NS) };
        let end_ns = match self.state {
            State::Settled(settled_ns, _) if sent.transport.has_handshake() => {
                settled_ns.saturating_add(AFTER_VERDICT_NS)
            }
            _ => self.came_ns.saturating_add(LATER_NS),
        };
        self.peer == peer && (self.came_ns.saturating_sub(LATER_NS)..=end_ns).contains(&sent.at_ns)
    }
}

/// The packet of an event: the nearest, and none if the event knows no peer and there were packets to several peers about then,
/// as it may be any of them.
pub(super) fn find<'a>(packets: impl Iterator<Item = &'a Packet> + Clone, sent: &Sent) -> Option<&'a Packet> {
    let candidates = packets.filter(|packet| packet.may_be(sent));
    let nearest = |later_ns| {
        let near = candidates.clone().filter(move |packet| sent.peer.is_some() || packet.is_near(sent.at_ns, later_ns));
        let nearest = near.clone().min_by_key(|packet| packet.came_ns.abs_diff(sent.at_ns))?;
        Some((nearest, near.clone().all(|packet| packet.peer == nearest.peer)))
    };
    let (nearest, is_only_peer) = nearest(NEARBY_NS).or_else(|| nearest(LATER_NS))?;
    is_only_peer.then_some(nearest)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use egret_model::{Attribution, Reason};

    use super::*;

    const KEY: Key = (7, Transport::Udp);
    const SECOND: u64 = 1_000_000_000;

    fn peer(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 53))
    }

    fn verdict_on(last: u8, came_ns: u64, settled_ns: u64, verdict: Verdict) -> Packet {
        let (reason, attribution) = (Reason::NoRule, Attribution::Procfs);
        let evaluation = Arc::new(Evaluation { reason, rule: None, attribution, duration_ns: None });
        Packet { peer: peer(last), came_ns, state: State::Settled(settled_ns, (verdict, evaluation)) }
    }

    fn sent(peer: Option<SocketAddr>, at_ns: u64) -> Sent {
        Sent { transport: Transport::Udp, peer, at_ns }
    }

    fn verdict(nearby: &Nearby, peer: Option<SocketAddr>, at_ns: u64) -> Option<Verdict> {
        nearby.find(KEY, &sent(peer, at_ns)).map(|(_, (verdict, _))| verdict)
    }

    #[test]
    fn held_packet_is_found_by_its_peer_before_and_after_its_verdict() {
        let (mut nearby, now) = (Nearby::default(), Instant::now());
        nearby.hold(KEY, peer(1), SECOND, now);
        nearby.hold(KEY, peer(1), SECOND, now + Duration::from_secs(60));
        let of = |last| sent(Some(peer(last)), SECOND);
        assert!(nearby.is_held(KEY, &of(1), now));
        assert!(nearby.is_held(KEY, &sent(None, SECOND), now));
        assert!(!nearby.is_held(KEY, &sent(None, 3 * SECOND), now), "that is about a later packet");
        assert!(!nearby.is_held(KEY, &of(2), now));
        assert!(!nearby.is_held((8, Transport::Udp), &of(1), now));
        assert!(!nearby.is_held(KEY, &of(1), now + Duration::from_secs(60)), "it should be gone");
        nearby.note(KEY, verdict_on(1, SECOND, 61 * SECOND, Verdict::Block));
        assert!(!nearby.is_held(KEY, &of(1), now));
        // The event of a datagram has the time of the send; a second later it is about another one.
        for at in [0, SECOND, 2 * SECOND] {
            assert_eq!(verdict(&nearby, Some(peer(1)), at), Some(Verdict::Block), "{at}");
        }
        assert_eq!(verdict(&nearby, Some(peer(1)), 61 * SECOND), None);
    }

    #[test]
    fn verdict_after_a_hold_that_never_ended_has_its_own_time() {
        let mut nearby = Nearby::default();
        nearby.hold(KEY, peer(1), SECOND, Instant::now());
        nearby.note(KEY, verdict_on(1, 600 * SECOND, 600 * SECOND, Verdict::Block));
        assert_eq!(verdict(&nearby, Some(peer(1)), SECOND), None);
        assert_eq!(verdict(&nearby, Some(peer(1)), 600 * SECOND), Some(Verdict::Block));
    }

    #[test]
    fn event_of_a_handshake_comes_after_its_verdict() {
        let (mut nearby, key) = (Nearby::default(), (7, Transport::Tcp));
        nearby.note(key, verdict_on(1, 10 * SECOND, 61 * SECOND, Verdict::Block));
        for (at, is_found) in [(8, false), (10, true), (61, true), (66, true), (67, false)] {
            let sent = Sent { transport: Transport::Tcp, peer: Some(peer(1)), at_ns: at * SECOND };
            assert_eq!(nearby.find(key, &sent).is_some(), is_found, "{at}");
        }
    }

    #[test]
    fn nearest_verdict_on_a_peer_counts() {
        let mut nearby = Nearby::default();
        for (at, verdict) in [(1, Verdict::Block), (2, Verdict::Allow)] {
            nearby.note(KEY, verdict_on(1, at * SECOND, at * SECOND, verdict));
        }
        assert_eq!(verdict(&nearby, Some(peer(1)), 2 * SECOND), Some(Verdict::Allow));
        assert_eq!(verdict(&nearby, Some(peer(1)), SECOND), Some(Verdict::Block));
    }

    #[test]
    fn packet_that_came_at_once_is_preferred_to_one_that_came_later() {
        let mut nearby = Nearby::default();
        nearby.note(KEY, verdict_on(1, SECOND, SECOND, Verdict::Block));
        nearby.note(KEY, verdict_on(2, SECOND + LATER_NS / 2, 2 * SECOND, Verdict::Allow));
        assert_eq!(verdict(&nearby, None, SECOND), Some(Verdict::Block));
        assert_eq!(verdict(&nearby, None, SECOND - NEARBY_NS - 1), None, "it may be either");
    }

    #[test]
    fn memory_of_a_process_is_bounded() {
        let mut nearby = Nearby::default();
        (0..=255).for_each(|last| nearby.note(KEY, verdict_on(last, SECOND, SECOND, Verdict::Allow)));
        assert!(nearby.0.iter().all(|(_, packets)| packets.len() <= EACH));
        assert_eq!(verdict(&nearby, Some(peer(255)), SECOND), Some(Verdict::Allow));
        assert_eq!(verdict(&nearby, None, SECOND), None, "it may be any of them");
    }
}
