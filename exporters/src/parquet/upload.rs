//! Finished files on their way to a bucket.
//!
//! ```text
//! file -> spool (a directory of this host) -> bucket
//! ```
//!
//! A file is finished in the spool as it would be in a directory that is the destination, and uploaded from there. So an
//! outage of the bucket, however long, costs no event before the spool's limits are reached, and neither does the end of
//! egret at any moment: the next start goes on with the files that are there. An upload that is repeated writes the same
//! object again.

mod spooled;
mod trouble;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use object_store::buffered::BufWriter;
use object_store::{ObjectStoreExt as _, PutPayload};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, sleep_until};

use self::spooled::{Spooled, Waiting};
use self::trouble::Trouble;
use super::error::StartError;
use super::layout::Place;
use super::settings::Settings;
use super::shelf::Shelf;
use super::sink::now;
use super::store::{BUCKET_PART, Store, finished_files};
use crate::sink::Ledger;

/// The first upload after one that failed waits this long, and each further one twice as long as the one before.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// At most.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Finished files that the uploader has not taken yet: it takes them between uploads, which are bounded in time. A hundred
/// bytes each.
const FINISHED: usize = 1024;

/// A file that is in the spool, whole.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) place: String,
    pub(super) events: u64,
    pub(super) bytes: u64,
}

/// Uploads what is in the spool, oldest first.
pub(super) struct Uploader {
    spool: PathBuf,
    bucket: Store,
    shelf: Shelf,
    surveyed: bool,
    spooled: Spooled,
    finished: Receiver<Finished>,
    /// Nothing more will be finished.
    closed: bool,
    due: Instant,
    wait: Duration,
    trouble: Trouble,
}

impl Uploader {
    /// Takes over what an earlier egret left in the spool. Finished files are announced through the sender.
    ///
    /// # Errors
    ///
    /// The spool cannot be listed.
    pub(super) fn new(settings: &Settings, bucket: Store, host: &str) -> Result<(Self, Sender<Finished>), StartError> {
        let spool = settings.spool.directory.clone();
        let refused = |error| StartError::Directory { path: spool.clone(), error };
        let mut spooled = Spooled::new(&settings.spool);
        for (place, bytes) in finished_files(&spool, host).map_err(refused)? {
            let events = events_of(&spool.join(place.to_string()));
            spooled.add(place, Waiting { bytes, events, since: Instant::now() });
        }
        if spooled.state().files > 0 {
            let state = spooled.state();
            tracing::info!(files = state.files, events = state.events, "files of an earlier run wait for the bucket");
        }
        let (sender, finished) = channel(FINISHED);
        let uploader = Self {
            spool,
            bucket,
            shelf: Shelf::new(settings, host.to_owned()),
            surveyed: false,
            spooled,
            finished,
            closed: false,
            due: Instant::now(),
            wait: Duration::ZERO,
            trouble: Trouble::default(),
        };
        Ok((uploader, sender))
    }

    /// Uploads until every sender is gone and the spool is empty, or the bucket cannot be reached then.
    pub(super) async fn run(mut self, ledger: &Ledger) {
        loop {
            self.drop_excess();
            ledger.spool(self.spooled.state());
            if self.spooled.is_empty() {
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
        let state = self.spooled.state();
        if state.files > 0 {
            let spool = self.spool.display();
            tracing::warn!(files = state.files, events = state.events, %spool, "files wait for the bucket until the next start");
        }
        ledger.spool(state);
    }

    fn take(&mut self, finished: &Finished) {
        let waiting = Waiting { bytes: finished.bytes, events: finished.events, since: Instant::now() };
        match Place::parse(&finished.place) {
            Some(place) => self.spooled.add(place, waiting),
            None => tracing::error!(file = %finished.place, "no name of a file of the log: it stays in the spool"),
        }
    }

    /// Uploads the oldest file; says whether there is one less now.
    async fn upload_oldest(&mut self) -> bool {
        let Some((place, bytes)) = self.spooled.oldest() else { return false };
        let path = self.spool.join(place.to_string());
        match self.upload(&place, &path, bytes).await {
            Ok(()) => {
                self.spooled.uploaded(&place);
                self.wait = Duration::ZERO;
                self.due = Instant::now();
                self.trouble.over();
                remove(&path);
                self.shelf.add(place.hour, bytes);
                self.tidy().await;
                true
            }
            Err(UploadError::Local(error)) => {
                let events = self.spooled.unreadable(&place);
                tracing::error!(file = %path.display(), events, %error, "cannot read a file of the spool, its events are lost");
                true
            }
            Err(UploadError::Bucket(error)) => {
                self.wait = if self.trouble.is_final(&error) { LONGEST_WAIT } else { self.wait * 2 };
                self.wait = self.wait.clamp(FIRST_WAIT, LONGEST_WAIT);
                self.due = Instant::now() + self.wait;
                self.trouble.tell(&error, self.spooled.state());
                self.spooled.failed(&error);
                false
            }
        }
    }

    async fn upload(&self, place: &Place, path: &Path, bytes: u64) -> Result<(), UploadError> {
        let object = self.bucket.path(&place.to_string());
        let mut file = File::open(path).map_err(UploadError::Local)?;
        let part = u64::try_from(BUCKET_PART).unwrap_or(u64::MAX);
        if bytes <= part {
            let whole = read(&mut file, bytes)?;
            self.bucket.objects.put(&object, PutPayload::from(whole)).await?;
            return Ok(());
        }
        // One part at a time: each is in memory.
        let upload = BufWriter::with_capacity(std::sync::Arc::clone(&self.bucket.objects), object, BUCKET_PART);
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
            // Parts that stay behind cost their owner money. Where this fails too, the bucket's own rule has to remove them.
            let _ = upload.abort().await;
        }
        sent
    }

    /// Drops files beyond what the spool may keep.
    fn drop_excess(&mut self) {
        while let Some((place, events, reason)) = self.spooled.drop_excess(Instant::now()) {
            remove(&self.spool.join(place.to_string()));
            self.trouble.dropped(&place.to_string(), events, reason);
        }
    }

    /// Removes from the bucket what need not be kept. A failure changes nothing for what is uploaded.
    async fn tidy(&mut self) {
        let tidied = async {
            if !self.surveyed {
                self.shelf.survey(&self.bucket).await?;
                self.surveyed = true;
            }
            self.shelf.tidy(&self.bucket, now()).await
        };
        match tidied.await {
            Ok(removed) if removed.files > 0 => {
                tracing::info!(files = removed.files, bytes = removed.bytes, "old parquet files removed");
            }
            Ok(_) => {}
            Err(error) => self.trouble.retention(&error),
        }
    }
}

/// Why a file was not uploaded.
#[derive(Debug)]
enum UploadError {
    /// The file itself cannot be read.
    Local(io::Error),
    /// The bucket did not take it.
    Bucket(object_store::Error),
}

impl From<object_store::Error> for UploadError {
    fn from(error: object_store::Error) -> Self {
        Self::Bucket(error)
    }
}

/// The writer tells the store's errors as those of I/O.
fn from_io(error: io::Error) -> object_store::Error {
    object_store::Error::Generic { store: "S3", source: Box::new(error) }
}

fn read(file: &mut File, bytes: u64) -> Result<Bytes, UploadError> {
    let mut chunk = Vec::with_capacity(usize::try_from(bytes).unwrap_or(BUCKET_PART).min(BUCKET_PART));
    file.take(bytes).read_to_end(&mut chunk).map_err(UploadError::Local)?;
    Ok(chunk.into())
}

/// Rows of a file that an earlier egret finished; zero where it does not say.
fn events_of(path: &Path) -> u64 {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    let reader = File::open(path).ok().and_then(|file| SerializedFileReader::new(file).ok());
    reader.map_or(0, |reader| u64::try_from(reader.metadata().file_metadata().num_rows()).unwrap_or(0))
}

/// Removes a file of the spool, and the directories that are empty then.
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
