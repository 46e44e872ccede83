//! Directories that are removed with the test.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::programs::copy_program;

/// A directory below the temporary one that every user can enter, removed with its content.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes an empty directory.
    #[must_use]
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("egret-e2e-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("the owner may change permissions");
        Self(path.canonicalize().expect("it was just made"))
    }

    /// A path inside.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A copy of a program that every user can run.
    #[must_use]
    pub fn copy(&self, program: &Path, name: &str) -> PathBuf {
        let copy = self.path(name);
        copy_program(program, &copy);
        copy
    }
}

/// Lets every user write to a socket.
pub(crate) fn open_to_all(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(0o777)).expect("the owner may change permissions");
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A leftover is a temporary file, and a failed test should report its own reason.
        let _ = fs::remove_dir_all(&self.0);
    }
}
