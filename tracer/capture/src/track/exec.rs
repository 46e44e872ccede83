//! The images of exec records.

use std::sync::Arc;

use egret_model::{Executable, FileId, FileState, Script, TraceParent, escaped};
use egret_wire::{EXEC_ARGS_TRUNCATED, EXEC_PATH_AS_TYPED, ProcessRef};

use super::processes::Processes;
use crate::host::{HostMounts, kernel_device_to_stat};
use crate::record::Exec;

impl Processes {
    /// Enters the image of an exec record.
    pub(crate) fn exec(&mut self, exec: &Exec) {
        let executable = executable_of(exec).interpreted();
        let origin = executable.origin;
        let executable = executable.doubted(|path| self.reader.has_file(origin, exec.process.pid, path));
        self.sees_directories |= exec.directory.is_some();
        let executable = self.completed(&exec.process, executable);
        self.images.put(exec.process.exec_id, executable);
    }

    /// The executable, with what `/proc` shows of it if the record lacks its path or the directory of a script.
    fn completed(&mut self, process: &ProcessRef, executable: Executable) -> Arc<Executable> {
        if executable.path.is_none() || executable.path_as_typed {
            return self.read_image(process).unwrap_or_else(|| Arc::new(executable));
        }
        // If other records have directories, this one was too deep for the kernel side. The present one is not
        // read then: the program may have changed it.
        if executable.script != Script::Unknown || executable.directory.is_some() || self.sees_directories {
            return Arc::new(executable);
        }
        let now = self.read_image(process);
        let is_same = |now: &Arc<Executable>| now.file == executable.file && now.args == executable.args;
        now.filter(is_same).unwrap_or_else(|| Arc::new(executable))
    }
}

fn executable_of(exec: &Exec) -> Executable {
    let text = |bytes: &Vec<u8>| Arc::<str>::from(escaped(bytes));
    let path = exec.path.as_ref().map(text);
    let file = (exec.inode != 0).then(|| FileId { device: kernel_device_to_stat(exec.device), inode: exec.inode });
    let changed_ns = i64::try_from(exec.changed_ns).unwrap_or(i64::MAX);
    Executable {
        origin: HostMounts::get().origin_of_exec(exec.flags, path.as_deref(), file, exec.process.pid),
        path,
        path_as_typed: exec.flags & EXEC_PATH_AS_TYPED != 0,
        file,
        state: (exec.changed_ns != 0).then_some(FileState { size: exec.size, changed_ns }),
        args: exec.args.iter().map(text).collect(),
        args_truncated: exec.flags & EXEC_ARGS_TRUNCATED != 0,
        directory: exec.directory.as_ref().map(text),
        script: Script::Inapplicable,
        trace_parent: exec.trace_parent.as_deref().and_then(trace_parent),
        ..Executable::default()
    }
}

fn trace_parent(value: &[u8]) -> Option<TraceParent> {
    TraceParent::parse(std::str::from_utf8(value).ok()?)
}
