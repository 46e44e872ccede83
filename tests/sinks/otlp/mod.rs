//! Spans at real collectors match the reports of the traffic generator.

mod own_work;
mod receiver;
mod rotel;

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, SystemTime};

use egret_tests::{Daemon, Flow, Report, Server, Setup, Traffic, needing_python, test};
use libtest_mimic::Trial;
use serde_json::json;

use self::receiver::{PARENT, Receiver, Span, TRACE, Wire};

/// Tolerance between the kernel's clock and ours, which are read one after the other.
const CLOCKS_APART: Duration = Duration::from_millis(20);

pub(crate) fn trials() -> Vec<Trial> {
    let trials = [
        test("otlp::streams_are_exported_over_grpc", || streams(Wire::Grpc)),
        test("otlp::streams_are_exported_over_http", || streams(Wire::Http)),
        test("otlp::datagram_flows_are_exported", datagrams),
        test("otlp::refused_connection_is_an_error_span", refused),
        test("otlp::span_joins_the_trace_of_its_process", in_a_trace),
        test("otlp::open_connection_is_exported_before_its_end", open),
        test("otlp::connections_of_the_exporter_are_not_exported", nothing_of_its_own),
        test("otlp::rotel_accepts_spans_over_grpc", || rotel::streams(Wire::Grpc)),
        test("otlp::rotel_accepts_spans_over_http", || rotel::streams(Wire::Http)),
    ];
    trials.into_iter().chain(own_work::trials()).map(needing_python).collect()
}

/// A daemon that sends compressed spans to this endpoint, with a short batch delay.
fn daemon(wire: Wire, endpoint: &str) -> Daemon {
    setup(wire, endpoint).start()
}

fn setup(wire: Wire, endpoint: &str) -> Setup {
    let setup = Setup::new().otlp(wire.protocol(), endpoint).text("otlp.compression", "gzip");
    setup.text("otlp.batch_delay", "50ms")
}

/// A collector gets spans of a connection while it is open, and its root once.
fn open() {
    let receiver = Receiver::start(&[]);
    let daemon = setup(Wire::Grpc, &receiver.endpoint(Wire::Grpc)).text("capture.totals_interval", "200ms").start();
    let server = Server::start("tcp-sink", "127.0.0.1");
    let mut stream = TcpStream::connect(server.address).unwrap();
    let port = stream.local_addr().unwrap().port();
    stream.write_all(&[7; 20_000]).unwrap();
    let is_it = |span: &Span, name: &str| {
        span.name == name && span.kind == "SPAN_KIND_CLIENT" && *span.attribute("network.local.port") == json!(port)
    };
    receiver.wait("a span of an open connection", |spans| spans.iter().any(|span| is_it(span, "connection.update")));
    drop(stream);
    receiver.wait("the root", |spans| spans.iter().any(|span| is_it(span, "connection")));
    stop(daemon);
    let spans = receiver.finish();
    let roots: Vec<_> = spans.iter().filter(|span| is_it(span, "connection")).collect();
    assert_eq!(roots.len(), 1, "{roots:#?}");
    for update in spans.iter().filter(|span| is_it(span, "connection.update")) {
        assert_eq!((update.parent.as_ref(), &update.trace), (Some(&roots[0].span), &roots[0].trace), "{update:#?}");
        assert_eq!(*update.attribute("egret.bytes.sent"), json!(20_000), "{update:#?}");
    }
}

/// Stops the daemon: every event has been exported.
fn stop(daemon: Daemon) {
    let ended = daemon.stop();
    assert!(ended.status.success(), "{}\n{}", ended.status, ended.stderr);
    let [enqueued, sent, dropped, queued] = ended.sinks["otlp"];
    assert_eq!((sent, dropped, queued), (enqueued, 0, 0), "{}", ended.stderr);
}

/// Traffic with its time range.
struct Made {
    report: Report,
    from: SystemTime,
    to: SystemTime,
}

fn make(traffic: Traffic) -> Made {
    let from = SystemTime::now();
    let report = traffic.run();
    Made { report, from, to: SystemTime::now() }
}

/// The spans that a collector has of the traffic after the daemon has stopped.
fn collected(wire: Wire, traffic: Traffic) -> (Made, Vec<Span>) {
    let receiver = Receiver::start(&[]);
    let daemon = daemon(wire, &receiver.endpoint(wire));
    let made = make(traffic);
    receiver.wait("a span of every process", |spans| {
        made.report.processes().iter().all(|process| !roots_of(spans, process).is_empty())
    });
    stop(daemon);
    (made, receiver.finish())
}

fn roots_of<'a>(spans: &'a [Span], process: &Report) -> Vec<&'a Span> {
    let is = |span: &&Span| span.name == "connection" && *span.attribute("process.pid") == json!(process.pid);
    spans.iter().filter(is).collect()
}

/// The only span of a flow, which must match the report of the generator.
fn connection<'a>(spans: &'a [Span], made: &Made, process: &Report, flow: &Flow) -> &'a Span {
    let is = |span: &&Span| *span.attribute("network.local.port") == json!(flow.local().port());
    let roots: Vec<_> = roots_of(spans, process).into_iter().filter(is).collect();
    assert_eq!(roots.len(), 1, "not one span of {flow:#?} among {roots:#?}");
    let root = roots[0];
    let client = flow.role == "client";
    assert_eq!(root.kind, if client { "SPAN_KIND_CLIENT" } else { "SPAN_KIND_SERVER" });
    let server = if client { flow.peer() } else { flow.local() };
    for (key, value) in [
        ("process.executable.path", json!(process.exe)),
        ("network.transport", json!(flow.transport)),
        ("network.type", json!("ipv4")),
        ("network.peer.address", json!(flow.peer().ip())),
        ("network.peer.port", json!(flow.peer().port())),
        ("server.port", json!(server.port())),
        ("egret.attribution", json!("cookie")),
        ("egret.bytes.sent", json!(flow.sent)),
        ("egret.bytes.received", json!(flow.received)),
    ] {
        assert_eq!(*root.attribute(key), value, "{key} of {root:#?}");
    }
    assert!(root.start_ns >= nanoseconds(made.from - CLOCKS_APART), "{root:#?} began before {:?}", made.from);
    assert!(root.end_ns <= nanoseconds(made.to + CLOCKS_APART), "{root:#?} ended after {:?}", made.to);
    assert_eq!(root.scope, "egret.connections");
    root
}

fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
    u64::try_from(since.as_nanos()).expect("it is before 2554")
}

fn children<'a>(spans: &'a [Span], root: &Span) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.trace == root.trace && span.parent.as_ref() == Some(&root.span)).collect()
}

fn streams(wire: Wire) {
    let (made, spans) = collected(wire, Traffic::new(&["tcp-blocking", "--bytes", "300000"]));
    let (client, server) = (&made.report, made.report.server());
    let root = connection(&spans, &made, client, &client.total);
    assert_eq!(root.transport, if matches!(wire, Wire::Grpc) { "grpc" } else { "http" });
    let below = children(&spans, root);
    assert_eq!(below.iter().map(|span| &*span.name).collect::<Vec<_>>(), ["connect"]);
    assert_eq!(below[0].start_ns, root.start_ns);
    assert!(below[0].end_ns > below[0].start_ns, "{below:#?}");
    let accepted = connection(&spans, &made, server, &server.total);
    assert!(children(&spans, accepted).is_empty());
    assert_ne!(accepted.trace, root.trace, "each end has its trace");
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("procfs is mounted");
    assert_eq!(root.resource["host.name"], json!(host.trim()));
}

fn datagrams() {
    let (made, spans) = collected(Wire::Grpc, Traffic::new(&["udp-connected"]));
    let (client, server) = (&made.report, made.report.server());
    for (process, flow) in [(client, &client.total), (server, &server.total)] {
        let root = connection(&spans, &made, process, flow);
        assert!(children(&spans, root).is_empty(), "datagrams have no handshake");
    }
}

fn refused() {
    let (made, spans) = collected(Wire::Http, Traffic::new(&["tcp-refused"]));
    let roots = roots_of(&spans, &made.report);
    assert_eq!(roots.len(), 1, "{roots:#?}");
    let below = children(&spans, roots[0]);
    assert_eq!(below.len(), 1, "{below:#?}");
    for span in [roots[0], below[0]] {
        assert_eq!((&*span.status, &*span.message), ("STATUS_CODE_ERROR", "Connection refused"));
        assert_eq!(*span.attribute("error.type"), json!("ECONNREFUSED"));
    }
}

fn in_a_trace() {
    let receiver = Receiver::start(&[]);
    let daemon = daemon(Wire::Grpc, &receiver.endpoint(Wire::Grpc));
    let traffic = Traffic::new(&["tcp-blocking"]).variable("TRACEPARENT", &format!("00-{TRACE}-{PARENT}-01"));
    let report = traffic.run();
    receiver.wait("the client's span", |spans| !roots_of(spans, &report).is_empty());
    stop(daemon);
    let spans = receiver.finish();
    let roots = roots_of(&spans, &report);
    assert_eq!(roots.len(), 1, "{roots:#?}");
    assert_eq!((&*roots[0].trace, roots[0].parent.as_deref()), (TRACE, Some(PARENT)));
    assert_eq!(children(&spans, roots[0]).len(), 1, "the handshake is in the same trace");
}

/// The collector closes the connection after every request, so that egret makes many connections itself.
fn nothing_of_its_own() {
    let receiver = Receiver::start(&["--close"]);
    let endpoint = receiver.endpoint(Wire::Http);
    let daemon = daemon(Wire::Http, &endpoint);
    for _ in 0..3 {
        // Spans of earlier connections of egret would have arrived as well.
        let made = make(Traffic::new(&["tcp-blocking"]));
        receiver.wait("the traffic's span", |spans| !roots_of(spans, &made.report).is_empty());
    }
    let pid = daemon.pid();
    stop(daemon);
    assert_nothing_of_its_own(&receiver.finish(), pid, &endpoint);
}

/// Asserts that no span is about a connection between the daemon and its collector.
fn assert_nothing_of_its_own(spans: &[Span], pid: u32, endpoint: &str) {
    let collector: SocketAddr = endpoint.trim_start_matches("http://").parse().expect("the collector has an address");
    for span in spans {
        assert_ne!(*span.attribute("process.pid"), json!(pid), "{span:#?}");
        // A datagram socket may have the port number of the collector.
        for side in ["network.local", "network.peer"].iter().filter(|_| *span.attribute("network.transport") == "tcp") {
            let [address, port] = ["address", "port"].map(|key| span.attribute(&format!("{side}.{key}")));
            let is_collector = *address == json!(collector.ip()) && *port == json!(collector.port());
            assert!(!is_collector, "{side} is the collector {collector}: {span:#?}");
        }
    }
}
