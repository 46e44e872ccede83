//! The files of a package, below a directory.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::command::output;

/// Mode of programs, scripts and directories.
pub(super) const PROGRAM: u32 = 0o755;
/// Mode of all other files.
pub(super) const FILE: u32 = 0o644;

/// Root directory of the files.
pub(super) struct Tree(PathBuf);

impl Tree {
    /// Creates an empty tree; removes what was there.
    pub(super) fn empty(root: PathBuf) -> Result<Self> {
        if root.exists() {
            fs::remove_dir_all(&root).with_context(|| format!("cannot remove {}", root.display()))?;
        }
        make(&root)?;
        Ok(Self(root))
    }

    pub(super) fn root(&self) -> &Path {
        &self.0
    }

    pub(super) fn copy(&self, from: &Path, to: &str, mode: u32) -> Result<()> {
        let content = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
        self.write(to, &content, mode)
    }

    /// Copies a directory recursively.
    pub(super) fn directory(&self, from: &Path, to: &str) -> Result<()> {
        for entry in from.read_dir().with_context(|| format!("cannot read {}", from.display()))? {
            let entry = entry?;
            let to = format!("{to}/{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                self.directory(&entry.path(), &to)?;
            } else {
                self.copy(&entry.path(), &to, FILE)?;
            }
        }
        Ok(())
    }

    /// Writes a file with this mode, whatever the umask is.
    pub(super) fn write(&self, to: &str, content: &[u8], mode: u32) -> Result<()> {
        let path = self.0.join(to);
        let mut directory = self.0.clone();
        for name in Path::new(to).parent().into_iter().flatten() {
            directory.push(name);
            make(&directory)?;
        }
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        set_mode(&path, mode)
    }

    /// Writes a document as Debian policy requires it: compressed, without name and time.
    pub(super) fn compressed(&self, to: &str, content: &[u8]) -> Result<()> {
        self.write(to, content, FILE)?;
        output(Command::new("gzip").arg("-9n").arg(self.0.join(to)))
            .with_context(|| format!("cannot compress {to}"))?;
        Ok(())
    }

    /// Paths of all files relative to the root, sorted.
    pub(super) fn files(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let mut directories = vec![self.0.clone()];
        while let Some(directory) = directories.pop() {
            for entry in directory.read_dir().with_context(|| format!("cannot read {}", directory.display()))? {
                let path = entry?.path();
                if path.is_dir() {
                    directories.push(path);
                } else {
                    found.push(path.strip_prefix(&self.0)?.to_string_lossy().into_owned());
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

fn make(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    set_mode(directory, PROGRAM)
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .with_context(|| format!("cannot set the mode of {}", path.display()))
}
