//! The columns about processes.
//!
//! Half of a row describes the process and is the same for all rows of the process. These columns are built once for each process,
//! and a row stores the index of its process.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, ListBuilder, PrimitiveBuilder, StringBuilder};
use arrow_array::types::{Int32Type, TimestampNanosecondType, UInt32Type};
use arrow_array::{Array, ArrayRef, Int32Array};
use arrow_schema::ArrowError;
use arrow_select::take::take;
use egret_model::{Arguments, Completeness, Executable, Process};

use super::containers::Containers;
use super::strings::{dictionary, dictionary_index};
use crate::parquet::schema::{Kind, element};

/// The address of a process, and its completeness.
type Identity = (usize, Completeness);

/// The processes of a batch.
#[derive(Debug)]
pub(super) struct Processes {
    arguments: Arguments,
    indices: HashMap<Identity, i32>,
    /// Kept alive, so that their addresses identify them.
    alive: Vec<Arc<Process>>,
    /// The process of the previous row, which is usually that of the next row too.
    last: Option<(Identity, i32)>,
    keys: PrimitiveBuilder<Int32Type>,
    columns: Columns,
}

impl Processes {
    pub(super) fn new(arguments: Arguments) -> Self {
        Self {
            arguments,
            indices: HashMap::new(),
            alive: Vec::new(),
            last: None,
            keys: PrimitiveBuilder::new(),
            columns: Columns::default(),
        }
    }

    pub(super) fn push(&mut self, process: Option<&Arc<Process>>) {
        let key = process.map(|process| self.key(process));
        self.keys.append_option(key);
    }

    fn key(&mut self, process: &Arc<Process>) -> i32 {
        let identity = (Arc::as_ptr(process).addr(), process.completeness());
        if let Some((last, key)) = self.last
            && last == identity
        {
            return key;
        }
        let key = *self.indices.entry(identity).or_insert_with(|| {
            self.columns.push(process, &self.arguments);
            self.alive.push(Arc::clone(process));
            dictionary_index(self.alive.len() - 1)
        });
        self.last = Some((identity, key));
        key
    }

    /// The columns of version 1 of the schema, and those of later versions.
    pub(super) fn finish(&mut self) -> Result<(Vec<ArrayRef>, LaterColumns), ArrowError> {
        self.indices.clear();
        self.alive.clear();
        self.last = None;
        self.columns.finish(&self.keys.finish())
    }
}

/// Columns that later versions of the schema added.
pub(super) struct LaterColumns {
    pub(super) script: ArrayRef,
    pub(super) origin: ArrayRef,
    pub(super) build_id: ArrayRef,
    pub(super) containers: Vec<ArrayRef>,
    pub(super) user_unit: ArrayRef,
}

/// The columns with a row for each process.
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
    script: StringBuilder,
    origin: StringBuilder,
    build_id: StringBuilder,
    containers: Containers,
    user_unit: BooleanBuilder,
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
            script: StringBuilder::new(),
            origin: StringBuilder::new(),
            build_id: StringBuilder::new(),
            containers: Containers::default(),
            user_unit: BooleanBuilder::new(),
        }
    }
}

impl Columns {
    fn push(&mut self, process: &Process, arguments: &Arguments) {
        let cgroup = process.cgroup.as_deref();
        self.pid.append_value(process.pid);
        self.push_executable(&process.executable, arguments);
        self.parent_pid.append_option(process.parent_pid);
        self.uid.append_option(process.uid);
        self.user.append_option(process.user.as_deref());
        self.start_time.append_option(process.start_time.map(|time| time.0));
        self.unit.append_option(cgroup.and_then(|cgroup| cgroup.unit.as_deref()));
        self.container.append_option(cgroup.and_then(|cgroup| cgroup.container.as_deref()));
        self.runtime.append_option(cgroup.and_then(|cgroup| cgroup.runtime));
        self.user_unit.append_option(cgroup.and_then(|cgroup| cgroup.unit_named_by.is_user()));
        self.containers.push(cgroup);
    }

    fn push_executable(&mut self, executable: &Executable, arguments: &Arguments) {
        self.path.append_option(executable.file_path());
        self.origin.append_value(executable.origin.as_str());
        self.name.append_option(executable.name());
        self.sha256.append_option(executable.sha256.get().and_then(Option::as_deref));
        self.build_id.append_option(executable.build_id.get().and_then(Option::as_deref));
        let args = arguments.apply(executable);
        args.iter().for_each(|arg| self.args.values().append_value(arg));
        self.args.append(!args.is_empty());
        self.script.append_option(executable.script.recorded());
    }

    /// Expands the processes to rows: `keys` has the process of each row.
    fn finish(&mut self, keys: &Int32Array) -> Result<(Vec<ArrayRef>, LaterColumns), ArrowError> {
        let strings = |values: &mut StringBuilder| dictionary(keys.clone(), values.finish());
        let plain = |values: &dyn Array| take(values, keys, None);
        let columns = vec![
            plain(&self.pid.finish())?,
            strings(&mut self.path)?,
            strings(&mut self.name)?,
            strings(&mut self.sha256)?,
            plain(&self.args.finish())?,
            plain(&self.parent_pid.finish())?,
            plain(&self.uid.finish())?,
            strings(&mut self.user)?,
            plain(&self.start_time.finish())?,
            strings(&mut self.unit)?,
            strings(&mut self.container)?,
            strings(&mut self.runtime)?,
        ];
        let (script, origin) = (strings(&mut self.script)?, strings(&mut self.origin)?);
        let (build_id, containers) = (strings(&mut self.build_id)?, self.containers.finish(keys)?);
        let user_unit = plain(&self.user_unit.finish())?;
        Ok((columns, LaterColumns { script, origin, build_id, containers, user_unit }))
    }
}
