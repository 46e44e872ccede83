//! Encodes events as JSON lines.

mod lines;
mod object;

use egret_model::{
    Arguments, Cgroup, Container, Endpoint, Evaluation, Event, Executable, Interface, NamedBy, NetworkNamespace,
    Origin, Process,
};

pub(super) use self::lines::Lines;
use self::object::ObjectWriter;
use crate::errno::ErrnoName;
use crate::process_cache::ProcessCache;
use crate::{names, values};

/// Writes events.
#[derive(Debug)]
pub struct Writer {
    arguments: Arguments,
    /// Write by how much the totals have grown.
    deltas: bool,
    processes: ProcessCache,
}

impl Default for Writer {
    fn default() -> Self {
        Self::new(Arguments::default())
    }
}

impl Writer {
    /// A writer that writes program arguments in the form that `arguments` selects.
    #[must_use]
    pub fn new(arguments: Arguments) -> Self {
        Self { arguments, deltas: true, processes: ProcessCache::default() }
    }

    /// Whether the reader also gets updates of open connections. Without them the last event carries the totals, and deltas are
    /// not written.
    #[must_use]
    pub fn with_updates(self, updates: bool) -> Self {
        Self { deltas: updates, ..self }
    }

    /// Appends `event` to `out` as one JSON object and a newline, exactly as [`write_event`] does unless updates are off.
    pub fn write(&mut self, out: &mut Vec<u8>, event: &Event) {
        let deltas = self.deltas;
        match &event.process {
            Some(process) => {
                let text = self.processes.get_or_encode(process, || {
                    let mut text = Vec::new();
                    write_process(&mut ObjectWriter::members_only(&mut text), process, &self.arguments);
                    text
                });
                write_event_with(out, event, deltas, |object| object.members(text));
            }
            None => write_event_with(out, event, deltas, |_| {}),
        }
    }
}

/// Appends `event` to `out` as one JSON object and a newline; `arguments` selects the form of program arguments.
pub fn write_event(out: &mut Vec<u8>, event: &Event, arguments: &Arguments) {
    write_event_with(out, event, true, |object| {
        if let Some(process) = &event.process {
            write_process(object, process, arguments);
        }
    });
}

/// Writes an event. `process` writes the members that describe its process; `deltas` adds by how much the totals have grown.
fn write_event_with(out: &mut Vec<u8>, event: &Event, deltas: bool, process: impl FnOnce(&mut ObjectWriter<'_>)) {
    let mut object = ObjectWriter::new(out);
    object.time(names::TIMESTAMP, event.time);
    object.string(names::EVENT_NAME, event.name.as_str());
    object.plain(names::CONNECTION_ID, event.id);
    process(&mut object);
    write_network(&mut object, event);
    write_provenance(&mut object, event);
    write_figures(&mut object, event, deltas);
    if let Some(evaluation) = &event.evaluation {
        write_evaluation(&mut object, evaluation);
    }
    object.finish();
}

fn write_process(object: &mut ObjectWriter<'_>, process: &Process, arguments: &Arguments) {
    object.integer(names::PROCESS_PID, process.pid);
    write_executable(object, &process.executable, arguments);
    integer(object, names::PROCESS_PARENT_PID, process.parent_pid);
    integer(object, names::PROCESS_USER_ID, process.uid);
    string(object, names::PROCESS_USER_NAME, process.user.as_deref());
    if let Some(time) = process.start_time {
        object.time(names::PROCESS_START_TIME, time);
    }
    if let Some(cgroup) = &process.cgroup {
        write_cgroup(object, cgroup);
    }
}

fn write_executable(object: &mut ObjectWriter<'_>, executable: &Executable, arguments: &Arguments) {
    string(object, names::PROCESS_EXECUTABLE_PATH, executable.file_path());
    string(object, names::PROCESS_EXECUTABLE_NAME, executable.name());
    if executable.origin != Origin::Host {
        object.string(names::EXECUTABLE_ORIGIN, executable.origin.as_str());
    }
    let digest = executable.sha256.get().and_then(Option::as_deref);
    string(object, names::PROCESS_EXECUTABLE_SHA256, digest);
    let build_id = executable.build_id.get().and_then(Option::as_deref);
    string(object, names::PROCESS_EXECUTABLE_BUILD_ID, build_id);
    let args = arguments.apply(executable);
    if !args.is_empty() {
        object.strings(names::PROCESS_COMMAND_ARGS, args.iter().map(|arg| &**arg));
    }
    string(object, names::SCRIPT, executable.script.recorded());
}

fn write_cgroup(object: &mut ObjectWriter<'_>, cgroup: &Cgroup) {
    string(object, names::SYSTEMD_UNIT, cgroup.unit.as_deref());
    string(object, names::CONTAINER_ID, cgroup.container.as_deref());
    string(object, names::CONTAINER_RUNTIME, cgroup.runtime);
    for (name, by) in [(names::USER_UNIT, cgroup.unit_named_by), (names::CONTAINER_ROOTLESS, cgroup.container_named_by)]
    {
        if by == NamedBy::User {
            object.truth(name);
        }
    }
    if let Some(container) = cgroup.known_container() {
        write_container(object, container);
    }
}

fn write_container(object: &mut ObjectWriter<'_>, container: &Container) {
    string(object, names::CONTAINER_NAME, container.name.as_deref());
    if let Some(image) = &container.image {
        object.string(names::CONTAINER_IMAGE_NAME, image.name());
        if let Some(tag) = image.tag() {
            object.strings(names::CONTAINER_IMAGE_TAGS, std::iter::once(tag));
        }
    }
    if let Some(pod) = &container.pod {
        object.string(names::K8S_NAMESPACE_NAME, &pod.namespace);
        object.string(names::K8S_POD_NAME, &pod.name);
        object.string(names::K8S_WORKLOAD_NAME, &pod.workload.name);
        if let Some(kind) = pod.workload.kind {
            object.string(names::workload(kind), &pod.workload.name);
        }
    }
}

fn write_network(object: &mut ObjectWriter<'_>, event: &Event) {
    string(object, names::NETWORK_TRANSPORT, event.transport.map(|transport| transport.as_str()));
    string(object, names::NETWORK_TYPE, event.network_type().map(values::network_type));
    write_endpoint(object, names::NETWORK_LOCAL_ADDRESS, names::NETWORK_LOCAL_PORT, event.local);
    write_endpoint(object, names::NETWORK_PEER_ADDRESS, names::NETWORK_PEER_PORT, event.peer);
    string(object, names::NETWORK_INTERFACE, event.peer.interface.as_ref().map(Interface::as_str));
    if let Some(server) = &event.server {
        object.string(names::SERVER_ADDRESS, &server.name);
        object.string(names::NAME_SOURCE, values::name_source(server.source));
        if server.unverified {
            object.truth(names::NAME_UNVERIFIED);
        }
    }
    if let Some(NetworkNamespace { inode, own }) = event.namespace {
        object.integer(names::NETWORK_NAMESPACE, inode);
        if own {
            object.truth(names::NETWORK_HOST);
        }
    }
}

fn write_endpoint(object: &mut ObjectWriter<'_>, address: &str, port: &str, endpoint: Endpoint) {
    if let Some(known) = endpoint.address {
        object.plain(address, known);
    }
    integer(object, port, endpoint.port);
}

fn write_provenance(object: &mut ObjectWriter<'_>, event: &Event) {
    object.string(names::ATTRIBUTION, values::attribution(event.attribution));
    object.string(names::CAPTURE, event.layer.as_str());
    string(object, names::VERDICT, event.verdict.map(values::verdict));
    if event.inbound {
        object.truth(names::INBOUND);
    }
    if event.preexisting {
        object.truth(names::STANDING);
    }
    if event.outstanding {
        object.truth(names::CONNECT_OUTSTANDING);
    }
}

fn write_figures(object: &mut ObjectWriter<'_>, event: &Event, deltas: bool) {
    // The kernel reports zero where there was no error.
    if let Some(errno) = event.error.filter(|errno| *errno != 0) {
        object.plain(names::ERROR_TYPE, ErrnoName(errno));
    }
    integer(object, names::CONNECT_DURATION_NS, event.connect_duration_ns);
    integer(object, names::CONNECTION_DURATION_NS, event.connection_duration_ns);
    integer(object, names::BYTES_SENT, event.bytes_sent);
    integer(object, names::BYTES_RECEIVED, event.bytes_received);
    if deltas {
        integer(object, names::BYTES_SENT_DELTA, event.bytes_sent_delta);
        integer(object, names::BYTES_RECEIVED_DELTA, event.bytes_received_delta);
    }
    integer(object, names::TCP_RETRANSMITS, event.retransmits);
    integer(object, names::TCP_RTT_NS, event.rtt_ns);
}

fn write_evaluation(object: &mut ObjectWriter<'_>, evaluation: &Evaluation) {
    object.string(names::VERDICT_REASON, evaluation.reason.as_str());
    string(object, names::VERDICT_RULE, evaluation.rule.as_deref());
    object.string(names::VERDICT_ATTRIBUTION, values::attribution(evaluation.attribution));
    integer(object, names::VERDICT_DURATION_NS, evaluation.duration_ns);
}

fn string(object: &mut ObjectWriter<'_>, key: &str, value: Option<&str>) {
    if let Some(value) = value {
        object.string(key, value);
    }
}

fn integer(object: &mut ObjectWriter<'_>, key: &str, value: Option<impl Into<u64>>) {
    if let Some(value) = value {
        object.integer(key, value);
    }
}
