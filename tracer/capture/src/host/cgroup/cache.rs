//! Cgroups that were seen, by id and by path.

use std::num::NonZeroUsize;
use std::sync::Arc;

use egret_model::Cgroup;
use lru::LruCache;
use procfs::process::Process;

use super::handle::Hierarchy;
use super::{describe, find_cgroup2, membership};

/// Cgroups kept in each of the two tables, the longest unused going first. An entry is about 400 bytes and its
/// path: with paths of 200 bytes 2.5 MB a table, with paths of `PATH_MAX` 18 MB. Groups in both are held once.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// Resolves cgroup ids and processes to what their cgroup says.
#[derive(Debug)]
pub struct Cgroups {
    hierarchy: Option<Hierarchy>,
    by_id: LruCache<u64, Arc<Cgroup>>,
    by_path: LruCache<Arc<str>, Arc<Cgroup>>,
}

impl Default for Cgroups {
    fn default() -> Self {
        Self::new()
    }
}

impl Cgroups {
    /// An empty cache over this host's cgroup v2 hierarchy. Without one, ids resolve only if they were learned.
    #[must_use]
    pub fn new() -> Self {
        Self {
            hierarchy: find_cgroup2().and_then(|mount_point| Hierarchy::open(mount_point).ok()),
            by_id: LruCache::new(CAPACITY),
            by_path: LruCache::new(CAPACITY),
        }
    }

    /// The cgroup with a v2 id: from what was learned, else from the kernel (three system calls, no walk).
    ///
    /// `None` for one that is gone and was never seen. On a hybrid host every process is in the root of
    /// v2, and the answer is the cgroup `/`; [`Self::of_process`] knows better there.
    pub fn by_id(&mut self, id: u64) -> Option<Arc<Cgroup>> {
        if let Some(group) = self.by_id.get(&id) {
            return Some(Arc::clone(group));
        }
        let path = self.hierarchy.as_ref()?.path_of(id)?;
        let group = self.by_path(&path);
        self.by_id.put(id, Arc::clone(&group));
        Some(group)
    }

    /// Remembers a cgroup that the kernel side reported when it was made, so that it is known even when it is
    /// gone.
    pub fn learn(&mut self, id: u64, path: &str) {
        let group = self.by_path(path);
        self.by_id.put(id, group);
    }

    /// Remembers a cgroup whose path was too long to be reported; says whether it was still there to be asked for. One that
    /// is remembered under a cut path would be taken for a group above it.
    pub fn learn_long(&mut self, id: u64) -> bool {
        self.by_id.pop(&id);
        self.by_id(id).is_some()
    }

    /// The cgroup of a running process, from `/proc/PID/cgroup`: v2, else systemd's v1 hierarchy, and the
    /// container from whichever line has one. `None` if the process is gone.
    pub fn of_process(&mut self, pid: u32) -> Option<Arc<Cgroup>> {
        let process = Process::new(i32::try_from(pid).ok()?).ok()?;
        self.of_open_process(&process)
    }

    pub(crate) fn of_open_process(&mut self, process: &Process) -> Option<Arc<Cgroup>> {
        let group = membership::choose(&process.cgroups().ok()?.0);
        // Processes of one cgroup share one value, unless a v1 line told more about this process than the
        // path does: that must not be said of every process there.
        let shared = self.by_path(&group.path);
        Some(if *shared == group { shared } else { Arc::new(group) })
    }

    fn by_path(&mut self, path: &str) -> Arc<Cgroup> {
        if let Some(group) = self.by_path.get(path) {
            return Arc::clone(group);
        }
        let group = Arc::new(describe(path));
        self.by_path.put(path.into(), Arc::clone(&group));
        group
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::host::test_support::{Child, skip_unless_root};

    /// A cgroup below the root of v2 that is removed at the end.
    struct Group(PathBuf);

    impl Group {
        fn new(name: &str) -> Option<Self> {
            let path = find_cgroup2()?.join(format!("{name}-{}.slice", std::process::id()));
            std::fs::create_dir(&path).unwrap();
            Some(Self(path))
        }

        /// On cgroup v2 the id is the inode number of the directory.
        fn id(&self) -> u64 {
            std::fs::metadata(&self.0).unwrap().ino()
        }

        fn path_below_root(&self) -> String {
            format!("/{}", self.0.file_name().unwrap().to_str().unwrap())
        }
    }

    impl Drop for Group {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir(self.0.join("web.service"));
            let _ = std::fs::remove_dir(&self.0);
        }
    }

    #[test]
    fn id_resolves_to_path_and_unit_and_stays_known() {
        if skip_unless_root("cgroup by id") {
            return;
        }
        let Some(slice) = Group::new("egretid") else { return eprintln!("skipped: no cgroup v2") };
        let inner = slice.0.join("web.service");
        std::fs::create_dir(&inner).unwrap();
        let id = std::fs::metadata(&inner).unwrap().ino();
        let mut groups = Cgroups::new();
        let found = groups.by_id(id).unwrap();
        assert_eq!(&*found.path, format!("{}/web.service", slice.path_below_root()));
        assert_eq!(found.unit.as_deref(), Some("web.service"));
        drop(slice);
        assert!(!Path::new(&inner).exists());
        assert_eq!(groups.by_id(id), Some(found));
        assert_eq!(Cgroups::new().by_id(id), None, "a group that is gone is not invented");
    }

    #[test]
    fn root_and_unknown_ids() {
        if skip_unless_root("cgroup root by id") {
            return;
        }
        let Some(mount) = find_cgroup2() else { return eprintln!("skipped: no cgroup v2") };
        let mut groups = Cgroups::new();
        let root = std::fs::metadata(mount).unwrap().ino();
        assert_eq!(&*groups.by_id(root).unwrap().path, "/");
        assert_eq!(groups.by_id(u64::MAX - 1), None);
    }

    #[test]
    fn learned_group_is_known_though_it_never_was_on_disk() {
        let mut groups = Cgroups::new();
        groups.learn(u64::MAX, "/system.slice/gone.service");
        assert_eq!(groups.by_id(u64::MAX).unwrap().unit.as_deref(), Some("gone.service"));
    }

    #[test]
    fn cache_is_bounded() {
        let mut groups = Cgroups::new();
        for id in 0..10_000_u64 {
            groups.learn(u64::MAX - id, &format!("/g{id}"));
        }
        assert_eq!(groups.by_id.len(), CAPACITY.get());
        assert_eq!(groups.by_path.len(), CAPACITY.get());
    }

    #[test]
    fn process_in_a_group_of_v2() {
        if skip_unless_root("cgroup of a process") {
            return;
        }
        let Some(slice) = Group::new("egretproc") else { return eprintln!("skipped: no cgroup v2") };
        let inner = slice.0.join("web.service");
        std::fs::create_dir(&inner).unwrap();
        let mut groups = Cgroups::new();
        {
            let child = Child::sleeping();
            std::fs::write(inner.join("cgroup.procs"), child.pid().to_string()).unwrap();
            let found = groups.of_process(child.pid()).unwrap();
            assert_eq!(&*found.path, format!("{}/web.service", slice.path_below_root()));
            let again = groups.of_process(child.pid()).unwrap();
            assert!(Arc::ptr_eq(&found, &again), "processes of one group share it");
        }
        assert_ne!(slice.id(), 0);
    }

    #[test]
    fn process_that_is_gone_has_no_group() {
        assert_eq!(Cgroups::new().of_process(u32::MAX), None);
    }
}
