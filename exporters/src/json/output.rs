//! The file that lines go to: whole lines only, whatever happens.

use std::fs::{File, Metadata, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use tokio::net::unix::pipe;

use super::settings::Destination;

/// How every record begins.
const BEGIN: &[u8] = b"{\"timestamp\":\"";
/// More than the longest line; the arguments of a process are at most 24 KB of it.
const LONGEST_LINE: u64 = 1 << 18;

/// Why lines cannot be written to a destination.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Standard output is closed.
    #[error("standard output cannot be used for JSON lines: {0}")]
    Stdout(io::Error),
    /// The directory of the file is missing.
    #[error("cannot write JSON lines to {file}: there is no directory {directory}")]
    NoDirectory {
        /// The file.
        file: PathBuf,
        /// Its directory.
        directory: PathBuf,
    },
    /// The file cannot be opened.
    #[error("cannot write JSON lines to {file}: {error}")]
    Open {
        /// The file.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Somebody else writes to the file: it would be cut under their hands.
    #[error("cannot write JSON lines to {0}: another process has it locked")]
    Locked(PathBuf),
}

/// An open destination.
#[derive(Debug)]
pub(super) struct Output {
    file: File,
    /// Only a regular file can be cut. What a pipe holds of a torn line stays there for its next reader.
    regular: bool,
    /// Bytes at the end that are of no whole line.
    torn: u64,
    /// Others are kept from writing to it.
    locked: bool,
}

impl Drop for Output {
    fn drop(&mut self) {
        if self.locked {
            // Closing it is not enough: whoever looks at this process's files at that moment holds it for a little longer.
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
            output.mend(path).map_err(failed)?;
        }
        Ok(output)
    }

    fn new(file: File) -> io::Result<Self> {
        let regular = file.metadata()?.is_file();
        Ok(Self { file, regular, torn: 0, locked: false })
    }

    /// Writes what it can at once, and says how many bytes that was; waits where the other end of a pipe is slow. A torn
    /// line that cannot be taken back is ended first: it costs no other.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.cut()?;
        if self.torn > 0 {
            self.put(b"\n").await?;
            self.torn = 0;
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
        // Whatever it is (a socket, a terminal): nothing but this is asked of it.
        pipe::Sender::from_file_unchecked(self.file.try_clone()?)?.writable().await
    }

    /// Takes back the bytes last written, which are of no whole line: now, or before the next write.
    pub(super) fn take_back(&mut self, bytes: usize) {
        self.torn += u64::try_from(bytes).unwrap_or(0);
        // Tried again before the next write, which says what is wrong.
        let _ = self.cut();
    }

    fn cut(&mut self) -> io::Result<()> {
        if self.torn > 0 && self.regular {
            // Its length is asked for each time: logrotate may have emptied it.
            let length = self.file.metadata()?.len();
            self.file.set_len(length.saturating_sub(self.torn))?;
            self.file.seek(SeekFrom::End(0))?;
            self.torn = 0;
        }
        Ok(())
    }

    /// Whether the file has no name any more, so that what is written to it is lost.
    pub(super) fn is_removed(&self) -> bool {
        self.regular && self.file.metadata().is_ok_and(|file| file.nlink() == 0)
    }

    /// Whether this name is that of this very file.
    pub(super) fn is(&self, path: &Path) -> bool {
        let id = |file: &Metadata| (file.dev(), file.ino());
        matches!((self.file.metadata(), path.metadata()), (Ok(open), Ok(named)) if id(&open) == id(&named))
    }

    /// Takes care of a line that was not written to its end when the host went down: one of ours goes, anything else
    /// is ended.
    fn mend(&mut self, path: &Path) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        let mut end = Vec::new();
        let mut reader = File::open(path)?;
        reader.seek(SeekFrom::Start(length.saturating_sub(LONGEST_LINE)))?;
        reader.take(LONGEST_LINE).read_to_end(&mut end)?;
        let line = end.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        if line.starts_with(BEGIN) || BEGIN.starts_with(line) {
            self.take_back(line.len());
            self.cut()
        } else {
            self.file.write_all(b"\n")
        }
    }
}

/// Not waiting at a pipe without a reader: that is an error.
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
