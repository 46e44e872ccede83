//! A directory of this host, and what its owner may expect beyond files that appear whole: that others cannot read them,
//! that a power cut does not undo them, and that nothing is left lying about.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;

use super::super::error::StartError;
use super::super::layout::Place;

/// Owner and group may look; what a host talks to is nobody else's business.
const DIRECTORY_MODE: u32 = 0o750;
const FILE_MODE: u32 = 0o640;

/// A directory that this process alone writes a host's files to.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// Locked; the kernel takes the lock back however this process ends.
    lock: File,
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Closing it is not enough: whoever looks at this process's files at that moment holds it for a little longer.
        let _ = self.lock.unlock();
    }
}

impl Directory {
    /// Makes the directory if it is not there, and removes the files of this host that are unfinished: nobody is writing
    /// them any more, and without their end they cannot be read. Says how many those were.
    pub(super) fn open(path: &Path, host: &str) -> Result<(Self, Arc<dyn ObjectStore>, u64), StartError> {
        let refused = |error| StartError::Directory { path: path.to_owned(), error };
        make(path).map_err(refused)?;
        let path = path.canonicalize().map_err(refused)?;
        let lock = lock(&path, host)?;
        let refused = |error| StartError::Directory { path: path.clone(), error };
        let removed = remove_unfinished(&path, host).map_err(refused)?;
        let objects = LocalFileSystem::new_with_prefix(&path).map_err(|error| refused(io::Error::other(error)))?;
        // A finished file outlasts a power cut; and directories go with their last file.
        let objects = objects.with_fsync(true).with_automatic_cleanup(true);
        Ok((Self { path, lock }, Arc::new(objects), removed))
    }

    pub(super) fn prepare(&self, place: &str) -> io::Result<()> {
        let file = self.path.join(place);
        file.parent().map_or(Ok(()), make)
    }

    pub(super) fn published(&self, place: &str) -> io::Result<()> {
        fs::set_permissions(self.path.join(place), Permissions::from_mode(FILE_MODE))
    }
}

/// Makes a directory and what is above it, to stay.
fn make(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make(parent)?;
    }
    match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        Ok(()) => path.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync),
    }
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn lock(path: &Path, host: &str) -> Result<File, StartError> {
    let refused = |error| StartError::Directory { path: path.to_owned(), error };
    let file = File::create(path.join(format!(".{host}.lock"))).map_err(refused)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(StartError::InUse { path: path.to_owned() }),
        Err(fs::TryLockError::Error(error)) => Err(refused(error)),
    }
}

/// The finished files of a host, and how large each is.
pub(in crate::parquet) fn finished_files(root: &Path, host: &str) -> io::Result<Vec<(Place, u64)>> {
    let mut finished = Vec::new();
    for date in below(root)? {
        for hour in below(&date)? {
            for file in below(&hour)? {
                let place = file.strip_prefix(root).ok().and_then(Path::to_str).and_then(Place::parse);
                if let Some(place) = place.filter(|place| place.host == host) {
                    finished.push((place, fs::metadata(&file)?.len()));
                }
            }
        }
    }
    Ok(finished)
}

fn remove_unfinished(root: &Path, host: &str) -> io::Result<u64> {
    let mut removed = 0;
    for date in below(root)? {
        for hour in below(&date)? {
            for file in below(&hour)?.into_iter().filter(|file| is_unfinished(root, file, host)) {
                let bytes = fs::metadata(&file).map_or(0, |metadata| metadata.len());
                fs::remove_file(&file)?;
                tracing::warn!(file = %file.display(), bytes, "unfinished parquet file removed");
                removed += 1;
            }
        }
    }
    Ok(removed)
}

/// What is in a directory; nothing if it is none.
fn below(directory: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(directory) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Whether a file is one of this host that is being written: the object store puts `#` and a number behind its name.
fn is_unfinished(root: &Path, file: &Path, host: &str) -> bool {
    let place = file.strip_prefix(root).ok().and_then(Path::to_str).and_then(|path| path.rsplit_once('#'));
    place.is_some_and(|(path, number)| {
        number.bytes().all(|byte| byte.is_ascii_digit()) && Place::parse(path).is_some_and(|place| place.host == host)
    })
}
