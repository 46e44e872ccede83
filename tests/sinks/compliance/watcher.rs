//! A subscriber that does not read.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use egret_tests::Setup;
use serde_json::Value;

use super::{connect_until, dropped_for, stop};

pub(super) fn slow_subscriber_drops_only_its_own_events() {
    let daemon = Setup::new().json().start();
    let mut watcher = UnixStream::connect(daemon.setup().socket()).unwrap();
    // An HTTP/1.0 answer without a length ends with the connection.
    watcher.write_all(b"GET /v1/events HTTP/1.0\r\n\r\n").unwrap();
    let live = connect_until(&daemon, "live", |account| account.dropped.contains_key("queue_full"));
    dropped_for(&live, &["queue_full"]);
    assert_eq!(daemon.sink("json").lost(), 0);
    let reading = std::thread::spawn(move || {
        let mut answer = String::new();
        watcher.read_to_string(&mut answer).map(|_| answer)
    });
    let ended = stop(daemon);
    let (seen, missed) = counts_of(&reading.join().unwrap().unwrap());
    let [enqueued, sent, dropped, _] = ended.sinks["live"];
    assert_eq!((enqueued, sent, dropped), (seen + missed, seen, missed));
}

/// The number of events in an answer, and the number that it reports as missed.
fn counts_of(answer: &str) -> (u64, u64) {
    let (head, lines) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 "), "{head}");
    let records: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let seen = records.iter().filter(|record| record["event.name"].is_string()).count();
    (seen.try_into().unwrap(), records.iter().filter_map(|record| record["egret.missed"].as_u64()).sum())
}
