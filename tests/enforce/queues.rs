//! Which packets are queued.

use std::net::UdpSocket;

use egret_tests::{Daemon, Hand, PATIENCE, Traffic, until};
use libtest_mimic::Trial;

use crate::host::{Host, count, state};
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("queues::datagrams_are_queued_once_a_flow", datagrams),
        test("queues::learned_connections_are_not_queued", granted),
    ]
}

/// Packets so far in the queues of the firewall rules, without the last queue.
fn queued(host: &Host) -> u64 {
    let table = host.run(&["cat", "/proc/self/net/netfilter/nfnetlink_queue"]);
    let rows: Vec<Vec<u64>> =
        table.lines().map(|line| line.split_whitespace().map(|word| word.parse().unwrap()).collect()).collect();
    let last = rows.iter().map(|row| row[0]).max().unwrap();
    rows.iter().filter(|row| row[0] != last).map(|row| row[7]).sum()
}

fn datagrams() {
    let host = Host::new();
    let program = host.generator("sender");
    let daemon = host.enforcing(&[format!("allow exe={} -> udp 127.0.0.1 *", program.display())]);
    let receiver = host.namespace.within(|| UdpSocket::bind("127.0.0.1:0").unwrap());
    receiver.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut hand = Hand::start(&mut host.namespace.command(program.to_str().unwrap()));
    hand.make("udp 0.0.0.0:0");
    let before = queued(&host);
    let mut buffer = [0; 100];
    for _ in 0..100 {
        hand.make(&format!("send {}", receiver.local_addr().unwrap()));
        receiver.recv(&mut buffer).unwrap();
    }
    assert_eq!(queued(&host) - before, 1, "of a hundred datagrams");
    // No rule allows the other peer.
    let other = host.namespace.within(|| UdpSocket::bind("127.0.0.2:0").unwrap());
    let peer = other.local_addr().unwrap();
    hand.make(&format!("send {peer}"));
    until("a verdict", || (count(&state(&daemon), "block") == 1).then_some(()));
    other.set_nonblocking(true).unwrap();
    assert!(other.recv(&mut buffer).is_err());
    stop(daemon);
}

fn granted() {
    const CONNECTIONS: u64 = 100;
    let host = Host::new();
    let program = host.generator("client");
    let daemon = host.enforcing(&[host.rule("allow", &program)]);
    let before = queued(&host);
    let (peer, connections) = (host.peer().to_string(), CONNECTIONS.to_string());
    let arguments = ["tcp-blocking", "--bytes", "0", "--peer", &peer, "--count", &connections];
    let report = Traffic::inside(&host.namespace, &program, &arguments).run();
    assert!(report.flows().iter().all(|flow| flow.errno.is_none()), "{report:#?}");
    let packets = queued(&host) - before;
    assert!((1..=CONNECTIONS / 2).contains(&packets), "{packets} packets were queued");
    let state = until("what was granted", || {
        let state = state(&daemon);
        (state["granted"].as_u64().unwrap() + packets >= CONNECTIONS).then_some(state)
    });
    assert_eq!(count(&state, "block"), 0, "{state}");
    stop(daemon);
}

fn stop(daemon: Daemon) {
    assert!(daemon.stop().status.success());
}
