//! Control groups that are removed with the test.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::until;

/// A cgroup of version 2, removed with those parents that this test made.
#[derive(Debug)]
pub struct Cgroup {
    /// From the outermost to the group itself.
    made: Vec<PathBuf>,
}

impl Cgroup {
    /// Makes a group and its parents at `path` below the root of the hierarchy.
    #[must_use]
    pub fn new(path: &str) -> Self {
        let mut cgroup = Self { made: Vec::new() };
        let mut directory = mount();
        for part in path.split('/') {
            directory.push(part);
            match fs::create_dir(&directory) {
                Ok(()) => cgroup.made.push(directory.clone()),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => panic!("{}: {error}", directory.display()),
            }
        }
        cgroup
    }

    /// Moves a process into the group.
    pub fn take(&self, pid: u32) {
        let file = self.directory().join("cgroup.procs");
        fs::write(&file, pid.to_string()).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }

    /// Removes the group as soon as the last process has left it.
    pub fn remove(mut self) {
        for directory in std::mem::take(&mut self.made).iter().rev() {
            until("an empty control group", || fs::remove_dir(directory).ok());
        }
    }

    /// Its directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.made.last().expect("names of groups are unique to their test")
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Runs only if a test fails. A drop cannot report errors.
        for directory in self.made.iter().rev() {
            let _ = fs::write(directory.join("cgroup.kill"), "1");
            while fs::remove_dir(directory).is_err_and(|error| error.kind() == ErrorKind::ResourceBusy) {
                thread::sleep(Duration::from_millis(2));
            }
        }
    }
}

/// Where the hierarchy is mounted.
fn mount() -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mounts").expect("/proc is mounted");
    mounts
        .lines()
        .find_map(|line| match line.split(' ').collect::<Vec<_>>().as_slice() {
            [_, place, "cgroup2", ..] => Some(PathBuf::from(place)),
            _ => None,
        })
        .expect("cgroup v2 is mounted somewhere")
}
