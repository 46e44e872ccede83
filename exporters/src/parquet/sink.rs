//! The sink: takes events from the queue, and finishes files in time.

use std::time::Duration;

use egret_model::{Arguments, Timestamp, work};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument as _, Span, field};

use super::complaint::Complaint;
use super::encoding;
use super::error::{StartError, WriteError};
use super::file::File;
use super::layout::{Hour, host_in_names};
use super::settings::{Destination, Settings};
use super::shelf::Shelf;
use super::store::Store;
use super::upload::{Finished, Uploader};
use crate::names;
use crate::sink::{Batch, DropReason, Receiver};

/// Files that may be open at a time: that of the hour, and for a moment that of the hour before, whose last events may
/// come after the first of the next. More than that and the one begun first is finished early.
const OPEN_FILES: usize = 2;

/// Writes events to Parquet files.
pub struct Sink {
    rotate_after: Duration,
    rotate_bytes: u64,
    options: ArrowWriterOptions,
    arguments: Arguments,
    store: Store,
    shelf: Shelf,
    open: Vec<File>,
    complaint: Complaint,
    /// Where finished files go from here, if the destination is a bucket.
    upload: Option<Uploader>,
    finished: Option<Sender<Finished>>,
}

impl Sink {
    /// Opens the destination, and removes what a killed egret left unfinished there.
    ///
    /// # Errors
    ///
    /// The destination cannot be used, or another egret writes files of this host there.
    pub fn new(settings: &Settings) -> Result<Self, StartError> {
        let host = host_in_names(&settings.host);
        match &settings.destination {
            Destination::Directory(path) => Self::with_store(settings, Store::directory(path, &host)?.0),
            Destination::Bucket(url) => {
                let bucket = Store::bucket(url)?;
                // Locked before it is listed.
                let (spool, _) = Store::directory(&settings.spool.directory, &host)?;
                let (uploader, finished) = Uploader::new(settings, bucket, &host)?;
                let sink = Self::with_store(settings, spool)?;
                Ok(Self { upload: Some(uploader), finished: Some(finished), ..sink })
            }
        }
    }

    /// The same with any object store, whatever the settings say about the destination.
    ///
    /// # Errors
    ///
    /// The settings of the writer contradict each other.
    pub fn on(settings: &Settings, objects: std::sync::Arc<dyn object_store::ObjectStore>) -> Result<Self, StartError> {
        Self::with_store(settings, Store::of(objects))
    }

    fn with_store(settings: &Settings, store: Store) -> Result<Self, StartError> {
        Ok(Self {
            rotate_after: settings.rotate_after,
            rotate_bytes: settings.rotate_bytes,
            options: encoding::options(settings)?,
            arguments: settings.arguments.clone(),
            store,
            shelf: Shelf::new(settings, host_in_names(&settings.host)),
            open: Vec::new(),
            complaint: Complaint::default(),
            upload: None,
            finished: None,
        })
    }

    /// Writes until the queue is closed and empty; by then every file is finished. The runtime must have time.
    /// What a bucket does not take by then stays in the spool.
    pub async fn run(mut self, inbox: Receiver) {
        match self.upload.take() {
            None => self.write(inbox).await,
            Some(uploader) => {
                let ledger = inbox.ledger().clone();
                tokio::join!(self.write(inbox), uploader.run(&ledger));
            }
        }
    }

    async fn write(mut self, mut inbox: Receiver) {
        self.tidy(true).await;
        while let Some(next) = self.next(&mut inbox).await {
            if let Some(batch) = next {
                self.take(&batch, &mut inbox).await;
            }
            self.rotate(&mut inbox).await;
        }
        while let Some(file) = self.open.pop() {
            self.finish(file, &mut inbox).await;
        }
    }

    /// The next batch; `Some(None)` if it is time to finish a file first, `None` at the end.
    async fn next(&self, inbox: &mut Receiver) -> Option<Option<Batch>> {
        let due = self.open.iter().map(|file| file.begun + self.rotate_after).min();
        match due {
            Some(due) => timeout_at(due, inbox.next()).await.map_or(Some(None), |batch| batch.map(Some)),
            None => inbox.next().await.map(Some),
        }
    }

    async fn take(&mut self, batch: &Batch, inbox: &mut Receiver) {
        for event in batch.iter() {
            let hour = Hour::of(event.time);
            let Some(at) = self.file_of(hour, inbox).await else {
                inbox.dropped(1, DropReason::Unencodable);
                continue;
            };
            let Some(file) = self.open.get_mut(at) else { continue };
            if file.push(event)
                && let Err(error) = file.encode(&self.store).await
            {
                let file = self.open.swap_remove(at);
                self.give_up(&file, &error, inbox);
            }
        }
    }

    /// The open file of an hour, begun if there is none.
    async fn file_of(&mut self, hour: Hour, inbox: &mut Receiver) -> Option<usize> {
        if let Some(at) = self.open.iter().position(|file| file.hour == hour) {
            return Some(at);
        }
        if self.open.len() >= OPEN_FILES {
            let oldest = self.open.remove(0);
            self.finish(oldest, inbox).await;
        }
        let place = self.shelf.next(hour, now()).to_string();
        let file = File::begin(&self.store, self.options.clone(), hour, place, self.arguments.clone());
        let file = file.inspect_err(|error| tracing::error!(%error, "cannot begin a parquet file")).ok()?;
        self.open.push(file);
        Some(self.open.len() - 1)
    }

    /// Finishes the files that are old or large enough.
    async fn rotate(&mut self, inbox: &mut Receiver) {
        let due = Instant::now();
        while let Some(at) = self.open.iter().position(|file| self.is_due(file, due)) {
            let file = self.open.swap_remove(at);
            self.finish(file, inbox).await;
        }
    }

    fn is_due(&self, file: &File, now: Instant) -> bool {
        now >= file.begun + self.rotate_after || file.bytes() >= self.rotate_bytes
    }

    async fn finish(&mut self, file: File, inbox: &mut Receiver) {
        let span = tracing::info_span!(
            target: work::TARGET,
            work::FINISH_FILE,
            { names::FILE_PATH } = file.place,
            { names::EVENTS } = signed(file.events),
            { names::FILE_SIZE } = field::Empty,
        );
        self.publish(file, inbox).instrument(span).await;
    }

    async fn publish(&mut self, mut file: File, inbox: &mut Receiver) {
        match file.finish(&self.store).await {
            Ok(bytes) => {
                inbox.sent(file.events);
                Span::current().record(names::FILE_SIZE, signed(bytes));
                tracing::debug!(file = %file.place, events = file.events, bytes, "parquet file finished");
                self.publish_further(file, bytes).await;
            }
            Err(error) => self.give_up(&file, &error, inbox),
        }
    }

    /// What is done with a finished file: it is uploaded, or counts towards what is kept.
    async fn publish_further(&mut self, file: File, bytes: u64) {
        let Some(finished) = &self.finished else {
            self.shelf.add(file.hour, bytes);
            self.tidy(false).await;
            return;
        };
        let announced = finished.try_send(Finished { place: file.place, events: file.events, bytes });
        if let Err(error) = announced {
            tracing::warn!(%error, "a finished file stays in the spool until the next start");
        }
    }

    fn give_up(&mut self, file: &File, error: &WriteError, inbox: &mut Receiver) {
        inbox.dropped(file.events, DropReason::WriteFailed);
        self.complaint.make(&file.place, file.events, error);
    }

    /// Removes what need not be kept. A failure changes nothing for what is written.
    async fn tidy(&mut self, survey: bool) {
        if self.finished.is_some() {
            // What is kept in a bucket is the uploader's business.
            return;
        }
        let span = tracing::info_span!(
            target: work::TARGET,
            work::RETENTION,
            { names::FILES } = field::Empty,
            { names::BYTES } = field::Empty,
        );
        self.remove_old(survey).instrument(span).await;
    }

    async fn remove_old(&mut self, survey: bool) {
        let seen = if survey { self.shelf.survey(&self.store).await } else { Ok(()) };
        let removed = match seen {
            Ok(()) => self.shelf.tidy(&self.store, now()).await,
            Err(error) => Err(error),
        };
        match removed {
            Ok(removed) if removed.files > 0 => {
                let span = Span::current();
                span.record(names::FILES, signed(removed.files)).record(names::BYTES, signed(removed.bytes));
                tracing::info!(files = removed.files, bytes = removed.bytes, "old parquet files removed");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "cannot look after old parquet files"),
        }
    }
}

/// A number as OpenTelemetry has them.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Now, on the calendar.
pub(super) fn now() -> Timestamp {
    Timestamp(i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX))
}
