//! Sockets that stand, as events: when capture begins, and those that still wait for an answer when it ends.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;

use egret_model::{
    Attribution, ConnectionId, Event, EventName, Layer, NetworkNamespace, Process, Timestamp, Transport,
};

use crate::diag::{self, DiagError, DiagSocket, Holders};
use crate::host;
use crate::track::Processes;

const TCP_ESTABLISHED: u8 = 1;
const TCP_SYN_SENT: u8 = 2;
const TCP_CLOSE_WAIT: u8 = 8;
const TCP_LISTEN: u8 = 10;

/// Lists them. What cannot be listed is logged.
///
/// # Errors
///
/// `/proc` cannot be read.
pub(crate) fn list(processes: &mut Processes, layer: Layer, now: Timestamp) -> io::Result<Vec<Event>> {
    let told = |netns, error: &DiagError| tracing::warn!(netns, %error, "some standing sockets are not listed");
    select(tells, processes, layer, now, told)
}

/// Lists the connects that are not answered yet. What cannot be listed is logged.
///
/// # Errors
///
/// `/proc` cannot be read.
pub(crate) fn unanswered(processes: &mut Processes, layer: Layer, now: Timestamp) -> io::Result<Vec<Event>> {
    let is = |socket: &DiagSocket| socket.transport == Transport::Tcp && socket.state == TCP_SYN_SENT;
    // A daemon has given up the privilege to enter other namespaces long before; what it misses there is a second's connects.
    let told = |netns, error: &DiagError| tracing::info!(netns, %error, "connects of the last second are not listed");
    let mut events = select(is, processes, layer, now, told)?;
    events.iter_mut().for_each(|event| event.standing = false);
    Ok(events)
}

fn select(
    tells: impl Fn(&DiagSocket) -> bool,
    processes: &mut Processes,
    layer: Layer,
    now: Timestamp,
    told: impl Fn(u32, &DiagError),
) -> io::Result<Vec<Event>> {
    let standing = diag::standing()?;
    standing.failures.iter().for_each(|(netns, error)| told(*netns, error));
    let mut wanted = HashSet::new();
    let sockets = || standing.namespaces.iter().flat_map(|namespace| &namespace.sockets).filter(|socket| tells(socket));
    wanted.extend(sockets().map(|socket| socket.inode));
    let holders = diag::inodes_to_pids(|inode| wanted.contains(&inode))?;
    let mut events = Vec::new();
    let own = diag::own_namespace();
    for namespace in &standing.namespaces {
        let place = NetworkNamespace { inode: namespace.netns, own: Some(namespace.netns) == own };
        let served: HashSet<u16> = namespace
            .sockets
            .iter()
            .filter(|socket| socket.is_listening())
            .filter_map(|socket| socket.local.port)
            .collect();
        let mut known = HashMap::new();
        for socket in namespace.sockets.iter().filter(|socket| tells(socket)) {
            let process = holder(socket, &holders, processes, &mut known);
            let event = event(socket, process, &served, layer, now);
            events.push(Event { namespace: Some(place), ..event });
        }
    }
    Ok(events)
}

/// Connections, listeners, and sockets that see or make packets of any kind; not what is over or never began.
fn tells(socket: &DiagSocket) -> bool {
    match socket.transport {
        Transport::Raw(_) | Transport::Icmp | Transport::Packet => true,
        transport if transport.has_handshake() => {
            matches!(socket.state, TCP_ESTABLISHED | TCP_SYN_SENT | 4 | 5 | TCP_CLOSE_WAIT | TCP_LISTEN)
        }
        _ => socket.is_connected(),
    }
}

fn holder(
    socket: &DiagSocket,
    holders: &Holders,
    processes: &mut Processes,
    known: &mut HashMap<u32, Option<Arc<Process>>>,
) -> Option<Arc<Process>> {
    let pid = holders.of(socket.inode)?;
    known.entry(pid).or_insert_with(|| processes.standing(pid)).clone()
}

fn event(
    socket: &DiagSocket,
    process: Option<Arc<Process>>,
    served: &HashSet<u16>,
    layer: Layer,
    now: Timestamp,
) -> Event {
    let inbound = socket.transport.has_handshake() && socket.local.port.is_some_and(|port| served.contains(&port));
    let name = match (socket.is_listening(), inbound) {
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
        inbound: name == EventName::Accept,
        standing: true,
        outstanding: socket.transport == Transport::Tcp && socket.state == TCP_SYN_SENT,
        boot_ns: host::boot_now(),
        ..Event::new(name, now, id, layer)
    }
}
