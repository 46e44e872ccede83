//! Reading an executable in pieces.

use std::ffi::OsStr;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use egret_model::{BuildId, FileId, FileState, Process, Sha256, unescaped};
use sha2::Digest as _;

use super::known::{Digests, Known};
use crate::host::file::{identity, is_same, state_of};

/// Bytes of one read.
const CHUNK: usize = 64 * 1024;
/// Two changes of a file within this time may leave it in the same state: the kernel stamps them with the time of
/// its last tick, which is 10 ms long at most. (Since Linux 6.13 only if the time was not read in between.)
const GRANULARITY: Duration = Duration::from_millis(20);
/// Bytes at the beginning and at the end of a file that its build id is computed from.
const EDGE: u64 = 4096;

/// A file that is read for its digest.
pub(super) struct Reading {
    file: File,
    id: FileId,
    state: FileState,
    build_id: Option<BuildId>,
    hasher: sha2::Sha256,
    read: u64,
    /// A later change would have left another state.
    is_settled: bool,
}

/// The result of a step.
pub(super) enum Step {
    /// The digests are known, or cannot be computed.
    Done(Digests),
    /// There is more to read.
    More(Box<Reading>),
}

impl Reading {
    /// Opens the executable of a process that runs or has ended. Returns how many bytes were read, too.
    ///
    /// The file is opened as `/proc/PID/exe`, which works even after it was removed or replaced on disk, or by its
    /// path. It must be the same file that was executed, and by path it must not have changed since. The SHA-256
    /// is computed of files up to `largest`.
    pub(super) fn begin(process: &Process, largest: Option<u64>, known: &Known) -> (Step, u64) {
        let none = Digests { build_id: None, sha256: None };
        let Some((file, id, metadata)) = open(process) else { return (Step::Done(none), 0) };
        let state = state_of(&metadata);
        let wants_sha256 = largest.is_some_and(|largest| state.size <= largest);
        if let Some(digests) = known.get(id, state).filter(|digests| digests.sha256.is_some() || !wants_sha256) {
            return (Step::Done(digests), 0);
        }
        let is_settled = is_settled(state);
        let build_id = build_id(&file, state.size).ok();
        let read = state.size.min(2 * EDGE);
        if wants_sha256 {
            if is_settled && build_id.is_some() {
                // Long before a long file is read to its end.
                known.put(id, state, Digests { build_id: build_id.clone(), sha256: None });
            }
            let reading = Self { file, id, state, build_id, hasher: sha2::Sha256::new(), read: 0, is_settled };
            return (Step::More(Box::new(reading)), read);
        }
        let digests = Digests { build_id, sha256: None };
        let known = is_settled.then_some(known);
        (Step::Done(settle(&file, id, state, digests, known)), read)
    }

    /// The build id, which is known before the file has been read to its end.
    pub(super) fn build_id(&self) -> Option<BuildId> {
        self.build_id.clone()
    }

    pub(super) fn is_longer_than(&self, bytes: u64) -> bool {
        self.state.size > bytes
    }

    /// Bytes left to read.
    pub(super) const fn remaining(&self) -> u64 {
        self.state.size.saturating_sub(self.read)
    }

    /// Whether both read the same state of the same file.
    pub(super) fn is_same_file(&self, other: &Self) -> bool {
        (self.id, self.state) == (other.id, other.state)
    }

    /// Reads up to a number of bytes. Returns how many were read, too.
    pub(super) fn read_piece(mut self: Box<Self>, most: u64, known: &Known) -> (Step, u64) {
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
        let Self { file, id, state, build_id, is_settled, .. } = *self;
        let known = is_settled.then_some(known);
        (Step::Done(settle(&file, id, state, Digests { build_id, sha256 }, known)), done)
    }
}

/// Whether a change of the file from now on leaves another state: its time of change is further away than the
/// granularity of those times.
fn is_settled(state: FileState) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    let changed = u128::try_from(state.changed_ns).unwrap_or(0);
    now.abs_diff(changed) > GRANULARITY.as_nanos()
}

/// Enters the digests, if `known` is given. If the file has changed meanwhile, there are no digests of what was
/// executed.
fn settle(file: &File, id: FileId, state: FileState, digests: Digests, known: Option<&Known>) -> Digests {
    let is_unchanged = file.metadata().is_ok_and(|after| state_of(&after) == state);
    if !is_unchanged {
        return Digests { build_id: None, sha256: None };
    }
    if let Some(known) = known {
        known.put(id, state, digests.clone());
    }
    digests
}

fn open(process: &Process) -> Option<(File, FileId, Metadata)> {
    let executable = &process.executable;
    let wanted = executable.file?;
    let running = format!("/proc/{}/exe", process.pid);
    // A running executable cannot be written to, but changes of its name or mode change its state. So only the
    // size is compared.
    let of_process = open_regular(running.as_bytes())
        .filter(|(_, metadata)| executable.state.is_none_or(|state| state.size == metadata.size()));
    let is_wanted = |(file, metadata): &(File, Metadata)| is_same(file, identity(metadata), wanted, process.pid);
    let found = of_process.filter(is_wanted).or_else(|| {
        let named = open_regular(&unescaped(executable.path.as_deref()?))?;
        let is_unchanged = executable.state.is_none_or(|state| state == state_of(&named.1));
        Some(named).filter(|named| is_unchanged && is_wanted(named))
    });
    found.map(|(file, metadata)| (file, wanted, metadata))
}

/// Opens without blocking: the path may name a FIFO or a device by now.
fn open_regular(path: &[u8]) -> Option<(File, Metadata)> {
    let path = OsStr::from_bytes(path);
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path).ok()?;
    let metadata = file.metadata().ok()?;
    metadata.is_file().then_some((file, metadata))
}

/// The `htlhash` of a file: the first half of the SHA-256 of its first and last 4096 bytes, which may overlap, and
/// its length, big-endian (<https://opentelemetry.io/docs/specs/otel/profiles/mappings/>).
fn build_id(file: &File, length: u64) -> io::Result<BuildId> {
    let mut hasher = sha2::Sha256::new();
    let mut edge = vec![0; usize::try_from(length.min(EDGE)).unwrap_or(0)];
    for at in [0, length.saturating_sub(EDGE)] {
        file.read_exact_at(&mut edge, at)?;
        hasher.update(&edge);
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
