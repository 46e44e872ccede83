//! Processes and the files they run.

use std::sync::{Arc, OnceLock};

use crate::Timestamp;

/// SHA-256 digest of a file, in lower-case hexadecimal.
pub type Sha256 = Arc<str>;

/// Identity of a file: enough to see that a path now names another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId {
    /// Device number, as `stat(2)` encodes it (`st_dev`).
    pub device: u64,
    /// Inode number.
    pub inode: u64,
}

/// An executable file as a process runs it.
#[derive(Debug, Default)]
pub struct Executable {
    /// True path of the file; absent for kernel threads and where nobody could tell.
    pub path: Option<Arc<str>>,
    /// The path is only what the caller passed to `execve`.
    pub path_as_typed: bool,
    /// Which file it was.
    pub file: Option<FileId>,
    /// The argument vector; what is not UTF-8 is replaced.
    pub args: Arc<[Arc<str>]>,
    /// The argument vector is longer than what was kept.
    pub args_truncated: bool,
    /// Digest of the file, once somebody asked for it: `Some(None)` if it cannot be had.
    pub sha256: OnceLock<Option<Sha256>>,
}

impl Executable {
    /// Last component of the path, or the first argument's where there is no path.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        let path = self.path.as_deref().or_else(|| self.args.first().map(|arg| &**arg))?;
        let path = path.strip_suffix(" (deleted)").unwrap_or(path);
        path.rsplit('/').next().filter(|name| !name.is_empty())
    }
}

/// The control group of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cgroup {
    /// Path below the root of the hierarchy.
    pub path: Arc<str>,
    /// systemd unit that owns the group.
    pub unit: Option<Arc<str>>,
    /// Full container id.
    pub container: Option<Arc<str>>,
    /// Container runtime: `docker`, `containerd`, `cri-o`, `podman`.
    pub runtime: Option<&'static str>,
}

/// A process at the time it did something. Identity is pid *and* start time.
#[derive(Clone, Debug)]
pub struct Process {
    /// Process id in the initial pid namespace.
    pub pid: u32,
    /// When the process was made.
    pub start_time: Option<Timestamp>,
    /// Process id of the parent.
    pub parent_pid: Option<u32>,
    /// What it runs.
    pub executable: Arc<Executable>,
    /// Effective user id.
    pub uid: Option<u32>,
    /// Name of that user on this host.
    pub user: Option<Arc<str>>,
    /// Control group.
    pub cgroup: Option<Arc<Cgroup>>,
}
