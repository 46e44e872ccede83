//! TCP: every way to open, use and lose a connection.

use egret_tests::{Report, Trace, Traffic};
use libtest_mimic::Trial;

use crate::checks::{FAMILIES, named, only, process, stream};
use crate::test;

/// One client, one server, every byte is echoed.
const ECHOES: [&[&str]; 16] = [
    &["tcp-blocking"],
    &["tcp-nonblocking"],
    &["tcp-fastopen"],
    &["netns", "--inner", "tcp-fastopen"],
    &["tcp-bound"],
    &["tcp-write"],
    &["tcp-writev"],
    &["tcp-sendmsg"],
    &["tcp-sendfile"],
    &["tcp-splice"],
    &["tcp-zerocopy"],
    &["tcp-thread"],
    &["uring-connect"],
    &["uring-sqpoll"],
    &["uring-async"],
    &["netns"],
];

pub(crate) fn trials() -> Vec<Trial> {
    let echoes = ECHOES.map(|way| test(&format!("streams::{}", way.join("_")), || echo(way)));
    let others = [
        test("streams::one_way_stream_is_reported", one_way),
        test("streams::refused_connect_is_a_failure", refused),
        test("streams::unreachable_peer_has_no_invented_errno", unreachable),
        test("streams::socket_reused_after_a_refusal_is_a_new_connection", reused),
        test("streams::accepted_connection_belongs_to_the_forked_child", forked),
        test("streams::accepted_but_unused_connection_is_reported", idle),
        test("streams::connections_of_several_threads_are_all_reported", many),
    ];
    echoes.into_iter().chain(others).collect()
}

fn echo(way: &'static [&'static str]) {
    for family in FAMILIES {
        let trace = Trace::start(&["--no-standing"]);
        let report = Traffic::new(&[way, &["--bytes", "300000"], family].concat()).run();
        let seen = trace.stop_after(&report);
        assert_eq!((report.total.sent, report.total.received), (300_000, 300_000), "{report:#?}");
        both_ends(&seen, &report);
    }
}

fn both_ends(seen: &egret_tests::Seen, report: &Report) {
    let server = report.server();
    stream(seen, report, &report.total);
    stream(seen, server, &server.total);
    let listens = seen.of_pid(server.pid);
    let listen = only(&listens, "listen");
    process(listen, server);
    assert_eq!((listen.local(), listen.peer()), (Some(server.total.local()), None));
    // An open and a close for each endpoint, and the listener.
    assert_eq!(seen.of_report(report).len(), 5, "{:#?}", seen.of_report(report));
}

fn one_way() {
    let trace = Trace::start(&["--no-standing"]);
    let report = Traffic::new(&["tcp-blocking", "--one-way", "--bytes", "20000000"]).run();
    let seen = trace.stop_after(&report);
    both_ends(&seen, &report);
}

fn refused() {
    for family in FAMILIES {
        let trace = Trace::start(&["--no-standing"]);
        let report = Traffic::new(&[&["tcp-refused"], family].concat()).run();
        let seen = trace.stop();
        let events = seen.of_pid(report.pid);
        let failed = only(&events, "connection.failed");
        assert_eq!(events.len(), 1, "{events:#?}");
        process(failed, &report);
        assert_eq!(failed.cookie(), report.total.socket());
        assert_eq!(failed.error.as_deref(), Some("ECONNREFUSED"), "{failed:#?}");
        assert_eq!(failed.peer(), Some(report.total.peer()), "{failed:#?}");
        assert_eq!(failed.local_port, Some(report.total.local().port()), "{failed:#?}");
        assert!(failed.connect_ns.is_some(), "{failed:#?}");
    }
}

/// The hooks see the failure without its error.
fn unreachable() {
    for family in FAMILIES {
        let trace = Trace::start(&["--no-standing"]);
        let report = Traffic::new(&[&["tcp-unreachable"], family].concat()).run();
        let seen = trace.stop();
        let events = seen.of_pid(report.pid);
        let failed = only(&events, "connection.failed");
        assert_eq!(events.len(), 1, "{events:#?}");
        process(failed, &report);
        assert_eq!(failed.peer(), Some(report.total.peer()), "{failed:#?}");
        let reported = failed.error.as_deref();
        assert!(reported.is_none_or(|error| Some(error) == report.total.errno.as_deref()), "{failed:#?}");
    }
}

fn reused() {
    let trace = Trace::start(&["--no-standing"]);
    let report = Traffic::new(&["tcp-reuse"]).run();
    let seen = trace.stop_after(&report);
    let [first, second] = report.flows() else { panic!("{report:#?}") };
    let events = seen.of_socket(second.socket());
    let failed = only(&events, "connection.failed");
    assert_eq!((failed.error.as_deref(), failed.peer()), (Some("ECONNREFUSED"), Some(first.peer())));
    let opened = only(&events, "connection.open");
    let closed = only(&events, "connection.close");
    assert_eq!((opened.peer(), closed.peer()), (Some(second.peer()), Some(second.peer())));
    assert_eq!((closed.sent, closed.received), (Some(second.sent), Some(second.received)), "{closed:#?}");
    assert_eq!(opened.connection, closed.connection);
    assert_ne!(failed.connection, opened.connection, "two uses of one socket are two connections");
    events.iter().for_each(|event| process(event, &report));
}

fn forked() {
    for family in FAMILIES {
        let trace = Trace::start(&["--no-standing"]);
        let report = Traffic::new(&[&["tcp-fork-accept"], family].concat()).run();
        let seen = trace.stop_after(&report);
        let server = report.server();
        let [worker] = server.children.as_slice() else { panic!("{report:#?}") };
        stream(&seen, &report, &report.total);
        stream(&seen, worker, &worker.total);
        only(&seen.of_pid(server.pid), "listen");
        assert_eq!(seen.of_pid(server.pid).len(), 1, "the one that accepted and did nothing else");
    }
}

fn idle() {
    let trace = Trace::start(&["--no-standing"]);
    let report = Traffic::new(&["tcp-idle-accept", "--count", "3"]).run();
    let seen = trace.stop_after(&report);
    let server = report.server();
    assert_eq!((report.flows().len(), server.flows().len()), (3, 3));
    report.flows().iter().for_each(|flow| stream(&seen, &report, flow));
    server.flows().iter().for_each(|flow| stream(&seen, server, flow));
}

fn many() {
    let trace = Trace::start(&["--no-standing"]);
    let report = Traffic::new(&["thread-storm", "--threads", "8", "--count", "50", "--bytes", "1000"]).run();
    let seen = trace.stop_after(&report);
    let server = report.server();
    assert_eq!((report.flows().len(), server.flows().len()), (400, 400));
    report.flows().iter().for_each(|flow| stream(&seen, &report, flow));
    server.flows().iter().for_each(|flow| stream(&seen, server, flow));
    assert_eq!(named(&seen.of_report(&report), "connection.open").len(), 400);
}
