//! Processes, from `/proc`.

mod image;
mod reader;

use std::io::{Cursor, Read as _};
use std::sync::Arc;

use egret_model::{Cgroup, Executable, FileId, FileState, Origin, Process, Script, Timestamp, TraceParent};
use procfs::process::{Process as Entry, Stat, Status as StatusFile};
use procfs::{FromRead as _, ProcError, ProcResult};

pub use self::reader::Reader;
use super::Users;
use super::clock::boot_offset;

const NANOS: u64 = 1_000_000_000;

#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// There is no such process, or it ended while it was read.
    #[error("process {pid} is gone")]
    Gone {
        /// The process.
        pid: u32,
    },
    /// It executed other programs while it was read.
    #[error("process {pid} keeps replacing its executable")]
    Unstable {
        /// The process.
        pid: u32,
    },
    /// Reading failed otherwise.
    #[error("cannot read process {pid}")]
    Read {
        /// The process.
        pid: u32,
        /// Why.
        source: ProcError,
    },
    /// `/proc` itself cannot be listed.
    #[error("cannot list /proc")]
    List(#[source] ProcError),
}

/// A process as `/proc` showed it at one moment.
#[derive(Clone, Debug)]
pub struct HostProcess {
    /// Process id.
    pub pid: u32,
    /// When it was created, nanoseconds since boot, as a multiple of the clock tick (usually 10 ms).
    pub start_ns: u64,
    /// Process id of the parent; `None` for processes that the kernel started.
    pub parent_pid: Option<u32>,
    /// Path of the executable; the last one, if the file has no path any more. `None` for kernel threads, zombies,
    /// and processes that may not be inspected.
    pub exe: Option<Arc<str>>,
    /// `exe` is no longer the path of the file, which was removed or replaced.
    pub exe_deleted: bool,
    /// The origin of the executable.
    pub origin: Origin,
    /// Identity of the executable by `stat(2)`.
    pub file: Option<FileId>,
    /// Its present state.
    pub state: Option<FileState>,
    /// Arguments, at most [`MAX_ARGS`] bytes of them.
    pub args: Arc<[Arc<str>]>,
    /// The arguments are longer.
    pub args_truncated: bool,
    /// The script of an interpreter.
    pub script: Script,
    /// The trace context in its environment, if that was read.
    pub trace_parent: Option<TraceParent>,
    /// Effective user id.
    pub uid: u32,
    /// Control group.
    pub cgroup: Option<Arc<Cgroup>>,
}

impl HostProcess {
    /// The process for events. `boot` is the time of boot ([`super::boot_time`]).
    #[must_use]
    pub fn to_model(&self, boot: Timestamp, users: &mut Users) -> Process {
        Process {
            pid: self.pid,
            start_time: i64::try_from(self.start_ns).ok().map(|since| Timestamp(boot.0.saturating_add(since))),
            parent_pid: self.parent_pid,
            executable: Arc::new(self.to_executable()),
            uid: Some(self.uid),
            user: users.name(self.uid),
            cgroup: self.cgroup.clone(),
        }
    }

    fn to_executable(&self) -> Executable {
        Executable {
            path: self.exe.clone(),
            file: self.file,
            state: self.state,
            origin: self.origin,
            args: Arc::clone(&self.args),
            args_truncated: self.args_truncated,
            script: self.script.clone(),
            trace_parent: self.trace_parent,
            ..Executable::default()
        }
    }

    /// Whether the process started at this time by the kernel side, nanoseconds since boot: `/proc` rounds down to
    /// the clock tick.
    #[must_use]
    pub fn started_at(&self, kernel_ns: u64) -> bool {
        is_same_start(self.start_ns, kernel_ns)
    }
}

/// A process without its executable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Status {
    /// As [`HostProcess::start_ns`].
    pub(crate) start_ns: u64,
    /// Process id of the parent.
    pub(crate) parent_pid: Option<u32>,
    /// Effective user id.
    pub(crate) uid: u32,
}

impl Status {
    /// Never blocks on the process or a file system: the kernel has all of it in memory.
    pub(crate) fn read(pid: u32) -> Result<Self, ProcessError> {
        Self::from_entry(&open(pid)?, pid)
    }

    fn from_entry(entry: &Entry, pid: u32) -> Result<Self, ProcessError> {
        let failed = |error| process_error(pid, error);
        let stat = stat(entry).map_err(failed)?;
        Ok(Self {
            start_ns: from_ticks(stat.starttime),
            parent_pid: u32::try_from(stat.ppid).ok().filter(|parent| *parent != 0),
            uid: status(entry).map_err(failed)?.euid,
        })
    }

    /// As [`HostProcess::started_at`].
    pub(crate) fn started_at(&self, kernel_ns: u64) -> bool {
        is_same_start(self.start_ns, kernel_ns)
    }
}

fn is_same_start(start_ns: u64, kernel_ns: u64) -> bool {
    let shown_ns = kernel_ns.saturating_add_signed(boot_offset());
    from_ticks(shown_ns / tick_ns()) == start_ns
}

fn open(pid: u32) -> Result<Entry, ProcessError> {
    let number = i32::try_from(pid).map_err(|_| ProcessError::Gone { pid })?;
    Entry::new(number).map_err(|error| process_error(pid, error))
}

fn process_error(pid: u32, source: ProcError) -> ProcessError {
    /// `ESRCH`: the process behind the descriptor has ended.
    const NO_PROCESS: i32 = libc::ESRCH;
    match source {
        ProcError::NotFound(_) => ProcessError::Gone { pid },
        ProcError::Io(ref error, _) if error.raw_os_error() == Some(NO_PROCESS) => ProcessError::Gone { pid },
        source => ProcessError::Read { pid, source },
    }
}

fn tick_ns() -> u64 {
    NANOS / procfs::ticks_per_second().max(1)
}

/// A start time in `/proc`, on the kernel's boot clock.
fn from_ticks(ticks: u64) -> u64 {
    ticks.saturating_mul(tick_ns()).saturating_add_signed(boot_offset().saturating_neg())
}

/// `/proc/PID/stat`.
pub(crate) fn stat(entry: &Entry) -> ProcResult<Stat> {
    Stat::from_read(text(entry, "stat")?)
}

/// `/proc/PID/status`.
pub(crate) fn status(entry: &Entry) -> ProcResult<StatusFile> {
    StatusFile::from_read(text(entry, "status")?)
}

/// A file of `/proc/PID` that contains the name of the process, which may not be UTF-8. Invalid bytes are
/// replaced: nothing else in it is arbitrary.
fn text(entry: &Entry, name: &str) -> ProcResult<Cursor<String>> {
    let mut bytes = Vec::new();
    entry.open_relative(name)?.read_to_end(&mut bytes)?;
    Ok(Cursor::new(String::from_utf8_lossy(&bytes).into_owned()))
}

#[cfg(test)]
mod tests;
