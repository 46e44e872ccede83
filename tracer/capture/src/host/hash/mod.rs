//! SHA-256 of the executables that processes run.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read};
use std::num::NonZeroUsize;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

use egret_model::{Process, Sha256};
use lru::LruCache;
use sha2::Digest;

use super::file::is_same;

/// Digests kept, the longest unused going first. An entry is a key, a 64-byte digest and the table's own share,
/// about 200 bytes: 0.8 MB when full.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
/// Bytes read at once.
const CHUNK: usize = 64 * 1024;

/// One state of one file's content: device, inode, size, and when content and inode last changed. The latter
/// is in it because a program can set the former back (`utimensat(2)`).
type Version = (u64, u64, u64, (i64, i64), (i64, i64));

/// Computes digests of executables and remembers them by file.
///
/// Reading a file takes as long as the disk or network file system takes, and hashing 0.5 GB takes a second even
/// with SHA instructions: use it from a thread of its own.
#[derive(Debug)]
pub struct Hasher {
    limit: u64,
    digests: LruCache<Version, Sha256>,
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new(Self::DEFAULT_LIMIT)
    }
}

impl Hasher {
    /// Largest file that is read unless told otherwise: 1 GiB.
    pub const DEFAULT_LIMIT: u64 = 1 << 30;

    /// A hasher for files of at most `limit` bytes. Zero reads none but empty ones, `u64::MAX` all.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self { limit, digests: LruCache::new(CAPACITY) }
    }

    /// The digest of what a process runs, or ran. Computed once an executable and kept in it, also when there
    /// is none.
    ///
    /// The file is found as `/proc/PID/exe`, which still works when it was removed or replaced on disk, else
    /// by its path; both only if they are the very file that was executed. `None` if neither is, if which
    /// file it was is not known, if it is larger than the limit, or if it changed while it was read.
    pub fn digest(&mut self, process: &Process) -> Option<Sha256> {
        process.executable.sha256.get_or_init(|| self.compute(process)).clone()
    }

    fn compute(&mut self, process: &Process) -> Option<Sha256> {
        let (file, metadata) = open_executable(process)?;
        let version = version(&metadata);
        if let Some(known) = self.digests.get(&version) {
            return Some(known.clone());
        }
        if metadata.len() > self.limit {
            return None;
        }
        let digest = hash(&file, metadata.len())?;
        let unchanged = file.metadata().ok().map(|after| self::version(&after)) == Some(version);
        unchanged.then(|| self.digests.get_or_insert(version, || digest).clone())
    }
}

fn version(metadata: &Metadata) -> Version {
    (
        metadata.dev(),
        metadata.ino(),
        metadata.size(),
        (metadata.mtime(), metadata.mtime_nsec()),
        (metadata.ctime(), metadata.ctime_nsec()),
    )
}

fn open_executable(process: &Process) -> Option<(File, Metadata)> {
    let wanted = process.executable.file?;
    let running = format!("/proc/{}/exe", process.pid);
    [Some(running.as_str()), process.executable.path.as_deref()].into_iter().flatten().find_map(|path| {
        let (file, metadata) = open_regular(path)?;
        is_same(&file, &metadata, wanted, process.pid).then_some((file, metadata))
    })
}

/// Opens without waiting: in the meantime the path may have become a FIFO or a device.
fn open_regular(path: &str) -> Option<(File, Metadata)> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path).ok()?;
    let metadata = file.metadata().ok()?;
    metadata.is_file().then_some((file, metadata))
}

/// Reads `length` bytes and no more; `None` if the file ends elsewhere or cannot be read.
fn hash(file: &File, length: u64) -> Option<Sha256> {
    let mut reader = file.take(length.saturating_add(1));
    let mut hasher = sha2::Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut read = 0_u64;
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => {
                hasher.update(chunk.get(..count)?);
                read = read.saturating_add(u64::try_from(count).ok()?);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    (read == length).then(|| to_hexadecimal(&hasher.finalize()).into())
}

fn to_hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len().saturating_mul(2)), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
