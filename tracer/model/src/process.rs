//! Processes and the files they run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::{Timestamp, TraceParent};

/// SHA-256 digest of a file, in lower-case hexadecimal.
pub type Sha256 = Arc<str>;

/// Build id of a file from its first and last 4096 bytes and its length (`process.executable.build_id.htlhash` of the
/// OpenTelemetry conventions), in lower-case hexadecimal.
pub type BuildId = Arc<str>;

/// One state of the content of a file. Two states differ in it, as far as the file system's clock can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileState {
    /// Bytes.
    pub size: u64,
    /// When its inode was last changed (`st_ctim`), nanoseconds since 1970. A program cannot set it back.
    pub changed_ns: i64,
}

/// Identity of a file: enough to see that a path now names another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId {
    /// Device number, as `stat(2)` encodes it (`st_dev`).
    pub device: u64,
    /// Inode number.
    pub inode: u64,
}

/// What the kernel puts behind the path of a file that is no longer there.
const DELETED: &str = " (deleted)";

/// An executable file as a process runs it.
#[derive(Debug, Default)]
pub struct Executable {
    /// True path of the file; absent for kernel threads and where nobody could tell.
    pub path: Option<Arc<str>>,
    /// The path is only what the caller passed to `execve`.
    pub path_as_typed: bool,
    /// Which file it was.
    pub file: Option<FileId>,
    /// The state in which the file was executed, where the kernel says it.
    pub state: Option<FileState>,
    /// The argument vector; what is not UTF-8 is replaced.
    pub args: Arc<[Arc<str>]>,
    /// The argument vector is longer than what was kept.
    pub args_truncated: bool,
    /// The trace that its environment names.
    pub trace_parent: Option<TraceParent>,
    /// Digest of the file, once somebody asked for it: `Some(None)` if it cannot be had.
    pub sha256: OnceLock<Option<Sha256>>,
    /// Build id of the file, in the same way.
    pub build_id: OnceLock<Option<BuildId>>,
    /// Its digests are ordered, or were.
    pub ordered: Ordered,
}

/// Whether digests were ordered, which is done once an executable.
#[derive(Debug, Default)]
pub struct Ordered(AtomicBool);

impl Ordered {
    /// Says whether this is the first order.
    pub fn begin(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }

    /// Nothing came of the order: the next one counts as the first.
    pub fn cancel(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Whether it was ordered.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Executable {
    /// What a record says of an executable: the path of its file if that is known, its name, its arguments.
    ///
    /// A name that neither the path nor the arguments give was that of a path as typed.
    #[must_use]
    pub fn of_record(path: Option<Arc<str>>, name: Option<&str>, args: Arc<[Arc<str>]>) -> Self {
        let recorded = Self { path, args, ..Self::default() };
        if recorded.path.is_some() || recorded.name() == name {
            return recorded;
        }
        let name = name.unwrap_or_default();
        let typed = if name.ends_with(DELETED) { format!("{name}{DELETED}").into() } else { name.into() };
        Self { path: Some(typed), path_as_typed: true, ..recorded }
    }

    /// Which of the digests are known by now, SHA-256 and build id: they come to be known later than the rest.
    #[must_use]
    pub fn known_digests(&self) -> (bool, bool) {
        (self.sha256.get().is_some(), self.build_id.get().is_some())
    }

    /// The path of the file. What the caller of `execve` passed names a file only if it is absolute.
    #[must_use]
    pub fn file_path(&self) -> Option<&str> {
        self.path.as_deref().filter(|path| !self.path_as_typed || path.starts_with('/'))
    }

    /// Last component of the path, or the first argument's where there is no path.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        let path = self.path.as_deref().or_else(|| self.args.first().map(|arg| &**arg))?;
        let path = path.strip_suffix(DELETED).unwrap_or(path);
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
