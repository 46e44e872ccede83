//! Control groups of version 2, as rules name them.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A control group, by its path below the root of the hierarchy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ControlGroup(String);

/// A path that no rule can name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlGroupError {
    /// Everything is below the root.
    #[error("the root of the control groups has every process below it")]
    Root,
    /// `.` and `..` are not resolved.
    #[error("the control group {0:?} has a part that names no group")]
    Relative(String),
    /// The tools that install rules do not take it.
    #[error("the control group {0:?} has a character that rules cannot have")]
    Character(String),
    /// The kernel takes no more.
    #[error("the control group {0:?} is longer than {max} bytes", max = ControlGroup::LONGEST)]
    Length(String),
}

impl ControlGroup {
    /// The longest path that the `cgroup` match of iptables takes, without the final zero.
    const LONGEST: usize = 511;

    /// A path below the root, with or without a slash at its ends, as `/proc/PID/cgroup` has it.
    ///
    /// # Errors
    ///
    /// If a rule cannot name it, or it is the root.
    pub fn new(path: &str) -> Result<Self, ControlGroupError> {
        let trimmed = path.trim_matches('/');
        if trimmed.is_empty() {
            return Err(ControlGroupError::Root);
        }
        if trimmed.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(ControlGroupError::Relative(path.to_owned()));
        }
        if trimmed.chars().any(|character| character == '"' || character.is_control()) {
            return Err(ControlGroupError::Character(path.to_owned()));
        }
        if trimmed.len() > Self::LONGEST {
            return Err(ControlGroupError::Length(path.to_owned()));
        }
        Ok(Self(trimmed.to_owned()))
    }

    /// The path, without slashes at its ends.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How far below the root it is.
    pub(crate) fn depth(&self) -> usize {
        self.0.split('/').count()
    }
}

impl fmt::Display for ControlGroup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Where the hierarchy is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy(PathBuf);

impl Hierarchy {
    /// Where it usually is.
    pub(crate) const USUAL: &str = "/sys/fs/cgroup";

    /// Finds it; where it is mounted nowhere, it is taken to be where it usually is.
    #[must_use]
    pub fn find() -> Self {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        Self(mounted(&mounts).unwrap_or(Self::USUAL).into())
    }

    /// One that is mounted here.
    #[must_use]
    pub fn at(place: impl Into<PathBuf>) -> Self {
        Self(place.into())
    }

    pub(crate) fn place(&self) -> &Path {
        &self.0
    }

    /// What identifies a group among all that there were or will be; none if there is no such group. Rules hold on
    /// to this number: a unit that is started anew has a new group of the same path, and rules do not see it.
    pub(crate) fn id(&self, group: &ControlGroup) -> Option<u64> {
        fs::metadata(self.0.join(&group.0)).ok().map(|metadata| metadata.ino())
    }
}

fn mounted(mounts: &str) -> Option<&str> {
    mounts.lines().find_map(|line| {
        let mut words = line.split(' ').skip(1);
        let place = words.next()?;
        (words.next()? == "cgroup2").then_some(place)
    })
}

#[cfg(test)]
mod tests {
    use super::{ControlGroup, ControlGroupError, mounted};

    #[test]
    fn unit_paths_are_accepted() {
        for path in ["/system.slice/ssh.service", "system.slice/a\\x2db.service", "user.slice/user-1000.slice/"] {
            assert_eq!(ControlGroup::new(path).unwrap().as_str(), path.trim_matches('/'));
        }
        assert_eq!(ControlGroup::new("/a/b").unwrap().depth(), 2);
    }

    #[test]
    fn root_and_relative_paths_are_refused() {
        assert_eq!(ControlGroup::new("/"), Err(ControlGroupError::Root));
        assert_eq!(ControlGroup::new(""), Err(ControlGroupError::Root));
        for path in ["/..", "a/../..", "./", "a//b"] {
            assert!(matches!(ControlGroup::new(path), Err(ControlGroupError::Relative(_))), "{path}");
        }
    }

    #[test]
    fn characters_that_end_a_rule_are_refused() {
        for path in ["a\n-A OUTPUT -j DROP", "a\" -j ACCEPT \"", "a\0"] {
            assert!(matches!(ControlGroup::new(path), Err(ControlGroupError::Character(_))), "{path}");
        }
        assert!(matches!(ControlGroup::new(&"a".repeat(512)), Err(ControlGroupError::Length(_))));
    }

    #[test]
    fn unified_hierarchy_is_found_beside_version_one() {
        let mounts = "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        assert_eq!(mounted(mounts), Some("/sys/fs/cgroup/unified"));
        assert_eq!(mounted("proc /proc proc rw 0 0\n"), None);
    }
}
