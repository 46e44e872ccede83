//! The sink: takes events from its queue, writes lines.

use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fmt, io};

use egret_model::EventName;
use tokio::sync::Notify;
use tracing::{info, warn};

use super::lines::Lines;
use super::output::{Error, Output};
use super::settings::{Destination, Settings};
use crate::sink::{Batch, DropReason, Receiver};

/// Between two messages about writes that fail.
const MESSAGE_INTERVAL: Duration = Duration::from_secs(60);

/// Writes JSON lines.
#[derive(Debug)]
pub struct Sink {
    destination: Destination,
    updates: bool,
    output: Output,
    lines: Lines,
    reopener: Reopener,
    trouble: Trouble,
}

/// Asks a [`Sink`] to open its file again.
#[derive(Clone, Debug, Default)]
pub struct Reopener(Arc<Notify>);

impl Reopener {
    /// Has the file opened by its name after the write under way, for logrotate: lines before go whole to the file
    /// that was renamed, lines after whole to the new one. Does not wait for it.
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
            lines: Lines::default(),
            reopener: Reopener::default(),
            trouble: Trouble::default(),
        })
    }

    /// What this sink is asked with to open its file again.
    #[must_use]
    pub fn reopener(&self) -> Reopener {
        self.reopener.clone()
    }

    /// Writes until the queue is closed and empty. Needs a thread of its own, with a runtime that drives I/O: writes to
    /// a file block.
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

    /// Has all lines written. What cannot be written is dropped: a full disk is waited for by nobody.
    async fn flush(&mut self, inbox: &mut Receiver) {
        let done = self.write_lines(inbox).await;
        self.output.take_back(self.lines.torn());
        let lost = self.lines.clear();
        inbox.dropped(lost, DropReason::WriteFailed);
        match done {
            Ok(()) => self.trouble.over(&self.destination),
            Err(error) => self.trouble.tell(&self.destination, &error, lost),
        }
    }

    async fn write_lines(&mut self, inbox: &mut Receiver) -> io::Result<()> {
        if self.output.is_removed() {
            self.output = Output::open(&self.destination).map_err(io::Error::other)?;
        }
        while !self.lines.unwritten().is_empty() {
            let written = self.output.write(self.lines.unwritten()).await?;
            inbox.sent(self.lines.wrote(written));
        }
        Ok(())
    }

    /// Without a new file the old one is written to, whatever its name is now: nothing is lost.
    fn reopen(&mut self) {
        let Destination::File(path) = &self.destination else { return };
        if self.output.is(path) {
            return;
        }
        match Output::open(&self.destination) {
            Ok(output) => self.output = output,
            Err(error) => warn!(%error, "the old file is written to, whatever its name is now"),
        }
    }
}

/// Writes that fail: told at once, then once a minute.
#[derive(Debug, Default)]
struct Trouble {
    told: Option<Instant>,
    /// Whether the last thing told was that writing fails.
    lasts: bool,
    lost: u64,
}

impl Trouble {
    fn tell(&mut self, destination: &Destination, error: &io::Error, lost: u64) {
        self.lost += lost;
        if self.told.is_none_or(|told| told.elapsed() >= MESSAGE_INTERVAL) {
            let dropped = std::mem::take(&mut self.lost);
            warn!(%destination, %error, dropped, "JSON lines cannot be written");
            (self.told, self.lasts) = (Some(Instant::now()), true);
        }
    }

    fn over(&mut self, destination: &Destination) {
        if std::mem::take(&mut self.lasts) {
            info!(%destination, dropped = std::mem::take(&mut self.lost), "JSON lines are written again");
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("standard output"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}
