//! Only one program changes a baseline at a time.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::error::SaveError;
use super::file_store::Patience;

/// Between two attempts to take a lock that somebody holds.
const BETWEEN: Duration = Duration::from_millis(20);

/// Held while a baseline is read, changed and written: a lock on a file beside it, which ends with the process, however that
/// ends. The file beside it stays: removing it would let two programs hold locks on files of the same name.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing it is not enough: a process that inspects this one's descriptors at that moment holds it for a little longer.
        let _ = self.0.unlock();
    }
}

impl Lock {
    /// Takes the lock, as long as that may take.
    pub(super) fn take(baseline: &Path, patience: Patience) -> Result<Self, SaveError> {
        let failed = |error| SaveError::Io { what: "lock", path: baseline.to_owned(), error };
        let within = match patience {
            Patience::Any => return Self::wait(baseline).map_err(failed),
            Patience::For(within) => within,
            Patience::None => Duration::ZERO,
        };
        let until = Instant::now() + within;
        loop {
            if let Some(lock) = Self::attempt(baseline).map_err(failed)? {
                return Ok(lock);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(SaveError::Busy(baseline.to_owned()));
            }
            thread::sleep(left.min(BETWEEN));
        }
    }

    /// Waits until no other process holds it.
    fn wait(baseline: &Path) -> io::Result<Self> {
        let file = open(baseline)?;
        file.lock().map(|()| Self(file))
    }

    /// `None` if somebody else holds it.
    fn attempt(baseline: &Path) -> io::Result<Option<Self>> {
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
