//! Spans about egret's own work: every kind, and no other.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use egret_tests::{Setup, Traffic, test};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::receiver::{Receiver, Span, Wire};
use super::{assert_nothing_of_its_own, children, make, roots_of, setup, stop};

/// Spans of this scope are about egret's own work.
const SCOPE: &str = "egret";

/// All kinds of work with spans. Exporting and libraries have none.
const NAMES: [&str; 12] = [
    "start",
    "configuration.read",
    "capture.start",
    "capture.load",
    "capture.attach",
    "reload",
    "sink.start",
    "sink.replace",
    "sink.end",
    "parquet.finish",
    "parquet.retention",
    "drain",
];

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("otlp::own_spans_are_exported_over_grpc", || life(Wire::Grpc)),
        test("otlp::own_spans_are_exported_over_http", || life(Wire::Http)),
        test("otlp::own_spans_are_not_exported_by_default", off),
        test("otlp::reload_enables_and_disables_own_spans", on_and_off),
        test("otlp::failed_sink_start_is_an_error_span", failed),
        test("otlp::connections_that_carry_own_spans_are_not_exported", nothing_of_its_own),
        test("otlp::own_spans_do_not_delay_shutdown", without_collector),
    ]
}

fn asked_for(wire: Wire, receiver: &Receiver) -> Setup {
    setup(wire, &receiver.endpoint(wire)).set("otlp.own_spans", "true").text("otlp.service_name", "trial")
}

fn of_work(spans: &[Span]) -> Vec<&Span> {
    spans.iter().filter(|span| span.scope == SCOPE).collect()
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    of_work(spans).into_iter().filter(|span| span.name == name).collect()
}

fn one<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let found = named(spans, name);
    assert_eq!(found.len(), 1, "not one {name} among {:#?}", of_work(spans));
    found[0]
}

/// The children of a span: names, each with its sink.
fn below<'a>(spans: &'a [Span], parent: &Span) -> BTreeSet<(&'a str, Option<&'a str>)> {
    let summary = |span: &&'a Span| (&*span.name, span.attribute("egret.sink").as_str());
    children(spans, parent).iter().map(summary).collect()
}

/// Start, reload and stop.
fn life(wire: Wire) {
    let receiver = Receiver::start(&[]);
    let mut daemon = asked_for(wire, &receiver).parquet().start();
    let made = make(Traffic::new(&["tcp-blocking"]));
    receiver.wait("a span of the traffic", |spans| !roots_of(spans, &made.report).is_empty());
    daemon.change("parquet.rotate_after", "\"30s\"");
    daemon.reload();
    stop(daemon);
    let spans = receiver.finish();

    let root = spans.iter().find(|span| span.scope == "egret.connections").expect("the traffic has spans");
    for span in of_work(&spans) {
        assert!(NAMES.contains(&&*span.name), "{span:#?}");
        assert_eq!(span.resource, root.resource, "{span:#?}");
        assert_eq!((&*span.kind, &*span.status), ("SPAN_KIND_INTERNAL", "STATUS_CODE_UNSET"), "{span:#?}");
        assert_eq!(span.transport, root.transport, "{span:#?}");
    }
    assert_eq!(root.resource["service.name"], json!("trial"));

    let start = one(&spans, "start");
    let sinks = ["baseline", "otlp", "parquet", "prometheus"].map(|sink| ("sink.start", Some(sink)));
    assert_eq!(below(&spans, start), sinks.into_iter().chain([("capture.start", None)]).collect());
    let capture = one(&spans, "capture.start");
    assert_eq!(below(&spans, capture), BTreeSet::from([("capture.load", None), ("capture.attach", None)]));
    assert_eq!(*capture.attribute("egret.capture"), json!("sockets"));

    let reload = one(&spans, "reload");
    let replaced = ("sink.replace", Some("parquet"));
    assert_eq!(below(&spans, reload), BTreeSet::from([("configuration.read", None), replaced]));
    let (end, start) = (("sink.end", Some("parquet")), ("sink.start", Some("parquet")));
    assert_eq!(below(&spans, one(&spans, "sink.replace")), BTreeSet::from([end, start]));

    let sinks = ["baseline", "otlp", "parquet", "prometheus"].map(|sink| ("sink.end", Some(sink)));
    assert_eq!(below(&spans, one(&spans, "drain")), BTreeSet::from(sinks));

    let files = named(&spans, "parquet.finish");
    assert!(!files.is_empty(), "{:#?}", of_work(&spans));
    for file in files {
        let path = file.attribute("file.path").as_str().expect("a file has a path");
        assert!(path.ends_with(".parquet"), "{file:#?}");
        for key in ["file.size", "egret.events"] {
            assert!(file.attribute(key).as_u64() > Some(0), "{key} of {file:#?}");
        }
    }
    // Of the sink before the reload, and of the one after it.
    assert!(named(&spans, "parquet.retention").len() >= 2);
}

fn off() {
    let receiver = Receiver::start(&[]);
    let daemon = setup(Wire::Grpc, &receiver.endpoint(Wire::Grpc)).start();
    let made = make(Traffic::new(&["tcp-blocking"]));
    receiver.wait("a span of the traffic", |spans| !roots_of(spans, &made.report).is_empty());
    daemon.reload();
    stop(daemon);
    let spans = receiver.finish();
    assert!(spans.iter().all(|span| span.scope == "egret.connections"), "{spans:#?}");
}

/// The span of a reload is sent by the configuration before it.
fn on_and_off() {
    let receiver = Receiver::start(&[]);
    let mut daemon = setup(Wire::Http, &receiver.endpoint(Wire::Http)).start();
    for own_spans in ["true", "false", "true"] {
        daemon.change("otlp.own_spans", own_spans);
        daemon.reload();
    }
    let waiting = daemon.status()["configuration"]["waiting_for_restart"].clone();
    assert_eq!(waiting, json!([]));
    stop(daemon);
    let spans = receiver.finish();
    assert_eq!((named(&spans, "reload").len(), named(&spans, "drain").len()), (1, 1), "{:#?}", of_work(&spans));
    assert!(named(&spans, "start").is_empty());
}

/// A daemon that fails to start reports the reason.
fn failed() {
    let receiver = Receiver::start(&[]);
    let refused = asked_for(Wire::Grpc, &receiver).parquet().text("parquet.destination", "/proc/nowhere").refused();
    assert_eq!(refused.status.code(), Some(1), "{}", String::from_utf8_lossy(&refused.stderr));
    let spans = receiver.finish();
    let failed: Vec<_> = of_work(&spans).into_iter().filter(|span| span.status == "STATUS_CODE_ERROR").collect();
    assert_eq!(failed.len(), 1, "{spans:#?}");
    assert_eq!((&*failed[0].name, failed[0].attribute("egret.sink")), ("sink.start", &Value::from("parquet")));
    assert!(failed[0].message.contains("/proc/nowhere"), "{failed:#?}");
}

/// The collector closes the connection after every request, so that egret makes many connections itself.
fn nothing_of_its_own() {
    let receiver = Receiver::start(&["--close"]);
    let daemon = asked_for(Wire::Http, &receiver).start();
    for reloads in 1..=5 {
        daemon.reload();
        receiver.wait("the span of the reload", |spans| named(spans, "reload").len() == reloads);
    }
    // Once this has arrived, all earlier events have been sent.
    let made = make(Traffic::new(&["tcp-blocking"]));
    receiver.wait("the traffic's span", |spans| !roots_of(spans, &made.report).is_empty());
    let pid = daemon.pid();
    let endpoint = receiver.endpoint(Wire::Http);
    stop(daemon);
    assert_nothing_of_its_own(&receiver.finish(), pid, &endpoint);
}

/// The endpoint refuses connections at first, and then accepts them without an answer.
fn without_collector() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let silent = listener.local_addr().expect("it is bound");
    for (wire, endpoint) in [
        (Wire::Grpc, "http://127.0.0.1:9".to_owned()),
        (Wire::Http, "http://127.0.0.1:9/".to_owned()),
        (Wire::Grpc, format!("http://{silent}")),
        (Wire::Http, format!("http://{silent}")),
    ] {
        let setup = setup(wire, &endpoint).set("otlp.own_spans", "true").set("shutdown.drain_for", "\"1s\"");
        let daemon = setup.json().start();
        let report = Traffic::new(&["tcp-blocking"]).run();
        daemon.wait_for_lines(&report);
        let begun = Instant::now();
        let ended = daemon.stop();
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        assert!(ended.status.success() && !ended.stderr.contains("panicked"), "{}", ended.stderr);
        let [enqueued, sent, ..] = ended.sinks["json"];
        assert_eq!(enqueued, sent, "the others are not held up: {ended:?}");
    }
}
