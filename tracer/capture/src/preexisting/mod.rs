//! Preexisting sockets as events: when capture begins, and the connects without an answer when it ends.

mod listeners;

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;

use egret_model::{
    Attribution, ConnectionId, Event, EventName, Layer, NetworkNamespace, Process, Timestamp, Transport,
};

use crate::diag::{self, DiagSocket, NamespaceSockets, SocketOwners};
use crate::host::{self, Interfaces};
use crate::track::Processes;
pub(crate) use listeners::Listeners;

const TCP_ESTABLISHED: u8 = 1;
const TCP_SYN_SENT: u8 = 2;
const TCP_FIN_WAIT1: u8 = 4;
const TCP_FIN_WAIT2: u8 = 5;
const TCP_CLOSE_WAIT: u8 = 8;
const TCP_LISTEN: u8 = 10;

/// UDP sockets without a peer that are remembered for a while, 1 MB. For others the first datagram decides the
/// direction.
const MAX_UNCONNECTED: usize = 65_536;

/// The sockets of the host at one moment, and the owners of those that are reported.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    namespaces: Vec<NamespaceSockets>,
    owners: SocketOwners,
    /// Cookies of UDP sockets without a peer.
    unconnected: HashSet<u64>,
}

impl Listing {
    /// Lists all sockets. What cannot be listed is logged.
    pub(crate) fn of_preexisting() -> Self {
        let failed = |netns, error| tracing::warn!(netns, %error, "some preexisting sockets are not listed");
        Self::list(is_reported, failed).unwrap_or_else(|error| {
            tracing::warn!(%error, "preexisting sockets are not listed");
            Self::default()
        })
    }

    /// Lists the connects without an answer. What cannot be listed is logged.
    pub(crate) fn of_unanswered() -> Self {
        const MESSAGE: &str = "connects of the last second are not listed";
        let failed = |netns, error: diag::DiagError| {
            if error.may_not_enter() {
                // A daemon has long dropped the privilege to enter other namespaces: it lists its own.
                tracing::debug!(netns, %error, "{MESSAGE}");
            } else {
                tracing::info!(netns, %error, "{MESSAGE}");
            }
        };
        Self::list(is_unanswered, failed).unwrap_or_else(|error| {
            tracing::warn!(%error, "connects without an answer are not listed");
            Self::default()
        })
    }

    fn list(wanted: impl Fn(&DiagSocket) -> bool, failed: impl Fn(u32, diag::DiagError)) -> io::Result<Self> {
        let mut listed = diag::list_all()?;
        listed.failures.drain(..).for_each(|(netns, error)| failed(netns, error));
        let sockets = listed.namespaces.iter().flat_map(|namespace| &namespace.sockets);
        let unconnected = sockets.filter(|socket| is_unconnected(socket)).filter_map(|socket| socket.cookie);
        let unconnected = unconnected.take(MAX_UNCONNECTED).collect();
        for namespace in &mut listed.namespaces {
            namespace.sockets.retain(&wanted);
        }
        let sockets = listed.namespaces.iter().flat_map(|namespace| &namespace.sockets);
        let inodes: HashSet<u64> = sockets.map(|socket| socket.inode).collect();
        let owners = diag::find_owners(|inode| inodes.contains(&inode))?;
        Ok(Self { namespaces: listed.namespaces, owners, unconnected })
    }

    /// Takes the cookies of the UDP sockets without a peer.
    pub(crate) fn take_unconnected(&mut self) -> HashSet<u64> {
        std::mem::take(&mut self.unconnected)
    }

    /// The sockets as events, and the listeners among them. A connection that waits to be accepted belongs to its
    /// listener. The time at which a preexisting socket was opened is unknown: its id has the moment at which this
    /// egret started, on the boot clock.
    pub(crate) fn events(
        self,
        processes: &mut Processes,
        layer: Layer,
        now: Timestamp,
        started_ns: u64,
    ) -> (Vec<Found>, Listeners) {
        let mut known = HashMap::new();
        let mut owner = |inode| {
            let pid = self.owners.get(inode)?;
            known.entry(pid).or_insert_with(|| processes.read_running(pid)).clone()
        };
        let mut interfaces = Interfaces::default();
        let (mut events, mut listeners) = (Vec::new(), Listeners::default());
        let own = diag::own_namespace();
        for mut namespace in self.namespaces {
            let netns = NetworkNamespace { inode: namespace.netns, own: Some(namespace.netns) == own };
            // Listeners first: accepted connections are recognised by them.
            namespace.sockets.sort_by_key(|socket| !socket.is_listening());
            for socket in namespace.sockets {
                let is_owned = self.owners.is_owned(socket.inode);
                let (process, accepted) = listeners.attribute(netns.inode, &socket, owner(socket.inode), is_owned);
                let event = event(&socket, process, accepted, layer, now);
                let peer = event.peer.behind(interfaces.get(socket.interface, Some(netns)));
                let id = ConnectionId { opened: started_ns, ..event.id };
                let event = Event { id, peer, namespace: Some(netns), ..event };
                events.push(Found { event, connecting: is_unanswered(&socket), reported: false });
            }
        }
        (events, listeners)
    }
}

impl Listeners {
    /// The process of a listed socket whose owner is `process`, and whether a listener accepted it. Takes note of
    /// listeners.
    fn attribute(
        &mut self,
        netns: u32,
        socket: &DiagSocket,
        process: Option<Arc<Process>>,
        is_owned: bool,
    ) -> (Option<Arc<Process>>, bool) {
        if socket.is_listening() {
            self.add(netns, socket, process.clone());
            return (process, false);
        }
        if !socket.transport.has_handshake() {
            return (process, false);
        }
        // Without an owner it was closed since it was listed, or is not accepted yet.
        let process = if is_owned { process } else { self.process(netns, socket.local) };
        (process, self.serve(netns, socket.local))
    }
}

/// A socket that was found in user space and that the kernel side has not announced.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// The event that reports it.
    pub(crate) event: Event,
    /// A TCP connect without an answer.
    pub(crate) connecting: bool,
    /// The event has been reported.
    pub(crate) reported: bool,
}

fn is_unconnected(socket: &DiagSocket) -> bool {
    matches!(socket.transport, Transport::Udp | Transport::UdpLite) && !socket.is_connected()
}

fn is_unanswered(socket: &DiagSocket) -> bool {
    socket.transport.has_handshake() && socket.state == TCP_SYN_SENT
}

/// Whether a socket is a connection, a listener, or one that sends or receives packets of any kind. A connection
/// that its program has closed is over, though its last packets may still be in flight.
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
        preexisting: true,
        outstanding: socket.transport == Transport::Tcp && socket.state == TCP_SYN_SENT,
        boot_ns: host::boot_now(),
        ..Event::new(name, now, id, layer)
    }
}
