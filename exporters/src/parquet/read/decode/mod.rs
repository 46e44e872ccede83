//! Decodes rows to events.

mod container;
mod process;

use std::net::IpAddr;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{TimestampNanosecondType, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array as _, BooleanArray, RecordBatch, StringArray};
use egret_model::{
    Attribution, ConnectionId, Endpoint, Evaluation, Event, EventName, Interface, Layer, NameSource, NetworkNamespace,
    Reason, Server, Timestamp, Transport, Verdict,
};
use parquet::errors::ParquetError;
use serde::Deserialize;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error, StrDeserializer};

use self::process::Processes;
use super::columns::{NumberColumn, StringColumn, parsed, text};
use crate::errno::ErrnoName;
use crate::names;
use crate::parquet::schema::column_name;

/// The events of a batch, without rows whose event, connection or layer this version does not know.
pub(super) fn events(rows: &RecordBatch) -> Result<Vec<Event>, ParquetError> {
    let mut columns = Columns::new(rows)?;
    Ok((0..rows.num_rows()).filter_map(|row| columns.event(row)).collect())
}

/// Parses a value by its serde name.
fn named<T: for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
    let text: StrDeserializer<'_, Error> = text.into_deserializer();
    T::deserialize(text).ok()
}

fn connection(id: &str) -> Option<ConnectionId> {
    let (socket, opened) = id.split_once('-')?;
    let number = |digits| u64::from_str_radix(digits, 16).ok();
    Some(ConnectionId { socket: number(socket)?, opened: number(opened)? })
}

fn missing(attribute: &str) -> ParquetError {
    ParquetError::General(format!("there is no column {}", column_name(attribute)))
}

struct Columns<'a> {
    time: NumberColumn<'a, TimestampNanosecondType>,
    name: StringColumn<'a, EventName>,
    id: &'a StringArray,
    processes: Processes<'a>,
    network: Network<'a>,
    provenance: Provenance<'a>,
    figures: Figures<'a>,
    evaluations: Evaluations<'a>,
    sockets: Sockets<'a>,
}

impl<'a> Columns<'a> {
    fn new(rows: &'a RecordBatch) -> Result<Self, ParquetError> {
        let id = rows.column_by_name(&column_name(names::CONNECTION_ID));
        Ok(Self {
            time: NumberColumn::new(rows, names::TIMESTAMP),
            name: StringColumn::new(rows, names::EVENT_NAME, named),
            id: id.and_then(|id| id.as_string_opt()).ok_or_else(|| missing(names::CONNECTION_ID))?,
            processes: Processes::new(rows),
            network: Network::new(rows),
            provenance: Provenance::new(rows),
            figures: Figures::new(rows),
            evaluations: Evaluations::new(rows),
            sockets: Sockets::new(rows),
        })
    }

    fn event(&mut self, row: usize) -> Option<Event> {
        let time = Timestamp(self.time.get(row)?);
        let id = connection(self.id.value(row))?;
        let event = Event::new(self.name.get(row)?, time, id, self.provenance.layer.get(row)?);
        let evaluation = self.evaluations.get(row).map(Arc::new);
        let event = Event { process: self.processes.get(row), evaluation, ..event };
        let event = self.sockets.put(row, event);
        Some(self.figures.put(row, self.provenance.put(row, self.network.put(row, event))))
    }
}

struct Network<'a> {
    transport: StringColumn<'a, Transport>,
    local: EndpointColumns<'a>,
    peer: EndpointColumns<'a>,
    interface: StringColumn<'a, Interface>,
    server: StringColumn<'a, Arc<str>>,
    source: StringColumn<'a, NameSource>,
    unverified: Option<&'a BooleanArray>,
}

impl<'a> Network<'a> {
    fn new(rows: &'a RecordBatch) -> Self {
        Self {
            transport: StringColumn::new(rows, names::NETWORK_TRANSPORT, Transport::from_name),
            local: EndpointColumns::new(rows, names::NETWORK_LOCAL_ADDRESS, names::NETWORK_LOCAL_PORT),
            peer: EndpointColumns::new(rows, names::NETWORK_PEER_ADDRESS, names::NETWORK_PEER_PORT),
            interface: StringColumn::new(rows, names::NETWORK_INTERFACE, Interface::from_name),
            server: StringColumn::new(rows, names::SERVER_ADDRESS, text),
            source: StringColumn::new(rows, names::NAME_SOURCE, named),
            unverified: bools(rows, names::NAME_UNVERIFIED),
        }
    }

    fn put(&self, row: usize, event: Event) -> Event {
        let server = self.server.get(row).zip(self.source.get(row));
        let unverified = bool_at(self.unverified, row) == Some(true);
        Event {
            transport: self.transport.get(row),
            local: self.local.get(row),
            peer: self.peer.get(row).behind(self.interface.get(row)),
            server: server.map(|(name, source)| Server { name, source, unverified, resolution: None }),
            ..event
        }
    }
}

struct EndpointColumns<'a> {
    address: StringColumn<'a, IpAddr>,
    port: NumberColumn<'a, UInt16Type>,
}

impl<'a> EndpointColumns<'a> {
    fn new(rows: &'a RecordBatch, address: &str, port: &str) -> Self {
        Self { address: StringColumn::new(rows, address, parsed), port: NumberColumn::new(rows, port) }
    }

    fn get(&self, row: usize) -> Endpoint {
        Endpoint { address: self.address.get(row), port: self.port.get(row), interface: None }
    }
}

struct Provenance<'a> {
    attribution: StringColumn<'a, Attribution>,
    layer: StringColumn<'a, Layer>,
    verdict: StringColumn<'a, Verdict>,
    inbound: Option<&'a BooleanArray>,
    preexisting: Option<&'a BooleanArray>,
    error: StringColumn<'a, i32>,
}

impl<'a> Provenance<'a> {
    fn new(rows: &'a RecordBatch) -> Self {
        let errno = |text: &str| parsed(text).map(|ErrnoName(number)| number);
        Self {
            attribution: StringColumn::new(rows, names::ATTRIBUTION, named),
            layer: StringColumn::new(rows, names::CAPTURE, named),
            verdict: StringColumn::new(rows, names::VERDICT, named),
            inbound: bools(rows, names::INBOUND),
            preexisting: bools(rows, names::STANDING),
            error: StringColumn::new(rows, names::ERROR_TYPE, errno),
        }
    }

    fn put(&self, row: usize, event: Event) -> Event {
        let is = |column: Option<&BooleanArray>| bool_at(column, row) == Some(true);
        Event {
            attribution: self.attribution.get(row).unwrap_or(Attribution::Unknown),
            verdict: self.verdict.get(row),
            inbound: is(self.inbound),
            preexisting: is(self.preexisting),
            error: self.error.get(row),
            ..event
        }
    }
}

fn bools<'a>(rows: &'a RecordBatch, attribute: &str) -> Option<&'a BooleanArray> {
    rows.column_by_name(&column_name(attribute)).and_then(|column| column.as_boolean_opt())
}

fn bool_at(column: Option<&BooleanArray>, row: usize) -> Option<bool> {
    column.filter(|column| column.is_valid(row)).map(|column| column.value(row))
}

struct Sockets<'a> {
    namespace: NumberColumn<'a, UInt32Type>,
    host: Option<&'a BooleanArray>,
    outstanding: Option<&'a BooleanArray>,
}

impl<'a> Sockets<'a> {
    fn new(rows: &'a RecordBatch) -> Self {
        Self {
            namespace: NumberColumn::new(rows, names::NETWORK_NAMESPACE),
            host: bools(rows, names::NETWORK_HOST),
            outstanding: bools(rows, names::CONNECT_OUTSTANDING),
        }
    }

    fn put(&self, row: usize, event: Event) -> Event {
        let own = bool_at(self.host, row) == Some(true);
        Event {
            namespace: self.namespace.get(row).map(|inode| NetworkNamespace { inode, own }),
            outstanding: bool_at(self.outstanding, row) == Some(true),
            ..event
        }
    }
}

struct Figures<'a> {
    connect_duration: NumberColumn<'a, UInt64Type>,
    connection_duration: NumberColumn<'a, UInt64Type>,
    sent: NumberColumn<'a, UInt64Type>,
    received: NumberColumn<'a, UInt64Type>,
    sent_delta: NumberColumn<'a, UInt64Type>,
    received_delta: NumberColumn<'a, UInt64Type>,
    retransmits: NumberColumn<'a, UInt32Type>,
    rtt: NumberColumn<'a, UInt64Type>,
}

impl<'a> Figures<'a> {
    fn new(rows: &'a RecordBatch) -> Self {
        Self {
            connect_duration: NumberColumn::new(rows, names::CONNECT_DURATION_NS),
            connection_duration: NumberColumn::new(rows, names::CONNECTION_DURATION_NS),
            sent: NumberColumn::new(rows, names::BYTES_SENT),
            received: NumberColumn::new(rows, names::BYTES_RECEIVED),
            sent_delta: NumberColumn::new(rows, names::BYTES_SENT_DELTA),
            received_delta: NumberColumn::new(rows, names::BYTES_RECEIVED_DELTA),
            retransmits: NumberColumn::new(rows, names::TCP_RETRANSMITS),
            rtt: NumberColumn::new(rows, names::TCP_RTT_NS),
        }
    }

    fn put(&self, row: usize, event: Event) -> Event {
        Event {
            connect_duration_ns: self.connect_duration.get(row),
            connection_duration_ns: self.connection_duration.get(row),
            bytes_sent: self.sent.get(row),
            bytes_received: self.received.get(row),
            bytes_sent_delta: self.sent_delta.get(row),
            bytes_received_delta: self.received_delta.get(row),
            retransmits: self.retransmits.get(row),
            rtt_ns: self.rtt.get(row),
            ..event
        }
    }
}

/// The columns about an evaluation, beside the verdict itself.
struct Evaluations<'a> {
    reason: StringColumn<'a, Reason>,
    rule: StringColumn<'a, Arc<str>>,
    attribution: StringColumn<'a, Attribution>,
    duration: NumberColumn<'a, UInt64Type>,
}

impl<'a> Evaluations<'a> {
    fn new(rows: &'a RecordBatch) -> Self {
        Self {
            reason: StringColumn::new(rows, names::VERDICT_REASON, named),
            rule: StringColumn::new(rows, names::VERDICT_RULE, text),
            attribution: StringColumn::new(rows, names::VERDICT_ATTRIBUTION, named),
            duration: NumberColumn::new(rows, names::VERDICT_DURATION_NS),
        }
    }

    /// `None` where the row has no evaluation, or one with a reason unknown to this version.
    fn get(&self, row: usize) -> Option<Evaluation> {
        Some(Evaluation {
            reason: self.reason.get(row)?,
            rule: self.rule.get(row),
            attribution: self.attribution.get(row).unwrap_or(Attribution::Unknown),
            duration_ns: self.duration.get(row),
        })
    }
}
