//! Only one program changes a baseline at a time.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Held while a baseline is read, changed and written: a lock on a file beside it, which ends with the process, however that
/// ends. The file beside it stays: removing it would let two programs hold locks on files of the same name.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing it is not enough: whoever looks at this process's files at that moment holds it for a little longer.
        let _ = self.0.unlock();
    }
}

impl Lock {
    /// Waits until nobody else holds it.
    pub(super) fn wait(baseline: &Path) -> io::Result<Self> {
        let file = open(baseline)?;
        file.lock().map(|()| Self(file))
    }

    /// `None` if somebody else holds it.
    pub(super) fn attempt(baseline: &Path) -> io::Result<Option<Self>> {
        let file = open(baseline)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Where the lock of a baseline is.
pub(super) fn beside(baseline: &Path) -> PathBuf {
    let mut path = OsString::from(baseline);
    path.push(".lock");
    path.into()
}

fn open(baseline: &Path) -> io::Result<File> {
    // Nothing is read from it or written to it; who may change the baseline is decided by its directory.
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(beside(baseline))
}
