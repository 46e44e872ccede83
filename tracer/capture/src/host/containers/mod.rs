//! Names of containers, read in the background from the state that runtimes keep on disk.
//!
//! A user who may create a cgroup may name it after any container. So the state of a container is only read where
//! the user who could create its cgroup keeps it: in the system's directories for root, in the home of another
//! user, and nowhere if the cgroup is inside another container, whose runtime keeps its state inside.

mod files;
mod state;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io;
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use egret_model::{Cgroup, Container, NamedBy, unescaped};
use lru::LruCache;

use super::cgroup::{Location, find_cgroup2, location_of};

/// Containers kept by id, because they have several cgroups; the least recently used is evicted. An entry is about
/// 700 bytes: 3 MB.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
/// Cgroups that may wait, a pointer each. Beyond that containers have no name.
const MAX_REQUESTS: usize = 4096;
/// A runtime may create the cgroup before it writes the state: when to try again, before the container has no name.
const RETRIES: [Duration; 3] = [Duration::from_millis(50), Duration::from_millis(250), Duration::from_secs(1)];
/// State directories of containerd: its own, and those of Kubernetes distributions that include it.
const CONTAINERD: [&str; 3] = ["run/containerd", "run/k3s/containerd", "var/snap/microk8s/common/run/containerd"];
const ROOT: u32 = 0;

/// Resolves the names of containers. The threads end when all handles are dropped.
#[derive(Clone, Debug)]
pub struct ContainerNames {
    requests: SyncSender<Request>,
}

/// A cgroup, the number of attempts to find its container, and when the next is due.
#[derive(Debug)]
struct Request {
    group: Weak<Cgroup>,
    attempts: usize,
    due: Instant,
}

impl ContainerNames {
    /// Starts the threads, one for containers of the system and one for those of users, whose homes may be slower.
    ///
    /// `root` is the root of the host's file system: `/`, unless egret runs in a container. `prepare` is called on
    /// each thread first, to drop privileges: homes are read with `CAP_DAC_READ_SEARCH`.
    ///
    /// # Errors
    ///
    /// No thread can be started.
    pub fn start(root: &Path, prepare: impl Fn() + Clone + Send + 'static) -> io::Result<Self> {
        Self::start_with(root, find_cgroup2(), prepare)
    }

    fn start_with(
        root: &Path,
        hierarchy: Option<PathBuf>,
        prepare: impl Fn() + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let (requests, inbox) = sync_channel(MAX_REQUESTS);
        let (homes, homes_inbox) = sync_channel(MAX_REQUESTS);
        let directories = Directories::new(root);
        let of_users = Worker::new(directories.clone(), hierarchy.clone(), None);
        let of_system = Worker::new(directories, hierarchy, Some(homes));
        for (worker, inbox) in [(of_system, inbox), (of_users, homes_inbox)] {
            let prepare = prepare.clone();
            thread::Builder::new().name("egret-container".into()).spawn(move || {
                prepare();
                worker.run(&inbox);
            })?;
        }
        Ok(Self { requests })
    }

    /// Requests the container of a cgroup. It is set in the cgroup, or set to `None` if it is not found. Never
    /// blocks.
    pub fn request(&self, group: &Arc<Cgroup>) {
        let request = Request { group: Arc::downgrade(group), attempts: 0, due: Instant::now() };
        if self.requests.try_send(request).is_err() {
            let _ = group.details.set(None);
        }
    }
}

/// The state directories of runtimes.
#[derive(Clone, Debug)]
struct Directories {
    root: PathBuf,
    docker: PathBuf,
    node: Option<String>,
}

impl Directories {
    fn new(root: &Path) -> Self {
        let docker = state::docker_data(&root.join("etc/docker/daemon.json"));
        let docker = docker.map_or_else(|| root.join("var/lib/docker"), |data| below(root, &data));
        let node = std::fs::read_to_string(root.join("etc/hostname")).ok();
        let node = node.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        Self { root: root.to_owned(), docker, node }
    }

    fn of_system(&self, id: &str) -> Option<Container> {
        let (root, node) = (&self.root, self.node.as_deref());
        let found = state::docker(&self.docker, id, node)
            .or_else(|| CONTAINERD.iter().find_map(|path| state::containerd(&root.join(path), id, node)))
            .or_else(|| state::cri_o(&root.join("run/containers/storage"), id, node))
            .or_else(|| state::cri_o(&root.join("var/lib/containers/storage"), id, node))
            .or_else(|| state::podman(&root.join("var/lib/containers/storage"), id));
        if found.as_ref().is_some_and(|container| container.pod.is_some() || container.image.is_some()) {
            return found;
        }
        state::kubelet(&root.join("var/log/containers"), id, node).or(found)
    }

    fn of_user(&self, uid: u32, id: &str) -> Option<Container> {
        let data = below(&self.root, &self.home_of(uid)?).join(".local/share");
        let found = state::docker(&data.join("docker"), id, None);
        let found = found.or_else(|| state::podman(&data.join("containers/storage"), id))?;
        // The user who writes the state could claim any pod.
        Some(Container { pod: None, ..found })
    }

    fn home_of(&self, uid: u32) -> Option<PathBuf> {
        /// Longer files are not read.
        const MAX_BYTES: usize = 2 << 20;
        let users =
            std::fs::read_to_string(self.root.join("etc/passwd")).ok().filter(|text| text.len() <= MAX_BYTES)?;
        users.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [_, _, number, _, _, home, _] = fields.as_slice() else { return None };
            (number.parse() == Ok(uid) && home.len() > 1).then(|| PathBuf::from(home))
        })
    }
}

/// An absolute path of the host, below the root of its file system.
fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

struct Worker {
    directories: Directories,
    hierarchy: Option<PathBuf>,
    /// The worker that reads homes; `None` for that worker itself.
    homes: Option<SyncSender<Request>>,
    known: LruCache<(u32, Arc<str>), Arc<Container>>,
    /// Requests that are tried again.
    waiting: VecDeque<Request>,
}

impl Worker {
    fn new(directories: Directories, hierarchy: Option<PathBuf>, homes: Option<SyncSender<Request>>) -> Self {
        Self { directories, hierarchy, homes, known: LruCache::new(CAPACITY), waiting: VecDeque::new() }
    }

    fn run(mut self, inbox: &Receiver<Request>) {
        while let Some(request) = self.next(inbox) {
            self.serve(request);
        }
    }

    /// The next request, when it is due; `None` once all handles are dropped.
    fn next(&mut self, inbox: &Receiver<Request>) -> Option<Request> {
        loop {
            let now = Instant::now();
            if let Some(at) = self.waiting.iter().position(|request| request.due <= now) {
                return self.waiting.remove(at);
            }
            let Some(due) = self.waiting.iter().map(|request| request.due).min() else { return inbox.recv().ok() };
            match inbox.recv_timeout(due.saturating_duration_since(now)) {
                Ok(request) => return Some(request),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    fn serve(&mut self, request: Request) {
        // Every event with it is dropped.
        let Some(group) = request.group.upgrade() else { return };
        let (Some(id), Some(owner)) = (group.container.as_ref().filter(|id| is_id(id)), self.owner_of(&group)) else {
            let _ = group.details.set(None);
            return;
        };
        if let Some(homes) = self.homes.as_ref().filter(|_| owner != ROOT) {
            if homes.try_send(request).is_err() {
                let _ = group.details.set(None);
            }
            return;
        }
        // It was delegated to a user after its names counted as root's.
        if owner != ROOT && group.container_named_by == NamedBy::System {
            let _ = group.details.set(None);
            return;
        }
        match self.find(owner, id) {
            Some(found) => drop(group.details.set(Some(found))),
            None => self.retry(request, &group),
        }
    }

    fn find(&mut self, owner: u32, id: &Arc<str>) -> Option<Arc<Container>> {
        let key = (owner, Arc::clone(id));
        if let Some(known) = self.known.get(&key) {
            return Some(Arc::clone(known));
        }
        let found = if owner == ROOT { self.directories.of_system(id) } else { self.directories.of_user(owner, id) };
        let found = found.filter(|found| *found != Container::default()).map(Arc::new)?;
        self.known.put(key, Arc::clone(&found));
        Some(found)
    }

    fn retry(&mut self, request: Request, group: &Cgroup) {
        match RETRIES.get(request.attempts) {
            Some(after) if self.waiting.len() < MAX_REQUESTS => {
                let due = Instant::now() + *after;
                self.waiting.push_back(Request { attempts: request.attempts + 1, due, ..request });
            }
            _ => drop(group.details.set(None)),
        }
    }

    /// The user who could create the cgroup of a container: the owner of the one above it. `None` if the state of
    /// its runtime is not on this host's file system, or the owner is unknown.
    fn owner_of(&self, group: &Cgroup) -> Option<u32> {
        let Some(Location { above, is_nested }) = location_of(&group.path) else {
            // It is only in another hierarchy: of version 1, which is not delegated to users.
            return (!group.path.starts_with("/user.slice/")).then_some(ROOT);
        };
        if is_nested {
            return None;
        }
        let Some(hierarchy) = &self.hierarchy else {
            return (!above.starts_with("/user.slice/")).then_some(ROOT);
        };
        std::fs::metadata(below(hierarchy, Path::new(OsStr::from_bytes(&unescaped(above)))))
            .ok()
            .map(|metadata| metadata.uid())
    }
}

/// Whether it is an id, as runtimes with such state have, and not a name: it becomes part of paths.
fn is_id(container: &str) -> bool {
    container.len() == 64 && container.bytes().all(|byte| byte.is_ascii_hexdigit())
}
