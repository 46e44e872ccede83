//! Searching `/proc` for the owner of a packet.

use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use egret_model::{Attribution, Endpoint, Flow, Owner, ProcessId, Transport};
use procfs::process::Process;

use crate::diag::tables::{self, TABLES};
use crate::diag::{Diag, DiagSocket, find_owners_before};
use crate::host::find_cgroup2;
use crate::host::process::Status;
use crate::kernel::ProcessTable;

/// `IPPROTO_RAW`: such a socket writes its own headers, and so sends any protocol.
const ANY: Transport = Transport::Raw(255);

/// Candidates for one packet at most: a port that is shared by design, as that of multicast DNS, has a handful.
const CANDIDATES: usize = 8;

pub(super) struct Search {
    processes: Option<Arc<ProcessTable>>,
    hierarchy: Option<PathBuf>,
}

impl Search {
    pub(super) fn new(processes: Option<Arc<ProcessTable>>) -> Self {
        Self { processes, hierarchy: find_cgroup2() }
    }

    /// All processes with a socket that could have sent the packet, also if they share an inherited one. Empty if
    /// one of the sockets has no known process, if there are too many processes, or if the deadline passes.
    pub(super) fn candidates(&self, flow: &Flow, diag: Option<&mut Diag>, deadline: Instant) -> Vec<Owner> {
        let sockets = candidates(flow, diag);
        let inodes: HashSet<u64> = sockets.iter().map(|socket| socket.inode).collect();
        let Ok(owners) = find_owners_before(deadline, |inode| inodes.contains(&inode)) else { return Vec::new() };
        let mut cookies: BTreeMap<u32, Vec<Option<u64>>> = BTreeMap::new();
        for socket in &sockets {
            let mut senders = owners.senders(socket.inode).peekable();
            if senders.peek().is_none() {
                return Vec::new();
            }
            senders.for_each(|pid| cookies.entry(pid).or_default().push(socket.cookie));
        }
        if cookies.len() > CANDIDATES {
            return Vec::new();
        }
        let owner = |(pid, cookies): (u32, Vec<Option<u64>>)| {
            let cookie = if let [only] = cookies.as_slice() { *only } else { None };
            Some(Owner {
                process: self.process(pid)?,
                cookie: cookie.unwrap_or(0),
                attribution: Attribution::Procfs,
                inbound: false,
            })
        };
        cookies.into_iter().map(owner).collect::<Option<_>>().unwrap_or_default()
    }

    /// The process by `/proc`, and by its entry of the kernel side.
    fn process(&self, pid: u32) -> Option<ProcessId> {
        let found = Status::read(pid).ok()?;
        let known = self.processes.as_ref().and_then(|processes| processes.get(&pid, 0).ok());
        let known = known.filter(|known| known.start_ns != 0 && found.started_at(known.start_ns));
        Some(ProcessId {
            pid,
            uid: found.uid,
            start_ns: known.map_or(found.start_ns, |known| known.start_ns),
            exec_id: known.map_or(0, |known| known.exec_id),
            cgroup_id: self.cgroup_id(pid).unwrap_or(0),
            parent_pid: found.parent_pid.unwrap_or(0),
        })
    }

    /// The id of a control group v2 is the inode number of its directory.
    fn cgroup_id(&self, pid: u32) -> Option<u64> {
        let groups = Process::new(i32::try_from(pid).ok()?).ok()?.cgroups().ok()?;
        let path = groups.0.iter().find(|line| line.hierarchy == 0)?.pathname.trim_start_matches('/').to_owned();
        Some(std::fs::metadata(self.hierarchy.as_ref()?.join(path)).ok()?.ino())
    }
}

/// The sockets that could have sent the packet, as far as they can be listed.
fn candidates(flow: &Flow, diag: Option<&mut Diag>) -> Vec<DiagSocket> {
    let mut found = Vec::new();
    match (flow.transport, diag) {
        (Transport::Tcp, Some(diag)) => {
            found.extend(diag.lookup(Transport::Tcp, flow.local, flow.peer).ok().flatten());
        }
        (Transport::Udp | Transport::UdpLite, Some(diag)) => {
            let _ = diag.list(flow.transport, |socket| {
                if could_send(&socket, flow) {
                    found.push(socket);
                }
            });
        }
        _ => found.extend(in_tables(flow)),
    }
    found
}

fn in_tables(flow: &Flow) -> Vec<DiagSocket> {
    let Ok(thread) = tables::this_thread() else { return Vec::new() };
    let raw = matches!(flow.transport, Transport::Icmp | Transport::Raw(_));
    TABLES
        .iter()
        .filter(|table| table.transport == flow.transport || raw && table.transport == ANY)
        .filter_map(|table| tables::read(&thread, *table).ok())
        .flatten()
        .filter(|socket| could_send(socket, flow))
        .collect()
}

/// Whether the kernel lets this socket send such a packet.
fn could_send(socket: &DiagSocket, flow: &Flow) -> bool {
    let transport = socket.transport == flow.transport
        || socket.transport == ANY && matches!(flow.transport, Transport::Icmp | Transport::Raw(_));
    let port = |endpoint: Endpoint, port: u16| !flow.transport.has_ports() || endpoint.port == Some(port);
    let is_behind = match flow.peer {
        SocketAddr::V6(peer) => [socket.interface, peer.scope_id()].contains(&0) || socket.interface == peer.scope_id(),
        SocketAddr::V4(_) => true,
    };
    let peer = match socket.peer.address {
        Some(_) => is_at(socket.peer, flow.peer.ip()) && port(socket.peer, flow.peer.port()),
        None => !flow.transport.has_handshake(),
    };
    transport && is_behind && peer && is_at(socket.local, flow.local.ip()) && port(socket.local, flow.local.port())
}

/// Whether an endpoint is bound to this address, or to all. All IPv6 addresses may include those of IPv4.
fn is_at(endpoint: Endpoint, address: IpAddr) -> bool {
    let address = address.to_canonical();
    match endpoint.address {
        Some(IpAddr::V4(bound)) if bound.is_unspecified() => address.is_ipv4(),
        Some(bound) => bound.is_unspecified() || bound == address,
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsFd as _;
    use std::process::Command;
    use std::time::Duration;

    use super::*;
    use crate::host::test_support::Child;

    fn endpoint(text: &str) -> Endpoint {
        let address: SocketAddr = text.parse().unwrap();
        Endpoint { address: Some(address.ip()), port: (address.port() != 0).then_some(address.port()), interface: None }
    }

    fn socket(transport: Transport, local: &str, peer: Option<&str>) -> DiagSocket {
        let peer = peer.map_or_else(Endpoint::default, endpoint);
        DiagSocket {
            transport,
            state: 7,
            local: endpoint(local),
            peer,
            interface: 0,
            cookie: None,
            inode: 1,
            uid: None,
        }
    }

    fn flow(transport: Transport, local: &str, peer: &str) -> Flow {
        Flow { transport, local: local.parse().unwrap(), peer: peer.parse().unwrap(), interface: None }
    }

    #[test]
    fn datagram_comes_from_its_port_and_not_from_a_socket_with_another_peer() {
        let sent = flow(Transport::Udp, "192.0.2.1:53", "192.0.2.2:9");
        let could = |local, peer| could_send(&socket(Transport::Udp, local, peer), &sent);
        assert!(could("0.0.0.0:53", None) && could("[::]:53", None) && could("192.0.2.1:53", None));
        assert!(could("192.0.2.1:53", Some("192.0.2.2:9")));
        assert!(!could("0.0.0.0:54", None));
        assert!(!could("192.0.2.7:53", None));
        assert!(!could("192.0.2.1:53", Some("192.0.2.2:8")));
        assert!(!could("192.0.2.1:53", Some("192.0.2.3:9")));
    }

    #[test]
    fn ipv4_socket_sends_no_ipv6() {
        let sent = flow(Transport::Udp, "[2001:db8::1]:53", "[2001:db8::2]:9");
        assert!(!could_send(&socket(Transport::Udp, "0.0.0.0:53", None), &sent));
        assert!(could_send(&socket(Transport::Udp, "[::]:53", None), &sent));
    }

    #[test]
    fn tcp_socket_without_a_peer_sends_nothing() {
        let sent = flow(Transport::Tcp, "192.0.2.1:80", "192.0.2.2:9");
        assert!(!could_send(&socket(Transport::Tcp, "192.0.2.1:80", None), &sent));
        assert!(could_send(&socket(Transport::Tcp, "192.0.2.1:80", Some("192.0.2.2:9")), &sent));
    }

    #[test]
    fn icmp_comes_from_ping_and_raw_sockets() {
        let sent = flow(Transport::Icmp, "192.0.2.1:0", "192.0.2.2:0");
        assert!(could_send(&socket(Transport::Icmp, "0.0.0.0:0", None), &sent));
        assert!(could_send(&socket(ANY, "0.0.0.0:0", None), &sent));
        assert!(!could_send(&socket(Transport::Raw(89), "0.0.0.0:0", None), &sent));
        assert!(!could_send(&socket(Transport::Udp, "0.0.0.0:0", None), &sent));
    }

    #[test]
    fn child_that_inherited_the_socket_is_a_candidate() {
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let inherited = sender.as_fd().try_clone_to_owned().unwrap();
        let child = Child::run(Command::new("sleep").arg("1000").stdin(inherited));
        let local = sender.local_addr().unwrap();
        let sent = Flow { transport: Transport::Udp, local, peer: "127.0.0.1:9".parse().unwrap(), interface: None };
        let mut diag = Diag::open().unwrap();
        let found = Search::new(None).candidates(&sent, Some(&mut diag), Instant::now() + Duration::from_secs(60));
        let pids: Vec<u32> = found.iter().map(|owner| owner.process.pid).collect();
        assert!(pids.contains(&std::process::id()) && pids.contains(&child.pid()), "{pids:?}");
    }
}
