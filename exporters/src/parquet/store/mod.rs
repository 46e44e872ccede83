//! Where files go: a directory, or a bucket of an object store.

mod bucket;
mod directory;

use std::io;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;

use self::directory::Directory;
use super::error::StartError;
use super::settings::Destination;

/// A destination that can be written to.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) objects: Arc<dyn ObjectStore>,
    /// What comes before the paths of files.
    prefix: Path,
    /// Bytes that are gathered before they are handed over.
    pub(super) part_bytes: usize,
    /// What there is to do for a directory that the object store does not do.
    directory: Option<Directory>,
}

/// Parts of files in a directory. Each row group is about as large.
const DIRECTORY_PART: usize = 1 << 20;
/// Parts of files in a bucket: no smaller ones than 5 MiB are allowed but the last
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>).
const BUCKET_PART: usize = 5 << 20;

impl Store {
    /// Opens a destination for the files of a host. Says how many files it removed that a killed egret left unfinished.
    pub(super) fn open(destination: &Destination, host: &str) -> Result<(Self, u64), StartError> {
        match destination {
            Destination::Directory(path) => {
                let (directory, objects, removed) = Directory::open(path, host)?;
                let store = Self { part_bytes: DIRECTORY_PART, directory: Some(directory), ..Self::of(objects) };
                Ok((store, removed))
            }
            Destination::Bucket(url) => {
                let (objects, prefix) = bucket::open(url)?;
                Ok((Self { prefix, part_bytes: BUCKET_PART, ..Self::of(objects) }, 0))
            }
        }
    }

    /// Any object store.
    pub(super) fn of(objects: Arc<dyn ObjectStore>) -> Self {
        Self { objects, prefix: Path::default(), part_bytes: DIRECTORY_PART, directory: None }
    }

    /// The full path of a file of the log.
    pub(super) fn path(&self, place: &str) -> Path {
        self.prefix.parts().chain(Path::from(place).parts()).collect()
    }

    /// The prefix that files of the log, or those of an hour, have in common.
    pub(super) fn below(&self, directory: &str) -> Option<Path> {
        let path = self.path(directory);
        (path != Path::default()).then_some(path)
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
