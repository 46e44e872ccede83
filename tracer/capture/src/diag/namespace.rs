//! Network namespaces: finding them, and running a function inside one.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use nix::sched::{CloneFlags, setns};
use procfs::process::{Process, all_processes};

/// A network namespace of this host.
#[derive(Clone, Debug)]
pub struct Namespace {
    /// Its inode number, as in `net:[NUMBER]`; `netns` in records of the kernel side.
    pub inode: u32,
    /// A process in it; `None` where only a mount keeps it (`ip netns add`).
    pub member: Option<u32>,
    /// A file that refers to it.
    path: PathBuf,
}

/// Every network namespace that a process is in or that is mounted, the calling thread's first.
///
/// A namespace is not found if only a thread other than the first of its process, or an open descriptor, keeps it
/// alive. Processes that end meanwhile, or that may not be inspected, are ignored.
///
/// # Errors
///
/// `/proc` cannot be read.
pub fn namespaces() -> io::Result<Vec<Namespace>> {
    let own = Namespace { member: Some(std::process::id()), ..named(PathBuf::from("/proc/thread-self/ns/net"))? };
    let mut seen = HashSet::from([own.inode]);
    let mut found = vec![own];
    for process in all_processes().map_err(io::Error::other)?.flatten() {
        let path = PathBuf::from(format!("/proc/{}/ns/net", process.pid));
        found.extend(
            named(path)
                .ok()
                .filter(|namespace| seen.insert(namespace.inode))
                .map(|namespace| Namespace { member: u32::try_from(process.pid).ok(), ..namespace }),
        );
    }
    found.extend(mounted().into_iter().filter(|namespace| seen.insert(namespace.inode)));
    Ok(found)
}

/// Inode number of the calling thread's network namespace; `None` if `/proc` cannot be read.
#[must_use]
pub fn own_namespace() -> Option<u32> {
    named(PathBuf::from("/proc/thread-self/ns/net")).ok().map(|namespace| namespace.inode)
}

fn named(path: PathBuf) -> io::Result<Namespace> {
    let inode = u32::try_from(std::fs::metadata(&path)?.ino()).map_err(io::Error::other)?;
    Ok(Namespace { inode, member: None, path })
}

/// Mounted files of nsfs. Their root is `net:[NUMBER]`.
fn mounted() -> Vec<Namespace> {
    let Ok(mounts) = Process::myself().and_then(|process| process.mountinfo()) else {
        return Vec::new();
    };
    let is_network = |root: &str, fs_type: &str| fs_type == "nsfs" && root.starts_with("net:[");
    let mounts = mounts.0.into_iter().filter(|mount| is_network(&mount.root, &mount.fs_type));
    mounts.filter_map(|mount| named(mount.mount_point).ok()).collect()
}

/// Runs `task` in a network namespace, on a thread of its own, so that the caller's namespace never changes. If
/// the caller is in it already, runs on the caller's thread, which takes no privilege.
///
/// # Errors
///
/// The namespace is gone, or it may not be entered (`CAP_SYS_ADMIN`), or no thread can be started.
pub fn in_namespace<T: Send>(namespace: &Namespace, task: impl FnOnce() -> T + Send) -> io::Result<T> {
    if named(PathBuf::from("/proc/thread-self/ns/net"))?.inode == namespace.inode {
        return Ok(task());
    }
    let file = File::open(&namespace.path)?;
    // The path contains a pid, which may be another process's by now.
    if file.metadata()?.ino() != u64::from(namespace.inode) {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the namespace is gone"));
    }
    let enter = move || {
        setns(&file, CloneFlags::CLONE_NEWNET)?;
        Ok(task())
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("egret-netns".into()).spawn_scoped(scope, enter)?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::host::test_support::{NetworkNamespace, skip_unless_root};

    #[test]
    fn own_namespace_comes_first() {
        let own = std::fs::metadata("/proc/self/ns/net").unwrap().ino();
        assert_eq!(u64::from(namespaces().unwrap()[0].inode), own);
    }

    #[test]
    fn entering_a_namespace_does_not_change_that_of_the_caller() {
        if skip_unless_root("entering a network namespace") {
            return;
        }
        let own = namespaces().unwrap()[0].inode;
        let other = NetworkNamespace::new();
        let found = namespaces().unwrap().into_iter().find(|found| found.inode == other.inode).unwrap();
        assert_eq!(found.member, Some(other.pid()));
        let listener = in_namespace(&found, || TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        assert!(TcpStream::connect(address).is_err(), "the listener is in the caller's namespace");
        assert!(in_namespace(&found, || TcpStream::connect(address).is_ok()).unwrap());
        assert_eq!(named(PathBuf::from("/proc/thread-self/ns/net")).unwrap().inode, own);
    }

    #[test]
    fn mounted_namespace_without_a_process_is_found() {
        if skip_unless_root("mounting a network namespace") {
            return;
        }
        let name = format!("egret-{}", std::process::id());
        let ip = |verb: &str| std::process::Command::new("ip").args(["netns", verb, &name]).status().unwrap();
        assert!(ip("add").success());
        let inode = std::fs::metadata(format!("/run/netns/{name}")).unwrap().ino();
        let found = namespaces().unwrap().into_iter().find(|found| u64::from(found.inode) == inode);
        let entered = found.as_ref().map(|found| in_namespace(found, || namespaces().unwrap()[0].inode).unwrap());
        assert!(ip("del").success());
        assert_eq!(found.as_ref().map(|found| found.member), Some(None));
        assert_eq!(entered.map(u64::from), Some(inode));
    }

    #[test]
    fn entering_a_removed_namespace_is_an_error() {
        if skip_unless_root("entering a removed network namespace") {
            return;
        }
        let found = {
            let other = NetworkNamespace::new();
            namespaces().unwrap().into_iter().find(|found| found.inode == other.inode).unwrap()
        };
        assert!(in_namespace(&found, || ()).is_err());
    }
}
