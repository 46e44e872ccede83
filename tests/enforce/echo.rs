//! ICMP: echo requests, whose sockets have no ports and no peers.

use std::process::{Command, Stdio};

use egret_tests::{Namespace, egret, needing, stdout_of};
use libtest_mimic::Trial;

use crate::host::{Host, count, switch, until_counted, until_learned};
use crate::inbound::neighbour;
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("echo::requests_are_learned_and_allowed_by_peer", learned),
        needing("ping", test("echo::ping_is_learned_rehearsed_and_enforced", || walk("0 2147483647"))),
        needing("ping", test("echo::ping_with_raw_sockets_is_learned_rehearsed_and_enforced", || walk("1 0"))),
    ]
}

/// Sends an echo request (RFC 792), and prints whether it is answered.
const PING: &str = "import socket, struct, sys
body = struct.pack('>BBHHH', 8, 0, 0, 7, 1)
total = sum(struct.unpack('>4H', body))
total = (total >> 16) + (total & 0xffff)
body = body[:2] + struct.pack('>H', ~total & 0xffff) + body[4:]
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as sending:
    sending.settimeout(float(sys.argv[2]))
    sending.sendto(body, (sys.argv[1], 0))
    try:
        while sending.recvfrom(100)[0][20] != 0:
            pass
    except TimeoutError:
        sys.exit(1)
";

fn learned() {
    let host = Host::new();
    let other = neighbour(&host);
    stdout_of(other.command("ip").args(["address", "add", "10.9.7.4/24", "dev", "cable"]));
    let script = host.path("ping.py");
    std::fs::write(&script, PING).unwrap();
    let is_answered = |peer: &str, within: &str| {
        let mut command: Command = host.namespace.command("python3");
        command.arg(&script).args([peer, within]).stdin(Stdio::null()).status().unwrap().success()
    };
    let setup = host.setup(&[]).text("enforce.loopback", "skip").text("enforce.unattributed", "block");
    let daemon = setup.start_in(&host.namespace);
    switch(&daemon, &["learn"]);
    assert!(is_answered("10.9.7.2", "20"));
    let line = until_learned(daemon.setup(), &["allow", script.to_str().unwrap(), "icmp 10.9.7.2 *"]);
    assert!(!line.contains("10.9.7.4"), "{line}");
    switch(&daemon, &["enforce"]);
    assert!(is_answered("10.9.7.2", "20"));
    assert!(!is_answered("10.9.7.4", "0.2"), "another peer");
    until_counted(&daemon, "block", 1);
    assert!(daemon.stop().status.success());
}

/// Whether `ping` gets an answer within this time.
fn ping(host: &Host, peer: &str, within: &str) -> bool {
    let mut command = host.namespace.command("ping");
    command.args(["-n", "-q", "-c", "1", "-W", within, peer]).stdin(Stdio::null()).stdout(Stdio::null());
    command.status().unwrap().success()
}

fn address(namespace: &Namespace, address: &str) {
    let mut command = namespace.command("ip");
    stdout_of(command.args(["address", "add", address, "dev", "cable"]).args(address.contains(':').then_some("nodad")));
}

/// Learns, rehearses and enforces `ping` over IPv4 and IPv6, with the sockets that users in these groups have
/// (`ping_group_range` in Documentation/networking/ip-sysctl.rst).
fn walk(groups: &str) {
    let host = Host::new();
    let other = neighbour(&host);
    for added in ["10.9.7.4/24", "fd00:9:7::2/64", "fd00:9:7::4/64"] {
        address(&other, added);
    }
    address(&host.namespace, "fd00:9:7::1/64");
    stdout_of(host.namespace.command("sysctl").arg(format!("net.ipv4.ping_group_range={groups}")));
    let setup = host.setup(&[]).text("enforce.loopback", "skip").text("enforce.unattributed", "block").parquet();
    let daemon = setup.start_in(&host.namespace);
    let (known, unknown) = (["10.9.7.2", "fd00:9:7::2"], ["10.9.7.4", "fd00:9:7::4"]);
    switch(&daemon, &["learn"]);
    for peer in known {
        assert!(ping(&host, peer, "20"), "{peer} in learn");
        until_learned(daemon.setup(), &["allow", "/ping", &format!("icmp {peer} *")]);
    }
    switch(&daemon, &["shadow"]);
    assert_eq!(known.map(|peer| ping(&host, peer, "20")), [true; 2], "known peers in shadow");
    assert_eq!(unknown.map(|peer| ping(&host, peer, "20")), [true; 2], "unknown peers in shadow");
    let state = until_counted(&daemon, "would_block", 2);
    assert_eq!(count(&state, "would_block"), 2, "{state}");
    switch(&daemon, &["enforce"]);
    assert_eq!(known.map(|peer| ping(&host, peer, "20")), [true; 2], "known peers in enforce");
    assert_eq!(unknown.map(|peer| ping(&host, peer, "1")), [false; 2], "unknown peers in enforce");
    until_counted(&daemon, "block", 2);
    let setup = daemon.stop().setup;
    for (verdict, rows) in [("would_block", 2), ("block", 2)] {
        let mut log = Command::new(egret());
        log.args(["log", "--verdict", verdict, "--format", "json", "--dir"]).arg(setup.log());
        let events = stdout_of(&mut log);
        let of_ping = events.lines().filter(|event| event.contains("/ping") && event.contains("connection."));
        assert!(of_ping.count() >= rows, "{verdict}: {events}");
    }
}
