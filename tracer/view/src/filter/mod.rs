//! Filters of events.
//!
//! Values of one criterion are alternatives, and all criteria must match: `--port 80 --port 443 --user alice` is (80 or 443)
//! and alice. A criterion does not match an unknown attribute: a filter on the process hides events with an unknown process.
//! For exclusion one matching value of any criterion is enough, and an unknown attribute excludes nothing.

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::ops::RangeInclusive;

use egret_model::{Container, Endpoint, Event, EventName, Executable, Interface, Pod, Process, Reason, Verdict};
use ipnet::IpNet;

/// A filter. An empty list admits everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// In the initial pid namespace, without descendants.
    pub pids: Vec<u32>,
    pub executables: Vec<ExecutableIs>,
    pub users: Vec<UserIs>,
    pub containers: Vec<ContainerIs>,
    pub units: Vec<UnitIs>,
    pub directions: Vec<Direction>,
    /// Local or peer ports, so that a service is found by its port on either host.
    pub ports: Vec<RangeInclusive<u16>>,
    pub peers: Vec<PeerIs>,
    /// By their name in events (`raw` is any other IP protocol).
    pub transports: Vec<&'static str>,
    /// Names of the peer.
    pub names: Vec<NameIs>,
    pub events: Vec<EventName>,
    pub verdicts: Vec<Verdict>,
    /// Reasons of verdicts.
    pub reasons: Vec<Reason>,
    /// Only the followed command and its descendants.
    pub followed_only: bool,
    /// Excludes events that match any of these criteria.
    pub not: Option<Box<Filter>>,
}

/// Matches an executable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecutableIs {
    /// The file name in any directory.
    Named(String),
    /// The path, as given and with symbolic links resolved (the same if it does not exist).
    At {
        /// Absolute, as given.
        given: String,
        /// With symbolic links resolved.
        resolved: String,
    },
}

/// Matches a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserIs {
    /// By uid.
    Id(u32),
    /// By name.
    Named(String),
}

/// Matches peers. A v4-mapped address counts as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerIs {
    /// A network or an address.
    pub network: IpNet,
    /// The interface of a link-local address; `None` for any.
    pub interface: Option<Interface>,
}

impl From<IpNet> for PeerIs {
    fn from(network: IpNet) -> Self {
        Self { network, interface: None }
    }
}

/// Matches the name of a host, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameIs {
    Exactly(String),
    /// All names below a domain, without the domain itself.
    Below(String),
}

/// The direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Opened by the peer; also the direction of a listening socket.
    In,
    /// Opened by this host.
    Out,
}

/// Matches a container by its name, its id or leading digits of it, or `NAMESPACE/POD` or `NAMESPACE/WORKLOAD`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerIs(pub String);

/// Matches a systemd unit; `.service` may be omitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitIs(pub String);

impl Filter {
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        (event.followed || !self.followed_only)
            && self.criteria(event).into_iter().flatten().all(|matches| matches)
            && self.not.as_ref().is_none_or(|not| !not.matches_any(event))
    }

    /// Whether the filter can match events of this name.
    #[must_use]
    pub fn admits(&self, name: EventName) -> bool {
        (self.events.is_empty() || self.events.contains(&name))
            && self.not.as_ref().is_none_or(|not| !not.events.contains(&name))
    }

    /// Whether `event` matches any criterion.
    fn matches_any(&self, event: &Event) -> bool {
        self.criteria(event).into_iter().flatten().any(|matches| matches)
    }

    /// The result of each criterion; `None` if it has no values.
    fn criteria(&self, event: &Event) -> [Option<bool>; 13] {
        let process = event.process.as_deref();
        let of_process = |is: &dyn Fn(&Process) -> bool| process.is_some_and(is);
        let reason = event.evaluation.as_ref().map(|evaluation| evaluation.reason);
        [
            any_matches(&self.pids, |pid| of_process(&|process| process.pid == *pid)),
            any_matches(&self.executables, |executable| of_process(&|process| executable.is(&process.executable))),
            any_matches(&self.users, |user| of_process(&|process| user.is(process))),
            any_matches(&self.containers, |container| of_process(&|process| container.is(process))),
            any_matches(&self.units, |unit| of_process(&|process| unit.is(process))),
            any_matches(&self.directions, |direction| *direction == Direction::of(event)),
            any_matches(&self.ports, |range| has_port(event.local, range) || has_port(event.peer, range)),
            any_matches(&self.peers, |peer| peer.is(event.peer)),
            any_matches(&self.transports, |name| event.transport.is_some_and(|transport| transport.as_str() == *name)),
            any_matches(&self.names, |name| event.server.as_ref().is_some_and(|server| name.is(&server.name))),
            any_matches(&self.events, |name| event.name == *name),
            any_matches(&self.verdicts, |verdict| event.verdict == Some(*verdict)),
            any_matches(&self.reasons, |asked| reason == Some(*asked)),
        ]
    }
}

impl Direction {
    #[must_use]
    pub const fn of(event: &Event) -> Self {
        if event.inbound || matches!(event.name, EventName::Accept | EventName::Listen) { Self::In } else { Self::Out }
    }
}

impl ContainerIs {
    /// Fewest digits of an abbreviated id.
    const SHORTEST: usize = 4;

    /// Whether the text could be an abbreviated id but is too short, so that it only matches names.
    pub(crate) fn is_too_short_for_an_id(&self) -> bool {
        self.0.len() < Self::SHORTEST && self.0.bytes().all(|byte| byte.is_ascii_hexdigit())
    }

    fn is(&self, process: &Process) -> bool {
        let Some(id) = process.cgroup.as_deref().and_then(|group| group.container.as_deref()) else { return false };
        let is_id = id == self.0 || (self.0.len() >= Self::SHORTEST && id.starts_with(&self.0));
        let is_name = |container: &Container| container.name.as_deref() == Some(&self.0);
        let is_pod = |pod: &Pod| {
            self.0.split_once('/').is_some_and(|(namespace, name)| {
                *pod.namespace == *namespace && (*pod.name == *name || *pod.workload.name == *name)
            })
        };
        is_id || process.container().is_some_and(|found| is_name(found) || found.pod.as_ref().is_some_and(is_pod))
    }
}

impl UnitIs {
    fn is(&self, process: &Process) -> bool {
        let unit = process.cgroup.as_deref().and_then(|group| group.unit.as_deref());
        unit.is_some_and(|unit| unit == self.0 || unit.strip_suffix(".service") == Some(&self.0))
    }
}

impl ExecutableIs {
    fn is(&self, executable: &Executable) -> bool {
        match self {
            Self::Named(name) => executable.name() == Some(name),
            Self::At { given, resolved } => executable.path.as_deref().is_some_and(|path| {
                // The kernel appends this when the file was removed while it runs, for example by an upgrade.
                let original = path.strip_suffix(" (deleted)").unwrap_or(path);
                [path, original].iter().any(|path| path == given || path == resolved)
            }),
        }
    }
}

impl NameIs {
    pub(crate) fn is(&self, name: &str) -> bool {
        match self {
            Self::Exactly(whole) => name == whole,
            Self::Below(domain) => {
                name.strip_suffix(&**domain).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
        }
    }
}

impl PeerIs {
    fn is(&self, peer: Endpoint) -> bool {
        let is_within = |address: IpAddr| self.network.contains(&address.to_canonical());
        peer.address.is_some_and(is_within) && (self.interface.is_none() || self.interface == peer.interface)
    }
}

impl UserIs {
    fn is(&self, process: &Process) -> bool {
        match self {
            Self::Id(uid) => process.uid == Some(*uid),
            Self::Named(name) => process.user.as_deref() == Some(name),
        }
    }
}

fn any_matches<T>(values: &[T], is: impl FnMut(&T) -> bool) -> Option<bool> {
    (!values.is_empty()).then(|| values.iter().any(is))
}

fn has_port(endpoint: Endpoint, range: &RangeInclusive<u16>) -> bool {
    endpoint.port.is_some_and(|port| range.contains(&port))
}
