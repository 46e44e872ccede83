//! Searching `/proc` for the owner of a packet.

use std::collections::HashSet;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use egret_model::{Attribution, Endpoint, Flow, Owner, ProcessId, Transport};
use procfs::process::Process;

use crate::diag::tables::{self, TABLES};
use crate::diag::{Diag, DiagSocket, inodes_to_pids};
use crate::host::{self, Cgroups};
use crate::kernel::ProcessTable;

/// `IPPROTO_RAW`: such a socket writes headers of its own, and so sends any protocol.
const ANY: Transport = Transport::Raw(255);

/// What a search needs.
pub(super) struct Search {
    processes: Option<Arc<ProcessTable>>,
    cgroups: Cgroups,
    hierarchy: Option<PathBuf>,
}

impl Search {
    pub(super) fn new(processes: Option<Arc<ProcessTable>>) -> Self {
        Self { processes, cgroups: Cgroups::new(), hierarchy: host::find_cgroup2() }
    }

    /// The one process that holds all the sockets that could have sent the packet.
    pub(super) fn owner(&mut self, flow: &Flow, diag: Option<&mut Diag>) -> Option<Owner> {
        let sockets = candidates(flow, diag);
        let inodes: HashSet<u64> = sockets.iter().map(|socket| socket.inode).collect();
        let holders = inodes_to_pids(|inode| inodes.contains(&inode)).ok()?;
        let mut pids = inodes.iter().map(|inode| holders.of(*inode));
        let pid = pids.next()??;
        if pids.any(|other| other != Some(pid)) {
            return None;
        }
        let cookie = if let [only] = sockets.as_slice() { only.cookie } else { None };
        Some(Owner { process: self.process(pid)?, cookie: cookie.unwrap_or(0), attribution: Attribution::Procfs })
    }

    /// The process as `/proc` has it, and what the kernel side knows beyond that.
    fn process(&mut self, pid: u32) -> Option<ProcessId> {
        let found = host::process::read(pid, &mut self.cgroups).ok()?;
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

    /// On cgroup v2 the id is the inode number of the directory.
    fn cgroup_id(&self, pid: u32) -> Option<u64> {
        let groups = Process::new(i32::try_from(pid).ok()?).ok()?.cgroups().ok()?;
        let path = groups.0.iter().find(|line| line.hierarchy == 0)?.pathname.trim_start_matches('/').to_owned();
        Some(std::fs::metadata(self.hierarchy.as_ref()?.join(path)).ok()?.ino())
    }
}

/// The sockets that could have sent the packet. What cannot be listed is not among them.
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
    let port = |end: Endpoint, port: u16| !flow.transport.has_ports() || end.port == Some(port);
    let peer = match socket.peer.address {
        Some(_) => is_at(socket.peer, flow.peer.ip()) && port(socket.peer, flow.peer.port()),
        None => !flow.transport.has_handshake(),
    };
    transport && peer && is_at(socket.local, flow.local.ip()) && port(socket.local, flow.local.port())
}

/// Whether an end is this address, or any that includes it. The IPv6 one may include IPv4.
fn is_at(end: Endpoint, address: IpAddr) -> bool {
    let address = address.to_canonical();
    match end.address {
        Some(IpAddr::V4(bound)) if bound.is_unspecified() => address.is_ipv4(),
        Some(bound) => bound.is_unspecified() || bound == address,
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str) -> Endpoint {
        let address: std::net::SocketAddr = text.parse().unwrap();
        Endpoint { address: Some(address.ip()), port: (address.port() != 0).then_some(address.port()) }
    }

    fn socket(transport: Transport, local: &str, peer: Option<&str>) -> DiagSocket {
        let peer = peer.map_or_else(Endpoint::default, end);
        DiagSocket { transport, state: 7, local: end(local), peer, cookie: None, inode: 1, uid: None }
    }

    fn flow(transport: Transport, local: &str, peer: &str) -> Flow {
        Flow { transport, local: local.parse().unwrap(), peer: peer.parse().unwrap() }
    }

    #[test]
    fn a_datagram_is_from_its_port_and_from_sockets_that_have_no_other_peer() {
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
    fn an_ipv4_socket_sends_no_ipv6() {
        let sent = flow(Transport::Udp, "[2001:db8::1]:53", "[2001:db8::2]:9");
        assert!(!could_send(&socket(Transport::Udp, "0.0.0.0:53", None), &sent));
        assert!(could_send(&socket(Transport::Udp, "[::]:53", None), &sent));
    }

    #[test]
    fn a_tcp_socket_without_a_peer_sends_nothing() {
        let sent = flow(Transport::Tcp, "192.0.2.1:80", "192.0.2.2:9");
        assert!(!could_send(&socket(Transport::Tcp, "192.0.2.1:80", None), &sent));
        assert!(could_send(&socket(Transport::Tcp, "192.0.2.1:80", Some("192.0.2.2:9")), &sent));
    }

    #[test]
    fn icmp_is_from_ping_and_raw_sockets_whatever_their_number() {
        let sent = flow(Transport::Icmp, "192.0.2.1:0", "192.0.2.2:0");
        assert!(could_send(&socket(Transport::Icmp, "0.0.0.0:0", None), &sent));
        assert!(could_send(&socket(ANY, "0.0.0.0:0", None), &sent));
        assert!(!could_send(&socket(Transport::Raw(89), "0.0.0.0:0", None), &sent));
        assert!(!could_send(&socket(Transport::Udp, "0.0.0.0:0", None), &sent));
    }
}
