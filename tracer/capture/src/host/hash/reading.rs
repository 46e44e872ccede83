//! Reading an executable, a piece at a time.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};

use egret_model::{BuildId, FileId, FileState, Process, Sha256};
use sha2::Digest as _;

use super::known::{Digests, Known};
use crate::host::file::{is_same, state_of};

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;
/// Bytes at either end of a file that its build id is made from.
const END: u64 = 4096;

/// A file that is read for its digest.
pub(super) struct Reading {
    file: File,
    id: FileId,
    state: FileState,
    build_id: Option<BuildId>,
    hasher: sha2::Sha256,
    read: u64,
}

/// What became of a step.
pub(super) enum Step {
    /// The digests are known, or cannot be had.
    Done(Digests),
    /// There is more to read.
    More(Box<Reading>),
}

impl Reading {
    /// Opens what a process runs, or ran; the second number says how many bytes were read.
    ///
    /// The file is found as `/proc/PID/exe`, which still works when it was removed or replaced on disk, else by its path;
    /// both only if they are the very file that was executed, and the latter only if nothing was done to it since. Which
    /// digests nobody can have is known then, and the SHA-256 only of what is no larger than `largest`.
    pub(super) fn begin(process: &Process, largest: Option<u64>, known: &Known) -> (Step, u64) {
        let none = Digests { build_id: None, sha256: None };
        let Some((file, id, metadata)) = open(process) else { return (Step::Done(none), 0) };
        let state = state_of(&metadata);
        let wants_sha256 = largest.is_some_and(|largest| state.size <= largest);
        if let Some(digests) = known.get(id, state).filter(|digests| digests.sha256.is_some() || !wants_sha256) {
            return (Step::Done(digests), 0);
        }
        let build_id = build_id(&file, state.size).ok();
        let read = state.size.min(2 * END);
        if wants_sha256 {
            let reading = Self { file, id, state, build_id, hasher: sha2::Sha256::new(), read: 0 };
            return (Step::More(Box::new(reading)), read);
        }
        let digests = Digests { build_id, sha256: None };
        (Step::Done(settle(&file, id, state, digests, known)), read)
    }

    /// Digests that are known before the file has been read to its end.
    pub(super) fn build_id(&self) -> Option<BuildId> {
        self.build_id.clone()
    }

    pub(super) fn is_longer_than(&self, bytes: u64) -> bool {
        self.state.size > bytes
    }

    /// Whether both read the same state of the same file.
    pub(super) fn is_of(&self, other: &Self) -> bool {
        (self.id, self.state) == (other.id, other.state)
    }

    /// Reads on, up to a number of bytes; the second number says how many were read.
    pub(super) fn go_on(mut self: Box<Self>, most: u64, known: &Known) -> (Step, u64) {
        let mut chunk = vec![0; CHUNK];
        let before = self.read;
        let outcome = loop {
            let done = self.read - before;
            if done >= most {
                return (Step::More(self), done);
            }
            match self.file.read(&mut chunk) {
                Ok(0) => break (self.read == self.state.size).then(|| hexadecimal(&self.hasher.clone().finalize())),
                Ok(count) => {
                    self.hasher.update(chunk.get(..count).unwrap_or_default());
                    self.read = self.read.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
                    if self.read > self.state.size {
                        break None;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break None,
            }
        };
        let done = self.read - before;
        let sha256: Option<Sha256> = outcome.map(Into::into);
        let Self { file, id, state, build_id, .. } = *self;
        (Step::Done(settle(&file, id, state, Digests { build_id, sha256 }, known)), done)
    }
}

/// Remembers what was read, unless the file changed meanwhile: then there are no digests of what was executed.
fn settle(file: &File, id: FileId, state: FileState, digests: Digests, known: &Known) -> Digests {
    let is_unchanged = file.metadata().is_ok_and(|after| state_of(&after) == state);
    if !is_unchanged {
        return Digests { build_id: None, sha256: None };
    }
    known.put(id, state, digests.clone());
    digests
}

fn open(process: &Process) -> Option<(File, FileId, Metadata)> {
    let executable = &process.executable;
    let wanted = executable.file?;
    let running = format!("/proc/{}/exe", process.pid);
    // What runs cannot be written to; whoever replaced the name or the mode of the file changed its state all the same.
    let of_process = open_regular(&running)
        .filter(|(_, metadata)| executable.state.is_none_or(|state| state.size == metadata.size()));
    let is_wanted = |(file, metadata): &(File, Metadata)| is_same(file, metadata, wanted, process.pid);
    let found = of_process.filter(is_wanted).or_else(|| {
        let named = open_regular(executable.path.as_deref()?)?;
        let is_unchanged = executable.state.is_none_or(|state| state == state_of(&named.1));
        Some(named).filter(|named| is_unchanged && is_wanted(named))
    });
    found.map(|(file, metadata)| (file, wanted, metadata))
}

/// Opens without waiting: in the meantime the path may have become a FIFO or a device.
fn open_regular(path: &str) -> Option<(File, Metadata)> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path).ok()?;
    let metadata = file.metadata().ok()?;
    metadata.is_file().then_some((file, metadata))
}

/// The `htlhash` of a file: the first half of the SHA-256 of its first and last 4096 bytes, which may overlap, and its
/// length, big-endian (<https://opentelemetry.io/docs/specs/otel/profiles/mappings/>).
fn build_id(file: &File, length: u64) -> io::Result<BuildId> {
    let mut hasher = sha2::Sha256::new();
    let mut end = vec![0; usize::try_from(length.min(END)).unwrap_or(0)];
    for at in [0, length.saturating_sub(END)] {
        file.read_exact_at(&mut end, at)?;
        hasher.update(&end);
    }
    hasher.update(length.to_be_bytes());
    let digest = hasher.finalize();
    Ok(hexadecimal(digest.get(..digest.len() / 2).unwrap_or_default()).into())
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len().saturating_mul(2)), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
