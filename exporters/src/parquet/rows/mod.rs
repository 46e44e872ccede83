//! Events as columns.

mod judgements;
mod processes;
mod words;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, PrimitiveBuilder, StringBuilder};
use arrow_array::types::{ArrowPrimitiveType, TimestampNanosecondType, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::ArrowError;
use egret_model::{Endpoint, Event};

use self::judgements::Judgements;
use self::processes::Processes;
use self::words::{Shown, Words};
use super::schema::{Kind, SCHEMA};
use crate::errno::ErrnoName;
use crate::values;

/// Events that are gathered before they are encoded: enough that what is done once a batch costs nothing, few enough
/// that they take about a megabyte.
pub(super) const BATCH_ROWS: usize = 8192;

/// Gathers events and gives them as columns, in the order of the schema.
#[derive(Debug)]
pub(super) struct Rows {
    count: usize,
    time: PrimitiveBuilder<TimestampNanosecondType>,
    name: Words,
    id: StringBuilder,
    processes: Processes,
    network: Network,
    provenance: Provenance,
    figures: Figures,
    judgements: Judgements,
    sent_delta: PrimitiveBuilder<UInt64Type>,
    received_delta: PrimitiveBuilder<UInt64Type>,
}

impl Default for Rows {
    fn default() -> Self {
        Self {
            count: 0,
            time: PrimitiveBuilder::new().with_data_type(Kind::Time.data_type()),
            name: Words::default(),
            id: StringBuilder::new(),
            processes: Processes::default(),
            network: Network::default(),
            provenance: Provenance::default(),
            figures: Figures::default(),
            judgements: Judgements::default(),
            sent_delta: PrimitiveBuilder::default(),
            received_delta: PrimitiveBuilder::default(),
        }
    }
}

impl Rows {
    pub(super) fn push(&mut self, event: &Event) {
        self.count += 1;
        self.time.append_value(event.time.0);
        self.name.push(Some(event.name.as_str()));
        // Appending to a column in memory does not fail.
        let _ = fmt::write(&mut self.id, format_args!("{}", event.id));
        self.id.append_value("");
        self.processes.push(event.process.as_ref());
        self.network.push(event);
        self.provenance.push(event);
        self.figures.push(event);
        self.judgements.push(event.judgement.as_deref());
        self.sent_delta.append_option(event.bytes_sent_delta);
        self.received_delta.append_option(event.bytes_received_delta);
    }

    /// Rows gathered.
    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// The rows so far; begins anew.
    pub(super) fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        self.count = 0;
        let mut columns: Vec<ArrayRef> =
            vec![Arc::new(self.time.finish()), self.name.finish()?, Arc::new(self.id.finish())];
        columns.extend(self.processes.finish()?);
        columns.extend(self.network.finish()?);
        columns.extend(self.provenance.finish()?);
        columns.extend(self.figures.finish()?);
        columns.extend(self.judgements.finish()?);
        columns.extend([column(&mut self.sent_delta), column(&mut self.received_delta)]);
        RecordBatch::try_new(Arc::clone(&SCHEMA), columns)
    }
}

fn column<T: ArrowPrimitiveType>(values: &mut PrimitiveBuilder<T>) -> ArrayRef {
    Arc::new(values.finish())
}

#[derive(Debug, Default)]
struct End {
    address: Shown<IpAddr>,
    port: PrimitiveBuilder<UInt16Type>,
}

impl End {
    fn push(&mut self, endpoint: &Endpoint) {
        self.address.push(endpoint.address.as_ref());
        self.port.append_option(endpoint.port);
    }

    fn finish(&mut self) -> Result<[ArrayRef; 2], ArrowError> {
        Ok([self.address.finish()?, column(&mut self.port)])
    }
}

#[derive(Debug, Default)]
struct Network {
    transport: Words,
    network_type: Words,
    local: End,
    peer: End,
    server: Shown<Arc<str>>,
    source: Words,
}

impl Network {
    fn push(&mut self, event: &Event) {
        self.transport.push(event.transport.map(|transport| transport.as_str()));
        self.network_type.push(event.network_type().map(values::network_type));
        self.local.push(&event.local);
        self.peer.push(&event.peer);
        self.server.push(event.server.as_ref().map(|server| &server.name));
        self.source.push(event.server.as_ref().map(|server| values::name_source(server.source)));
    }

    fn finish(&mut self) -> Result<Vec<ArrayRef>, ArrowError> {
        let mut columns = vec![self.transport.finish()?, self.network_type.finish()?];
        columns.extend(self.local.finish()?);
        columns.extend(self.peer.finish()?);
        columns.extend([self.server.finish()?, self.source.finish()?]);
        Ok(columns)
    }
}

#[derive(Debug, Default)]
struct Provenance {
    attribution: Words,
    capture: Words,
    verdict: Words,
    inbound: BooleanBuilder,
    standing: BooleanBuilder,
    error: Shown<Failure>,
}

impl Provenance {
    fn push(&mut self, event: &Event) {
        self.attribution.push(Some(values::attribution(event.attribution)));
        self.capture.push(Some(event.layer.as_str()));
        self.verdict.push(event.verdict.map(values::verdict));
        self.inbound.append_value(event.inbound);
        self.standing.append_value(event.standing);
        // Zero is what the kernel says where there was no error.
        self.error.push(event.error.filter(|errno| *errno != 0).map(Failure).as_ref());
    }

    fn finish(&mut self) -> Result<[ArrayRef; 6], ArrowError> {
        Ok([
            self.attribution.finish()?,
            self.capture.finish()?,
            self.verdict.finish()?,
            Arc::new(self.inbound.finish()),
            Arc::new(self.standing.finish()),
            self.error.finish()?,
        ])
    }
}

/// An errno as a key of its shown form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Failure(i32);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ErrnoName(self.0).fmt(f)
    }
}

#[derive(Debug, Default)]
struct Figures {
    connect_duration: PrimitiveBuilder<UInt64Type>,
    connection_duration: PrimitiveBuilder<UInt64Type>,
    sent: PrimitiveBuilder<UInt64Type>,
    received: PrimitiveBuilder<UInt64Type>,
    retransmits: PrimitiveBuilder<UInt32Type>,
    rtt: PrimitiveBuilder<UInt64Type>,
}

impl Figures {
    fn push(&mut self, event: &Event) {
        self.connect_duration.append_option(event.connect_duration_ns);
        self.connection_duration.append_option(event.connection_duration_ns);
        self.sent.append_option(event.bytes_sent);
        self.received.append_option(event.bytes_received);
        self.retransmits.append_option(event.retransmits);
        self.rtt.append_option(event.rtt_ns);
    }

    fn finish(&mut self) -> Result<[ArrayRef; 6], ArrowError> {
        Ok([
            column(&mut self.connect_duration),
            column(&mut self.connection_duration),
            column(&mut self.sent),
            column(&mut self.received),
            column(&mut self.retransmits),
            column(&mut self.rtt),
        ])
    }
}
