//! Processes as `/proc` shows them.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use egret_model::{Cgroup, Executable, FileId, FileState, Process, Timestamp, TraceParent};
use egret_wire::MAX_ARGS;
use procfs::ProcError;
use procfs::process::Process as Entry;

use super::file::{identity, state_of};
use super::{Cgroups, Users};

const NANOS: u64 = 1_000_000_000;
/// Reads of a process that replaces its image meanwhile, before giving up.
const ATTEMPTS: usize = 4;
const DELETED: &str = " (deleted)";
/// Bytes of an environment that are looked at, as many as the kernel side does.
const MAX_ENVIRONMENT: u64 = 256 << 10;

/// Why a process could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// There is no such process, or it ended while it was read.
    #[error("process {pid} is gone")]
    Gone {
        /// The process.
        pid: u32,
    },
    /// It ran one program after the other while it was read.
    #[error("process {pid} does not settle on an executable")]
    Unsettled {
        /// The process.
        pid: u32,
    },
    /// `/proc` answered with something else.
    #[error("cannot read process {pid}")]
    Read {
        /// The process.
        pid: u32,
        /// What `/proc` said.
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
    /// When it was made, nanoseconds since boot, as a multiple of the clock tick (10 ms on usual kernels).
    pub start_ns: u64,
    /// Process id of the parent; `None` for those that the kernel started.
    pub parent_pid: Option<u32>,
    /// Path of the executable as the kernel gives it, with ` (deleted)` at the end where it has put that.
    /// `None` for kernel threads, zombies, and processes that may not be looked at.
    pub exe: Option<Arc<str>>,
    /// The name that `exe` gives is no longer the file's, whether it was removed or replaced.
    pub exe_deleted: bool,
    /// Which file it runs, as `stat(2)` says.
    pub file: Option<FileId>,
    /// In which state that is now.
    pub state: Option<FileState>,
    /// Arguments, at most [`MAX_ARGS`] bytes of them.
    pub args: Arc<[Arc<str>]>,
    /// There are more.
    pub args_truncated: bool,
    /// Effective user id.
    pub uid: u32,
    /// Control group.
    pub cgroup: Option<Arc<Cgroup>>,
}

impl HostProcess {
    /// The process as records carry it. `boot` is when the machine started ([`super::boot_time`]).
    #[must_use]
    pub fn to_model(&self, boot: Timestamp, users: &mut Users) -> Process {
        Process {
            pid: self.pid,
            start_time: i64::try_from(self.start_ns).ok().map(|since| Timestamp(boot.0.saturating_add(since))),
            parent_pid: self.parent_pid,
            executable: Arc::new(Executable {
                path: self.exe.clone(),
                path_as_typed: false,
                file: self.file,
                state: self.state,
                args: Arc::clone(&self.args),
                args_truncated: self.args_truncated,
                trace_parent: None,
                ..Executable::default()
            }),
            uid: Some(self.uid),
            user: users.name(self.uid),
            cgroup: self.cgroup.clone(),
        }
    }

    /// Whether this is the process that the kernel says started at a moment, nanoseconds since boot: `/proc`
    /// rounds down to the clock tick.
    #[must_use]
    pub fn started_at(&self, kernel_ns: u64) -> bool {
        from_ticks(kernel_ns / tick_ns()) == self.start_ns
    }
}

/// Reads one process.
///
/// Every file is opened through one descriptor of `/proc/PID`, which the kernel ties to the process and not
/// to the number: once it has ended, reads fail even if the number is in use again. The start time is
/// compared before and after as well (some files are reached by path), and so is the executable, so that the
/// arguments are those of the program named.
///
/// # Errors
///
/// The process is gone, keeps replacing its image, or `/proc` does not answer.
pub fn read(pid: u32, cgroups: &mut Cgroups) -> Result<HostProcess, ProcessError> {
    let number = i32::try_from(pid).map_err(|_| ProcessError::Gone { pid })?;
    read_entry(&Entry::new(number).map_err(|error| process_error(pid, error))?, pid, cgroups)
}

/// The trace that the environment of a process names, as it was when the process ran its program. Nothing else of the
/// environment is kept. `None` as well where the process is gone or may not be looked at.
#[must_use]
pub fn trace_parent(process: &HostProcess) -> Option<TraceParent> {
    let entry = Entry::new(i32::try_from(process.pid).ok()?).ok()?;
    let environment = entry.open_relative("environ").ok()?.take(MAX_ENVIRONMENT);
    let value = BufReader::new(environment)
        .split(0)
        .map_while(Result::ok)
        .find_map(|variable| variable.strip_prefix(b"TRACEPARENT=").map(<[u8]>::to_vec))?;
    let is_same = from_ticks(entry.stat().ok()?.starttime) == process.start_ns;
    TraceParent::parse(std::str::from_utf8(&value).ok()?).filter(|_| is_same)
}

/// Reads every process. Those that end meanwhile or cannot be read are left out.
///
/// # Errors
///
/// `/proc` cannot be listed.
pub fn all(cgroups: &mut Cgroups) -> Result<Vec<HostProcess>, ProcessError> {
    let entries = procfs::process::all_processes().map_err(ProcessError::List)?;
    Ok(entries.flatten().filter_map(|entry| read_entry(&entry, u32::try_from(entry.pid).ok()?, cgroups).ok()).collect())
}

fn read_entry(entry: &Entry, pid: u32, cgroups: &mut Cgroups) -> Result<HostProcess, ProcessError> {
    let failed = |error| process_error(pid, error);
    let before = entry.stat().map_err(failed)?;
    let image = read_image(entry, pid)?;
    let uid = entry.status().map_err(failed)?.euid;
    let cgroup = cgroups.of_open_process(entry);
    let after = entry.stat().map_err(failed)?;
    if before.starttime != after.starttime {
        return Err(ProcessError::Gone { pid });
    }
    Ok(HostProcess {
        pid,
        start_ns: from_ticks(after.starttime),
        parent_pid: u32::try_from(after.ppid).ok().filter(|parent| *parent != 0),
        exe_deleted: image.is_deleted(pid),
        exe: image.path,
        file: image.file,
        state: image.state,
        args: image.args,
        args_truncated: image.args_truncated,
        uid,
        cgroup,
    })
}

/// An argument vector.
type Args = Arc<[Arc<str>]>;

/// What a process runs.
struct Image {
    path: Option<Arc<str>>,
    file: Option<FileId>,
    state: Option<FileState>,
    args: Arc<[Arc<str>]>,
    args_truncated: bool,
}

impl Image {
    /// The kernel appends the mark, but a file's real name may end so too: then that name still leads to the
    /// file.
    fn is_deleted(&self, pid: u32) -> bool {
        let Some(path) = self.path.as_deref().filter(|path| path.ends_with(DELETED)) else {
            return false;
        };
        let in_its_root = format!("/proc/{pid}/root{path}");
        let named = std::fs::metadata(Path::new(OsStr::from_bytes(in_its_root.as_bytes())));
        named.ok().map(|metadata| identity(&metadata)) != self.file
    }
}

fn read_image(entry: &Entry, pid: u32) -> Result<Image, ProcessError> {
    let mut executable = read_executable(entry, pid);
    for _ in 0..ATTEMPTS {
        let (args, args_truncated) = read_args(entry).map_err(|error| process_error(pid, error))?;
        let again = read_executable(entry, pid);
        if again == executable {
            let (path, file, state) = executable;
            return Ok(Image { path, file, state, args, args_truncated });
        }
        executable = again;
    }
    Err(ProcessError::Unsettled { pid })
}

/// Absent for kernel threads, for zombies, and where the kernel does not let this process look.
fn read_executable(entry: &Entry, pid: u32) -> (Option<Arc<str>>, Option<FileId>, Option<FileState>) {
    let path = entry.exe().ok().map(|path| Arc::from(path.to_string_lossy()));
    let metadata: Option<Metadata> = std::fs::metadata(format!("/proc/{pid}/exe")).ok();
    (path, metadata.as_ref().map(identity), metadata.as_ref().map(state_of))
}

/// The arguments, and whether there are more.
fn read_args(entry: &Entry) -> Result<(Args, bool), ProcError> {
    let limit = u64::try_from(MAX_ARGS).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    entry.open_relative("cmdline")?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    let truncated = bytes.len() > MAX_ARGS;
    bytes.truncate(MAX_ARGS);
    Ok((split_args(&bytes), truncated))
}

/// Arguments end with a NUL each; the last one may have lost it.
fn split_args(bytes: &[u8]) -> Args {
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    if bytes.is_empty() {
        return Arc::default();
    }
    bytes.split(|byte| *byte == 0).map(|arg| Arc::from(String::from_utf8_lossy(arg))).collect()
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

fn from_ticks(ticks: u64) -> u64 {
    ticks.saturating_mul(tick_ns())
}

#[cfg(test)]
mod tests;
