//! Queries of a log: the result is that of checking every event.

use egret_exporters::names;
use egret_exporters::parquet::read::{Criterion, Query};
use egret_model::{Endpoint, Event, Server, Timestamp};
use proptest::prelude::*;

use crate::log::{Log, SECOND, TEN_AT_NIGHT, line, lines, numbered};

/// Ten thousand events, one a second, with different values in the queried columns; many row groups and pages.
fn written() -> (Log, Vec<Event>) {
    let mut log = Log::new();
    log.settings.row_group_rows = 1_500;
    let mut events = numbered(0..10_000);
    for (number, event) in events.iter_mut().enumerate() {
        let [.., third, fourth] = u16::try_from(number).unwrap().to_be_bytes();
        event.peer = Endpoint {
            address: Some([10, 0, third, fourth].into()),
            port: Some(u16::from(fourth) + 1),
            interface: None,
        };
        event.local.port = Some(60_000 - u16::from(third));
        event.server = (number % 3 > 0).then(|| Server {
            name: format!("host-{}.example.{}", number / 1_000, number % 3).into(),
            ..event.server.clone().unwrap()
        });
    }
    log.write(events.clone());
    (log, events)
}

fn moment(second: i64) -> Timestamp {
    Timestamp(TEN_AT_NIGHT.0 + second * SECOND)
}

fn expected(events: &[Event], asked_for: impl Fn(&Event) -> bool) -> Vec<String> {
    events.iter().filter(|event| asked_for(event)).map(line).collect()
}

#[test]
fn criterion_selects_exactly_its_matches() {
    let (log, events) = written();
    let found = |criteria: Vec<Criterion>| lines(&log.find(Query { criteria, ..Query::default() }));
    let peer = |address: &str| Criterion::one_of(names::NETWORK_PEER_ADDRESS, vec![address.to_owned()]);
    let is_peer = |event: &Event, address: &str| event.peer.address.unwrap().to_string() == address;
    assert_eq!(found(vec![peer("10.0.20.7")]), expected(&events, |event| is_peer(event, "10.0.20.7")));
    assert_eq!(found(vec![peer("192.0.2.1")]), [""; 0]);

    let suffix = Criterion::text(names::SERVER_ADDRESS, |name| name.ends_with(".2"));
    let has_suffix = |event: &Event| event.server.as_ref().is_some_and(|server| server.name.ends_with(".2"));
    assert_eq!(found(vec![suffix.clone()]), expected(&events, has_suffix));

    let ports = Criterion::Number {
        attributes: vec![names::NETWORK_LOCAL_PORT, names::NETWORK_PEER_PORT],
        ranges: vec![5..=6, 59_990..=59_990],
    };
    let has_port = |event: &Event| {
        [event.local.port, event.peer.port].into_iter().flatten().any(|port| [5, 6, 59_990].contains(&port))
    };
    assert_eq!(found(vec![ports.clone()]), expected(&events, has_port));
    assert_eq!(found(vec![ports, suffix]), expected(&events, |event| has_port(event) && has_suffix(event)));
}

#[test]
fn filter_on_an_absent_value_matches_nothing() {
    let (log, _) = written();
    let criteria = vec![Criterion::one_of(names::VERDICT, vec!["block".into()])];
    assert!(log.find(Query { criteria, ..Query::default() }).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn period_includes_its_beginning_and_excludes_its_end(first in -100_i64..11_000, length in 0_i64..4_000) {
        thread_local!(static WRITTEN: (Log, Vec<Event>) = written());
        WRITTEN.with(|(log, events)| {
            let (since, until) = (moment(first), moment(first + length));
            let found = log.find(Query { since: Some(since), until: Some(until), criteria: Vec::new() });
            prop_assert_eq!(lines(&found), expected(events, |event| event.time >= since && event.time < until));
            Ok(())
        })?;
    }
}
