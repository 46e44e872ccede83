//! How the Parquet sink is set up.

use std::path::PathBuf;
use std::time::Duration;

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
    /// The oldest files are removed while all together are larger, bytes; `None` for no bound.
    pub keep_bytes: Option<u64>,
    /// Events that may wait.
    pub queue_events: usize,
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
