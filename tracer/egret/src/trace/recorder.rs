//! Writes shown events to Parquet files.

use std::fs;
use std::io;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result};
use egret_exporters::parquet::{Destination, Settings, Sink, Spool};
use egret_exporters::sink::{Receiver, Sender, queue};
use egret_model::{Arguments, Event};
use tokio::runtime;

/// Capacity of the queue: at about 350 bytes an event, at most 23 MB.
const QUEUE: usize = 1 << 16;

/// The handle of the writing thread.
pub(super) struct Recorder {
    queue: Sender,
    writer: JoinHandle<io::Result<()>>,
}

impl Recorder {
    pub(super) fn start(directory: &Path, arguments: Arguments) -> Result<Self> {
        let sink = Sink::new(&settings(directory, arguments)?)?;
        let (queue, inbox) = queue("parquet", QUEUE);
        Ok(Self { queue, writer: thread::spawn(move || run(sink, inbox)) })
    }

    /// Offers events without blocking.
    pub(super) fn take(&self, events: Vec<Event>) {
        self.queue.offer(&events.into());
    }

    /// Waits until everything is written, and reports dropped events.
    pub(super) fn finish(self) -> io::Result<()> {
        let ledger = self.queue.ledger().clone();
        drop(self.queue);
        let ended =
            self.writer.join().map_err(|_| io::Error::other("the thread that writes parquet files panicked"))?;
        let account = ledger.account();
        for (reason, count) in account.dropped.iter().filter(|(_, count)| *count > 0) {
            eprintln!("egret: not written to parquet files, {}: {count} of {}", reason.as_str(), account.enqueued);
        }
        ended
    }
}

/// Without retention: a trace removes no files.
fn settings(directory: &Path, arguments: Arguments) -> Result<Settings> {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").context("cannot read the name of this host")?;
    Ok(Settings {
        destination: Destination::Directory(directory.to_owned()),
        host: host.trim_end().to_owned(),
        rotate_after: Duration::from_secs(60),
        rotate_bytes: 64 << 20,
        row_group_rows: 1 << 16,
        zstd_level: 3,
        keep_for: None,
        gap_percent: 100,
        keep_bytes: None,
        spool: Spool::default(),
        queue_events: QUEUE,
        arguments,
    })
}

fn run(sink: Sink, inbox: Receiver) -> io::Result<()> {
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(sink.run(inbox));
    Ok(())
}
