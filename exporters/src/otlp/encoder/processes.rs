//! A cache of the encoded attributes of processes.

use std::sync::Arc;

use egret_model::{Arguments, Cgroup, Container, Executable, Image, NamedBy, Origin, Process, Timestamp};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use super::attributes::Attributes;
use crate::names;
use crate::process_cache::ProcessCache;

/// Caches the attributes of processes, encoded as fields of a span.
#[derive(Debug, Default)]
pub(super) struct Processes {
    arguments: Arguments,
    cache: ProcessCache,
}

impl Processes {
    pub(super) fn new(arguments: Arguments) -> Self {
        Self { arguments, ..Self::default() }
    }

    /// The encoding of a [`Span`] that has only the attributes of the process.
    pub(super) fn encoded(&mut self, process: &Arc<Process>) -> &[u8] {
        self.cache.get_or_encode(process, || {
            Span { attributes: attributes(process, &self.arguments).into(), ..Span::default() }.encode_to_vec()
        })
    }
}

fn attributes(process: &Process, arguments: &Arguments) -> Attributes {
    let mut attributes = Attributes::with_capacity(13);
    attributes.integer(names::PROCESS_PID, Some(process.pid));
    executable(&mut attributes, &process.executable, arguments);
    attributes.integer(names::PROCESS_PARENT_PID, process.parent_pid);
    attributes.integer(names::PROCESS_USER_ID, process.uid);
    attributes.string(names::PROCESS_USER_NAME, process.user.as_deref());
    attributes.string(names::PROCESS_START_TIME, process.start_time.map(Timestamp::to_rfc3339).as_deref());
    if let Some(group) = &process.cgroup {
        cgroup(&mut attributes, group);
    }
    attributes
}

fn executable(attributes: &mut Attributes, executable: &Executable, arguments: &Arguments) {
    attributes.string(names::PROCESS_EXECUTABLE_PATH, executable.file_path());
    attributes.string(names::PROCESS_EXECUTABLE_NAME, executable.name());
    let digest = executable.sha256.get().and_then(Option::as_deref);
    attributes.string(names::PROCESS_EXECUTABLE_SHA256, digest);
    let origin = Some(executable.origin).filter(|origin| *origin != Origin::Host);
    attributes.string(names::EXECUTABLE_ORIGIN, origin.map(Origin::as_str));
    let build_id = executable.build_id.get().and_then(Option::as_deref);
    attributes.string(names::PROCESS_EXECUTABLE_BUILD_ID, build_id);
    attributes.strings(names::PROCESS_COMMAND_ARGS, arguments.apply(executable).iter().map(|arg| &**arg));
    attributes.string(names::SCRIPT, executable.script.recorded());
}

fn cgroup(attributes: &mut Attributes, cgroup: &Cgroup) {
    attributes.string(names::SYSTEMD_UNIT, cgroup.unit.as_deref());
    attributes.string(names::CONTAINER_ID, cgroup.container.as_deref());
    attributes.string(names::CONTAINER_RUNTIME, cgroup.runtime);
    attributes.flag(names::USER_UNIT, cgroup.unit_named_by == NamedBy::User);
    attributes.flag(names::CONTAINER_ROOTLESS, cgroup.container_named_by == NamedBy::User);
    if let Some(found) = cgroup.known_container() {
        container(attributes, found);
    }
}

fn container(attributes: &mut Attributes, container: &Container) {
    let image = container.image.as_ref();
    attributes.string(names::CONTAINER_NAME, container.name.as_deref());
    attributes.string(names::CONTAINER_IMAGE_NAME, image.map(Image::name));
    attributes.strings(names::CONTAINER_IMAGE_TAGS, image.and_then(Image::tag).into_iter());
    let Some(pod) = &container.pod else { return };
    attributes.string(names::K8S_NAMESPACE_NAME, Some(&pod.namespace));
    attributes.string(names::K8S_POD_NAME, Some(&pod.name));
    attributes.string(names::K8S_WORKLOAD_NAME, Some(&pod.workload.name));
    if let Some(kind) = pod.workload.kind {
        attributes.string(names::workload(kind), Some(&pod.workload.name));
    }
}
