//! Which events a user asked for.
//!
//! Values of one criterion are alternatives, criteria add up: `--port 80 --port 443 --user alice` is (80 or 443)
//! and alice. A criterion about something that an event does not know is not met: who asks for a process gets
//! no event whose process nobody can name. What is excluded adds up as well: one value that is met is enough to hide an event, and
//! what an event does not know hides nothing.

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::ops::RangeInclusive;

use egret_model::{Container, Endpoint, Event, EventName, Executable, Interface, Pod, Process, Reason, Verdict};
use ipnet::IpNet;

/// What is asked for. An empty list asks for nothing in particular and admits everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Process ids, in the initial pid namespace. Exactly these: children do not count.
    pub pids: Vec<u32>,
    /// Executables.
    pub executables: Vec<ExecutableIs>,
    /// Effective users.
    pub users: Vec<UserIs>,
    /// Containers.
    pub containers: Vec<ContainerIs>,
    /// systemd units.
    pub units: Vec<UnitIs>,
    /// Who began the connection.
    pub directions: Vec<Direction>,
    /// Ports, of either end: a service is found by its port whether it is on this host or on the other.
    pub ports: Vec<RangeInclusive<u16>>,
    /// Other ends.
    pub peers: Vec<PeerIs>,
    /// Transports, by the name that records have (`raw` is any other IP protocol).
    pub transports: Vec<&'static str>,
    /// Names that were asked for to reach the other end.
    pub names: Vec<NameIs>,
    /// What happened.
    pub events: Vec<EventName>,
    /// What enforcement said.
    pub verdicts: Vec<Verdict>,
    /// Why it said so.
    pub reasons: Vec<Reason>,
    /// Only the command that egret was asked to follow, and its descendants.
    pub followed_only: bool,
    /// Events that meet any of these criteria are not asked for.
    pub not: Option<Box<Filter>>,
}

/// Names an executable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecutableIs {
    /// The file name alone, in any directory.
    Named(String),
    /// The whole path: as it was given, and where it leads once links are followed (the same if it leads nowhere).
    At {
        /// As it was given, absolute.
        given: String,
        /// With all links followed.
        resolved: String,
    },
}

/// Names a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserIs {
    /// By number.
    Id(u32),
    /// By the name that this host has for the number.
    Named(String),
}

/// Names other ends by their network. A v4-mapped address counts as the IPv4 address that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerIs {
    /// The network, or the one address.
    pub network: IpNet,
    /// Interface that a link-local address is behind; `None` for any.
    pub interface: Option<Interface>,
}

impl From<IpNet> for PeerIs {
    fn from(network: IpNet) -> Self {
        Self { network, interface: None }
    }
}

/// Names a host, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameIs {
    /// By its whole name.
    Exactly(String),
    /// By the end of its name: all hosts below a domain, but not the domain itself.
    Below(String),
}

/// Which end began a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The other end; a socket that listens waits for it.
    In,
    /// This host.
    Out,
}

/// Names a container: its name, its id or the beginning of it, or `NAMESPACE/POD` or `NAMESPACE/WORKLOAD`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerIs(pub String);

/// Names a systemd unit; `.service` may be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitIs(pub String);

impl Filter {
    /// Whether `event` is one of those asked for.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        (event.followed || !self.followed_only)
            && self.criteria(event).into_iter().flatten().all(|is_met| is_met)
            && self.not.as_ref().is_none_or(|not| !not.meets_any(event))
    }

    /// Whether there can be events of this name.
    #[must_use]
    pub fn admits(&self, name: EventName) -> bool {
        (self.events.is_empty() || self.events.contains(&name))
            && self.not.as_ref().is_none_or(|not| !not.events.contains(&name))
    }

    /// Whether `event` meets one of the criteria.
    fn meets_any(&self, event: &Event) -> bool {
        self.criteria(event).into_iter().flatten().any(|is_met| is_met)
    }

    /// Whether `event` meets each criterion; `None` where nothing is asked for.
    fn criteria(&self, event: &Event) -> [Option<bool>; 13] {
        let process = event.process.as_deref();
        let of_process = |is: &dyn Fn(&Process) -> bool| process.is_some_and(is);
        let reason = event.evaluation.as_ref().map(|evaluation| evaluation.reason);
        [
            met(&self.pids, |pid| of_process(&|process| process.pid == *pid)),
            met(&self.executables, |executable| of_process(&|process| executable.is(&process.executable))),
            met(&self.users, |user| of_process(&|process| user.is(process))),
            met(&self.containers, |container| of_process(&|process| container.is(process))),
            met(&self.units, |unit| of_process(&|process| unit.is(process))),
            met(&self.directions, |direction| *direction == Direction::of(event)),
            met(&self.ports, |range| has_port(event.local, range) || has_port(event.peer, range)),
            met(&self.peers, |peer| peer.is(event.peer)),
            met(&self.transports, |name| event.transport.is_some_and(|transport| transport.as_str() == *name)),
            met(&self.names, |name| event.server.as_ref().is_some_and(|server| name.is(&server.name))),
            met(&self.events, |name| event.name == *name),
            met(&self.verdicts, |verdict| event.verdict == Some(*verdict)),
            met(&self.reasons, |asked| reason == Some(*asked)),
        ]
    }
}

impl Direction {
    /// That of the connection that an event is about.
    #[must_use]
    pub const fn of(event: &Event) -> Self {
        if event.inbound || matches!(event.name, EventName::Accept | EventName::Listen) { Self::In } else { Self::Out }
    }
}

impl ContainerIs {
    /// The fewest digits that stand for an id.
    const SHORTEST: usize = 4;

    /// Whether it could begin an id, and is too short for that: it is looked for as a name alone.
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
                // The kernel's mark on a file that was removed while it runs, by an upgrade for instance.
                let kept = path.strip_suffix(" (deleted)").unwrap_or(path);
                [path, kept].iter().any(|path| path == given || path == resolved)
            }),
        }
    }
}

impl NameIs {
    /// Whether this names the host of that name.
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

fn met<T>(asked_for: &[T], is: impl FnMut(&T) -> bool) -> Option<bool> {
    (!asked_for.is_empty()).then(|| asked_for.iter().any(is))
}

fn has_port(endpoint: Endpoint, range: &RangeInclusive<u16>) -> bool {
    endpoint.port.is_some_and(|port| range.contains(&port))
}
