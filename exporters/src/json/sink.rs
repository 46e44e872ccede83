//! The sink: takes events from its queue and writes them as lines.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use egret_model::EventName;
use tokio::sync::Notify;
use tracing::{info, warn};

use super::client::Output;
use super::config::{Destination, Error, Settings};
use super::encoder::{Lines, Writer};
use crate::sink::{Batch, DropReason, RateLimit, Receiver};

/// Interval between two messages about failing writes.
const MESSAGE_INTERVAL: Duration = Duration::from_secs(60);

/// Writes JSON lines.
#[derive(Debug)]
pub struct Sink {
    destination: Destination,
    updates: bool,
    output: Output,
    lines: Lines,
    reopener: Reopener,
    outage: Outage,
}

/// Makes a [`Sink`] reopen its file.
#[derive(Clone, Debug, Default)]
pub struct Reopener(Arc<Notify>);

impl Reopener {
    /// Reopens the file by its name after the current write, for logrotate. Earlier lines go completely to the renamed file,
    /// later ones to the new file. Returns at once.
    pub fn reopen(&self) {
        self.0.notify_one();
    }
}

impl Sink {
    /// Opens the destination.
    ///
    /// # Errors
    ///
    /// The destination cannot be opened for writing.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        Ok(Self {
            output: Output::open(&settings.destination)?,
            destination: settings.destination.clone(),
            updates: settings.updates,
            lines: Lines::new(Writer::new(settings.arguments.clone()).with_updates(settings.updates)),
            reopener: Reopener::default(),
            outage: Outage::default(),
        })
    }

    #[must_use]
    pub fn reopener(&self) -> Reopener {
        self.reopener.clone()
    }

    /// Writes until the queue is closed and empty. Needs its own thread with a runtime that drives I/O, because writes to a file
    /// block.
    pub async fn run(mut self, mut inbox: Receiver) {
        while let Some(batch) = self.next(&mut inbox).await {
            self.write(&batch, &mut inbox).await;
            while !self.lines.are_full()
                && let Some(batch) = inbox.try_next()
            {
                self.write(&batch, &mut inbox).await;
            }
            self.flush(&mut inbox).await;
        }
    }

    async fn next(&mut self, inbox: &mut Receiver) -> Option<Batch> {
        loop {
            tokio::select! {
                biased;
                () = self.reopener.0.notified() => self.reopen(),
                batch = inbox.next() => return batch,
            }
        }
    }

    async fn write(&mut self, batch: &Batch, inbox: &mut Receiver) {
        for event in batch.iter() {
            if self.lines.are_full() {
                self.flush(inbox).await;
            }
            if self.updates || event.name != EventName::ConnectionUpdate {
                self.lines.push(event);
            } else {
                inbox.sent(1);
            }
        }
    }

    /// Writes all lines. Lines that cannot be written are dropped: the sink does not wait for space on a full disk.
    async fn flush(&mut self, inbox: &mut Receiver) {
        let done = self.write_lines(inbox).await;
        self.output.discard_partial(self.lines.partial());
        let dropped = self.lines.clear();
        inbox.dropped(dropped, DropReason::WriteFailed);
        match done {
            Ok(()) => self.outage.succeeded(&self.destination),
            Err(error) => self.outage.failed(&self.destination, &error, dropped),
        }
    }

    async fn write_lines(&mut self, inbox: &mut Receiver) -> io::Result<()> {
        if self.output.is_removed() {
            self.output = Output::open(&self.destination).map_err(io::Error::other)?;
        }
        while !self.lines.unwritten().is_empty() {
            let written = self.output.write(self.lines.unwritten()).await?;
            inbox.sent(self.lines.advance(written));
        }
        Ok(())
    }

    /// If the new file cannot be opened, the sink keeps writing to the old one, so that no line is lost.
    fn reopen(&mut self) {
        let Destination::File(path) = &self.destination else { return };
        if self.output.is_same_file(path) {
            return;
        }
        match Output::open(&self.destination) {
            Ok(output) => self.output = output,
            Err(error) => warn!(%error, "cannot reopen the file of JSON lines, the renamed one is still written to"),
        }
    }
}

/// Logs failing writes: the first at once, then once a minute.
#[derive(Debug)]
struct Outage {
    limit: RateLimit,
    /// A failure was logged and the recovery was not.
    reported: bool,
    /// Events dropped since the last message.
    dropped: u64,
}

impl Default for Outage {
    fn default() -> Self {
        Self { limit: RateLimit::new(MESSAGE_INTERVAL), reported: false, dropped: 0 }
    }
}

impl Outage {
    fn failed(&mut self, destination: &Destination, error: &io::Error, dropped: u64) {
        self.dropped += dropped;
        if self.limit.allows() {
            let dropped = std::mem::take(&mut self.dropped);
            warn!(%destination, %error, dropped, "JSON lines cannot be written");
            self.reported = true;
        }
    }

    fn succeeded(&mut self, destination: &Destination) {
        if std::mem::take(&mut self.reported) {
            info!(%destination, dropped = std::mem::take(&mut self.dropped), "JSON lines are written again");
        }
    }
}
