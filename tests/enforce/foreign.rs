//! Other programs that change the firewall.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use egret_tests::{Daemon, Setup, egret, needing, stdout_of, until, write_program};
use libtest_mimic::Trial;

use crate::host::{Fate, Host, fate, refused, state, switch, until_mode};
use crate::inbound::neighbour;
use crate::test;
use crate::web::Web;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("foreign::flushed_rules_are_restored", flushed),
        test("foreign::rules_removed_by_firewall_remove_from_a_running_daemon_are_restored", removed),
        test("foreign::flushed_rules_are_restored_on_a_slow_host", flushed_on_a_slow_host),
        test("foreign::passing_packets_traverse_foreign_rules_in_every_mode", || rules_behind(BY_USER)),
        test("foreign::passing_packets_get_the_dscp_of_foreign_rules_in_every_mode", || rules_behind(BY_DSCP)),
        test("foreign::passing_packets_take_the_uplink_of_their_user_in_every_mode", uplink),
        test("foreign::later_foreign_rules_drop_packets_in_every_mode", kill_switch),
        needing("nft", test("foreign::unreadable_table_is_left_alone_and_cleaned_once_readable", unreadable)),
        test("foreign::full_conntrack_table_prevents_evaluation", || no_room(true)),
        test("foreign::conntrack_table_that_fills_up_ends_evaluation", || no_room(false)),
        test("foreign::full_conntrack_table_does_not_end_enforce_if_closed", no_room_and_closed),
    ]
}

fn recreated(daemon: &Daemon) -> u64 {
    state(daemon)["firewall_recreated"].as_u64().unwrap()
}

/// Enforces from the start, so that no learned rule changes the firewall again.
fn enforcing_from_the_start(host: &Host, rules: &[String]) -> Daemon {
    let daemon = setup_with_iptables(host, rules).text("enforce.mode", "enforce").start_in(&host.namespace);
    until_mode(&daemon, "enforce");
    daemon
}

fn flushed() {
    let host = Host::new();
    let [allowed, unknown] = ["allowed", "unknown"].map(|name| host.program(name));
    let iptables = |words: &str| {
        let words: Vec<&str> = ["iptables", "-w"].into_iter().chain(words.split(' ')).collect();
        host.run(&words)
    };
    iptables("-t filter -A OUTPUT -p tcp --dport 9 -j ACCEPT");
    let before = host.firewall();
    let daemon = enforcing_from_the_start(&host, &[host.rule("allow", &allowed)]);
    let installed = host.firewall();
    assert!(installed.contains("-j NFQUEUE"), "{installed}");
    for words in ["-t mangle -F", "-t mangle -D OUTPUT 1", "-t filter -D OUTPUT 1"] {
        let before = recreated(&daemon);
        iptables(words);
        until("rules that are back", || (recreated(&daemon) > before).then_some(()));
        assert_eq!(host.firewall(), installed, "{words}");
        assert_eq!([host.fetch(&allowed), host.fetch(&unknown)], [Fate::Passed, Fate::Refused], "{words}");
    }
    // The flush removes the foreign rule as well.
    let times = recreated(&daemon);
    iptables("-F");
    until("rules that are back", || (recreated(&daemon) > times).then_some(()));
    iptables("-t filter -A OUTPUT -p tcp --dport 9 -j ACCEPT");
    assert_eq!(host.firewall(), installed);
    assert_eq!([host.fetch(&allowed), host.fetch(&unknown)], [Fate::Passed, Fate::Refused]);
    assert!(daemon.stop().status.success());
    assert_eq!(host.firewall(), before);
}

fn removed() {
    let host = Host::new();
    let [allowed, unknown] = ["allowed", "unknown"].map(|name| host.program(name));
    let daemon = enforcing_from_the_start(&host, &[host.rule("allow", &allowed)]);
    let installed = host.firewall();
    for _ in 0..2 {
        let before = recreated(&daemon);
        host.run(&[egret().to_str().unwrap(), "firewall", "remove"]);
        // The rules of one family may be restored before those of the other are removed.
        until("rules that are back", || (recreated(&daemon) > before && host.firewall() == installed).then_some(()));
        assert_eq!([host.fetch(&allowed), host.fetch(&unknown)], [Fate::Passed, Fate::Refused]);
    }
    assert!(daemon.stop().status.success());
}

/// The listing tools are as slow as with very many rules: a poll of two tables in two families takes five seconds.
/// The pause that the CPU limit requires after it would be longer than this test waits.
fn flushed_on_a_slow_host() {
    let host = Host::new();
    let [allowed, unknown] = ["allowed", "unknown"].map(|name| host.program(name));
    let tools = host.path("tools");
    fs::create_dir(&tools).unwrap();
    for tool in ["iptables-save", "ip6tables-save"] {
        let found = host.run(&["sh", "-c", &format!("command -v {tool}")]);
        let slow = tools.join(tool);
        write_program(&slow, format!("#!/bin/sh\nsleep 1.2\nexec {} \"$@\"\n", found.trim()).as_bytes());
    }
    // The first directory that egret searches. The mount is private to this namespace.
    host.run(&["mount", "--bind", tools.to_str().unwrap(), "/usr/local/sbin"]);
    let daemon = enforcing_from_the_start(&host, &[host.rule("allow", &allowed)]);
    for _ in 0..2 {
        let before = recreated(&daemon);
        host.run(&["iptables", "-w", "-t", "mangle", "-F"]);
        until("rules that are back", || (recreated(&daemon) > before).then_some(()));
        assert_eq!([host.fetch(&allowed), host.fetch(&unknown)], [Fate::Passed, Fate::Refused]);
    }
    assert!(daemon.stop().status.success());
}

fn setup_with_iptables(host: &Host, rules: &[String]) -> Setup {
    host.setup(rules).text("enforce.backend", "iptables")
}

/// A mark on the packets of a user, as for a separate uplink, without which nothing leaves.
const BY_USER: [&str; 2] = [
    "-t mangle -A OUTPUT -m owner --uid-owner 0 -m mark --mark 0 -j MARK --set-mark 0x77",
    "-A OUTPUT -p tcp --syn -m mark ! --mark 0x77 -j DROP",
];
/// A traffic class without which nothing leaves.
const BY_DSCP: [&str; 2] =
    ["-t mangle -A OUTPUT -p tcp --syn -j DSCP --set-dscp 46", "-A OUTPUT -p tcp --syn -m dscp ! --dscp 46 -j DROP"];

/// Each mode, a program that no rule allows there yet, and the fate of its connections. Flows that pass in `learn`
/// are learned.
fn modes<'a>(learned: &'a Path, unknown: &'a Path) -> [(&'static str, &'a Path, Fate); 3] {
    [("learn", learned, Fate::Passed), ("shadow", unknown, Fate::Passed), ("enforce", unknown, Fate::Refused)]
}

fn rules_behind(rules: [&str; 2]) {
    let host = Host::new();
    let [allowed, unknown, learned] = ["allowed", "unknown", "learned"].map(|name| host.program(name));
    for words in rules {
        host.run(&["sh", "-c", &format!("iptables -w {words}")]);
    }
    let daemon = setup_with_iptables(&host, &[host.rule("allow", &allowed)]).start_in(&host.namespace);
    for (mode, other, fate) in modes(&learned, &unknown) {
        switch(&daemon, &[mode]);
        // First evaluated, then cached, then passed by the kernel.
        for _ in 0..3 {
            assert_eq!([host.fetch(&allowed), host.fetch(other)], [Fate::Passed, fate], "{mode}");
        }
    }
    assert!(daemon.stop().status.success());
}

/// Two routes to the same address: the default leads nowhere, the one for a user to a web server.
const ROUTES: &str = "
ip link add wrong type veth peer name nowhere
ip link set wrong up
ip route add 10.50.0.1 dev wrong src 10.9.7.1
ip route add 10.50.0.1 via 10.9.7.2 dev cable src 10.9.7.1 table 100
ip rule add fwmark 0x77 lookup 100
iptables -w -t mangle -A OUTPUT -m owner --uid-owner 0 -m mark --mark 0 -j MARK --set-mark 0x77
for filter in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $filter; done
";

fn uplink() {
    let host = Host::new();
    let [allowed, unknown, learned] = ["allowed", "unknown", "learned"].map(|name| host.program(name));
    let other = neighbour(&host);
    stdout_of(other.command("ip").args(["address", "add", "10.50.0.1/32", "dev", "cable"]));
    let web = Web::start(&other);
    host.run(&["sh", "-ec", ROUTES]);
    let fetch = |program: &Path| {
        let mut command = host.namespace.command(program.to_str().unwrap());
        command.args(["--silent", "--noproxy", "*", "--connect-timeout", "2", "--max-time", "20"]);
        fate(command.arg(format!("http://10.50.0.1:{}/", web.port)).stdin(Stdio::null()))
    };
    assert_eq!(fetch(&allowed), Fate::Passed, "without egret");
    let rule = format!("allow exe={} -> tcp 10.50.0.1 *", allowed.display());
    let daemon = setup_with_iptables(&host, &[rule]).start_in(&host.namespace);
    for (mode, other, fate) in modes(&learned, &unknown) {
        switch(&daemon, &[mode]);
        for _ in 0..3 {
            assert_eq!([fetch(&allowed), fetch(other)], [Fate::Passed, fate], "{mode}");
        }
    }
    assert!(daemon.stop().status.success());
}

fn kill_switch() {
    let host = Host::new();
    let allowed = host.program("allowed");
    host.run(&["sh", "-c", "iptables -w -t mangle -A OUTPUT -d 127.0.0.2 -j DROP"]);
    let daemon = setup_with_iptables(&host, &[format!("allow exe={} -> * * *", allowed.display())]);
    let daemon = daemon.start_in(&host.namespace);
    for mode in ["learn", "shadow", "enforce"] {
        switch(&daemon, &[mode]);
        let fates = [host.fetch(&allowed), host.fetch_from(&allowed, "127.0.0.2")];
        assert_eq!(fates, [Fate::Passed, Fate::Silence], "{mode}");
    }
    assert!(daemon.stop().status.success());
}

/// Needs the nf_tables variant of iptables: the legacy tools show their rules whatever other tables contain.
fn unreadable() {
    let host = Host::new();
    if !host.run(&["iptables", "--version"]).contains("nf_tables") {
        return eprintln!("iptables is not the one of nf_tables here");
    }
    let [allowed, unknown] = ["allowed", "unknown"].map(|name| host.program(name));
    let setup = setup_with_iptables(&host, &[host.rule("allow", &allowed)]).text("enforce.on_failure", "closed");
    let daemon = setup.start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    host.run(&["nft", "add", "rule", "ip", "mangle", "OUTPUT", "ct", "state", "invalid", "counter", "drop"]);
    let rules = || host.run(&["nft", "--stateless", "list", "table", "ip", "mangle"]);
    let before = rules();
    daemon.wait_for_stderr("cannot show the table");
    assert_eq!([host.fetch(&allowed), host.fetch(&unknown)], [Fate::Passed, Fate::Refused]);
    assert_eq!(rules(), before, "nothing is added");
    let ended = daemon.stop();
    assert!(ended.status.success());
    let after = rules();
    assert!(!after.contains("egret") && after.contains("ct state invalid"), "{after}");
    assert_eq!([host.fetch(&allowed), host.fetch(&unknown)], [Fate::Passed; 2]);
}

/// A file that replaces the kernel's conntrack limit, because the real limit applies to the whole machine.
fn limited(host: &Host) -> PathBuf {
    let limit = host.path("nf_conntrack_max");
    fs::write(&limit, "100000\n").unwrap();
    host.run(&["mount", "--bind", limit.to_str().unwrap(), "/proc/sys/net/netfilter/nf_conntrack_max"]);
    limit
}

fn no_room_and_closed() {
    let host = Host::new();
    let [allowed, unknown] = ["allowed", "unknown"].map(|name| host.program(name));
    let limit = limited(&host);
    let setup = setup_with_iptables(&host, &[host.rule("allow", &allowed)]).text("enforce.on_failure", "closed");
    let daemon = setup.set("fallback.enabled", "true").start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    assert_eq!(host.fetch(&allowed), Fate::Passed);
    fs::write(&limit, "1\n").unwrap();
    daemon.wait_for_stderr("net.netfilter.nf_conntrack_max");
    let setup = daemon.kill();
    let daemon = setup.start_in(&host.namespace);
    until_mode(&daemon, "enforce");
    assert_eq!([host.fetch(&allowed), host.fetch(&unknown)], [Fate::Passed, Fate::Refused]);
    assert!(daemon.stop().status.success());
}

fn no_room(from_the_start: bool) {
    let host = Host::new();
    let unknown = host.program("unknown");
    let limit = limited(&host);
    // Ensures that the conntrack table has an entry.
    host.run(&["sh", "-c", "iptables -w -A OUTPUT -m conntrack --ctstate NEW"]);
    assert_eq!(host.fetch(&unknown), Fate::Passed);
    let daemon = setup_with_iptables(&host, &[]).set("fallback.enabled", "true").start_in(&host.namespace);
    if from_the_start {
        fs::write(&limit, "1\n").unwrap();
        for mode in ["learn", "shadow", "enforce"] {
            let said = refused(&daemon, &[mode]);
            assert!(said.contains("net.netfilter.nf_conntrack_max"), "{said}");
        }
        assert_eq!(state(&daemon)["mode"], "observe");
    } else {
        switch(&daemon, &["shadow"]);
        assert!(state(&daemon)["connection_table"]["entries"].as_u64() > Some(0));
        fs::write(&limit, "1\n").unwrap();
        let state = until_mode(&daemon, "observe");
        assert_eq!(state["last_fallback"]["reason"], "connections_full", "{state}");
        daemon.wait_for_stderr("connections_full");
    }
    assert_eq!(host.fetch(&unknown), Fate::Passed);
    assert!(!host.firewall().contains("egret"), "{}", host.firewall());
    assert!(daemon.stop().status.success());
}
