//! A sample event for the tests of several crates.

use std::sync::Arc;

use crate::{
    Attribution, ConnectionId, Endpoint, Evaluation, Event, EventName, Executable, Layer, NameSource, Process, Reason,
    Server, Timestamp, Transport,
};

#[must_use]
pub fn process() -> Process {
    let executable = Executable {
        path: Some("/usr/bin/curl".into()),
        args: ["curl".into(), "https://example.org/".into()].into(),
        ..Executable::default()
    };
    Process {
        pid: 4242,
        start_time: None,
        parent_pid: Some(1),
        executable: Arc::new(executable),
        uid: Some(1000),
        user: Some("alice".into()),
        cgroup: None,
    }
}

/// A new HTTPS connection of curl.
#[must_use]
pub fn event() -> Event {
    let time = Timestamp(1_700_000_000_123_456_789);
    Event {
        process: Some(Arc::new(process())),
        attribution: Attribution::Cookie,
        transport: Some(Transport::Tcp),
        local: endpoint("10.0.0.5", 50_000),
        peer: endpoint("192.0.2.7", 443),
        server: Some(server("example.org")),
        connect_duration_ns: Some(12_345_678),
        ..Event::new(EventName::ConnectionOpen, time, ConnectionId { socket: 1, opened: 2 }, Layer::Sockets)
    }
}

#[must_use]
pub fn evaluation(reason: Reason) -> Arc<Evaluation> {
    Arc::new(Evaluation { reason, rule: None, attribution: Attribution::Tuple, duration_ns: Some(30_000) })
}

#[must_use]
pub fn server(name: &str) -> Server {
    Server { name: name.into(), source: NameSource::Dns, unverified: false, resolution: None }
}

/// An endpoint without an address if the text is not one.
#[must_use]
pub fn endpoint(address: &str, port: u16) -> Endpoint {
    Endpoint { address: address.parse().ok(), port: Some(port), interface: None }
}
