//! Shared by the tests of this crate: processes that end with the test, and visible skips.

use std::io::{BufRead as _, BufReader};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A process of the test; killed and waited for when dropped.
pub(crate) struct Child(std::process::Child);

impl Child {
    /// A process that runs until it is dropped.
    pub(crate) fn sleeping() -> Self {
        Self::run(Command::new("sleep").arg("1000"))
    }

    /// Returns when the program runs and its arguments can be read.
    pub(crate) fn run(command: &mut Command) -> Self {
        Self::from(command.spawn().unwrap())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn inner(&mut self) -> &mut std::process::Child {
        &mut self.0
    }
}

impl From<std::process::Child> for Child {
    /// `spawn` returns when exec closes descriptors, which is before the kernel has set the new image's arguments
    /// (`begin_new_exec` and `create_elf_tables`).
    fn from(child: std::process::Child) -> Self {
        let child = Self(child);
        let directory = format!("/proc/{}", child.pid());
        let runs = || std::fs::read(format!("{directory}/cmdline")).is_ok_and(|arguments| !arguments.is_empty());
        let ended = || std::fs::read_link(format!("{directory}/exe")).is_err();
        wait_until("exec", || runs() || ended());
        child
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Prints that a test is skipped, because nothing else shows it.
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
pub(crate) fn copied_sleep(directory: &Directory, name: impl AsRef<Path>) -> (PathBuf, Child) {
    let path = directory.0.join(name);
    std::fs::copy("/bin/sleep", &path).unwrap();
    // The copy may still be open for writing in a child that another test forked at this moment (ETXTBSY).
    for _ in 0..1000 {
        if let Ok(child) = Command::new(&path).arg("1000").spawn() {
            return (path, Child::from(child));
        }
        std::thread::yield_now();
    }
    panic!("cannot run {}", path.display());
}

/// A file system that stops answering on request. Every path in it is a copy of sleep(1).
pub(crate) struct StuckFiles {
    server: Child,
    /// A process that runs a file of it. It may wait for the file system: it cannot be killed before the server.
    running: Option<Child>,
    directory: Directory,
}

impl StuckFiles {
    /// `None`, with a message, if it cannot be mounted.
    pub(crate) fn mount(name: &str) -> Option<Self> {
        if skip_unless_root("a file system of the test") {
            return None;
        }
        let directory = Directory::new(name);
        let mut command = Command::new("python3");
        command.args(["-c", include_str!("stuck.py")]).arg(&directory.0).arg("/bin/sleep").stdout(Stdio::piped());
        let Ok(mut server) = command.spawn() else {
            eprintln!("skipped: a file system of the test needs python3");
            return None;
        };
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let files = Self { server: server.into(), running: None, directory };
        if line.trim() != "ready" {
            eprintln!("skipped: a file system of the test: {}", line.trim());
            return None;
        }
        Some(files)
    }

    /// A process that runs a file of it.
    pub(crate) fn run(&mut self) -> (PathBuf, u32) {
        let path = self.directory.0.join("program");
        let child = Child::run(Command::new(&path).arg("1000"));
        let pid = child.pid();
        self.running = Some(child);
        (path, pid)
    }

    /// Stops the server: from now on it does not answer.
    pub(crate) fn stop_answering(&self) {
        let pid = self.server.pid();
        assert!(Command::new("kill").args(["-STOP", &pid.to_string()]).status().unwrap().success());
        let stat = format!("/proc/{pid}/stat");
        wait_until("the stop", || std::fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") T ")));
    }
}

impl Drop for StuckFiles {
    /// Requests that wait for an answer fail.
    fn drop(&mut self) {
        let _ = self.server.inner().kill();
        let _ = self.server.inner().wait();
        drop(self.running.take());
        let _ = Command::new("umount").arg("--lazy").arg(&self.directory.0).stderr(Stdio::null()).status();
    }
}

/// A network namespace with loopback up, kept alive by a sleeping process of the test.
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

/// Inode number of a socket.
pub(crate) fn inode_of(socket: &impl AsFd) -> u64 {
    nix::sys::stat::fstat(socket).unwrap().st_ino
}
