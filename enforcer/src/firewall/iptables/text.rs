//! Rules in the words of `iptables-restore`.

use std::fmt::Write as _;

use crate::firewall::rule::{Family, Match, Rule, TCP, Then, UDP, carry_out, judge};
use crate::firewall::{NAME, OnFailure, Plan, Queues, Spread};

/// The tables that egret has a chain in, in the order in which packets pass them.
pub(crate) const TABLES: [&str; 2] = ["mangle", "filter"];

/// The rule that leads packets to egret's chain, without what adds it.
pub(crate) fn jump() -> String {
    format!("OUTPUT -m comment --comment {NAME} -j {NAME}")
}

/// The chain of a table and its rules, with comments.
pub(crate) fn chain(plan: &Plan, family: Family, table: &str) -> String {
    let rules = if table == "mangle" { judge(plan) } else { carry_out(plan) };
    let mut text = format!(":{NAME} - [0:0]\n");
    let mut why = "";
    for rule in rules.iter().filter(|rule| rule.family.is_none_or(|only| only == family)) {
        if rule.why != why {
            why = rule.why;
            let _ = writeln!(text, "# {why}");
        }
        let _ = writeln!(text, "{}", line(plan, family, rule));
    }
    text
}

fn line(plan: &Plan, family: Family, rule: &Rule) -> String {
    let mut line = format!("-A {NAME}");
    for asked in &rule.matches {
        line.push(' ');
        line.push_str(&words(plan, asked));
    }
    line.push_str(" -j ");
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
        Then::Drop => "DROP".to_owned(),
        Then::Reset => "REJECT --reject-with tcp-reset".to_owned(),
        Then::Unreachable if family == Family::V4 => "REJECT --reject-with icmp-port-unreachable".to_owned(),
        Then::Unreachable => "REJECT --reject-with icmp6-port-unreachable".to_owned(),
        Then::Save => format!("CONNMARK --save-mark --nfmask {mask:#x} --ctmask {mask:#x}"),
        Then::Queue => queue(plan.queues, plan.on_failure),
    }
}

fn queue(queues: Queues, on_failure: OnFailure) -> String {
    let (first, last) = (queues.first(), queues.last());
    let mut text = if first == last {
        format!("NFQUEUE --queue-num {first}")
    } else {
        format!("NFQUEUE --queue-balance {first}:{last}")
    };
    // Before the other: the order in which the tool prints them.
    if on_failure == OnFailure::Open {
        text.push_str(" --queue-bypass");
    }
    if first != last && queues.spread() == Spread::Cpu {
        text.push_str(" --queue-cpu-fanout");
    }
    text
}
