//! Uploads finished files from the spool to a bucket.
//!
//! ```text
//! file -> spool (a directory of this host) -> bucket
//! ```
//!
//! Files are finished in the spool, as in a directory as destination, and uploaded from there. So an outage of the bucket loses no
//! event until the spool reaches its limits, and a killed egret loses none either: the next start uploads the remaining files. A
//! repeated upload overwrites the same object.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::buffered::BufWriter;
use object_store::{ObjectStoreExt as _, PutPayload};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, sleep_until};

use super::outage::{self, Outage};
use super::retention::Retention;
use super::spool::{SpoolFile, SpoolFiles};
use super::{BUCKET_PART, Directory, Store, finished_files};
use crate::parquet::config::{Settings, StartError};
use crate::parquet::layout::LogFile;
use crate::parquet::sink::now;
use crate::sink::Ledger;

/// Delay after the first failed upload; each further failure doubles it.
const FIRST_DELAY: Duration = Duration::from_secs(1);
const MAX_DELAY: Duration = Duration::from_secs(60);
/// Capacity of the channel of finished files, a hundred bytes each. The uploader reads it between uploads, whose duration is
/// limited.
const FINISHED: usize = 1024;

/// A finished file in the spool.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) path: String,
    pub(crate) events: u64,
    pub(crate) bytes: u64,
}

/// Uploads the files of the spool, oldest first.
pub(crate) struct Uploader {
    /// Holds the lock of the spool until the last upload, since another egret would upload and remove the same files.
    spool: Arc<Directory>,
    bucket: Store,
    retention: Retention,
    /// The files in the bucket have been listed.
    listed: bool,
    files: SpoolFiles,
    finished: Receiver<Finished>,
    /// The sink has ended.
    closed: bool,
    /// When the next upload is due.
    due: Instant,
    delay: Duration,
    outage: Outage,
}

impl Uploader {
    /// An uploader of the files that an earlier egret left in the spool and of those that are sent to the returned channel.
    ///
    /// # Errors
    ///
    /// The spool cannot be listed.
    pub(crate) fn new(
        settings: &Settings,
        spool: Arc<Directory>,
        bucket: Store,
        host: &str,
    ) -> Result<(Self, Sender<Finished>), StartError> {
        let refused = |error| StartError::Directory { path: spool.path().to_owned(), error };
        let mut files = SpoolFiles::new(&settings.spool);
        for (file, bytes) in finished_files(spool.path(), host).map_err(refused)? {
            let events = count_events(&spool.path().join(file.to_string()));
            files.add(file, SpoolFile { bytes, events, since: Instant::now() });
        }
        if files.state().files > 0 {
            let state = files.state();
            tracing::info!(files = state.files, events = state.events, "files of an earlier run wait for their upload");
        }
        let (sender, finished) = channel(FINISHED);
        let uploader = Self {
            spool,
            bucket,
            retention: Retention::new(settings, host.to_owned()),
            listed: false,
            files,
            finished,
            closed: false,
            due: Instant::now(),
            delay: Duration::ZERO,
            outage: Outage::default(),
        };
        Ok((uploader, sender))
    }

    /// Uploads until the channel is closed and the spool is empty, or an upload fails after that.
    pub(crate) async fn run(mut self, ledger: &Ledger) {
        loop {
            self.drop_excess();
            ledger.set_spool_state(self.files.state());
            if self.files.is_empty() {
                match self.finished.recv().await {
                    Some(finished) => self.take(&finished),
                    None => break,
                }
                continue;
            }
            tokio::select! {
                biased;
                finished = self.finished.recv(), if !self.closed => match finished {
                    Some(finished) => self.take(&finished),
                    None => (self.closed, self.due) = (true, Instant::now()),
                },
                () = sleep_until(self.due) => {
                    let uploaded = self.upload_oldest().await;
                    if !uploaded && self.closed {
                        break;
                    }
                }
            }
        }
        let state = self.files.state();
        if state.files > 0 {
            let spool = self.spool.path().display();
            tracing::warn!(files = state.files, events = state.events, %spool, "files wait for their upload until the next start");
        }
        ledger.set_spool_state(state);
    }

    fn take(&mut self, finished: &Finished) {
        let file = SpoolFile { bytes: finished.bytes, events: finished.events, since: Instant::now() };
        match LogFile::parse(&finished.path) {
            Some(path) => self.files.add(path, file),
            None => tracing::error!(file = %finished.path, "not the path of a log file, it stays in the spool"),
        }
    }

    /// Uploads the oldest file. Returns whether it has left the spool.
    async fn upload_oldest(&mut self) -> bool {
        let Some((file, bytes)) = self.files.oldest() else { return false };
        let path = self.spool.path().join(file.to_string());
        match self.upload(&file, &path, bytes).await {
            Ok(()) => {
                self.files.uploaded(&file);
                self.delay = Duration::ZERO;
                self.due = Instant::now();
                self.outage.upload_succeeded();
                remove(&path);
                self.retention.add(file.hour, bytes);
                self.remove_old().await;
                true
            }
            Err(UploadError::Local(error)) => {
                let events = self.files.unreadable(&file);
                tracing::error!(file = %path.display(), events, %error, "cannot read a file of the spool, its events are lost");
                true
            }
            Err(UploadError::Bucket(error)) => {
                self.delay = (self.delay * 2).clamp(FIRST_DELAY, MAX_DELAY);
                self.due = Instant::now() + self.delay;
                self.outage.upload_failed(&error, self.files.state());
                self.files.failed(&outage::describe(&error), self.delay);
                false
            }
        }
    }

    async fn upload(&self, file: &LogFile, path: &Path, bytes: u64) -> Result<(), UploadError> {
        let object = self.bucket.path(&file.to_string());
        let mut file = File::open(path).map_err(UploadError::Local)?;
        let part = u64::try_from(BUCKET_PART).unwrap_or(u64::MAX);
        if bytes <= part {
            let whole = read(&mut file, bytes)?;
            self.bucket.objects.put(&object, PutPayload::from(whole)).await?;
            return Ok(());
        }
        // One part at a time, since parts are held in memory.
        let upload = BufWriter::with_capacity(Arc::clone(&self.bucket.objects), object, BUCKET_PART);
        let mut upload = upload.with_max_concurrency(1);
        let sent = async {
            loop {
                let chunk = read(&mut file, part)?;
                if chunk.is_empty() {
                    return Ok(upload.shutdown().await.map_err(from_io)?);
                }
                upload.put(chunk).await?;
            }
        };
        let sent: Result<(), UploadError> = sent.await;
        if sent.is_err() {
            // Remaining parts cost storage. If this fails too, a lifecycle rule of the bucket has to remove them.
            let _ = upload.abort().await;
        }
        sent
    }

    /// Drops files beyond the limits of the spool.
    fn drop_excess(&mut self) {
        while let Some((file, events, reason)) = self.files.drop_excess(Instant::now()) {
            remove(&self.spool.path().join(file.to_string()));
            self.outage.dropped(&file.to_string(), events, reason);
        }
    }

    /// Removes old files from the bucket. A failure does not affect uploads.
    async fn remove_old(&mut self) {
        let removed = async {
            if !self.listed {
                self.retention.list(&self.bucket).await?;
                self.listed = true;
            }
            self.retention.remove_old(&self.bucket, now()).await
        };
        match removed.await {
            Ok(removed) if removed.files > 0 => {
                tracing::info!(files = removed.files, bytes = removed.bytes, "old parquet files removed");
            }
            Ok(_) => {}
            Err(error) => self.outage.retention_failed(&error),
        }
    }
}

/// Why a file was not uploaded.
#[derive(Debug)]
enum UploadError {
    /// The file itself cannot be read.
    Local(io::Error),
    /// The bucket did not accept it.
    Bucket(object_store::Error),
}

impl From<object_store::Error> for UploadError {
    fn from(error: object_store::Error) -> Self {
        Self::Bucket(error)
    }
}

/// The writer wraps errors of the store in I/O errors.
fn from_io(error: io::Error) -> object_store::Error {
    object_store::Error::Generic { store: "S3", source: Box::new(error) }
}

fn read(file: &mut File, bytes: u64) -> Result<Bytes, UploadError> {
    let mut chunk = Vec::with_capacity(usize::try_from(bytes).unwrap_or(BUCKET_PART).min(BUCKET_PART));
    file.take(bytes).read_to_end(&mut chunk).map_err(UploadError::Local)?;
    Ok(chunk.into())
}

/// The number of rows of a file from an earlier run; zero if its metadata cannot be read.
fn count_events(path: &Path) -> u64 {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    let reader = File::open(path).ok().and_then(|file| SerializedFileReader::new(file).ok());
    reader.map_or(0, |reader| u64::try_from(reader.metadata().file_metadata().num_rows()).unwrap_or(0))
}

/// Removes a file of the spool and directories that are empty then.
fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::warn!(file = %path.display(), %error, "cannot remove a file of the spool: it will be uploaded again");
    }
    for directory in path.ancestors().skip(1).take(2) {
        if std::fs::remove_dir(directory).is_err() {
            return;
        }
    }
}
