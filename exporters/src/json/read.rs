//! Decodes lines that [`super::write_event`] wrote. Encoding the decoded event gives the same line.
//!
//! A line lacks some fields of an event: the path of the cgroup, the protocol of a raw socket and the DNS look-up of a name.

use std::net::IpAddr;
use std::sync::Arc;

use egret_model::{
    Cgroup, ConnectionId, Container, Endpoint, Evaluation, Event, Executable, Image, Interface, NamedBy,
    NetworkNamespace, Origin, Pod, Process, Server, Timestamp, Workload, WorkloadKind,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::errno::ErrnoName;
use crate::{names, values};

type Text = Arc<str>;

/// Decodes one JSON object. Unknown keys are skipped, so that lines of newer versions can be read.
///
/// # Errors
///
/// The line is not a JSON object, a required key is missing, or a value has the wrong type.
pub fn read_event(line: &[u8]) -> Result<Event, ReadError> {
    let fields = Fields::from_line(line)?;
    let event = Event::new(
        fields.required(names::EVENT_NAME)?,
        read_time(&fields, names::TIMESTAMP)?.ok_or(ReadError::Missing(names::TIMESTAMP))?,
        read_id(&fields)?,
        fields.required(names::CAPTURE)?,
    );
    let (process, evaluation) = (read_process(&fields)?.map(Arc::new), read_evaluation(&fields)?.map(Arc::new));
    let event = Event { process, evaluation, ..event };
    read_figures(&fields, read_provenance(&fields, read_network(&fields, event)?)?)
}

fn read_id(fields: &Fields) -> Result<ConnectionId, ReadError> {
    let id = fields.parse(names::CONNECTION_ID, "not two hexadecimal numbers", |text| {
        let (socket, opened) = text.split_once('-')?;
        let number = |digits| u64::from_str_radix(digits, 16).ok();
        Some(ConnectionId { socket: number(socket)?, opened: number(opened)? })
    })?;
    id.ok_or(ReadError::Missing(names::CONNECTION_ID))
}

fn read_time(fields: &Fields, key: &'static str) -> Result<Option<Timestamp>, ReadError> {
    fields.parse(key, "not a time of RFC 3339 from 1677 to 2262", |text| {
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
    let script: Option<Text> = fields.optional(names::SCRIPT)?;
    let origin = fields.parse(names::EXECUTABLE_ORIGIN, "not a known origin", Origin::from_name)?;
    let executable = Executable {
        origin: origin.unwrap_or_default(),
        ..Executable::from_record(path, name.as_deref(), args.unwrap_or_default().into(), script.as_ref())
    };
    if let Some(digest) = fields.optional(names::PROCESS_EXECUTABLE_SHA256)? {
        // The cell is new and empty.
        let _ = executable.sha256.set(Some(digest));
    }
    if let Some(build_id) = fields.optional(names::PROCESS_EXECUTABLE_BUILD_ID)? {
        let _ = executable.build_id.set(Some(build_id));
    }
    Ok(executable)
}

fn read_cgroup(fields: &Fields) -> Result<Option<Cgroup>, ReadError> {
    let (unit, container) = (fields.optional(names::SYSTEMD_UNIT)?, fields.optional(names::CONTAINER_ID)?);
    let named_by = |name, is_there: bool| {
        let is_user = read_truth(fields, name)?;
        Ok(NamedBy::from_user((is_user || is_there).then_some(is_user)))
    };
    let cgroup = Cgroup {
        unit_named_by: named_by(names::USER_UNIT, unit.is_some())?,
        container_named_by: named_by(names::CONTAINER_ROOTLESS, container.is_some())?,
        unit,
        container,
        runtime: fields.parse(names::CONTAINER_RUNTIME, "not a known runtime", values::container_runtime)?,
        ..Cgroup::default()
    };
    let cgroup = cgroup.with_recorded(read_container(fields)?);
    Ok(Some(cgroup).filter(|cgroup| *cgroup != Cgroup::default().with_recorded(Container::default())))
}

fn read_container(fields: &Fields) -> Result<Container, ReadError> {
    let tags: Option<Vec<Text>> = fields.optional(names::CONTAINER_IMAGE_TAGS)?;
    let image = fields.optional::<Text>(names::CONTAINER_IMAGE_NAME)?.map(|name| {
        let tag = tags.as_ref().and_then(|tags| tags.first());
        Image::from_parts(&name, tag.map(|tag| &**tag))
    });
    Ok(Container { name: fields.optional(names::CONTAINER_NAME)?, image, pod: read_pod(fields)? })
}

fn read_pod(fields: &Fields) -> Result<Option<Pod>, ReadError> {
    let Some(name) = fields.optional::<Text>(names::K8S_POD_NAME)? else { return Ok(None) };
    let namespace: Text = fields.required(names::K8S_NAMESPACE_NAME)?;
    let workload: Option<Text> = fields.optional(names::K8S_WORKLOAD_NAME)?;
    let mut kind = None;
    for known in WorkloadKind::ALL {
        kind = kind.or(fields.optional::<Text>(names::workload(known))?.map(|_| known));
    }
    let workload = Workload { name: workload.unwrap_or_else(|| Arc::clone(&name)), kind };
    Ok(Some(Pod::new(&namespace, &name, workload)))
}

fn read_network(fields: &Fields, event: Event) -> Result<Event, ReadError> {
    let peer = read_endpoint(fields, names::NETWORK_PEER_ADDRESS, names::NETWORK_PEER_PORT)?;
    let interface = fields.parse(names::NETWORK_INTERFACE, "not the name of an interface", Interface::from_name)?;
    Ok(Event {
        transport: fields.optional(names::NETWORK_TRANSPORT)?,
        local: read_endpoint(fields, names::NETWORK_LOCAL_ADDRESS, names::NETWORK_LOCAL_PORT)?,
        peer: peer.behind(interface),
        server: read_server(fields)?,
        namespace: read_namespace(fields)?,
        ..event
    })
}

fn read_namespace(fields: &Fields) -> Result<Option<NetworkNamespace>, ReadError> {
    let Some(inode) = fields.optional(names::NETWORK_NAMESPACE)? else { return Ok(None) };
    Ok(Some(NetworkNamespace { inode, own: read_truth(fields, names::NETWORK_HOST)? }))
}

fn read_endpoint(fields: &Fields, address: &'static str, port: &'static str) -> Result<Endpoint, ReadError> {
    let address = fields.parse(address, "not an address", |text| text.parse::<IpAddr>().ok())?;
    Ok(Endpoint { address, port: fields.optional(port)?, interface: None })
}

fn read_server(fields: &Fields) -> Result<Option<Server>, ReadError> {
    let Some(name) = fields.optional(names::SERVER_ADDRESS)? else { return Ok(None) };
    let unverified = read_truth(fields, names::NAME_UNVERIFIED)?;
    Ok(Some(Server { name, source: fields.required(names::NAME_SOURCE)?, unverified, resolution: None }))
}

fn read_provenance(fields: &Fields, event: Event) -> Result<Event, ReadError> {
    Ok(Event {
        attribution: fields.required(names::ATTRIBUTION)?,
        verdict: fields.optional(names::VERDICT)?,
        inbound: read_truth(fields, names::INBOUND)?,
        preexisting: read_truth(fields, names::STANDING)?,
        outstanding: read_truth(fields, names::CONNECT_OUTSTANDING)?,
        ..event
    })
}

fn read_figures(fields: &Fields, event: Event) -> Result<Event, ReadError> {
    let error = |text: &str| text.parse().ok().map(|ErrnoName(number)| number);
    Ok(Event {
        error: fields.parse(names::ERROR_TYPE, "not the name of an error", error)?,
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

fn read_evaluation(fields: &Fields) -> Result<Option<Evaluation>, ReadError> {
    let Some(reason) = fields.optional(names::VERDICT_REASON)? else { return Ok(None) };
    Ok(Some(Evaluation {
        reason,
        rule: fields.optional(names::VERDICT_RULE)?,
        attribution: fields.required(names::VERDICT_ATTRIBUTION)?,
        duration_ns: fields.optional(names::VERDICT_DURATION_NS)?,
    }))
}

fn read_truth(fields: &Fields, key: &'static str) -> Result<bool, ReadError> {
    Ok(fields.optional(key)?.unwrap_or_default())
}

/// Why a line cannot be decoded.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The line is not a JSON object.
    #[error("not a JSON object: {0}")]
    Syntax(serde_json::Error),
    /// A required key is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A value has the wrong type.
    #[error("{key}: {error}")]
    Type { key: &'static str, error: serde_json::Error },
    /// A value is out of range for its key.
    #[error("{key}: {reason}: {value:?}")]
    Value { key: &'static str, reason: &'static str, value: String },
}

/// The members of a line. Each is decoded on access, so that an error names its key.
struct Fields(Map<String, Value>);

impl Fields {
    fn from_line(line: &[u8]) -> Result<Self, ReadError> {
        serde_json::from_slice(line).map(Self).map_err(ReadError::Syntax)
    }

    /// The value of a key; `None` where it is absent, or null as other writers put it.
    fn optional<'a, T: Deserialize<'a>>(&'a self, key: &'static str) -> Result<Option<T>, ReadError> {
        self.0.get(key).map_or(Ok(None), Option::deserialize).map_err(|error| ReadError::Type { key, error })
    }

    fn required<'a, T: Deserialize<'a>>(&'a self, key: &'static str) -> Result<T, ReadError> {
        self.optional(key)?.ok_or(ReadError::Missing(key))
    }

    /// Parses a string; `reason` describes the error where `parse` returns `None`.
    fn parse<T>(
        &self,
        key: &'static str,
        reason: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ReadError> {
        let Some(text) = self.optional::<&str>(key)? else { return Ok(None) };
        parse(text).map(Some).ok_or_else(|| ReadError::Value { key, reason, value: text.to_owned() })
    }
}
