//! To whom: the part of a rule that names the other end.

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use ipnet::IpNet;

use super::facts::Facts;

/// The other end of flows.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Destination {
    /// Name of the transport, as records have it; `None` for any.
    pub transport: Option<&'static str>,
    /// Which host.
    pub host: Host,
    /// Which ports.
    pub ports: Ports,
}

/// A host, or several.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// Any.
    Any,
    /// The name that was asked for.
    Name(Arc<str>),
    /// Any name below this one, not the name itself.
    Below(Arc<str>),
    /// An address.
    Address(IpAddr),
    /// Addresses of a network.
    Network(IpNet),
}

/// Ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ports {
    /// Any, or none where the transport has none.
    Any,
    /// These, the first and the last included.
    Range(u16, u16),
}

impl Ports {
    /// One port.
    #[must_use]
    pub const fn one(port: u16) -> Self {
        Self::Range(port, port)
    }

    /// Whether these are all among others.
    #[must_use]
    pub fn is_within(self, other: Self) -> bool {
        match (self, other) {
            (_, Self::Any) => true,
            (Self::Any, Self::Range(..)) => false,
            (Self::Range(first, last), Self::Range(from, to)) => from <= first && last <= to,
        }
    }

    /// Whether a port is one of these.
    #[must_use]
    pub fn cover(self, port: Option<u16>) -> bool {
        match self {
            Self::Any => true,
            Self::Range(first, last) => port.is_some_and(|port| RangeInclusive::new(first, last).contains(&port)),
        }
    }
}

impl Host {
    /// Whether these are all among others. A name and an address are never within each other.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Any) => true,
            (Self::Name(name) | Self::Below(name), Self::Below(suffix)) if is_below(name, suffix) => true,
            (Self::Address(address), Self::Network(network)) => network.contains(address),
            (Self::Network(narrow), Self::Network(wide)) => wide.contains(narrow),
            (ours, other) => ours == other,
        }
    }

    /// Whether a host is this one, or one of these.
    #[must_use]
    pub fn covers(&self, name: Option<&str>, address: Option<IpAddr>) -> bool {
        match self {
            Self::Any => true,
            Self::Name(asked) => name == Some(asked),
            Self::Below(suffix) => name.is_some_and(|name| is_below(name, suffix)),
            Self::Address(asked) => address == Some(*asked),
            Self::Network(network) => address.is_some_and(|address| network.contains(&address)),
        }
    }
}

/// Whether `name` has more labels in front of `suffix`.
fn is_below(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix).and_then(|front| front.strip_suffix('.')).is_some_and(|front| !front.is_empty())
}

impl Destination {
    /// Whether another destination has every flow that this one has.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        (other.transport.is_none() || self.transport == other.transport)
            && self.ports.is_within(other.ports)
            && self.host.is_within(&other.host)
    }

    /// Whether the other end of a flow is meant.
    #[must_use]
    pub fn covers(&self, facts: &Facts<'_>) -> bool {
        self.transport.is_none_or(|transport| facts.transport == Some(transport))
            && self.ports.cover(facts.port)
            && self.host.covers(facts.name, facts.address)
    }
}

/// As lines have it: `tcp example.org 443`.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.transport.unwrap_or("*"), self.host, self.ports)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Name(name) => f.write_str(name),
            Self::Below(suffix) => write!(f, "*.{suffix}"),
            Self::Address(address) => address.fmt(f),
            Self::Network(network) => network.fmt(f),
        }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Range(first, last) if first == last => first.fmt(f),
            Self::Range(first, last) => write!(f, "{first}-{last}"),
        }
    }
}
