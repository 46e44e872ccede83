//! Sockets that stand, as events: when capture begins, and those that still wait for an answer when it ends.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use egret_model::{
    Attribution, ConnectionId, Endpoint, Event, EventName, Layer, NetworkNamespace, Process, Timestamp, Transport,
};

use crate::diag::{self, DiagSocket, Holders, NamespaceSockets};
use crate::track::Processes;

const TCP_ESTABLISHED: u8 = 1;
const TCP_SYN_SENT: u8 = 2;
const TCP_FIN_WAIT1: u8 = 4;
const TCP_FIN_WAIT2: u8 = 5;
const TCP_CLOSE_WAIT: u8 = 8;
const TCP_LISTEN: u8 = 10;

/// UDP sockets without a peer that are remembered for a while, 1 MB. Of others the first datagram says who spoke first.
const MAX_UNCONNECTED: usize = 65_536;

/// The sockets of the host at one moment, and who holds those that are reported.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    namespaces: Vec<NamespaceSockets>,
    holders: Holders,
    /// Cookies of UDP sockets without a peer.
    unconnected: HashSet<u64>,
}

impl Listing {
    /// Looks at everything that stands. What cannot be listed is logged.
    pub(crate) fn of_preexisting() -> Self {
        let failed = |netns, error| tracing::warn!(netns, %error, "some standing sockets are not listed");
        Self::of(is_reported, failed).unwrap_or_else(|error| {
            tracing::warn!(%error, "standing sockets are not listed");
            Self::default()
        })
    }

    /// Looks at the connects that are not answered yet. What cannot be listed is logged.
    pub(crate) fn of_unanswered() -> Self {
        // A daemon has given up the privilege to enter other namespaces long before; what it misses there is a second's connects.
        let failed = |netns, error| tracing::info!(netns, %error, "connects of the last second are not listed");
        Self::of(is_unanswered, failed).unwrap_or_else(|error| {
            tracing::warn!(%error, "connects without an answer are not listed");
            Self::default()
        })
    }

    fn of(wanted: impl Fn(&DiagSocket) -> bool, failed: impl Fn(u32, diag::DiagError)) -> io::Result<Self> {
        let mut standing = diag::standing()?;
        standing.failures.drain(..).for_each(|(netns, error)| failed(netns, error));
        let unconnected = standing.namespaces.iter().flat_map(|namespace| &namespace.sockets);
        let unconnected = unconnected.filter(|socket| is_unconnected(socket)).filter_map(|socket| socket.cookie);
        let unconnected = unconnected.take(MAX_UNCONNECTED).collect();
        for namespace in &mut standing.namespaces {
            namespace.sockets.retain(&wanted);
        }
        let sockets = || standing.namespaces.iter().flat_map(|namespace| &namespace.sockets);
        let inodes: HashSet<u64> = sockets().map(|socket| socket.inode).collect();
        let holders = diag::inodes_to_pids(|inode| inodes.contains(&inode))?;
        Ok(Self { namespaces: standing.namespaces, holders, unconnected })
    }

    /// Takes the cookies of the UDP sockets without a peer.
    pub(crate) fn take_unconnected(&mut self) -> HashSet<u64> {
        std::mem::take(&mut self.unconnected)
    }

    /// The sockets as events, and the listeners among them. A connection that waits to be accepted is its listener's.
    pub(crate) fn events(self, processes: &mut Processes, layer: Layer, now: Timestamp) -> (Vec<Found>, Listeners) {
        let mut events = Vec::new();
        let mut listeners = Listeners::default();
        let mut known = HashMap::new();
        let own = diag::own_namespace();
        for namespace in self.namespaces {
            let place = NetworkNamespace { inode: namespace.netns, own: Some(namespace.netns) == own };
            let mut sockets = namespace.sockets;
            sockets.sort_by_key(|socket| !socket.is_listening());
            for socket in sockets {
                let pid = self.holders.of(socket.inode);
                let mut process =
                    pid.and_then(|pid| known.entry(pid).or_insert_with(|| processes.standing(pid)).clone());
                if socket.is_listening() {
                    listeners.add(namespace.netns, &socket, process.clone());
                } else if socket.transport.has_handshake() && !self.holders.is_held(socket.inode) {
                    // Closed since it was listed, or not accepted yet.
                    process = listeners.process(namespace.netns, socket.local);
                }
                let accepted = socket.transport.has_handshake()
                    && !socket.is_listening()
                    && listeners.serve(namespace.netns, socket.local);
                let event = event(&socket, process, accepted, layer, now);
                let event = Event { namespace: Some(place), ..event };
                events.push(Found { event, connecting: is_unanswered(&socket), reported: false });
            }
        }
        (events, listeners)
    }
}

/// A socket that user space has found and the kernel side has not announced.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// As which it is reported.
    pub(crate) event: Event,
    /// A TCP connect without an answer.
    pub(crate) connecting: bool,
    /// The event has been reported.
    pub(crate) reported: bool,
}

/// The address that a listener is bound to, and its process.
type Bound = (IpAddr, Option<Arc<Process>>);

/// The processes of the listeners that are older than egret, by network namespace and port. About 100 bytes a listener.
#[derive(Debug, Default)]
pub(crate) struct Listeners(HashMap<(u32, u16), Vec<Bound>>);

impl Listeners {
    fn add(&mut self, netns: u32, socket: &DiagSocket, process: Option<Arc<Process>>) {
        // The kernel's own half of a multipath listener has no inode number.
        if let (Some(address), Some(port), true) = (socket.local.address, socket.local.port, socket.inode != 0) {
            self.0.entry((netns, port)).or_default().push((address, process));
        }
    }

    /// Whether there is a listener that may have accepted a connection with this local end.
    pub(crate) fn serve(&self, netns: u32, local: Endpoint) -> bool {
        !self.nearest(netns, local).is_empty()
    }

    /// The process that listens for connections to this local end; `None` where several do (`SO_REUSEPORT`).
    pub(crate) fn process(&self, netns: u32, local: Endpoint) -> Option<Arc<Process>> {
        let nearest = self.nearest(netns, local);
        let first = (*nearest.first()?).clone()?;
        let is_first = |process: &&Option<Arc<Process>>| process.as_ref().is_some_and(|other| other.pid == first.pid);
        nearest.iter().all(is_first).then_some(first)
    }

    /// The listeners that the kernel looks at first: those bound to the address, then those bound to all addresses of its
    /// family, then those bound to all (`__inet_lookup_listener` and `compute_score` in net/ipv4/inet_hashtables.c).
    fn nearest(&self, netns: u32, local: Endpoint) -> Vec<&Option<Arc<Process>>> {
        let Some((address, port)) = local.address.zip(local.port) else { return Vec::new() };
        let all = self.0.get(&(netns, port)).map_or(&[][..], Vec::as_slice);
        let is_exact = |bound: IpAddr| bound == address;
        let is_family = |bound: IpAddr| bound.is_unspecified() && bound.is_ipv4() == address.is_ipv4();
        let is_any = |bound: IpAddr| bound.is_unspecified();
        for is_near in [&is_exact as &dyn Fn(IpAddr) -> bool, &is_family, &is_any] {
            let near: Vec<_> = all.iter().filter(|(bound, _)| is_near(*bound)).map(|(_, process)| process).collect();
            if !near.is_empty() {
                return near;
            }
        }
        Vec::new()
    }
}

fn is_unconnected(socket: &DiagSocket) -> bool {
    matches!(socket.transport, Transport::Udp | Transport::UdpLite) && !socket.is_connected()
}

fn is_unanswered(socket: &DiagSocket) -> bool {
    socket.transport.has_handshake() && socket.state == TCP_SYN_SENT
}

/// Connections, listeners, and sockets that see or make packets of any kind; not what is over or never began. A connection
/// that its program has closed is over for it, though its last packets may be under way.
fn is_reported(socket: &DiagSocket) -> bool {
    match socket.transport {
        Transport::Raw(_) | Transport::Icmp | Transport::Packet => true,
        transport if transport.has_handshake() => match socket.state {
            TCP_ESTABLISHED | TCP_SYN_SENT | TCP_CLOSE_WAIT | TCP_LISTEN => true,
            TCP_FIN_WAIT1 | TCP_FIN_WAIT2 => socket.inode != 0,
            _ => false,
        },
        _ => socket.is_connected(),
    }
}

fn event(socket: &DiagSocket, process: Option<Arc<Process>>, accepted: bool, layer: Layer, now: Timestamp) -> Event {
    let name = match (socket.is_listening(), accepted) {
        (true, _) => EventName::Listen,
        (false, true) => EventName::Accept,
        (false, false) => EventName::ConnectionOpen,
    };
    // Without a cookie the inode number is as unique, while the socket lasts.
    let id = ConnectionId { socket: socket.cookie.unwrap_or(socket.inode), opened: 0 };
    Event {
        attribution: if process.is_some() { Attribution::Procfs } else { Attribution::Unknown },
        process,
        transport: Some(socket.transport),
        local: socket.local,
        peer: socket.peer,
        inbound: accepted,
        standing: true,
        outstanding: socket.transport == Transport::Tcp && socket.state == TCP_SYN_SENT,
        ..Event::new(name, now, id, layer)
    }
}
