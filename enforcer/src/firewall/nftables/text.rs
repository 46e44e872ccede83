//! Rules in the words of `nft`.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

use crate::evaluate::FailurePolicy;
use crate::firewall::rule::{Family, Match, Rule, SCTP, TCP, Then, UDP, UDP_LITE, carry_out, evaluate, go_on};
use crate::firewall::{ControlGroup, Hierarchy, NAME, Plan, Queues, Spread};

/// The chain that packets come to.
pub(crate) const JUDGE: &str = "judge";

/// The whole table, so written that it replaces one that is there, in one transaction.
pub(crate) fn script(plan: &Plan, hierarchy: &Hierarchy) -> String {
    let mut text = format!("{}table inet {NAME} {{\n", removal());
    chain(&mut text, "go-on", None, &go_on(plan), plan, hierarchy);
    text.push('\n');
    // At once: a chain of others between here and the filters could put another mark in place of the one that blocks.
    chain(&mut text, "carry-out", None, &carry_out(plan), plan, hierarchy);
    text.push('\n');
    // Where the mark changes the route. What accepts here does so for this chain alone: those of others come after it.
    chain(&mut text, JUDGE, Some("type route hook output priority mangle"), &evaluate(plan), plan, hierarchy);
    text.push_str("}\n");
    text
}

/// Removes the table, also where there is none: the word `destroy` is younger than many an `nft`.
pub(crate) fn removal() -> String {
    format!("table inet {NAME}\ndelete table inet {NAME}\n")
}

/// A table that shows whether queues and kinds of addresses can be used, for a dry run.
pub(crate) fn probe() -> String {
    format!("table inet {NAME}-probe {{\n\tchain probe {{\n\t\tfib saddr type local queue num 0\n\t}}\n}}\n")
}

fn chain(text: &mut String, name: &str, hook: Option<&str>, rules: &[Rule], plan: &Plan, hierarchy: &Hierarchy) {
    let _ = writeln!(text, "\tchain {name} {{");
    if let Some(hook) = hook {
        let _ = writeln!(text, "\t\t{hook}; policy accept;");
    }
    let mut why = "";
    for rule in rules {
        if rule.why != why {
            why = rule.why;
            let _ = writeln!(text, "\t\t# {why}");
        }
        let _ = writeln!(text, "\t\t{}", line(plan, rule, hierarchy));
    }
    text.push_str("\t}\n");
}

fn line(plan: &Plan, rule: &Rule, hierarchy: &Hierarchy) -> String {
    let mut line = String::new();
    if let Some(family) = rule.family.filter(|_| !rule.matches.iter().any(tells_family)) {
        line.push_str(if family == Family::V4 { "meta nfproto ipv4 " } else { "meta nfproto ipv6 " });
    }
    let ports = ports(&rule.matches);
    for asked in &rule.matches {
        if !(ports.is_some() && matches!(asked, Match::Protocol(_))) {
            line.push_str(&words(plan, asked, ports.unwrap_or("th"), hierarchy));
            line.push(' ');
        }
    }
    line.push_str(&statement(plan, rule.then));
    line
}

/// The word by which the ports of this rule are asked for, if it asks for any: it names the protocol, too.
fn ports(matches: &[Match]) -> Option<&'static str> {
    let asked = matches.iter().any(|asked| matches!(asked, Match::FromPorts(_) | Match::ToPorts(_)));
    let protocol = matches.iter().find_map(|asked| match asked {
        Match::Protocol(number) => Some(*number),
        _ => None,
    })?;
    let word = match protocol {
        TCP => "tcp",
        UDP => "udp",
        SCTP => "sctp",
        UDP_LITE => "udplite",
        _ => return None,
    };
    asked.then_some(word)
}

const fn tells_family(asked: &Match) -> bool {
    matches!(asked, Match::From(_) | Match::To(_) | Match::Icmpv6(_))
}

fn words(plan: &Plan, asked: &Match, ports: &str, hierarchy: &Hierarchy) -> String {
    let mask = plan.marks.mask();
    match asked {
        Match::Loopback => "oifname \"lo\"".to_owned(),
        Match::Mark(field) => format!("meta mark & {mask:#010x} == {field:#010x}"),
        Match::ConnectionMark(field) => format!("ct mark & {mask:#010x} == {field:#010x}"),
        Match::OtherConnectionMark(field) => format!("ct mark & {mask:#010x} != {field:#010x}"),
        Match::Reply => "ct direction reply".to_owned(),
        Match::Established => "ct state established,related".to_owned(),
        Match::Invalid => "ct state invalid".to_owned(),
        Match::NotOpening => "tcp flags & (fin | syn | rst | ack) != syn".to_owned(),
        // Every mark will do: a packet without a socket has none to ask for.
        Match::Socket => "socket mark >= 0".to_owned(),
        Match::User(user) => format!("meta skuid {user}"),
        Match::Group(group) => format!("meta skgid {group}"),
        Match::ControlGroup(group) => {
            format!("socket cgroupv2 level {} \"{}\"", group.depth(), path(group, hierarchy.place()))
        }
        Match::FromHost => "fib saddr type local".to_owned(),
        Match::From(address) => format!("{} saddr {address}", network(*address)),
        Match::To(address) => format!("{} daddr {address}", network(*address)),
        Match::Protocol(number) => format!("meta l4proto {number}"),
        Match::FromPorts(numbers) => format!("{ports} sport {}", set(numbers)),
        Match::ToPorts(numbers) => format!("{ports} dport {}", set(numbers)),
        Match::Icmpv6(kind) => format!("icmpv6 type {kind}"),
    }
}

/// `nft` looks for control groups at one place only, where the hierarchy need not be mounted.
fn path(group: &ControlGroup, place: &Path) -> String {
    match place.strip_prefix(Hierarchy::USUAL) {
        Ok(below) => below.join(group.as_str()).display().to_string(),
        // Up from /sys/fs/cgroup to the root.
        Err(_) => format!("../../..{}", place.join(group.as_str()).display()),
    }
}

const fn network(address: IpAddr) -> &'static str {
    match Family::of(address) {
        Family::V4 => "ip",
        Family::V6 => "ip6",
    }
}

fn set(ports: &[u16]) -> String {
    format!("{{ {} }}", ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", "))
}

fn statement(plan: &Plan, then: Then) -> String {
    match then {
        Then::Return => "return".to_owned(),
        Then::GoOn => "goto go-on".to_owned(),
        Then::Blocked => "goto carry-out".to_owned(),
        Then::Clear => format!("meta mark set meta mark & {:#010x}", !plan.marks.mask()),
        Then::Drop => "drop".to_owned(),
        Then::Reset => "reject with tcp reset".to_owned(),
        Then::Unreachable => "reject with icmpx type port-unreachable".to_owned(),
        Then::Save => {
            let (others, allowed) = (!plan.marks.mask(), plan.marks.allowed(plan.generation));
            format!("ct mark set ct mark & {others:#010x} | {allowed:#010x}")
        }
        Then::Queue => queue(plan.queues, plan.on_failure),
    }
}

/// In the order of words that old and new versions of `nft` take.
fn queue(queues: Queues, on_failure: FailurePolicy) -> String {
    let (first, last) = (queues.first(), queues.last());
    let numbers = if first == last { first.to_string() } else { format!("{first}-{last}") };
    let bypass = (on_failure == FailurePolicy::Open).then_some("bypass");
    let fanout = (first != last && queues.spread() == Spread::Cpu).then_some("fanout");
    let flags = bypass.into_iter().chain(fanout).collect::<Vec<_>>().join(",");
    format!("queue num {numbers} {flags}").trim_end().to_owned()
}
