//! Where the cgroup v2 hierarchy is mounted.

use std::path::PathBuf;

use procfs::process::Process;

/// The mount point of cgroup v2, wherever it is: `/sys/fs/cgroup`, or `/sys/fs/cgroup/unified` on hybrid hosts.
///
/// The first mount of the hierarchy's root; a mount of a part of it (a container's) is not taken, because
/// hooks attached there would not see the whole host.
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
