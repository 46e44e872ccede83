//! What can be wrong with a destination.

use std::io;
use std::path::PathBuf;

use parquet::errors::ParquetError;

/// Permission is missing also to root, once it has given up the capability to do without.
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
    /// The directory cannot be made, or not written to.
    #[error("cannot write to the directory {path}: {error}{hint}", path = path.display(), hint = hint(error))]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Another egret writes there.
    #[error("another egret writes files of this host to {path}", path = path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The bucket's URL cannot be understood, or the environment lacks what it takes to use it.
    #[error("cannot use the bucket {url}: {error}")]
    Bucket {
        /// The URL.
        url: String,
        /// Why.
        error: object_store::Error,
    },
    /// The URL names no bucket.
    #[error("{url} is not of the form s3://BUCKET/PREFIX")]
    Url {
        /// The URL.
        url: String,
    },
    /// The settings of the writer contradict each other.
    #[error("cannot set up the writer of parquet files: {0}")]
    Writer(#[from] ParquetError),
}

/// Why a file could not be finished.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// Rows could not be put into columns.
    #[error("cannot put events into columns: {0}")]
    Columns(#[from] arrow_schema::ArrowError),
    /// The file could not be encoded or stored.
    #[error(transparent)]
    File(#[from] ParquetError),
    /// A directory could not be made.
    #[error("cannot make its directory: {0}")]
    Directory(#[from] io::Error),
}
