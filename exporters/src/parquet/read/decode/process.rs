//! Decodes processes. Rows of a process share one value, as the original events did.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{TimestampNanosecondType, UInt32Type};
use arrow_array::{Array as _, BooleanArray, ListArray, RecordBatch};
use egret_model::{Cgroup, Container, Executable, NamedBy, Origin, Process, Timestamp};

use super::container::{self, Containers};
use super::{bool_at, bools};
use crate::parquet::read::columns::{NumberColumn, StringColumn, text};
use crate::parquet::schema::column_name;
use crate::{names, values};

type Text = Arc<str>;

/// Distinguishes the processes of a batch, together with their arguments.
type Identity = ([Option<u32>; 3], Option<i64>, [Option<i32>; 10], container::Identity, NamedBy);

pub(super) struct Processes<'a> {
    pid: NumberColumn<'a, UInt32Type>,
    path: StringColumn<'a, Text>,
    name: StringColumn<'a, Text>,
    sha256: StringColumn<'a, Text>,
    build_id: StringColumn<'a, Text>,
    args: Option<&'a ListArray>,
    parent_pid: NumberColumn<'a, UInt32Type>,
    uid: NumberColumn<'a, UInt32Type>,
    user: StringColumn<'a, Text>,
    start_time: NumberColumn<'a, TimestampNanosecondType>,
    unit: StringColumn<'a, Text>,
    container: StringColumn<'a, Text>,
    runtime: StringColumn<'a, &'static str>,
    script: StringColumn<'a, Text>,
    origin: StringColumn<'a, Origin>,
    containers: Containers<'a>,
    user_unit: Option<&'a BooleanArray>,
    /// At most one for each row of the batch.
    decoded: HashMap<Identity, Arc<Process>>,
}

impl<'a> Processes<'a> {
    pub(super) fn new(rows: &'a RecordBatch) -> Self {
        let args = rows.column_by_name(&column_name(names::PROCESS_COMMAND_ARGS));
        Self {
            pid: NumberColumn::new(rows, names::PROCESS_PID),
            path: StringColumn::new(rows, names::PROCESS_EXECUTABLE_PATH, text),
            name: StringColumn::new(rows, names::PROCESS_EXECUTABLE_NAME, text),
            sha256: StringColumn::new(rows, names::PROCESS_EXECUTABLE_SHA256, text),
            build_id: StringColumn::new(rows, names::PROCESS_EXECUTABLE_BUILD_ID, text),
            args: args.and_then(|args| args.as_list_opt()),
            parent_pid: NumberColumn::new(rows, names::PROCESS_PARENT_PID),
            uid: NumberColumn::new(rows, names::PROCESS_USER_ID),
            user: StringColumn::new(rows, names::PROCESS_USER_NAME, text),
            start_time: NumberColumn::new(rows, names::PROCESS_START_TIME),
            unit: StringColumn::new(rows, names::SYSTEMD_UNIT, text),
            container: StringColumn::new(rows, names::CONTAINER_ID, text),
            runtime: StringColumn::new(rows, names::CONTAINER_RUNTIME, values::container_runtime),
            script: StringColumn::new(rows, names::SCRIPT, text),
            origin: StringColumn::new(rows, names::EXECUTABLE_ORIGIN, Origin::from_name),
            containers: Containers::new(rows),
            user_unit: bools(rows, names::USER_UNIT),
            decoded: HashMap::new(),
        }
    }

    pub(super) fn get(&mut self, row: usize) -> Option<Arc<Process>> {
        let pid = self.pid.get(row)?;
        let (identity, args) = (self.identity(row), self.args(row));
        if let Some(process) = self.decoded.get(&identity)
            && *process.executable.args == *args
        {
            return Some(Arc::clone(process));
        }
        let process = Arc::new(self.process(row, pid, args));
        self.decoded.insert(identity, Arc::clone(&process));
        Some(process)
    }

    fn identity(&self, row: usize) -> Identity {
        let columns = [&self.path, &self.name, &self.sha256, &self.user, &self.unit, &self.container, &self.script];
        let [path, name, sha256, user, unit, container, script] = columns.map(|column| column.key(row));
        let numbers = [self.pid.get(row), self.parent_pid.get(row), self.uid.get(row)];
        let (runtime, origin, build_id) = (self.runtime.key(row), self.origin.key(row), self.build_id.key(row));
        let keys = [path, name, sha256, user, unit, container, script, runtime, origin, build_id];
        (numbers, self.start_time.get(row), keys, self.containers.identity(row), self.unit_named_by(row))
    }

    fn unit_named_by(&self, row: usize) -> NamedBy {
        NamedBy::from_user(bool_at(self.user_unit, row))
    }

    fn args(&self, row: usize) -> Arc<[Text]> {
        let Some(args) = self.args.filter(|args| args.is_valid(row)) else { return Arc::default() };
        let args = args.value(row);
        args.as_string_opt::<i32>().map_or_else(Arc::default, |args| args.iter().flatten().map(Text::from).collect())
    }

    fn process(&self, row: usize, pid: u32, args: Arc<[Text]>) -> Process {
        let script = self.script.get(row);
        let in_container = self.container.get(row).is_some();
        let origin = self.origin.get(row).unwrap_or_else(|| Origin::from_old_record(in_container));
        let executable = Executable {
            origin,
            ..Executable::from_record(self.path.get(row), self.name.get(row).as_deref(), args, script.as_ref())
        };
        if let Some(digest) = self.sha256.get(row) {
            // The cell is new and empty.
            let _ = executable.sha256.set(Some(digest));
        }
        if let Some(build_id) = self.build_id.get(row) {
            let _ = executable.build_id.set(Some(build_id));
        }
        let cgroup = Cgroup {
            unit: self.unit.get(row),
            container: self.container.get(row),
            runtime: self.runtime.get(row),
            unit_named_by: self.unit_named_by(row),
            container_named_by: self.containers.named_by(row),
            ..Cgroup::default()
        };
        let cgroup = cgroup.with_recorded(self.containers.get(row));
        let nothing = Cgroup::default().with_recorded(Container::default());
        Process {
            pid,
            start_time: self.start_time.get(row).map(Timestamp),
            parent_pid: self.parent_pid.get(row),
            executable: Arc::new(executable),
            uid: self.uid.get(row),
            user: self.user.get(row),
            cgroup: Some(cgroup).filter(|cgroup| *cgroup != nothing).map(Arc::new),
        }
    }
}
