//! A cache of cgroups, by id and by path.

use std::num::NonZeroUsize;
use std::sync::Arc;

use egret_model::Cgroup;
use lru::LruCache;
use procfs::process::Process;

use super::handle::Hierarchy;
use super::naming::Naming;
use super::{describe, find_cgroup2, membership};
use crate::host::ContainerNames;

/// Cgroups kept in each of the two tables; the least recently used is evicted. An entry is about 400 bytes and its
/// path: with paths of 200 bytes 2.5 MB a table, with paths of `PATH_MAX` 18 MB. Groups in both are stored once.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// Resolves the cgroups of ids and processes.
#[derive(Debug)]
pub struct Cgroups {
    hierarchy: Option<Hierarchy>,
    naming: Naming,
    by_id: LruCache<u64, Arc<Cgroup>>,
    by_path: LruCache<Arc<str>, Arc<Cgroup>>,
    /// Resolves the names of containers; without it they have none.
    names: Option<ContainerNames>,
}

impl Default for Cgroups {
    fn default() -> Self {
        Self::new()
    }
}

impl Cgroups {
    /// An empty cache for this host's cgroup v2 hierarchy. Without a hierarchy only ids that were learned resolve.
    #[must_use]
    pub fn new() -> Self {
        Self::with_names(None)
    }

    /// The same, with names of containers.
    #[must_use]
    pub fn with_names(names: Option<ContainerNames>) -> Self {
        let mount_point = find_cgroup2();
        Self {
            names,
            naming: Naming::new(mount_point.clone()),
            hierarchy: mount_point.and_then(|mount_point| Hierarchy::open(mount_point).ok()),
            by_id: LruCache::new(CAPACITY),
            by_path: LruCache::new(CAPACITY),
        }
    }

    /// The cgroup with a v2 id: from the cache, or from the kernel (three system calls, without walking the
    /// hierarchy).
    ///
    /// `None` for one that was removed and is not cached. On a hybrid host every process may be in the root of v2,
    /// and the result is the cgroup `/`; [`Self::of_process`] is more specific there.
    pub fn by_id(&mut self, id: u64) -> Option<Arc<Cgroup>> {
        if let Some(group) = self.by_id.get(&id) {
            return Some(Arc::clone(group));
        }
        let path = self.hierarchy.as_ref()?.path_of(id)?;
        let group = self.by_path(&path);
        self.by_id.put(id, Arc::clone(&group));
        Some(group)
    }

    /// Enters a cgroup that the kernel side reported when it was created, so that it is known after its removal.
    pub fn learn(&mut self, id: u64, path: &str) {
        let group = self.by_path(path);
        self.by_id.put(id, group);
    }

    /// Resolves a cgroup whose path was too long for a record; returns whether it still existed. With a truncated
    /// path it would be mistaken for a group above it.
    pub fn learn_long(&mut self, id: u64) -> bool {
        self.by_id.pop(&id);
        self.by_id(id).is_some()
    }

    /// The cgroup of a running process, from `/proc/PID/cgroup`: v2, else systemd's v1 hierarchy, and the
    /// container from any line that has one. `None` if the process has ended.
    pub fn of_process(&mut self, pid: u32) -> Option<Arc<Cgroup>> {
        let process = Process::new(i32::try_from(pid).ok()?).ok()?;
        self.of_open_process(&process)
    }

    pub(crate) fn of_open_process(&mut self, process: &Process) -> Option<Arc<Cgroup>> {
        let mut group = membership::choose(&process.cgroups().ok()?.0);
        // Processes of one cgroup share one value, unless a v1 line has a container for this process: other
        // processes of the cgroup may not be in it.
        let shared = self.by_path(&group.path);
        if (&shared.container, shared.runtime) == (&group.container, group.runtime) {
            return Some(shared);
        }
        self.naming.complete_from_v1(&mut group);
        let group = Arc::new(group);
        self.name(&group);
        Some(group)
    }

    /// Resolves the name of the container of a new group.
    fn name(&self, group: &Arc<Cgroup>) {
        match &self.names {
            Some(names) if group.container.is_some() => names.request(group),
            _ => drop(group.details.set(None)),
        }
    }

    fn by_path(&mut self, path: &str) -> Arc<Cgroup> {
        if let Some(group) = self.by_path.get(path) {
            return Arc::clone(group);
        }
        let mut group = describe(path);
        self.naming.complete(&mut group);
        let group = Arc::new(group);
        self.name(&group);
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
    fn resolved_id_stays_known_after_removal() {
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
        assert_eq!(Cgroups::new().by_id(id), None, "a removed group is unknown");
    }

    #[test]
    fn root_resolves_and_unknown_ids_do_not() {
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
    fn learned_group_resolves_without_a_directory() {
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
    fn group_of_a_process_is_resolved() {
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
            assert!(Arc::ptr_eq(&found, &again), "processes of one group share its value");
        }
        assert_ne!(slice.id(), 0);
    }

    #[test]
    fn ended_process_has_no_group() {
        assert_eq!(Cgroups::new().of_process(u32::MAX), None);
    }
}
