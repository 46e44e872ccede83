//! A directory of this host: its lock, the permissions and durability of its files, and the removal of unfinished ones.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;

use crate::parquet::config::StartError;
use crate::parquet::layout::LogFile;

/// Readable by owner and group only.
const DIRECTORY_MODE: u32 = 0o750;
const FILE_MODE: u32 = 0o640;

/// A directory to which only this process writes the files of a host.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    /// Locked. The kernel releases the lock however this process ends.
    lock: File,
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that inspects this one's descriptors may hold it a little longer.
        let _ = self.lock.unlock();
    }
}

impl Directory {
    /// Creates the directory if it is missing, and removes unfinished files of this host, which cannot be read.
    pub(super) fn open(path: &Path, host: &str) -> Result<(Self, Arc<dyn ObjectStore>), StartError> {
        let refused = |error| StartError::Directory { path: path.to_owned(), error };
        create(path).map_err(refused)?;
        let path = path.canonicalize().map_err(refused)?;
        let lock = lock(&path, host)?;
        let refused = |error| StartError::Directory { path: path.clone(), error };
        remove_unfinished(&path, host).map_err(refused)?;
        let objects = LocalFileSystem::new_with_prefix(&path).map_err(|error| refused(io::Error::other(error)))?;
        // Finished files survive a power failure, and empty directories are removed.
        let objects = objects.with_fsync(true).with_automatic_cleanup(true);
        Ok((Self { path, lock }, Arc::new(objects)))
    }

    /// The canonical path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Creates the directory of a log file.
    pub(super) fn create_parent(&self, file: &str) -> io::Result<()> {
        let file = self.path.join(file);
        file.parent().map_or(Ok(()), create)
    }

    pub(super) fn set_permissions(&self, file: &str) -> io::Result<()> {
        fs::set_permissions(self.path.join(file), Permissions::from_mode(FILE_MODE))
    }
}

/// Creates a directory and its parents durably.
fn create(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        create(parent)?;
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

/// The finished files of a host, with their sizes.
pub(crate) fn finished_files(root: &Path, host: &str) -> io::Result<Vec<(LogFile, u64)>> {
    let mut finished = Vec::new();
    for date in entries(root)? {
        for hour in entries(&date)? {
            for path in entries(&hour)? {
                let file = path.strip_prefix(root).ok().and_then(Path::to_str).and_then(LogFile::parse);
                if let Some(file) = file.filter(|file| file.host == host) {
                    finished.push((file, fs::metadata(&path)?.len()));
                }
            }
        }
    }
    Ok(finished)
}

fn remove_unfinished(root: &Path, host: &str) -> io::Result<()> {
    for date in entries(root)? {
        for hour in entries(&date)? {
            for file in entries(&hour)?.into_iter().filter(|file| is_unfinished(root, file, host)) {
                let bytes = fs::metadata(&file).map_or(0, |metadata| metadata.len());
                fs::remove_file(&file)?;
                tracing::warn!(file = %file.display(), bytes, "unfinished parquet file removed");
            }
        }
    }
    Ok(())
}

/// The entries of a directory; none for a file.
fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(directory) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Whether a file is an unfinished one of this host: the object store appends `#` and a number to its name.
fn is_unfinished(root: &Path, file: &Path, host: &str) -> bool {
    let parts = file.strip_prefix(root).ok().and_then(Path::to_str).and_then(|path| path.rsplit_once('#'));
    parts.is_some_and(|(path, number)| {
        number.bytes().all(|byte| byte.is_ascii_digit()) && LogFile::parse(path).is_some_and(|file| file.host == host)
    })
}
