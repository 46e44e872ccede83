//! The destination of a rule: the peers that it applies to.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use egret_model::Interface;
use ipnet::IpNet;

use super::facts::Facts;

/// The peers of flows.
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
    /// This name and any below it.
    Domain(Arc<str>),
    /// An address.
    Address(IpAddr),
    /// A link-local address behind one interface; as [`Self::Address`] it is meant behind any.
    LinkLocal(Ipv6Addr, Interface),
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
    /// The host at an address, if that is a link-local one behind this interface.
    #[must_use]
    pub const fn at(address: IpAddr, interface: Option<Interface>) -> Self {
        match (address, interface) {
            (IpAddr::V6(address), Some(interface)) if address.is_unicast_link_local() => {
                Self::LinkLocal(address, interface)
            }
            _ => Self::Address(address),
        }
    }

    /// Whether these are all among others. A name and an address are never within each other.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Any) => true,
            (Self::Name(name) | Self::Below(name) | Self::Domain(name), Self::Below(suffix) | Self::Domain(suffix))
                if is_below(name, suffix) =>
            {
                true
            }
            (Self::Name(name) | Self::Below(name), Self::Domain(domain)) if name == domain => true,
            (Self::Address(address), Self::Network(network)) => network.contains(address),
            (Self::LinkLocal(ours, _), Self::Address(other)) => IpAddr::from(*ours) == *other,
            (Self::LinkLocal(address, _), Self::Network(network)) => network.contains(&IpAddr::from(*address)),
            (Self::Network(narrow), Self::Network(wide)) => wide.contains(narrow),
            (ours, other) => ours == other,
        }
    }

    /// The registered domain of a name, with everything below it; none of a public suffix (<https://publicsuffix.org/>).
    #[must_use]
    pub fn domain(&self) -> Option<Self> {
        match self {
            Self::Name(name) => psl::domain_str(name).map(|domain| Self::Domain(domain.into())),
            Self::Any
            | Self::Below(_)
            | Self::Domain(_)
            | Self::Address(_)
            | Self::LinkLocal(..)
            | Self::Network(_) => None,
        }
    }

    /// Whether it matches hosts by name.
    #[must_use]
    pub const fn is_named(&self) -> bool {
        matches!(self, Self::Name(_) | Self::Below(_) | Self::Domain(_))
    }

    /// Whether a host is this one, or one of these.
    #[must_use]
    pub fn covers(&self, name: Option<&str>, address: Option<IpAddr>, interface: Option<Interface>) -> bool {
        match self {
            Self::Any => true,
            Self::Name(asked) => name == Some(asked),
            Self::Below(suffix) => name.is_some_and(|name| is_below(name, suffix)),
            Self::Domain(domain) => name.is_some_and(|name| *name == **domain || is_below(name, domain)),
            Self::Address(asked) => address == Some(*asked),
            Self::LinkLocal(asked, behind) => address == Some((*asked).into()) && interface == Some(*behind),
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

    /// Whether it contains the peer of a flow.
    #[must_use]
    pub fn covers(&self, facts: &Facts<'_>) -> bool {
        self.transport.is_none_or(|transport| facts.transport == Some(transport))
            && self.ports.cover(facts.port)
            && self.host.covers(facts.name, facts.address, facts.interface)
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
            Self::Domain(domain) => write!(f, ".{domain}"),
            Self::Address(address) => address.fmt(f),
            Self::LinkLocal(address, interface) => write!(f, "{address}%{interface}"),
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
