//! The spans of an event.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use egret_exporters::names;
use egret_exporters::otlp::Protocol;
use egret_model::{
    Attribution, ConnectionId, Endpoint, Evaluation, Event, EventName, Executable, Layer, Process, Reason, Resolution,
    Server, Timestamp, TraceParent, Transport, Verdict,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use proptest::option::of;
use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::events::{any_event, full_event};
use crate::running::spans_of;

fn resolution() -> impl Strategy<Value = Resolution> {
    let time = || any::<i64>().prop_map(Timestamp);
    (time(), time(), any::<SocketAddr>()).prop_map(|(asked, answered, resolver)| Resolution {
        asked,
        answered,
        resolver,
    })
}

fn trace_parent() -> impl Strategy<Value = TraceParent> {
    ([any::<u8>(); 16], [any::<u8>(); 8], any::<u8>()).prop_map(|(trace_id, mut span_id, flags)| {
        span_id[0] |= 1;
        TraceParent { trace_id: trace_id.map(|byte| byte | 1), span_id, flags }
    })
}

prop_compose! {
    /// Any event, with all attributes about traces.
    fn traced_event()(
        mut event in any_event(),
        resolution in of(resolution()),
        parent in of(trace_parent()),
    ) -> Event {
        if let Some(server) = &mut event.server {
            server.resolution = resolution.map(Arc::new);
        }
        if let Some(process) = &mut event.process {
            Arc::make_mut(process).executable = Arc::new(Executable { trace_parent: parent, ..Executable::default() });
        }
        event
    }
}

fn sampled_parent(event: &Event) -> Option<TraceParent> {
    event.process.as_ref()?.executable.trace_parent.filter(|parent| parent.flags & 1 == 1)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn spans_are_well_formed(events in proptest::collection::vec(traced_event(), 1..20)) {
        let parents: HashSet<_> = events.iter().filter_map(sampled_parent).map(|parent| parent.span_id.to_vec()).collect();
        let spans = Runtime::new().unwrap().block_on(spans_of(Protocol::Grpc, events));
        let by_id: HashMap<_, _> = spans.iter().map(|span| (&span.span_id, span)).collect();
        for span in &spans {
            prop_assert_eq!((span.trace_id.len(), span.span_id.len()), (16, 8));
            prop_assert!(span.trace_id.iter().any(|byte| *byte != 0) && span.span_id.iter().any(|byte| *byte != 0));
            prop_assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
            let keys: HashSet<_> = span.attributes.iter().map(|attribute| &attribute.key).collect();
            prop_assert_eq!(keys.len(), span.attributes.len(), "keys are unique");
            if span.name == "connection" {
                prop_assert!(span.parent_span_id.is_empty() || parents.contains(&span.parent_span_id));
                continue;
            }
            let root = by_id[&span.parent_span_id];
            prop_assert_eq!(&root.trace_id, &span.trace_id);
            prop_assert!(root.start_time_unix_nano <= span.start_time_unix_nano);
            prop_assert!(root.end_time_unix_nano >= span.end_time_unix_nano);
        }
    }
}

/// The spans of one event.
async fn spans(event: Event) -> Vec<Span> {
    spans_of(Protocol::Grpc, vec![event]).await
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name} in {spans:#?}"))
}

fn attribute<'a>(span: &'a Span, key: &str) -> Option<&'a Value> {
    span.attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?.value.as_ref()
}

fn text(span: &Span, key: &str) -> Option<String> {
    match attribute(span, key)? {
        Value::StringValue(text) => Some(text.clone()),
        Value::ArrayValue(array) => Some(format!("{:?}", array.values.len())),
        Value::IntValue(number) => Some(number.to_string()),
        Value::BoolValue(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A TCP connection that this host opened, to a peer with a name.
fn outbound() -> Event {
    let resolution =
        Resolution { asked: Timestamp(1_000), answered: Timestamp(1_400), resolver: "192.0.2.53:53".parse().unwrap() };
    let server =
        Server { resolution: Some(Arc::new(resolution)), ..full_event().server.expect("of which everything is known") };
    Event {
        time: Timestamp(10_000),
        server: Some(server),
        connection_duration_ns: Some(8_000),
        connect_duration_ns: Some(500),
        error: None,
        inbound: false,
        preexisting: false,
        ..full_event()
    }
}

#[tokio::test]
async fn trace_has_look_up_and_handshake() {
    let spans = spans(outbound()).await;
    let period = |name| (named(&spans, name).start_time_unix_nano, named(&spans, name).end_time_unix_nano);
    assert_eq!(period("connection"), (1_000, 10_000));
    assert_eq!(period("dns.resolve"), (1_000, 1_400));
    assert_eq!(period("connect"), (2_000, 2_500));
    let resolve = named(&spans, "dns.resolve");
    assert_eq!(text(resolve, "dns.question.name").as_deref(), Some("example.org"));
    assert_eq!(text(resolve, "server.address").as_deref(), Some("192.0.2.53"));
    assert_eq!(spans.len(), 3);
}

#[tokio::test]
async fn root_span_has_all_known_attributes() {
    let spans = spans(outbound()).await;
    let root = named(&spans, "connection");
    let told_otherwise = [
        names::TIMESTAMP,
        names::EVENT_NAME,
        // Attributes of other kinds of connections.
        names::INBOUND,
        names::STANDING,
        names::ERROR_TYPE,
        // Attributes of updates.
        names::BYTES_SENT_DELTA,
        names::BYTES_RECEIVED_DELTA,
        // A workload has one kind.
        names::K8S_STATEFULSET_NAME,
        names::K8S_CRONJOB_NAME,
    ];
    for key in names::ALL.iter().filter(|key| !told_otherwise.contains(*key)) {
        assert!(attribute(root, key).is_some(), "{key} is missing");
    }
    for (key, value) in [
        ("connection.id", "4d-1cbe991a14"),
        ("process.pid", "4242"),
        ("process.executable.path", "/usr/bin/curl"),
        ("process.command_args", "3"),
        ("container.image.name", "registry.example:5000/shop/web"),
        ("k8s.deployment.name", "web"),
        ("process.start_time", "2023-11-14T22:13:20.000000000Z"),
        ("network.peer.address", "fe80::5:1"),
        ("egret.network.interface", "eth0"),
        ("network.peer.port", "443"),
        ("server.address", "example.org"),
        ("server.port", "443"),
        ("egret.bytes.received", "5678901"),
    ] {
        assert_eq!(text(root, key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(root.kind, SpanKind::Client as i32);
    assert_eq!(root.status, None);
}

#[tokio::test]
async fn accepted_connection_is_a_server_span() {
    let event = Event { inbound: true, ..outbound() };
    let spans = spans(event).await;
    let root = named(&spans, "connection");
    assert_eq!(root.kind, SpanKind::Server as i32);
    assert_eq!(text(root, "server.port").as_deref(), Some("50000"));
    assert_eq!(text(root, "client.address").as_deref(), Some("fe80::5:1"));
    assert_eq!(text(root, "client.port").as_deref(), Some("443"));
    assert!(spans.iter().all(|span| span.name != "connect"), "who accepts waits for no answer");
}

#[tokio::test]
async fn failed_connection_has_an_error_status() {
    let event =
        Event { name: EventName::ConnectionFailed, error: Some(111), connection_duration_ns: None, ..outbound() };
    let spans = spans(event).await;
    for name in ["connection", "connect"] {
        let span = named(&spans, name);
        let status = span.status.as_ref().expect("a status");
        assert_eq!((status.code, &*status.message), (StatusCode::Error as i32, "Connection refused"), "{name}");
        assert_eq!(text(span, "error.type").as_deref(), Some("ECONNREFUSED"), "{name}");
    }
    let connect = named(&spans, "connect");
    assert_eq!((connect.start_time_unix_nano, connect.end_time_unix_nano), (9_500, 10_000));
    assert_eq!(named(&spans, "dns.resolve").status, None);
}

#[tokio::test]
async fn error_of_a_datagram_socket_is_reported_with_its_end() {
    let udp = Event { transport: Some(Transport::Udp), connect_duration_ns: None, ..outbound() };
    let failed = Event { name: EventName::ConnectionFailed, error: Some(111), ..udp.clone() };
    let spans = spans_of(Protocol::Grpc, vec![failed, udp]).await;
    assert_eq!(spans.iter().filter(|span| span.name == "connection").count(), 1);
    let root = named(&spans, "connection");
    assert_eq!(text(root, "error.type").as_deref(), Some("ECONNREFUSED"));
}

#[tokio::test]
async fn connections_join_the_trace_of_their_process() {
    let parent = TraceParent { trace_id: [0xab; 16], span_id: [0xcd; 8], flags: 1 };
    let spans = spans(in_trace(parent)).await;
    let root = named(&spans, "connection");
    assert_eq!((hex(&root.trace_id), hex(&root.parent_span_id)), ("ab".repeat(16), "cd".repeat(8)));
    assert_eq!(root.flags, 0x301, "sampled, and the parent is remote");
    for name in ["dns.resolve", "connect"] {
        let child = named(&spans, name);
        assert_eq!((&child.trace_id, &child.parent_span_id), (&root.trace_id, &root.span_id));
        assert_eq!(child.flags, 0x101, "sampled, and the parent is not remote");
    }
}

#[tokio::test]
async fn unsampled_trace_is_not_joined() {
    let parent = TraceParent { trace_id: [0xab; 16], span_id: [0xcd; 8], flags: 0 };
    let spans = spans(in_trace(parent)).await;
    assert_eq!(spans.len(), 3);
    let root = named(&spans, "connection");
    assert_ne!(hex(&root.trace_id), "ab".repeat(16));
    assert_eq!((&*root.parent_span_id, root.flags), (&[][..], 0x101));
}

fn judged(verdict: Verdict, event: Event) -> Event {
    let (attribution, duration_ns) = (Attribution::Tuple, Some(9_000));
    let evaluation = Evaluation { reason: Reason::NoRule, rule: None, attribution, duration_ns };
    Event { verdict: Some(verdict), evaluation: Some(Arc::new(evaluation)), ..event }
}

#[tokio::test]
async fn blocked_connection_has_an_error_status_with_the_reason() {
    let refused =
        Event { name: EventName::ConnectionFailed, error: Some(111), connection_duration_ns: None, ..outbound() };
    let spans = spans(judged(Verdict::Block, refused)).await;
    for name in ["connection", "connect"] {
        let span = named(&spans, name);
        let status = span.status.as_ref().expect("a status");
        assert_eq!((status.code, &*status.message), (StatusCode::Error as i32, "blocked: no_rule"), "{name}");
        assert_eq!(text(span, "error.type").as_deref(), Some("ECONNREFUSED"), "{name}");
    }
    let root = named(&spans, "connection");
    for (key, value) in [
        ("egret.verdict", "block"),
        ("egret.verdict.reason", "no_rule"),
        ("egret.verdict.attribution", "tuple"),
        ("egret.verdict.duration_ns", "9000"),
    ] {
        assert_eq!(text(root, key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(text(root, "egret.verdict.rule"), None);
}

/// A datagram that is dropped gives its sender no error.
#[tokio::test]
async fn silently_dropped_datagram_has_an_error_status() {
    let event = Event { transport: Some(Transport::Udp), connect_duration_ns: None, ..outbound() };
    let spans = spans(judged(Verdict::Block, event)).await;
    let root = named(&spans, "connection");
    assert_eq!(root.status.as_ref().map(|status| &*status.message), Some("blocked: no_rule"));
    assert_eq!(text(root, "error.type"), None, "there is no errno");
}

#[tokio::test]
async fn would_block_sets_no_error_status() {
    let spans = spans(judged(Verdict::WouldBlock, outbound())).await;
    assert!(spans.iter().all(|span| span.status.is_none()), "{spans:#?}");
}

fn in_trace(parent: TraceParent) -> Event {
    let mut event = outbound();
    let process = Arc::make_mut(event.process.as_mut().expect("of which everything is known"));
    process.executable = Arc::new(Executable { trace_parent: Some(parent), ..Executable::default() });
    event
}

#[tokio::test]
async fn only_the_last_record_becomes_spans() {
    use EventName::{Accept, ConnectionOpen, DatagramSend, Listen};
    let earlier = [Listen, ConnectionOpen, Accept, DatagramSend].map(|name| Event { name, ..outbound() });
    assert_eq!(spans_of(Protocol::Grpc, earlier.to_vec()).await, []);
}

#[tokio::test]
async fn open_connection_has_update_spans_before_its_root() {
    let after = |seconds: i64, name| {
        let opened = ConnectionId { socket: 5, opened: 1 };
        let lasted = u64::try_from(seconds).unwrap() * 1_000_000_000;
        let time = Timestamp(1_000_000_000_000 + seconds * 1_000_000_000);
        Event { time, name, id: opened, server: None, connection_duration_ns: Some(lasted), ..outbound() }
    };
    let updates = [10, 20, 30, 40, 50, 60, 70].map(|seconds| after(seconds, EventName::ConnectionUpdate));
    let meanwhile = spans_of(Protocol::Grpc, updates.to_vec()).await;
    let ends = |spans: &[Span]| -> Vec<(u64, u64)> {
        let updates = spans.iter().filter(|span| span.name == "connection.update");
        updates
            .map(|span| (span.start_time_unix_nano / 1_000_000_000, span.end_time_unix_nano / 1_000_000_000))
            .collect()
    };
    assert_eq!(ends(&meanwhile), [(1000, 1010), (1010, 1040), (1040, 1070)]);
    let mut all = updates.to_vec();
    all.push(after(75, EventName::ConnectionClose));
    let all = spans_of(Protocol::Grpc, all).await;
    let root = named(&all, "connection");
    let below: Vec<_> = all.iter().filter(|span| span.name == "connection.update").collect();
    assert!(below.iter().all(|span| span.parent_span_id == root.span_id && span.trace_id == root.trace_id));
    assert_eq!(below.len(), 3);
    let ids: HashSet<_> = all.iter().map(|span| &span.span_id).collect();
    assert_eq!(ids.len(), all.len());
    assert_eq!(text(below[0], "egret.bytes.sent"), text(root, "egret.bytes.sent"));
}

/// The beginning of a preexisting connection is unknown, and totals may be read after its end, before the record of the end.
#[tokio::test]
async fn root_of_a_preexisting_connection_contains_its_update_spans() {
    let at = |seconds: i64, name| {
        let (id, time) =
            (ConnectionId { socket: 5, opened: 1 }, Timestamp(1_000_000_000_000 + seconds * 1_000_000_000));
        Event { time, name, id, preexisting: true, server: None, connection_duration_ns: None, ..outbound() }
    };
    let update = EventName::ConnectionUpdate;
    let spans = spans_of(
        Protocol::Grpc,
        vec![at(10, update), at(50, update), at(90, update), at(89, EventName::ConnectionClose)],
    )
    .await;
    let root = named(&spans, "connection");
    let period = |span: &Span| [span.start_time_unix_nano, span.end_time_unix_nano].map(|time| time / 1_000_000_000);
    assert_eq!(period(root), [1010, 1090]);
    let updates: Vec<_> = spans.iter().filter(|span| span.name == "connection.update").map(period).collect();
    assert_eq!(updates, [[1010, 1010], [1050, 1050], [1090, 1090]]);
}

#[tokio::test]
async fn call_becomes_a_span_in_layers_without_an_end() {
    let call = Event {
        name: EventName::ConnectionOpen,
        layer: Layer::Syscalls,
        connection_duration_ns: None,
        server: None,
        ..outbound()
    };
    let spans = spans(call).await;
    let root = named(&spans, "connection");
    assert_eq!((root.start_time_unix_nano, root.end_time_unix_nano), (10_000, 10_500), "it is recorded when it begins");
    assert_eq!(spans.len(), 2);
}

#[tokio::test]
async fn unknown_beginning_is_not_invented() {
    let id = ConnectionId { socket: 77, opened: 9 };
    let preexisting = Event { preexisting: true, id, server: None, connect_duration_ns: None, ..outbound() };
    let spans = spans(preexisting).await;
    let root = named(&spans, "connection");
    assert_eq!((root.start_time_unix_nano, root.end_time_unix_nano), (10_000, 10_000));
    assert_eq!(text(root, "egret.standing").as_deref(), Some("true"));
}

fn own(event: Event) -> Event {
    let process = Process { pid: std::process::id(), ..(**event.process.as_ref().expect("known")).clone() };
    Event { process: Some(Arc::new(process)), ..event }
}

#[tokio::test]
async fn connections_to_the_collector_have_no_spans_at_either_endpoint() {
    let open = own(Event { name: EventName::ConnectionOpen, ..outbound() });
    let close = own(outbound());
    let other_end = Event { local: open.peer, peer: open.local, inbound: true, ..outbound() };
    let spans = spans_of(Protocol::Grpc, vec![open.clone(), other_end.clone(), close.clone()]).await;
    assert_eq!(spans, []);
    // Another process may use the port again.
    let spans = spans_of(Protocol::Grpc, vec![open, close, other_end.clone(), other_end]).await;
    assert_eq!(spans.iter().filter(|span| span.name == "connection").count(), 1);
}

#[tokio::test]
async fn unknown_values_are_absent() {
    let id = ConnectionId { socket: 1, opened: 2 };
    let bare = Event {
        attribution: Attribution::Unknown,
        local: Endpoint::default(),
        ..Event::new(EventName::ConnectionClose, Timestamp(5), id, Layer::Sockets)
    };
    let spans = spans(bare).await;
    let keys: Vec<_> = spans[0].attributes.iter().map(|attribute| &*attribute.key).collect();
    assert_eq!(keys, ["connection.id", "egret.attribution", "egret.capture"]);
}
