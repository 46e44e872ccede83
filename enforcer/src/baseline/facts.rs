//! What is known of a flow when it is learned or evaluated.

use std::borrow::Cow;
use std::net::IpAddr;

use egret_model::{
    Event, EventName, Flow, Identity, Image, Interface, NamedBy, Origin, Pod, Process, Reason, Script, Server,
    Transport, Verdict,
};

/// The outcome of a flow, as far as its event reports it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// The connection was opened, or the datagram left. A flow that is evaluated before it leaves has no other outcome yet.
    #[default]
    Opened,
    /// The connection or the send failed.
    Failed,
    /// A connect that the peer has not answered yet: another event reports what became of it.
    Outstanding,
    /// Enforcement blocked it, or would have.
    Blocked,
    /// A person let it pass when asked. An answer that is to last is a rule of the baseline by itself.
    Answered,
}

impl Outcome {
    fn of(event: &Event) -> Self {
        let reason = event.evaluation.as_ref().map(|evaluation| evaluation.reason);
        match (event.verdict, reason) {
            (Some(Verdict::Block | Verdict::WouldBlock), _) => Self::Blocked,
            (_, Some(Reason::Answer)) => Self::Answered,
            _ if event.name == EventName::ConnectionFailed || event.error.is_some() => Self::Failed,
            _ if event.outstanding => Self::Outstanding,
            _ => Self::Opened,
        }
    }
}

/// What is known of a flow. What is not known is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts<'a> {
    /// Path of the executable, or [`KERNEL`].
    pub executable: Option<&'a str>,
    /// Which files the paths name: [`PRIVATE`] or [`MEMORY`]; absent where they name files of the host.
    pub file: Option<&'static str>,
    /// What an interpreter runs.
    pub script: Option<&'a str>,
    /// The executable is an interpreter whose command line does not say what it runs. A rule that asks for a script does
    /// not match then, and none is learned.
    pub is_script_unknown: bool,
    /// SHA-256 of the executable.
    pub sha256: Option<&'a str>,
    /// Name of the effective user, or its number.
    pub user: Option<Cow<'a, str>>,
    /// systemd unit.
    pub unit: Option<&'a str>,
    /// Full container id.
    pub container: Option<&'a str>,
    /// The image of the container: name and tag.
    pub image: Option<&'a str>,
    /// The pod: `NAMESPACE/WORKLOAD`.
    pub pod: Option<&'a str>,
    /// Another user than root could name the unit, or that is unknown: it only matches rules that name the user as well.
    pub is_user_unit: bool,
    /// The same of the container, and of its image and pod.
    pub is_rootless: bool,
    /// Nobody has looked yet what container it is. What is learned now would be about all of them.
    pub is_container_unknown: bool,
    /// Path of the parent's executable. Only known live: records have the parent's process id and not what it ran, so that a
    /// rule that asks for a parent covers nothing in a log.
    pub parent: Option<&'a str>,
    /// Name of the transport.
    pub transport: Option<&'static str>,
    /// The name that was asked for, where it is evidence.
    pub name: Option<&'a str>,
    /// The peer's address.
    pub address: Option<IpAddr>,
    /// Interface that a link-local peer is behind.
    pub interface: Option<Interface>,
    /// The peer's port.
    pub port: Option<u16>,
    /// What became of it. Rules match whatever that is; what is learned depends on it.
    pub outcome: Outcome,
    /// It is exempt: it is learned, and does not count for readiness.
    pub exempt: bool,
    /// Its socket is in another network namespace than egret, where whoever made the namespace gives out the addresses:
    /// only rules of containers are learned from it.
    pub other_namespace: bool,
}

/// The paths are those of a private mount namespace, as containers, sandboxes and whoever unshares one have it.
pub const PRIVATE: &str = "private";
/// The executable is a file in memory, which has a name and no path.
pub const MEMORY: &str = "memory";
/// The executable of the kernel's own threads in rules, such as those of NFS. No file has such a path.
pub const KERNEL: &str = "kernel";

impl<'a> Facts<'a> {
    /// What an event says of a flow that this host began; `None` for any other event. A socket that has no peer yet, as a
    /// raw one that somebody holds, is no flow.
    #[must_use]
    pub fn of(event: &'a Event) -> Option<Self> {
        let begins = match event.name {
            EventName::ConnectionOpen | EventName::ConnectionFailed | EventName::DatagramSend => !event.inbound,
            EventName::ConnectionClose | EventName::Listen | EventName::Accept | EventName::ConnectionUpdate => false,
        };
        // For a preexisting datagram socket it is unknown which side sent first.
        let has_direction = !event.preexisting || event.transport.is_none_or(Transport::has_handshake);
        (begins && has_direction && event.peer.address.is_some()).then(|| Self {
            transport: event.transport.map(|transport| transport.as_str()),
            name: event.server.as_ref().and_then(Server::evidence),
            address: event.peer.address,
            interface: event.peer.interface,
            port: event.peer.port,
            outcome: Outcome::of(event),
            other_namespace: event.in_other_namespace(),
            ..event.process.as_deref().map(Self::of_process).unwrap_or_default()
        })
    }

    /// What is known of a flow when its first packet leaves.
    #[must_use]
    pub fn of_identity(identity: &'a Identity, flow: &Flow) -> Self {
        Self {
            parent: identity.parent.as_deref(),
            transport: Some(flow.transport.as_str()),
            name: identity.server.as_ref().and_then(Server::evidence),
            address: Some(flow.peer.ip()),
            interface: flow.interface,
            port: Some(flow.peer.port()).filter(|port| *port != 0),
            ..identity.process.as_deref().map(Self::of_process).unwrap_or_default()
        }
    }

    fn of_process(process: &'a Process) -> Self {
        let executable = &process.executable;
        if executable.origin == Origin::Kernel {
            // Its threads come and go, and their users and groups say nothing.
            return Self { executable: Some(KERNEL), ..Self::default() };
        }
        let group = process.cgroup.as_deref();
        let user = process.user.as_deref().map(Cow::Borrowed);
        let is_interpreter = executable.script != Script::Inapplicable;
        let container = group.and_then(|group| group.container.as_deref());
        let named = process.container();
        Self {
            // A path that may name anything is no evidence.
            executable: executable
                .path
                .as_deref()
                .filter(|path| executable.origin != Origin::Unknown && *path != KERNEL),
            file: match executable.origin {
                Origin::Private => Some(PRIVATE),
                Origin::Memory => Some(MEMORY),
                // The interpreter is the host's, but what it runs is found in other mounts.
                Origin::Shared => is_interpreter.then_some(PRIVATE),
                Origin::Host | Origin::Replaced | Origin::Kernel | Origin::Unknown => {
                    (is_interpreter && container.is_some()).then_some(PRIVATE)
                }
            },
            script: executable.script.word(),
            is_script_unknown: executable.script == Script::Unknown,
            sha256: executable.sha256.get().and_then(Option::as_deref),
            user: user.or_else(|| process.uid.map(|uid| uid.to_string().into())),
            unit: group.and_then(|group| group.unit.as_deref()),
            container,
            image: named.and_then(|named| named.image.as_ref()).map(Image::reference),
            pod: named.and_then(|named| named.pod.as_ref()).map(Pod::subject),
            is_user_unit: group.is_some_and(|group| group.unit.is_some() && may_be_user(group.unit_named_by)),
            is_rootless: group.is_some_and(|group| container.is_some() && may_be_user(group.container_named_by)),
            is_container_unknown: process.awaits_container(),
            ..Self::default()
        }
    }
}

fn may_be_user(by: NamedBy) -> bool {
    by != NamedBy::System
}
