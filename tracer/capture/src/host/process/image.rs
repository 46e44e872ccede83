//! The executable of a process, and its arguments.
//!
//! Reading them may block for any time: arguments and environment are in the memory of the process, which may hold
//! its lock while a file system does not answer, and the executable itself may be on such a file system.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use egret_model::{CommandLine, FileId, FileState, Origin, Script, TraceParent, escaped, unescaped};
use egret_wire::MAX_ARGS;
use procfs::ProcError;
use procfs::process::Process as Entry;

use super::{ProcessError, process_error};
use crate::host::HostMounts;
use crate::host::file::{identity, state_of};

/// Attempts to read a process that replaces its executable meanwhile.
const ATTEMPTS: usize = 4;
const DELETED: &str = " (deleted)";
/// Bytes of an environment that are read, as many as on the kernel side.
const MAX_ENVIRONMENT: u64 = 256 << 10;

/// The flag of kernel threads (include/linux/sched.h).
const PF_KTHREAD: u32 = 0x0020_0000;

type Args = Arc<[Arc<str>]>;

/// An executable and its arguments.
#[derive(Debug, Default)]
pub(super) struct Image {
    pub(super) path: Option<Arc<str>>,
    pub(super) is_deleted: bool,
    pub(super) origin: Origin,
    pub(super) file: Option<FileId>,
    pub(super) state: Option<FileState>,
    pub(super) args: Args,
    pub(super) args_truncated: bool,
    pub(super) script: Script,
    pub(super) trace_parent: Option<TraceParent>,
    /// The present working directory, which may differ from that of the exec.
    directory: Option<Arc<str>>,
}

impl Image {
    pub(super) fn read(entry: &Entry, pid: u32, trace_context: bool) -> Result<Self, ProcessError> {
        let image = Self::read_consistent(entry, pid)?;
        if super::stat(entry).is_ok_and(|stat| stat.flags & PF_KTHREAD != 0) {
            return Ok(Self { origin: Origin::Kernel, ..image });
        }
        let mut image = image.with_origin(pid);
        image.script = image.script(pid);
        image.trace_parent = trace_context.then(|| trace_parent(entry)).flatten();
        Ok(image)
    }

    /// An executable that cannot be read in time: the kernel has its path. Its identity, and the script of an
    /// interpreter, are unknown.
    pub(super) fn unread(entry: &Entry) -> Self {
        let path = path(entry);
        let image = Self { path, origin: Origin::Unknown, args_truncated: true, ..Self::default() };
        Self { script: image.script_in(None), ..image }
    }

    /// Reads the arguments of the executable, which is compared before and after.
    fn read_consistent(entry: &Entry, pid: u32) -> Result<Self, ProcessError> {
        let mut executable = read_executable(entry, pid);
        for _ in 0..ATTEMPTS {
            let (args, args_truncated) = read_args(entry).map_err(|error| process_error(pid, error))?;
            let again = read_executable(entry, pid);
            if again == executable {
                let (path, file, state) = executable;
                let directory = entry.cwd().ok().map(|path| Arc::from(escaped(path.as_os_str().as_bytes())));
                let origin = Origin::Unknown;
                return Ok(Self { path, origin, file, state, args, args_truncated, directory, ..Self::default() });
            }
            executable = again;
        }
        Err(ProcessError::Unstable { pid })
    }

    /// Sets the origin, and removes the mark that the kernel appends to the path.
    fn with_origin(self, pid: u32) -> Self {
        let is_deleted = self.is_deleted(pid);
        let path = self.path.map(|path| match path.strip_suffix(DELETED) {
            Some(kept) if is_deleted => Arc::from(kept),
            _ => path,
        });
        let origin = HostMounts::get().origin_of_process(pid, path.as_deref(), self.file, is_deleted);
        Self { path, is_deleted, origin, ..self }
    }

    /// Whether the kernel has appended the mark. The name of a file may end with it too: then the path still names
    /// the file.
    fn is_deleted(&self, pid: u32) -> bool {
        let Some(path) = self.path.as_deref().filter(|path| path.ends_with(DELETED)) else {
            return false;
        };
        let named = std::fs::metadata(in_root_of(pid, path));
        named.ok().map(|metadata| identity(&metadata)) != self.file
    }

    /// The script of an interpreter. It may be a relative path: the present directory is that of the exec if the
    /// script is in it.
    fn script(&self, pid: u32) -> Script {
        let script = self.script_in(None);
        if script != Script::Unknown {
            return script;
        }
        let script = self.script_in(self.directory.as_deref());
        let is_elsewhere = script.word().is_some_and(|word| word.starts_with('/') && !has_file(pid, word));
        if is_elsewhere { Script::Unknown } else { script }
    }

    fn script_in(&self, directory: Option<&str>) -> Script {
        self.path.as_deref().map_or(Script::Inapplicable, |executable| {
            CommandLine { executable, args: &self.args, truncated: self.args_truncated, directory }.script()
        })
    }
}

/// Whether a path names a file for a process.
fn has_file(pid: u32, path: &str) -> bool {
    std::fs::metadata(in_root_of(pid, path)).is_ok_and(|metadata| metadata.is_file())
}

/// A path in the root of a process.
fn in_root_of(pid: u32, path: &str) -> PathBuf {
    let mut in_its_root = OsString::from(format!("/proc/{pid}/root"));
    in_its_root.push(OsStr::from_bytes(&unescaped(path)));
    in_its_root.into()
}

fn path(entry: &Entry) -> Option<Arc<str>> {
    entry.exe().ok().map(|path| Arc::from(escaped(path.as_os_str().as_bytes())))
}

/// Absent for kernel threads, for zombies, and without permission.
fn read_executable(entry: &Entry, pid: u32) -> (Option<Arc<str>>, Option<FileId>, Option<FileState>) {
    let path = path(entry);
    let metadata = std::fs::metadata(format!("/proc/{pid}/exe")).ok();
    (path, metadata.as_ref().map(identity), metadata.as_ref().map(state_of))
}

/// The arguments, and whether they are truncated.
fn read_args(entry: &Entry) -> Result<(Args, bool), ProcError> {
    let limit = u64::try_from(MAX_ARGS).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    entry.open_relative("cmdline")?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    let truncated = bytes.len() > MAX_ARGS;
    bytes.truncate(MAX_ARGS);
    Ok((split_args(&bytes), truncated))
}

/// A NUL ends every argument; after truncation the last one may lack it.
pub(super) fn split_args(bytes: &[u8]) -> Args {
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    if bytes.is_empty() {
        return Arc::default();
    }
    bytes.split(|byte| *byte == 0).map(|arg| Arc::from(escaped(arg))).collect()
}

/// The trace context in the environment of a process at its exec. Nothing else of the environment is kept. `None`
/// too without permission.
fn trace_parent(entry: &Entry) -> Option<TraceParent> {
    let environment = entry.open_relative("environ").ok()?.take(MAX_ENVIRONMENT);
    let value = BufReader::new(environment)
        .split(0)
        .map_while(Result::ok)
        .find_map(|variable| variable.strip_prefix(b"TRACEPARENT=").map(<[u8]>::to_vec))?;
    TraceParent::parse(std::str::from_utf8(&value).ok()?)
}
