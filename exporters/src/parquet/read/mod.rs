//! Reads a log: events in the order of their files, with as few bytes as a query needs.
//!
//! ```text
//! directories (hours) -> row groups (times, bloom filters) -> pages (times) -> rows (columns of the query) -> events
//! ```
//!
//! Each step skips data that cannot match. Files of older and newer versions are read: a column that a file lacks is unknown in all
//! its rows, and a column that this version does not know is not read.

mod columns;
mod decode;
mod file;
mod prune;
mod query;
mod source;

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use egret_model::{Event, Timestamp};
use parquet::errors::ParquetError;

use self::file::FileReader;
pub use self::query::{Criterion, Query};
use self::source::{Entry, Source};
use super::config::StartError;
use super::layout::{Hour, LogFile};

/// A part of the log that could not be read. Iteration goes on after it.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A directory cannot be listed.
    #[error("cannot read the directory {path}: {error}", path = path.display())]
    Directory { path: PathBuf, error: io::Error },
    /// The URL is invalid, or the environment lacks settings of the bucket.
    #[error(transparent)]
    Bucket {
        #[from]
        error: Box<StartError>,
    },
    /// A file cannot be opened.
    #[error("cannot open {path}: {error}", path = path.display())]
    Open { path: PathBuf, error: io::Error },
    /// A file is damaged, or not a log file.
    #[error("cannot read {path}: {error}", path = path.display())]
    File { path: PathBuf, error: ParquetError },
    /// Rows have values that this version does not know; a newer one may.
    #[error("{rows} rows of {path} have values that this version does not know", path = path.display())]
    Rows { path: PathBuf, rows: usize },
}

impl ReadError {
    /// The hour that is incomplete, as begin and end, and the number of missing rows, zero if unknown; `None` if the error is not
    /// about an hour.
    #[must_use]
    pub fn missed(&self) -> Option<(Timestamp, Timestamp, usize)> {
        let (path, rows) = match self {
            Self::Bucket { .. } => return None,
            Self::Directory { path, .. } | Self::Open { path, .. } | Self::File { path, .. } => (path, 0),
            Self::Rows { path, rows } => (path, *rows),
        };
        let names: Vec<&str> = path.iter().filter_map(OsStr::to_str).collect();
        let hour = names.windows(2).rev().find_map(|pair| Hour::parse(&pair.join("/")))?;
        Some((hour.begin(), hour.end(), rows))
    }
}

/// The events of a log that match a query, in batches of at most some thousand.
///
/// Files are read in the order of their hours, and within an hour in the order in which they were created. One file is open and one
/// batch is in memory at a time.
#[derive(Debug)]
pub struct Log {
    query: Query,
    source: Source,
    hours: VecDeque<PathBuf>,
    files: VecDeque<Entry>,
    current: Option<FileReader>,
    /// The number of hours listed at the beginning.
    all_hours: usize,
}

impl Log {
    /// Opens the log in a directory, or in a bucket by its URL `s3://BUCKET/PREFIX`, with credentials, region and endpoint from the
    /// usual `AWS_*` variables. Blocks on a bucket, so it must not be called within a runtime.
    ///
    /// # Errors
    ///
    /// The directory or the bucket cannot be listed.
    pub fn open(directory: &Path, query: Query) -> Result<Self, ReadError> {
        Self::from_source(Source::open(directory)?, directory, query)
    }

    fn from_source(source: Source, directory: &Path, query: Query) -> Result<Self, ReadError> {
        let mut hours: Vec<(Hour, PathBuf)> = Vec::new();
        for date in source.list(directory)? {
            // Only directories of dates that overlap with the query are listed.
            let overlaps =
                Hour::parse(&format!("{}/hour=00", date.name)).is_some_and(|first| query.overlaps_day(first));
            for hour in if overlaps { source.list_if_present(&date.path)? } else { Vec::new() } {
                hours.extend(Hour::parse(&format!("{}/{}", date.name, hour.name)).map(|found| (found, hour.path)));
            }
        }
        hours.retain(|(hour, _)| query.overlaps(hour.begin(), hour.end()));
        hours.sort();
        let hours: VecDeque<PathBuf> = hours.into_iter().map(|(_, path)| path).collect();
        Ok(Self { query, source, all_hours: hours.len(), hours, files: VecDeque::new(), current: None })
    }

    /// The host of the last batch, from the metadata of its file.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.current.as_ref().and_then(FileReader::host)
    }

    /// The progress: hours begun, and hours in total.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        (self.all_hours.saturating_sub(self.hours.len()), self.all_hours)
    }

    /// The next batch of the file that is open, then of the next file.
    fn batch(&mut self) -> Result<Option<Vec<Event>>, ReadError> {
        loop {
            if let Some(file) = &mut self.current {
                match file.batch() {
                    Ok(Some(events)) => return Ok(Some(events)),
                    Ok(None) => self.current = None,
                    // The next rows may be decodable; a damaged file is not.
                    Err(error @ ReadError::Rows { .. }) => return Err(error),
                    Err(error) => {
                        self.current = None;
                        return Err(error);
                    }
                }
            } else if let Some(entry) = self.files.pop_front() {
                if let Some(input) = self.source.open_file(&entry)? {
                    self.current = FileReader::open(entry.path, input, &self.query)?;
                }
            } else if let Some(hour) = self.hours.pop_front() {
                self.files = files(self.source.list_if_present(&hour)?);
            } else {
                return Ok(None);
            }
        }
    }
}

impl Iterator for Log {
    type Item = Result<Vec<Event>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}

/// The log files of an hour, of all hosts, in the order in which they were created.
fn files(entries: Vec<Entry>) -> VecDeque<Entry> {
    let numbered =
        |entry: Entry| LogFile::parse_name(&entry.name).map(|(_, sequence)| sequence).map(|sequence| (sequence, entry));
    let mut files: Vec<(u64, Entry)> = entries.into_iter().filter_map(numbered).collect();
    files.sort();
    files.into_iter().map(|(_, entry)| entry).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use egret_model::{ConnectionId, EventName, Layer};
    use object_store::memory::InMemory;
    use object_store::{ObjectStore, ObjectStoreExt as _};

    use super::super::{Settings, Sink};
    use super::*;
    use crate::sink::queue;

    const HOUR_NS: i64 = 3_600_000_000_000;
    /// So small that every step of reading a file fetches a block.
    const BLOCK: u64 = 64;

    /// Writes three files of one event each, one for each hour.
    async fn write(objects: &Arc<InMemory>) {
        let settings = Settings::for_test(Path::new("unused"));
        for hour in 0..3 {
            let (sender, receiver) = queue("parquet", 1);
            let id = ConnectionId { socket: 1, opened: 2 };
            sender.offer(&vec![Event::new(EventName::Listen, Timestamp(hour * HOUR_NS), id, Layer::Sockets)].into());
            drop(sender);
            let objects: Arc<dyn ObjectStore> = Arc::<InMemory>::clone(objects);
            Sink::on(&settings, objects).unwrap().run(receiver).await;
        }
    }

    fn remove(objects: &Arc<InMemory>, hour: i64) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let hour = object_store::path::Path::from(format!("date=1970-01-01/hour={hour:02}"));
            let listed = objects.list_with_delimiter(Some(&hour)).await.unwrap();
            for object in listed.objects {
                objects.delete(&object.location).await.unwrap();
            }
        });
    }

    #[test]
    fn file_removed_from_a_bucket_while_reading_is_skipped() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let objects = Arc::new(InMemory::new());
        runtime.block_on(write(&objects));
        let bucket = Source::from_bucket("log", Arc::<InMemory>::clone(&objects), BLOCK).unwrap();
        let mut log = Log::from_source(bucket, Path::new("s3://log"), Query::default()).unwrap();
        // The hour of the first file is listed, the second file is open.
        remove(&objects, 0);
        assert_eq!(log.hours.len(), 3);
        log.hours.pop_front();
        let hour = log.hours.pop_front().unwrap();
        log.files = files(log.source.list_if_present(&hour).unwrap());
        let listed = log.files.front().cloned().unwrap();
        let input = log.source.open_file(&listed).unwrap().unwrap();
        log.current = FileReader::open(listed.path, input, &log.query).unwrap();
        assert!(log.current.is_some());
        remove(&objects, 1);
        let read: Vec<_> = log.map(|batch| batch.unwrap().len()).collect();
        assert_eq!(read, [1], "the last hour's");
    }

    #[test]
    fn damaged_file_in_a_bucket_is_reported() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let objects = Arc::new(InMemory::new());
        runtime.block_on(write(&objects));
        let path = object_store::path::Path::from("date=1970-01-01/hour=00/web-9999999999999.parquet");
        runtime.block_on(objects.put(&path, vec![0; 100].into())).unwrap();
        let bucket = Source::from_bucket("log", objects, BLOCK).unwrap();
        let log = Log::from_source(bucket, Path::new("s3://log"), Query::default()).unwrap();
        let read: Vec<bool> = log.map(|batch| batch.is_ok()).collect();
        assert_eq!(read, [true, false, true, true]);
    }

    #[test]
    fn hour_removed_while_reading_is_skipped() {
        let directory = tempfile::tempdir().unwrap();
        let hours = [0, 1].map(|hour| directory.path().join(format!("date=1970-01-01/hour={hour:02}")));
        hours.iter().for_each(|hour| std::fs::create_dir_all(hour).unwrap());
        let log = Log::open(directory.path(), Query::default()).unwrap();
        assert_eq!(log.progress(), (0, 2));
        std::fs::remove_dir_all(&hours[0]).unwrap();
        assert_eq!(log.count(), 0, "no event, and no error");
        assert!(Log::open(&directory.path().join("absent"), Query::default()).is_err());
    }
}
