//! Arbitrary events, hostile strings included: for the tests of every sink.
//!
//! Strategies of many parts are boxed: nested by value they outgrow a test thread's stack.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use egret_model::{
    Attribution, Cgroup, ConnectionId, Container, Endpoint, Evaluation, Event, EventName, Executable, Image, Interface,
    Layer, NameSource, NamedBy, NetworkNamespace, Origin, Pod, Process, Reason, Script, Server, Timestamp, Transport,
    Verdict, Workload, WorkloadKind,
};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

type Text = Arc<str>;

fn text() -> BoxedStrategy<Text> {
    prop_oneof![any::<String>(), "[ -~\\x00-\\x1f\\x7f-\\x9f]{0,40}"].prop_map(Text::from).boxed()
}

fn path() -> BoxedStrategy<Text> {
    prop_oneof![text(), "(\\.?/)?[a-c/]{0,6}( \\(deleted\\)){0,2}".prop_map(Text::from)].boxed()
}

fn time() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp)
}

fn executable() -> impl Strategy<Value = Executable> {
    let args = prop::collection::vec(text(), 0..5);
    (of(path()), any::<bool>(), select(Origin::ALL.to_vec()), args, any::<bool>(), of(of(text())), of(of(text())))
        .prop_map(|(path, path_as_typed, origin, args, args_truncated, digest, build_id)| {
            let executable = Executable {
                path,
                origin,
                path_as_typed,
                args: args.into(),
                args_truncated,
                sha256: digest.map_or_else(OnceLock::new, OnceLock::from),
                build_id: build_id.map_or_else(OnceLock::new, OnceLock::from),
                ..Executable::default()
            };
            executable.interpreted()
        })
}

fn cgroup() -> impl Strategy<Value = Cgroup> {
    let runtime = of(select(vec!["docker", "containerd", "cri-o", "podman"]));
    let details = of(of(any_container().prop_map(Arc::new)));
    let are_users = (any::<bool>(), any::<bool>());
    (text(), of(text()), of(text()), runtime, details, are_users).prop_map(
        |(path, unit, container, runtime, details, (is_user_unit, is_rootless))| Cgroup {
            path,
            unit_named_by: NamedBy::from_user(unit.as_ref().map(|_| is_user_unit)),
            unit,
            container_named_by: NamedBy::from_user(container.as_ref().map(|_| is_rootless)),
            container,
            runtime,
            details: details.map_or_else(OnceLock::new, OnceLock::from),
        },
    )
}

fn any_container() -> BoxedStrategy<Container> {
    let workload = (text(), of(select(WorkloadKind::ALL.to_vec()))).prop_map(|(name, kind)| Workload { name, kind });
    let pod = (text(), text(), workload).prop_map(|(namespace, name, workload)| Pod::new(&namespace, &name, workload));
    let image = (text(), of(text())).prop_map(|(name, tag)| Image::from_parts(&name, tag.as_deref()));
    (of(text()), of(image), of(pod)).prop_map(|(name, image, pod)| Container { name, image, pod }).boxed()
}

prop_compose! {
    fn process()(
        pid in any::<u32>(),
        start_time in of(time()),
        parent_pid in of(any::<u32>()),
        executable in executable(),
        uid in of(any::<u32>()),
        user in of(text()),
        cgroup in of(cgroup()),
    ) -> Process {
        let executable = Arc::new(executable);
        Process { pid, start_time, parent_pid, executable, uid, user, cgroup: cgroup.map(Arc::new) }
    }
}

fn transport() -> impl Strategy<Value = Transport> {
    use Transport::{Icmp, Mptcp, Packet, Raw, Sctp, Tcp, Udp, UdpLite};
    prop_oneof![select(vec![Tcp, Mptcp, Udp, UdpLite, Icmp, Sctp, Packet]), any::<u8>().prop_map(Raw)]
}

fn server((name, source, unverified): (Text, NameSource, bool)) -> Server {
    Server { name, source, unverified, resolution: None }
}

fn event_name() -> impl Strategy<Value = EventName> {
    use EventName::{Accept, ConnectionClose, ConnectionFailed, ConnectionOpen, DatagramSend, Listen};
    select(vec![ConnectionOpen, ConnectionClose, ConnectionFailed, DatagramSend, Listen, Accept])
}

fn attribution() -> impl Strategy<Value = Attribution> {
    use Attribution::{Cookie, Diag, Procfs, Tuple, Unknown};
    select(vec![Cookie, Tuple, Diag, Procfs, Unknown])
}

fn evaluation() -> impl Strategy<Value = Evaluation> {
    (select(Reason::ALL.to_vec()), of(text()), attribution(), of(any::<u64>()))
        .prop_map(|(reason, rule, attribution, duration_ns)| Evaluation { reason, rule, attribution, duration_ns })
}

fn interface() -> impl Strategy<Value = Interface> {
    prop_oneof![
        any::<u32>().prop_map(Interface::from_index),
        "[^\\pC\\s/%#\",]{1,3}".prop_map(|name| Interface::from_name(&name).unwrap())
    ]
}

fn link_local() -> impl Strategy<Value = IpAddr> {
    any::<u64>().prop_map(|host| IpAddr::from((0xfe80_u128 << 112 | u128::from(host)).to_be_bytes()))
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    (of(prop_oneof![3 => any::<IpAddr>(), 1 => link_local()]), of(any::<u16>())).prop_map(|(address, port)| Endpoint {
        address,
        port,
        interface: None,
    })
}

prop_compose! {
    fn identity()(
        time in time(),
        name in event_name(),
        socket in any::<u64>(),
        opened in any::<u64>(),
        process in of(process().boxed()),
        attribution in attribution(),
        layer in select(vec![Layer::Sockets, Layer::Syscalls, Layer::Procfs]),
        preexisting in any::<bool>(),
        transport in of(transport()),
        local in endpoint(),
        peer in endpoint(),
    ) -> Event {
        Event {
            time, name, id: ConnectionId { socket, opened }, process: process.map(Arc::new), attribution, layer,
            transport, local, peer, preexisting, boot_ns: 0,
            server: None, verdict: None, evaluation: None, error: None, connect_duration_ns: None, connection_duration_ns: None,
            bytes_sent: None, bytes_received: None, bytes_sent_delta: None, bytes_received_delta: None, retransmits: None,
            rtt_ns: None, inbound: false, followed: false, outstanding: false, namespace: None,
        }
    }
}

prop_compose! {
    fn event()(
        event in identity().boxed(),
        server in of(
            (text(), select(vec![NameSource::Dns, NameSource::Sni, NameSource::Hosts]), any::<bool>()).prop_map(server),
        ),
        inbound in any::<bool>(),
        verdict in of(select(vec![Verdict::Allow, Verdict::WouldBlock, Verdict::Block])),
        evaluation in of(evaluation().prop_map(Arc::new).boxed()),
        error in of(prop_oneof![0..140, any::<i32>()]),
        connect_duration_ns in of(any::<u64>()),
        connection_duration_ns in of(any::<u64>()),
        bytes_sent in of(any::<u64>()),
        bytes_received in of(any::<u64>()),
        bytes_sent_delta in of(any::<u64>()),
        bytes_received_delta in of(any::<u64>()),
        retransmits in of(any::<u32>()),
        (rtt_ns, outstanding, interface) in (of(any::<u64>()), any::<bool>(), of(interface())),
        namespace in of((any::<u32>(), any::<bool>()).prop_map(|(inode, own)| NetworkNamespace { inode, own })),
    ) -> Event {
        Event {
            server, inbound, verdict, evaluation, error, connect_duration_ns, connection_duration_ns, bytes_sent,
            bytes_received, bytes_sent_delta, bytes_received_delta, retransmits, rtt_ns, outstanding, namespace,
            peer: event.peer.behind(interface), ..event
        }
    }
}

/// Any event at all.
pub(crate) fn any_event() -> BoxedStrategy<Event> {
    event().boxed()
}

fn judged() -> Evaluation {
    Evaluation {
        reason: Reason::Rule,
        rule: Some("/usr/bin/curl -> example.org tcp/443".into()),
        attribution: Attribution::Tuple,
        duration_ns: Some(23_456),
    }
}

/// A container with all values.
fn container() -> Container {
    let workload = Workload { name: "web".into(), kind: Some(WorkloadKind::Deployment) };
    Container {
        name: Some("front".into()),
        image: Image::parse("registry.example:5000/shop/web:1.2"),
        pod: Some(Pod::new("shop", "web-6b7f9d8c5d-x2lvq", workload)),
    }
}

/// An event with all values.
pub(crate) fn full_event() -> Event {
    let executable = Executable {
        path: Some("/usr/bin/curl".into()),
        args: ["curl", "-sS", "https://example.org/a?b=\"c\""].map(Text::from).into(),
        script: Script::Known("-c".into()),
        origin: Origin::Private,
        sha256: OnceLock::from(Some("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into())),
        build_id: OnceLock::from(Some("600dcafe4a110000f2bf38c493f5fb92".into())),
        ..Executable::default()
    };
    let cgroup = Cgroup {
        path: "/system.slice/docker-1.scope".into(),
        unit: Some("docker.service".into()),
        container: Some("4c01db0b339c4c01db0b339c4c01db0b339c4c01db0b339c4c01db0b339c4c01".into()),
        runtime: Some("docker"),
        unit_named_by: NamedBy::User,
        container_named_by: NamedBy::User,
        details: OnceLock::from(Some(Arc::new(container()))),
    };
    let process = Process {
        pid: 4242,
        start_time: Some(Timestamp(1_700_000_000_000_000_000)),
        parent_pid: Some(1),
        executable: Arc::new(executable),
        uid: Some(1000),
        user: Some("alice".into()),
        cgroup: Some(Arc::new(cgroup)),
    };
    Event {
        time: Timestamp(1_700_000_001_123_456_789),
        boot_ns: 0,
        name: EventName::ConnectionClose,
        id: ConnectionId { socket: 77, opened: 123_456_789_012 },
        process: Some(Arc::new(process)),
        attribution: Attribution::Cookie,
        layer: Layer::Sockets,
        transport: Some(Transport::Tcp),
        local: Endpoint { address: Some([10, 0, 0, 5].into()), port: Some(50_000), interface: None },
        peer: Endpoint {
            address: Some("fe80::5:1".parse().unwrap()),
            port: Some(443),
            interface: Interface::from_name("eth0"),
        },
        server: Some(server(("example.org".into(), NameSource::Dns, true))),
        inbound: true,
        verdict: Some(Verdict::Allow),
        evaluation: Some(Arc::new(judged())),
        error: Some(104),
        connect_duration_ns: Some(1_234_567),
        connection_duration_ns: Some(9_876_543_210),
        bytes_sent: Some(1_234),
        bytes_received: Some(5_678_901),
        bytes_sent_delta: Some(234),
        bytes_received_delta: Some(901),
        retransmits: Some(2),
        rtt_ns: Some(12_345_000),
        preexisting: true,
        outstanding: true,
        namespace: Some(NetworkNamespace { inode: 4_026_531_840, own: true }),
        followed: true,
    }
}
