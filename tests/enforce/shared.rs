//! A UDP port that several processes share, as that of multicast DNS.

use std::fs;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};

use egret_tests::{Namespace, PATIENCE, needing, stdout_of};
use libtest_mimic::Trial;

use crate::host::{Host, python, switch, until_counted};
use crate::inbound::neighbour;
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    let tests = [
        test("shared::packet_passes_if_every_owner_of_the_port_is_allowed", || shared(true)),
        test("shared::packet_is_unattributed_if_one_owner_of_the_port_is_not_allowed", || shared(false)),
    ];
    tests.into_iter().map(|test| needing("conntrack", test)).collect()
}

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);

/// Shares the port, and sends a datagram to the group for each line that it reads.
const SHARING: &str = "import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sharing:
    sharing.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sharing.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton('10.9.7.1'))
    sharing.bind(('0.0.0.0', 5353))
    print('ready', flush=True)
    for line in sys.stdin:
        sharing.sendto(b'query', ('224.0.0.251', 5353))
        print('sent', flush=True)
";

struct Sharing {
    process: Child,
    said: Lines<BufReader<ChildStdout>>,
}

impl Sharing {
    fn start(host: &Host, script: &Path) -> Self {
        let mut command = host.namespace.command(python().to_str().unwrap());
        let mut process = command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(process.stdout.take().unwrap()).lines();
        assert_eq!(said.next().unwrap().unwrap(), "ready");
        Self { process, said }
    }

    /// Sends a datagram that is new to connection tracking.
    fn send(&mut self, host: &Host) {
        stdout_of(host.namespace.command("conntrack").args(["-F"]));
        self.process.stdin.as_mut().unwrap().write_all(b"send\n").unwrap();
        assert_eq!(self.said.next().unwrap().unwrap(), "sent");
    }
}

impl Drop for Sharing {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // It ends with its input; its exit status does not matter.
        let _ = self.process.wait();
    }
}

fn script(host: &Host, name: &str) -> PathBuf {
    let path = host.path(name);
    fs::write(&path, SHARING).unwrap();
    path
}

fn member(other: &Namespace) -> UdpSocket {
    let receiver = other.within(|| {
        let receiver = UdpSocket::bind("0.0.0.0:5353").unwrap();
        receiver.join_multicast_v4(&GROUP, &Ipv4Addr::new(10, 9, 7, 2)).unwrap();
        receiver
    });
    receiver.set_read_timeout(Some(PATIENCE)).unwrap();
    receiver
}

fn shared(both: bool) {
    let host = Host::new();
    let other = neighbour(&host);
    let python = python();
    let scripts = ["one.py", "two.py"].map(|name| script(&host, name));
    let rule =
        |script: &PathBuf| format!("allow exe={} script={} -> udp {GROUP} 5353", python.display(), script.display());
    let rules: Vec<String> = scripts.iter().take(if both { 2 } else { 1 }).map(rule).collect();
    let setup = host.setup(&rules).text("enforce.loopback", "skip").text("enforce.unattributed", "block");
    let daemon = setup.start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    let receiver = member(&other);
    let [mut one, mut two] = scripts.each_ref().map(|script| Sharing::start(&host, script));
    let mut heard = [0; 16];
    one.send(&host);
    assert_eq!(receiver.recv(&mut heard).unwrap(), 5, "no other process has sent");
    for turn in 1..=2 {
        two.send(&host);
        one.send(&host);
        if both {
            assert_eq!([receiver.recv(&mut heard).unwrap(), receiver.recv(&mut heard).unwrap()], [5, 5]);
        } else {
            until_counted(&daemon, "block", turn * 2);
        }
    }
    receiver.set_nonblocking(true).unwrap();
    assert!(receiver.recv(&mut heard).is_err());
    drop((one, two));
    assert!(daemon.stop().status.success());
}
