//! The configuration of the Parquet sink.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use egret_model::Arguments;
use parquet::errors::ParquetError;

/// The configuration of the Parquet sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where files go.
    pub destination: Destination,
    /// The name of this host, with which file names begin.
    pub host: String,
    /// A file is finished after this time, the most that a killed daemon loses.
    pub rotate_after: Duration,
    /// A file is finished at about this size, bytes.
    pub rotate_bytes: u64,
    /// Maximum number of rows in a row group.
    pub row_group_rows: usize,
    /// Level of the zstd compression, 1 to 22.
    pub zstd_level: i32,
    /// Files older than this are removed; `None` keeps them.
    pub keep_for: Option<Duration>,
    /// A period without data adds at most this percentage of `keep_for` to the age of older files, and as much again for each day
    /// with data after it. This limits how much a wrong wall clock removes.
    pub gap_percent: u8,
    /// The oldest files are removed while the log is larger than this, bytes; `None` for no limit.
    pub keep_bytes: Option<u64>,
    /// Where files wait for their upload to a bucket.
    pub spool: Spool,
    /// Capacity of the queue.
    pub queue_events: usize,
    /// The form in which program arguments are written.
    pub arguments: Arguments,
}

/// Where files wait for their upload to a bucket. Not used with a directory as destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spool {
    /// The directory. It needs space for `keep_bytes` and for the open file.
    pub directory: PathBuf,
    /// A file is dropped when its upload has failed for this time.
    pub keep_for: Duration,
    /// The oldest files are dropped while the spool is larger than this, bytes.
    pub keep_bytes: u64,
}

impl Default for Spool {
    fn default() -> Self {
        let keep_for = Duration::from_secs(7 * 86_400);
        Self { directory: PathBuf::from("/var/lib/egret/spool"), keep_for, keep_bytes: 1 << 30 }
    }
}

/// Where files go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A directory on this host.
    Directory(PathBuf),
    /// A bucket of an object store, `s3://BUCKET/PREFIX`; credentials, region and endpoint from the usual `AWS_*`
    /// variables.
    Bucket(String),
}

impl Default for Destination {
    fn default() -> Self {
        Self::Directory(PathBuf::from("/var/lib/egret/log"))
    }
}

/// Also root lacks permission once egret has dropped `CAP_DAC_OVERRIDE`.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "; run it as the user who owns that, or write elsewhere (parquet.destination)"
        }
        _ => "",
    }
}

/// Why the sink cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot write to the directory {path}: {error}{hint}", path = path.display(), hint = hint(error))]
    Directory { path: PathBuf, error: io::Error },
    /// Another egret holds the lock of the directory.
    #[error("another egret writes files of this host to {path}", path = path.display())]
    InUse { path: PathBuf },
    /// The URL is invalid, or the environment lacks settings of the bucket.
    #[error("cannot use the bucket {url}: {error}")]
    Bucket { url: String, error: object_store::Error },
    #[error("{url} is not of the form s3://BUCKET/PREFIX")]
    Url { url: String },
    #[error("cannot set up the writer of parquet files: {0}")]
    Writer(#[from] ParquetError),
}

#[cfg(test)]
impl Settings {
    /// Settings of a log in a bucket, with this spool and no limits.
    pub(crate) fn for_test(spool: &std::path::Path) -> Self {
        Self {
            destination: Destination::Bucket("s3://log".to_owned()),
            host: "web".to_owned(),
            rotate_after: Duration::from_secs(3600),
            rotate_bytes: 1 << 30,
            row_group_rows: 1 << 16,
            zstd_level: 1,
            keep_for: None,
            gap_percent: 100,
            keep_bytes: None,
            spool: Spool { directory: spool.to_owned(), ..Spool::default() },
            queue_events: 10,
            arguments: Arguments::default(),
        }
    }
}
