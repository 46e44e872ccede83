//! The processes of rows. Rows of the same process share it, as the events did that they were written from.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{TimestampNanosecondType, UInt32Type};
use arrow_array::{Array as _, ListArray, RecordBatch};
use egret_model::{Cgroup, Executable, Process, Timestamp};

use super::super::super::schema::column_name;
use super::super::words::{Meanings, Numbers, text};
use crate::{names, values};

type Text = Arc<str>;

/// What tells the processes of a batch apart, besides their arguments.
type Identity = ([Option<u32>; 3], Option<i64>, [Option<i32>; 8]);

pub(super) struct Processes<'a> {
    pid: Numbers<'a, UInt32Type>,
    path: Meanings<'a, Text>,
    name: Meanings<'a, Text>,
    sha256: Meanings<'a, Text>,
    build_id: Meanings<'a, Text>,
    args: Option<&'a ListArray>,
    parent_pid: Numbers<'a, UInt32Type>,
    uid: Numbers<'a, UInt32Type>,
    user: Meanings<'a, Text>,
    start_time: Numbers<'a, TimestampNanosecondType>,
    unit: Meanings<'a, Text>,
    container: Meanings<'a, Text>,
    runtime: Meanings<'a, &'static str>,
    /// No more than rows of a batch.
    seen: HashMap<Identity, Arc<Process>>,
}

impl<'a> Processes<'a> {
    pub(super) fn of(rows: &'a RecordBatch) -> Self {
        let args = rows.column_by_name(&column_name(names::PROCESS_COMMAND_ARGS));
        Self {
            pid: Numbers::of(rows, names::PROCESS_PID),
            path: Meanings::of(rows, names::PROCESS_EXECUTABLE_PATH, text),
            name: Meanings::of(rows, names::PROCESS_EXECUTABLE_NAME, text),
            sha256: Meanings::of(rows, names::PROCESS_EXECUTABLE_SHA256, text),
            build_id: Meanings::of(rows, names::PROCESS_EXECUTABLE_BUILD_ID, text),
            args: args.and_then(|args| args.as_list_opt()),
            parent_pid: Numbers::of(rows, names::PROCESS_PARENT_PID),
            uid: Numbers::of(rows, names::PROCESS_USER_ID),
            user: Meanings::of(rows, names::PROCESS_USER_NAME, text),
            start_time: Numbers::of(rows, names::PROCESS_START_TIME),
            unit: Meanings::of(rows, names::SYSTEMD_UNIT, text),
            container: Meanings::of(rows, names::CONTAINER_ID, text),
            runtime: Meanings::of(rows, names::CONTAINER_RUNTIME, values::container_runtime),
            seen: HashMap::new(),
        }
    }

    /// The process of a row.
    pub(super) fn get(&mut self, row: usize) -> Option<Arc<Process>> {
        let pid = self.pid.get(row)?;
        let (identity, args) = (self.identity(row), self.args(row));
        if let Some(process) = self.seen.get(&identity)
            && *process.executable.args == *args
        {
            return Some(Arc::clone(process));
        }
        let process = Arc::new(self.process(row, pid, args));
        self.seen.insert(identity, Arc::clone(&process));
        Some(process)
    }

    fn identity(&self, row: usize) -> Identity {
        let words = [&self.path, &self.name, &self.sha256, &self.build_id, &self.user, &self.unit, &self.container];
        let [path, name, sha256, build_id, user, unit, container] = words.map(|words| words.key(row));
        let numbers = [self.pid.get(row), self.parent_pid.get(row), self.uid.get(row)];
        let runtime = self.runtime.key(row);
        (numbers, self.start_time.get(row), [path, name, sha256, build_id, user, unit, container, runtime])
    }

    fn args(&self, row: usize) -> Arc<[Text]> {
        let Some(args) = self.args.filter(|args| args.is_valid(row)) else { return Arc::default() };
        let args = args.value(row);
        args.as_string_opt::<i32>().map_or_else(Arc::default, |args| args.iter().flatten().map(Text::from).collect())
    }

    fn process(&self, row: usize, pid: u32, args: Arc<[Text]>) -> Process {
        let executable = Executable::of_record(self.path.get(row), self.name.get(row).as_deref(), args);
        if let Some(digest) = self.sha256.get(row) {
            // It was made just now, and nobody else has it.
            let _ = executable.sha256.set(Some(digest));
        }
        if let Some(build_id) = self.build_id.get(row) {
            let _ = executable.build_id.set(Some(build_id));
        }
        let cgroup = Cgroup {
            unit: self.unit.get(row),
            container: self.container.get(row),
            runtime: self.runtime.get(row),
            ..Cgroup::default()
        };
        Process {
            pid,
            start_time: self.start_time.get(row).map(Timestamp),
            parent_pid: self.parent_pid.get(row),
            executable: Arc::new(executable),
            uid: self.uid.get(row),
            user: self.user.get(row),
            cgroup: Some(cgroup).filter(|cgroup| *cgroup != Cgroup::default()).map(Arc::new),
        }
    }
}
