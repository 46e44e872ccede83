//! A line of a socket table, for the comparison.

use std::collections::HashSet;
use std::net::IpAddr;

use egret_model::{Endpoint, Transport};

use crate::diag::{DiagSocket, TCP_ESTABLISHED};

const TCP_SYN_RECV: u8 = 3;
const TCP_CLOSE_WAIT: u8 = 8;
const TCP_NEW_SYN_RECV: u8 = 12;

/// Identifies a flow in two scans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) netns: u32,
    pub(super) transport: Transport,
    pub(super) local: Endpoint,
    pub(super) peer: Endpoint,
    /// Number of the interface that a link-local peer is behind.
    pub(super) interface: u32,
    /// Inode number if several sockets may have the same endpoints; zero for TCP connections, which keep their
    /// endpoints, but not their number, when they are closed.
    socket: u64,
    pub(super) listens: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not accepted yet, without an owner.
    Waiting,
    /// A process has a descriptor of it.
    Alive,
    /// The process has closed it; the kernel still shuts it down.
    Ended,
}

/// The parts of a flow that may change between scans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) inode: u64,
    pub(super) phase: Phase,
}

pub(super) fn classify(netns: u32, socket: &DiagSocket) -> (Key, Seen) {
    let is_connection = socket.transport == Transport::Tcp && !socket.is_listening();
    let key = Key {
        netns,
        transport: socket.transport,
        local: socket.local,
        peer: socket.peer,
        interface: socket.interface,
        socket: if is_connection { 0 } else { socket.inode },
        listens: socket.is_listening(),
    };
    let phase = match socket.state {
        _ if !is_connection || socket.inode != 0 => Phase::Alive,
        TCP_ESTABLISHED | TCP_SYN_RECV | TCP_CLOSE_WAIT | TCP_NEW_SYN_RECV => Phase::Waiting,
        _ => Phase::Ended,
    };
    (key, Seen { inode: socket.inode, phase })
}

/// TCP listeners, by which accepted connections are distinguished from opened ones.
#[derive(Debug)]
pub(super) struct Listeners {
    /// Namespace, port, and the address unless it is unspecified.
    ports: HashSet<(u32, u16, Option<IpAddr>)>,
}

impl Listeners {
    pub(super) fn new<'keys>(keys: impl Iterator<Item = &'keys Key>) -> Self {
        let listening = keys.filter(|key| key.listens);
        let port = |key: &Key| {
            let address = key.local.address.filter(|address| !address.is_unspecified());
            Some((key.netns, key.local.port?, address))
        };
        Self { ports: listening.filter_map(port).collect() }
    }

    /// Whether a socket listens at the local endpoint of this connection.
    pub(super) fn accepted(&self, key: &Key) -> bool {
        let Some(port) = key.local.port.filter(|_| key.transport == Transport::Tcp) else {
            return false;
        };
        [None, key.local.address].into_iter().any(|address| self.ports.contains(&(key.netns, port, address)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::TCP_LISTEN;

    const TCP_TIME_WAIT: u8 = 6;

    fn endpoint(text: &str) -> Endpoint {
        let address: std::net::SocketAddr = text.parse().unwrap();
        Endpoint { address: Some(address.ip()), port: Some(address.port()), interface: None }
    }

    fn socket(state: u8, local: &str, inode: u64) -> DiagSocket {
        DiagSocket {
            transport: Transport::Tcp,
            state,
            local: endpoint(local),
            peer: if state == TCP_LISTEN { Endpoint::default() } else { endpoint("10.0.0.9:999") },
            interface: 0,
            cookie: None,
            inode,
            uid: None,
        }
    }

    #[test]
    fn phases_of_a_tcp_connection() {
        let phase = |state, inode| classify(1, &socket(state, "10.0.0.1:80", inode)).1.phase;
        assert_eq!(phase(TCP_ESTABLISHED, 7), Phase::Alive);
        assert_eq!(phase(TCP_TIME_WAIT, 0), Phase::Ended);
        for state in [TCP_ESTABLISHED, TCP_SYN_RECV, TCP_CLOSE_WAIT, TCP_NEW_SYN_RECV] {
            assert_eq!(phase(state, 0), Phase::Waiting, "{state}");
        }
    }

    #[test]
    fn close_keeps_the_key_and_listeners_on_one_port_have_different_keys() {
        let key = |state, inode| classify(1, &socket(state, "10.0.0.1:80", inode)).0;
        assert_eq!(key(TCP_ESTABLISHED, 7), key(TCP_TIME_WAIT, 0));
        assert_ne!(key(TCP_LISTEN, 7), key(TCP_LISTEN, 8));
    }

    #[test]
    fn connection_with_a_listener_on_its_port_is_accepted() {
        let keys: Vec<Key> = [socket(TCP_LISTEN, "0.0.0.0:80", 1), socket(TCP_LISTEN, "10.0.0.1:81", 2)]
            .iter()
            .map(|socket| classify(1, socket).0)
            .collect();
        let listeners = Listeners::new(keys.iter());
        let accepted = |netns, local| listeners.accepted(&classify(netns, &socket(TCP_ESTABLISHED, local, 9)).0);
        assert!(accepted(1, "10.0.0.2:80"));
        assert!(accepted(1, "10.0.0.1:81"));
        assert!(!accepted(1, "10.0.0.2:81"), "bound to another address");
        assert!(!accepted(2, "10.0.0.2:80"), "in another namespace");
        assert!(!accepted(1, "10.0.0.2:40000"));
    }
}
