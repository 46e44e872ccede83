//! Where the files of a log are read from: a directory of this host, or a bucket.
//!
//! An object is read in blocks, of which a few are kept: a file of a minute is one request, and of a large one only what the
//! question needs is fetched.

use std::fs::{self, File};
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf as _, Bytes};
use lru::LruCache;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt as _};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};
use tokio::runtime::{Builder, Runtime};

use super::super::store::{BUCKET, bucket};
use super::ReadError;

/// Bytes of an object that are fetched at a time.
const BLOCK: u64 = 4 << 20;
/// Blocks of an object that are kept: 16 MiB.
const BLOCKS: NonZeroUsize = NonZeroUsize::new(4).unwrap();

/// Something below a directory of the log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// Bytes; zero where nobody asked.
    size: u64,
}

/// A directory of this host, or a bucket.
#[derive(Debug)]
pub(super) enum Source {
    Directory,
    Bucket(Bucket),
}

/// A bucket, asked one question at a time.
#[derive(Debug)]
pub(super) struct Bucket {
    /// `s3://BUCKET/`, with which paths begin.
    root: String,
    objects: Arc<dyn ObjectStore>,
    runtime: Arc<Runtime>,
}

impl Source {
    /// The source of a log in a directory, or at `s3://BUCKET/PREFIX`.
    pub(super) fn of(log: &Path) -> Result<Self, ReadError> {
        let Some(url) = log.to_str().filter(|text| text.starts_with(BUCKET)) else { return Ok(Self::Directory) };
        let (objects, _) = bucket::open(url).map_err(|error| ReadError::Bucket { error: Box::new(error) })?;
        let name = url[BUCKET.len()..].split('/').next().unwrap_or_default();
        let unreadable = |error| ReadError::Directory { path: log.to_owned(), error };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(unreadable)?;
        Ok(Self::Bucket(Bucket { root: format!("{BUCKET}{name}/"), objects, runtime: Arc::new(runtime) }))
    }

    /// What is in a directory, by name. What is gone by now was removed for its age.
    pub(super) fn below(&self, directory: &Path) -> Result<Vec<Entry>, ReadError> {
        let listed = match self {
            Self::Directory => below(directory),
            Self::Bucket(bucket) => bucket.below(directory),
        };
        listed.map_err(|error| ReadError::Directory { path: directory.to_owned(), error })
    }

    /// Opens a file; `None` if it was removed for its age since the directory was listed.
    pub(super) fn open(&self, entry: &Entry) -> Result<Option<Input>, ReadError> {
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
            blocks: Arc::new(Mutex::new(LruCache::new(BLOCKS))),
        })))
    }
}

fn below(directory: &Path) -> io::Result<Vec<Entry>> {
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

    fn below(&self, directory: &Path) -> io::Result<Vec<Entry>> {
        let location = self.location(directory);
        let listed = self.runtime.block_on(self.objects.list_with_delimiter(Some(&location)))?;
        let entry = |location: &ObjectPath, size| {
            let name = location.filename()?.to_owned();
            Some(Entry { name, path: PathBuf::from(format!("{}{location}", self.root)), size })
        };
        let directories = listed.common_prefixes.iter().filter_map(|location| entry(location, 0));
        let files = listed.objects.iter().filter_map(|object| entry(&object.location, object.size));
        Ok(directories.chain(files).collect())
    }
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
    blocks: Arc<Mutex<LruCache<u64, Bytes>>>,
}

impl Object {
    /// The bytes from `start` to the end of the block that they are in.
    fn rest_of_block(&self, start: u64) -> io::Result<Bytes> {
        let number = start / BLOCK;
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        let block = match blocks.get(&number) {
            Some(block) => block.clone(),
            None => {
                let range = number * BLOCK..self.size.min((number + 1) * BLOCK);
                let block = self.runtime.block_on(self.objects.get_range(&self.location, range))?;
                blocks.put(number, block.clone());
                block
            }
        };
        let offset = usize::try_from(start % BLOCK).unwrap_or(usize::MAX);
        Ok(block.slice(offset.min(block.len())..))
    }
}

/// Reads an object from one place on.
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
