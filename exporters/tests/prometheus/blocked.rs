//! Metrics of blocked connections.

use std::sync::Arc;

use egret_model::{Attribution, Evaluation, Event, EventName, Reason, Transport, Verdict};

use crate::situation::{event, metrics, opened, scrape, some};

fn judged(verdict: Verdict, reason: Reason, event: Event) -> Event {
    let evaluation = Evaluation { reason, rule: None, attribution: Attribution::Tuple, duration_ns: None };
    Event { verdict: Some(verdict), evaluation: Some(Arc::new(evaluation)), ..event }
}

fn blocked(event: Event) -> Event {
    judged(Verdict::Block, Reason::NoRule, event)
}

fn udp(name: EventName) -> Event {
    Event { transport: Some(Transport::Udp), ..event(name, "/a") }
}

/// The counts by executable after these events.
fn counted(events: &[Event]) -> Vec<(String, f64)> {
    let metrics = metrics(10, 10);
    metrics.count(events);
    let shown = scrape(&metrics);
    some(&shown, "egret_blocked_total").into_iter().map(|(labels, count)| (labels.to_owned(), count)).collect()
}

fn one(verdict: &str, reason: &str) -> Vec<(String, f64)> {
    vec![(format!("verdict=\"{verdict}\",reason=\"{reason}\",executable=\"/a\""), 1.0)]
}

#[test]
fn blocked_connection_is_counted_once() {
    let unanswered = event(EventName::ConnectionOpen, "/a");
    let failed = Event { error: Some(111), ..event(EventName::ConnectionFailed, "/a") };
    assert_eq!(counted(&[unanswered, failed].map(blocked)), one("block", "no_rule"));
}

/// A connection whose process closed it before there was an answer.
#[test]
fn closed_blocked_connection_is_counted_once() {
    let events = [EventName::ConnectionOpen, EventName::ConnectionClose].map(|name| blocked(event(name, "/a")));
    assert_eq!(counted(&events), one("block", "no_rule"));
}

/// The error that is reported for it is not counted as a second datagram.
#[test]
fn blocked_datagram_is_counted_once() {
    let names = [EventName::ConnectionOpen, EventName::DatagramSend, EventName::ConnectionFailed];
    let events: Vec<_> = names.into_iter().chain([EventName::ConnectionClose]).map(|name| blocked(udp(name))).collect();
    assert_eq!(counted(&events), one("block", "no_rule"));
}

#[test]
fn would_block_is_counted_once_and_separately() {
    let would = |event| judged(Verdict::WouldBlock, Reason::Unattributed, event);
    let events = [opened("/a"), event(EventName::ConnectionClose, "/a")].map(would);
    assert_eq!(counted(&events), one("would_block", "unattributed"));
}

/// It was ended by a changed policy.
#[test]
fn connection_blocked_after_its_opening_is_counted_at_its_end() {
    let begin = judged(Verdict::Allow, Reason::Rule, opened("/a"));
    let end = blocked(event(EventName::ConnectionClose, "/a"));
    assert_eq!(counted(&[begin, end]), one("block", "no_rule"));
}

#[test]
fn allowed_connections_are_not_counted_as_blocked() {
    assert_eq!(counted(&[judged(Verdict::Allow, Reason::Rule, opened("/a")), opened("/a")]), []);
}

#[test]
fn verdict_without_a_reason_is_counted() {
    let event = Event { verdict: Some(Verdict::Block), ..event(EventName::ConnectionFailed, "/a") };
    assert_eq!(counted(&[event]), one("block", "unknown"));
}

#[test]
fn blocked_peers_are_counted_without_a_connection() {
    let metrics = metrics(10, 10);
    metrics.count(&[blocked(event(EventName::ConnectionFailed, "/a")), blocked(udp(EventName::DatagramSend))]);
    let shown = scrape(&metrics);
    assert_eq!(some(&shown, "egret_peer_blocked_total"), [(r#"verdict="block",peer="192.0.2.1""#, 2.0)]);
    assert_eq!(
        some(&shown, "egret_peer_connections_total"),
        [(r#"direction="outbound",scope="network",peer="192.0.2.1""#, 1.0)]
    );
}
