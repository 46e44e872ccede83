//! Sockets without ports, and Unix sockets, which must not be reported.

use egret_tests::{Trace, Traffic};
use libtest_mimic::Trial;

use crate::checks::{only, process};
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    const CASES: [(&[&str], &str); 10] = [
        (&["icmp-raw"], "icmp"),
        (&["icmp-raw", "--ipv6"], "icmp"),
        (&["icmp-raw", "--connected"], "icmp"),
        (&["netns", "--inner", "icmp-raw"], "icmp"),
        (&["netns", "--inner", "icmp-dgram"], "icmp"),
        (&["netns", "--inner", "icmp-dgram", "--ipv6"], "icmp"),
        (&["raw-proto"], "raw"),
        (&["raw-proto", "--ipv6"], "raw"),
        (&["raw-proto", "--connected"], "raw"),
        (&["raw-proto", "--connected", "--ipv6"], "raw"),
    ];
    let internet = CASES.map(|(way, transport)| test(&format!("others::{}", way.join("_")), || raw(way, transport)));
    let others = [
        test("others::raw_sockets_have_no_ports", no_ports),
        test("others::packet_socket_is_reported", packet),
        test("others::packet_socket_closed_just_before_the_end_is_reported", packet_at_the_end),
        test("others::unix_sockets_are_not_reported", unix),
    ];
    internet.into_iter().chain(others).collect()
}

fn raw(way: &'static [&'static str], transport: &str) {
    let trace = Trace::start(&["--no-standing"]);
    let report = Traffic::new(&[way, &["--bytes", "20000"]].concat()).run();
    let seen = trace.stop_after(&report);
    assert_eq!((report.total.sent, report.total.errno.as_deref()), (20_000, None), "{report:#?}");
    let events = seen.of_socket(report.total.socket());
    for event in &events {
        process(event, &report);
        assert_eq!(event.transport.as_deref(), Some(transport), "{event:#?}");
    }
    let sent = only(&events, "datagram.send");
    assert_eq!(sent.sent, Some(1000), "{sent:#?}");
    let closed = only(&events, "connection.close");
    // IPv4 raw sockets deliver the IP header too, which both counts include.
    let counted = (Some(report.total.sent), Some(report.total.received));
    assert_eq!((closed.sent, closed.received), counted, "{closed:#?}");
    if way.contains(&"--connected") {
        let peer = report.total.peer.as_deref().map(|peer| peer.parse().unwrap());
        assert_eq!(closed.peer_address, peer, "{closed:#?}");
    }
}

/// The kernel stores the protocol of a raw socket in place of its port.
fn no_ports() {
    for way in ["icmp-raw", "raw-proto"] {
        let trace = Trace::start(&["--no-standing"]);
        let report = Traffic::new(&[way]).run();
        let seen = trace.stop_after(&report);
        let events = seen.of_socket(report.total.socket());
        assert!(!events.is_empty(), "{way}");
        for event in events {
            assert_eq!((event.local_port, event.peer_port), (None, None), "{event:#?}");
        }
    }
}

fn packet() {
    let trace = Trace::start(&["--no-standing"]);
    let report = Traffic::new(&["packet", "--bytes", "20000"]).run();
    let seen = trace.stop_after(&report);
    let events = seen.of_socket(report.total.socket());
    for event in &events {
        process(event, &report);
        assert_eq!(event.transport.as_deref(), Some("packet"), "{event:#?}");
    }
    let sent = only(&events, "datagram.send");
    assert_eq!(sent.sent, Some(1000), "{sent:#?}");
    let closed = only(&events, "connection.close");
    assert_eq!((closed.sent, closed.received), (Some(report.total.sent), Some(report.total.received)), "{closed:#?}");
}

/// No hook sees the end of such a socket: the tables are read at the end, too.
fn packet_at_the_end() {
    for arguments in [&["packet", "--bytes", "20000"][..], &["netns", "--inner", "packet", "--bytes", "20000"]] {
        let trace = Trace::start(&["--no-standing"]);
        let report = Traffic::new(arguments).run();
        let seen = trace.stop();
        let closed = only(&seen.of_socket(report.total.socket()), "connection.close").clone();
        assert_eq!(closed.sent, Some(report.total.sent), "{closed:#?}");
    }
}

fn unix() {
    let trace = Trace::start(&["--no-standing"]);
    let report = Traffic::new(&["unix"]).run();
    // Events come in order: once the later connection is reported, an event of the Unix socket would be there as well.
    let loud = Traffic::new(&["tcp-blocking"]).run();
    let seen = trace.stop_after(&loud);
    assert_eq!(report.total.sent, 100_000);
    assert!(!seen.of_pid(loud.pid).is_empty());
    assert!(seen.of_pid(report.pid).is_empty(), "{:#?}", seen.of_pid(report.pid));
}
