//! Detects changes of files.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Metadata that changes when a file is replaced or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileVersion {
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl FileVersion {
    /// `None` if the file is missing.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        let meta = std::fs::metadata(path).ok()?;
        Some(Self { inode: meta.ino(), length: meta.len(), modified: (meta.mtime(), meta.mtime_nsec()) })
    }
}
