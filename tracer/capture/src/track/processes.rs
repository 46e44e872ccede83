//! Processes by the references that records carry.

use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};

use egret_model::{Executable, FileId, Process, ProcessId, Timestamp, TraceParent};
use egret_wire::{EXEC_ARGS_TRUNCATED, EXEC_PATH_AS_TYPED, MAX_CGROUP_PATH, ProcessKey, ProcessRef};
use lru::LruCache;

use crate::host::process::HostProcess;
use crate::host::{self, Cgroups, Users, kernel_device_to_stat};
use crate::owner::process_ref;
use crate::record::Exec;

/// Images kept, the longest unused going first: they outlive their processes, because records come late. With
/// arguments of 200 bytes about 5 MB; the longest arguments ([`egret_wire::MAX_ARGS`]) make it 60 MB.
const IMAGES: NonZeroUsize = NonZeroUsize::new(8192).unwrap();
/// Processes kept; an entry is about 150 bytes and shares its image.
const PROCESSES: NonZeroUsize = NonZeroUsize::new(8192).unwrap();

/// Image of processes that are older than egret: their start, with a bit that the clock will not reach.
const STANDING: u64 = 1 << 63;
/// What `/proc` may round a start down by, on the slowest clock.
const TICK_NS: u64 = 10_000_000;

/// Everything known of processes.
pub(crate) struct Processes {
    images: LruCache<u64, Arc<Executable>>,
    known: LruCache<(u32, u64, u64, u32), Arc<Process>>,
    users: Users,
    cgroups: Cgroups,
    cut_paths: u64,
    boot: Timestamp,
    /// Whether the environment of processes is looked at.
    trace_context: bool,
}

impl Processes {
    /// Knows nobody yet. With `trace_context` the trace in the environment of processes is read too.
    pub(crate) fn new(trace_context: bool) -> Self {
        Self {
            trace_context,
            images: LruCache::new(IMAGES),
            known: LruCache::new(PROCESSES),
            users: Users::new(),
            cgroups: Cgroups::new(),
            cut_paths: 0,
            boot: host::boot_time(),
        }
    }

    /// Follows the wall clock; call it once a batch.
    pub(crate) fn refresh_clock(&mut self) {
        self.boot = host::boot_time();
    }

    /// Now, on the calendar.
    pub(crate) fn now(&self) -> Timestamp {
        self.at(host::boot_now())
    }

    /// A moment of the kernel's boot clock on the calendar.
    pub(crate) fn at(&self, boot_ns: u64) -> Timestamp {
        Timestamp(self.boot.0.saturating_add(i64::try_from(boot_ns).unwrap_or(i64::MAX)))
    }

    /// Enters the processes that run already; returns what the kernel side should know of them.
    pub(crate) fn enter_standing(&mut self) -> Vec<(u32, ProcessKey)> {
        let Ok(running) = host::process::all(&mut self.cgroups) else { return Vec::new() };
        running
            .iter()
            .map(|process| {
                let exec_id = STANDING | process.start_ns ^ (u64::from(process.pid) << 40);
                let model = self.model(process);
                self.images.put(exec_id, model.executable);
                let parent_pid = process.parent_pid.unwrap_or(0);
                (process.pid, ProcessKey { exec_id, start_ns: process.start_ns, parent_pid, flags: 0 })
            })
            .collect()
    }

    /// Enters the image of an exec.
    pub(crate) fn exec(&mut self, exec: &Exec) {
        let text = |bytes: &Vec<u8>| Arc::<str>::from(String::from_utf8_lossy(bytes));
        let executable = Executable {
            path: exec.path.as_ref().map(text),
            path_as_typed: exec.flags & EXEC_PATH_AS_TYPED != 0,
            file: (exec.inode != 0).then(|| FileId { device: kernel_device_to_stat(exec.device), inode: exec.inode }),
            args: exec.args.iter().map(text).collect(),
            args_truncated: exec.flags & EXEC_ARGS_TRUNCATED != 0,
            trace_parent: exec.trace_parent.as_deref().and_then(trace_parent),
            sha256: OnceLock::new(),
        };
        let executable = if executable.path.is_none() || executable.path_as_typed {
            self.read_image(&exec.process).unwrap_or_else(|| Arc::new(executable))
        } else {
            Arc::new(executable)
        };
        self.images.put(exec.process.exec_id, executable);
    }

    /// Remembers a control group.
    pub(crate) fn cgroup(&mut self, id: u64, path: &[u8]) {
        if path.len() + 1 < MAX_CGROUP_PATH {
            self.cgroups.learn(id, &String::from_utf8_lossy(path));
        } else if !self.cgroups.learn_long(id) {
            self.cut_paths += 1;
        }
    }

    /// Control groups that were gone before their path could be read, which was too long for the kernel to report.
    pub(crate) const fn cut_paths(&self) -> u64 {
        self.cut_paths
    }

    /// Whether the image of a reference has been entered.
    pub(crate) fn knows(&self, process: &ProcessRef) -> bool {
        process.exec_id == 0 || self.images.contains(&process.exec_id)
    }

    /// The process that a record names; `None` if it names none.
    pub(crate) fn find(&mut self, process: &ProcessRef) -> Option<Arc<Process>> {
        if process.pid == 0 {
            return None;
        }
        let key = (process.pid, process.start_ns, process.exec_id, process.uid);
        if let Some(known) = self.known.get(&key) {
            return Some(Arc::clone(known));
        }
        let found = Arc::new(self.build(process));
        self.known.put(key, Arc::clone(&found));
        Some(found)
    }

    /// The process that a packet is from. `running` says what the kernel side knows of a process now.
    ///
    /// Its image must be certain, as a verdict follows from it: one that was not seen to be executed is read from `/proc` only
    /// if the process still runs it.
    pub(crate) fn identify(
        &mut self,
        id: &ProcessId,
        running: &dyn Fn(u32) -> Option<ProcessKey>,
    ) -> Option<Arc<Process>> {
        let process = process_ref(id);
        if let Some(image) = self.images.get(&id.exec_id) {
            let image = Arc::clone(image);
            return self.find(&process).map(|found| with_image(found, &image));
        }
        let found = host::process::read(id.pid, &mut self.cgroups).ok()?;
        let is_same = id.start_ns == 0 || found.started_at(id.start_ns);
        let runs_same = id.exec_id == 0 || running(id.pid).is_some_and(|key| key.exec_id == id.exec_id);
        (is_same && runs_same).then(|| Arc::new(self.model(&found)))
    }

    /// Path of the executable that the parent of a process runs now.
    pub(crate) fn parent_path(
        &mut self,
        id: &ProcessId,
        running: &dyn Fn(u32) -> Option<ProcessKey>,
    ) -> Option<Arc<str>> {
        (id.parent_pid != 0 && id.start_ns != 0).then_some(())?;
        // One that is younger than its child has the number of a parent that is gone.
        let is_older = |start_ns: u64| start_ns <= id.start_ns.saturating_add(TICK_NS);
        let known = running(id.parent_pid).filter(|key| key.start_ns != 0);
        if let Some(key) = known {
            is_older(key.start_ns).then_some(())?;
            if let Some(image) = self.images.get(&key.exec_id) {
                return path_of(image);
            }
        }
        let found = host::process::read(id.parent_pid, &mut self.cgroups).ok()?;
        is_older(found.start_ns).then_some(found.exe).flatten()
    }

    fn build(&mut self, process: &ProcessRef) -> Process {
        let executable = match self.images.get(&process.exec_id) {
            Some(image) => Arc::clone(image),
            None => self.read_image(process).unwrap_or_default(),
        };
        // On a hybrid host v2 may hold everything in its root; systemd's own hierarchy then knows more.
        let group = self.cgroups.by_id(process.cgroup_id).filter(|group| &*group.path != "/");
        Process {
            pid: process.pid,
            start_time: (process.start_ns != 0).then(|| self.at(process.start_ns)),
            parent_pid: (process.parent_pid != 0).then_some(process.parent_pid),
            executable,
            uid: Some(process.uid),
            user: self.users.name(process.uid),
            cgroup: group.or_else(|| self.cgroups.of_process(process.pid)),
        }
    }

    /// The image from `/proc`, if the process there is still the one meant.
    fn read_image(&mut self, process: &ProcessRef) -> Option<Arc<Executable>> {
        let found = host::process::read(process.pid, &mut self.cgroups).ok()?;
        if process.start_ns != 0 && !found.started_at(process.start_ns) {
            return None;
        }
        Some(self.model(&found).executable)
    }

    /// A process as `/proc` shows it now, for sockets that were found there.
    pub(crate) fn standing(&mut self, pid: u32) -> Option<Arc<Process>> {
        let found = host::process::read(pid, &mut self.cgroups).ok()?;
        Some(Arc::new(self.model(&found)))
    }

    /// A process that `/proc` showed.
    fn model(&mut self, found: &HostProcess) -> Process {
        let mut process = found.to_model(self.boot, &mut self.users);
        if self.trace_context
            && let Some(executable) = Arc::get_mut(&mut process.executable)
        {
            executable.trace_parent = host::process::trace_parent(found);
        }
        process
    }
}

/// The process with this image: it may have been remembered before the record of its exec was read.
fn with_image(process: Arc<Process>, image: &Arc<Executable>) -> Arc<Process> {
    if Arc::ptr_eq(&process.executable, image) {
        return process;
    }
    Arc::new(Process { executable: Arc::clone(image), ..Process::clone(&process) })
}

fn path_of(image: &Executable) -> Option<Arc<str>> {
    image.file_path().and(image.path.clone())
}

fn trace_parent(value: &[u8]) -> Option<TraceParent> {
    TraceParent::parse(std::str::from_utf8(value).ok()?)
}
