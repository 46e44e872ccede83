//! The file, pipe or terminal that lines are written to. It only ever holds whole lines.

use std::fs::{File, Metadata, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;
use tokio::net::unix::pipe;

use super::config::{Destination, Error};

/// The first bytes of every line.
const PREFIX: &[u8] = b"{\"timestamp\":\"";
/// Upper bound for the length of a line; the arguments of a process take at most 24 KB of it.
const LONGEST_LINE: u64 = 1 << 18;

/// An open destination.
#[derive(Debug)]
pub(super) struct Output {
    file: File,
    /// Only a regular file can be truncated. A partial line in a pipe stays there.
    regular: bool,
    /// Length of the partial line at the end.
    partial: u64,
    /// This process holds the file's lock.
    locked: bool,
}

impl Drop for Output {
    fn drop(&mut self) {
        if self.locked {
            // Closing the file is not enough: a process that inspects this one's descriptors may hold it a little longer.
            let _ = self.file.unlock();
        }
    }
}

impl Output {
    pub(super) fn open(destination: &Destination) -> Result<Self, Error> {
        match destination {
            Destination::Stdout => Self::stdout().map_err(Error::Stdout),
            Destination::File(path) => Self::file(path),
        }
    }

    fn stdout() -> io::Result<Self> {
        Self::new(io::stdout().as_fd().try_clone_to_owned()?.into())
    }

    fn file(path: &Path) -> Result<Self, Error> {
        let failed = |error| Error::Open { file: path.to_owned(), error };
        let mut output = open(path).and_then(Self::new).map_err(|error| explain(path, error))?;
        if output.regular {
            match output.file.try_lock() {
                Err(TryLockError::WouldBlock) => return Err(Error::Locked(path.to_owned())),
                // Some file systems have no locks.
                Err(TryLockError::Error(_)) => {}
                Ok(()) => output.locked = true,
            }
            output.repair(path).map_err(failed)?;
        }
        Ok(output)
    }

    fn new(file: File) -> io::Result<Self> {
        let regular = file.metadata()?.is_file();
        Ok(Self { file, regular, partial: 0, locked: false })
    }

    /// Writes as much as the destination takes at once and returns the number of bytes; waits for a slow reader of a pipe. A
    /// partial line that cannot be truncated is terminated first, so that it does not corrupt the next one.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.truncate()?;
        if self.partial > 0 {
            self.put(b"\n").await?;
            self.partial = 0;
        }
        self.put(bytes).await
    }

    async fn put(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.file.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable().await?,
                done => return done,
            }
        }
    }

    async fn writable(&self) -> io::Result<()> {
        // It may also be a socket or a terminal: only readiness is used.
        pipe::Sender::from_file_unchecked(self.file.try_clone()?)?.writable().await
    }

    /// Removes the last `bytes` bytes written, a partial line: now, or before the next write.
    pub(super) fn discard_partial(&mut self, bytes: usize) {
        self.partial += u64::try_from(bytes).unwrap_or(0);
        // The next write tries again and reports the error.
        let _ = self.truncate();
    }

    fn truncate(&mut self) -> io::Result<()> {
        if self.partial > 0 && self.regular {
            // logrotate may have emptied the file meanwhile.
            let length = self.file.metadata()?.len();
            self.file.set_len(length.saturating_sub(self.partial))?;
            self.file.seek(SeekFrom::End(0))?;
            self.partial = 0;
        }
        Ok(())
    }

    /// Whether the file has been unlinked, so that further lines would be lost.
    pub(super) fn is_removed(&self) -> bool {
        self.regular && self.file.metadata().is_ok_and(|file| file.nlink() == 0)
    }

    /// Whether `path` names the open file.
    pub(super) fn is_same_file(&self, path: &Path) -> bool {
        let id = |file: &Metadata| (file.dev(), file.ino());
        matches!((self.file.metadata(), path.metadata()), (Ok(open), Ok(named)) if id(&open) == id(&named))
    }

    /// Repairs a file whose last line is partial because the host went down: removes a partial line of egret, terminates any
    /// other.
    fn repair(&mut self, path: &Path) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        let mut end = Vec::new();
        let mut reader = File::open(path)?;
        reader.seek(SeekFrom::Start(length.saturating_sub(LONGEST_LINE)))?;
        reader.take(LONGEST_LINE).read_to_end(&mut end)?;
        let line = end.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        if line.starts_with(PREFIX) || PREFIX.starts_with(line) {
            self.discard_partial(line.len());
            self.truncate()
        } else {
            self.file.write_all(b"\n")
        }
    }
}

/// `O_NONBLOCK` makes a pipe without a reader an error instead of a wait.
fn open(path: &Path) -> io::Result<File> {
    File::options().append(true).create(true).mode(0o640).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)
}

fn explain(path: &Path, error: io::Error) -> Error {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    match directory {
        Some(directory) if error.kind() == io::ErrorKind::NotFound && !directory.exists() => {
            Error::NoDirectory { file: path.to_owned(), directory: directory.to_owned() }
        }
        _ => Error::Open { file: path.to_owned(), error },
    }
}
