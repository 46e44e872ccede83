//! Attempts of a program to make a peer appear to have sent first, whose answers are not evaluated. None needs privileges.

use std::fs;
use std::net::UdpSocket;

use egret_tests::{Namespace, PATIENCE, stdout_of};
use libtest_mimic::Trial;

use crate::host::{Host, switch, until_counted};
use crate::inbound::neighbour;
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("answers::to_a_datagram_from_a_freely_bound_address_are_evaluated", || tried(FREELY_BOUND, 3)),
        test("answers::after_a_failed_connect_to_another_peer_are_evaluated", || tried(CONNECT_FAILED, 1)),
        test("answers::to_the_peer_of_a_failed_send_are_evaluated", || tried(SEND_FAILED, 1)),
    ]
}

/// Another socket of the program has the address of the peer, which any program can bind over IPv6 (`IPV6_FREEBIND`).
const FREELY_BOUND: &str = "import socket
def send(sender, to):
    try:
        sender.sendto(b'x', to)
    except OSError:
        pass
answers = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
answers.bind(('::', 6000))
peer = ('fd09:7::2', 6001)
in_its_name = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
in_its_name.setsockopt(socket.IPPROTO_IPV6, 78, 1)
in_its_name.bind(peer)
for here in ('::1', 'fd09:7::1'):
    send(in_its_name, (here, 6000))
    answers.settimeout(1)
    try:
        answers.recvfrom(100)
    except OSError:
        pass
send(answers, peer)
";

/// The first peer does send first. The last connect fails after its hook: its flow label is unknown, and a label is exclusive
/// (`IPV6_FLOWLABEL_MGR`).
const CONNECT_FAILED: &str = "import os, socket, struct
one, other = [socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) for _ in range(2)]
one.bind(('::', 6000))
other.bind(('::1', 6002))
label = struct.pack('!I', 0x20000 + os.getpid() % 0x10000)
exclusive = struct.pack('=BBHHHI', 0, 1, 1, 6, 6, 0)
other.setsockopt(socket.IPPROTO_IPV6, 32, socket.inet_pton(socket.AF_INET6, '::1') + label + exclusive)
other.sendto(b'x', ('::1', 6000))
one.recvfrom(100)
one.connect(('fd09:7::2', 6001))
one.setsockopt(socket.IPPROTO_IPV6, 33, 1)
try:
    one.connect(('::1', 6002, 0x12345))
except OSError:
    one.send(b'x')
";

/// The datagram that is received, by a call that does not return its sender, is not from the peer.
const SEND_FAILED: &str = "import socket
one, other = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
one.bind(('0.0.0.0', 6000))
peer = ('10.9.7.2', 6001)
try:
    one.sendto(bytes(65530), peer)
except OSError:
    pass
other.sendto(b'x', ('127.0.0.1', 6000))
one.recv(100)
one.sendto(b'x', peer)
";

fn run(namespace: &Namespace, script: &str) {
    stdout_of(namespace.command("python3").args(["-c", script]));
}

/// In `enforce` nothing arrives at the peer, and in `learn` the same program reaches it.
fn tried(script: &str, blocked: u64) {
    let host = Host::new();
    let other = neighbour(&host);
    for (namespace, address) in [(&host.namespace, "fd09:7::1/64"), (&other, "fd09:7::2/64")] {
        stdout_of(namespace.command("ip").args(["address", "add", address, "dev", "cable", "nodad"]));
    }
    let peer = other.within(|| UdpSocket::bind("[::]:6001").unwrap());
    peer.set_nonblocking(true).unwrap();
    let setup = host.setup(&[]).text("enforce.loopback", "skip");
    fs::write(setup.path("baseline"), "format 1\n").unwrap();
    let daemon = setup.start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    run(&host.namespace, script);
    until_counted(&daemon, "block", blocked);
    assert!(peer.recv(&mut [0; 8]).is_err(), "the peer received an unevaluated answer");
    switch(&daemon, &["learn"]);
    run(&host.namespace, script);
    until_counted(&daemon, "allow", 1);
    peer.set_nonblocking(false).unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(peer.recv(&mut [0; 8]).is_ok(), "the script does not reach the peer");
    assert!(daemon.stop().status.success());
}
