//! How long an event takes. `cargo test --release -p egret-exporters --test prometheus -- --ignored --nocapture`

use std::sync::Arc;
use std::time::Instant;

use egret_model::{Event, EventName};

use crate::situation::{event, metrics, opened, process, text};

const EVENTS: usize = 4_000_000;
const BATCH: usize = 1000;

fn nanoseconds(what: &str, batch: impl Fn(usize) -> Vec<Event>) {
    let metrics = metrics(100, 100);
    let batches: Vec<_> = (0..100).map(batch).collect();
    let start = Instant::now();
    for number in 0..EVENTS / BATCH {
        metrics.count(&batches[number % batches.len()]);
    }
    println!("{what}: {} ns an event", start.elapsed().as_nanos() / EVENTS as u128);
    let start = Instant::now();
    let page = text(&metrics);
    println!(
        "  a scrape of it: {} us, {} lines, {} bytes",
        start.elapsed().as_micros(),
        page.lines().count(),
        page.len()
    );
}

/// An opening and a close for each connection, of programs and peers in turn.
fn connections(programs: usize, peers: usize, first: usize) -> Vec<Event> {
    let processes: Vec<_> = (0..programs).map(|number| process(&format!("/usr/lib/program-{number}/bin/it"))).collect();
    let mut events = Vec::new();
    for number in first..first + BATCH / 2 {
        let closed = Event {
            connection_duration_ns: Some(1_000_000_000),
            bytes_sent: Some(1),
            bytes_received: Some(1),
            retransmits: Some(0),
            rtt_ns: Some(1_000_000),
            ..event(EventName::ConnectionClose, "")
        };
        for mut event in [opened(""), closed] {
            event.process = Some(Arc::clone(&processes[number % programs]));
            event.peer.address = Some(u32::try_from(number % peers).unwrap().to_be_bytes().into());
            events.push(event);
        }
    }
    events
}

#[test]
#[ignore = "measures; makes sense in a release build alone"]
fn duration_of_an_event_is_measured() {
    nanoseconds("5 programs, 20 peers", |_| connections(5, 20, 0));
    nanoseconds("100 programs, 100 peers, all with series", |_| connections(100, 100, 0));
    nanoseconds("500 programs, 50,000 peers", |batch| connections(500, 50_000, batch * BATCH / 2));
}
