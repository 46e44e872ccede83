//! JSON lines by their output: for any event, a JSON parser reads its known values.
// One record with every key, in one `json!`.
#![recursion_limit = "256"]
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../support/events.rs"]
mod events;
mod read;
#[path = "../support/running.rs"]
mod running;
mod sink;

use std::sync::Arc;

use egret_exporters::{json, names};
use egret_model::{
    Attribution, ConnectionId, Container, Endpoint, Event, EventName, Layer, NamedBy, Origin, Timestamp, Transport,
    WorkloadKind,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn line(event: &Event) -> String {
    let mut out = Vec::new();
    json::write_event(&mut out, event, &egret_model::Arguments::default());
    String::from_utf8(out).unwrap()
}

fn object(event: &Event) -> Map<String, Value> {
    serde_json::from_str(&line(event)).unwrap()
}

/// The expected record, built with `serde_json` alone.
fn expected(event: &Event) -> Map<String, Value> {
    let process = event.process.as_deref();
    let executable = process.map(|process| &process.executable);
    let origin = executable.map(|executable| executable.origin).filter(|origin| *origin != Origin::Host);
    let cgroup = process.and_then(|process| process.cgroup.as_deref());
    let container = process.and_then(|process| process.container());
    let image = container.and_then(|container| container.image.as_ref());
    let pod = container.and_then(|container| container.pod.as_ref());
    let workload = |kind| pod.filter(|pod| pod.workload.kind == Some(kind)).map(|pod| &*pod.workload.name);
    let evaluation = event.evaluation.as_deref();
    let time = |time: Timestamp| format!("{:.9}", jiff::Timestamp::from_nanosecond(i128::from(time.0)).unwrap());
    let all = json!({
        "timestamp": time(event.time),
        "event.name": event.name,
        "connection.id": event.id.to_string(),
        "process.pid": process.map(|process| process.pid),
        "process.executable.path": executable.and_then(|executable| executable.file_path()),
        "process.executable.name": executable.and_then(|executable| executable.name()),
        "process.executable.sha256": executable.and_then(|executable| executable.sha256.get().cloned().flatten()),
        "process.executable.build_id.htlhash": executable.and_then(|executable| executable.build_id.get().cloned().flatten()),
        "process.command_args": executable.map(|executable| &executable.args).filter(|args| !args.is_empty()),
        "process.parent_pid": process.and_then(|process| process.parent_pid),
        "process.user.id": process.and_then(|process| process.uid),
        "process.user.name": process.and_then(|process| process.user.as_deref()),
        "process.start_time": process.and_then(|process| process.start_time).map(time),
        "systemd.unit": cgroup.and_then(|cgroup| cgroup.unit.as_deref()),
        "container.id": cgroup.and_then(|cgroup| cgroup.container.as_deref()),
        "container.runtime.name": cgroup.and_then(|cgroup| cgroup.runtime),
        "container.name": container.and_then(|container| container.name.as_deref()),
        "container.image.name": image.map(|image| image.name()),
        "container.image.tags": image.and_then(|image| image.tag()).map(|tag| [tag]),
        "egret.container.rootless": cgroup.filter(|cgroup| cgroup.container_named_by == NamedBy::User).map(|_| true),
        "egret.systemd.user_unit": cgroup.filter(|cgroup| cgroup.unit_named_by == NamedBy::User).map(|_| true),
        "k8s.namespace.name": pod.map(|pod| &*pod.namespace),
        "k8s.pod.name": pod.map(|pod| &*pod.name),
        "egret.k8s.workload.name": pod.map(|pod| &*pod.workload.name),
        "k8s.deployment.name": workload(WorkloadKind::Deployment),
        "k8s.statefulset.name": workload(WorkloadKind::StatefulSet),
        "k8s.cronjob.name": workload(WorkloadKind::CronJob),
        "network.transport": event.transport,
        "network.type": event.network_type(),
        "network.local.address": event.local.address,
        "network.local.port": event.local.port,
        "network.peer.address": event.peer.address,
        "network.peer.port": event.peer.port,
        "egret.network.interface": event.peer.interface.map(|interface| interface.to_string()),
        "server.address": event.server.as_ref().map(|server| &*server.name),
        "egret.name.source": event.server.as_ref().map(|server| server.source),
        "egret.name.unverified": event.server.as_ref().filter(|server| server.unverified).map(|_| true),
        "egret.attribution": event.attribution,
        "egret.capture": event.layer,
        "egret.verdict": event.verdict,
        "egret.inbound": event.inbound.then_some(true),
        "egret.standing": event.preexisting.then_some(true),
        "egret.network.namespace": event.namespace.map(|namespace| namespace.inode),
        "egret.network.host": event.namespace.filter(|namespace| namespace.own).map(|_| true),
        "egret.connect.outstanding": event.outstanding.then_some(true),
        "egret.connect.duration_ns": event.connect_duration_ns,
        "egret.connection.duration_ns": event.connection_duration_ns,
        "egret.bytes.sent": event.bytes_sent,
        "egret.bytes.received": event.bytes_received,
        "egret.bytes.sent_delta": event.bytes_sent_delta,
        "egret.bytes.received_delta": event.bytes_received_delta,
        "egret.tcp.retransmits": event.retransmits,
        "egret.tcp.rtt_ns": event.rtt_ns,
        "egret.verdict.reason": evaluation.map(|evaluation| evaluation.reason),
        "egret.verdict.rule": evaluation.and_then(|evaluation| evaluation.rule.as_deref()),
        "egret.verdict.attribution": evaluation.map(|evaluation| evaluation.attribution),
        "egret.script": executable.and_then(|executable| executable.script.recorded()),
        "egret.executable.origin": origin.map(Origin::as_str),
        "egret.verdict.duration_ns": evaluation.and_then(|evaluation| evaluation.duration_ns),
    });
    let Value::Object(all) = all else { unreachable!() };
    all.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

proptest! {
    #[test]
    fn json_parser_reads_the_known_values(event in events::any_event()) {
        let mut object = object(&event);
        // Names of errors are tested in `errno`.
        prop_assert_eq!(object.remove("error.type").is_some(), event.error.is_some_and(|errno| errno != 0));
        prop_assert_eq!(object, expected(&event));
    }

    #[test]
    fn keys_are_those_of_the_vocabulary_and_values_never_null(event in events::any_event()) {
        for (key, value) in object(&event) {
            prop_assert!(names::ALL.contains(&&*key), "{} is not in the vocabulary", key);
            prop_assert!(!value.is_null(), "{} is null", key);
        }
    }

    #[test]
    fn line_has_no_control_characters(event in events::any_event()) {
        let line = line(&event);
        prop_assert_eq!(line.strip_suffix('\n').map(|rest| rest.chars().any(char::is_control)), Some(false));
    }

    #[test]
    fn events_are_appended(first in events::any_event(), second in events::any_event()) {
        let mut out = Vec::new();
        json::write_event(&mut out, &first, &egret_model::Arguments::default());
        json::write_event(&mut out, &second, &egret_model::Arguments::default());
        prop_assert_eq!(String::from_utf8(out).unwrap(), line(&first) + &line(&second));
    }
}

fn bare_event() -> Event {
    Event {
        boot_ns: 0,
        time: Timestamp(1_700_000_000_000_000_001),
        name: EventName::ConnectionFailed,
        id: ConnectionId { socket: 0x2a, opened: 0xff },
        process: None,
        attribution: Attribution::Unknown,
        layer: Layer::Sockets,
        transport: Some(Transport::Tcp),
        local: Endpoint::default(),
        peer: Endpoint { address: Some([127, 0, 0, 1].into()), port: Some(443), interface: None },
        server: None,
        verdict: None,
        evaluation: None,
        error: Some(111),
        connect_duration_ns: None,
        connection_duration_ns: None,
        bytes_sent: None,
        bytes_received: None,
        bytes_sent_delta: None,
        bytes_received_delta: None,
        retransmits: None,
        rtt_ns: None,
        inbound: false,
        preexisting: false,
        outstanding: false,
        namespace: None,
        followed: false,
    }
}

#[test]
fn record_has_the_keys_of_the_contract() {
    assert_eq!(
        line(&bare_event()),
        concat!(
            r#"{"timestamp":"2023-11-14T22:13:20.000000001Z","event.name":"connection.failed","#,
            r#""connection.id":"2a-ff","network.transport":"tcp","network.type":"ipv4","#,
            r#""network.peer.address":"127.0.0.1","network.peer.port":443,"egret.attribution":"unknown","#,
            r#""egret.capture":"sockets","error.type":"ECONNREFUSED"}"#,
            "\n"
        )
    );
}

#[test]
fn keys_are_in_the_order_of_the_vocabulary() {
    let line = line(&events::full_event());
    // An event has the attribute of one kind of workload only.
    let others = [names::K8S_STATEFULSET_NAME, names::K8S_CRONJOB_NAME];
    let keys = || names::ALL.iter().filter(|key| !others.contains(key));
    let places: Vec<_> = keys().map(|key| line.find(&format!("\"{key}\":"))).collect();
    assert!(places.iter().all(Option::is_some), "a key is missing from {line}");
    // Keys of later versions are placed next to related keys.
    let later = keys().position(|key| *key == names::SCRIPT).unwrap();
    assert!(places[..later].is_sorted(), "keys are out of order in {line}");
}

#[test]
fn relative_path_as_typed_is_not_a_file_path() {
    let mut event = events::full_event();
    let process = Arc::make_mut(event.process.as_mut().unwrap());
    process.executable =
        Arc::new(egret_model::Executable { path: Some("./server".into()), path_as_typed: true, ..Default::default() });
    let object = object(&event);
    assert!(!object.contains_key("process.executable.path"));
    assert_eq!(object["process.executable.name"], "server");
}

proptest! {
    /// A writer with a cache of processes writes the same as one without, also if a digest becomes known in between,
    /// and if there are more processes than the cache holds.
    #[test]
    fn cached_writer_writes_the_same(
        events in proptest::collection::vec(events::any_event(), 1..24),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 1..64),
    ) {
        let mut writer = json::Writer::default();
        for (turn, index) in order.iter().enumerate() {
            let event = index.get(&events);
            if let Some(process) = event.process.as_ref().filter(|_| turn % 3 == 2) {
                let _ = process.executable.sha256.set(Some("0123abcd".into()));
            }
            if let Some(process) = event.process.as_ref().filter(|_| turn % 5 == 4) {
                let _ = process.executable.build_id.set(Some("4567cdef".into()));
            }
            if let Some(group) = event.process.as_ref().filter(|_| turn % 4 == 3).and_then(|process| process.cgroup.as_ref()) {
                let _ = group.details.set(Some(Arc::new(Container { name: Some("late".into()), ..Container::default() })));
            }
            let mut out = Vec::new();
            writer.write(&mut out, event);
            prop_assert_eq!(String::from_utf8(out).unwrap(), line(event));
        }
    }
}
