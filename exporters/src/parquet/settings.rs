//! How the Parquet sink is set up.

use std::path::PathBuf;
use std::time::Duration;

use egret_model::Arguments;

/// How the Parquet sink is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where files go.
    pub destination: Destination,
    /// This host's name, as the names of files begin.
    pub host: String,
    /// A file is finished after this time: what a killed daemon loses at most.
    pub rotate_after: Duration,
    /// A file is finished when it is about this large, bytes.
    pub rotate_bytes: u64,
    /// Rows in a row group at most.
    pub row_group_rows: usize,
    /// Level of zstd compression, 1 to 22.
    pub zstd_level: i32,
    /// Files older than this are removed; `None` keeps them.
    pub keep_for: Option<Duration>,
    /// A time without data counts for the age of what is before it as this share of `keep_for` at most, and as much again for
    /// each day with data after it: a wall clock that is wrong removes no more than that.
    pub gap_percent: u8,
    /// The oldest files are removed while all together are larger, bytes; `None` for no bound.
    pub keep_bytes: Option<u64>,
    /// Where files for a bucket wait until it has them.
    pub spool: Spool,
    /// Events that may wait.
    pub queue_events: usize,
    /// Arguments of programs in it.
    pub arguments: Arguments,
}

/// Where files for a bucket wait until it has them. A directory as destination needs none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spool {
    /// The directory; it has room for `keep_bytes` and for a file that is being written.
    pub directory: PathBuf,
    /// A file is dropped after this time of failed uploads.
    pub keep_for: Duration,
    /// The oldest files are dropped while all together are larger, bytes.
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
