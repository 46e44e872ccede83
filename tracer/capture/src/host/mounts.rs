//! What a path means on this host, and what it means to a process.
//!
//! Host is here what the first process and egret itself see: nobody without privilege can mount anything in their namespaces.
//! Paths are looked up in what the kernel has cached (`RESOLVE_CACHED`): a file that runs is in there, and a file system that
//! somebody else answers for cannot hold egret up.

use std::fs::{self, File};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::LazyLock;

use egret_model::{FileId, Origin};
use egret_wire::{EXEC_HOST_FILE, EXEC_HOST_VIEW, EXEC_MEMORY, EXEC_NO_PATH, EXEC_PATH_AS_TYPED};
use nix::errno::Errno;
use nix::fcntl::{self, OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{Mode, major};

use super::file::{identity, is_same, mount_of};

/// What the kernel answers from its caches alone (include/uapi/linux/openat2.h; Linux 5.12).
const RESOLVE_CACHED: u64 = 0x20;
/// Look-ups before a cache that does not answer is left alone: it may be changing just then.
const ATTEMPTS: usize = 3;
/// Number of the initial user namespace (`PROC_USER_INIT_INO` in include/linux/proc_ns.h).
const INITIAL_USER_NAMESPACE: u64 = 0xefff_fffd;
/// How the kernel names files in memory.
const IN_MEMORY: &str = "/memfd:";

static HOST: LazyLock<HostMounts> = LazyLock::new(HostMounts::open);

fn number(path: &Path) -> Option<u32> {
    u32::try_from(fs::metadata(path).ok()?.ino()).ok()
}

/// The directories that paths of the host begin at.
#[derive(Debug)]
pub(crate) struct HostMounts {
    roots: Vec<OwnedFd>,
    /// Numbers of the mount namespaces of the first process and of egret; `u32::MAX` for one that is not known.
    pub(crate) namespaces: [u32; 2],
}

impl HostMounts {
    /// Those of this host. They are opened once, with the privileges that egret has at the time.
    pub(crate) fn get() -> &'static Self {
        &HOST
    }

    fn open() -> Self {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let open = |path| fcntl::open(path, flags, Mode::empty()).ok();
        let namespace = |path| number(Path::new(path)).unwrap_or(u32::MAX);
        Self {
            roots: ["/", "/proc/1/root"].into_iter().filter_map(open).collect(),
            namespaces: ["/proc/1/ns/mnt", "/proc/self/ns/mnt"].map(namespace),
        }
    }

    /// What the path of an exec record names.
    pub(crate) fn of_exec(&self, flags: u32, path: Option<&str>, file: Option<FileId>, pid: u32) -> Origin {
        let unknown = flags & (EXEC_NO_PATH | EXEC_PATH_AS_TYPED) != 0;
        let Some(path) = path.filter(|_| !unknown) else { return Origin::Unknown };
        if flags & EXEC_MEMORY != 0 {
            return Origin::Memory;
        }
        let is_host = flags & EXEC_HOST_FILE != 0 || file.is_some_and(|file| self.names(path, file, pid));
        match (is_host, flags & EXEC_HOST_VIEW != 0) {
            (false, _) => Origin::Private,
            (true, true) => Origin::Host,
            (true, false) => Origin::Shared,
        }
    }

    /// What the path names that `/proc` gives for the executable of a process. `is_deleted`: the kernel says that the path is no
    /// longer the file's.
    pub(crate) fn of_process(&self, pid: u32, path: Option<&str>, file: Option<FileId>, is_deleted: bool) -> Origin {
        let (Some(path), Some(file)) = (path, file) else { return Origin::Unknown };
        let origin = if !is_deleted && self.names(path, file, pid) {
            Origin::Host
        } else if self.lies_on_host(pid) {
            if is_deleted { Origin::Replaced } else { Origin::Host }
        } else if is_deleted && path.starts_with(IN_MEMORY) {
            return Origin::Memory;
        } else {
            return Origin::Private;
        };
        if self.sees_host(pid) { origin } else { Origin::Shared }
    }

    /// Whether a path names this file on the host.
    fn names(&self, path: &str, file: FileId, pid: u32) -> bool {
        path.starts_with('/') && self.roots.iter().any(|root| Self::is_named(root, path, file, pid))
    }

    fn is_named(root: &OwnedFd, path: &str, wanted: FileId, pid: u32) -> bool {
        let Some(found) = open_cached(root, path) else { return false };
        let found = File::from(found);
        let Ok(metadata) = found.metadata() else { return false };
        // File systems that report a device of their own choice have none of a disk.
        let may_differ = major(metadata.dev()) == 0;
        identity(&metadata) == wanted || (may_differ && is_same(&found, &metadata, wanted, pid))
    }

    /// Whether the executable of a process was opened on a mount of the host. Its path is then the host's, whatever it names now.
    fn lies_on_host(&self, pid: u32) -> bool {
        let path = format!("/proc/{pid}/exe");
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        let Ok(file) = fcntl::open(path.as_str(), flags, Mode::empty()) else { return false };
        mount_of(&File::from(file)).is_some_and(|mount| {
            ["/proc/1/mountinfo", "/proc/self/mountinfo"].iter().any(|table| has_mount(Path::new(table), mount))
        })
    }

    /// Whether paths mean to a process what they mean on the host, as the kernel side says it of an exec.
    fn sees_host(&self, pid: u32) -> bool {
        let path = format!("/proc/{pid}/ns/mnt");
        let is_host = number(Path::new(&path)).is_some_and(|number| self.namespaces.contains(&number));
        let has_whole_root = fs::read_link(format!("/proc/{pid}/root")).is_ok_and(|root| root == Path::new("/"));
        has_whole_root && (is_host || owner(&path) == Some(INITIAL_USER_NAMESPACE))
    }
}

fn has_mount(table: &Path, mount: u64) -> bool {
    let text = fs::read(table).unwrap_or_default();
    let id = mount.to_string();
    text.split(|byte| *byte == b'\n').any(|line| line.split(|byte| *byte == b' ').next() == Some(id.as_bytes()))
}

/// Opens a path of the host that the kernel has in its caches, without following links: paths of executables have none.
fn open_cached(root: &OwnedFd, path: &str) -> Option<OwnedFd> {
    let plain = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_SYMLINKS;
    let cached = plain | ResolveFlag::from_bits_retain(RESOLVE_CACHED);
    let open =
        |resolve| openat2(root.as_fd(), path, OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(resolve));
    for _ in 0..ATTEMPTS {
        match open(cached) {
            Ok(file) => return Some(file),
            Err(Errno::EAGAIN) => {}
            // Older kernels.
            Err(Errno::EINVAL) => return open(plain).ok(),
            Err(_) => return None,
        }
    }
    None
}

/// Number of the user namespace that a mount namespace belongs to (`ioctl_nsfs(2)`).
fn owner(namespace: &str) -> Option<u64> {
    use std::os::fd::{AsRawFd as _, FromRawFd as _};
    const NS_GET_USERNS: libc::Ioctl = 0xb701;
    let namespace = File::open(namespace).ok()?;
    // SAFETY: the request takes no argument; the descriptor that it returns belongs to nobody else.
    let owner = unsafe {
        let descriptor = libc::ioctl(namespace.as_raw_fd(), NS_GET_USERNS);
        (descriptor >= 0).then(|| OwnedFd::from_raw_fd(descriptor))?
    };
    File::from(owner).metadata().ok().map(|metadata| metadata.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_of(path: &str) -> FileId {
        identity(&fs::metadata(path).unwrap())
    }

    #[test]
    fn a_path_names_its_own_file_and_no_other() {
        let mounts = HostMounts::get();
        let own = fs::read_link("/proc/self/exe").unwrap();
        let own = own.to_str().unwrap();
        assert!(mounts.names(own, file_of(own), std::process::id()));
        assert!(!mounts.names("/proc/self/exe", file_of(own), std::process::id()), "a link");
        assert!(!mounts.names("/nowhere", file_of(own), std::process::id()));
        assert!(!mounts.names(own, FileId { inode: 1, ..file_of(own) }, std::process::id()));
    }

    #[test]
    fn this_process_runs_a_file_of_the_host() {
        let own = fs::read_link("/proc/self/exe").unwrap();
        let own = own.to_str().unwrap();
        let pid = std::process::id();
        assert_eq!(HostMounts::get().of_process(pid, Some(own), Some(file_of(own)), false), Origin::Host);
        assert!(HostMounts::get().lies_on_host(pid));
    }
}
