//! The columns about containers, with a row for each process.

use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, ListBuilder, StringBuilder};
use arrow_array::{Array, ArrayRef, Int32Array};
use arrow_schema::ArrowError;
use arrow_select::take::take;
use egret_model::{Cgroup, Image, WorkloadKind};

use super::strings::dictionary;
use crate::parquet::schema::element;

#[derive(Debug)]
pub(super) struct Containers {
    name: StringBuilder,
    image: StringBuilder,
    tags: ListBuilder<StringBuilder>,
    rootless: BooleanBuilder,
    namespace: StringBuilder,
    pod: StringBuilder,
    workload: StringBuilder,
    kinds: [(WorkloadKind, StringBuilder); WorkloadKind::ALL.len()],
}

impl Default for Containers {
    fn default() -> Self {
        Self {
            name: StringBuilder::new(),
            image: StringBuilder::new(),
            tags: ListBuilder::new(StringBuilder::new()).with_field(element()),
            rootless: BooleanBuilder::new(),
            namespace: StringBuilder::new(),
            pod: StringBuilder::new(),
            workload: StringBuilder::new(),
            kinds: WorkloadKind::ALL.map(|kind| (kind, StringBuilder::new())),
        }
    }
}

impl Containers {
    pub(super) fn push(&mut self, cgroup: Option<&Cgroup>) {
        let container = cgroup.and_then(Cgroup::known_container);
        let image = container.and_then(|container| container.image.as_ref());
        let pod = container.and_then(|container| container.pod.as_ref());
        let tag = image.and_then(Image::tag);
        self.name.append_option(container.and_then(|container| container.name.as_deref()));
        self.image.append_option(image.map(Image::name));
        tag.into_iter().for_each(|tag| self.tags.values().append_value(tag));
        self.tags.append(tag.is_some());
        self.rootless.append_option(cgroup.and_then(|cgroup| cgroup.container_named_by.is_user()));
        self.namespace.append_option(pod.map(|pod| &*pod.namespace));
        self.pod.append_option(pod.map(|pod| &*pod.name));
        self.workload.append_option(pod.map(|pod| &*pod.workload.name));
        for (kind, column) in &mut self.kinds {
            let of_kind = pod.filter(|pod| pod.workload.kind == Some(*kind));
            column.append_option(of_kind.map(|pod| &*pod.workload.name));
        }
    }

    /// Expands the processes to rows: `keys` has the process of each row.
    pub(super) fn finish(&mut self, keys: &Int32Array) -> Result<Vec<ArrayRef>, ArrowError> {
        let strings = |values: &mut StringBuilder| dictionary(keys.clone(), values.finish());
        let plain = |values: Arc<dyn Array>| take(&values, keys, None);
        let mut columns = vec![
            strings(&mut self.name)?,
            strings(&mut self.image)?,
            plain(Arc::new(self.tags.finish()))?,
            plain(Arc::new(self.rootless.finish()))?,
            strings(&mut self.namespace)?,
            strings(&mut self.pod)?,
            strings(&mut self.workload)?,
        ];
        for (_, column) in &mut self.kinds {
            columns.push(strings(column)?);
        }
        Ok(columns)
    }
}
