//! What was blocked, by whom and to whom.

use std::sync::Arc;

use egret_model::{Attribution, Event, EventName, Judgement, Reason, Transport, Verdict};

use crate::situation::{event, metrics, opened, scrape, some};

fn judged(verdict: Verdict, reason: Reason, event: Event) -> Event {
    let judgement = Judgement { reason, rule: None, attribution: Attribution::Tuple, duration_ns: None };
    Event { verdict: Some(verdict), judgement: Some(Arc::new(judgement)), ..event }
}

fn blocked(event: Event) -> Event {
    judged(Verdict::Block, Reason::NoRule, event)
}

fn udp(name: EventName) -> Event {
    Event { transport: Some(Transport::Udp), ..event(name, "/a") }
}

/// The counts by executable that come of these events.
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
fn a_blocked_connection_is_counted_once() {
    let unanswered = event(EventName::ConnectionOpen, "/a");
    let failed = Event { error: Some(111), ..event(EventName::ConnectionFailed, "/a") };
    assert_eq!(counted(&[unanswered, failed].map(blocked)), one("block", "no_rule"));
}

/// Whose program gave up before there was an answer.
#[test]
fn a_blocked_connection_that_was_closed_is_counted_once() {
    let events = [EventName::ConnectionOpen, EventName::ConnectionClose].map(|name| blocked(event(name, "/a")));
    assert_eq!(counted(&events), one("block", "no_rule"));
}

/// The error that comes back for it is no second datagram.
#[test]
fn a_blocked_datagram_is_counted_once() {
    let names = [EventName::ConnectionOpen, EventName::DatagramSend, EventName::ConnectionFailed];
    let events: Vec<_> = names.into_iter().chain([EventName::ConnectionClose]).map(|name| blocked(udp(name))).collect();
    assert_eq!(counted(&events), one("block", "no_rule"));
}

#[test]
fn what_would_be_blocked_is_counted_once_and_told_apart() {
    let would = |event| judged(Verdict::WouldBlock, Reason::Unattributed, event);
    let events = [opened("/a"), event(EventName::ConnectionClose, "/a")].map(would);
    assert_eq!(counted(&events), one("would_block", "unattributed"));
}

/// A changed policy ended it.
#[test]
fn a_connection_that_was_let_through_at_first_is_counted_when_it_ends() {
    let begin = judged(Verdict::Allow, Reason::Rule, opened("/a"));
    let end = blocked(event(EventName::ConnectionClose, "/a"));
    assert_eq!(counted(&[begin, end]), one("block", "no_rule"));
}

#[test]
fn what_was_let_through_was_not_blocked() {
    assert_eq!(counted(&[judged(Verdict::Allow, Reason::Rule, opened("/a")), opened("/a")]), []);
}

#[test]
fn a_verdict_without_a_reason_is_counted_all_the_same() {
    let event = Event { verdict: Some(Verdict::Block), ..event(EventName::ConnectionFailed, "/a") };
    assert_eq!(counted(&[event]), one("block", "unknown"));
}

#[test]
fn peers_that_were_blocked_are_told_though_nothing_was_opened() {
    let metrics = metrics(10, 10);
    metrics.count(&[blocked(event(EventName::ConnectionFailed, "/a")), blocked(udp(EventName::DatagramSend))]);
    let shown = scrape(&metrics);
    assert_eq!(some(&shown, "egret_peer_blocked_total"), [(r#"verdict="block",peer="192.0.2.1""#, 2.0)]);
    assert_eq!(some(&shown, "egret_peer_connections_total"), [(r#"direction="outbound",peer="192.0.2.1""#, 1.0)]);
}
