//! The columns about processes.
//!
//! Half of a row is about the process, and the same for all rows of a process: so those columns are put together for
//! each process once, and a row has only the process's number.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, PrimitiveBuilder, StringBuilder};
use arrow_array::types::{Int32Type, TimestampNanosecondType, UInt32Type};
use arrow_array::{Array, ArrayRef, Int32Array};
use arrow_schema::ArrowError;
use arrow_select::take::take;
use egret_model::{Executable, Process};

use super::super::schema::{Kind, element};
use super::words::{dictionary, number};

/// The address of a process, and which of its digests are known: they come to be known later than the rest.
type Identity = (usize, (bool, bool));

/// Processes of the rows of one batch.
#[derive(Debug)]
pub(super) struct Processes {
    seen: HashMap<Identity, i32>,
    /// Kept alive, so that their addresses stand for them.
    alive: Vec<Arc<Process>>,
    /// The process of the row before, most often that of the next too.
    last: Option<(Identity, i32)>,
    keys: PrimitiveBuilder<Int32Type>,
    columns: Columns,
}

impl Default for Processes {
    fn default() -> Self {
        Self {
            seen: HashMap::new(),
            alive: Vec::new(),
            last: None,
            keys: PrimitiveBuilder::new(),
            columns: Columns::default(),
        }
    }
}

impl Processes {
    pub(super) fn push(&mut self, process: Option<&Arc<Process>>) {
        let key = process.map(|process| self.key(process));
        self.keys.append_option(key);
    }

    fn key(&mut self, process: &Arc<Process>) -> i32 {
        let identity = (Arc::as_ptr(process).addr(), process.executable.known_digests());
        if let Some((last, key)) = self.last
            && last == identity
        {
            return key;
        }
        let key = *self.seen.entry(identity).or_insert_with(|| {
            self.columns.push(process);
            self.alive.push(Arc::clone(process));
            number(self.alive.len() - 1)
        });
        self.last = Some((identity, key));
        key
    }

    /// The columns so far, in the order of the schema, and apart from them the one that came to it later; begins new ones.
    pub(super) fn finish(&mut self) -> Result<(Vec<ArrayRef>, ArrayRef), ArrowError> {
        self.seen.clear();
        self.alive.clear();
        self.last = None;
        self.columns.finish(&self.keys.finish())
    }
}

/// A row for each process.
#[derive(Debug)]
struct Columns {
    pid: PrimitiveBuilder<UInt32Type>,
    path: StringBuilder,
    name: StringBuilder,
    sha256: StringBuilder,
    args: ListBuilder<StringBuilder>,
    parent_pid: PrimitiveBuilder<UInt32Type>,
    uid: PrimitiveBuilder<UInt32Type>,
    user: StringBuilder,
    start_time: PrimitiveBuilder<TimestampNanosecondType>,
    unit: StringBuilder,
    container: StringBuilder,
    runtime: StringBuilder,
    build_id: StringBuilder,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            pid: PrimitiveBuilder::new(),
            path: StringBuilder::new(),
            name: StringBuilder::new(),
            sha256: StringBuilder::new(),
            args: ListBuilder::new(StringBuilder::new()).with_field(element()),
            parent_pid: PrimitiveBuilder::new(),
            uid: PrimitiveBuilder::new(),
            user: StringBuilder::new(),
            start_time: PrimitiveBuilder::new().with_data_type(Kind::Time.data_type()),
            unit: StringBuilder::new(),
            container: StringBuilder::new(),
            runtime: StringBuilder::new(),
            build_id: StringBuilder::new(),
        }
    }
}

impl Columns {
    fn push(&mut self, process: &Process) {
        let cgroup = process.cgroup.as_deref();
        self.pid.append_value(process.pid);
        self.push_executable(&process.executable);
        self.parent_pid.append_option(process.parent_pid);
        self.uid.append_option(process.uid);
        self.user.append_option(process.user.as_deref());
        self.start_time.append_option(process.start_time.map(|time| time.0));
        self.unit.append_option(cgroup.and_then(|cgroup| cgroup.unit.as_deref()));
        self.container.append_option(cgroup.and_then(|cgroup| cgroup.container.as_deref()));
        self.runtime.append_option(cgroup.and_then(|cgroup| cgroup.runtime));
    }

    fn push_executable(&mut self, executable: &Executable) {
        self.path.append_option(executable.file_path());
        self.name.append_option(executable.name());
        self.sha256.append_option(executable.sha256.get().and_then(Option::as_deref));
        self.build_id.append_option(executable.build_id.get().and_then(Option::as_deref));
        executable.args.iter().for_each(|arg| self.args.values().append_value(arg));
        self.args.append(!executable.args.is_empty());
    }

    /// Spreads the processes over their rows.
    fn finish(&mut self, keys: &Int32Array) -> Result<(Vec<ArrayRef>, ArrayRef), ArrowError> {
        let words = |values: &mut StringBuilder| dictionary(keys.clone(), values.finish());
        let plain = |values: &dyn Array| take(values, keys, None);
        let columns = vec![
            plain(&self.pid.finish())?,
            words(&mut self.path)?,
            words(&mut self.name)?,
            words(&mut self.sha256)?,
            plain(&self.args.finish())?,
            plain(&self.parent_pid.finish())?,
            plain(&self.uid.finish())?,
            words(&mut self.user)?,
            plain(&self.start_time.finish())?,
            words(&mut self.unit)?,
            words(&mut self.container)?,
            words(&mut self.runtime)?,
        ];
        Ok((columns, words(&mut self.build_id)?))
    }
}
