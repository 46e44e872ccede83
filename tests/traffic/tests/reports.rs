//! The reports of both endpoints must agree: they are different processes that count their own calls.
//!
//! Needs root, for raw sockets and network namespaces.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first thing that is not as it should be")]

use std::process::{Command, Output};

use serde_json::Value;

const FAMILIES: [&[&str]; 3] = [&[], &["--ipv6"], &["--mapped"]];

/// Ways in which one client sends `--bytes` to one server and gets all of it back.
const ECHOES: [&str; 22] = [
    "tcp-blocking",
    "tcp-nonblocking",
    "tcp-fastopen",
    "tcp-bound",
    "tcp-write",
    "tcp-writev",
    "tcp-sendmsg",
    "tcp-sendfile",
    "tcp-splice",
    "tcp-zerocopy",
    "tcp-thread",
    "uring-connect",
    "uring-sqpoll",
    "uring-async",
    "uring-udp",
    "udp-connected",
    "udp-write",
    "udp-sendto",
    "udp-sendmsg",
    "udp-gso",
    "udp-gro",
    "netns",
];

fn traffic(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_egret-traffic")).args(arguments).output().unwrap()
}

fn report(arguments: &[&str]) -> Value {
    let output = traffic(arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?} ended with {}: {errors}", output.status);
    assert_eq!(text.lines().count(), 1, "{arguments:?} printed {text:?}");
    serde_json::from_str(&text).unwrap()
}

fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("no number {key} in {value}"))
}

fn children(report: &Value) -> &[Value] {
    report["children"].as_array().unwrap()
}

/// The port at the end of `address:port`.
fn port<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}")).rsplit(':').next().unwrap()
}

#[test]
fn both_endpoints_of_an_echo_have_equal_counts() {
    for way in ECHOES {
        for family in FAMILIES {
            let client = report(&[&[way, "--bytes", "123456"], family].concat());
            let [server] = children(&client) else { panic!("{way}: not one server: {client}") };
            assert_eq!(client["errno"], Value::Null, "{way} {family:?}");
            for (end, key) in [(&client, "sent"), (&client, "received"), (server, "sent"), (server, "received")] {
                assert_eq!(number(end, key), 123_456, "{way} {family:?} {key}: {client}");
            }
            assert_ne!(client["pid"], server["pid"]);
            assert_ne!(client["cookie"], server["cookie"]);
            assert_eq!((client["role"].as_str(), server["role"].as_str()), (Some("client"), Some("server")));
            assert_eq!(client["peer"], server["local"], "{way} {family:?}");
            assert_eq!(port(&client, "local"), port(server, "peer"), "{way} {family:?}");
        }
    }
}

#[test]
fn every_report_names_its_way() {
    let list = String::from_utf8(traffic(&["list"]).stdout).unwrap();
    let names: Vec<_> = list.lines().map(|line| line.split('\t').next().unwrap()).collect();
    assert!(names.len() > 40, "{list}");
    for way in names.into_iter().filter(|way| !["list", "server", "hand"].contains(way)) {
        let arguments = [way, "--bytes", "2000", "--count", "2", "--threads", "2", "--seconds", "0.1"];
        assert_eq!(report(&arguments)["way"], way);
    }
}

#[test]
fn error_is_reported_by_name() {
    for family in FAMILIES {
        for (way, errno, sent) in [
            ("tcp-refused", "ECONNREFUSED", 0),
            ("tcp-unreachable", "ENETUNREACH", 0),
            // The answer to the first datagram fails the second.
            ("udp-refused", "ECONNREFUSED", 1000),
        ] {
            let report = report(&[&[way], family].concat());
            assert_eq!(report["errno"], errno, "{way} {family:?}");
            assert_eq!(number(&report, "sent"), sent, "{way} {family:?}");
        }
    }
}

#[test]
fn reused_socket_reports_a_refused_and_an_open_connection() {
    let report = report(&["tcp-reuse"]);
    let [first, second] = report["flows"].as_array().unwrap().as_slice() else { panic!("{report}") };
    assert_eq!((first["errno"].as_str(), number(first, "sent")), (Some("ECONNREFUSED"), 0));
    assert_eq!((second["errno"].as_str(), number(second, "sent")), (None, 100_000));
    assert_ne!(first["peer"], second["peer"]);
    assert_eq!(second["local"], children(&report)[0]["peer"]);
}

#[test]
fn every_peer_receives_its_datagrams() {
    for way in ["udp-many-peers", "udp-sendmmsg", "udp-threads"] {
        for family in FAMILIES {
            let several = ["--peers", "6", "--threads", "6", "--rounds", "5", "--count", "5", "--size", "700"];
            let client = report(&[&[way], &several[..], family].concat());
            let flows = client["flows"].as_array().unwrap();
            let served = children(&client)[0]["flows"].as_array().unwrap();
            assert_eq!((flows.len(), served.len()), (6, 6), "{way} {family:?}");
            for flow in flows {
                let other = served.iter().find(|other| other["local"] == flow["peer"]).unwrap();
                assert_eq!((number(flow, "sent"), number(flow, "received")), (3500, 3500), "{way} {family:?}");
                assert_eq!((number(other, "sent"), number(other, "received")), (3500, 3500), "{way} {family:?}");
            }
        }
    }
}

#[test]
fn forked_child_uses_the_connection() {
    let client = report(&["tcp-fork-accept"]);
    let server = &children(&client)[0];
    let worker = &children(server)[0];
    assert_eq!((number(server, "sent"), number(worker, "sent")), (0, 100_000));
    assert_ne!(server["pid"], worker["pid"]);
    assert_eq!(worker["peer"], client["local"]);
}

#[test]
fn each_short_lived_process_has_a_connection() {
    let parent = report(&["tcp-short", "--count", "50"]);
    let (server, short): (Vec<_>, Vec<_>) = children(&parent).iter().partition(|child| child["way"] == "server");
    assert_eq!(short.len(), 50);
    assert!(short.iter().all(|child| number(child, "sent") == 1 && child["pid"] != parent["pid"]));
    let accepted = server[0]["flows"].as_array().unwrap();
    assert!(short.iter().all(|child| accepted.iter().any(|flow| flow["peer"] == child["local"])));
}

#[test]
fn server_reports_its_clients() {
    let server = report(&["udp-server", "--count", "3", "--bytes", "5000"]);
    assert_eq!((server["role"].as_str(), number(&server, "received")), (Some("server"), 15_000));
    let flows = server["flows"].as_array().unwrap();
    for client in children(&server) {
        let flow = flows.iter().find(|flow| flow["peer"] == client["local"]).unwrap();
        assert_eq!((number(flow, "received"), number(client, "sent")), (5000, 5000));
    }
}

#[test]
fn idle_connection_transfers_no_bytes() {
    let client = report(&["tcp-idle-accept", "--count", "2"]);
    let server = &children(&client)[0];
    let calls = |end| ["sends", "receives", "sent", "received"].map(|key| number(end, key));
    assert_eq!((calls(&client), calls(server)), ([0; 4], [0; 4]));
    assert_eq!((client["errno"].as_str(), number(&server["details"], "flows")), (None, 2));
}

#[test]
fn protocols_without_ports_receive_answers() {
    for (way, overhead) in [("icmp-raw", 4000 + 80), ("raw-proto", 40)] {
        for connected in [&[][..], &["--connected"]] {
            let four = report(&[&[way, "--bytes", "4000", "--size", "2000"], connected].concat());
            assert_eq!((number(&four, "sent"), four["errno"].as_str()), (4000, None), "{way}");
            // IPv4 raw sockets return the IP header as well, and ICMP ones the request that looped back. Other
            // pings on the host may come on top.
            assert!(number(&four, "received") >= 4000 + overhead, "{way}: {four}");
            let six = report(&[&[way, "--bytes", "4000", "--ipv6"], connected].concat());
            assert_eq!((number(&six, "sent"), six["errno"].as_str()), (4000, None), "{way}");
        }
    }
    let frames = report(&["packet", "--bytes", "4000"]);
    assert_eq!((number(&frames, "sent"), number(&frames, "received")), (4000, 4000));
}

#[test]
fn new_namespace_permits_ping_sockets_and_fast_open() {
    let host = report(&["getppid", "--count", "1"]);
    for family in [&[][..], &["--ipv6"]] {
        let ping = report(&[&["netns", "--inner", "icmp-dgram", "--bytes", "3000"], family].concat());
        assert_eq!((number(&ping, "sent"), number(&ping, "received")), (3000, 3000), "{ping}");
        assert_ne!(ping["netns"], host["netns"]);
    }
    let fast = report(&["netns", "--inner", "tcp-fastopen"]);
    assert_eq!(fast["details"]["syn_data_acknowledged"], true);
}

#[test]
fn deleted_or_replaced_executable_still_runs() {
    for (disturb, suffix) in
        [(&[][..], "copied-traffic"), (&["--unlink"], " (deleted)"), (&["--replace"], " (deleted)")]
    {
        let parent = report(&[&["exec-replaced"], disturb].concat());
        let copy = &children(&parent)[0];
        assert!(copy["exe"].as_str().unwrap().ends_with(suffix), "{disturb:?}: {copy}");
        assert_eq!(number(copy, "received"), 100_000);
        assert_ne!(copy["exe"], children(&parent)[1]["exe"]);
    }
}

#[test]
fn storm_counts_its_operations() {
    let tcp = report(&["storm", "--kind", "tcp", "--seconds", "0.2"]);
    assert_eq!(number(&tcp["details"], "done"), number(&children(&tcp)[0]["details"], "flows"));
    for kind in ["udp-one", "udp-changing"] {
        let udp = report(&["storm", "--kind", kind, "--seconds", "0.2", "--size", "10", "--threads", "3"]);
        assert_eq!(udp["flows"].as_array().unwrap().len(), 3);
        assert!(number(&udp, "sends") > 1000, "{udp}");
        assert_eq!(number(&udp, "sent"), number(&udp, "sends") * 10);
        assert_eq!(number(&udp, "sends"), number(&udp["details"], "done"));
    }
}

#[test]
fn usage_errors_are_refused() {
    assert_eq!(traffic(&["no-such-way"]).status.code(), Some(2));
    for arguments in [&["udp-sendto", "--size", "0"][..], &["storm", "--kind", "udp-changing", "--ipv6"]] {
        let output = traffic(arguments);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{arguments:?}");
        assert!(output.stderr.starts_with(b"egret-traffic: "), "{arguments:?}");
    }
}
