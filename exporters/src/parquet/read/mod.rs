//! Reads a log back: events in the order of their files, as few bytes of them as the question needs.
//!
//! ```text
//! directories (hours) -> row groups (times, bloom filters) -> pages (times) -> rows (columns asked about) -> events
//! ```
//!
//! Each step leaves out what cannot hold an answer. Files of older and of newer versions are read alike: a column that a
//! file lacks is unknown in all of its rows, one that is not known here is not read.

mod decode;
mod file;
mod prune;
mod query;
mod source;
mod words;

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use egret_model::{Event, Timestamp};
use parquet::errors::ParquetError;

use self::file::FileReader;
pub use self::query::{Criterion, Query};
use self::source::{Entry, Source};
use super::error::StartError;
use super::layout::{Hour, Place};

/// What could not be read. The rest of the log still can.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A directory cannot be listed.
    #[error("cannot read the directory {path}: {error}", path = path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The bucket's URL cannot be understood, or the environment lacks what it takes to use it.
    #[error(transparent)]
    Bucket {
        /// Why.
        #[from]
        error: Box<StartError>,
    },
    /// A file cannot be opened.
    #[error("cannot open {path}: {error}", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file is torn, or no file of a log.
    #[error("cannot read {path}: {error}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: ParquetError,
    },
    /// Rows say what is not known here: another version may read them.
    #[error("{rows} rows of {path} say what this version does not understand", path = path.display())]
    Rows {
        /// The file.
        path: PathBuf,
        /// How many were passed over.
        rows: usize,
    },
}

impl ReadError {
    /// The hour of which something could not be read, from its first moment to the first after it, and how many rows, zero
    /// if that is not known; `None` if it is not about an hour.
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

/// The events of a log that a query asks for, file by file, in batches of at most some thousand.
///
/// Files come in the order of their hours, and within an hour in that in which they were begun. One file is open at a
/// time, and of it a batch is in memory.
#[derive(Debug)]
pub struct Log {
    query: Query,
    source: Source,
    hours: VecDeque<PathBuf>,
    files: VecDeque<Entry>,
    current: Option<FileReader>,
    /// Hours that were listed at the beginning.
    all_hours: usize,
}

impl Log {
    /// Opens the log in a directory, or in a bucket by its URL `s3://BUCKET/PREFIX`; for that, credentials, region and
    /// endpoint are taken from the usual `AWS_*` variables. Not within a runtime: a bucket is waited for.
    ///
    /// # Errors
    ///
    /// The directory or the bucket cannot be listed.
    pub fn open(directory: &Path, query: Query) -> Result<Self, ReadError> {
        let source = Source::of(directory)?;
        let mut hours: Vec<(Hour, PathBuf)> = Vec::new();
        for date in source.below(directory)? {
            // What is no directory of a date, or of one that nobody asks about, is not looked into.
            let concerns =
                Hour::parse(&format!("{}/hour=00", date.name)).is_some_and(|first| query.concerns_day(first));
            for hour in if concerns { source.below(&date.path)? } else { Vec::new() } {
                hours.extend(Hour::parse(&format!("{}/{}", date.name, hour.name)).map(|found| (found, hour.path)));
            }
        }
        hours.retain(|(hour, _)| query.concerns(hour.begin(), hour.end()));
        hours.sort();
        let hours: VecDeque<PathBuf> = hours.into_iter().map(|(_, path)| path).collect();
        Ok(Self { query, source, all_hours: hours.len(), hours, files: VecDeque::new(), current: None })
    }

    /// The host that the events of the last batch are about, as their file says.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.current.as_ref().and_then(FileReader::host)
    }

    /// How far it is read: hours begun, and hours in all.
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
                    // Where a row was not understood the next may be; where the file is torn nothing is.
                    Err(error @ ReadError::Rows { .. }) => return Err(error),
                    Err(error) => {
                        self.current = None;
                        return Err(error);
                    }
                }
            } else if let Some(entry) = self.files.pop_front() {
                if let Some(input) = self.source.open(&entry)? {
                    self.current = FileReader::open(entry.path, input, &self.query)?;
                }
            } else if let Some(hour) = self.hours.pop_front() {
                self.files = files(self.source.below(&hour)?);
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

/// The files of an hour, whichever hosts they are about, in the order in which they were begun.
fn files(entries: Vec<Entry>) -> VecDeque<Entry> {
    let numbered =
        |entry: Entry| Place::of_name(&entry.name).map(|(_, sequence)| sequence).map(|sequence| (sequence, entry));
    let mut files: Vec<(u64, Entry)> = entries.into_iter().filter_map(numbered).collect();
    files.sort();
    files.into_iter().map(|(_, entry)| entry).collect()
}
