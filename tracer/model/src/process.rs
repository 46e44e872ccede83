//! Processes and their executables.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::script::{CommandLine, Script};
use crate::{Container, Timestamp, TraceParent};

/// SHA-256 digest of a file, in lower-case hexadecimal.
pub type Sha256 = Arc<str>;

/// Build id of a file from its first and last 4096 bytes and its length (`process.executable.build_id.htlhash` of the
/// OpenTelemetry conventions), in lower-case hexadecimal.
pub type BuildId = Arc<str>;

/// A version of the content of a file, within the resolution of the file system's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileState {
    pub size: u64,
    /// Last change of the inode (`st_ctim`), nanoseconds since 1970. A program cannot set it back.
    pub changed_ns: i64,
}

/// The identity of a file, which shows whether a path names another file now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId {
    /// Device number, as `stat(2)` encodes it (`st_dev`).
    pub device: u64,
    /// Inode number.
    pub inode: u64,
}

/// What the path of an executable names. A path is not an identity: in their own mount namespace, or with a file in memory, users can
/// give any program the path of another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A file of the host: in the host's mount namespace its path names this very file.
    #[default]
    Host,
    /// A file of the host that was removed or replaced since it was executed.
    Replaced,
    /// A file of the host, in a process with other mounts or another root directory: paths in its arguments may name other files.
    Shared,
    /// A file with this path in another mount namespace only.
    Private,
    /// A file in memory (`memfd_create(2)`): it has a name and no path.
    Memory,
    /// No file: a kernel thread.
    Kernel,
    Unknown,
}

impl Origin {
    pub const ALL: [Self; 7] =
        [Self::Host, Self::Replaced, Self::Shared, Self::Private, Self::Memory, Self::Kernel, Self::Unknown];

    /// The name in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Replaced => "replaced",
            Self::Shared => "shared",
            Self::Private => "private",
            Self::Memory => "memory",
            Self::Kernel => "kernel",
            Self::Unknown => "unknown",
        }
    }

    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|origin| origin.as_str() == name)
    }

    /// The origin in a record of a version without it: in a container, paths are those of the container.
    #[must_use]
    pub const fn from_old_record(in_container: bool) -> Self {
        if in_container { Self::Private } else { Self::Host }
    }

    /// Whether the path is that of a file of the host.
    #[must_use]
    pub const fn is_host(self) -> bool {
        matches!(self, Self::Host | Self::Replaced | Self::Shared)
    }
}

/// The suffix that the kernel appends to the path of a removed file.
const DELETED: &str = " (deleted)";

/// An executable file as a process runs it.
#[derive(Debug, Default)]
pub struct Executable {
    /// True path of the file; absent for kernel threads and if unknown.
    pub path: Option<Arc<str>>,
    /// The path is as passed to `execve`.
    pub path_as_typed: bool,
    pub file: Option<FileId>,
    pub origin: Origin,
    /// The version of the file that was executed, if the kernel reports it.
    pub state: Option<FileState>,
    /// The argument vector; paths and arguments that are not UTF-8 are [`escaped`](crate::escaped).
    pub args: Arc<[Arc<str>]>,
    /// The argument vector was truncated.
    pub args_truncated: bool,
    /// Working directory at the exec; absent if unknown.
    pub directory: Option<Arc<str>>,
    /// The script that it interprets.
    pub script: Script,
    /// The trace in its environment.
    pub trace_parent: Option<TraceParent>,
    /// Digest of the file, once it was requested; `Some(None)` if it could not be computed.
    pub sha256: OnceLock<Option<Sha256>>,
    /// Build id of the file, likewise.
    pub build_id: OnceLock<Option<BuildId>>,
    pub ordered: Ordered,
}

/// Whether the digests of an executable were requested, which is done once.
#[derive(Debug, Default)]
pub struct Ordered(AtomicBool);

impl Ordered {
    /// Requests them. Returns whether this is the first request.
    pub fn begin(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }

    /// Cancels the request: the next one counts as the first.
    pub fn cancel(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Executable {
    /// The executable of a record with path, name, arguments and script. Without a script, it is derived from the arguments.
    ///
    /// If neither the path nor the arguments give the name, it is that of a path as typed.
    #[must_use]
    pub fn from_record(
        path: Option<Arc<str>>,
        name: Option<&str>,
        args: Arc<[Arc<str>]>,
        script: Option<&Arc<str>>,
    ) -> Self {
        let recorded = Self { path, args, ..Self::default() };
        let recorded = match script {
            Some(script) => Self { script: Script::from_record(script), ..recorded },
            None => recorded.interpreted().doubted(|_| false),
        };
        if recorded.path.is_some() || recorded.name() == name {
            return recorded;
        }
        let name = name.unwrap_or_default();
        let typed = if name.ends_with(DELETED) { format!("{name}{DELETED}").into() } else { name.into() };
        Self { path: Some(typed), path_as_typed: true, ..recorded }
    }

    /// The executable with the script from its command line.
    #[must_use]
    pub fn interpreted(mut self) -> Self {
        self.script = self.command_line().map_or(Script::Inapplicable, CommandLine::script);
        self
    }

    /// The executable with an unknown script if the interpreter may have found it elsewhere, because the first candidate is not a
    /// file.
    #[must_use]
    pub fn doubted(mut self, is_file: impl FnOnce(String) -> bool) -> Self {
        let path = self.command_line().and_then(CommandLine::fallible_path);
        if path.is_some_and(|path| !is_file(path)) {
            self.script = Script::Unknown;
        }
        self
    }

    fn command_line(&self) -> Option<CommandLine<'_>> {
        let (executable, directory) = (self.path.as_deref()?, self.directory.as_deref());
        Some(CommandLine { executable, args: &self.args, truncated: self.args_truncated, directory })
    }

    /// Whether SHA-256 and build id are known. They are computed later than the other values.
    #[must_use]
    pub fn known_digests(&self) -> (bool, bool) {
        (self.sha256.get().is_some(), self.build_id.get().is_some())
    }

    /// The path of the file. A path as passed to `execve` names a file only if it is absolute.
    #[must_use]
    pub fn file_path(&self) -> Option<&str> {
        self.path.as_deref().filter(|path| !self.path_as_typed || path.starts_with('/'))
    }

    /// Last component of the path, or of the first argument if there is no path.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        let path = self.path.as_deref().or_else(|| self.args.first().map(|arg| &**arg))?;
        let path = path.strip_suffix(DELETED).unwrap_or(path);
        path.rsplit('/').next().filter(|name| !name.is_empty())
    }
}

/// The cgroup of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cgroup {
    /// Path below the root of the hierarchy.
    pub path: Arc<str>,
    /// systemd unit of the cgroup.
    pub unit: Option<Arc<str>>,
    /// Full container id.
    pub container: Option<Arc<str>>,
    /// Container runtime: `docker`, `containerd`, `cri-o`, `podman`.
    pub runtime: Option<&'static str>,
    /// Who could choose the name of the unit.
    pub unit_named_by: NamedBy,
    /// Who could create the container's cgroup, and so controls the details of the container.
    pub container_named_by: NamedBy,
    /// Details from the state of the runtime, once they were requested; `Some(None)` if there are none.
    pub details: OnceLock<Option<Arc<Container>>>,
}

/// Who could choose the name of a unit or container. A user can choose any name in a delegated part of the hierarchy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NamedBy {
    /// Root alone.
    System,
    /// Another user than root.
    User,
    #[default]
    Unknown,
}

impl NamedBy {
    #[must_use]
    pub fn from_user(is_user: Option<bool>) -> Self {
        is_user.map_or(Self::Unknown, |is_user| if is_user { Self::User } else { Self::System })
    }

    /// Whether another user than root could; absent if unknown.
    #[must_use]
    pub const fn is_user(self) -> Option<bool> {
        match self {
            Self::System => Some(false),
            Self::User => Some(true),
            Self::Unknown => None,
        }
    }
}

impl Cgroup {
    /// The details of the container, if they are known.
    #[must_use]
    pub fn known_container(&self) -> Option<&Container> {
        self.details.get().and_then(Option::as_deref)
    }

    /// The cgroup of a record, whose container has no further details.
    #[must_use]
    pub fn with_recorded(self, container: Container) -> Self {
        let known = Some(container).filter(|container| *container != Container::default()).map(Arc::new);
        Self { details: OnceLock::from(known), ..self }
    }
}

/// A process at the time of an event. It is identified by pid *and* start time.
#[derive(Clone, Debug)]
pub struct Process {
    /// Process id in the initial pid namespace.
    pub pid: u32,
    pub start_time: Option<Timestamp>,
    /// Process id of the parent.
    pub parent_pid: Option<u32>,
    pub executable: Arc<Executable>,
    /// Effective user id.
    pub uid: Option<u32>,
    /// Name of the user on this host.
    pub user: Option<Arc<str>>,
    pub cgroup: Option<Arc<Cgroup>>,
}

/// Which of the values that are determined later than the others are known. Data derived from a process is valid while this stays the
/// same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Completeness {
    digests: (bool, bool),
    container: bool,
}

impl Process {
    #[must_use]
    pub fn completeness(&self) -> Completeness {
        Completeness { digests: self.executable.known_digests(), container: self.container().is_some() }
    }

    /// The details of its container, if they are known.
    #[must_use]
    pub fn container(&self) -> Option<&Container> {
        self.cgroup.as_deref().and_then(Cgroup::known_container)
    }

    /// Whether it is in a container whose details were not requested yet.
    #[must_use]
    pub fn awaits_container(&self) -> bool {
        self.cgroup.as_deref().is_some_and(|group| group.container.is_some() && group.details.get().is_none())
    }
}
