//! Which events a user asked for.
//!
//! Values of one criterion are alternatives, criteria add up: `--port 80 --port 443 --user alice` is (80 or 443)
//! and alice. A criterion about something that an event does not know is not met: who asks for a process gets
//! no event whose process nobody can name.

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::ops::RangeInclusive;

use egret_model::{Endpoint, Event, EventName, Executable, Process, Reason, Verdict};
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
    /// Ports, of either end: a service is found by its port whether it is on this host or on the other.
    pub ports: Vec<RangeInclusive<u16>>,
    /// Networks of the other end. A v4-mapped address counts as the IPv4 address that it is.
    pub peers: Vec<IpNet>,
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

/// Names a host, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameIs {
    /// By its whole name.
    Exactly(String),
    /// By the end of its name: all hosts below a domain, but not the domain itself.
    Below(String),
}

impl Filter {
    /// Whether `event` is one of those asked for.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        (event.followed || !self.followed_only)
            && self.matches_process(event.process.as_deref())
            && admits(&self.ports, |range| has_port(event.local, range) || has_port(event.peer, range))
            && admits(&self.peers, |network| has_address(event.peer, network))
            && admits(&self.transports, |name| event.transport.is_some_and(|transport| transport.as_str() == *name))
            && admits(&self.names, |name| event.server.as_ref().is_some_and(|server| name.is(&server.name)))
            && admits(&self.events, |name| event.name == *name)
            && admits(&self.verdicts, |verdict| event.verdict == Some(*verdict))
            && admits(&self.reasons, |reason| {
                event.judgement.as_ref().is_some_and(|judgement| judgement.reason == *reason)
            })
    }

    fn matches_process(&self, process: Option<&Process>) -> bool {
        let Some(process) = process else {
            return self.pids.is_empty() && self.executables.is_empty() && self.users.is_empty();
        };
        admits(&self.pids, |pid| process.pid == *pid)
            && admits(&self.executables, |executable| executable.is(&process.executable))
            && admits(&self.users, |user| user.is(process))
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

impl UserIs {
    fn is(&self, process: &Process) -> bool {
        match self {
            Self::Id(uid) => process.uid == Some(*uid),
            Self::Named(name) => process.user.as_deref() == Some(name),
        }
    }
}

fn admits<T>(asked_for: &[T], is: impl FnMut(&T) -> bool) -> bool {
    asked_for.is_empty() || asked_for.iter().any(is)
}

fn has_port(endpoint: Endpoint, range: &RangeInclusive<u16>) -> bool {
    endpoint.port.is_some_and(|port| range.contains(&port))
}

fn has_address(endpoint: Endpoint, network: &IpNet) -> bool {
    endpoint.address.as_ref().map(IpAddr::to_canonical).is_some_and(|address| network.contains(&address))
}
