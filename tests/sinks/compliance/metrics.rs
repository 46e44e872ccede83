//! Sink accounts from a scrape.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use egret_tests::{Daemon, SinkAccount};

/// The accounts of all sinks from one scrape, each of which adds up.
pub(super) fn add_up(daemon: &Daemon) -> BTreeMap<String, SinkAccount> {
    let mut accounts: BTreeMap<String, SinkAccount> = BTreeMap::new();
    for (name, labels, count) in scrape(daemon).lines().filter_map(sample) {
        let Some(sink) = labels.get("sink") else { continue };
        let account = accounts.entry(sink.clone()).or_default();
        match name {
            "egret_sink_enqueued_total" => account.enqueued = count,
            "egret_sink_sent_total" => account.sent = count,
            "egret_sink_queue_events" => account.queued = count,
            "egret_sink_dropped_total" if count > 0 => drop(account.dropped.insert(labels["reason"].clone(), count)),
            _ => {}
        }
    }
    assert!(!accounts.is_empty(), "no sink has metrics");
    for (sink, account) in &accounts {
        assert_eq!(account.enqueued, account.sent + account.lost() + account.queued, "{sink}: {account:?}");
    }
    accounts
}

fn scrape(daemon: &Daemon) -> String {
    let mut stream = TcpStream::connect(daemon.metrics()).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, page) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 "), "{head}");
    page.to_owned()
}

/// Name, labels and value of an integer sample; labels here need no escapes.
fn sample(line: &str) -> Option<(&str, BTreeMap<String, String>, u64)> {
    let (name, rest) = line.split_once('{')?;
    let (labels, count) = rest.rsplit_once("} ")?;
    let labels = labels.split(',').filter_map(|label| label.split_once('='));
    let labels = labels.map(|(label, value)| (label.to_owned(), value.trim_matches('"').to_owned()));
    Some((name, labels.collect(), count.parse().ok()?))
}
