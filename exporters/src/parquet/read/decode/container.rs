//! Decodes containers.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, BooleanArray, ListArray, RecordBatch};
use egret_model::{Container, Image, NamedBy, Pod, Workload, WorkloadKind};

use super::{bool_at, bools};
use crate::names;
use crate::parquet::read::columns::{StringColumn, text};
use crate::parquet::schema::column_name;

type Text = Arc<str>;

/// Distinguishes states of a container within a batch: its names may become known after the first event.
pub(super) type Identity = ([Option<i32>; 3], NamedBy);

pub(super) struct Containers<'a> {
    name: StringColumn<'a, Text>,
    image: StringColumn<'a, Text>,
    tags: Option<&'a ListArray>,
    rootless: Option<&'a BooleanArray>,
    namespace: StringColumn<'a, Text>,
    pod: StringColumn<'a, Text>,
    workload: StringColumn<'a, Text>,
    kinds: [(WorkloadKind, StringColumn<'a, Text>); WorkloadKind::ALL.len()],
}

impl<'a> Containers<'a> {
    pub(super) fn new(rows: &'a RecordBatch) -> Self {
        let tags = rows.column_by_name(&column_name(names::CONTAINER_IMAGE_TAGS));
        let texts = |attribute| StringColumn::new(rows, attribute, text);
        Self {
            name: texts(names::CONTAINER_NAME),
            image: texts(names::CONTAINER_IMAGE_NAME),
            tags: tags.and_then(|tags| tags.as_list_opt()),
            rootless: bools(rows, names::CONTAINER_ROOTLESS),
            namespace: texts(names::K8S_NAMESPACE_NAME),
            pod: texts(names::K8S_POD_NAME),
            workload: texts(names::K8S_WORKLOAD_NAME),
            kinds: WorkloadKind::ALL.map(|kind| (kind, texts(names::workload(kind)))),
        }
    }

    pub(super) fn identity(&self, row: usize) -> Identity {
        ([&self.name, &self.image, &self.pod].map(|column| column.key(row)), self.named_by(row))
    }

    pub(super) fn named_by(&self, row: usize) -> NamedBy {
        NamedBy::from_user(bool_at(self.rootless, row))
    }

    pub(super) fn get(&self, row: usize) -> Container {
        let tag = self.tag(row);
        Container {
            name: self.name.get(row),
            image: self.image.get(row).map(|name| Image::from_parts(&name, tag.as_deref())),
            pod: self.pod(row),
        }
    }

    fn tag(&self, row: usize) -> Option<Text> {
        let tags = self.tags.filter(|tags| tags.is_valid(row))?.value(row);
        tags.as_string_opt::<i32>()?.iter().flatten().next().map(Text::from)
    }

    fn pod(&self, row: usize) -> Option<Pod> {
        let (name, namespace) = (self.pod.get(row)?, self.namespace.get(row)?);
        let kind = self.kinds.iter().find(|(_, names)| names.key(row).is_some()).map(|(kind, _)| *kind);
        let workload = Workload { name: self.workload.get(row).unwrap_or_else(|| Arc::clone(&name)), kind };
        Some(Pod::new(&namespace, &name, workload))
    }
}
