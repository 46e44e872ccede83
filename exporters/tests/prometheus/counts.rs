//! What events add up to.

use std::net::SocketAddr;
use std::sync::Arc;

use egret_model::{Endpoint, Event, EventName, Layer, NameSource, Resolution, Server, Timestamp, Transport};

use crate::situation::{event, metrics, of, opened, scrape, some};

const CONNECTIONS: &str = "egret_connections_total";

#[test]
fn a_connection_is_counted_where_it_belongs() {
    let metrics = metrics(10, 10);
    let closed = Event {
        connect_duration_ns: Some(5_000_000),
        connection_duration_ns: Some(2_000_000_000),
        bytes_sent: Some(100),
        bytes_received: Some(3000),
        retransmits: Some(2),
        rtt_ns: Some(20_000_000),
        ..event(EventName::ConnectionClose, "/usr/bin/curl")
    };
    metrics.count(&[opened("/usr/bin/curl"), closed]);
    let scrape = scrape(&metrics);
    let labels = r#"direction="outbound",transport="tcp",network_type="ipv4",executable="/usr/bin/curl""#;
    assert_eq!(some(&scrape, CONNECTIONS), [(labels, 1.0)]);
    assert_eq!(
        some(&scrape, "egret_bytes_total"),
        [
            (r#"direction="received",executable="/usr/bin/curl""#, 3000.0),
            (r#"direction="sent",executable="/usr/bin/curl""#, 100.0)
        ]
    );
    assert_eq!(some(&scrape, "egret_peer_connections_total"), [(r#"direction="outbound",peer="192.0.2.1""#, 1.0)]);
    assert_eq!(some(&scrape, "egret_connections_closed_total"), [(r#"direction="outbound",transport="tcp""#, 1.0)]);
    assert_eq!(some(&scrape, "egret_attribution_total"), [(r#"quality="cookie""#, 2.0)]);
    assert_eq!(some(&scrape, "egret_names_total"), [(r#"source="none""#, 1.0)]);
    assert_eq!(scrape["egret_retransmits_total"], 2.0);
    assert_eq!(scrape[r#"egret_connect_duration_seconds_count{transport="tcp"}"#], 1.0);
    assert_eq!(scrape[r#"egret_connect_duration_seconds_sum{transport="tcp"}"#], 0.005);
    assert_eq!(scrape["egret_connection_duration_seconds_sum"], 2.0);
    assert_eq!(scrape["egret_tcp_rtt_seconds_sum"], 0.02);
}

/// Each report adds what it says that no other has.
#[test]
fn bytes_of_an_open_connection_are_counted_once() {
    let metrics = metrics(10, 10);
    let moved = |name, total, delta| Event { bytes_sent: Some(total), bytes_sent_delta: delta, ..event(name, "/a") };
    let sent = |scrape: &_| of(scrape, "egret_bytes_total").values().sum::<f64>();
    metrics.count(&[opened("/a"), moved(EventName::ConnectionUpdate, 100, None)]);
    assert_eq!(sent(&scrape(&metrics)), 100.0);
    metrics.count(&[moved(EventName::ConnectionUpdate, 250, Some(150))]);
    assert_eq!(sent(&scrape(&metrics)), 250.0);
    metrics.count(&[moved(EventName::ConnectionClose, 257, Some(7))]);
    let scrape = scrape(&metrics);
    assert_eq!(sent(&scrape), 257.0);
    assert_eq!(of(&scrape, CONNECTIONS).values().sum::<f64>(), 1.0);
    assert_eq!(some(&scrape, "egret_attribution_total"), [(r#"quality="cookie""#, 2.0)]);
}

/// It is told after a second, and again when it is answered.
#[test]
fn a_connect_that_was_answered_late_is_one_connection() {
    let metrics = metrics(10, 10);
    metrics.count(&[event(EventName::ConnectionOpen, "/a")]);
    assert_eq!(some(&scrape(&metrics), CONNECTIONS), []);
    metrics.count(&[opened("/a")]);
    assert_eq!(of(&scrape(&metrics), CONNECTIONS).values().sum::<f64>(), 1.0);
}

/// Name look-ups connect datagram sockets to many addresses only to see which route would be taken.
#[test]
fn a_connected_datagram_socket_counts_with_its_first_datagram() {
    let metrics = metrics(10, 10);
    let udp = |name| Event { transport: Some(Transport::Udp), ..event(name, "/a") };
    metrics.count(&[udp(EventName::ConnectionOpen)]);
    assert_eq!(some(&scrape(&metrics), CONNECTIONS), []);
    metrics.count(&[udp(EventName::DatagramSend)]);
    assert_eq!(of(&scrape(&metrics), CONNECTIONS).values().sum::<f64>(), 1.0);
}

#[test]
fn what_stood_before_is_not_new() {
    let metrics = metrics(10, 10);
    let standing = |name| Event { standing: true, ..event(name, "/a") };
    metrics.count(&[EventName::ConnectionOpen, EventName::Accept].map(standing));
    assert_eq!(some(&scrape(&metrics), CONNECTIONS), []);
}

#[test]
fn accepted_connections_are_inbound() {
    let metrics = metrics(10, 10);
    metrics.count(&[event(EventName::Accept, "/a")]);
    let labels = r#"direction="inbound",transport="tcp",network_type="ipv4",executable="/a""#;
    assert_eq!(some(&scrape(&metrics), CONNECTIONS), [(labels, 1.0)]);
}

#[test]
fn the_syscalls_layer_tells_connects_and_bytes_once() {
    let metrics = metrics(10, 10);
    let call = |name| Event { layer: Layer::Syscalls, ..event(name, "/a") };
    let sent = Event { bytes_sent: Some(7), transport: Some(Transport::Udp), ..call(EventName::DatagramSend) };
    metrics.count(&[call(EventName::ConnectionOpen), sent.clone(), sent]);
    let scrape = scrape(&metrics);
    assert_eq!(of(&scrape, CONNECTIONS).values().sum::<f64>(), 3.0);
    assert_eq!(some(&scrape, "egret_bytes_total"), [(r#"direction="sent",executable="/a""#, 14.0)]);
}

#[test]
fn failures_are_told_apart_up_to_a_bound() {
    let metrics = metrics(10, 10);
    let failed = |error| Event { error, ..event(EventName::ConnectionFailed, "/a") };
    metrics.count(&[failed(Some(111)), failed(Some(111)), failed(None)]);
    let labels = |error| format!(r#"error_type="{error}",transport="tcp",executable="/a""#);
    let shown = scrape(&metrics);
    let failures = of(&shown, "egret_connection_failures_total");
    assert_eq!((failures[&*labels("ECONNREFUSED")], failures[&*labels("unknown")]), (2.0, 1.0));

    metrics.count(&(1..=100).map(|errno| failed(Some(errno))).collect::<Vec<_>>());
    let shown = scrape(&metrics);
    let failures = of(&shown, "egret_connection_failures_total");
    assert_eq!(failures.len(), 17);
    assert_eq!(failures.values().sum::<f64>(), 103.0);
    assert_eq!(failures[&*labels("other")], 86.0);
    assert_eq!(shown[r#"egret_series_other_total{label="error_type"}"#], 86.0);
}

#[test]
fn peers_have_the_name_that_was_asked_for() {
    let metrics = metrics(10, 10);
    let server = |name: &str| Some(Server { name: name.into(), source: NameSource::Sni, resolution: None });
    let named = |name| Event { server: server(name), ..opened("/a") };
    let closed = Event { server: server("example.org"), ..event(EventName::ConnectionClose, "/a") };
    let nowhere = Event { peer: Endpoint::default(), ..opened("/a") };
    metrics.count(&[named("example.org"), named("example.org"), named("other"), nowhere, closed]);
    let shown = scrape(&metrics);
    assert_eq!(
        some(&shown, "egret_peer_connections_total"),
        [
            (r#"direction="outbound",peer="example.org""#, 2.0),
            (r#"direction="outbound",peer="other.""#, 1.0),
            (r#"direction="outbound",peer="unknown""#, 1.0),
        ]
    );
    assert_eq!(some(&shown, "egret_names_total"), [(r#"source="sni""#, 1.0)]);
}

/// Both families, or several connections at once.
#[test]
fn a_look_up_behind_several_connections_is_counted_once() {
    let metrics = metrics(10, 10);
    let resolution = |asked| {
        let resolver = SocketAddr::from(([192, 0, 2, 53], 53));
        Arc::new(Resolution { asked: Timestamp(asked), answered: Timestamp(asked + 250_000_000), resolver })
    };
    let connect = |resolution: &Arc<Resolution>| {
        let name = "example.org".into();
        let server = Server { name, source: NameSource::Dns, resolution: Some(Arc::clone(resolution)) };
        Event { server: Some(server), ..opened("/a") }
    };
    let (first, second) = (resolution(0), resolution(1));
    metrics.count(&[connect(&first), connect(&first), connect(&second), connect(&first)]);
    let shown = scrape(&metrics);
    assert_eq!(shown["egret_dns_resolution_duration_seconds_count"], 2.0);
    assert_eq!(shown["egret_dns_resolution_duration_seconds_sum"], 0.5);
}

#[test]
fn an_executable_that_nobody_knows_is_unknown() {
    let metrics = metrics(10, 10);
    metrics.count(&[Event { process: None, ..opened("/a") }]);
    let labels = r#"direction="outbound",transport="tcp",network_type="ipv4",executable="unknown""#;
    assert_eq!(some(&scrape(&metrics), CONNECTIONS), [(labels, 1.0)]);
}
