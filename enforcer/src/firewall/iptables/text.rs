//! Rules in the words of `iptables-restore`.

use std::fmt::Write as _;

use crate::evaluate::FailurePolicy;
use crate::firewall::rule::{Family, Match, Rule, TCP, Then, UDP, carry_out, evaluate, go_on};
use crate::firewall::{NAME, Plan, Queues, Spread};

/// The tables that egret has a chain in, in the order in which packets pass them.
pub(crate) const TABLES: [&str; 2] = ["mangle", "filter"];

/// The rule that leads packets to egret's chain, without what adds it.
pub(crate) fn jump() -> String {
    format!("OUTPUT -m comment --comment {NAME} -j {NAME}")
}

/// The chain in `mangle` that only the chain `egret` leads to.
pub(crate) const GO_ON: &str = "egret-go-on";

/// The chains of a table, each emptied before.
pub(crate) const fn chains(table: &str) -> &'static [&'static str] {
    if let b"mangle" = table.as_bytes() { &[NAME, GO_ON] } else { &[NAME] }
}

/// The chains of a table and their rules, with comments.
pub(crate) fn content(plan: &Plan, family: Family, table: &str) -> String {
    let mut text: String = chains(table).iter().map(|chain| format!(":{chain} - [0:0]\n")).collect();
    if table == "mangle" {
        text.push_str(&rules(plan, family, NAME, &evaluate(plan)));
        text.push_str(&rules(plan, family, GO_ON, &go_on(plan)));
    } else {
        text.push_str(&rules(plan, family, NAME, &carry_out(plan)));
    }
    text
}

fn rules(plan: &Plan, family: Family, chain: &str, rules: &[Rule]) -> String {
    let mut text = String::new();
    let mut why = "";
    for rule in rules.iter().filter(|rule| rule.family.is_none_or(|only| only == family)) {
        if rule.why != why {
            why = rule.why;
            let _ = writeln!(text, "# {why}");
        }
        let _ = writeln!(text, "{}", line(plan, family, chain, rule));
    }
    text
}

fn line(plan: &Plan, family: Family, chain: &str, rule: &Rule) -> String {
    let mut line = format!("-A {chain}");
    for asked in &rule.matches {
        line.push(' ');
        line.push_str(&words(plan, asked));
    }
    let leads = if rule.then == Then::GoOn { " -g " } else { " -j " };
    line.push_str(leads);
    line.push_str(&target(plan, family, rule.then));
    line
}

fn words(plan: &Plan, asked: &Match) -> String {
    let mask = plan.marks.mask();
    match asked {
        Match::Loopback => "-o lo".to_owned(),
        Match::Mark(field) => format!("-m mark --mark {field:#x}/{mask:#x}"),
        Match::ConnectionMark(field) => format!("-m connmark --mark {field:#x}/{mask:#x}"),
        Match::OtherConnectionMark(field) => format!("-m connmark ! --mark {field:#x}/{mask:#x}"),
        Match::Reply => "-m conntrack --ctdir REPLY".to_owned(),
        Match::Established => "-m conntrack --ctstate RELATED,ESTABLISHED".to_owned(),
        Match::Invalid => "-m conntrack --ctstate INVALID".to_owned(),
        Match::NotOpening => "-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN".to_owned(),
        Match::Socket => "-m owner --socket-exists".to_owned(),
        Match::User(user) => format!("-m owner --uid-owner {user}"),
        Match::Group(group) => format!("-m owner --gid-owner {group}"),
        Match::ControlGroup(group) => format!("-m cgroup --path \"{}\"", group.as_str().replace('\\', "\\\\")),
        Match::FromHost => "-m addrtype --src-type LOCAL".to_owned(),
        Match::From(address) => format!("-s {address}"),
        Match::To(address) => format!("-d {address}"),
        // These the tools know by name wherever they run.
        Match::Protocol(TCP) => "-p tcp".to_owned(),
        Match::Protocol(UDP) => "-p udp".to_owned(),
        Match::Protocol(number) => format!("-p {number}"),
        Match::FromPorts(ports) => format!("-m multiport --sports {}", list(ports)),
        Match::ToPorts(ports) => format!("-m multiport --dports {}", list(ports)),
        Match::Icmpv6(kind) => format!("-p ipv6-icmp -m icmp6 --icmpv6-type {kind}"),
    }
}

fn list(ports: &[u16]) -> String {
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(",")
}

fn target(plan: &Plan, family: Family, then: Then) -> String {
    let mask = plan.marks.mask();
    match then {
        Then::Return => "RETURN".to_owned(),
        Then::GoOn => GO_ON.to_owned(),
        // With its mark, which nobody may change on its way to the table `filter`.
        Then::Blocked => "ACCEPT".to_owned(),
        Then::Clear => format!("MARK --set-xmark 0x0/{mask:#x}"),
        Then::Drop => "DROP".to_owned(),
        Then::Reset => "REJECT --reject-with tcp-reset".to_owned(),
        Then::Unreachable if family == Family::V4 => "REJECT --reject-with icmp-port-unreachable".to_owned(),
        Then::Unreachable => "REJECT --reject-with icmp6-port-unreachable".to_owned(),
        Then::Save => format!("CONNMARK --save-mark --nfmask {mask:#x} --ctmask {mask:#x}"),
        Then::Queue => queue(plan.queues, plan.on_failure),
    }
}

fn queue(queues: Queues, on_failure: FailurePolicy) -> String {
    let (first, last) = (queues.first(), queues.last());
    let mut text = if first == last {
        format!("NFQUEUE --queue-num {first}")
    } else {
        format!("NFQUEUE --queue-balance {first}:{last}")
    };
    // Before the other: the order in which the tool prints them.
    if on_failure == FailurePolicy::Open {
        text.push_str(" --queue-bypass");
    }
    if first != last && queues.spread() == Spread::Cpu {
        text.push_str(" --queue-cpu-fanout");
    }
    text
}
