//! The client: stores files in a directory or in a bucket, removes old ones, and uploads spooled ones.

pub(super) mod bucket;
mod directory;
mod outage;
mod retention;
mod spool;
mod upload;

use std::io;
use std::path::Path;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path as ObjectPath;

use self::directory::{Directory, finished_files};
pub(super) use self::outage::LostFiles;
pub(super) use self::retention::Retention;
pub(super) use self::upload::{Finished, Uploader};
use super::config::StartError;

/// A destination that can be written to.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) objects: Arc<dyn ObjectStore>,
    /// Precedes the paths of log files.
    prefix: ObjectPath,
    /// Bytes that are collected before they are written.
    pub(super) part_bytes: usize,
    /// For operations that the object store does not offer.
    directory: Option<Arc<Directory>>,
}

/// The scheme of a bucket's URL.
pub(super) const BUCKET: &str = "s3://";

/// Size of the parts of a file in a directory, about that of a row group.
const DIRECTORY_PART: usize = 1 << 20;
/// Size of the parts of a file in a bucket. Only the last part may be smaller than 5 MiB
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>).
const BUCKET_PART: usize = 5 << 20;

impl Store {
    /// A directory for the files of a host. It is locked: no other process writes or uploads these files while the store or the
    /// returned directory exists.
    pub(super) fn directory(path: &Path, host: &str) -> Result<(Self, Arc<Directory>), StartError> {
        let (directory, objects) = Directory::open(path, host)?;
        let directory = Arc::new(directory);
        let store = Self { directory: Some(Arc::clone(&directory)), ..Self::from(objects) };
        Ok((store, directory))
    }

    /// A bucket with a prefix.
    pub(super) fn bucket(url: &str) -> Result<Self, StartError> {
        let (objects, prefix) = bucket::open(url)?;
        Ok(Self { prefix, part_bytes: BUCKET_PART, ..Self::from(objects) })
    }

    /// The full path of a log file.
    pub(super) fn path(&self, file: &str) -> ObjectPath {
        self.prefix.parts().chain(ObjectPath::from(file).parts()).collect()
    }

    /// The prefix of the log files in a directory of the log, or in all of them.
    fn prefix_of(&self, directory: &str) -> Option<ObjectPath> {
        let path = self.path(directory);
        (path != ObjectPath::default()).then_some(path)
    }

    /// Creates the directory of a log file.
    pub(super) fn create_parent(&self, file: &str) -> io::Result<()> {
        self.directory.as_ref().map_or(Ok(()), |directory| directory.create_parent(file))
    }

    /// Sets the permissions of a finished file.
    pub(super) fn set_permissions(&self, file: &str) -> io::Result<()> {
        self.directory.as_ref().map_or(Ok(()), |directory| directory.set_permissions(file))
    }
}

impl From<Arc<dyn ObjectStore>> for Store {
    fn from(objects: Arc<dyn ObjectStore>) -> Self {
        Self { objects, prefix: ObjectPath::default(), part_bytes: DIRECTORY_PART, directory: None }
    }
}
