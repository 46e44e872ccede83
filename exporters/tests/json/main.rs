//! JSON lines seen from outside: whatever the event, a JSON parser reads back exactly what is known of it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../support/events.rs"]
mod events;
mod read;
#[path = "../support/running.rs"]
mod running;
mod sink;

use std::sync::Arc;

use egret_exporters::{json, names};
use egret_model::{Attribution, ConnectionId, Endpoint, Event, EventName, Layer, Timestamp, Transport};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn line(event: &Event) -> String {
    let mut out = Vec::new();
    json::write_event(&mut out, event);
    String::from_utf8(out).unwrap()
}

fn object(event: &Event) -> Map<String, Value> {
    serde_json::from_str(&line(event)).unwrap()
}

/// What a record should say, put together with `serde_json` alone.
fn expected(event: &Event) -> Map<String, Value> {
    let process = event.process.as_deref();
    let executable = process.map(|process| &process.executable);
    let cgroup = process.and_then(|process| process.cgroup.as_deref());
    let judgement = event.judgement.as_deref();
    let time = |time: Timestamp| format!("{:.9}", jiff::Timestamp::from_nanosecond(i128::from(time.0)).unwrap());
    let all = json!({
        "timestamp": time(event.time),
        "event.name": event.name,
        "connection.id": event.id.to_string(),
        "process.pid": process.map(|process| process.pid),
        "process.executable.path": executable.and_then(|executable| executable.file_path()),
        "process.executable.name": executable.and_then(|executable| executable.name()),
        "process.executable.sha256": executable.and_then(|executable| executable.sha256.get().cloned().flatten()),
        "process.command_args": executable.map(|executable| &executable.args).filter(|args| !args.is_empty()),
        "process.parent_pid": process.and_then(|process| process.parent_pid),
        "process.user.id": process.and_then(|process| process.uid),
        "process.user.name": process.and_then(|process| process.user.as_deref()),
        "process.start_time": process.and_then(|process| process.start_time).map(time),
        "systemd.unit": cgroup.and_then(|cgroup| cgroup.unit.as_deref()),
        "container.id": cgroup.and_then(|cgroup| cgroup.container.as_deref()),
        "container.runtime.name": cgroup.and_then(|cgroup| cgroup.runtime),
        "network.transport": event.transport,
        "network.type": event.network_type(),
        "network.local.address": event.local.address,
        "network.local.port": event.local.port,
        "network.peer.address": event.peer.address,
        "network.peer.port": event.peer.port,
        "server.address": event.server.as_ref().map(|server| &*server.name),
        "egret.name.source": event.server.as_ref().map(|server| server.source),
        "egret.attribution": event.attribution,
        "egret.capture": event.layer,
        "egret.verdict": event.verdict,
        "egret.inbound": event.inbound.then_some(true),
        "egret.standing": event.standing.then_some(true),
        "egret.connect.duration_ns": event.connect_duration_ns,
        "egret.connection.duration_ns": event.connection_duration_ns,
        "egret.bytes.sent": event.bytes_sent,
        "egret.bytes.received": event.bytes_received,
        "egret.bytes.sent_delta": event.bytes_sent_delta,
        "egret.bytes.received_delta": event.bytes_received_delta,
        "egret.tcp.retransmits": event.retransmits,
        "egret.tcp.rtt_ns": event.rtt_ns,
        "egret.verdict.reason": judgement.map(|judgement| judgement.reason),
        "egret.verdict.rule": judgement.and_then(|judgement| judgement.rule.as_deref()),
        "egret.verdict.attribution": judgement.map(|judgement| judgement.attribution),
        "egret.verdict.duration_ns": judgement.and_then(|judgement| judgement.duration_ns),
    });
    let Value::Object(all) = all else { unreachable!() };
    all.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

proptest! {
    #[test]
    fn a_parser_reads_back_exactly_what_is_known(event in events::any_event()) {
        let mut object = object(&event);
        // Names of errors have tests of their own, in `errno`.
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
    fn one_line_without_control_characters(event in events::any_event()) {
        let line = line(&event);
        prop_assert_eq!(line.strip_suffix('\n').map(|rest| rest.chars().any(char::is_control)), Some(false));
    }

    #[test]
    fn events_are_appended(first in events::any_event(), second in events::any_event()) {
        let mut out = Vec::new();
        json::write_event(&mut out, &first);
        json::write_event(&mut out, &second);
        prop_assert_eq!(String::from_utf8(out).unwrap(), line(&first) + &line(&second));
    }
}

fn bare_event() -> Event {
    Event {
        time: Timestamp(1_700_000_000_000_000_001),
        name: EventName::ConnectionFailed,
        id: ConnectionId { socket: 0x2a, opened: 0xff },
        process: None,
        attribution: Attribution::Unknown,
        layer: Layer::Sockets,
        transport: Some(Transport::Tcp),
        local: Endpoint::default(),
        peer: Endpoint { address: Some([127, 0, 0, 1].into()), port: Some(443) },
        server: None,
        verdict: None,
        judgement: None,
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
        standing: false,
        followed: false,
    }
}

#[test]
fn a_record_reads_as_the_contract_says() {
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
fn the_order_of_keys_is_that_of_the_vocabulary() {
    let line = line(&events::full_event());
    let places: Vec<_> = names::ALL.iter().map(|key| line.find(&format!("\"{key}\":"))).collect();
    assert!(places.iter().all(Option::is_some), "a key is missing from {line}");
    assert!(places.is_sorted(), "keys are out of order in {line}");
}

#[test]
fn a_relative_path_as_typed_is_not_the_path_of_a_file() {
    let mut event = events::full_event();
    let process = Arc::make_mut(event.process.as_mut().unwrap());
    process.executable =
        Arc::new(egret_model::Executable { path: Some("./server".into()), path_as_typed: true, ..Default::default() });
    let object = object(&event);
    assert!(!object.contains_key("process.executable.path"));
    assert_eq!(object["process.executable.name"], "server");
}

proptest! {
    /// A writer that remembers processes says what one without memory says, also when the digest comes to be known in
    /// between, and when there are more processes than it remembers.
    #[test]
    fn a_writer_with_memory_writes_the_same(
        events in proptest::collection::vec(events::any_event(), 1..24),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 1..64),
    ) {
        let mut writer = json::Writer::default();
        for (turn, index) in order.iter().enumerate() {
            let event = index.get(&events);
            if let Some(process) = event.process.as_ref().filter(|_| turn % 3 == 2) {
                let _ = process.executable.sha256.set(Some("0123abcd".into()));
            }
            let mut out = Vec::new();
            writer.write(&mut out, event);
            prop_assert_eq!(String::from_utf8(out).unwrap(), line(event));
        }
    }
}
