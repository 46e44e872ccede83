//! A Parquet log of given events, for tests of what reads the log.
#![forbid(unsafe_code)]
// A test fails where the log cannot be written.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::thread;
use std::time::Duration;

use egret_exporters::parquet::{Destination, Settings, Sink, Spool};
use egret_exporters::sink::queue;
use egret_model::Event;
use tempfile::TempDir;

/// A log in a temporary directory.
#[derive(Debug)]
pub struct Recorded(TempDir);

impl Recorded {
    /// # Panics
    ///
    /// The log cannot be written.
    #[must_use]
    pub fn of(events: &[Event]) -> Self {
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

    #[must_use]
    pub fn path(&self) -> &Path {
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
