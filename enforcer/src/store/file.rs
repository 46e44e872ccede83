//! A baseline on disk: read whole, replaced atomically.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use super::error::Broken;
use crate::baseline::{Baseline, parse};

/// Identifies a version of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// The file that a path means: links are followed, so that one into a directory under version control stays one.
pub(super) fn true_path(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Reads a baseline; `None` if there is no file.
pub(super) fn read(path: &Path) -> Result<Option<(Baseline, Stamp)>, Broken> {
    let unreadable = |error| Broken::Unreadable { path: path.to_owned(), error };
    let mut file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(unreadable)?,
    };
    // A file that is edited in place meanwhile has another stamp afterwards, and is read again the next time.
    let stamp = Stamp::of(&file.metadata().map_err(unreadable)?);
    let text = io::read_to_string(&mut file).map_err(unreadable)?;
    let wrong = |problems| Broken::Wrong { path: path.to_owned(), problems };
    Ok(Some((parse(&text).map_err(wrong)?, stamp)))
}

/// The stamp of a file; `None` if there is none.
pub(super) fn stamp(path: &Path) -> Option<Stamp> {
    fs::metadata(path).ok().map(|metadata| Stamp::of(&metadata))
}

/// Puts a baseline in place of what a file holds, and gives its new stamp; `None` if the file is not the one that is expected.
/// It keeps its mode and its owner.
pub(super) fn write(path: &Path, text: &str, expected: Option<Stamp>) -> io::Result<Option<Stamp>> {
    let fresh = beside(path);
    let written = write_to(&fresh, text, fs::metadata(path).ok().as_ref());
    let placed = written.and_then(|()| match stamp(path) == expected {
        true => fs::rename(&fresh, path).map(|()| true),
        false => Ok(false),
    });
    if !matches!(placed, Ok(true)) {
        // What is left of it is of no use; that it stays is not what went wrong.
        let _ = fs::remove_file(&fresh);
        return placed.map(|_| None);
    }
    File::open(directory(path)?)?.sync_all()?;
    // Renaming changes the stamp.
    Ok(stamp(path))
}

fn directory(path: &Path) -> io::Result<&Path> {
    let directory = path.parent().ok_or(ErrorKind::InvalidFilename)?;
    Ok(if directory.as_os_str().is_empty() { Path::new(".") } else { directory })
}

/// The file that is written first and then renamed. Only the process with the lock writes it.
fn beside(path: &Path) -> PathBuf {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    fresh.into()
}

fn write_to(fresh: &Path, text: &str, before: Option<&Metadata>) -> io::Result<()> {
    match fs::remove_file(fresh) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // A new file, so that no link is followed that somebody put there. Nobody else reads it before it has its mode.
    let mode = if before.is_some() { 0o600 } else { 0o640 };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(fresh)?;
    if let Some(before) = before {
        let now = file.metadata()?;
        if (now.uid(), now.gid()) != (before.uid(), before.gid()) {
            fchown(&file, Some(before.uid()), Some(before.gid()))?;
        }
        file.set_permissions(before.permissions())?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
