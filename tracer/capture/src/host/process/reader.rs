//! Reading processes, each within a time limit that the process cannot extend.

use std::sync::{Arc, Weak};
use std::time::Duration;

use egret_model::Origin;
use procfs::process::Process as Entry;

use super::image::Image;
use super::{HostProcess, ProcessError, Status, open, process_error};
use crate::host::guard::{Guard, GuardError};
use crate::host::{Cgroups, HostMounts};

/// How long reading an executable and its arguments may take; it usually takes 50 µs. The ring of flows has room
/// for the records of that time.
const PATIENCE: Duration = Duration::from_millis(200);

/// A process, and whether to read its environment.
type Job = (Arc<Entry>, u32, bool);

/// A path, with the pid of the process to look it up for, and the origin of its executable.
type Path = (Origin, u32, String);

/// Reads processes. Executables and arguments are read on another thread, which is abandoned if it gets no answer.
#[derive(Debug)]
pub struct Reader {
    images: Guard<Job, Result<Image, ProcessError>>,
    files: Guard<Path, bool>,
    trace_context: bool,
    /// Processes that do not answer, while a thread waits for them.
    stuck: Vec<Stuck>,
    unread: u64,
}

#[derive(Debug)]
struct Stuck {
    pid: u32,
    uid: u32,
    thread: Weak<()>,
}

impl Default for Reader {
    /// A reader without environments.
    fn default() -> Self {
        Self::new(false)
    }
}

impl Reader {
    /// With `trace_context` the trace context in the environment of processes is read too.
    #[must_use]
    pub fn new(trace_context: bool) -> Self {
        let read = |(entry, pid, trace_context): Job| Image::read(&entry, pid, trace_context);
        let has = |(origin, pid, path): Path| HostMounts::get().has_file(origin, pid, &path);
        let images = Guard::new("egret-proc", move || Box::new(read));
        let files = Guard::new("egret-files", move || Box::new(has));
        Self { images, files, trace_context, stuck: Vec::new(), unread: 0 }
    }

    /// Reads without an answer in time so far: the executables of those processes are unknown.
    #[must_use]
    pub const fn unread(&self) -> u64 {
        self.unread
    }

    /// Ends the thread, which has the privileges of the first read. The next read starts a thread with the
    /// privileges of its time.
    pub fn end_thread(&mut self) {
        self.images.end_thread();
        self.files.end_thread();
    }

    /// Whether a path names a file for a process whose executable has this origin; `false` if there is no answer
    /// in time.
    pub(crate) fn has_file(&mut self, origin: Origin, pid: u32, path: String) -> bool {
        let cached = HostMounts::get().has_cached(origin, pid, &path);
        cached.unwrap_or_else(|| self.files.run((origin, pid, path), PATIENCE).unwrap_or(false))
    }

    /// Reads one process.
    ///
    /// Files are opened through one descriptor of `/proc/PID`, which belongs to the process and not to the pid:
    /// once it has ended, reads fail even if the pid is used again. Some files are opened by path, so that the
    /// start time is compared before and after too, and the executable, so that the arguments are its own.
    ///
    /// # Errors
    ///
    /// The process has ended, keeps replacing its executable, or `/proc` cannot be read.
    pub fn read(&mut self, pid: u32, cgroups: &mut Cgroups) -> Result<HostProcess, ProcessError> {
        self.read_entry(open(pid)?, pid, cgroups)
    }

    /// Reads every process. Processes that end meanwhile or cannot be read are skipped.
    ///
    /// # Errors
    ///
    /// `/proc` cannot be listed.
    pub fn all(&mut self, cgroups: &mut Cgroups) -> Result<Vec<HostProcess>, ProcessError> {
        let entries = procfs::process::all_processes().map_err(ProcessError::List)?;
        let read = |entry: Entry| {
            let pid = u32::try_from(entry.pid).ok()?;
            self.read_entry(entry, pid, cgroups).ok()
        };
        Ok(entries.flatten().filter_map(read).collect())
    }

    pub(super) fn read_entry(
        &mut self,
        entry: Entry,
        pid: u32,
        cgroups: &mut Cgroups,
    ) -> Result<HostProcess, ProcessError> {
        let entry = Arc::new(entry);
        let Status { start_ns, parent_pid, uid } = Status::from_entry(&entry, pid)?;
        let image = self.image(&entry, pid, uid)?;
        let cgroup = cgroups.of_open_process(&entry);
        let after = super::stat(&entry).map_err(|error| process_error(pid, error))?;
        if super::from_ticks(after.starttime) != start_ns {
            return Err(ProcessError::Gone { pid });
        }
        let Image { path, is_deleted, origin, file, state, args, args_truncated, script, trace_parent, .. } = image;
        Ok(HostProcess {
            pid,
            start_ns,
            parent_pid,
            exe: path,
            exe_deleted: is_deleted,
            origin,
            file,
            state,
            args,
            args_truncated,
            script,
            trace_parent,
            uid,
            cgroup,
        })
    }

    fn image(&mut self, entry: &Arc<Entry>, pid: u32, uid: u32) -> Result<Image, ProcessError> {
        self.stuck.retain(|stuck| stuck.thread.strong_count() > 0);
        let is_stuck = self.stuck.iter().any(|stuck| stuck.concerns(pid, uid));
        if !is_stuck {
            match self.images.run((Arc::clone(entry), pid, self.trace_context), PATIENCE) {
                Ok(image) => return image,
                Err(GuardError::Late(within, thread)) => {
                    tracing::warn!(pid, uid, ?within, "a process does not show its executable; that stays unknown");
                    self.stuck.push(Stuck { pid, uid, thread });
                }
                Err(error) => tracing::debug!(pid, uid, %error, "the executable of a process stays unknown"),
            }
        }
        self.unread += 1;
        Ok(Image::unread(entry))
    }

    #[cfg(test)]
    pub(super) fn is_waiting(&self) -> bool {
        self.stuck.iter().any(|stuck| stuck.thread.strong_count() > 0)
    }
}

impl Stuck {
    /// Users other than root may block one thread each: their processes may do it on purpose.
    fn concerns(&self, pid: u32, uid: u32) -> bool {
        self.pid == pid || (uid != 0 && self.uid == uid)
    }
}
