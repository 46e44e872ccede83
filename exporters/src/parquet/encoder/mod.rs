//! Encodes events as columns.
//!
//! Every `finish` returns the columns of the rows so far, in the order of the schema, and resets the builder.

mod containers;
mod file;
mod processes;
mod properties;
mod strings;
mod updates;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, PrimitiveBuilder, StringBuilder};
use arrow_array::types::{ArrowPrimitiveType, TimestampNanosecondType, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::ArrowError;
use egret_model::{Arguments, Endpoint, Evaluation, Event, Interface, Reason};

pub(super) use self::file::{OpenFile, WriteError};
use self::processes::Processes;
pub(super) use self::properties::options;
use self::strings::{DisplayColumn, FixedColumn};
pub(super) use self::updates::Updates;
use super::schema::{Kind, SCHEMA};
use crate::errno::ErrnoName;
use crate::values;

/// Rows in a batch: enough to make the cost of a batch negligible, few enough to take about a megabyte.
const BATCH_ROWS: usize = 8192;

/// A batch of rows, by column.
#[derive(Debug)]
struct Rows {
    count: usize,
    time: PrimitiveBuilder<TimestampNanosecondType>,
    name: FixedColumn,
    id: StringBuilder,
    processes: Processes,
    network: Network,
    provenance: Provenance,
    figures: Figures,
    evaluations: Evaluations,
    sockets: Sockets,
    sent_delta: PrimitiveBuilder<UInt64Type>,
    received_delta: PrimitiveBuilder<UInt64Type>,
    unverified: BooleanBuilder,
    interface: DisplayColumn<Interface>,
}

impl Rows {
    fn new(arguments: Arguments) -> Self {
        Self {
            count: 0,
            time: PrimitiveBuilder::new().with_data_type(Kind::Time.data_type()),
            name: FixedColumn::default(),
            id: StringBuilder::new(),
            processes: Processes::new(arguments),
            network: Network::default(),
            provenance: Provenance::default(),
            figures: Figures::default(),
            evaluations: Evaluations::default(),
            sockets: Sockets::default(),
            sent_delta: PrimitiveBuilder::default(),
            received_delta: PrimitiveBuilder::default(),
            unverified: BooleanBuilder::new(),
            interface: DisplayColumn::default(),
        }
    }

    fn push(&mut self, event: &Event) {
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
        self.evaluations.push(event.evaluation.as_deref());
        self.sockets.push(event);
        self.sent_delta.append_option(event.bytes_sent_delta);
        self.received_delta.append_option(event.bytes_received_delta);
        self.unverified.append_option(event.server.as_ref().map(|server| server.unverified));
        self.interface.push(event.peer.interface.as_ref());
    }

    const fn len(&self) -> usize {
        self.count
    }

    fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        self.count = 0;
        let mut columns: Vec<ArrayRef> =
            vec![Arc::new(self.time.finish()), self.name.finish()?, Arc::new(self.id.finish())];
        let (processes, later) = self.processes.finish()?;
        columns.extend(processes);
        columns.extend(self.network.finish()?);
        columns.extend(self.provenance.finish()?);
        columns.extend(self.figures.finish()?);
        columns.extend(self.evaluations.finish()?);
        columns.push(later.script);
        columns.extend(self.sockets.finish());
        columns.extend([later.origin, later.build_id]);
        columns.extend([column(&mut self.sent_delta), column(&mut self.received_delta)]);
        columns.push(Arc::new(self.unverified.finish()));
        columns.extend(later.containers);
        columns.push(self.interface.finish()?);
        columns.push(later.user_unit);
        RecordBatch::try_new(Arc::clone(&SCHEMA), columns)
    }
}

fn column<T: ArrowPrimitiveType>(values: &mut PrimitiveBuilder<T>) -> ArrayRef {
    Arc::new(values.finish())
}

#[derive(Debug, Default)]
struct EndpointColumns {
    address: DisplayColumn<IpAddr>,
    port: PrimitiveBuilder<UInt16Type>,
}

impl EndpointColumns {
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
    transport: FixedColumn,
    network_type: FixedColumn,
    local: EndpointColumns,
    peer: EndpointColumns,
    server: DisplayColumn<Arc<str>>,
    source: FixedColumn,
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
    attribution: FixedColumn,
    capture: FixedColumn,
    verdict: FixedColumn,
    inbound: BooleanBuilder,
    preexisting: BooleanBuilder,
    error: DisplayColumn<ErrorKey>,
}

impl Provenance {
    fn push(&mut self, event: &Event) {
        self.attribution.push(Some(values::attribution(event.attribution)));
        self.capture.push(Some(event.layer.as_str()));
        self.verdict.push(event.verdict.map(values::verdict));
        self.inbound.append_value(event.inbound);
        self.preexisting.append_value(event.preexisting);
        // The kernel reports zero where there was no error.
        self.error.push(event.error.filter(|errno| *errno != 0).map(ErrorKey).as_ref());
    }

    fn finish(&mut self) -> Result<[ArrayRef; 6], ArrowError> {
        Ok([
            self.attribution.finish()?,
            self.capture.finish()?,
            self.verdict.finish()?,
            Arc::new(self.inbound.finish()),
            Arc::new(self.preexisting.finish()),
            self.error.finish()?,
        ])
    }
}

/// An errno, displayed by its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ErrorKey(i32);

impl fmt::Display for ErrorKey {
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

/// The columns about the socket that version 3 of the schema added.
#[derive(Debug, Default)]
struct Sockets {
    namespace: PrimitiveBuilder<UInt32Type>,
    host: BooleanBuilder,
    outstanding: BooleanBuilder,
}

impl Sockets {
    fn push(&mut self, event: &Event) {
        self.namespace.append_option(event.namespace.map(|namespace| namespace.inode));
        self.host.append_option(event.namespace.map(|namespace| namespace.own));
        self.outstanding.append_value(event.outstanding);
    }

    fn finish(&mut self) -> [ArrayRef; 3] {
        [column(&mut self.namespace), Arc::new(self.host.finish()), Arc::new(self.outstanding.finish())]
    }
}

/// The columns about an evaluation, beside the verdict itself.
#[derive(Debug, Default)]
struct Evaluations {
    reason: FixedColumn,
    rule: DisplayColumn<Arc<str>>,
    attribution: FixedColumn,
    duration: PrimitiveBuilder<UInt64Type>,
}

impl Evaluations {
    fn push(&mut self, evaluation: Option<&Evaluation>) {
        self.reason.push(evaluation.map(|evaluation| evaluation.reason).map(Reason::as_str));
        self.rule.push(evaluation.and_then(|evaluation| evaluation.rule.as_ref()));
        self.attribution.push(evaluation.map(|evaluation| values::attribution(evaluation.attribution)));
        self.duration.append_option(evaluation.and_then(|evaluation| evaluation.duration_ns));
    }

    fn finish(&mut self) -> Result<[ArrayRef; 4], ArrowError> {
        let duration = column(&mut self.duration);
        Ok([self.reason.finish()?, self.rule.finish()?, self.attribution.finish()?, duration])
    }
}
