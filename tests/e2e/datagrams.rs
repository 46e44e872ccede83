//! UDP: every call that sends, with one peer and with several, as client and as server.

use std::net::UdpSocket;

use egret_tests::{Event, Flow, Report, Seen, Trace, Traffic};
use libtest_mimic::Trial;

use crate::checks::{FAMILIES, datagrams, named, only, process};
use crate::test;

/// One client, one server, every byte is echoed.
const ECHOES: [&str; 7] =
    ["udp-connected", "udp-write", "udp-sendto", "udp-sendmsg", "uring-udp", "udp-gso", "udp-gro"];
/// One socket, several peers.
const SEVERAL: [&str; 3] = ["udp-many-peers", "udp-sendmmsg", "udp-threads"];

pub(crate) fn trials() -> Vec<Trial> {
    let echoes = ECHOES.map(|way| test(&format!("datagrams::{way}"), || echo(way)));
    let several = SEVERAL.map(|way| test(&format!("datagrams::{way}"), || several_peers(way)));
    let others = [
        test("datagrams::one_way_sender_has_a_send_and_a_close", one_way),
        test("datagrams::icmp_refusal_is_a_failure", refused),
        test("datagrams::server_has_a_flow_for_each_client", server),
        test("datagrams::flows_in_another_namespace_are_reported", namespace),
        test("datagrams::ten_thousand_datagrams_are_a_few_events", bounded),
        test("datagrams::every_send_is_an_event_on_request", every_send),
        test("datagrams::connected_but_unused_socket_has_no_event", connected_only),
    ];
    echoes.into_iter().chain(several).chain(others).collect()
}

fn every_flow(seen: &Seen, report: &Report) {
    report.flows().iter().for_each(|flow| datagrams(seen, report, flow));
}

fn echo(way: &'static str) {
    for family in FAMILIES {
        let trace = Trace::start(&["--no-standing"]);
        let report = Traffic::new(&[&[way, "--bytes", "123456"], family].concat()).run();
        let seen = trace.stop_after(&report);
        assert_eq!((report.total.sent, report.total.received), (123_456, 123_456), "{report:#?}");
        every_flow(&seen, &report);
        every_flow(&seen, report.server());
    }
}

fn several_peers(way: &'static str) {
    for family in FAMILIES {
        let several = ["--peers", "6", "--threads", "6", "--rounds", "50", "--count", "50", "--size", "700"];
        let trace = Trace::start(&["--no-standing"]);
        let report = Traffic::new(&[&[way], &several[..], family].concat()).run();
        let seen = trace.stop_after(&report);
        assert_eq!((report.flows().len(), report.total.sent), (6, 6 * 50 * 700), "{report:#?}");
        every_flow(&seen, &report);
        every_flow(&seen, report.server());
    }
}

fn one_way() {
    let trace = Trace::start(&["--no-standing"]);
    let report = Traffic::new(&["udp-sendto", "--one-way", "--bytes", "50000"]).run();
    let seen = trace.stop_after(&report);
    every_flow(&seen, &report);
    let closed = named(&seen.of_pid(report.pid), "connection.close");
    assert_eq!((closed[0].sent, closed[0].received), (Some(50_000), Some(0)));
}

fn refused() {
    for family in FAMILIES {
        let trace = Trace::start(&["--no-standing"]);
        let report = Traffic::new(&[&["udp-refused"], family].concat()).run();
        let seen = trace.stop();
        let events = seen.of_socket(report.total.socket());
        events.iter().for_each(|event| process(event, &report));
        let failed = only(&events, "connection.failed");
        assert_eq!(failed.error.as_deref(), Some("ECONNREFUSED"), "{failed:#?}");
        assert_eq!(failed.peer(), Some(report.total.peer()), "{failed:#?}");
        assert!(failed.own_namespace, "{failed:#?}");
        let closed = only(&events, "connection.close");
        assert_eq!((closed.sent, closed.received), (Some(1000), Some(0)), "{closed:#?}");
    }
}

fn server() {
    let trace = Trace::start(&["--no-standing"]);
    let report = Traffic::new(&["udp-server", "--count", "5", "--bytes", "20000"]).run();
    let seen = trace.stop_after(&report);
    assert_eq!((report.flows().len(), report.children.len()), (5, 5));
    every_flow(&seen, &report);
    report.children.iter().for_each(|client| every_flow(&seen, client));
}

fn namespace() {
    let trace = Trace::start(&["--no-standing"]);
    let report = Traffic::new(&["netns", "--inner", "udp-sendto"]).run();
    let seen = trace.stop_after(&report);
    every_flow(&seen, &report);
    every_flow(&seen, report.server());
}

/// As resolvers do to find the source address (RFC 6724).
fn connected_only() {
    let trace = Trace::start(&["--no-standing"]);
    let marker = UdpSocket::bind("127.0.0.1:0").unwrap();
    let unused = UdpSocket::bind("127.0.0.1:0").unwrap();
    unused.connect(marker.local_addr().unwrap()).unwrap();
    let port = unused.local_addr().unwrap().port();
    drop(unused);
    marker.send_to(b"12345", marker.local_addr().unwrap()).unwrap();
    let is_marker = |event: &Event| event.name == "datagram.send" && event.peer() == marker.local_addr().ok();
    assert!(trace.wait_for(|events| events.iter().any(is_marker)));
    let seen = trace.stop();
    let events: Vec<_> = seen.of_pid(std::process::id());
    assert!(events.iter().all(|event| event.local_port != Some(port)), "{events:#?}");
}

fn bounded() {
    let trace = Trace::start(&["--no-standing"]);
    let report = Traffic::new(&["udp-sendto", "--bytes", "10000000"]).run();
    let seen = trace.stop_after(&report);
    assert_eq!(report.total.sends, 10_000);
    every_flow(&seen, &report);
    every_flow(&seen, report.server());
    assert!(seen.of_report(&report).len() <= 6, "{:#?}", seen.of_report(&report));
}

fn every_send() {
    let count = ["--bytes", "64000", "--peers", "4", "--rounds", "16"];
    for way in ["udp-connected", "udp-write", "udp-sendto", "udp-sendmsg", "udp-gso", "udp-sendmmsg", "udp-many-peers"]
    {
        let trace = Trace::start(&["--no-standing", "--every-send"]);
        let report = Traffic::new(&[&[way], &count[..]].concat()).run();
        let seen = trace.stop_after(&report);
        for (process, flow) in [&report, report.server()].map(|process| (process, process.flows())) {
            flow.iter().for_each(|flow| all_sends(&seen, process, flow, way));
        }
    }
}

fn all_sends(seen: &Seen, report: &Report, flow: &Flow, way: &str) {
    let events = seen.of_socket(flow.socket());
    let sends = named(&events, "datagram.send").into_iter().filter(|event| event.peer() == Some(flow.peer()));
    let sends: Vec<_> = sends.inspect(|event| process(event, report)).collect();
    assert_eq!(sends.len() as u64, flow.sends, "{way}: {flow:#?}");
}
