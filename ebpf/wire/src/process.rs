//! Records about processes.

use crate::Header;

/// Longest path kept in an exec record, bytes. Longer ones are flagged and read from `/proc` instead.
pub const MAX_PATH: usize = 2048;
/// Longest argument vector kept in an exec record, bytes.
pub const MAX_ARGS: usize = 4096;
/// Room for the value of `TRACEPARENT` with its NUL: the one version that there is has 55 characters, and a longer one
/// has to be seen as such.
pub const TRACE_PARENT: usize = 64;

/// Process flag: descends from the command that `egret trace -- COMMAND` started.
pub const TRACED: u32 = 1 << 0;

/// Who did something: enough to find the process again, and to tell it from a later one with its pid.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ProcessRef {
    /// Process id (`tgid`) in the initial pid namespace; zero when unknown.
    pub pid: u32,
    /// Process id of the parent.
    pub parent_pid: u32,
    /// Effective user id at the time.
    pub uid: u32,
    /// [`TRACED`].
    pub flags: u32,
    /// Start of the process, `CLOCK_BOOTTIME` nanoseconds; zero when unknown.
    pub start_ns: u64,
    /// Which image the process runs: the time of its exec; zero when unknown.
    pub exec_id: u64,
    /// Id of the cgroup (v2).
    pub cgroup_id: u64,
}

const _: () = assert!(size_of::<ProcessRef>() == 40);

impl ProcessRef {
    /// No process.
    pub const NOBODY: Self = Self { pid: 0, parent_pid: 0, uid: 0, flags: 0, start_ns: 0, exec_id: 0, cgroup_id: 0 };
}

/// Value of the kernel's process table, keyed by pid (`tgid`).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ProcessKey {
    /// Which image the process runs.
    pub exec_id: u64,
    /// Start of the process, `CLOCK_BOOTTIME` nanoseconds.
    pub start_ns: u64,
    /// Process id of the parent when the process was made.
    pub parent_pid: u32,
    /// [`TRACED`].
    pub flags: u32,
}

const _: () = assert!(size_of::<ProcessKey>() == 24);

/// Exec flag: the path was longer than [`MAX_PATH`] or deeper than the kernel side walks.
pub const EXEC_PATH_TRUNCATED: u32 = 1 << 0;
/// Exec flag: the argument vector was longer than [`MAX_ARGS`].
pub const EXEC_ARGS_TRUNCATED: u32 = 1 << 1;
/// Exec flag: there is no path, because the kernel's types were not available.
pub const EXEC_NO_PATH: u32 = 1 << 2;
/// Exec flag: the path is what the caller passed to `execve`, not the true one.
pub const EXEC_PATH_AS_TYPED: u32 = 1 << 3;
/// Exec flag: [`TRACE_PARENT`] bytes follow the arguments, the value of `TRACEPARENT` in the environment up to a NUL.
pub const EXEC_TRACE_PARENT: u32 = 1 << 4;

/// A process replaced its image. `path_length` bytes of path and `args_length` bytes of arguments follow.
///
/// The path is a list of components, each followed by a NUL, from the file up to the root (the order in
/// which the kernel walks it); with [`EXEC_PATH_AS_TYPED`] it is a plain string. Arguments are separated by
/// NULs.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecHeader {
    /// Kind, flags and time.
    pub header: Header,
    /// The process after the exec; its `exec_id` is the new image.
    pub process: ProcessRef,
    /// Inode number of the executable file.
    pub inode: u64,
    /// Device of the file system that holds it, as the kernel encodes it (`major << 20 | minor`).
    pub device: u32,
    /// Bytes of path that follow.
    pub path_length: u16,
    /// Bytes of arguments that follow the path.
    pub args_length: u16,
}

const _: () = assert!(size_of::<ExecHeader>() == 72);

/// Room for the path of a cgroup with its NUL: what the kernel gives to its tracepoints (`TRACE_CGROUP_PATH_LEN` in
/// kernel/cgroup/cgroup-internal.h).
pub const MAX_CGROUP_PATH: usize = 1024;

/// A cgroup was made: its id and path, so that the unit and container of a process are known even when the
/// cgroup is gone before user space looks.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CgroupRecord {
    /// Kind and time.
    pub header: Header,
    /// Id of the cgroup.
    pub id: u64,
    /// Path below the root of the hierarchy, NUL-terminated. One that fills the room may be cut.
    pub path: [u8; MAX_CGROUP_PATH],
}

const _: () = assert!(size_of::<CgroupRecord>() == 1048);

#[cfg(feature = "user")]
mod pod {
    // SAFETY: `repr(C)`, integers only, no padding (size asserted above).
    #[expect(unsafe_code, reason = "aya reads map keys and values as plain bytes")]
    unsafe impl aya::Pod for super::ProcessKey {}
    // SAFETY: as above.
    #[expect(unsafe_code, reason = "aya reads map keys and values as plain bytes")]
    unsafe impl aya::Pod for super::ProcessRef {}
}
