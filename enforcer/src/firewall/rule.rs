//! The rules, in one list for every back end: they differ in words only.
//!
//! Every rule but the last of the queueing chain exempts packets, so their order decides little but costs:
//! what most packets match comes first. A packet with a verdict traverses the rules once more, with the verdict in its
//! mark, so that it meets what others have behind them like any other packet.

use std::net::IpAddr;

use egret_model::{Flow, Transport};

use super::{ControlGroup, Plan, Protect};
use crate::evaluate::BlockAction;
use crate::evaluate::{DHCP_PORTS, DNS_PORTS, NTP_PORT};

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// Its usual name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }

    pub(crate) const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// What it is for; neighbours may share it.
    pub(crate) why: &'static str,
    /// The family that it is for, if not for both.
    pub(crate) family: Option<Family>,
    /// What all has to be so.
    pub(crate) matches: Vec<Match>,
    /// What happens then.
    pub(crate) then: Then,
}

/// What is asked of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// It leaves by the loopback device.
    Loopback,
    /// The field of its mark.
    Mark(u32),
    /// The field of its connection's mark.
    ConnectionMark(u32),
    /// The field of its connection's mark is another.
    OtherConnectionMark(u32),
    /// It is an answer to somebody who began.
    Reply,
    /// It is of a connection that was answered, or belongs to one.
    Established,
    /// It is of no connection that there could be.
    Invalid,
    /// It is of TCP, and does not open a connection.
    NotOpening,
    /// A socket sent it.
    Socket,
    /// User of its socket.
    User(u32),
    /// Group of its socket.
    Group(u32),
    /// Control group of its socket, or one above.
    ControlGroup(ControlGroup),
    /// It comes from an address of this host.
    FromHost,
    /// Address that it comes from.
    From(IpAddr),
    /// Address that it goes to.
    To(IpAddr),
    /// IANA number of the protocol above IP.
    Protocol(u8),
    /// Ports that it comes from.
    FromPorts(Vec<u16>),
    /// Ports that it goes to.
    ToPorts(Vec<u16>),
    /// Type of an `ICMPv6` message.
    Icmpv6(u8),
}

/// What happens to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Nothing: it goes on through whatever else is in the way, as if these rules were not there.
    Return,
    /// The chain of [`go_on`], and then nothing.
    GoOn,
    /// The chain of [`carry_out`]: at once, or once it passes there.
    Blocked,
    /// It loses the field of its mark.
    Clear,
    /// egret evaluates it.
    Queue,
    /// The sender gets a TCP reset.
    Reset,
    /// The sender gets "port unreachable".
    Unreachable,
    /// Nobody hears of it again.
    Drop,
    /// The connection is marked as allowed.
    Save,
}

/// IANA protocol numbers.
pub(crate) const IGMP: u8 = 2;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const SCTP: u8 = 132;
pub(crate) const UDP_LITE: u8 = 136;

/// Multicast listener discovery (RFC 2710, RFC 3810), then router and neighbour solicitation, advertisement and
/// redirection (RFC 4861).
const NEIGHBOUR_TYPES: [u8; 9] = [130, 131, 132, 133, 134, 135, 136, 137, 143];

fn rule(why: &'static str, family: Option<Family>, matches: Vec<Match>, then: Then) -> Rule {
    Rule { why, family, matches, then }
}

fn pass(why: &'static str, family: Option<Family>, matches: Vec<Match>) -> Rule {
    rule(why, family, matches, Then::Return)
}

/// The chain that selects the packets for the queues.
pub(crate) fn evaluate(plan: &Plan) -> Vec<Rule> {
    let allowed = plan.marks.allowed(plan.generation);
    let mut rules = Vec::new();
    if !plan.loopback {
        rules.extend(within_host());
    }
    rules.push(pass("allowed already", None, vec![Match::ConnectionMark(allowed)]));
    rules.push(pass("answers to who connected to this host", None, vec![Match::Reply]));
    rules.extend(with_verdict(plan));
    rules.extend(preexisting(plan.rejudge));
    rules.extend(plan.exempt.iter().filter_map(exempt));
    rules.extend(bypass(plan));
    rules.extend(plan.resolvers.iter().flat_map(|resolver| ask(resolver.to_canonical())));
    rules.extend(protect(plan.protect));
    let socket = plan.protect.kernel.then_some(Match::Socket);
    rules.push(rule("all that is new", None, socket.into_iter().collect(), Then::Queue));
    rules
}

/// Traffic within the host. Any program may send to this host from any IPv6 address (`IPV6_FREEBIND`): what answers such a
/// datagram leaves the host, and looks like an answer to somebody outside who began.
fn within_host() -> [Rule; 3] {
    let loopback = |family, matches: Option<Match>| {
        pass("the host with itself", Some(family), [Match::Loopback].into_iter().chain(matches).collect())
    };
    [
        loopback(Family::V4, None),
        // Most packets: the address is looked up for the first of a flow.
        loopback(Family::V6, Some(Match::Established)),
        loopback(Family::V6, Some(Match::FromHost)),
    ]
}

/// What has its verdict: it comes back from the queue, or from a socket that was granted its flow.
fn with_verdict(plan: &Plan) -> [Rule; 3] {
    let marks = plan.marks;
    let marked = |why, field, then| rule(why, None, vec![Match::Mark(field)], then);
    [
        marked("allowed just now, or sent by a socket that was granted it", marks.allowed(plan.generation), Then::GoOn),
        marked("let through this once", marks.passed(), Then::GoOn),
        marked("blocked", marks.blocked(), Then::Blocked),
    ]
}

/// The chain of what goes on: the connection remembers what was allowed, and the packet loses the mark, which rules and
/// routes of others would see.
pub(crate) fn go_on(plan: &Plan) -> Vec<Rule> {
    let allowed = plan.marks.allowed(plan.generation);
    let new = vec![Match::Mark(allowed), Match::OtherConnectionMark(allowed)];
    vec![
        rule("remembered for the packets that follow", None, new, Then::Save),
        rule("nothing that others could take for theirs", None, Vec::new(), Then::Clear),
    ]
}

/// Preexisting connections. A packet that opens nothing is theirs, too: where connections were not tracked before
/// these rules, the kernel takes the next packet of each for its first.
fn preexisting(rejudge: bool) -> Vec<Rule> {
    if rejudge {
        return vec![pass("ends of what is over", None, vec![Match::Invalid, Match::NotOpening])];
    }
    let why = "connections that stand";
    vec![pass(why, None, vec![Match::Established]), pass(why, None, vec![Match::NotOpening])]
}

/// None for what no rule can name: frames of packet sockets pass by all of this anyway.
fn exempt(flow: &Flow) -> Option<Rule> {
    let (local, peer) = (flow.local.ip().to_canonical(), flow.peer.ip().to_canonical());
    let family = Family::of(local);
    if family != Family::of(peer) {
        return None;
    }
    let (protocol, ports) = on_the_wire(flow.transport, family)?;
    let mut matches = vec![Match::From(local), Match::To(peer), Match::Protocol(protocol)];
    if ports {
        matches.push(Match::FromPorts(vec![flow.local.port()]));
        matches.push(Match::ToPorts(vec![flow.peer.port()]));
    }
    Some(pass("exempted flows", Some(family), matches))
}

/// Its protocol number, and whether it has ports.
fn on_the_wire(transport: Transport, family: Family) -> Option<(u8, bool)> {
    Some(match (transport, family) {
        (Transport::Tcp | Transport::Mptcp, _) => (TCP, true),
        (Transport::Udp, _) => (UDP, true),
        (Transport::UdpLite, _) => (UDP_LITE, true),
        (Transport::Sctp, _) => (SCTP, true),
        (Transport::Icmp, Family::V4) => (1, false),
        (Transport::Icmp, Family::V6) => (58, false),
        (Transport::Raw(protocol), _) => (protocol, false),
        (Transport::Packet, _) => return None,
    })
}

fn bypass(plan: &Plan) -> impl Iterator<Item = Rule> {
    let who = &plan.bypass;
    let users = who.users.iter().map(|user| Match::User(*user));
    let groups = who.groups.iter().map(|group| Match::Group(*group));
    let cgroups = who.cgroups.iter().cloned().map(Match::ControlGroup);
    let own = plan.own.iter().cloned().map(Match::ControlGroup);
    let exempted = users.chain(groups).chain(cgroups).map(|who| pass("bypass", None, vec![who]));
    exempted.chain(own.map(|own| pass("egret itself", None, vec![own])))
}

fn ask(resolver: IpAddr) -> impl Iterator<Item = Rule> {
    [UDP, TCP].into_iter().map(move |protocol| {
        let ports = Match::ToPorts(DNS_PORTS.to_vec());
        let matches = vec![Match::To(resolver), Match::Protocol(protocol), ports];
        pass("name servers", Some(Family::of(resolver)), matches)
    })
}

fn protect(protect: Protect) -> Vec<Rule> {
    let mut rules = Vec::new();
    if protect.dhcp {
        for (family, ports) in [Family::V4, Family::V6].into_iter().zip(DHCP_PORTS) {
            let matches = vec![Match::Protocol(UDP), Match::FromPorts(ports.to_vec()), Match::ToPorts(ports.to_vec())];
            rules.push(pass("DHCP", Some(family), matches));
        }
    }
    if protect.ntp {
        rules.push(pass("NTP", None, vec![Match::Protocol(UDP), Match::ToPorts(vec![NTP_PORT])]));
    }
    if protect.neighbours {
        let why = "neighbour discovery, memberships of multicast groups";
        rules.push(pass(why, Some(Family::V4), vec![Match::Protocol(IGMP)]));
        rules.extend(NEIGHBOUR_TYPES.map(|kind| pass(why, Some(Family::V6), vec![Match::Icmpv6(kind)])));
    }
    rules
}

/// The chain that carries out that something is blocked.
pub(crate) fn carry_out(plan: &Plan) -> Vec<Rule> {
    let blocked = plan.marks.blocked();
    // With net.ipv4.fwmark_reflect the answer has the mark of what it answers.
    let mut rules = vec![
        pass("not judged just now: most packets", None, vec![Match::Mark(0)]),
        pass("what tells a program that it was blocked", None, vec![Match::Mark(blocked), Match::Reply]),
    ];
    let why = "blocked";
    if plan.action == BlockAction::Reject {
        rules.push(rule(why, None, vec![Match::Mark(blocked), Match::Protocol(TCP)], Then::Reset));
        rules.push(rule(why, None, vec![Match::Mark(blocked)], Then::Unreachable));
    } else {
        rules.push(rule(why, None, vec![Match::Mark(blocked)], Then::Drop));
    }
    rules
}
