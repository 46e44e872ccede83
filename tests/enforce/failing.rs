//! A daemon that is killed in every mode, with both failure policies.

use egret_tests::{Setup, egret, until};
use libtest_mimic::Trial;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::host::{Fate, Host, state, switch, until_mode};
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    let all = ["learn", "shadow", "enforce"].into_iter().flat_map(|mode| {
        [("open", Fate::Passed), ("closed", Fate::Silence)].map(|(on_failure, fate)| {
            test(&format!("failing::daemon_killed_in_{mode}_fails_{on_failure}"), move || {
                killed(mode, on_failure, fate)
            })
        })
    });
    all.chain([
        test("failing::firewall_remove_removes_the_rules_of_a_killed_daemon", removed),
        test("failing::next_start_restores_rules_removed_after_a_kill", || started_again(true)),
        test("failing::next_start_restores_rules_of_a_stopped_daemon", || started_again(false)),
        test("failing::daemon_killed_in_observe_leaves_no_rule", observing),
        test("failing::full_queue_passes_packets_if_open", || full("open", Fate::Passed)),
        test("failing::full_queue_passes_no_packet_if_closed", || full("closed", Fate::Silence)),
    ])
    .collect()
}

/// Foreign rules.
pub(crate) fn foreign(host: &Host) -> String {
    for tool in ["iptables", "ip6tables"] {
        for table in ["mangle", "filter"] {
            host.run(&[tool, "-w", "-t", table, "-A", "OUTPUT", "-p", "tcp", "--dport", "9", "-j", "ACCEPT"]);
        }
    }
    host.firewall()
}

fn setup(host: &Host, rules: &[String], on_failure: &str) -> Setup {
    host.setup(rules).text("enforce.on_failure", on_failure).text("enforce.backend", "iptables")
}

fn killed(mode: &str, on_failure: &str, fate: Fate) {
    let host = Host::new();
    let [allowed, unknown] = ["allowed", "unknown"].map(|name| host.program(name));
    let before = foreign(&host);
    let daemon = setup(&host, &[host.rule("allow", &allowed)], on_failure).start_in(&host.namespace);
    switch(&daemon, &[mode]);
    assert_eq!(host.fetch(&allowed), Fate::Passed);
    let during = host.firewall();
    assert_ne!(during, before);
    let setup = daemon.kill();
    assert_eq!(host.firewall(), during, "what holds without egret stays");
    assert_eq!([host.fetch(&allowed), host.fetch(&unknown)], [fate; 2], "new connections while egret is dead");
    let daemon = setup.start_in(&host.namespace);
    until_mode(&daemon, mode);
    assert_eq!(host.fetch(&allowed), Fate::Passed);
    let other = if mode == "enforce" { Fate::Refused } else { Fate::Passed };
    assert_eq!(host.fetch(&unknown), other);
    assert!(daemon.stop().status.success());
    assert_eq!(host.firewall(), before);
    assert_eq!(host.fetch(&unknown), Fate::Passed);
}

fn removed() {
    let host = Host::new();
    let allowed = host.program("allowed");
    let before = foreign(&host);
    let daemon = setup(&host, &[host.rule("allow", &allowed)], "closed").start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    let _setup = daemon.kill();
    assert_eq!(host.fetch(&allowed), Fate::Silence);
    host.run(&[egret().to_str().unwrap(), "firewall", "remove"]);
    assert_eq!(host.firewall(), before);
    assert_eq!(host.fetch(&allowed), Fate::Passed);
}

/// Three times in a row: what one run leaves behind does not disturb the next start or end.
fn started_again(by_kill: bool) {
    let host = Host::new();
    let [allowed, unknown] = ["allowed", "unknown"].map(|name| host.program(name));
    let before = foreign(&host);
    let mut daemon = setup(&host, &[host.rule("allow", &allowed)], "closed").start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    for _ in 0..3 {
        let setup = if by_kill {
            let setup = daemon.kill();
            assert_ne!(host.firewall(), before);
            host.run(&[egret().to_str().unwrap(), "firewall", "remove"]);
            setup
        } else {
            let ended = daemon.stop();
            assert!(ended.status.success());
            ended.setup
        };
        assert_eq!(host.firewall(), before);
        assert_eq!(host.fetch(&unknown), Fate::Passed, "without rules");
        daemon = setup.start_in(&host.namespace);
        until_mode(&daemon, "enforce");
        assert_ne!(host.firewall(), before);
        assert_eq!([host.fetch(&allowed), host.fetch(&unknown)], [Fate::Passed, Fate::Refused]);
    }
    assert!(daemon.stop().status.success());
    assert_eq!(host.firewall(), before);
}

fn observing() {
    let host = Host::new();
    let unknown = host.program("unknown");
    let before = foreign(&host);
    let daemon = setup(&host, &[], "closed").start_in(&host.namespace);
    switch(&daemon, &["learn"]);
    switch(&daemon, &["observe"]);
    assert_eq!(host.firewall(), before);
    let _setup = daemon.kill();
    assert_eq!(host.firewall(), before);
    assert_eq!(host.fetch(&unknown), Fate::Passed);
}

/// A stopped daemon reads no packets.
fn full(on_failure: &str, fate: Fate) {
    const LENGTH: u64 = 16;
    let host = Host::new();
    let unknown = host.program("unknown");
    let setup = setup(&host, &[], on_failure).set("enforce.queues", "1");
    let daemon = setup.set("enforce.queue_length", &LENGTH.to_string()).start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    daemon.signal(Signal::SIGSTOP);
    host.connect(3 * LENGTH);
    assert_eq!(host.fetch(&unknown), fate);
    daemon.signal(Signal::SIGCONT);
    until("packets that are judged", || (host.fetch(&unknown) == Fate::Refused).then_some(()));
    until("the count of packets that found it full", || {
        let queues = state(&daemon)["queues"].take();
        // The kernel counts them as drops of the queue or of the socket.
        let dropped = |queue: &Value| ["dropped_full", "dropped_user"].iter().any(|of| queue[of].as_u64() > Some(0));
        queues.as_array().unwrap().iter().any(dropped).then_some(())
    });
    assert!(daemon.stop().status.success());
}
