//! Records of processes.

use crate::Header;

/// Longest path kept in an exec record, bytes. Longer ones are flagged and read from `/proc` instead.
pub const MAX_PATH: usize = 2048;
/// Longest argument vector kept in an exec record, bytes.
pub const MAX_ARGS: usize = 4096;
/// Bytes for the value of `TRACEPARENT` with its NUL: the only version has 55 characters, and a longer value must
/// be recognised as invalid.
pub const TRACE_PARENT: usize = 64;
/// Longest working directory kept in an exec record, bytes. Longer ones are not recorded.
pub const MAX_DIRECTORY: usize = 1024;

/// Process flag: descends from the command that `egret trace -- COMMAND` started.
pub const TRACED: u32 = 1 << 0;
/// Process flag, only in the table of owners: a kernel thread, which may act for a process.
pub const KERNEL_THREAD: u32 = 1 << 1;
/// Process flag, only in the table of owners by endpoints: the peer sent the first datagram, which the socket answers.
pub const ANSWERS: u32 = 1 << 2;

/// Reference to a process: identifies it, also from a later one with its pid.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ProcessRef {
    /// Process id (`tgid`) in the initial pid namespace; zero if unknown.
    pub pid: u32,
    /// Process id of the parent.
    pub parent_pid: u32,
    /// Effective user id at the time.
    pub uid: u32,
    /// [`TRACED`].
    pub flags: u32,
    /// Start of the process, `CLOCK_BOOTTIME` nanoseconds; zero if unknown.
    pub start_ns: u64,
    /// Id of the image that the process runs: the time of its exec; zero if unknown.
    pub exec_id: u64,
    /// Id of the cgroup (v2).
    pub cgroup_id: u64,
}

const _: () = assert!(size_of::<ProcessRef>() == 40);

impl ProcessRef {
    /// An unknown process.
    pub const UNKNOWN: Self = Self { pid: 0, parent_pid: 0, uid: 0, flags: 0, start_ns: 0, exec_id: 0, cgroup_id: 0 };
}

/// Value of the kernel's process table, keyed by pid (`tgid`).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ProcessKey {
    /// Id of the image that the process runs.
    pub exec_id: u64,
    /// Start of the process, `CLOCK_BOOTTIME` nanoseconds.
    pub start_ns: u64,
    /// Process id of the parent when the process was created.
    pub parent_pid: u32,
    /// [`TRACED`].
    pub flags: u32,
}

const _: () = assert!(size_of::<ProcessKey>() == 24);

/// Exec flag: the path was longer than [`MAX_PATH`] or deeper than the kernel side walks.
pub const EXEC_PATH_TRUNCATED: u32 = 1 << 0;
/// Exec flag: the argument vector was longer than [`MAX_ARGS`].
pub const EXEC_ARGS_TRUNCATED: u32 = 1 << 1;
/// Exec flag: there is no path, because the kernel's types are not available.
pub const EXEC_NO_PATH: u32 = 1 << 2;
/// Exec flag: the path is what the caller passed to `execve`, not the true one.
pub const EXEC_PATH_AS_TYPED: u32 = 1 << 3;
/// Exec flag: [`TRACE_PARENT`] bytes end the record, the value of `TRACEPARENT` in the environment up to a NUL.
pub const EXEC_TRACE_PARENT: u32 = 1 << 4;

/// Exec flag: the file is on a mount of the host's mount namespace, in which it has this path.
pub const EXEC_HOST_FILE: u32 = 1 << 5;
/// Exec flag: paths name the same files for the process as on the host: its mount namespace belongs to the initial
/// user namespace, so that only a privileged process can have created it, and its root directory is that of the
/// mount namespace.
pub const EXEC_HOST_VIEW: u32 = 1 << 6;
/// Exec flag: the file has a name but is in no directory, as files in memory.
pub const EXEC_MEMORY: u32 = 1 << 7;

/// A process replaced its image. Variable data follow: `path_length` bytes of path, `args_length` bytes of
/// arguments, `directory_length` bytes of working directory, [`TRACE_PARENT`] bytes with [`EXEC_TRACE_PARENT`].
///
/// The path is a list of components, each followed by a NUL, from the file up to the root (the order in which the
/// kernel walks it), and the working directory is such a list; with [`EXEC_PATH_AS_TYPED`] it is a plain string.
/// Arguments are separated by NULs.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecHeader {
    /// Kind, flags and time.
    pub header: Header,
    /// The process after the exec; its `exec_id` is the new image.
    pub process: ProcessRef,
    /// Inode number of the executable file.
    pub inode: u64,
    /// Device of its file system, as the kernel encodes it (`major << 20 | minor`).
    pub device: u32,
    /// Bytes of path that follow.
    pub path_length: u16,
    /// Bytes of arguments that follow the path.
    pub args_length: u16,
    /// Bytes of the working directory that follow the arguments; zero if unknown. The root itself is one NUL.
    pub directory_length: u16,
    /// Zero.
    pub reserved: [u16; 3],
    /// Bytes of the executable file.
    pub size: u64,
    /// When its inode was last changed, nanoseconds since 1970; zero if unknown.
    pub changed_ns: u64,
}

const _: () = assert!(size_of::<ExecHeader>() == 96);

/// Bytes for the path of a cgroup with its NUL, as in the kernel's tracepoints (`TRACE_CGROUP_PATH_LEN` in
/// kernel/cgroup/cgroup-internal.h).
pub const MAX_CGROUP_PATH: usize = 1024;

/// A cgroup was created: its id and path, so that the unit and container of a process are known even if the cgroup
/// is removed before user space resolves it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CgroupRecord {
    /// Kind and time.
    pub header: Header,
    /// Id of the cgroup.
    pub id: u64,
    /// Path below the root of the hierarchy, NUL-terminated. One that fills the array may be truncated.
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
