//! Which packets are evaluated: they do not arrive, because nobody reads the queue and it fails closed.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::process::Stdio;

use egret_enforcer::firewall::{Bypass, ControlGroup, Plan, Protect};
use egret_model::{Flow, Transport};
use egret_tests::{Cgroup, Process, until};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind as bind_socket, setsockopt, socket, sockopt,
};

use crate::host::Host;
use crate::plans;
use crate::traffic::{arrives, connect, connects, sender};
use crate::ways::Way;

fn install(host: &Host, way: Way, plan: &Plan) {
    let installed = host.within(|| way.firewall().install(plan).unwrap());
    assert!(installed.lacks.is_empty(), "{:?}", installed.lacks);
}

pub(crate) fn unread_queue_blocks_if_closed_and_passes_if_open(way: Way) {
    let host = Host::new();
    let listeners = host.listeners();
    for (plan, through) in [(plans::closed(), false), (plans::open(), true)] {
        install(&host, way, &plan);
        for (to, _) in &listeners {
            assert_eq!(connects(&host, *to), through, "{to}");
        }
        for (to, receiver) in host.receivers(0) {
            assert_eq!(arrives(&sender(&host, 0, 0, to), &receiver), through, "{to}");
        }
    }
    host.within(|| way.firewall().remove().unwrap());
    assert!(listeners.iter().all(|(to, _)| connects(&host, *to)));
}

pub(crate) fn traffic_within_the_host_is_not_evaluated(way: Way) {
    let host = Host::new();
    let local = ["127.0.0.1", "::1"].map(|address| address.parse().unwrap());
    let addresses = [local, Host::here()].concat();
    let listeners =
        host.within(|| addresses.iter().map(|address| TcpListener::bind((*address, 0)).unwrap()).collect::<Vec<_>>());
    for (loopback, through) in [(false, true), (true, false)] {
        install(&host, way, &Plan { loopback, ..plans::closed() });
        for listener in &listeners {
            assert_eq!(connects(&host, listener.local_addr().unwrap()), through, "{listener:?}");
        }
    }
}

/// Any program can bind any IPv6 address. A datagram from the peer's address would make the answer to it a reply packet.
pub(crate) fn flows_within_the_host_from_foreign_addresses_are_evaluated(way: Way) {
    let host = Host::new();
    install(&host, way, &plans::closed());
    for (to, receiver) in host.receivers(0).into_iter().filter(|(to, _)| to.is_ipv6()) {
        for here in [IpAddr::from(Ipv6Addr::LOCALHOST), Host::here()[1]] {
            let answering = sender(&host, 0, 0, to);
            let here = SocketAddr::new(here, answering.local_addr().unwrap().port());
            let forging = host.within(|| bound_to_any(to));
            forging.connect(here).unwrap();
            assert!(!arrives(&forging, &answering), "from {to} to {here}");
            assert!(!arrives(&answering, &receiver), "{here} answers {to}");
        }
    }
    for own in [IpAddr::from(Ipv6Addr::LOCALHOST), Host::here()[1]] {
        let listener = host.within(|| UdpSocket::bind((own, 0)).unwrap());
        let client = host.within(|| bound_to_any(SocketAddr::new(own, 0)));
        client.connect(listener.local_addr().unwrap()).unwrap();
        assert!(arrives(&client, &listener), "{own} is an address of the host");
    }
}

/// A UDP socket at an address that need not be one of the host.
fn bound_to_any(address: SocketAddr) -> UdpSocket {
    let socket = socket(AddressFamily::Inet6, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None).unwrap();
    setsockopt(&socket, sockopt::IpFreebind, &true).unwrap();
    bind_socket(socket.as_raw_fd(), &SockaddrStorage::from(address)).unwrap();
    UdpSocket::from(socket)
}

/// Whether the listener receives what the speaker sends.
fn hears(mut speaker: &TcpStream, mut listener: &TcpStream) -> bool {
    speaker.write_all(b"?").unwrap();
    listener.set_read_timeout(Some(crate::traffic::AT_ONCE)).unwrap();
    listener.read(&mut [0; 8]).is_ok_and(|count| count > 0)
}

/// Connections from the host to the peer that are older than the rules and than connection tracking.
fn installation(host: &Host) -> Vec<(TcpStream, TcpStream)> {
    let pair = |(to, listener): (SocketAddr, TcpListener)| {
        let here = connect(host, 0, to).unwrap();
        (here, listener.accept().unwrap().0)
    };
    host.listeners().into_iter().map(pair).collect()
}

pub(crate) fn preexisting_connections_continue(way: Way) {
    let host = Host::new();
    let connections = installation(&host);
    install(&host, way, &plans::closed());
    for (here, there) in &connections {
        assert!(hears(here, there) && hears(there, here) && hears(here, there), "{here:?}");
    }
}

pub(crate) fn preexisting_connections_are_evaluated_if_configured(way: Way) {
    let host = Host::new();
    let connections = installation(&host);
    install(&host, way, &Plan { rejudge: true, ..plans::closed() });
    for (here, there) in &connections {
        assert!(!hears(here, there), "{here:?}");
    }
}

pub(crate) fn inbound_sessions_are_not_evaluated(way: Way) {
    let host = Host::new();
    let servers = host.within(|| Host::here().map(|address| TcpListener::bind((address, 0)).unwrap()));
    let session = |server: &TcpListener| {
        let to = server.local_addr().unwrap();
        let client = host.on_peer(|| TcpStream::connect_timeout(&to, crate::traffic::AT_ONCE).unwrap());
        (server.accept().unwrap().0, client)
    };
    // Sessions from before the installation, whose next segment is the host's, and sessions from during it.
    let before = servers.iter().map(session).collect::<Vec<_>>();
    install(&host, way, &plans::closed());
    let during = servers.iter().map(session).collect::<Vec<_>>();
    install(&host, way, &Plan { rejudge: true, ..plans::closed() });
    let rejudged = servers.iter().map(session).collect::<Vec<_>>();
    for (here, there) in during.iter().chain(&rejudged) {
        assert!(hears(here, there) && hears(there, here), "{here:?}");
    }
    install(&host, way, &plans::closed());
    assert!(before.iter().all(|(here, there)| hears(here, there) && hears(there, here)));
}

pub(crate) fn exempt_flows_are_not_evaluated(way: Way) {
    let host = Host::new();
    let connections = installation(&host);
    let flow = |(here, _): &(TcpStream, TcpStream)| Flow {
        interface: None,
        transport: Transport::Tcp,
        local: here.local_addr().unwrap(),
        peer: here.peer_addr().unwrap(),
    };
    let exempt = connections.iter().map(flow).collect::<Vec<_>>();
    let others = installation(&host);
    install(&host, way, &Plan { exempt, rejudge: true, ..plans::closed() });
    assert!(connections.iter().all(|(here, there)| hears(here, there) && hears(there, here)));
    assert!(others.iter().all(|(here, there)| !hears(here, there)));
}

/// Runs a program with this user and group that connects; returns whether it could.
fn connects_as(host: &Host, user: u32, group: u32, to: SocketAddr) -> bool {
    let script = "exec timeout 0.4 bash -c ': </dev/tcp/$0/$1' 2>/dev/null".replace("$0", &to.ip().to_string());
    let script = script.replace("$1", &to.port().to_string());
    let (user, group) = (user.to_string(), group.to_string());
    let mut command = host.command("setpriv");
    command.args(["--reuid", &user, "--regid", &group, "--clear-groups", "sh", "-c", &script]);
    command.status().unwrap().success()
}

pub(crate) fn bypass_users_and_groups_are_not_evaluated(way: Way) {
    let host = Host::new();
    let listeners = host.listeners();
    let bypass = Bypass { users: vec![4711], groups: vec![4712, 4713], cgroups: Vec::new() };
    install(&host, way, &Plan { bypass, ..plans::closed() });
    for (to, _) in &listeners {
        for (user, group, through) in [(4711, 1, true), (1, 4712, true), (1, 4713, true), (4712, 4711, false)] {
            assert_eq!(connects_as(&host, user, group, *to), through, "user {user}, group {group} to {to}");
        }
    }
    // The counters of the kernel agree.
    for (needle, count) in [("4711", 2), ("4712", 2), ("4713", 2)] {
        assert!(packets(&host, way, needle) >= count, "{needle}");
    }
}

/// The packets that the rules with this word have matched, in both families.
fn packets(host: &Host, way: Way, word: &str) -> u64 {
    if way == Way::Nftables {
        // Rules of nftables have no counters by default.
        return u64::MAX;
    }
    let [v4, v6] = way.iptables();
    let text = host.sh(&format!("{{ {v4}-save -c -t mangle; {v6}-save -c -t mangle; }} 2>/dev/null"));
    let counts = text.lines().filter(|line| line.contains(word));
    counts.filter_map(|line| line.strip_prefix('[')?.split(':').next()?.parse::<u64>().ok()).sum()
}

pub(crate) fn bypass_cgroups_are_not_evaluated(way: Way) {
    let host = Host::new();
    let listeners = host.listeners();
    let path = format!("egret-{way}-{}", std::process::id());
    // Processes in descendants of a group are in the group. One name has a character that shells and tools interpret.
    let (unit, own) = (Cgroup::new(&format!("{path}/in side\\x2d.service")), Cgroup::new(&format!("{path}-own")));
    let bypass = Bypass {
        cgroups: vec![ControlGroup::new(&format!("/{path}/in side\\x2d.service")).unwrap()],
        ..Bypass::default()
    };
    let own_group = ControlGroup::new(&format!("{path}-own")).unwrap();
    install(&host, way, &Plan { bypass, own: Some(own_group), ..plans::closed() });
    for (to, _) in &listeners {
        let script = format!("read go; exec timeout 0.4 bash -c ': </dev/tcp/{}/{}' 2>/dev/null", to.ip(), to.port());
        let try_in = |group: Option<&Cgroup>| {
            let mut command = host.command("sh");
            let mut process = Process::start(command.args(["-c", &script]).stdin(Stdio::piped()));
            if let Some(group) = group {
                group.take(process.pid());
            }
            process.handle().stdin.take().unwrap().write_all(b"go\n").unwrap();
            process.wait().success()
        };
        assert!(try_in(Some(&unit)), "{to}");
        assert!(try_in(Some(&own)), "{to}");
        assert!(!try_in(None), "{to}");
    }
    unit.remove();
    own.remove();
}

pub(crate) fn queries_to_resolvers_are_not_evaluated(way: Way) {
    let host = Host::new();
    let [first, other] = [53, 54].map(|port| host.receivers(port));
    let plan = Plan { resolvers: Host::there().to_vec(), ..plans::closed() };
    for (plan, through) in [(plan, true), (plans::closed(), false)] {
        install(&host, way, &plan);
        for ((server, at_server), (to, receiver)) in first.iter().zip(&other) {
            assert_eq!(arrives(&sender(&host, 0, 0, *server), at_server), through, "{server}");
            assert!(!arrives(&sender(&host, 0, 0, *to), receiver), "{to}");
        }
    }
}

pub(crate) fn protected_ports_are_not_evaluated(way: Way) {
    let host = Host::new();
    let everything = Protect::default();
    let nothing = Protect { dhcp: false, ntp: false, ..everything };
    let [v4, v6] = [0, 1];
    for (protect, through) in [(everything, true), (nothing, false)] {
        install(&host, way, &Plan { protect, ..plans::closed() });
        for (family, from, to, may) in [
            (v4, 68, 67, through),
            (v6, 546, 547, through),
            (v4, 0, 123, through),
            (v6, 0, 123, through),
            // Neither from any port, nor the ports of the other family.
            (v4, 0, 67, false),
            (v6, 0, 547, false),
            (v4, 546, 547, false),
            (v6, 68, 67, false),
        ] {
            let (to, receiver) = host.receivers(to).swap_remove(family);
            assert_eq!(arrives(&sender(&host, 0, from, to), &receiver), may, "from {from} to {to}, {protect:?}");
        }
    }
}

/// A tunnel in which the kernel resolves a neighbour: no socket sends the encapsulating packet.
pub(crate) fn packets_of_the_kernel_are_not_evaluated(way: Way) {
    let host = Host::new();
    let tunnel = |remote: &str, own: &str| {
        format!(
            "ip link add tunnel type vxlan id 7 remote {remote} dstport 4789 dev wan && ip link set tunnel up && \
             ip address add {own}/24 dev tunnel"
        )
    };
    let there = Host::there()[0];
    // The host's tunnel device comes up after the rules are installed, so that its first packets are evaluated, too.
    host.sh_on_peer(&tunnel(&Host::here()[0].to_string(), "10.78.0.2"));
    for (kernel, reached) in [(false, "FAILED"), (true, "lladdr")] {
        let protect = Protect { kernel, ..plans::closed().protect };
        install(&host, way, &Plan { protect, ..plans::closed() });
        host.sh(&format!("conntrack -F 2>/dev/null; {}", tunnel(&there.to_string(), "10.78.0.1")));
        // The packets of this socket are granted, so that only the encapsulating packets are evaluated.
        let granted = plans::closed().marks.allowed(plans::GENERATION);
        // One packet is enough: the kernel repeats the resolution for each that it cannot deliver.
        sender(&host, granted, 0, "10.78.0.2:9".parse().unwrap()).send(b"?").unwrap();
        until(&format!("a neighbour that is {reached}"), || {
            let neighbours = host.sh("ip neighbour show dev tunnel");
            let known = |line: &str| line.starts_with("10.78.0.2 ") && line.contains(reached);
            neighbours.lines().any(known).then_some(())
        });
        host.sh("ip link delete tunnel");
    }
}
