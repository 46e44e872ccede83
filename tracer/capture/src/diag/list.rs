//! Listing every socket of the host, by namespace.

use std::io;

use egret_model::Transport;

use super::namespace::{Namespace, in_namespace, namespaces};
use super::socket::DiagSocket;
use super::tables::{self, TABLES};
use super::{Diag, DiagError};

/// The transports to list, in this order. ICMP sockets come from `/proc/net`: no kernel lists them by netlink.
const TRANSPORTS: [Transport; 7] = [
    Transport::Tcp,
    Transport::Mptcp,
    Transport::Udp,
    Transport::UdpLite,
    Transport::Raw(255),
    Transport::Icmp,
    Transport::Packet,
];

/// Sockets kept of one namespace, 80 bytes each: 21 MB. More are dropped and counted.
const MAX_SOCKETS: usize = 262_144;

/// The sockets of one network namespace.
#[derive(Debug, Default)]
pub struct NamespaceSockets {
    /// Inode number of the namespace.
    pub netns: u32,
    /// Its sockets. An MPTCP connection is listed as such, and each of its subflows, which have no descriptor, as
    /// TCP.
    pub sockets: Vec<DiagSocket>,
    /// Sockets that were dropped, beyond the limit of 262,144.
    pub dropped: usize,
    /// Transports that this kernel lists neither by netlink nor in `/proc/net`.
    pub unsupported: Vec<Transport>,
}

/// The sockets of the host at one moment.
#[derive(Debug, Default)]
pub struct HostSockets {
    /// By namespace, the caller's first.
    pub namespaces: Vec<NamespaceSockets>,
    /// Namespaces and lists that could not be read; the others were.
    pub failures: Vec<(u32, DiagError)>,
}

/// Lists every socket in every network namespace. The error of one namespace or list is returned with the sockets
/// of the others.
///
/// # Errors
///
/// `/proc` cannot be read, so that namespaces are unknown.
pub fn list_all() -> io::Result<HostSockets> {
    let mut listed = HostSockets::default();
    for namespace in namespaces()? {
        let netns = namespace.inode;
        match in_namespace(&namespace, || list(&namespace)) {
            Ok((sockets, failures)) => {
                listed.namespaces.push(sockets);
                listed.failures.extend(failures.into_iter().map(|error| (netns, error)));
            }
            Err(source) => listed.failures.push((netns, DiagError::Enter { netns, source })),
        }
    }
    Ok(listed)
}

/// Lists the sockets of the namespace that the calling thread is in.
fn list(namespace: &Namespace) -> (NamespaceSockets, Vec<DiagError>) {
    let mut into = NamespaceSockets { netns: namespace.inode, ..NamespaceSockets::default() };
    let mut failures = Vec::new();
    let mut diag = Diag::open();
    for transport in TRANSPORTS {
        let listed = match &mut diag {
            Ok(diag) if transport != Transport::Icmp => diag.list(transport, |socket| into.keep(socket)),
            _ => into.read_tables(transport),
        };
        let listed = match listed {
            Err(error) if error.is_unsupported() => into.read_tables(transport),
            listed => listed,
        };
        match listed {
            Ok(()) => {}
            Err(error) if error.is_unsupported() => into.unsupported.push(transport),
            Err(error) => failures.push(error),
        }
    }
    failures.extend(diag.err());
    (into, failures)
}

impl NamespaceSockets {
    fn keep(&mut self, socket: DiagSocket) {
        if self.sockets.len() < MAX_SOCKETS {
            self.sockets.push(socket);
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    /// Reads the transport's tables of `/proc/net`. It is no error if some are missing (without IPv6, say).
    fn read_tables(&mut self, transport: Transport) -> Result<(), DiagError> {
        let thread = tables::this_thread()?;
        let mut result = Err(DiagError::Refused { transport, source: io::Error::from_raw_os_error(libc::ENOENT) });
        for table in TABLES.into_iter().filter(|table| table.transport == transport) {
            match tables::read(&thread, table) {
                Ok(sockets) => {
                    sockets.into_iter().for_each(|socket| self.keep(socket));
                    result = Ok(());
                }
                Err(error) if error.is_unsupported() => {}
                Err(error) => return Err(error),
            }
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;
    use crate::host::test_support::{Child, NetworkNamespace, inode_of, skip_unless_root, wait_until};

    fn find(listed: &HostSockets, inode: u64) -> Option<(u32, DiagSocket)> {
        listed.namespaces.iter().find_map(|namespace| {
            let socket = namespace.sockets.iter().find(|socket| socket.inode == inode)?;
            Some((namespace.netns, socket.clone()))
        })
    }

    #[test]
    fn sockets_are_listed_by_their_namespace() {
        if skip_unless_root("listing sockets of all namespaces") {
            return;
        }
        let here = TcpListener::bind("127.0.0.1:0").unwrap();
        let other = NetworkNamespace::new();
        let namespace = namespaces().unwrap().into_iter().find(|found| found.inode == other.inode).unwrap();
        let there = in_namespace(&namespace, || UdpSocket::bind("[::1]:0").unwrap()).unwrap();
        let listed = list_all().unwrap();
        let (netns, socket) = find(&listed, inode_of(&here)).unwrap();
        assert_eq!(netns, listed.namespaces[0].netns);
        assert!(socket.is_listening());
        let (netns, socket) = find(&listed, inode_of(&there)).unwrap();
        assert_eq!(netns, other.inode);
        assert_eq!(socket.local.port, Some(there.local_addr().unwrap().port()));
    }

    #[test]
    fn raw_icmp_packet_and_mptcp_sockets_are_listed() {
        if skip_unless_root("opening raw and packet sockets") {
            return;
        }
        let other = NetworkNamespace::new();
        let script = "import socket as s, time
open('/proc/sys/net/ipv4/ping_group_range', 'w').write('0 2147483647')
raw = s.socket(s.AF_INET, s.SOCK_RAW, 89)
raw6 = s.socket(s.AF_INET6, s.SOCK_RAW, 58)
ping = s.socket(s.AF_INET, s.SOCK_DGRAM, s.IPPROTO_ICMP)
ping.bind(('127.0.0.1', 0))
packet = s.socket(s.AF_PACKET, s.SOCK_RAW, s.htons(3))
lite = s.socket(s.AF_INET, s.SOCK_DGRAM, 136)
lite.bind(('127.0.0.1', 4000))
mptcp = s.socket(s.AF_INET, s.SOCK_STREAM, 262)
mptcp.bind(('127.0.0.1', 4001))
mptcp.listen()
open('/dev/stdout', 'w').write('ready')
time.sleep(1000)";
        let pid = other.pid().to_string();
        let mut command = std::process::Command::new("nsenter");
        command.args(["-t", &pid, "-n", "python3", "-c", script]).stdout(std::process::Stdio::piped());
        let mut child = Child::run(&mut command);
        let mut ready = [0; 5];
        io::Read::read_exact(child.inner().stdout.as_mut().unwrap(), &mut ready).unwrap();
        let mut found = Vec::new();
        wait_until("sockets", || {
            let listed = list_all().unwrap();
            let namespace = listed.namespaces.into_iter().find(|namespace| namespace.netns == other.inode).unwrap();
            assert!(namespace.unsupported.is_empty(), "{:?}", namespace.unsupported);
            found = namespace.sockets;
            found.len() >= 6
        });
        let one = |transport| found.iter().find(|socket| socket.transport == transport).unwrap();
        assert!(one(Transport::Raw(89)).inode != 0);
        assert_eq!(found.iter().filter(|socket| socket.transport == Transport::Icmp).count(), 2);
        assert!(one(Transport::Packet).cookie.is_some());
        assert_eq!(one(Transport::UdpLite).local.to_text(), "127.0.0.1:4000");
        assert!(one(Transport::Mptcp).is_listening());
        assert_eq!(one(Transport::Mptcp).local.to_text(), "127.0.0.1:4001");
    }
}
