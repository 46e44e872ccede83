//! Reading files of untrusted writers: bounded, and without blocking on other kinds of files.

use std::fs::{self, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;

/// Longest value that is accepted: image references and names of pods have at most 255 bytes.
const LONGEST: usize = 512;
/// Entries of a directory that are read.
const MOST_ENTRIES: usize = 20_000;

/// The content of a JSON file of at most `limit` bytes. `None` if it cannot be read or parsed, or is longer.
pub(super) fn json<T: DeserializeOwned>(path: &Path, limit: u64) -> Option<T> {
    serde_json::from_slice(&bytes(path, limit)?).ok()
}

fn bytes(path: &Path, limit: u64) -> Option<Vec<u8>> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_NOFOLLOW;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    let length = file.metadata().ok().filter(fs::Metadata::is_file)?.len();
    if length > limit {
        return None;
    }
    let mut bytes = Vec::new();
    // It may grow meanwhile: if it is cut off, it cannot be parsed.
    file.take(limit).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Names of the entries of a directory; empty if it cannot be read.
pub(super) fn entries(directory: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(directory).into_iter().flatten().take(MOST_ENTRIES);
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok())
}

/// The directories in `directory` whose names have this suffix.
pub(super) fn directories_ending(directory: &Path, suffix: &str) -> Vec<PathBuf> {
    entries(directory).filter(|name| name.ends_with(suffix)).map(|name| directory.join(name)).collect()
}

/// A value that can be shown and compared; `None` for an empty one, a long one, and one with control characters or
/// spaces.
pub(super) fn value(text: &str) -> Option<Arc<str>> {
    let is_valid =
        !text.is_empty() && text.len() <= LONGEST && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    is_valid.then(|| text.into())
}
