//! An unreachable collector.

use std::net::{Ipv4Addr, TcpListener};

use egret_tests::Setup;

use super::{account_when, connect, dropped_for, metrics, records, stop};

pub(super) fn dead_collector_drops_only_its_own_events() {
    let setup = Setup::new().json().otlp("grpc", &nobody()).text("otlp.retry_for", "1s");
    let daemon = setup.start();
    connect(100);
    let spans = account_when(&daemon, "otlp", |account| account.dropped.contains_key("unreachable"));
    // The queue fills up if other programs make many connections meanwhile.
    dropped_for(&spans, &["unreachable", "queue_full"]);
    assert!(metrics::add_up(&daemon)["otlp"].dropped["unreachable"] >= spans.dropped["unreachable"]);
    let ended = stop(daemon);
    let [enqueued, sent, dropped, _] = ended.sinks["json"];
    assert_eq!((sent, dropped), (enqueued, 0));
    assert_eq!(records(&ended.setup.lines()), sent);
    let complaints = ended.stderr.lines().filter(|line| line.contains("collector")).count();
    assert!((1..20).contains(&complaints), "{}", ended.stderr);
}

/// An address without a listener.
fn nobody() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}
