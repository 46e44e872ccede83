//! The source of log files: a directory of this host, or a bucket.
//!
//! An object is read in blocks, of which some are cached: the file of a minute takes one request, and of a large file only the
//! needed blocks are fetched.

use std::fs::{self, File};
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf as _, Bytes};
use lru::LruCache;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt as _};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};
use tokio::runtime::{Builder, Runtime};

use super::ReadError;
use crate::parquet::client::{BUCKET, bucket};

/// Size of a block.
const BLOCK: u64 = 4 << 20;
/// Blocks of an object in the cache: 16 MiB.
const BLOCKS: NonZeroUsize = NonZeroUsize::new(4).unwrap();

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// Bytes; zero for files of this host and for directories.
    size: u64,
}

/// A directory of this host, or a bucket.
#[derive(Debug)]
pub(super) enum Source {
    Directory,
    Bucket(Bucket),
}

/// A bucket. Its requests block.
#[derive(Debug)]
pub(super) struct Bucket {
    /// `s3://BUCKET/`, the beginning of paths.
    root: String,
    objects: Arc<dyn ObjectStore>,
    runtime: Arc<Runtime>,
    /// Size of a block.
    block_bytes: u64,
}

impl Source {
    /// Opens a directory, or a bucket by its URL `s3://BUCKET/PREFIX`.
    pub(super) fn open(log: &Path) -> Result<Self, ReadError> {
        let Some(url) = log.to_str().filter(|text| text.starts_with(BUCKET)) else { return Ok(Self::Directory) };
        let (objects, _) = bucket::open(url).map_err(|error| ReadError::Bucket { error: Box::new(error) })?;
        let name = url[BUCKET.len()..].split('/').next().unwrap_or_default();
        let unreadable = |error| ReadError::Directory { path: log.to_owned(), error };
        Self::from_bucket(name, objects, BLOCK).map_err(unreadable)
    }

    /// The bucket of this name.
    pub(super) fn from_bucket(name: &str, objects: Arc<dyn ObjectStore>, block_bytes: u64) -> io::Result<Self> {
        let runtime = Arc::new(Builder::new_current_thread().enable_all().build()?);
        Ok(Self::Bucket(Bucket { root: format!("{BUCKET}{name}/"), objects, runtime, block_bytes }))
    }

    /// The entries of a directory; none if retention has removed it since it was listed.
    pub(super) fn list_if_present(&self, directory: &Path) -> Result<Vec<Entry>, ReadError> {
        match self.list(directory) {
            Err(ReadError::Directory { error, .. }) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            // An absent prefix of a bucket has no entries.
            listed => listed,
        }
    }

    /// The entries of a directory.
    pub(super) fn list(&self, directory: &Path) -> Result<Vec<Entry>, ReadError> {
        let listed = match self {
            Self::Directory => list(directory),
            Self::Bucket(bucket) => bucket.list(directory),
        };
        listed.map_err(|error| ReadError::Directory { path: directory.to_owned(), error })
    }

    /// Opens a file; `None` if retention has removed it since the directory was listed.
    pub(super) fn open_file(&self, entry: &Entry) -> Result<Option<Input>, ReadError> {
        let Self::Bucket(bucket) = self else {
            return match File::open(&entry.path) {
                Ok(file) => Ok(Some(Input::File(Arc::new(file)))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(ReadError::Open { path: entry.path.clone(), error }),
            };
        };
        Ok(Some(Input::Object(Object {
            objects: Arc::clone(&bucket.objects),
            runtime: Arc::clone(&bucket.runtime),
            location: bucket.location(&entry.path),
            size: entry.size,
            block_bytes: bucket.block_bytes,
            is_removed: Arc::default(),
            blocks: Arc::new(Mutex::new(LruCache::new(BLOCKS))),
        })))
    }
}

fn list(directory: &Path) -> io::Result<Vec<Entry>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let named = entry.file_name().into_string().ok();
        found.extend(named.map(|name| Entry { name, path: entry.path(), size: 0 }));
    }
    Ok(found)
}

impl Bucket {
    fn location(&self, path: &Path) -> ObjectPath {
        let path = path.to_str().and_then(|path| path.strip_prefix(&self.root));
        ObjectPath::from(path.unwrap_or_default())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<Entry>> {
        let location = self.location(directory);
        let listed = self.runtime.block_on(self.objects.list_with_delimiter(Some(&location))).map_err(from_store)?;
        let entry = |location: &ObjectPath, size| {
            let name = location.filename()?.to_owned();
            Some(Entry { name, path: PathBuf::from(format!("{}{location}", self.root)), size })
        };
        let directories = listed.common_prefixes.iter().filter_map(|location| entry(location, 0));
        let files = listed.objects.iter().filter_map(|object| entry(&object.location, object.size));
        Ok(directories.chain(files).collect())
    }
}

/// An error of the bucket; missing credentials have a message of their own.
fn from_store(error: object_store::Error) -> io::Error {
    if bucket::lacks_credentials(&error) { io::Error::other(bucket::NO_CREDENTIALS) } else { error.into() }
}

/// A file that is being read.
#[derive(Clone, Debug)]
pub(super) enum Input {
    File(Arc<File>),
    Object(Object),
}

/// An object that is being read.
#[derive(Clone, Debug)]
pub(super) struct Object {
    objects: Arc<dyn ObjectStore>,
    runtime: Arc<Runtime>,
    location: ObjectPath,
    size: u64,
    block_bytes: u64,
    /// The object was missing when a block was fetched.
    is_removed: Arc<AtomicBool>,
    blocks: Arc<Mutex<LruCache<u64, Bytes>>>,
}

impl Object {
    /// The bytes from `start` to the end of its block.
    fn rest_of_block(&self, start: u64) -> io::Result<Bytes> {
        let number = start / self.block_bytes;
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        let block = match blocks.get(&number) {
            Some(block) => block.clone(),
            None => {
                let block = self.fetch(number * self.block_bytes)?;
                blocks.put(number, block.clone());
                block
            }
        };
        let offset = usize::try_from(start % self.block_bytes).unwrap_or(usize::MAX);
        Ok(block.slice(offset.min(block.len())..))
    }

    fn fetch(&self, start: u64) -> io::Result<Bytes> {
        let range = start..self.size.min(start + self.block_bytes);
        let fetched = self.runtime.block_on(self.objects.get_range(&self.location, range));
        if matches!(fetched, Err(object_store::Error::NotFound { .. })) {
            self.is_removed.store(true, Ordering::Relaxed);
        }
        fetched.map_err(from_store)
    }
}

/// Reads an object from a position.
#[derive(Debug)]
pub(super) struct ObjectReader {
    object: Object,
    position: u64,
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.object.size {
            return Ok(0);
        }
        let mut bytes = self.object.rest_of_block(self.position)?;
        let count = bytes.len().min(buffer.len());
        bytes.copy_to_slice(buffer.get_mut(..count).unwrap_or_default());
        self.position += u64::try_from(count).unwrap_or(u64::MAX);
        Ok(count)
    }
}

impl Input {
    /// Whether reading failed because the object was removed. An open file of this host stays readable.
    pub(super) fn is_removed(&self) -> bool {
        match self {
            Self::File(_) => false,
            Self::Object(object) => object.is_removed.load(Ordering::Relaxed),
        }
    }
}

impl Length for Input {
    fn len(&self) -> u64 {
        match self {
            Self::File(file) => Length::len(&**file),
            Self::Object(object) => object.size,
        }
    }
}

impl ChunkReader for Input {
    type T = Box<dyn Read>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(match self {
            Self::File(file) => Box::new(file.get_read(start)?),
            Self::Object(object) => Box::new(ObjectReader { object: object.clone(), position: start }),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let object = match self {
            Self::File(file) => return file.get_bytes(start, length),
            Self::Object(object) => object,
        };
        let first = object.rest_of_block(start)?;
        if first.len() >= length {
            return Ok(first.slice(..length));
        }
        let mut bytes = Vec::with_capacity(length);
        let mut reader = ObjectReader { object: object.clone(), position: start };
        Read::take(&mut reader, u64::try_from(length).unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
        if bytes.len() < length {
            return Err(ParquetError::EOF(format!("{} ends before byte {}", object.location, start + length as u64)));
        }
        Ok(bytes.into())
    }
}
