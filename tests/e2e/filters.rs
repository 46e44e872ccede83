//! `--pid`, `--exe`, `--user`, `--port`, `--peer`, `--transport`: every matching event, and no other.

use egret_tests::{Report, Scratch, Seen, Server, Trace, Traffic};
use libtest_mimic::Trial;

use crate::checks::{datagrams, stream};
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("filters::pid_selects_its_events", pid),
        test("filters::executable_selects_its_events", executable),
        test("filters::user_selects_its_events", user),
        test("filters::port_selects_its_events", port),
        test("filters::peer_selects_its_events", peer),
        test("filters::transport_selects_its_events", transport),
        test("filters::all_criteria_must_match", together),
    ]
}

/// Asserts that every event belongs to one of these processes.
fn shows_only(seen: &Seen, wanted: &[&Report]) {
    let pids: Vec<_> = wanted.iter().map(|report| Some(report.pid)).collect();
    let others: Vec<_> = seen.events.iter().filter(|event| !pids.contains(&event.pid)).collect();
    assert!(!seen.events.is_empty() && others.is_empty(), "{others:#?}");
}

fn pid() {
    let [wanted, other] = ["tcp-blocking"; 2].map(|way| Traffic::new(&[way, "--wait-stdin"]).start());
    let trace = Trace::start(&["--no-standing", "--pid", &wanted.pid().to_string()]);
    let (_, wanted) = (other.go(), wanted.go());
    let seen = trace.stop_after(&wanted.alone());
    shows_only(&seen, &[&wanted]);
    stream(&seen, &wanted, &wanted.total);
}

fn executable() {
    let scratch = Scratch::new();
    let name = format!("wanted-{}", std::process::id());
    let copy = scratch.copy(&egret_tests::traffic(), &name);
    for filter in [copy.to_str().unwrap(), &name] {
        let trace = Trace::start(&["--no-standing", "--exe", filter]);
        let _other = Traffic::new(&["tcp-blocking"]).run();
        let wanted = Traffic::by(&copy, &["tcp-blocking"]).run();
        let seen = trace.stop_after(&wanted);
        shows_only(&seen, &[&wanted, wanted.server()]);
        stream(&seen, &wanted, &wanted.total);
    }
}

fn user() {
    let scratch = Scratch::new();
    let copy = scratch.copy(&egret_tests::traffic(), "traffic-for-all");
    let trace = Trace::start(&["--no-standing", "--user", "3912345679"]);
    let _other = Traffic::by(&copy, &["tcp-blocking"]).run();
    let wanted = Traffic::by(&copy, &["tcp-blocking"]).user(3_912_345_679).run();
    let seen = trace.stop_after(&wanted);
    shows_only(&seen, &[&wanted, wanted.server()]);
    stream(&seen, &wanted, &wanted.total);
}

fn port() {
    let [wanted, other] = ["tcp-echo"; 2].map(|serve| Server::start(serve, "127.0.0.1"));
    let trace = Trace::start(&["--no-standing", "--port", &wanted.address.port().to_string()]);
    let [client, _] =
        [&wanted, &other].map(|server| Traffic::new(&["tcp-blocking", "--peer", &server.address.to_string()]).run());
    let server = wanted.finish();
    let seen = trace.stop_after(&server);
    // Either endpoint has the port.
    shows_only(&seen, &[&client, &server]);
    stream(&seen, &client, &client.total);
    stream(&seen, &server, &server.total);
}

fn peer() {
    // Addresses that no other test uses.
    let [near, far] = ["127.81.7.1", "127.82.7.1"].map(|address| Server::start("udp-echo", address));
    for network in ["127.81.7.1", "127.81.0.0/16", "::ffff:127.81.7.1"] {
        let trace = Trace::start(&["--no-standing", "--peer", network]);
        let [wanted, _] =
            [&near, &far].map(|server| Traffic::new(&["udp-sendto", "--peer", &server.address.to_string()]).run());
        let seen = trace.stop_after(&wanted);
        shows_only(&seen, &[&wanted]);
        datagrams(&seen, &wanted, &wanted.total);
    }
}

fn transport() {
    let trace = Trace::start(&["--no-standing", "--transport", "udp"]);
    let other = Traffic::new(&["tcp-blocking"]).run();
    let wanted = Traffic::new(&["udp-sendto"]).run();
    let seen = trace.stop_after(&wanted);
    assert!(seen.of_report(&other).is_empty());
    assert!(seen.events.iter().all(|event| event.transport.as_deref() == Some("udp")), "{:#?}", seen.events);
    datagrams(&seen, &wanted, &wanted.total);
}

fn together() {
    let [tcp, udp] = ["tcp-blocking", "udp-sendto"].map(|way| Traffic::new(&[way, "--wait-stdin"]).start());
    let pids = format!("{},{}", tcp.pid(), udp.pid());
    let trace = Trace::start(&["--no-standing", "--pid", &pids, "--transport", "udp"]);
    let (_, udp) = (tcp.go(), udp.go());
    let seen = trace.stop_after(&udp.alone());
    shows_only(&seen, &[&udp]);
    datagrams(&seen, &udp, &udp.total);
}
