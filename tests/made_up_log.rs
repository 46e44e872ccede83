//! Writing a log of made up events; a part of the test programs that need one.

use std::path::Path;
use std::thread;
use std::time::Duration;

use egret_exporters::parquet::{Destination, Settings, Sink, Spool};
use egret_exporters::sink::queue;
use egret_model::Event;

/// Writes a host's events into a log, as a daemon does.
pub(crate) fn write(log: &Path, host: &str, row_group_rows: usize, events: Vec<Event>) {
    let settings = Settings {
        destination: Destination::Directory(log.to_owned()),
        host: host.into(),
        rotate_after: Duration::from_secs(3600),
        rotate_bytes: 1 << 30,
        row_group_rows,
        zstd_level: 1,
        keep_for: None,
        gap_percent: 100,
        keep_bytes: None,
        spool: Spool::default(),
        queue_events: 1 << 20,
        arguments: egret_model::Arguments::default(),
    };
    let sink = Sink::new(&settings).unwrap();
    let (sender, inbox) = queue("parquet", 1 << 20);
    sender.offer(&events.into());
    drop(sender);
    let run = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(sink.run(inbox));
    thread::scope(|scope| scope.spawn(run).join().unwrap());
}
