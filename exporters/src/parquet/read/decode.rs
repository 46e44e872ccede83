//! Rows as events.

mod judgement;
mod process;

use std::net::IpAddr;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{TimestampNanosecondType, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array as _, BooleanArray, RecordBatch, StringArray};
use egret_model::{
    Attribution, ConnectionId, Endpoint, Event, EventName, Layer, NameSource, Server, Timestamp, Transport, Verdict,
};
use parquet::errors::ParquetError;
use serde::Deserialize;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error, StrDeserializer};

use self::judgement::Judgements;
use self::process::Processes;
use super::super::schema::column_name;
use super::words::{Meanings, Numbers, parsed, text};
use crate::errno::ErrnoName;
use crate::names;

/// The events of a batch. A row whose event, connection or layer is not known here gives none.
pub(super) fn events(rows: &RecordBatch) -> Result<Vec<Event>, ParquetError> {
    let mut columns = Columns::of(rows)?;
    Ok((0..rows.num_rows()).filter_map(|row| columns.event(row)).collect())
}

/// One of a fixed set of values.
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
    time: Numbers<'a, TimestampNanosecondType>,
    name: Meanings<'a, EventName>,
    id: &'a StringArray,
    processes: Processes<'a>,
    network: Network<'a>,
    provenance: Provenance<'a>,
    figures: Figures<'a>,
    judgements: Judgements<'a>,
}

impl<'a> Columns<'a> {
    fn of(rows: &'a RecordBatch) -> Result<Self, ParquetError> {
        let id = rows.column_by_name(&column_name(names::CONNECTION_ID));
        Ok(Self {
            time: Numbers::of(rows, names::TIMESTAMP),
            name: Meanings::of(rows, names::EVENT_NAME, named),
            id: id.and_then(|id| id.as_string_opt()).ok_or_else(|| missing(names::CONNECTION_ID))?,
            processes: Processes::of(rows),
            network: Network::of(rows),
            provenance: Provenance::of(rows),
            figures: Figures::of(rows),
            judgements: Judgements::of(rows),
        })
    }

    fn event(&mut self, row: usize) -> Option<Event> {
        let time = Timestamp(self.time.get(row)?);
        let id = connection(self.id.value(row))?;
        let event = Event::new(self.name.get(row)?, time, id, self.provenance.layer.get(row)?);
        let judgement = self.judgements.get(row).map(Arc::new);
        let event = Event { process: self.processes.get(row), judgement, ..event };
        Some(self.figures.put(row, self.provenance.put(row, self.network.put(row, event))))
    }
}

struct Network<'a> {
    transport: Meanings<'a, Transport>,
    local: End<'a>,
    peer: End<'a>,
    server: Meanings<'a, Arc<str>>,
    source: Meanings<'a, NameSource>,
}

impl<'a> Network<'a> {
    fn of(rows: &'a RecordBatch) -> Self {
        Self {
            transport: Meanings::of(rows, names::NETWORK_TRANSPORT, Transport::from_name),
            local: End::of(rows, names::NETWORK_LOCAL_ADDRESS, names::NETWORK_LOCAL_PORT),
            peer: End::of(rows, names::NETWORK_PEER_ADDRESS, names::NETWORK_PEER_PORT),
            server: Meanings::of(rows, names::SERVER_ADDRESS, text),
            source: Meanings::of(rows, names::NAME_SOURCE, named),
        }
    }

    fn put(&self, row: usize, event: Event) -> Event {
        let server = self.server.get(row).zip(self.source.get(row));
        Event {
            transport: self.transport.get(row),
            local: self.local.get(row),
            peer: self.peer.get(row),
            server: server.map(|(name, source)| Server { name, source, resolution: None }),
            ..event
        }
    }
}

struct End<'a> {
    address: Meanings<'a, IpAddr>,
    port: Numbers<'a, UInt16Type>,
}

impl<'a> End<'a> {
    fn of(rows: &'a RecordBatch, address: &str, port: &str) -> Self {
        Self { address: Meanings::of(rows, address, parsed), port: Numbers::of(rows, port) }
    }

    fn get(&self, row: usize) -> Endpoint {
        Endpoint { address: self.address.get(row), port: self.port.get(row) }
    }
}

struct Provenance<'a> {
    attribution: Meanings<'a, Attribution>,
    layer: Meanings<'a, Layer>,
    verdict: Meanings<'a, Verdict>,
    inbound: Option<&'a BooleanArray>,
    standing: Option<&'a BooleanArray>,
    error: Meanings<'a, i32>,
}

impl<'a> Provenance<'a> {
    fn of(rows: &'a RecordBatch) -> Self {
        let truth = |attribute| rows.column_by_name(&column_name(attribute)).and_then(|column| column.as_boolean_opt());
        let errno = |text: &str| parsed(text).map(|ErrnoName(number)| number);
        Self {
            attribution: Meanings::of(rows, names::ATTRIBUTION, named),
            layer: Meanings::of(rows, names::CAPTURE, named),
            verdict: Meanings::of(rows, names::VERDICT, named),
            inbound: truth(names::INBOUND),
            standing: truth(names::STANDING),
            error: Meanings::of(rows, names::ERROR_TYPE, errno),
        }
    }

    fn put(&self, row: usize, event: Event) -> Event {
        let is = |truth: Option<&BooleanArray>| truth.is_some_and(|truth| truth.is_valid(row) && truth.value(row));
        Event {
            attribution: self.attribution.get(row).unwrap_or(Attribution::Unknown),
            verdict: self.verdict.get(row),
            inbound: is(self.inbound),
            standing: is(self.standing),
            error: self.error.get(row),
            ..event
        }
    }
}

struct Figures<'a> {
    connect_duration: Numbers<'a, UInt64Type>,
    connection_duration: Numbers<'a, UInt64Type>,
    sent: Numbers<'a, UInt64Type>,
    received: Numbers<'a, UInt64Type>,
    sent_delta: Numbers<'a, UInt64Type>,
    received_delta: Numbers<'a, UInt64Type>,
    retransmits: Numbers<'a, UInt32Type>,
    rtt: Numbers<'a, UInt64Type>,
}

impl<'a> Figures<'a> {
    fn of(rows: &'a RecordBatch) -> Self {
        Self {
            connect_duration: Numbers::of(rows, names::CONNECT_DURATION_NS),
            connection_duration: Numbers::of(rows, names::CONNECTION_DURATION_NS),
            sent: Numbers::of(rows, names::BYTES_SENT),
            received: Numbers::of(rows, names::BYTES_RECEIVED),
            sent_delta: Numbers::of(rows, names::BYTES_SENT_DELTA),
            received_delta: Numbers::of(rows, names::BYTES_RECEIVED_DELTA),
            retransmits: Numbers::of(rows, names::TCP_RETRANSMITS),
            rtt: Numbers::of(rows, names::TCP_RTT_NS),
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
