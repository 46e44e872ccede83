//! Sink accounts as users see them: `egret status`, `/metrics` and the last output of a daemon agree, add up at every
//! query, and give a reason for every drop, while destinations fail.

mod disk;
mod metrics;
mod remote;
mod rotation;
mod watcher;

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;

use egret_tests::{Daemon, Ended, SinkAccount, test_alone};
use libtest_mimic::Trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test_alone(
            "compliance::dead_collector_drops_only_its_own_events",
            remote::dead_collector_drops_only_its_own_events,
        ),
        test_alone(
            "compliance::full_disk_drops_events_only_until_there_is_space",
            disk::full_disk_drops_only_until_there_is_space,
        ),
        test_alone("compliance::rotation_loses_no_event", rotation::rotation_loses_no_event),
        test_alone(
            "compliance::slow_subscriber_drops_only_its_own_events",
            watcher::slow_subscriber_drops_only_its_own_events,
        ),
    ]
}

/// Makes this many connections within this process: four events each, plus those of other programs.
fn connect(count: usize) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    for _ in 0..count {
        let _here = TcpStream::connect(address).unwrap();
        let _there = listener.accept().unwrap();
    }
}

/// Makes connections until the account of a sink fulfils a condition; checks all accounts meanwhile.
fn connect_until(daemon: &Daemon, sink: &str, condition: impl Fn(&SinkAccount) -> bool) -> SinkAccount {
    account_when(daemon, sink, |account| {
        connect(100);
        condition(account)
    })
}

/// The account of a sink once it fulfils a condition; all accounts add up meanwhile.
fn account_when(daemon: &Daemon, sink: &str, condition: impl Fn(&SinkAccount) -> bool) -> SinkAccount {
    egret_tests::until(&format!("the account of {sink}"), || {
        metrics::add_up(daemon);
        let account = daemon.sink(sink);
        condition(&account).then_some(account)
    })
}

/// Asserts that all drops have one of these reasons.
fn dropped_for(account: &SinkAccount, reasons: &[&str]) {
    assert!(account.dropped.keys().all(|reason| reasons.contains(&&**reason)), "{account:?}");
}

/// Stops a daemon, which must succeed whatever its destinations do.
fn stop(daemon: Daemon) -> Ended {
    let ended = daemon.stop();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(ended.sinks.values().all(|[_, _, _, queued]| *queued == 0), "{:?}", ended.sinks);
    ended
}

/// The number of records in a file, all of which must be complete.
fn records(lines: &Path) -> u64 {
    let text = fs::read_to_string(lines).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "torn at its end");
    let records = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect(line));
    records.filter(|record| record["event.name"].is_string()).count().try_into().unwrap()
}
