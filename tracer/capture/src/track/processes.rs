//! Processes, by the references in records.

use std::num::NonZeroUsize;
use std::sync::Arc;

use egret_model::{Executable, Process, ProcessId, Timestamp, escaped};
use egret_wire::{MAX_CGROUP_PATH, ProcessKey, ProcessRef};
use lru::LruCache;

use crate::host::process::{HostProcess, Reader};
use crate::host::{self, Cgroups, ContainerNames, Users};
use crate::owner::process_ref;

/// Images kept; the least recently used is evicted. They outlive their processes, because records come late. With
/// arguments of 200 bytes about 5 MB; with the longest ([`egret_wire::MAX_ARGS`]) 60 MB.
const IMAGES: NonZeroUsize = NonZeroUsize::new(8192).unwrap();
/// Processes kept; an entry is about 150 bytes and shares its image.
const PROCESSES: NonZeroUsize = NonZeroUsize::new(8192).unwrap();

/// Image ids of preexisting processes have this bit, which the boot clock does not reach in the ids of others.
const PREEXISTING_IMAGE: u64 = 1 << 63;
/// The wall clock was set if it differs by this much: reading both clocks takes some microseconds at worst.
const STEP_NS: u64 = 100_000;
/// How much `/proc` may round a start down, with the lowest clock rate.
const TICK_NS: u64 = 10_000_000;

pub(crate) struct Processes {
    pub(super) images: LruCache<u64, Arc<Executable>>,
    known: LruCache<(u32, u64, u64, u32), Arc<Process>>,
    users: Users,
    cgroups: Cgroups,
    cut_paths: u64,
    /// An exec record had its working directory.
    pub(super) sees_directories: bool,
    pub(super) reader: Reader,
    boot: Timestamp,
}

impl Processes {
    /// Without any process yet. With `trace_context` the trace context in the environment of processes is read too.
    pub(crate) fn new(trace_context: bool, containers: Option<ContainerNames>) -> Self {
        Self {
            images: LruCache::new(IMAGES),
            known: LruCache::new(PROCESSES),
            users: Users::new(),
            cgroups: Cgroups::with_names(containers),
            cut_paths: 0,
            sees_directories: false,
            reader: Reader::new(trace_context),
            boot: host::boot_time(),
        }
    }

    /// Follows the wall clock; call it once a batch. Returns the step of the clock since the last call in
    /// nanoseconds, if it was set. Between steps calendar times follow the boot clock, so that they agree with
    /// durations.
    pub(crate) fn refresh_clock(&mut self) -> Option<i64> {
        let boot = host::boot_time();
        let step = boot.0.saturating_sub(self.boot.0);
        if step.unsigned_abs() < STEP_NS {
            return None;
        }
        self.boot = boot;
        // Their start times are those of the calendar before the step.
        self.known.clear();
        Some(step)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.at(host::boot_now())
    }

    /// The calendar time of a time on the kernel's boot clock.
    pub(crate) fn at(&self, boot_ns: u64) -> Timestamp {
        Timestamp(self.boot.0.saturating_add(i64::try_from(boot_ns).unwrap_or(i64::MAX)))
    }

    /// Reads of a process's executable that had no answer in time.
    pub(crate) const fn unread(&self) -> u64 {
        self.reader.unread()
    }

    /// Ends the thread that reads `/proc`: the next read starts one with the privileges of its time.
    pub(crate) fn end_reader(&mut self) {
        self.reader.end_thread();
    }

    /// Enters the processes that run already; returns their entries for the kernel side.
    pub(crate) fn enter_running(&mut self) -> Vec<(u32, ProcessKey)> {
        let Ok(running) = self.reader.all(&mut self.cgroups) else { return Vec::new() };
        running
            .iter()
            .map(|process| {
                let exec_id = PREEXISTING_IMAGE | process.start_ns ^ (u64::from(process.pid) << 40);
                let model = self.model(process);
                self.images.put(exec_id, model.executable);
                let parent_pid = process.parent_pid.unwrap_or(0);
                (process.pid, ProcessKey { exec_id, start_ns: process.start_ns, parent_pid, flags: 0 })
            })
            .collect()
    }

    /// Enters the path of a control group.
    pub(crate) fn cgroup(&mut self, id: u64, path: &[u8]) {
        if path.len() + 1 < MAX_CGROUP_PATH {
            self.cgroups.learn(id, &escaped(path));
        } else if !self.cgroups.learn_long(id) {
            self.cut_paths += 1;
        }
    }

    /// Control groups whose path was too long for a record, and which were removed before it could be read.
    pub(crate) const fn cut_paths(&self) -> u64 {
        self.cut_paths
    }

    /// Whether the image of a reference has been entered.
    pub(crate) fn knows(&self, process: &ProcessRef) -> bool {
        process.exec_id == 0 || self.images.contains(&process.exec_id)
    }

    /// The process of a reference; `None` for an unknown one.
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

    /// The process that sent a packet. `running` returns the kernel side's present entry of a process.
    ///
    /// A verdict depends on the image, so that it must be certain: an image whose exec was not seen is read from
    /// `/proc` only if the process still runs it.
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
        let found = self.reader.read(id.pid, &mut self.cgroups).ok()?;
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
        // A process that is younger than the child has the pid of a parent that has ended.
        let is_older = |start_ns: u64| start_ns <= id.start_ns.saturating_add(TICK_NS);
        let known = running(id.parent_pid).filter(|key| key.start_ns != 0);
        if let Some(key) = known {
            is_older(key.start_ns).then_some(())?;
            if let Some(image) = self.images.get(&key.exec_id) {
                return path_of(image);
            }
        }
        let found = self.reader.read(id.parent_pid, &mut self.cgroups).ok()?;
        (is_older(found.start_ns) && found.origin.is_host()).then_some(found.exe).flatten()
    }

    fn build(&mut self, process: &ProcessRef) -> Process {
        let executable = match self.images.get(&process.exec_id) {
            Some(image) => Arc::clone(image),
            None => self.read_image(process).unwrap_or_default(),
        };
        // On a hybrid host everything may be in the root of v2; systemd's own hierarchy has the groups then.
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

    /// The image from `/proc`, if the pid is still that process's.
    pub(super) fn read_image(&mut self, process: &ProcessRef) -> Option<Arc<Executable>> {
        let found = self.reader.read(process.pid, &mut self.cgroups).ok()?;
        if process.start_ns != 0 && !found.started_at(process.start_ns) {
            return None;
        }
        Some(self.model(&found).executable)
    }

    /// A process as `/proc` shows it now, for sockets that were found there.
    pub(crate) fn read_running(&mut self, pid: u32) -> Option<Arc<Process>> {
        let found = self.reader.read(pid, &mut self.cgroups).ok()?;
        Some(Arc::new(self.model(&found)))
    }

    fn model(&mut self, found: &HostProcess) -> Process {
        found.to_model(self.boot, &mut self.users)
    }
}

/// The process with this image. It may have been entered before the record of its exec was read.
fn with_image(process: Arc<Process>, image: &Arc<Executable>) -> Arc<Process> {
    if Arc::ptr_eq(&process.executable, image) {
        return process;
    }
    Arc::new(Process { executable: Arc::clone(image), ..Process::clone(&process) })
}

/// The path of a parent, which rules match only if it is a path of the host.
fn path_of(image: &Executable) -> Option<Arc<str>> {
    image.file_path().and(image.path.clone()).filter(|_| image.origin.is_host())
}
