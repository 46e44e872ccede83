//! Conditions that end enforce, and their reasons.

use std::net::SocketAddr;
use std::path::Path;

use egret_tests::{Daemon, Hand, Setup, traffic, until};
use libtest_mimic::Trial;
use nix::sys::signal::Signal;

use crate::audit::metric;
use crate::host::{Fate, Host, state, switch, until_mode};
use crate::test;
use crate::web::get;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("fallback::many_blocked_flows_end_enforce", spike),
        test("fallback::many_blocked_datagrams_held_for_an_answer_end_enforce", spike_of_datagrams),
        test("fallback::full_queues_end_enforce", overflow),
        test("fallback::unattributed_packets_end_enforce", unattributed),
    ]
}

fn setup(host: &Host) -> Setup {
    host.setup(&[]).set("fallback.enabled", "true")
}

fn spike() {
    let host = Host::new();
    let unknown = host.program("unknown");
    let daemon = setup(&host).set("fallback.blocks", "5").start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    // Repeated attempts of one program count once.
    for _ in 0..6 {
        assert_eq!(host.fetch(&unknown), Fate::Refused);
    }
    for number in 2..=6 {
        host.fetch_from(&unknown, &format!("127.0.0.{number}"));
    }
    has_fallen_back(&host, daemon, &unknown, "block_spike");
}

/// The sockets are closed before the verdict.
fn spike_of_datagrams() {
    let host = Host::new();
    let setup = setup(&host).set("fallback.blocks", "5").set("ask.enabled", "true");
    let daemon = setup.start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    let mut hand = Hand::start(&mut host.namespace.command(traffic().to_str().unwrap()));
    for last in 1..=6 {
        hand.make("udp 0.0.0.0:0");
        hand.make(&format!("send {}", SocketAddr::from(([127, 9, 0, last], 4444))));
        hand.make("close");
    }
    has_fallen_back(&host, daemon, &host.program("unknown"), "block_spike");
}

/// A stopped daemon reads no packets.
fn overflow() {
    const LENGTH: u64 = 16;
    let host = Host::new();
    let setup = setup(&host).set("fallback.overflow", "5").set("enforce.queues", "1");
    let daemon = setup.set("enforce.queue_length", &LENGTH.to_string()).start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    daemon.signal(Signal::SIGSTOP);
    host.connect(3 * LENGTH);
    daemon.signal(Signal::SIGCONT);
    // The daemon detects packets that it did not get by gaps in their numbers.
    let unknown = host.program("unknown");
    until("the fall-back", || {
        host.fetch(&unknown);
        (state(&daemon)["mode"] == "shadow").then_some(())
    });
    has_fallen_back(&host, daemon, &unknown, "queue_overflow");
}

/// Two processes could have sent the packets of a raw socket.
fn unattributed() {
    let host = Host::new();
    let daemon = setup(&host).set("fallback.unattributed", "\"50%\"").start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    let mut hands = [(); 2].map(|()| Hand::start(&mut host.namespace.command(traffic().to_str().unwrap())));
    hands.iter_mut().for_each(|hand| drop(hand.make("icmp")));
    for last in 1..=40 {
        hands[0].make(&format!("send {}", SocketAddr::from(([127, 9, 0, last], 0))));
    }
    has_fallen_back(&host, daemon, &host.program("unknown"), "attribution_failing");
}

/// Asserts the fallback in status, the command's answer, the metrics and the log; and that every flow passes.
fn has_fallen_back(host: &Host, daemon: Daemon, unknown: &Path, reason: &str) {
    let state = until_mode(&daemon, "shadow");
    assert_eq!(state["last_fallback"]["reason"], reason, "{state}");
    assert_eq!(host.fetch(unknown), Fate::Passed);
    let shown = switch(&daemon, &[]);
    assert!(shown.starts_with("shadow") && shown.contains(reason), "{shown}");
    let address = daemon.metrics();
    let text = until("the metric", || {
        let text = get(&host.namespace, &address, "/metrics");
        let label = format!("reason=\"{reason}\"");
        (metric(&text, "egret_fallbacks_total", &[&label]) > 0.0).then_some(text)
    });
    assert_eq!(metric(&text, "egret_mode", &["mode=\"shadow\""]).to_string(), "1", "{text}");
    daemon.wait_for_stderr(reason);
    assert!(daemon.stop().status.success());
}
