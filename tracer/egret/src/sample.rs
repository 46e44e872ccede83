//! An event to start from in tests, and a log of events.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use egret_exporters::parquet::{Destination, Settings, Sink, Spool};
use egret_exporters::sink::queue;
use egret_model::{
    Attribution, ConnectionId, Endpoint, Evaluation, Event, EventName, Executable, Layer, NameSource, Process, Reason,
    Server, Timestamp, Transport,
};
use tempfile::TempDir;

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

pub(crate) fn evaluation(reason: Reason) -> Arc<Evaluation> {
    Arc::new(Evaluation { reason, rule: None, attribution: Attribution::Tuple, duration_ns: Some(30_000) })
}

pub(crate) fn server(name: &str) -> Server {
    Server { name: name.into(), source: NameSource::Dns, unverified: false, resolution: None }
}

pub(crate) fn endpoint(address: &str, port: u16) -> Endpoint {
    Endpoint { address: Some(address.parse().unwrap()), port: Some(port), interface: None }
}

/// A log in a directory that goes with the test.
pub(crate) struct Recorded(TempDir);

impl Recorded {
    pub(crate) fn of(events: &[Event]) -> Self {
        let directory = TempDir::new().unwrap();
        let sink = Sink::new(&settings(directory.path())).unwrap();
        let (sender, inbox) = queue("parquet", 1 << 20);
        sender.offer(&events.to_vec().into());
        drop(sender);
        let run =
            || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(sink.run(inbox));
        thread::scope(|scope| scope.spawn(run).join().unwrap());
        Self(directory)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

fn settings(directory: &Path) -> Settings {
    Settings {
        destination: Destination::Directory(directory.to_owned()),
        host: "host".into(),
        rotate_after: Duration::from_secs(60),
        rotate_bytes: 1 << 30,
        row_group_rows: 16,
        zstd_level: 1,
        keep_for: None,
        gap_percent: 100,
        keep_bytes: None,
        spool: Spool::default(),
        queue_events: 1 << 20,
        arguments: egret_model::Arguments::default(),
    }
}
