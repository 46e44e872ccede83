//! Conversions between the model and the tables of the kernel side.

use std::net::{IpAddr, SocketAddr};

use egret_model::{Flow, ProcessId, Transport, is_link_local};
use egret_wire::{Address, GrantKey, ProcessRef, TupleKey};

pub(crate) const fn process_ref(process: &ProcessId) -> ProcessRef {
    ProcessRef {
        pid: process.pid,
        parent_pid: process.parent_pid,
        uid: process.uid,
        flags: 0,
        start_ns: process.start_ns,
        exec_id: process.exec_id,
        cgroup_id: process.cgroup_id,
    }
}

pub(super) const fn process_id(process: &ProcessRef) -> ProcessId {
    ProcessId {
        pid: process.pid,
        uid: process.uid,
        start_ns: process.start_ns,
        exec_id: process.exec_id,
        cgroup_id: process.cgroup_id,
        parent_pid: process.parent_pid,
    }
}

/// Key of a flow in the table of owners. `None` where no hook records owners.
pub(super) fn tuple_key(flow: &Flow) -> Option<TupleKey> {
    // The local address of a datagram is chosen by routing, after its hook.
    let local = if flow.transport == Transport::Tcp { address(flow.local.ip()) } else { [0; 2] };
    Some(TupleKey {
        local,
        peer: address(flow.peer.ip()),
        protocol: protocol(flow.transport)?,
        local_port: flow.local.port(),
        peer_port: flow.peer.port(),
        reserved: 0,
    })
}

/// Key of a grant. `None` for flows that cannot be granted: another transport than TCP, a process whose image the
/// kernel side does not know, or a link-local peer, because grants have no interface.
pub(super) fn grant_key(process: &ProcessId, transport: Transport, peer: SocketAddr) -> Option<GrantKey> {
    (transport == Transport::Tcp && process.exec_id != 0 && !is_link_local(peer.ip())).then_some(())?;
    Some(GrantKey {
        exec_id: process.exec_id,
        cgroup_id: process.cgroup_id,
        peer: address(peer.ip()),
        uid: process.uid,
        peer_port: peer.port(),
        protocol: protocol(transport)?,
    })
}

/// `IPPROTO_*` of the transports whose owners are recorded.
const fn protocol(transport: Transport) -> Option<u16> {
    match transport {
        Transport::Tcp => Some(6),
        Transport::Udp => Some(17),
        Transport::UdpLite => Some(136),
        _ => None,
    }
}

/// An address as in records; IPv4 in its mapped form.
fn address(address: IpAddr) -> Address {
    let bytes = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    };
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = bytes;
    [u64::from_ne_bytes([a, b, c, d, e, f, g, h]), u64::from_ne_bytes([i, j, k, l, m, n, o, p])]
}

#[cfg(test)]
mod tests {
    use egret_wire::address_bytes;
    use proptest::prelude::*;

    use super::*;

    const PROCESS: ProcessId = ProcessId { pid: 1, uid: 2, start_ns: 3, exec_id: 4, cgroup_id: 5, parent_pid: 6 };

    fn flow(transport: Transport, local: &str, peer: &str) -> Flow {
        Flow { transport, local: local.parse().unwrap(), peer: peer.parse().unwrap(), interface: None }
    }

    proptest! {
        #[test]
        fn converted_address_is_converted_back(given: IpAddr) {
            prop_assert_eq!(IpAddr::from(address_bytes(address(given))).to_canonical(), given.to_canonical());
        }

        #[test]
        fn converted_process_is_converted_back(numbers: [u32; 3], words: [u64; 3]) {
            let [pid, uid, parent_pid] = numbers;
            let [start_ns, exec_id, cgroup_id] = words;
            let process = ProcessId { pid, uid, start_ns, exec_id, cgroup_id, parent_pid };
            prop_assert_eq!(process_id(&process_ref(&process)), process);
        }
    }

    #[test]
    fn mapped_and_ipv4_addresses_have_the_same_key() {
        let plain = tuple_key(&flow(Transport::Tcp, "192.0.2.1:1", "192.0.2.2:2"));
        let mapped = tuple_key(&flow(Transport::Tcp, "[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:2"));
        assert_eq!(plain, mapped);
        assert_ne!(plain, tuple_key(&flow(Transport::Tcp, "192.0.2.1:1", "192.0.2.2:3")));
    }

    #[test]
    fn only_tcp_keys_have_the_local_address() {
        let keys = |transport| {
            ["192.0.2.1:1", "192.0.2.9:1"].map(|local| tuple_key(&flow(transport, local, "192.0.2.2:2")).unwrap())
        };
        let [one, other] = keys(Transport::Tcp);
        assert_ne!(one, other);
        let [one, other] = keys(Transport::Udp);
        assert_eq!(one, other);
        assert_ne!(Some(one), tuple_key(&flow(Transport::UdpLite, "192.0.2.1:1", "192.0.2.2:2")));
        assert_eq!(tuple_key(&flow(Transport::Icmp, "192.0.2.1:0", "192.0.2.2:0")), None);
    }

    #[test]
    fn only_tcp_of_a_known_image_to_a_global_peer_is_granted() {
        let peer = "192.0.2.2:443".parse().unwrap();
        assert!(grant_key(&PROCESS, Transport::Tcp, peer).is_some());
        assert_eq!(grant_key(&PROCESS, Transport::Udp, peer), None);
        assert_eq!(grant_key(&PROCESS, Transport::Tcp, "[fe80::1%2]:443".parse().unwrap()), None);
        assert_eq!(grant_key(&ProcessId { exec_id: 0, ..PROCESS }, Transport::Tcp, peer), None);
    }
}
