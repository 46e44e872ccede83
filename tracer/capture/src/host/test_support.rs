//! What the tests of this crate share: processes that end with the test, and skipping aloud.

use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;

/// A process of the test; killed and waited for when dropped.
pub(crate) struct Child(std::process::Child);

impl Child {
    /// Runs until it is dropped.
    pub(crate) fn sleeping() -> Self {
        Self::run(Command::new("sleep").arg("1000"))
    }

    pub(crate) fn run(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn inner(&mut self) -> &mut std::process::Child {
        &mut self.0
    }
}

impl From<std::process::Child> for Child {
    fn from(child: std::process::Child) -> Self {
        Self(child)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Says that a test did not run. Nothing is asserted then, so the message is what makes the gap visible.
pub(crate) fn skip_unless_root(what: &str) -> bool {
    let skip = !nix::unistd::geteuid().is_root();
    if skip {
        eprintln!("skipped: {what} needs root");
    }
    skip
}

/// Waits for a condition, five seconds at most.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = std::time::Instant::now();
    while !condition() {
        assert!(started.elapsed().as_secs() < 5, "{what} did not happen");
        std::thread::yield_now();
    }
}

/// A directory of the test that is removed at the end.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("egret-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A copy of sleep(1) that runs, so that its file can be removed or replaced.
pub(crate) fn copied_sleep(directory: &Directory, name: &str) -> (PathBuf, Child) {
    let path = directory.0.join(name);
    std::fs::copy("/bin/sleep", &path).unwrap();
    // The copy may still be open for writing in a child that another test forked at this moment (ETXTBSY).
    for _ in 0..1000 {
        if let Ok(child) = Command::new(&path).arg("1000").spawn() {
            let child = Child::from(child);
            let wanted = path.clone();
            let pid = child.pid();
            wait_until("exec", || std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == wanted));
            return (path, child);
        }
        std::thread::yield_now();
    }
    panic!("cannot run {}", path.display());
}

/// A network namespace with loopback up, kept by a sleeping process of the test.
pub(crate) struct NetworkNamespace {
    keeper: Child,
    pub(crate) inode: u32,
}

impl NetworkNamespace {
    pub(crate) fn new() -> Self {
        let keeper =
            Child::run(Command::new("unshare").args(["--net", "sh", "-c", "ip link set lo up; exec sleep 1000"]));
        let exe = format!("/proc/{}/exe", keeper.pid());
        wait_until("the namespace", || std::fs::read_link(&exe).is_ok_and(|exe| exe.ends_with("sleep")));
        let inode = std::fs::metadata(format!("/proc/{}/ns/net", keeper.pid())).unwrap().ino();
        Self { keeper, inode: u32::try_from(inode).unwrap() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.keeper.pid()
    }
}

/// The number in `socket:[NUMBER]`.
pub(crate) fn inode_of(socket: &impl AsRawFd) -> u64 {
    std::fs::metadata(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap().ino()
}
