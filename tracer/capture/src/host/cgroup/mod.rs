//! Control groups: the systemd unit and the container of a process.

mod cache;
mod container;
mod handle;
mod membership;
mod naming;
mod unit;

use std::path::PathBuf;
use std::sync::OnceLock;

use egret_model::{Cgroup, NamedBy};
use procfs::process::Process;

pub use cache::Cgroups;
pub(super) use container::{Location, location_of};

/// The unit and the container in a cgroup's path.
///
/// Pure; the path is below the root of the hierarchy, as in `/proc/PID/cgroup`. Names follow the conventions of
/// systemd and the runtimes: a process that may write below `/sys/fs/cgroup` can create a path with any of them.
#[must_use]
pub fn describe(path: &str) -> Cgroup {
    let path = path.strip_suffix(" (deleted)").unwrap_or(path);
    let (container, runtime) = container::find(path).unzip();
    Cgroup {
        path: path.into(),
        unit: unit::locate(path).map(|unit| unit.name.into()),
        container: container.map(Into::into),
        runtime: runtime.flatten(),
        unit_named_by: NamedBy::Unknown,
        container_named_by: NamedBy::Unknown,
        details: OnceLock::new(),
    }
}

/// The mount point of cgroup v2: usually `/sys/fs/cgroup`, or `/sys/fs/cgroup/unified` on hybrid hosts.
///
/// The first mount of the hierarchy's root. A mount of a part of it (a container's) is ignored: hooks that are
/// attached there would not see the whole host.
#[must_use]
pub fn find_cgroup2() -> Option<PathBuf> {
    let mounts = Process::myself().and_then(|process| process.mountinfo()).ok()?;
    mounts.0.into_iter().find(|mount| mount.fs_type == "cgroup2" && mount.root == "/").map(|mount| mount.mount_point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_point_is_a_cgroup2_root() {
        let Some(mount) = find_cgroup2() else {
            assert!(!std::fs::read_to_string("/proc/self/mountinfo").unwrap().contains(" - cgroup2 "));
            return;
        };
        assert!(mount.join("cgroup.controllers").exists(), "{}", mount.display());
        assert!(!mount.join("cgroup.type").exists(), "only the root has no type");
    }
}
