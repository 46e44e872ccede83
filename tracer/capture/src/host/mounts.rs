//! The file that a path names on the host, and for a process.
//!
//! The host is the mount namespaces of the first process and of egret, in which unprivileged users can mount
//! nothing. Paths are looked up only in the kernel's caches (`RESOLVE_CACHED`): a running file is in them, and a
//! file system in user space cannot block egret.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::LazyLock;

use egret_model::{FileId, Origin, unescaped};
use egret_wire::{EXEC_HOST_FILE, EXEC_HOST_VIEW, EXEC_MEMORY, EXEC_NO_PATH, EXEC_PATH_AS_TYPED};
use nix::errno::Errno;
use nix::fcntl::{self, OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{Mode, major};

use super::file::{cached_identity, is_same, mount_of};

/// Look-ups in the caches only (include/uapi/linux/openat2.h; Linux 5.12).
const RESOLVE_CACHED: u64 = 0x20;
/// Within a root, and without links.
const PLAIN: ResolveFlag = ResolveFlag::RESOLVE_IN_ROOT.union(ResolveFlag::RESOLVE_NO_SYMLINKS);
/// Attempts at a look-up that the caches cannot answer: an entry may be changing at that moment.
const ATTEMPTS: usize = 3;
/// Inode number of the initial user namespace (`PROC_USER_INIT_INO` in include/linux/proc_ns.h).
const INITIAL_USER_NAMESPACE: u64 = 0xefff_fffd;
/// Prefix of the kernel's names of files in memory.
const IN_MEMORY: &str = "/memfd:";

static HOST: LazyLock<HostMounts> = LazyLock::new(HostMounts::open);

fn inode_of(path: &Path) -> Option<u32> {
    u32::try_from(fs::metadata(path).ok()?.ino()).ok()
}

/// The root directories of the host.
#[derive(Debug)]
pub(crate) struct HostMounts {
    roots: Vec<OwnedFd>,
    /// Inode numbers of the mount namespaces of the first process and of egret; `u32::MAX` if unknown.
    pub(crate) namespaces: [u32; 2],
}

impl HostMounts {
    /// The root directories of this host. They are opened once, with the privileges that egret has at that time.
    pub(crate) fn get() -> &'static Self {
        &HOST
    }

    fn open() -> Self {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let open = |path| fcntl::open(path, flags, Mode::empty()).ok();
        let namespace = |path| inode_of(Path::new(path)).unwrap_or(u32::MAX);
        Self {
            roots: ["/", "/proc/1/root"].into_iter().filter_map(open).collect(),
            namespaces: ["/proc/1/ns/mnt", "/proc/self/ns/mnt"].map(namespace),
        }
    }

    /// The origin of the file in an exec record.
    pub(crate) fn origin_of_exec(&self, flags: u32, path: Option<&str>, file: Option<FileId>, pid: u32) -> Origin {
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

    /// The origin of a process's executable, by its path in `/proc`. `is_deleted`: the kernel marks the path as
    /// deleted.
    pub(crate) fn origin_of_process(
        &self,
        pid: u32,
        path: Option<&str>,
        file: Option<FileId>,
        is_deleted: bool,
    ) -> Origin {
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

    /// Whether a path names a file for a process whose executable has this origin. `None` if the caches have no
    /// answer, as for a file that was never opened.
    ///
    /// For an executable of the host the path is looked up on the host: the process may have another root by now.
    pub(crate) fn has_cached(&self, origin: Origin, pid: u32, path: &str) -> Option<bool> {
        self.has(origin, pid, |root| is_cached(root, path))
    }

    /// The same, without a limit to the caches; a file system may block it.
    pub(crate) fn has_file(&self, origin: Origin, pid: u32, path: &str) -> bool {
        self.has(origin, pid, |root| Some(open_plain(root, path, PLAIN).is_ok())) == Some(true)
    }

    fn has(&self, origin: Origin, pid: u32, is_in: impl Fn(&OwnedFd) -> Option<bool>) -> Option<bool> {
        if matches!(origin, Origin::Host | Origin::Replaced) {
            let found: Vec<Option<bool>> = self.roots.iter().map(is_in).collect();
            return if found.contains(&Some(true)) { Some(true) } else { found.into_iter().min().flatten() };
        }
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let root = fcntl::open(format!("/proc/{pid}/root").as_str(), flags, Mode::empty());
        root.map_or(Some(false), |root| is_in(&root))
    }

    /// Whether a path names this file on the host.
    fn names(&self, path: &str, file: FileId, pid: u32) -> bool {
        path.starts_with('/') && self.roots.iter().any(|root| Self::is_named(root, path, file, pid))
    }

    fn is_named(root: &OwnedFd, path: &str, wanted: FileId, pid: u32) -> bool {
        let Some(found) = open_cached(root, path) else { return false };
        let found = File::from(found);
        let Some(id) = cached_identity(&found) else { return false };
        // File systems that report another device than that of their super block have no disk.
        let may_differ = major(id.device) == 0;
        id == wanted || (may_differ && is_same(&found, id, wanted, pid))
    }

    /// Whether the executable of a process was opened on a mount of the host. Its path is one of the host then,
    /// although it may name another file now.
    fn lies_on_host(&self, pid: u32) -> bool {
        let path = format!("/proc/{pid}/exe");
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        let Ok(file) = fcntl::open(path.as_str(), flags, Mode::empty()) else { return false };
        mount_of(&File::from(file)).is_some_and(|mount| {
            ["/proc/1/mountinfo", "/proc/self/mountinfo"].iter().any(|table| has_mount(Path::new(table), mount))
        })
    }

    /// Whether paths name the same files for a process as on the host; the same rule as the kernel side has for an
    /// exec.
    fn sees_host(&self, pid: u32) -> bool {
        let path = format!("/proc/{pid}/ns/mnt");
        let is_host = inode_of(Path::new(&path)).is_some_and(|inode| self.namespaces.contains(&inode));
        let has_whole_root = fs::read_link(format!("/proc/{pid}/root")).is_ok_and(|root| root == Path::new("/"));
        has_whole_root && (is_host || owner(&path) == Some(INITIAL_USER_NAMESPACE))
    }
}

fn has_mount(table: &Path, mount: u64) -> bool {
    let text = fs::read(table).unwrap_or_default();
    let id = mount.to_string();
    text.split(|byte| *byte == b'\n').any(|line| line.split(|byte| *byte == b' ').next() == Some(id.as_bytes()))
}

/// Opens a cached path without following links: paths of executables have none.
fn open_cached(root: &OwnedFd, path: &str) -> Option<OwnedFd> {
    match open_from_cache(root, path) {
        Ok(file) => Some(file),
        // Older kernels do not know the flag.
        Err(Errno::EINVAL) => open_plain(root, path, PLAIN).ok(),
        Err(_) => None,
    }
}

fn is_cached(root: &OwnedFd, path: &str) -> Option<bool> {
    match open_from_cache(root, path) {
        Ok(_) => Some(true),
        Err(Errno::EAGAIN | Errno::EINVAL) => None,
        Err(_) => Some(false),
    }
}

fn open_from_cache(root: &OwnedFd, path: &str) -> Result<OwnedFd, Errno> {
    let open = || open_plain(root, path, PLAIN | ResolveFlag::from_bits_retain(RESOLVE_CACHED));
    let mut opened = open();
    for _ in 1..ATTEMPTS {
        if !matches!(opened, Err(Errno::EAGAIN)) {
            break;
        }
        opened = open();
    }
    opened
}

fn open_plain(root: &OwnedFd, path: &str, resolve: ResolveFlag) -> Result<OwnedFd, Errno> {
    let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(resolve);
    openat2(root.as_fd(), OsStr::from_bytes(&unescaped(path)), how)
}

/// Inode number of the user namespace that a mount namespace belongs to (`ioctl_nsfs(2)`).
fn owner(namespace: &str) -> Option<u64> {
    use std::os::fd::{AsRawFd as _, FromRawFd as _};
    const NS_GET_USERNS: libc::Ioctl = 0xb701;
    let namespace = File::open(namespace).ok()?;
    // SAFETY: the request takes no argument; the descriptor that it returns is new, and nothing else owns it.
    let owner = unsafe {
        let descriptor = libc::ioctl(namespace.as_raw_fd(), NS_GET_USERNS);
        (descriptor >= 0).then(|| OwnedFd::from_raw_fd(descriptor))?
    };
    File::from(owner).metadata().ok().map(|metadata| metadata.ino())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::file::identity;

    fn file_of(path: &str) -> FileId {
        identity(&fs::metadata(path).unwrap())
    }

    #[test]
    fn path_names_only_its_own_file() {
        let mounts = HostMounts::get();
        let own = fs::read_link("/proc/self/exe").unwrap();
        let own = own.to_str().unwrap();
        assert!(mounts.names(own, file_of(own), std::process::id()));
        assert!(!mounts.names("/proc/self/exe", file_of(own), std::process::id()), "a link");
        assert!(!mounts.names("/nowhere", file_of(own), std::process::id()));
        assert_eq!(cached_identity(&File::open(own).unwrap()), Some(file_of(own)));
        assert!(!mounts.names(own, FileId { inode: 1, ..file_of(own) }, std::process::id()));
    }

    #[test]
    fn files_of_the_host_are_looked_up_on_the_host() {
        let own = fs::read_link("/proc/self/exe").unwrap();
        let own = own.to_str().unwrap();
        let mounts = HostMounts::get();
        for origin in [Origin::Host, Origin::Private] {
            assert!(mounts.has_file(origin, std::process::id(), own), "{origin:?}");
            assert_ne!(mounts.has_cached(origin, std::process::id(), own), Some(false), "{origin:?}");
            assert!(!mounts.has_file(origin, std::process::id(), "/nowhere/app.sh"), "{origin:?}");
            assert!(!mounts.has_file(origin, std::process::id(), "/proc/self/exe"), "{origin:?}: a link");
        }
        assert!(mounts.has_file(Origin::Host, u32::MAX, own), "without the process");
        assert!(!mounts.has_file(Origin::Private, u32::MAX, own));
    }

    #[test]
    fn this_process_runs_a_file_of_the_host() {
        let own = fs::read_link("/proc/self/exe").unwrap();
        let own = own.to_str().unwrap();
        let pid = std::process::id();
        assert_eq!(HostMounts::get().origin_of_process(pid, Some(own), Some(file_of(own)), false), Origin::Host);
        assert!(HostMounts::get().lies_on_host(pid));
    }
}
