//! The sink: takes events from its queue and writes them to files, which it finishes at intervals.

use std::time::Duration;

use egret_model::{Arguments, Timestamp, work};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument as _, Span, field};

use super::client::{Finished, LostFiles, Retention, Store, Uploader};
use super::config::{Destination, Settings, StartError};
use super::encoder::{OpenFile, Updates, WriteError, options};
use super::layout::{Hour, file_name_of_host};
use crate::names;
use crate::sink::{Batch, DropReason, Receiver};

/// Maximum number of open files: that of the current hour and that of the previous one, whose last events may arrive after the
/// first of the current hour. A third one finishes the oldest early.
const OPEN_FILES: usize = 2;
/// Interval between two messages about files that cannot be written: a full disk fails every file.
const MESSAGE_INTERVAL: Duration = Duration::from_secs(10);

/// Writes events to Parquet files.
pub struct Sink {
    rotate_after: Duration,
    rotate_bytes: u64,
    options: ArrowWriterOptions,
    arguments: Arguments,
    store: Store,
    retention: Retention,
    open: Vec<OpenFile>,
    updates: Updates,
    lost: LostFiles,
    /// Uploads finished files, if the destination is a bucket.
    uploader: Option<Uploader>,
    finished: Option<Sender<Finished>>,
}

impl Sink {
    /// Opens the destination and removes unfinished files of a killed egret.
    ///
    /// # Errors
    ///
    /// The destination cannot be used, or another egret writes files of this host there.
    pub fn new(settings: &Settings) -> Result<Self, StartError> {
        let host = file_name_of_host(&settings.host);
        match &settings.destination {
            Destination::Directory(path) => Self::with_store(settings, Store::directory(path, &host)?.0),
            Destination::Bucket(url) => {
                let bucket = Store::bucket(url)?;
                Self::with_bucket(settings, bucket, &host)
            }
        }
    }

    fn with_bucket(settings: &Settings, bucket: Store, host: &str) -> Result<Self, StartError> {
        // The spool is locked before it is listed.
        let (store, spool) = Store::directory(&settings.spool.directory, host)?;
        let (uploader, finished) = Uploader::new(settings, spool, bucket, host)?;
        let sink = Self::with_store(settings, store)?;
        Ok(Self { uploader: Some(uploader), finished: Some(finished), ..sink })
    }

    /// A sink that writes to any object store instead of the configured destination.
    ///
    /// # Errors
    ///
    /// The settings of the writer are invalid.
    pub fn on(settings: &Settings, objects: std::sync::Arc<dyn object_store::ObjectStore>) -> Result<Self, StartError> {
        Self::with_store(settings, Store::from(objects))
    }

    fn with_store(settings: &Settings, store: Store) -> Result<Self, StartError> {
        Ok(Self {
            rotate_after: settings.rotate_after,
            rotate_bytes: settings.rotate_bytes,
            options: options(settings)?,
            arguments: settings.arguments.clone(),
            store,
            retention: Retention::new(settings, file_name_of_host(&settings.host)),
            open: Vec::new(),
            updates: Updates::default(),
            lost: LostFiles::new(MESSAGE_INTERVAL),
            uploader: None,
            finished: None,
        })
    }

    /// Writes until the queue is closed and empty, and finishes all files then. Needs a runtime with timers. Files that cannot be
    /// uploaded then stay in the spool.
    pub async fn run(mut self, inbox: Receiver) {
        match self.uploader.take() {
            None => self.write(inbox).await,
            Some(uploader) => {
                let ledger = inbox.ledger().clone();
                tokio::join!(self.write(inbox), uploader.run(&ledger));
            }
        }
    }

    async fn write(mut self, mut inbox: Receiver) {
        self.remove_old(true).await;
        while let Some(next) = self.next(&mut inbox).await {
            if let Some(batch) = next {
                self.take(&batch, &mut inbox).await;
            }
            self.rotate(&mut inbox).await;
        }
        while let Some(file) = self.open.pop() {
            self.finish(file, &mut inbox).await;
        }
        // Updates of a file that could not be written.
        let pending = self.updates.pending();
        if pending != 0 {
            inbox.dropped(pending, DropReason::WriteFailed);
        }
    }

    /// The next batch; `Some(None)` if a file is due to be finished first, `None` at the end.
    async fn next(&self, inbox: &mut Receiver) -> Option<Option<Batch>> {
        let due = self.open.iter().map(|file| file.opened + self.rotate_after).min();
        match due {
            Some(due) => timeout_at(due, inbox.next()).await.map_or(Some(None), |batch| batch.map(Some)),
            None => inbox.next().await.map(Some),
        }
    }

    async fn take(&mut self, batch: &Batch, inbox: &mut Receiver) {
        for event in batch.iter() {
            let hour = Hour::from(event.time);
            let Some(index) = self.get_or_create(hour, inbox).await else {
                inbox.dropped(1, DropReason::Unencodable);
                continue;
            };
            let Some(file) = self.open.get_mut(index) else { continue };
            let Some((event, events)) = self.updates.merge(event) else { continue };
            if file.push(&event, events)
                && let Err(error) = file.encode(&self.store).await
            {
                let file = self.open.swap_remove(index);
                self.write_failed(&file, &error, inbox);
            }
        }
    }

    /// Adds the updates of open connections of the file's hour.
    async fn add_updates(&mut self, file: &mut OpenFile) -> Result<(), WriteError> {
        for (event, events) in self.updates.take_hour(file.hour) {
            if file.push(&event, events) {
                file.encode(&self.store).await?;
            }
        }
        Ok(())
    }

    /// The index of the open file of an hour, which is created if there is none.
    async fn get_or_create(&mut self, hour: Hour, inbox: &mut Receiver) -> Option<usize> {
        if let Some(index) = self.open.iter().position(|file| file.hour == hour) {
            return Some(index);
        }
        if self.open.len() >= OPEN_FILES {
            let oldest = self.open.remove(0);
            self.finish(oldest, inbox).await;
        }
        let path = self.retention.next_file(hour, now()).to_string();
        let file = OpenFile::create(&self.store, self.options.clone(), hour, path, self.arguments.clone());
        let file = file.inspect_err(|error| tracing::error!(%error, "cannot create a parquet file")).ok()?;
        self.open.push(file);
        Some(self.open.len() - 1)
    }

    /// Finishes files that have reached the age or size of rotation.
    async fn rotate(&mut self, inbox: &mut Receiver) {
        let due = Instant::now();
        while let Some(index) = self.open.iter().position(|file| self.is_due(file, due)) {
            let file = self.open.swap_remove(index);
            self.finish(file, inbox).await;
        }
    }

    fn is_due(&self, file: &OpenFile, now: Instant) -> bool {
        now >= file.opened + self.rotate_after || file.bytes() >= self.rotate_bytes
    }

    async fn finish(&mut self, file: OpenFile, inbox: &mut Receiver) {
        let span = tracing::info_span!(
            target: work::TARGET,
            work::FINISH_FILE,
            { names::FILE_PATH } = file.path,
            { names::EVENTS } = field::Empty,
            { names::FILE_SIZE } = field::Empty,
        );
        self.publish(file, inbox).instrument(span).await;
    }

    async fn publish(&mut self, mut file: OpenFile, inbox: &mut Receiver) {
        let added = self.add_updates(&mut file).await;
        Span::current().record(names::EVENTS, to_signed(file.events));
        let finished = match added {
            Ok(()) => file.finish(&self.store).await,
            Err(error) => Err(error),
        };
        match finished {
            Ok(bytes) => {
                inbox.sent(file.events);
                Span::current().record(names::FILE_SIZE, to_signed(bytes));
                tracing::debug!(file = %file.path, events = file.events, bytes, "parquet file finished");
                self.published(file, bytes).await;
            }
            Err(error) => self.write_failed(&file, &error, inbox),
        }
    }

    /// Passes a finished file on to the uploader, or to retention.
    async fn published(&mut self, file: OpenFile, bytes: u64) {
        let Some(finished) = &self.finished else {
            self.retention.add(file.hour, bytes);
            self.remove_old(false).await;
            return;
        };
        let sent = finished.try_send(Finished { path: file.path, events: file.events, bytes });
        if let Err(error) = sent {
            tracing::warn!(%error, "a finished file stays in the spool until the next start");
        }
    }

    fn write_failed(&mut self, file: &OpenFile, error: &WriteError, inbox: &mut Receiver) {
        inbox.dropped(file.events, DropReason::WriteFailed);
        let Some((files, events)) = self.lost.add(file.events) else { return };
        tracing::error!(file = %file.path, events = file.events, %error, "cannot write parquet file, its events are lost");
        if files > 0 {
            tracing::error!(files, events, "parquet files before this could not be written either");
        }
    }

    /// Removes old files. A failure does not affect writing.
    async fn remove_old(&mut self, list: bool) {
        if self.finished.is_some() {
            // The uploader removes old files of a bucket.
            return;
        }
        let span = tracing::info_span!(
            target: work::TARGET,
            work::RETENTION,
            { names::FILES } = field::Empty,
            { names::BYTES } = field::Empty,
        );
        self.apply_retention(list).instrument(span).await;
    }

    async fn apply_retention(&mut self, list: bool) {
        let listed = if list { self.retention.list(&self.store).await } else { Ok(()) };
        let removed = match listed {
            Ok(()) => self.retention.remove_old(&self.store, now()).await,
            Err(error) => Err(error),
        };
        match removed {
            Ok(removed) if removed.files > 0 => {
                let span = Span::current();
                span.record(names::FILES, to_signed(removed.files)).record(names::BYTES, to_signed(removed.bytes));
                tracing::info!(files = removed.files, bytes = removed.bytes, "old parquet files removed");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "cannot remove old parquet files"),
        }
    }
}

/// OpenTelemetry's integers are signed.
fn to_signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The wall clock.
pub(super) fn now() -> Timestamp {
    Timestamp(i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use egret_model::{ConnectionId, Event, EventName, Layer};
    use object_store::memory::InMemory;
    use object_store::throttle::{ThrottleConfig, ThrottledStore};

    use super::*;
    use crate::sink::queue;

    /// A bucket whose uploads take longer than any test.
    fn slow_bucket() -> Store {
        let config = ThrottleConfig { wait_put_per_call: Duration::from_secs(3600), ..ThrottleConfig::default() };
        let objects: std::sync::Arc<dyn object_store::ObjectStore> =
            std::sync::Arc::new(ThrottledStore::new(InMemory::new(), config));
        Store::from(objects)
    }

    #[tokio::test]
    async fn spool_is_locked_until_the_last_upload_ends() {
        let directory = tempfile::tempdir().unwrap();
        let settings = Settings::for_test(directory.path());
        let sink = Sink::with_bucket(&settings, slow_bucket(), "web").unwrap();
        let (sender, receiver) = queue("parquet", 10);
        let ledger = sender.ledger().clone();
        let id = ConnectionId { socket: 1, opened: 2 };
        sender.offer(&vec![Event::new(EventName::Listen, Timestamp(0), id, Layer::Sockets)].into());
        drop(sender);
        let mut running = Box::pin(sink.run(receiver));
        // The sink has finished writing once the uploader has the file.
        let uploading = async {
            while ledger.spool_state().is_none_or(|state| state.files == 0) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            () = &mut running => unreachable!("the upload takes longer"),
            () = uploading => {}
        }
        let other = Sink::with_bucket(&settings, slow_bucket(), "web");
        assert!(matches!(other, Err(StartError::InUse { .. })), "{:?}", other.err());
        drop(running);
        assert!(Sink::with_bucket(&settings, slow_bucket(), "web").is_ok(), "the next one uploads it");
    }
}
