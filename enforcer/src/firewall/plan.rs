//! The plan: the firewall rules as values.

use std::net::IpAddr;

use egret_model::Flow;

use super::ControlGroup;
use crate::evaluate::{BlockAction, FailurePolicy};
use crate::marks::Marks;

/// What egret's rules are to do. It is the same for every back end, and both families of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The queues that new flows go to.
    pub queues: Queues,
    /// What happens to a new flow while nobody reads the queues.
    pub on_failure: FailurePolicy,
    /// What happens to a packet that is marked as blocked.
    pub action: BlockAction,
    /// Where in marks verdicts are written.
    pub marks: Marks,
    /// The generation of the policy: flows that an earlier one allowed are evaluated again, as far as `rejudge` says.
    pub generation: u32,
    /// Whether traffic within the host is evaluated.
    pub loopback: bool,
    /// Whether established connections are evaluated again, too. Without, only flows without a reply are.
    pub rejudge: bool,
    /// Whose flows are exempt.
    pub bypass: Bypass,
    /// egret's own control group: its own packets are exempt. `None` if egret shares a group with others.
    pub own: Option<ControlGroup>,
    /// Name servers, which everybody may ask.
    pub resolvers: Vec<IpAddr>,
    /// What a host needs to stay on the network.
    pub protect: Protect,
    /// Exempt flows, such as the session of whoever switched to enforce.
    pub exempt: Vec<Flow>,
}

/// Neighbouring queue numbers, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queues {
    first: u16,
    last: u16,
    spread: Spread,
}

/// How packets are spread over several queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spread {
    /// By a hash of both addresses: all packets between two hosts go to one queue.
    #[default]
    Addresses,
    /// By the CPU that sends: each CPU has its queue.
    Cpu,
}

impl Queues {
    /// So many queues from the first on; none if there are none, or their numbers do not fit in 16 bits.
    #[must_use]
    pub fn new(first: u16, count: u16) -> Option<Self> {
        let last = first.checked_add(count.checked_sub(1)?)?;
        Some(Self { first, last, spread: Spread::default() })
    }

    /// The same queues, filled otherwise.
    #[must_use]
    pub const fn spread_by(self, spread: Spread) -> Self {
        Self { spread, ..self }
    }

    /// The first number.
    #[must_use]
    pub const fn first(self) -> u16 {
        self.first
    }

    /// The last number.
    #[must_use]
    pub const fn last(self) -> u16 {
        self.last
    }

    /// How packets are spread over them.
    #[must_use]
    pub const fn spread(self) -> Spread {
        self.spread
    }
}

/// Whose flows are exempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bypass {
    /// User ids, as the sockets have them.
    pub users: Vec<u32>,
    /// Group ids, as the sockets have them: the group that a process runs with, not its supplementary ones.
    pub groups: Vec<u32>,
    /// Control groups, with all that are below them.
    pub cgroups: Vec<ControlGroup>,
}

/// What is let through for everybody, so that the host stays on the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protect {
    /// DHCP between its well-known ports, from which only the privileged can send: RFC 2131, RFC 8415.
    pub dhcp: bool,
    /// NTP servers, by their port: RFC 5905.
    pub ntp: bool,
    /// Neighbour discovery and the memberships of multicast groups: RFC 4861, RFC 3810, RFC 9776. The kernel sends them.
    pub neighbours: bool,
    /// What the kernel sends without a socket: packets of tunnels (whose contents were evaluated before they entered the
    /// tunnel), resets, errors. There is no process that a rule could name.
    pub kernel: bool,
}

impl Default for Protect {
    fn default() -> Self {
        Self { dhcp: true, ntp: true, neighbours: true, kernel: true }
    }
}
