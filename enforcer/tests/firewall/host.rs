//! A host and its peer.

use std::io::{ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::time::Duration;

use egret_tests::{Namespace, until};

/// Connects the two namespaces, from inside the first: `$1` is a process of the second.
const CONNECT: &str = "ip link add wan type veth peer name wan netns $1 && ip link set wan up && \
     ip address add 10.77.0.1/24 dev wan && ip address add fd77::1/64 dev wan nodad";
const CONNECT_PEER: &str = "ip link set wan up && ip address add 10.77.0.2/24 dev wan && \
     ip address add fd77::2/64 dev wan nodad";

/// Longest time until a connection is refused once the network is up.
const READY: Duration = Duration::from_millis(100);

const HERE: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1)), IpAddr::V6(Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 1))];
const THERE: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(10, 77, 0, 2)), IpAddr::V6(Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 2))];

/// A host that rules are installed on, and a peer that answers at every port that it is given.
pub(crate) struct Host {
    host: Namespace,
    peer: Namespace,
}

impl Host {
    pub(crate) fn new() -> Self {
        let host = Self { host: Namespace::resolving(""), peer: Namespace::resolving("") };
        let peer = host.peer.pid().to_string();
        run(host.host.command("sh").args(["-c", CONNECT, "sh", &peer]), "");
        run(host.peer.command("sh").args(["-c", CONNECT_PEER]), "");
        // The devices come up a little after the commands.
        let refuses = |address| {
            TcpStream::connect_timeout(&SocketAddr::new(address, 1), READY)
                .is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
        };
        for address in THERE {
            until("the peer", || host.within(|| refuses(address)).then_some(()));
        }
        host
    }

    /// Runs a function on the host.
    pub(crate) fn within<T: Send>(&self, body: impl FnOnce() -> T + Send) -> T {
        self.host.within(body)
    }

    /// Runs a function on the peer.
    pub(crate) fn on_peer<T: Send>(&self, body: impl FnOnce() -> T + Send) -> T {
        self.peer.within(body)
    }

    /// Runs a shell line on the host, which must succeed; returns its output.
    pub(crate) fn sh(&self, line: &str) -> String {
        run(self.host.command("sh").args(["-c", line]), "")
    }

    /// Runs a shell line on the peer.
    pub(crate) fn sh_on_peer(&self, line: &str) -> String {
        run(self.peer.command("sh").args(["-c", line]), "")
    }

    /// Runs a program on the host with this input.
    pub(crate) fn feed(&self, program: &str, words: &[&str], input: &str) {
        run(self.host.command(program).args(words), input);
    }

    /// A command on the host.
    pub(crate) fn command(&self, program: &str) -> Command {
        self.host.command(program)
    }

    /// The peer's addresses, with a TCP listener on a free port of each. Connections are established without an accept.
    pub(crate) fn listeners(&self) -> Vec<(SocketAddr, TcpListener)> {
        self.on_peer(|| THERE.map(|address| TcpListener::bind((address, 0)).unwrap()))
            .into_iter()
            .map(|listener| (listener.local_addr().unwrap(), listener))
            .collect()
    }

    /// The same for UDP, on this port or a free one.
    pub(crate) fn receivers(&self, port: u16) -> Vec<(SocketAddr, UdpSocket)> {
        self.on_peer(|| THERE.map(|address| bind(SocketAddr::new(address, port))))
            .into_iter()
            .map(|socket| (socket.local_addr().unwrap(), socket))
            .collect()
    }

    /// Addresses of the host itself.
    pub(crate) const fn here() -> [IpAddr; 2] {
        HERE
    }

    /// Addresses of the peer.
    pub(crate) const fn there() -> [IpAddr; 2] {
        THERE
    }

    /// Creates the legacy tables, which cannot be removed and are listed after the first access.
    pub(crate) fn touch_legacy_tables(&self) {
        for tool in ["iptables-legacy", "ip6tables-legacy"] {
            self.sh(&format!("{tool} -t mangle -S >/dev/null && {tool} -t filter -S >/dev/null"));
        }
    }

    /// Every rule of every backend, without counters and times.
    pub(crate) fn listing(&self) -> String {
        let lines =
            "iptables-legacy-save; ip6tables-legacy-save; iptables-nft-save; ip6tables-nft-save; nft -s list ruleset";
        let text = self.sh(&format!("{{ {lines}; }} 2>/dev/null"));
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(|line| line.split(" [").next().unwrap_or_default().to_owned() + "\n").collect()
    }

    /// The mark of the conntrack entry to this address.
    pub(crate) fn connection_marks(&self, to: SocketAddr) -> Vec<u32> {
        let family = if to.is_ipv4() { "ipv4" } else { "ipv6" };
        let text = self.sh(&format!("conntrack -L -f {family} 2>/dev/null"));
        let wanted = format!(" dport={} ", to.port());
        let lines = text.lines().filter(|line| line.contains(&wanted));
        lines.filter_map(|line| line.split(" mark=").nth(1)?.split(' ').next()?.parse().ok()).collect()
    }
}

/// Binds a UDP socket. A socket of an earlier test may still hold the port: a child process has it until its exec.
pub(crate) fn bind(address: SocketAddr) -> UdpSocket {
    until(&format!("the port of {address}"), || match UdpSocket::bind(address) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => None,
        socket => Some(socket.unwrap()),
    })
}

/// Runs a command, which must succeed; returns its output.
fn run(command: &mut Command, input: &str) -> String {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}
