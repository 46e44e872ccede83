//! An event to start from in tests.

use std::sync::Arc;

use egret_model::{
    Attribution, ConnectionId, Endpoint, Event, EventName, Executable, Layer, NameSource, Process, Server, Timestamp,
    Transport,
};

/// An HTTPS connection of curl that was just opened.
pub(crate) fn event() -> Event {
    let executable = Executable { path: Some("/usr/bin/curl".into()), ..Executable::default() };
    let process = Process {
        pid: 4242,
        start_time: None,
        parent_pid: Some(1),
        executable: Arc::new(executable),
        uid: Some(1000),
        user: Some("alice".into()),
        cgroup: None,
    };
    let time = Timestamp(1_700_000_000_123_456_789);
    Event {
        process: Some(Arc::new(process)),
        attribution: Attribution::Cookie,
        transport: Some(Transport::Tcp),
        local: endpoint("10.0.0.5", 50_000),
        peer: endpoint("192.0.2.7", 443),
        server: Some(Server {
            name: "example.org".into(),
            source: NameSource::Dns,
            unverified: false,
            resolution: None,
        }),
        connect_duration_ns: Some(12_345_678),
        ..Event::new(EventName::ConnectionOpen, time, ConnectionId { socket: 1, opened: 2 }, Layer::Sockets)
    }
}

fn endpoint(address: &str, port: u16) -> Endpoint {
    Endpoint { address: Some(address.parse().unwrap()), port: Some(port), interface: None }
}
