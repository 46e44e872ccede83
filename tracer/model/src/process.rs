//! Processes and the files they run.

use std::sync::{Arc, OnceLock};

use crate::script::{CommandLine, Script};
use crate::{Timestamp, TraceParent};

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

/// What the path of an executable names. A path is one name: in a mount namespace of their own, or by a file in memory, anybody
/// may give any program the path of another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A file of the host: in the host's mount namespace its path names this very file.
    #[default]
    Host,
    /// A file of the host that was removed or replaced since it was executed.
    Replaced,
    /// A file of the host, in a process that sees other mounts or another root directory: the paths in its arguments may name
    /// other files.
    Shared,
    /// A file that has this path in another mount namespace only.
    Private,
    /// A file in memory (`memfd_create(2)`): it has a name and no path.
    Memory,
    /// Nobody could tell.
    Unknown,
}

impl Origin {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Host, Self::Replaced, Self::Shared, Self::Private, Self::Memory, Self::Unknown];

    /// As records have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Replaced => "replaced",
            Self::Shared => "shared",
            Self::Private => "private",
            Self::Memory => "memory",
            Self::Unknown => "unknown",
        }
    }

    /// The one that a record names.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|origin| origin.as_str() == name)
    }

    /// What a record of an egret that did not know is taken for: in a container paths are the container's.
    #[must_use]
    pub const fn of_old_record(in_container: bool) -> Self {
        if in_container { Self::Private } else { Self::Host }
    }

    /// Whether the path is that of a file of the host.
    #[must_use]
    pub const fn is_host(self) -> bool {
        matches!(self, Self::Host | Self::Replaced | Self::Shared)
    }
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
    /// What the path names.
    pub origin: Origin,
    /// The argument vector; what is not UTF-8 is replaced.
    pub args: Arc<[Arc<str>]>,
    /// The argument vector is longer than what was kept.
    pub args_truncated: bool,
    /// Working directory at the exec; absent where it is unknown.
    pub directory: Option<Arc<str>>,
    /// What it interprets.
    pub script: Script,
    /// The trace that its environment names.
    pub trace_parent: Option<TraceParent>,
    /// Digest of the file, once somebody asked for it: `Some(None)` if it cannot be had.
    pub sha256: OnceLock<Option<Sha256>>,
}

impl Executable {
    /// What a record says of an executable: the path of its file if that is known, its name, its arguments, what it
    /// interprets. Where a record has no script, it is read from the arguments.
    ///
    /// A name that neither the path nor the arguments give was that of a path as typed.
    #[must_use]
    pub fn of_record(
        path: Option<Arc<str>>,
        name: Option<&str>,
        args: Arc<[Arc<str>]>,
        script: Option<&Arc<str>>,
    ) -> Self {
        let recorded = Self { path, args, ..Self::default() };
        let recorded = match script {
            Some(script) => Self { script: Script::of_record(script), ..recorded },
            None => recorded.interpreted(),
        };
        if recorded.path.is_some() || recorded.name() == name {
            return recorded;
        }
        let name = name.unwrap_or_default();
        let typed = if name.ends_with(DELETED) { format!("{name}{DELETED}").into() } else { name.into() };
        Self { path: Some(typed), path_as_typed: true, ..recorded }
    }

    /// With what its command line says of the script.
    #[must_use]
    pub fn interpreted(mut self) -> Self {
        self.script = self.path.as_deref().map_or(Script::Inapplicable, |executable| {
            let (args, directory) = (&*self.args, self.directory.as_deref());
            CommandLine { executable, args, truncated: self.args_truncated, directory }.script()
        });
        self
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
