//! Losses are counted: `captured = delivered + lost`, to the last record (every trace of every test checks it).

use egret_tests::{Event, Report, Trace, Traffic, until};
use libtest_mimic::Trial;

use crate::checks::{named, stream};
use crate::test_alone;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test_alone("loss::tiny_ring_counts_losses_in_a_connection_storm", || tiny("tcp")),
        test_alone("loss::tiny_ring_counts_losses_in_a_peer_storm", || tiny("udp-changing")),
        test_alone("loss::connection_storm_adds_up", || storm("tcp")),
        test_alone("loss::storm_to_one_peer_adds_up", || storm("udp-one")),
        test_alone("loss::peer_storm_adds_up", || storm("udp-changing")),
    ]
}

fn rage(kind: &str) -> Report {
    Traffic::new(&["storm", "--kind", kind, "--threads", "2", "--seconds", "2", "--size", "64"]).run()
}

/// A ring of one page is too small for a storm; after the storm, every event is complete again.
fn tiny(kind: &str) {
    let trace = Trace::start(&["--no-standing", "--ring-size", "4KiB"]);
    let _storm = rage(kind);
    // Events are lost until the backlog is read, and whenever another program fills a ring of 23 records.
    let mut reports = Vec::new();
    let report = until("connections without a gap after the storm", || {
        reports.push(Traffic::new(&["tcp-blocking"]).run());
        trace.sees(|events| reports.iter().find(|report| is_complete(events, report)).cloned())
    });
    let seen = trace.stop();
    assert!(seen.sum.lost > 0, "{:?}", seen.sum);
    assert!(seen.stderr.contains("lost at flow_ring, ring_full"), "{}", seen.stderr);
    stream(&seen, &report, &report.total);
    stream(&seen, report.server(), &report.server().total);
}

/// Whether both the first and the last event of a connection are reported, for client and server.
fn is_complete(events: &[Event], report: &Report) -> bool {
    let is_whole = |end: &Report| events.iter().rev().filter(|event| event.cookie() == end.total.socket()).count() >= 2;
    is_whole(report) && is_whole(report.server())
}

/// The default ring with both processors busy: no loss, or every loss is counted.
fn storm(kind: &str) {
    let trace = Trace::start(&["--no-standing"]);
    let report = rage(kind);
    let seen = trace.stop();
    println!("{kind}: {:?}", seen.sum);
    assert_eq!(seen.sum.lost > 0, seen.stderr.contains("ring_full"), "{}", seen.stderr);
    if kind == "tcp" {
        let done = report.total.details["done"].as_u64().unwrap();
        let shown = named(&seen.of_pid(report.pid), "connection.open").len() as u64;
        let missing = done - shown;
        assert!(missing <= seen.sum.lost, "{missing} connections are missing, {:?}", seen.sum);
    }
}
