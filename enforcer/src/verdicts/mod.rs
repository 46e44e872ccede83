//! Verdicts on their way to the events of the same flows.
//!
//! The packet path records its verdicts by socket; the thread that enriches events puts them on the events of the flow, and
//! holds pending events for a moment if their verdict is still to come.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use egret_model::{Attribution, Endpoint, Evaluation, Event, EventName, Flow, Interface, Layer, Owner, Verdict};
use lru::LruCache;

use self::nearby::{LATER_NS, Nearby, Outcome, Packet, Sent, State};
pub use self::pending::PendingEvents;
use self::portless::Portless;
use crate::clock::boot_now;
use crate::evaluate::Audit;
use crate::mode::Pairs;

mod nearby;
mod pending;
mod portless;
#[cfg(test)]
mod tests;

/// Verdicts remembered; the least recently used is evicted. Some 150 bytes each: 2.5 MB. An event comes soon after its verdict.
const VERDICTS: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();

/// How long an event waits for its verdict: it was reported before the packet left.
const PATIENCE: Duration = Duration::from_millis(100);

/// A flow: its socket, and the peer without number of its interface, which an event does not have.
type Key = (u64, SocketAddr, Option<Interface>);

/// Verdicts of flows whose events may still come.
pub struct Verdicts {
    recorded: Mutex<LruCache<Key, Outcome>>,
    /// Packets that lead to no socket, by process. Hooks do not see the peers of sockets without ports (ICMP).
    nearby: Mutex<Nearby>,
    /// Packets of which no owner was found, by local port.
    unowned: Mutex<Nearby>,
    /// The same of packets without ports.
    portless: Mutex<Portless>,
    /// Flows with a packet that is held, and until when at the latest: as many as are held, some 60 bytes each.
    held: Mutex<HashMap<Key, Instant>>,
    /// Flows are evaluated.
    evaluates: AtomicBool,
    /// Flows within the host are evaluated, too.
    evaluates_loopback: AtomicBool,
    /// Different pairs of program and destination that were blocked.
    pairs: Mutex<Pairs>,
    started: Instant,
    /// Over how long a pair counts once.
    window: Mutex<Duration>,
    /// Flows that passed without coming to a queue.
    granted: AtomicU64,
}

impl Default for Verdicts {
    fn default() -> Self {
        Self {
            recorded: Mutex::new(LruCache::new(VERDICTS)),
            nearby: Mutex::default(),
            unowned: Mutex::default(),
            portless: Mutex::default(),
            held: Mutex::default(),
            evaluates: AtomicBool::new(false),
            evaluates_loopback: AtomicBool::new(false),
            pairs: Mutex::default(),
            started: Instant::now(),
            window: Mutex::new(Duration::from_secs(60)),
            granted: AtomicU64::new(0),
        }
    }
}

impl Audit for Verdicts {
    fn record(&self, owner: Option<&Owner>, flow: Option<&Flow>, verdict: Verdict, evaluation: &Arc<Evaluation>) {
        let Some(flow) = flow else { return };
        let outcome = (verdict, Arc::clone(evaluation));
        let Some(owner) = owner else { return self.note_unowned(flow, packet_with_verdict(flow, outcome)) };
        if owner.cookie != 0 {
            for key in keys(owner, flow) {
                lock(&self.recorded).put(key, outcome.clone());
                // Only now: whoever finds that the flow is not held any more finds its verdict.
                lock(&self.held).remove(&key);
            }
        }
        if is_found_nearby(owner, flow) {
            lock(&self.nearby).note((owner.process.pid, flow.transport), packet_with_verdict(flow, outcome));
        }
    }

    fn held(&self, owner: &Owner, flow: &Flow, until: Instant) {
        if owner.cookie != 0 {
            lock(&self.held).extend(keys(owner, flow).map(|key| (key, until)));
        }
        if is_found_nearby(owner, flow) {
            lock(&self.nearby).hold((owner.process.pid, flow.transport), peer(flow), boot_now(), until);
        }
    }
}

impl Verdicts {
    /// Sets whether flows are evaluated, so that events wait for verdicts, and whether flows within the host are.
    pub(super) fn set_evaluating(&self, evaluates: bool, loopback: bool) {
        self.evaluates_loopback.store(loopback, Ordering::Relaxed);
        self.evaluates.store(evaluates, Ordering::Relaxed);
    }

    /// Sets how long a pair of program and destination counts once.
    pub(super) fn set_window(&self, window: Duration) {
        *lock(&self.window) = window;
    }

    /// How many different pairs of program and destination were blocked.
    pub(super) fn blocked_pairs(&self) -> u64 {
        lock(&self.pairs).count()
    }

    /// How many flows passed in the kernel.
    pub(super) fn granted(&self) -> u64 {
        self.granted.load(Ordering::Relaxed)
    }

    /// Puts the verdict of its flow on an event; false if there is none.
    fn put(&self, event: &mut Event) -> bool {
        if event.verdict.is_some() {
            if event.name == EventName::ConnectionOpen {
                self.granted.fetch_add(1, Ordering::Relaxed);
            }
            return true;
        }
        let of_socket = key(event).and_then(|key| lock(&self.recorded).get(&key).cloned());
        let found = of_socket.or_else(|| self.find_nearby(event).map(|found| with_peer(event, found)));
        found.is_some_and(|found| self.put_found(event, found))
    }

    /// The same for an event that waits no longer.
    fn put_at_last(&self, event: &mut Event) {
        if event.verdict.is_none()
            && !self.put(event)
            && let Some(found) = self.find_portless(event)
        {
            let found = with_peer(event, found);
            self.put_found(event, found);
        }
    }

    fn put_found(&self, event: &mut Event, (verdict, evaluation): Outcome) -> bool {
        event.verdict = Some(verdict);
        event.evaluation = Some(evaluation);
        if verdict == Verdict::Block && begins(event) {
            self.note_blocked(event);
        }
        true
    }

    fn note_unowned(&self, flow: &Flow, packet: Packet) {
        if flow.transport.has_ports() {
            lock(&self.unowned).note((flow.local.port().into(), flow.transport), packet);
        } else {
            lock(&self.portless).note(flow.transport, packet);
        }
    }

    /// The verdict on the packet of an event that knows no socket, and its peer.
    fn find_nearby(&self, event: &Event) -> Option<(SocketAddr, Outcome)> {
        let (pid, sent) = sent(event)?;
        let of_process = lock(&self.nearby).find((pid, sent.transport), &sent);
        of_process.or_else(|| {
            let port = event.local.port.filter(|_| sent.transport.has_ports())?;
            lock(&self.unowned).find((port.into(), sent.transport), &sent)
        })
    }

    /// The same for an event that waited in vain: it may be about a packet without ports of which no owner was found.
    fn find_portless(&self, event: &Event) -> Option<(SocketAddr, Outcome)> {
        let (pid, sent) = portless(event)?;
        let portless = lock(&self.portless);
        let packet = portless.find((pid, sent.transport), &sent)?;
        packet.outcome().map(|outcome| (packet.peer, outcome))
    }

    /// Notes who sends without ports.
    fn note_send(&self, event: &Event) {
        if let Some((pid, sent)) = portless(event) {
            lock(&self.portless).note_send((pid, sent.transport), sent.at_ns);
        }
    }

    /// Whether a packet of an event's flow is held. One that should have been released long ago holds nothing up.
    fn is_held(&self, event: &Event, now: Instant) -> bool {
        key(event).is_some_and(|key| self.is_flow_held(key, now))
            || sent(event).is_some_and(|(pid, sent)| {
                let longest_ago = now.checked_sub(PATIENCE).unwrap_or(now);
                lock(&self.nearby).is_held((pid, sent.transport), &sent, longest_ago)
            })
    }

    fn is_flow_held(&self, key: Key, now: Instant) -> bool {
        let mut held = lock(&self.held);
        match held.get(&key) {
            Some(until) if *until + PATIENCE <= now => {
                held.remove(&key);
                false
            }
            found => found.is_some(),
        }
    }

    /// Whether a verdict on an event's flow may still come.
    ///
    /// Datagrams are reported before they leave, and calls as soon as they return; connections with a handshake, and what
    /// fails, after their first packet went on, which it does once its verdict is noted. Where what stays within the host is
    /// not evaluated, no event of it waits.
    fn may_get_verdict(&self, event: &Event) -> bool {
        let is_early = event.layer == Layer::Syscalls
            || event.transport.is_some_and(|transport| !transport.has_handshake())
                && event.name != EventName::ConnectionFailed;
        // A socket may have any IPv6 address: what comes from that of others is evaluated, too.
        let is_own = |local: IpAddr| {
            let local = local.to_canonical();
            local.is_ipv4() || local.is_loopback() || local.is_unspecified()
        };
        let is_within = |peer: IpAddr| peer.is_loopback() && event.local.address.is_none_or(is_own);
        let is_evaluated = |peer: IpAddr| !is_within(peer) || self.evaluates_loopback.load(Ordering::Relaxed);
        is_early && begins(event) && event.peer.address.map_or_else(|| portless(event).is_some(), is_evaluated)
    }

    /// Whether the verdict on an event takes long, as an owner is searched for, and the event is so recent that it may still
    /// come.
    fn is_searched_for(&self, event: &Event, boot_ns: u64) -> bool {
        (event.layer == Layer::Syscalls || portless(event).is_some())
            && self.may_get_verdict(event)
            && boot_ns.saturating_sub(event.boot_ns) < LATER_NS
    }

    fn note_blocked(&self, event: &Event) {
        let program = event.process.as_ref().and_then(|process| process.executable.path.clone());
        let name = event.server.as_ref().map(|server| Arc::clone(&server.name));
        let address = event.peer.address.filter(|_| name.is_none());
        let window = *lock(&self.window);
        lock(&self.pairs).note((program, name, address, event.peer.port), self.started.elapsed(), window);
    }
}

/// Puts the peer on an event that was found with the verdict.
fn with_peer(event: &mut Event, (peer, outcome): (SocketAddr, Outcome)) -> Outcome {
    event.peer.address = Some(peer.ip());
    outcome
}

/// The flow of an event.
fn key(event: &Event) -> Option<Key> {
    let Endpoint { address, port, interface } = event.peer;
    Some((event.id.socket, SocketAddr::new(address?, port.unwrap_or(0)), interface))
}

/// The flow of a packet: as an event knows it, and as one does that does not know the interface of its peer.
fn keys(owner: &Owner, flow: &Flow) -> impl Iterator<Item = Key> {
    let key = (owner.cookie, SocketAddr::new(flow.peer.ip(), flow.peer.port()), None);
    flow.interface.map(|interface| (key.0, key.1, Some(interface))).into_iter().chain([key])
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether an event is the first of a flow that this host began.
fn begins(event: &Event) -> bool {
    !event.inbound
        && !event.preexisting
        && matches!(event.name, EventName::ConnectionOpen | EventName::ConnectionFailed | EventName::DatagramSend)
}

/// Whether events know nothing by which the socket of a packet is found: it has no ports, or `/proc` was searched for its owner.
fn is_found_nearby(owner: &Owner, flow: &Flow) -> bool {
    !flow.transport.has_ports() || owner.attribution == Attribution::Procfs
}

/// The peer of a packet, as events know it.
fn peer(flow: &Flow) -> SocketAddr {
    SocketAddr::new(flow.peer.ip(), flow.peer.port())
}

/// A packet that got its verdict just now.
fn packet_with_verdict(flow: &Flow, outcome: Outcome) -> Packet {
    let now_ns = boot_now();
    let came_ns = now_ns.saturating_sub(outcome.1.duration_ns.unwrap_or(0));
    Packet { peer: peer(flow), came_ns, state: State::Settled(now_ns, outcome) }
}

/// The process of an event that begins a flow, and what the event knows of the packet: the peer, or that there are no ports.
/// Packets of other network namespaces are not evaluated.
fn sent(event: &Event) -> Option<(u32, Sent)> {
    let transport = event.transport?;
    let process = event.process.as_ref()?;
    let peer = event.peer.address.map(|address| SocketAddr::new(address, event.peer.port.unwrap_or(0)));
    let is_own = event.namespace.is_none_or(|namespace| namespace.own);
    let is_recorded = begins(event) && is_own && event.boot_ns != 0 && (peer.is_some() || !transport.has_ports());
    is_recorded.then_some((process.pid, Sent { transport, peer, at_ns: event.boot_ns }))
}

/// The same without ports.
fn portless(event: &Event) -> Option<(u32, Sent)> {
    sent(event).filter(|(_, sent)| !sent.transport.has_ports())
}
