//! Counters of events.

use std::net::SocketAddr;
use std::sync::Arc;

use egret_model::{Endpoint, Event, EventName, Layer, NameSource, Resolution, Server, Timestamp, Transport};

use crate::situation::{event, metrics, of, opened, scrape, some};

const CONNECTIONS: &str = "egret_connections_total";

#[test]
fn connection_is_counted_by_its_labels() {
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
    let labels =
        r#"direction="outbound",transport="tcp",network_type="ipv4",scope="network",executable="/usr/bin/curl""#;
    assert_eq!(some(&scrape, CONNECTIONS), [(labels, 1.0)]);
    assert_eq!(
        some(&scrape, "egret_bytes_total"),
        [
            (r#"direction="received",scope="network",executable="/usr/bin/curl""#, 3000.0),
            (r#"direction="sent",scope="network",executable="/usr/bin/curl""#, 100.0)
        ]
    );
    assert_eq!(
        some(&scrape, "egret_peer_connections_total"),
        [(r#"direction="outbound",scope="network",peer="192.0.2.1""#, 1.0)]
    );
    assert_eq!(some(&scrape, "egret_connections_closed_total"), [(r#"direction="outbound",transport="tcp""#, 1.0)]);
    assert_eq!(some(&scrape, "egret_attribution_total"), [(r#"quality="cookie""#, 2.0)]);
    assert_eq!(some(&scrape, "egret_names_total"), [(r#"source="none""#, 1.0)]);
    assert_eq!(scrape["egret_retransmits_total"], 2.0);
    assert_eq!(scrape[r#"egret_connect_duration_seconds_count{transport="tcp"}"#], 1.0);
    assert_eq!(scrape[r#"egret_connect_duration_seconds_sum{transport="tcp"}"#], 0.005);
    assert_eq!(scrape["egret_connection_duration_seconds_sum"], 2.0);
    assert_eq!(scrape["egret_tcp_rtt_seconds_sum"], 0.02);
}

/// Each report adds its own delta.
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

/// It is reported after a second, and again when it is answered.
#[test]
fn connect_with_a_late_answer_is_one_connection() {
    let metrics = metrics(10, 10);
    metrics.count(&[event(EventName::ConnectionOpen, "/a")]);
    assert_eq!(some(&scrape(&metrics), CONNECTIONS), []);
    metrics.count(&[opened("/a")]);
    assert_eq!(of(&scrape(&metrics), CONNECTIONS).values().sum::<f64>(), 1.0);
}

/// Resolvers connect datagram sockets to many addresses only to find the route.
#[test]
fn connected_datagram_socket_counts_from_its_first_datagram() {
    let metrics = metrics(10, 10);
    let udp = |name| Event { transport: Some(Transport::Udp), ..event(name, "/a") };
    metrics.count(&[udp(EventName::ConnectionOpen)]);
    assert_eq!(some(&scrape(&metrics), CONNECTIONS), []);
    metrics.count(&[udp(EventName::DatagramSend)]);
    assert_eq!(of(&scrape(&metrics), CONNECTIONS).values().sum::<f64>(), 1.0);
}

#[test]
fn preexisting_connections_are_not_counted_as_opened() {
    let metrics = metrics(10, 10);
    let preexisting = |name| Event { preexisting: true, ..event(name, "/a") };
    metrics.count(&[EventName::ConnectionOpen, EventName::Accept].map(preexisting));
    assert_eq!(some(&scrape(&metrics), CONNECTIONS), []);
}

#[test]
fn accepted_connections_are_inbound() {
    let metrics = metrics(10, 10);
    metrics.count(&[event(EventName::Accept, "/a")]);
    let labels = r#"direction="inbound",transport="tcp",network_type="ipv4",scope="network",executable="/a""#;
    assert_eq!(some(&scrape(&metrics), CONNECTIONS), [(labels, 1.0)]);
}

#[test]
fn loopback_is_separate_in_every_family() {
    let metrics = metrics(10, 10);
    let local = |event: Event| Event { peer: Endpoint { address: Some([127, 0, 0, 2].into()), ..event.peer }, ..event };
    let mapped = |event: Event| {
        let address = "::ffff:127.0.0.1".parse().ok();
        Event { peer: Endpoint { address, ..event.peer }, ..event }
    };
    let sent = Event { bytes_sent: Some(3), ..event(EventName::ConnectionClose, "/a") };
    let failed = event(EventName::ConnectionFailed, "/a");
    let all = [opened("/a"), sent, failed];
    let events: Vec<Event> =
        all.iter().flat_map(|event| [event.clone(), local(event.clone()), mapped(event.clone())]).collect();
    metrics.count(&events);
    let shown = scrape(&metrics);
    for (family, each) in [
        (CONNECTIONS, 1.0),
        ("egret_bytes_total", 3.0),
        ("egret_connection_failures_total", 1.0),
        ("egret_peer_connections_total", 1.0),
    ] {
        let sum = |scope: &str| -> f64 {
            let label = format!("scope=\"{scope}\"");
            of(&shown, family).iter().filter(|(labels, _)| labels.contains(&label)).map(|(_, value)| value).sum()
        };
        assert_eq!((sum("network"), sum("loopback")), (each, 2.0 * each), "{family}");
    }
}

#[test]
fn syscalls_layer_counts_connects_and_bytes_once() {
    let metrics = metrics(10, 10);
    let call = |name| Event { layer: Layer::Syscalls, ..event(name, "/a") };
    let sent = Event { bytes_sent: Some(7), transport: Some(Transport::Udp), ..call(EventName::DatagramSend) };
    metrics.count(&[call(EventName::ConnectionOpen), sent.clone(), sent]);
    let scrape = scrape(&metrics);
    assert_eq!(of(&scrape, CONNECTIONS).values().sum::<f64>(), 3.0);
    assert_eq!(some(&scrape, "egret_bytes_total"), [(r#"direction="sent",scope="network",executable="/a""#, 14.0)]);
}

#[test]
fn failures_have_a_limited_number_of_series() {
    let metrics = metrics(10, 10);
    let failed = |error| Event { error, ..event(EventName::ConnectionFailed, "/a") };
    metrics.count(&[failed(Some(111)), failed(Some(111)), failed(None)]);
    let labels = |error| format!(r#"error_type="{error}",transport="tcp",scope="network",executable="/a""#);
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
fn peer_label_is_the_queried_name() {
    let metrics = metrics(10, 10);
    let server =
        |name: &str| Some(Server { name: name.into(), source: NameSource::Sni, unverified: false, resolution: None });
    let named = |name| Event { server: server(name), ..opened("/a") };
    let closed = Event { server: server("example.org"), ..event(EventName::ConnectionClose, "/a") };
    let nowhere = Event { peer: Endpoint::default(), ..opened("/a") };
    metrics.count(&[named("example.org"), named("example.org"), named("other"), nowhere, closed]);
    let shown = scrape(&metrics);
    assert_eq!(
        some(&shown, "egret_peer_connections_total"),
        [
            (r#"direction="outbound",scope="network",peer="example.org""#, 2.0),
            (r#"direction="outbound",scope="network",peer="other.""#, 1.0),
            (r#"direction="outbound",scope="network",peer="unknown""#, 1.0),
        ]
    );
    assert_eq!(some(&shown, "egret_names_total"), [(r#"source="sni""#, 1.0)]);
}

/// IPv4 and IPv6, or several connections at once.
#[test]
fn look_up_for_several_connections_is_counted_once() {
    let metrics = metrics(10, 10);
    let resolution = |asked| {
        let resolver = SocketAddr::from(([192, 0, 2, 53], 53));
        Arc::new(Resolution { asked: Timestamp(asked), answered: Timestamp(asked + 250_000_000), resolver })
    };
    let connect = |resolution: &Arc<Resolution>| {
        let name = "example.org".into();
        let server =
            Server { name, source: NameSource::Dns, unverified: false, resolution: Some(Arc::clone(resolution)) };
        Event { server: Some(server), ..opened("/a") }
    };
    let (first, second) = (resolution(0), resolution(1));
    metrics.count(&[connect(&first), connect(&first), connect(&second), connect(&first)]);
    let shown = scrape(&metrics);
    assert_eq!(shown["egret_dns_resolution_duration_seconds_count"], 2.0);
    assert_eq!(shown["egret_dns_resolution_duration_seconds_sum"], 0.5);
}

#[test]
fn missing_executable_is_unknown() {
    let metrics = metrics(10, 10);
    metrics.count(&[Event { process: None, ..opened("/a") }]);
    let labels = r#"direction="outbound",transport="tcp",network_type="ipv4",scope="network",executable="unknown""#;
    assert_eq!(some(&scrape(&metrics), CONNECTIONS), [(labels, 1.0)]);
}
