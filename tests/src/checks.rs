//! Properties of every flow.

use crate::{Event, Flow, Report, Seen};

/// The address families in which every command of the generator is run.
pub const FAMILIES: [&[&str]; 3] = [&[], &["--ipv6"], &["--mapped"]];

/// The one event with this name.
pub fn only<'a>(events: &[&'a Event], name: &str) -> &'a Event {
    let named: Vec<_> = events.iter().filter(|event| event.name == name).collect();
    assert_eq!(named.len(), 1, "not one {name} among {events:#?}");
    named[0]
}

/// Events with this name.
pub fn named<'a>(events: &[&'a Event], name: &str) -> Vec<&'a Event> {
    events.iter().copied().filter(|event| event.name == name).collect()
}

/// Asserts that an event has exactly the process of a report.
pub fn process(event: &Event, report: &Report) {
    assert_eq!(event.pid, Some(report.pid), "{event:#?}");
    // The kernel's suffix of a deleted file is not a part of its path.
    let exe = report.exe.strip_suffix(" (deleted)").unwrap_or(&report.exe);
    assert_eq!(event.path.as_deref(), Some(exe), "{event:#?}");
    assert_eq!(event.executable.as_deref(), exe.rsplit('/').next(), "{event:#?}");
    assert_eq!((event.attribution.as_str(), event.layer.as_str()), ("cookie", "sockets"), "{event:#?}");
}

/// Asserts that the process of the report opened or accepted, used and closed a TCP connection.
pub fn stream(seen: &Seen, report: &Report, flow: &Flow) {
    let events = seen.of_socket(flow.socket());
    let client = flow.role == "client";
    let opened = only(&events, if client { "connection.open" } else { "accept" });
    let closed = only(&events, "connection.close");
    assert_eq!(events.len(), 2, "{events:#?}");
    for event in events {
        process(event, report);
        assert_eq!(event.transport.as_deref(), Some("tcp"));
        network(event, flow);
        assert_eq!((event.local(), event.peer()), (Some(flow.local()), Some(flow.peer())), "{event:#?}");
        assert_eq!(event.error, None, "{event:#?}");
        assert!(!event.preexisting, "{event:#?}");
    }
    assert_eq!(opened.connect_ns.is_some(), client, "{opened:#?}");
    assert_eq!(opened.connect_ns, closed.connect_ns, "{opened:#?}\n{closed:#?}");
    assert!(closed.connection_ns.is_some_and(|lasted| lasted > opened.connect_ns.unwrap_or(0)), "{closed:#?}");
    assert_eq!((closed.sent, closed.received), (Some(flow.sent), Some(flow.received)), "{flow:#?}\n{closed:#?}");
}

/// Asserts that the traffic of a datagram socket with one peer is reported once at its beginning, and once at its end
/// with totals.
pub fn datagrams(seen: &Seen, report: &Report, flow: &Flow) {
    let events: Vec<_> =
        seen.of_socket(flow.socket()).into_iter().filter(|event| event.peer() == Some(flow.peer())).collect();
    let begun = only(&events, if flow.role == "client" { "datagram.send" } else { "accept" });
    let closed = only(&events, "connection.close");
    let connected = named(&events, "connection.open").len();
    assert!(connected <= 1 && events.len() == 2 + connected, "{events:#?}");
    for event in &events {
        process(event, report);
        assert_eq!(event.transport.as_deref(), Some("udp"));
        network(event, flow);
        assert_eq!(event.error, None, "{event:#?}");
    }
    for event in [begun, closed] {
        assert_eq!(event.local_port, Some(flow.local().port()), "{event:#?}");
    }
    assert_eq!((closed.sent, closed.received), (Some(flow.sent), Some(flow.received)), "{flow:#?}\n{closed:#?}");
}

fn network(event: &Event, flow: &Flow) {
    let network = if flow.peer().is_ipv4() { "ipv4" } else { "ipv6" };
    assert_eq!(event.network.as_deref(), Some(network), "{event:#?}");
}
