//! Series and memory are limited for any input, and every event is counted once.

use std::collections::BTreeMap;
use std::fs;

use egret_exporters::prometheus::Metrics;
use egret_model::{Endpoint, Event, EventName, Verdict};
use proptest::prelude::*;

use crate::situation::{event, metrics, of, opened, scrape};

const STORM: u32 = 100_000;
const LIMIT: usize = 50;

/// A connection of a program to a peer that occur once.
fn stranger(number: u32) -> Event {
    let peer = Endpoint { address: Some(number.to_be_bytes().into()), port: Some(443), interface: None };
    Event { peer, ..opened(&format!("/tmp/build-{number:0200}/program")) }
}

fn storm(metrics: &Metrics, first: u32) {
    for start in (first..first + STORM).step_by(1000) {
        metrics.count(&(start..start + 1000).map(stranger).collect::<Vec<_>>());
    }
}

fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

#[test]
fn series_and_memory_are_limited_with_many_rare_values() {
    let metrics = metrics(LIMIT, LIMIT);
    storm(&metrics, 0);
    let first = scrape(&metrics);
    let resident = resident_kib();
    storm(&metrics, STORM);
    let second = scrape(&metrics);
    // Other tests of this program run beside it; 200,000 labels of 220 bytes would be 43 MB.
    assert!(resident_kib() < resident + 8 * 1024, "{} KiB, then {resident} KiB", resident_kib());

    assert_eq!(first.len(), second.len());
    assert_eq!(second["egret_series"], second.len() as f64);
    for label in ["executable", "peer"] {
        let sum = |name: &str| second[&format!("{name}{{label=\"{label}\"}}")];
        assert_eq!(sum("egret_series_label_values"), LIMIT as f64);
        assert_eq!(sum("egret_series_label_values_limit"), LIMIT as f64);
        assert_eq!(sum("egret_series_other_total"), f64::from(2 * STORM) - LIMIT as f64);
        assert_eq!(sum("egret_series_replaced_total"), 0.0);
    }
    for metric in ["egret_connections_total", "egret_peer_connections_total"] {
        let series = of(&second, metric);
        assert_eq!(series.len(), LIMIT + 1);
        assert_eq!(series.values().sum::<f64>(), f64::from(2 * STORM));
    }
}

#[test]
fn frequent_value_gets_series_after_many_rare_ones() {
    let metrics = metrics(LIMIT, LIMIT);
    storm(&metrics, 0);
    scrape(&metrics);
    let busy: Vec<Event> = (0..20).map(|number| stranger(u32::MAX - number)).collect();
    for start in (STORM..STORM + 10_000).step_by(100) {
        metrics.count(&(start..start + 100).map(stranger).collect::<Vec<_>>());
        metrics.count(&busy);
    }
    let shown = scrape(&metrics);
    let peers = of(&shown, "egret_peer_connections_total");
    for event in busy {
        let address = event.peer.address.unwrap();
        let count = peers[&*format!("direction=\"outbound\",scope=\"network\",peer=\"{address}\"")];
        assert!(count > 90.0, "{address}: {count}");
    }
}

#[test]
fn long_paths_are_truncated() {
    let metrics = metrics(LIMIT, LIMIT);
    let path = "/".to_owned() + &"ü".repeat(2000);
    metrics.count(&[opened(&path)]);
    let shown = scrape(&metrics);
    let (labels, _) = of(&shown, "egret_connections_total").pop_first().unwrap();
    let value = labels.split_once("executable=\"").unwrap().1.strip_suffix('"').unwrap();
    assert!(value.len() <= 256 && value.ends_with("ü…"), "{value}");
}

/// The state of a scraping server: the last value of each series, and the sum of all increases.
#[derive(Default)]
struct Server {
    last: BTreeMap<String, f64>,
    increases: BTreeMap<&'static str, f64>,
}

const COUNTED: [&str; 6] = [
    "egret_connections_total",
    "egret_connection_failures_total",
    "egret_bytes_total",
    "egret_blocked_total",
    "egret_peer_connections_total",
    "egret_peer_blocked_total",
];

impl Server {
    /// A value below the last is a counter reset, as for Prometheus.
    fn scrape(&mut self, metrics: &Metrics) {
        let now = scrape(metrics);
        for metric in COUNTED {
            for (series, value) in now.iter().filter(|(series, _)| series.starts_with(&format!("{metric}{{"))) {
                let last = self.last.get(series).copied().filter(|last| last <= value).unwrap_or(0.0);
                *self.increases.entry(metric).or_default() += value - last;
            }
        }
        self.last = now;
    }
}

proptest! {
    // Each case scrapes often.
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Series come and go with executables and peers: the increases that a server sees are the events.
    #[test]
    fn sum_of_increases_counts_every_event_once(
        limit in 0_usize..4,
        steps in prop::collection::vec((0_u8..30, 0_u8..4, 1_usize..20), 1..200),
    ) {
        let metrics = metrics(limit, limit);
        let mut server = Server::default();
        let mut happened = BTreeMap::from(COUNTED.map(|metric| (metric, 0.0)));
        let mut add = |metric: &str, amount: usize| *happened.get_mut(metric).unwrap() += amount as f64;
        for (who, what, amount) in steps {
            let mut event = match what {
                0 => opened(&format!("/{who}")),
                1 => Event { bytes_sent: Some(3), ..event(EventName::ConnectionClose, &format!("/{who}")) },
                2 => Event { verdict: Some(Verdict::WouldBlock), ..opened(&format!("/{who}")) },
                _ => Event { error: Some(who.into()), ..event(EventName::ConnectionFailed, &format!("/{who}")) },
            };
            event.peer.address = Some([192, 0, 2, who].into());
            metrics.count(&vec![event; amount]);
            match what {
                0 | 2 => {
                    add("egret_connections_total", amount);
                    add("egret_peer_connections_total", amount);
                    add("egret_blocked_total", if what == 2 { amount } else { 0 });
                    add("egret_peer_blocked_total", if what == 2 { amount } else { 0 });
                }
                1 => add("egret_bytes_total", 3 * amount),
                _ => add("egret_connection_failures_total", amount),
            }
            if amount % 4 == 0 {
                server.scrape(&metrics);
            }
        }
        server.scrape(&metrics);
        for (metric, amount) in happened {
            prop_assert_eq!(server.increases.get(metric).copied().unwrap_or(0.0), amount, "{}", metric);
        }
    }
}
