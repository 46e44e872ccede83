//! An event to start from in tests.

use std::sync::Arc;

use egret_model::{
    Attribution, ConnectionId, Endpoint, Event, EventName, Executable, Judgement, Layer, NameSource, Process, Reason,
    Server, Timestamp, Transport,
};

pub(crate) fn process() -> Process {
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

/// An HTTPS connection of curl that was just opened.
pub(crate) fn event() -> Event {
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

pub(crate) fn judgement(reason: Reason) -> Arc<Judgement> {
    Arc::new(Judgement { reason, rule: None, attribution: Attribution::Tuple, duration_ns: Some(30_000) })
}

pub(crate) fn server(name: &str) -> Server {
    Server { name: name.into(), source: NameSource::Dns, resolution: None }
}

pub(crate) fn endpoint(address: &str, port: u16) -> Endpoint {
    Endpoint { address: Some(address.parse().unwrap()), port: Some(port) }
}
