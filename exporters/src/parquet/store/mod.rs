//! Where files go: a directory, or a bucket of an object store.

pub(super) mod bucket;
mod directory;

use std::io;
use std::path::Path;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path as ObjectPath;

use self::directory::Directory;
pub(super) use self::directory::finished_files;
use super::error::StartError;

/// A destination that can be written to.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) objects: Arc<dyn ObjectStore>,
    /// What comes before the paths of files.
    prefix: ObjectPath,
    /// Bytes that are gathered before they are handed over.
    pub(super) part_bytes: usize,
    /// What there is to do for a directory that the object store does not do.
    directory: Option<Directory>,
}

/// How the name of a bucket begins.
pub(super) const BUCKET: &str = "s3://";

/// Parts of files in a directory. Each row group is about as large.
const DIRECTORY_PART: usize = 1 << 20;
/// Parts of files in a bucket: no smaller ones than 5 MiB are allowed but the last
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>).
pub(in crate::parquet) const BUCKET_PART: usize = 5 << 20;

impl Store {
    /// A directory for the files of a host. Says how many files it removed that a killed egret left unfinished.
    pub(super) fn directory(path: &Path, host: &str) -> Result<(Self, u64), StartError> {
        let (directory, objects, removed) = Directory::open(path, host)?;
        Ok((Self { part_bytes: DIRECTORY_PART, directory: Some(directory), ..Self::of(objects) }, removed))
    }

    /// A bucket and a prefix in it.
    pub(super) fn bucket(url: &str) -> Result<Self, StartError> {
        let (objects, prefix) = bucket::open(url)?;
        Ok(Self { prefix, part_bytes: BUCKET_PART, ..Self::of(objects) })
    }

    /// Any object store.
    pub(super) fn of(objects: Arc<dyn ObjectStore>) -> Self {
        Self { objects, prefix: ObjectPath::default(), part_bytes: DIRECTORY_PART, directory: None }
    }

    /// The full path of a file of the log.
    pub(super) fn path(&self, place: &str) -> ObjectPath {
        self.prefix.parts().chain(ObjectPath::from(place).parts()).collect()
    }

    /// The prefix that files of the log, or those of an hour, have in common.
    pub(super) fn below(&self, directory: &str) -> Option<ObjectPath> {
        let path = self.path(directory);
        (path != ObjectPath::default()).then_some(path)
    }

    /// Makes ready what a file will be in.
    pub(super) fn prepare(&self, place: &str) -> io::Result<()> {
        self.directory.as_ref().map_or(Ok(()), |directory| directory.prepare(place))
    }

    /// Puts right what is left to put right about a file that is there now.
    pub(super) fn published(&self, place: &str) -> io::Result<()> {
        self.directory.as_ref().map_or(Ok(()), |directory| directory.published(place))
    }
}
