//! Reads a line back. What [`super::write_event`] wrote of an event, writing what was read writes again.
//!
//! A record does not say everything: of a control group's path, the protocol of a raw socket and the look-up behind a
//! name nothing is left.

use std::net::IpAddr;
use std::sync::Arc;

use egret_model::{Cgroup, ConnectionId, Endpoint, Event, Executable, Judgement, Process, Server, Timestamp};

use super::fields::{Fields, ReadError};
use crate::errno::ErrnoName;
use crate::{names, values};

type Text = Arc<str>;

/// Reads one JSON object. Keys that are not known are skipped, so that newer writers can be read.
///
/// # Errors
///
/// The line is no JSON object; a key that every record has is missing; or the value of a key is not of its kind.
pub fn read_event(line: &[u8]) -> Result<Event, ReadError> {
    let fields = Fields::parse(line)?;
    let event = Event::new(
        fields.required(names::EVENT_NAME)?,
        read_time(&fields, names::TIMESTAMP)?.ok_or(ReadError::Missing(names::TIMESTAMP))?,
        read_id(&fields)?,
        fields.required(names::CAPTURE)?,
    );
    let (process, judgement) = (read_process(&fields)?.map(Arc::new), read_judgement(&fields)?.map(Arc::new));
    let event = Event { process, judgement, ..event };
    read_figures(&fields, read_provenance(&fields, read_network(&fields, event)?)?)
}

fn read_id(fields: &Fields) -> Result<ConnectionId, ReadError> {
    let id = fields.understood(names::CONNECTION_ID, "not two hexadecimal numbers", |text| {
        let (socket, opened) = text.split_once('-')?;
        let number = |digits| u64::from_str_radix(digits, 16).ok();
        Some(ConnectionId { socket: number(socket)?, opened: number(opened)? })
    })?;
    id.ok_or(ReadError::Missing(names::CONNECTION_ID))
}

fn read_time(fields: &Fields, key: &'static str) -> Result<Option<Timestamp>, ReadError> {
    fields.understood(key, "not a time of RFC 3339 from 1677 to 2262", |text| {
        let time: jiff::Timestamp = text.parse().ok()?;
        i64::try_from(time.as_nanosecond()).ok().map(Timestamp)
    })
}

fn read_process(fields: &Fields) -> Result<Option<Process>, ReadError> {
    let Some(pid) = fields.optional(names::PROCESS_PID)? else { return Ok(None) };
    Ok(Some(Process {
        pid,
        start_time: read_time(fields, names::PROCESS_START_TIME)?,
        parent_pid: fields.optional(names::PROCESS_PARENT_PID)?,
        executable: Arc::new(read_executable(fields)?),
        uid: fields.optional(names::PROCESS_USER_ID)?,
        user: fields.optional(names::PROCESS_USER_NAME)?,
        cgroup: read_cgroup(fields)?.map(Arc::new),
    }))
}

fn read_executable(fields: &Fields) -> Result<Executable, ReadError> {
    let name: Option<Text> = fields.optional(names::PROCESS_EXECUTABLE_NAME)?;
    let args: Option<Vec<Text>> = fields.optional(names::PROCESS_COMMAND_ARGS)?;
    let path = fields.optional(names::PROCESS_EXECUTABLE_PATH)?;
    let executable = Executable::of_record(path, name.as_deref(), args.unwrap_or_default().into());
    if let Some(digest) = fields.optional(names::PROCESS_EXECUTABLE_SHA256)? {
        // It was made just now, and nobody else has it.
        let _ = executable.sha256.set(Some(digest));
    }
    Ok(executable)
}

fn read_cgroup(fields: &Fields) -> Result<Option<Cgroup>, ReadError> {
    let cgroup = Cgroup {
        unit: fields.optional(names::SYSTEMD_UNIT)?,
        container: fields.optional(names::CONTAINER_ID)?,
        runtime: fields.understood(names::CONTAINER_RUNTIME, "not a known runtime", values::container_runtime)?,
        ..Cgroup::default()
    };
    Ok(Some(cgroup).filter(|cgroup| *cgroup != Cgroup::default()))
}

fn read_network(fields: &Fields, event: Event) -> Result<Event, ReadError> {
    Ok(Event {
        transport: fields.optional(names::NETWORK_TRANSPORT)?,
        local: read_endpoint(fields, names::NETWORK_LOCAL_ADDRESS, names::NETWORK_LOCAL_PORT)?,
        peer: read_endpoint(fields, names::NETWORK_PEER_ADDRESS, names::NETWORK_PEER_PORT)?,
        server: read_server(fields)?,
        ..event
    })
}

fn read_endpoint(fields: &Fields, address: &'static str, port: &'static str) -> Result<Endpoint, ReadError> {
    let address = fields.understood(address, "not an address", |text| text.parse::<IpAddr>().ok())?;
    Ok(Endpoint { address, port: fields.optional(port)? })
}

fn read_server(fields: &Fields) -> Result<Option<Server>, ReadError> {
    let Some(name) = fields.optional(names::SERVER_ADDRESS)? else { return Ok(None) };
    Ok(Some(Server { name, source: fields.required(names::NAME_SOURCE)?, resolution: None }))
}

fn read_provenance(fields: &Fields, event: Event) -> Result<Event, ReadError> {
    Ok(Event {
        attribution: fields.required(names::ATTRIBUTION)?,
        verdict: fields.optional(names::VERDICT)?,
        inbound: read_truth(fields, names::INBOUND)?,
        standing: read_truth(fields, names::STANDING)?,
        ..event
    })
}

fn read_figures(fields: &Fields, event: Event) -> Result<Event, ReadError> {
    let error = |text: &str| text.parse().ok().map(|ErrnoName(number)| number);
    Ok(Event {
        error: fields.understood(names::ERROR_TYPE, "not the name of an error", error)?,
        connect_duration_ns: fields.optional(names::CONNECT_DURATION_NS)?,
        connection_duration_ns: fields.optional(names::CONNECTION_DURATION_NS)?,
        bytes_sent: fields.optional(names::BYTES_SENT)?,
        bytes_received: fields.optional(names::BYTES_RECEIVED)?,
        bytes_sent_delta: fields.optional(names::BYTES_SENT_DELTA)?,
        bytes_received_delta: fields.optional(names::BYTES_RECEIVED_DELTA)?,
        retransmits: fields.optional(names::TCP_RETRANSMITS)?,
        rtt_ns: fields.optional(names::TCP_RTT_NS)?,
        ..event
    })
}

fn read_judgement(fields: &Fields) -> Result<Option<Judgement>, ReadError> {
    let Some(reason) = fields.optional(names::VERDICT_REASON)? else { return Ok(None) };
    Ok(Some(Judgement {
        reason,
        rule: fields.optional(names::VERDICT_RULE)?,
        attribution: fields.required(names::VERDICT_ATTRIBUTION)?,
        duration_ns: fields.optional(names::VERDICT_DURATION_NS)?,
    }))
}

fn read_truth(fields: &Fields, key: &'static str) -> Result<bool, ReadError> {
    Ok(fields.optional(key)?.unwrap_or_default())
}
