//! JSON lines: one object an event, keys from [`crate::names`].
//!
//! What is not known has no key: there is no `null`, no empty string and no zero that stands for "unknown".

mod fields;
mod lines;
mod object;
mod output;
mod read;
mod settings;
mod sink;
mod writer;

use egret_model::{Cgroup, Endpoint, Event, Executable, Judgement, Process};

pub use self::fields::ReadError;
use self::object::ObjectWriter;
pub use self::output::Error;
pub use self::read::read_event;
pub use self::settings::{Destination, Settings};
pub use self::sink::{Reopener, Sink};
pub use self::writer::Writer;
use crate::errno::ErrnoName;
use crate::{names, values};

/// Appends `event` to `out` as one JSON object and a newline.
pub fn write_event(out: &mut Vec<u8>, event: &Event) {
    write_event_with(out, event, |object| {
        if let Some(process) = &event.process {
            write_process(object, process);
        }
    });
}

/// An event, with the members about its process written by `process`.
fn write_event_with(out: &mut Vec<u8>, event: &Event, process: impl FnOnce(&mut ObjectWriter<'_>)) {
    let mut object = ObjectWriter::new(out);
    object.time(names::TIMESTAMP, event.time);
    object.string(names::EVENT_NAME, event.name.as_str());
    object.plain(names::CONNECTION_ID, event.id);
    process(&mut object);
    write_network(&mut object, event);
    write_provenance(&mut object, event);
    write_figures(&mut object, event);
    if let Some(judgement) = &event.judgement {
        write_judgement(&mut object, judgement);
    }
    object.finish();
}

fn write_process(object: &mut ObjectWriter<'_>, process: &Process) {
    object.integer(names::PROCESS_PID, process.pid);
    write_executable(object, &process.executable);
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

fn write_executable(object: &mut ObjectWriter<'_>, executable: &Executable) {
    string(object, names::PROCESS_EXECUTABLE_PATH, executable.file_path());
    string(object, names::PROCESS_EXECUTABLE_NAME, executable.name());
    let digest = executable.sha256.get().and_then(Option::as_deref);
    string(object, names::PROCESS_EXECUTABLE_SHA256, digest);
    if !executable.args.is_empty() {
        object.strings(names::PROCESS_COMMAND_ARGS, executable.args.iter().map(|arg| &**arg));
    }
}

fn write_cgroup(object: &mut ObjectWriter<'_>, cgroup: &Cgroup) {
    string(object, names::SYSTEMD_UNIT, cgroup.unit.as_deref());
    string(object, names::CONTAINER_ID, cgroup.container.as_deref());
    string(object, names::CONTAINER_RUNTIME, cgroup.runtime);
}

fn write_network(object: &mut ObjectWriter<'_>, event: &Event) {
    string(object, names::NETWORK_TRANSPORT, event.transport.map(|transport| transport.as_str()));
    string(object, names::NETWORK_TYPE, event.network_type().map(values::network_type));
    write_endpoint(object, names::NETWORK_LOCAL_ADDRESS, names::NETWORK_LOCAL_PORT, event.local);
    write_endpoint(object, names::NETWORK_PEER_ADDRESS, names::NETWORK_PEER_PORT, event.peer);
    if let Some(server) = &event.server {
        object.string(names::SERVER_ADDRESS, &server.name);
        object.string(names::NAME_SOURCE, values::name_source(server.source));
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
    if event.standing {
        object.truth(names::STANDING);
    }
}

fn write_figures(object: &mut ObjectWriter<'_>, event: &Event) {
    // Zero is what the kernel says where there was no error.
    if let Some(errno) = event.error.filter(|errno| *errno != 0) {
        object.plain(names::ERROR_TYPE, ErrnoName(errno));
    }
    integer(object, names::CONNECT_DURATION_NS, event.connect_duration_ns);
    integer(object, names::CONNECTION_DURATION_NS, event.connection_duration_ns);
    integer(object, names::BYTES_SENT, event.bytes_sent);
    integer(object, names::BYTES_RECEIVED, event.bytes_received);
    integer(object, names::BYTES_SENT_DELTA, event.bytes_sent_delta);
    integer(object, names::BYTES_RECEIVED_DELTA, event.bytes_received_delta);
    integer(object, names::TCP_RETRANSMITS, event.retransmits);
    integer(object, names::TCP_RTT_NS, event.rtt_ns);
}

fn write_judgement(object: &mut ObjectWriter<'_>, judgement: &Judgement) {
    object.string(names::VERDICT_REASON, judgement.reason.as_str());
    string(object, names::VERDICT_RULE, judgement.rule.as_deref());
    object.string(names::VERDICT_ATTRIBUTION, values::attribution(judgement.attribution));
    integer(object, names::VERDICT_DURATION_NS, judgement.duration_ns);
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
