//! The scope: which recorded flows enforcement would evaluate, and which are exempt.
//!
//! It is made of the same [`Plan`] as the firewall rules, and in their order, so that replay, readiness and learning count the
//! flows that are evaluated and no others. A flow whose record lacks what exempts it (the group of its process, the mark of its
//! socket) counts as evaluated.

use std::net::IpAddr;
use std::sync::Arc;

use egret_model::{Event, EventName, Layer, Transport};

use crate::baseline::{Baseline, Facts, Host, Ports, Rule, Subject};
use crate::firewall::{ControlGroup, Plan, Protect};

/// DNS, and DNS over TLS or QUIC: RFC 1035, RFC 7858, RFC 9250.
pub(crate) const DNS_PORTS: [u16; 2] = [53, 853];
/// The ports of DHCP: RFC 2131, RFC 8415.
pub(crate) const DHCP_PORTS: [[u16; 2]; 2] = [[67, 68], [546, 547]];
/// The port of NTP servers: RFC 5905.
pub(crate) const NTP_PORT: u16 = 123;

/// Why a flow is exempt: enforcement never evaluates it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Exempt {
    /// Its socket is in another network namespace than egret.
    Namespace,
    /// Link-layer frames pass no rule.
    Frames,
    /// It failed before a packet left.
    Unsent,
    /// It stays within the host.
    Loopback,
    /// It is older than egret.
    Preexisting,
    /// Its user or its control group is bypassed.
    Bypass,
    /// egret sent it.
    Egret,
    /// It asks a name server of the host.
    Resolver,
    /// DHCP.
    Dhcp,
    /// NTP.
    Ntp,
    /// Only another subject is held to the baseline.
    Subject,
}

impl Exempt {
    /// All of them, in the order in which they are looked for.
    pub const ALL: [Self; 11] = [
        Self::Namespace,
        Self::Frames,
        Self::Unsent,
        Self::Loopback,
        Self::Preexisting,
        Self::Bypass,
        Self::Egret,
        Self::Resolver,
        Self::Dhcp,
        Self::Ntp,
        Self::Subject,
    ];

    /// The name used in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::Frames => "frames",
            Self::Unsent => "unsent",
            Self::Loopback => "loopback",
            Self::Preexisting => "preexisting",
            Self::Bypass => "bypass",
            Self::Egret => "egret",
            Self::Resolver => "resolver",
            Self::Dhcp => "dhcp",
            Self::Ntp => "ntp",
            Self::Subject => "subject",
        }
    }

    /// What people read.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Namespace => "in other network namespaces",
            Self::Frames => "frames of packet sockets",
            Self::Unsent => "failed before a packet left",
            Self::Loopback => "within this host (enforce.loopback)",
            Self::Preexisting => "older than egret (enforce.established)",
            Self::Bypass => "of users and control groups that are bypassed",
            Self::Egret => "of egret itself",
            Self::Resolver => "to the host's name servers (enforce.protect)",
            Self::Dhcp => "DHCP (enforce.protect)",
            Self::Ntp => "NTP (enforce.protect)",
            Self::Subject => "of subjects that are not enforced (--only)",
        }
    }
}

/// The flows that enforcement evaluates.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    loopback: bool,
    rejudge: bool,
    users: Vec<u32>,
    cgroups: Vec<ControlGroup>,
    resolvers: Vec<IpAddr>,
    dhcp: bool,
    ntp: bool,
    /// Addresses of this host.
    own: Vec<IpAddr>,
    /// What egret runs.
    executable: Option<Arc<str>>,
    only: Option<Subject>,
}

impl Scope {
    /// What the rules of a plan lead to a verdict.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let Protect { dhcp, ntp, .. } = plan.protect;
        Self {
            loopback: plan.loopback,
            rejudge: plan.rejudge,
            users: plan.bypass.users.clone(),
            cgroups: plan.bypass.cgroups.clone(),
            resolvers: plan.resolvers.iter().map(IpAddr::to_canonical).collect(),
            dhcp,
            ntp,
            ..Self::default()
        }
    }

    /// Where nothing is enforced: all that could be, so that nothing is hidden.
    #[must_use]
    pub fn everything() -> Self {
        Self::default().with_loopback()
    }

    /// With flows within the host, and those that are older than egret.
    #[must_use]
    pub fn with_loopback(self) -> Self {
        Self { loopback: true, rejudge: true, ..self }
    }

    /// With the addresses of this host: flows to them stay within it.
    #[must_use]
    pub fn with_own_addresses(self, own: Vec<IpAddr>) -> Self {
        Self { own, ..self }
    }

    /// With the path of egret itself.
    #[must_use]
    pub fn with_executable(self, executable: Option<Arc<str>>) -> Self {
        Self { executable, ..self }
    }

    /// For this subject alone.
    #[must_use]
    pub fn with_only(self, only: Option<Subject>) -> Self {
        Self { only, ..self }
    }

    /// Why a flow is exempt; `None` if it is evaluated.
    #[must_use]
    pub fn exempt(&self, event: &Event, facts: &Facts<'_>) -> Option<Exempt> {
        let is = |exempt: Exempt| match exempt {
            Exempt::Namespace => event.in_other_namespace(),
            Exempt::Frames => event.transport == Some(Transport::Packet),
            Exempt::Unsent => is_unsent(event),
            Exempt::Loopback => !self.loopback && self.is_within_host(event),
            Exempt::Preexisting => !self.rejudge && event.preexisting,
            Exempt::Bypass => self.is_bypassed(event),
            // Another program may have the path of egret in a mount namespace of its own.
            Exempt::Egret => {
                facts.file.is_none() && self.executable.is_some() && facts.executable == self.executable.as_deref()
            }
            Exempt::Resolver => self.asks_resolver(event),
            Exempt::Dhcp => self.dhcp && is_dhcp(event),
            Exempt::Ntp => self.ntp && event.transport == Some(Transport::Udp) && event.peer.port == Some(NTP_PORT),
            Exempt::Subject => self.only.as_ref().is_some_and(|only| !only.covers(facts)),
        };
        Exempt::ALL.into_iter().find(|exempt| is(*exempt))
    }

    /// The rules of flows that are evaluated, see [`Self::evaluates`].
    #[must_use]
    pub fn evaluated(&self, baseline: &Baseline) -> Baseline {
        let mut evaluated = baseline.clone();
        evaluated.entries.retain(|rule, _| self.evaluates(rule));
        evaluated
    }

    /// Whether flows of a rule are evaluated, as far as the rule shows. Those of a rule that names a container are not: nearly all of
    /// them have a network namespace of their own.
    #[must_use]
    pub fn evaluates(&self, rule: &Rule) -> bool {
        !rule.subject.names_container() && !self.exempts(rule)
    }

    /// Whether every flow of a rule is exempt.
    fn exempts(&self, rule: &Rule) -> bool {
        let destination = &rule.destination;
        let udp = destination.transport == Some(Transport::Udp.as_str());
        let ports = |wanted: &[u16]| matches!(destination.ports, Ports::Range(first, last) if first == last && wanted.contains(&first));
        let address = match destination.host {
            Host::Address(address) => Some(address.to_canonical()),
            _ => None,
        };
        let is_own = |address: IpAddr| address.is_loopback() || self.own.contains(&address);
        destination.transport == Some(Transport::Packet.as_str())
            || !self.loopback && address.is_some_and(is_own)
            || self.ntp && udp && ports(&[NTP_PORT])
            || ports(&DNS_PORTS) && address.is_some_and(|address| self.resolvers.contains(&address))
            || self.only.as_ref().is_some_and(|only| !rule.subject.is_about(only))
    }

    fn is_within_host(&self, event: &Event) -> bool {
        let Some(peer) = event.peer.address.map(|address| address.to_canonical()) else { return false };
        let local = event.local.address.map(|local| local.to_canonical());
        // The kernel takes the unspecified address for this host.
        let is_to_host = peer.is_loopback() || peer.is_unspecified() || self.own.contains(&peer);
        local == Some(peer) || is_to_host && !local.is_some_and(|local| self.is_foreign(local))
    }

    /// Whether an address of a socket is not the host's, as far as these are known. Any program may bind such an IPv6 address.
    fn is_foreign(&self, local: IpAddr) -> bool {
        let is_known =
            self.own.is_empty() || local.is_loopback() || local.is_unspecified() || self.own.contains(&local);
        local.is_ipv6() && !is_known
    }

    fn is_bypassed(&self, event: &Event) -> bool {
        let Some(process) = event.process.as_deref() else { return false };
        let group = process.cgroup.as_deref();
        let is_in = |bypassed: &ControlGroup| {
            let Some(group) = group else { return false };
            let path = group.path.trim_matches('/');
            // The log has the unit and not the path.
            let unit = bypassed.as_str().rsplit('/').next();
            let below =
                path.strip_prefix(bypassed.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            below || path.is_empty() && group.unit.is_some() && group.unit.as_deref() == unit
        };
        process.uid.is_some_and(|uid| self.users.contains(&uid)) || self.cgroups.iter().any(is_in)
    }

    fn asks_resolver(&self, event: &Event) -> bool {
        matches!(event.transport, Some(Transport::Udp | Transport::Tcp | Transport::Mptcp))
            && event.peer.port.is_some_and(|port| DNS_PORTS.contains(&port))
            && event.peer.address.is_some_and(|address| self.resolvers.contains(&address.to_canonical()))
    }
}

/// A connect that failed before it had a local port: no route, say. Where system calls are watched it is not known.
fn is_unsent(event: &Event) -> bool {
    event.name == EventName::ConnectionFailed
        && event.layer == Layer::Sockets
        && event.transport == Some(Transport::Tcp)
        && event.local.port.is_none()
}

fn is_dhcp(event: &Event) -> bool {
    let (from, to) = (event.local.port, event.peer.port);
    let are = |ports: &[u16; 2]| [from, to].iter().all(|port| port.is_some_and(|port| ports.contains(&port)));
    event.transport == Some(Transport::Udp) && DHCP_PORTS.iter().any(are)
}

#[cfg(test)]
mod tests {
    use egret_model::{Cgroup, ConnectionId, Endpoint, NetworkNamespace, Process, Timestamp};

    use super::*;
    use crate::baseline::parse;

    fn scope() -> Scope {
        Scope {
            users: vec![42],
            cgroups: vec![ControlGroup::new("/system.slice/chrony.service").unwrap()],
            resolvers: vec!["192.0.2.53".parse().unwrap()],
            dhcp: true,
            ntp: true,
            ..Scope::default()
        }
    }

    fn event(transport: Transport, local: &str, peer: &str) -> Event {
        let end = |text: &str| {
            let address: std::net::SocketAddr = text.parse().unwrap();
            Endpoint {
                address: Some(address.ip()),
                port: Some(address.port()).filter(|port| *port != 0),
                interface: None,
            }
        };
        Event {
            transport: Some(transport),
            local: end(local),
            peer: end(peer),
            namespace: Some(NetworkNamespace { inode: 1, own: true }),
            ..Event::new(EventName::ConnectionOpen, Timestamp(0), ConnectionId { socket: 1, opened: 1 }, Layer::Sockets)
        }
    }

    fn by(event: Event, uid: u32, unit: &str, path: &str) -> Event {
        let group = Cgroup { path: path.into(), unit: Some(unit.into()), ..Cgroup::default() };
        let process = Process {
            pid: 1,
            start_time: None,
            parent_pid: None,
            executable: Arc::default(),
            uid: Some(uid),
            user: None,
            cgroup: Some(Arc::new(group)),
        };
        Event { process: Some(Arc::new(process)), ..event }
    }

    fn why(event: &Event) -> Option<Exempt> {
        let facts = Facts::of(event).unwrap();
        scope().exempt(event, &facts)
    }

    #[test]
    fn each_reason_is_found_and_similar_flow_is_evaluated() {
        use Transport::{Packet, Tcp, Udp};
        let here = "198.51.100.9:40000";
        let tcp = |peer| event(Tcp, here, peer);
        let udp = |local, peer| event(Udp, local, peer);
        let elsewhere = Some(NetworkNamespace { inode: 2, own: false });
        let web = "192.0.2.1:443";
        for (event, expected) in [
            (tcp(web), None),
            (Event { namespace: elsewhere, ..tcp(web) }, Some(Exempt::Namespace)),
            (Event { namespace: None, ..tcp(web) }, None),
            (event(Packet, here, web), Some(Exempt::Frames)),
            (tcp("127.0.0.1:443"), Some(Exempt::Loopback)),
            (tcp("198.51.100.9:443"), Some(Exempt::Loopback)),
            (Event { preexisting: true, ..tcp(web) }, Some(Exempt::Preexisting)),
            (by(tcp(web), 42, "a.service", "/system.slice/a.service"), Some(Exempt::Bypass)),
            (by(tcp(web), 1, "chrony.service", "/system.slice/chrony.service/sub"), Some(Exempt::Bypass)),
            (by(tcp(web), 1, "chrony.service", ""), Some(Exempt::Bypass)),
            (by(tcp(web), 1, "chrony.service", "/system.slice/chrony.services"), None),
            (tcp("192.0.2.53:853"), Some(Exempt::Resolver)),
            (udp(here, "[::ffff:192.0.2.53]:53"), Some(Exempt::Resolver)),
            (tcp("192.0.2.53:54"), None),
            (udp(here, "192.0.2.54:53"), None),
            (udp("0.0.0.0:68", "192.0.2.1:67"), Some(Exempt::Dhcp)),
            (udp("198.51.100.9:4000", "192.0.2.1:67"), None),
            (udp(here, "192.0.2.1:123"), Some(Exempt::Ntp)),
            (tcp("192.0.2.1:123"), None),
        ] {
            assert_eq!(why(&event), expected, "{event:?}");
        }
        let failed = Event { name: EventName::ConnectionFailed, ..tcp(web) };
        assert_eq!(why(&failed), None);
        assert_eq!(why(&Event { local: Endpoint::default(), ..failed }), Some(Exempt::Unsent));
    }

    #[test]
    fn what_this_host_sends_to_itself_in_the_name_of_others_is_evaluated() {
        let own = ["2001:db8::9", "2001:db8::a"].map(|address| address.parse().unwrap());
        let scope = scope().with_own_addresses(own.to_vec());
        let exempt = |local: &str, peer| {
            let event = event(Transport::Udp, local, peer);
            scope.exempt(&event, &Facts::of(&event).unwrap())
        };
        for peer in ["[::1]:6000", "[2001:db8::9]:6000"] {
            assert_eq!(exempt("[2001:db8:1::1]:53", peer), None, "{peer}");
            for local in ["[::]:53", "[::1]:53", "[2001:db8::a]:53"] {
                assert_eq!(exempt(local, peer), Some(Exempt::Loopback), "{local} {peer}");
            }
        }
        assert_eq!(exempt("[2001:db8::b]:53", "[2001:db8::b]:54"), Some(Exempt::Loopback), "an address of before");
    }

    #[test]
    fn settings_that_evaluate_more_exempt_less() {
        let all = Scope { loopback: true, rejudge: true, ..Scope::default() };
        for event in [
            event(Transport::Tcp, "127.0.0.1:40000", "127.0.0.1:443"),
            Event { preexisting: true, ..event(Transport::Tcp, "198.51.100.9:1", "192.0.2.1:443") },
            event(Transport::Udp, "198.51.100.9:1", "192.0.2.1:123"),
        ] {
            assert_eq!(all.exempt(&event, &Facts::of(&event).unwrap()), None, "{event:?}");
        }
    }

    #[test]
    fn rules_of_exempt_flows_alone_are_excluded() {
        let baseline = parse(
            "format 1\nallow exe=/a -> tcp 127.0.0.1 80\nallow exe=/a -> udp 192.0.2.53 53\nallow exe=/a -> udp * 123\n\
             allow exe=/a -> packet * *\nallow exe=/a -> tcp 192.0.2.53 443\nallow exe=/a -> tcp example.org 443\n",
        )
        .unwrap();
        let left: Vec<String> = scope().evaluated(&baseline).entries.keys().map(ToString::to_string).collect();
        assert_eq!(left, ["exe=/a -> tcp example.org 443", "exe=/a -> tcp 192.0.2.53 443"]);
    }
}
