//! Encodes events as spans.
//!
//! A connection is a trace: the root `connection` from the opening to the end, its child `dns.resolve` if the process looked up the
//! peer's name, and its child `connect` if there was a handshake. The root is sent at the end. For a long connection, children
//! `connection.update` with the bytes so far are sent at intervals, so that a backend has the trace meanwhile.

mod attributes;
mod context;
mod ids;
mod period;
mod processes;
mod records;
pub(super) mod resource;
pub(super) mod wire;

use egret_model::{Arguments, Endpoint, Event, EventName, Reason, Verdict};
use nix::errno::Errno;
use opentelemetry::SpanId;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};

use self::attributes::Attributes;
use self::context::TraceContext;
use self::ids::Ids;
pub(super) use self::ids::Seed;
use self::period::{Period, Periods};
use self::processes::Processes;
use self::records::{Errors, OwnConnections, Updates};
use crate::errno::ErrnoName;
use crate::{names, values};

/// Makes spans of the events of connections.
#[derive(Debug)]
pub(super) struct Encoder {
    seed: Seed,
    own: OwnConnections,
    errors: Errors,
    processes: Processes,
    updates: Updates,
}

impl Encoder {
    /// An encoder that omits the connections of the process `own_pid`.
    pub(super) fn new(seed: Seed, own_pid: u32, arguments: Arguments) -> Self {
        Self {
            seed,
            own: OwnConnections::new(own_pid),
            errors: Errors::default(),
            processes: Processes::new(arguments),
            updates: Updates::default(),
        }
    }

    /// Appends the spans of an event to `out`, encoded as the field `spans` of `ScopeSpans`, and returns their number: zero unless
    /// the event is the last one of its connection or an update span is due.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, event: &Event) -> u64 {
        if self.own.contains(event) {
            return 0;
        }
        if event.name == EventName::ConnectionUpdate {
            return self.update(out, event);
        }
        if !records::is_last(event) {
            self.errors.record(event);
            return 0;
        }
        let updates = self.updates.remove(event.id);
        let error = self.errors.take(event);
        let process = event.process.as_ref().map_or(&[][..], |process| self.processes.encoded(process));
        let mut connection = Connection::new(event, error, self.seed);
        // The beginning of a preexisting connection is unknown, and totals may be read after the connection has ended and before
        // the record of its end is.
        if let Some(updates) = updates {
            connection.periods.root = connection.periods.root.with(updates);
        }
        wire::span(out, &connection.root(), process);
        let children = [connection.resolve(), connection.connect()];
        children.iter().flatten().for_each(|child| wire::span(out, child, &[]));
        children.iter().flatten().fold(1, |count, _| count + 1)
    }

    fn update(&mut self, out: &mut Vec<u8>, event: &Event) -> u64 {
        let Some(since) = self.updates.due(event) else { return 0 };
        let process = event.process.as_ref().map_or(&[][..], |process| self.processes.encoded(process));
        let connection = Connection::new(event, None, self.seed);
        let period = connection.periods.root.since(since);
        wire::span(out, &connection.update(ids::update(self.seed, event), period), process);
        self.updates.record(event.id, period);
        1
    }
}

/// A connection whose spans are made.
struct Connection<'a> {
    event: &'a Event,
    error: Option<i32>,
    inbound: bool,
    ids: Ids,
    context: TraceContext,
    periods: Periods,
}

impl<'a> Connection<'a> {
    fn new(event: &'a Event, error: Option<i32>, seed: Seed) -> Self {
        let ids = Ids::new(seed, event);
        let inbound = event.inbound || event.name == EventName::Accept;
        Self { event, error, inbound, ids, context: TraceContext::new(event, &ids), periods: Periods::new(event) }
    }

    /// The root span without the attributes of the process.
    fn root(&self) -> Span {
        let mut attributes = Attributes::with_capacity(28);
        attributes.display(names::CONNECTION_ID, Some(self.event.id));
        self.network(&mut attributes);
        self.roles(&mut attributes);
        self.provenance(&mut attributes);
        self.figures(&mut attributes);
        self.evaluation(&mut attributes);
        Span {
            parent_span_id: self.context.parent.map(|parent| parent.to_bytes().to_vec()).unwrap_or_default(),
            flags: self.context.root_flags(),
            kind: if self.inbound { SpanKind::Server } else { SpanKind::Client }.into(),
            attributes: attributes.into(),
            status: self.status(),
            ..self.span("connection", self.ids.root, self.periods.root)
        }
    }

    /// A span that ends now, with the attributes that the root will have, which is not sent yet.
    fn update(&self, id: SpanId, period: Period) -> Span {
        let root = self.root();
        Span { kind: root.kind, attributes: root.attributes, ..self.child("connection.update", id, period) }
    }

    /// The look-up of the peer's name.
    fn resolve(&self) -> Option<Span> {
        let period = self.periods.resolve?;
        let server = self.event.server.as_ref()?;
        let resolver = server.resolution.as_ref()?.resolver;
        let mut attributes = Attributes::with_capacity(3);
        attributes.string(names::DNS_QUESTION_NAME, Some(&server.name));
        attributes.display(names::SERVER_ADDRESS, Some(resolver.ip()));
        attributes.integer(names::SERVER_PORT, Some(resolver.port()));
        let span = self.child("dns.resolve", self.ids.resolve, period);
        Some(Span { kind: SpanKind::Client.into(), attributes: attributes.into(), ..span })
    }

    /// The handshake.
    fn connect(&self) -> Option<Span> {
        let period = self.periods.connect?;
        let failed = self.event.name == EventName::ConnectionFailed;
        let mut attributes = Attributes::with_capacity(4);
        attributes.string(names::NETWORK_TRANSPORT, self.event.transport.map(|transport| transport.as_str()));
        endpoint(&mut attributes, names::NETWORK_PEER_ADDRESS, names::NETWORK_PEER_PORT, self.event.peer);
        attributes.display(names::ERROR_TYPE, self.error.filter(|_| failed).map(ErrnoName));
        let span = self.child("connect", self.ids.connect, period);
        let status = if failed { self.status() } else { None };
        Some(Span { kind: SpanKind::Internal.into(), attributes: attributes.into(), status, ..span })
    }

    fn child(&self, name: &str, id: SpanId, period: Period) -> Span {
        let parent_span_id = self.ids.root.to_bytes().to_vec();
        Span { parent_span_id, flags: self.context.child_flags(), ..self.span(name, id, period) }
    }

    fn span(&self, name: &str, id: SpanId, period: Period) -> Span {
        Span {
            trace_id: self.context.trace.to_bytes().to_vec(),
            span_id: id.to_bytes().to_vec(),
            name: name.to_owned(),
            start_time_unix_nano: period.start,
            end_time_unix_nano: period.end,
            ..Span::default()
        }
    }

    /// Unset unless the connection failed: egret does not know whether a connection served its purpose. A blocked connection
    /// failed, even where the kernel reports no error, as for a dropped datagram.
    fn status(&self) -> Option<Status> {
        let message = match self.error {
            _ if self.event.verdict == Some(Verdict::Block) => self.blocked(),
            Some(error) => Errno::from_raw(error).desc().to_owned(),
            None if self.event.name == EventName::ConnectionFailed => "the connection could not be opened".to_owned(),
            None => return None,
        };
        Some(Status { code: StatusCode::Error.into(), message })
    }

    fn blocked(&self) -> String {
        match self.event.evaluation.as_ref().map(|evaluation| evaluation.reason).map(Reason::as_str) {
            Some(reason) => format!("blocked: {reason}"),
            None => "blocked".to_owned(),
        }
    }

    fn network(&self, attributes: &mut Attributes) {
        let event = self.event;
        attributes.string(names::NETWORK_TRANSPORT, event.transport.map(|transport| transport.as_str()));
        attributes.string(names::NETWORK_TYPE, event.network_type().map(values::network_type));
        endpoint(attributes, names::NETWORK_LOCAL_ADDRESS, names::NETWORK_LOCAL_PORT, event.local);
        endpoint(attributes, names::NETWORK_PEER_ADDRESS, names::NETWORK_PEER_PORT, event.peer);
        attributes.display(names::NETWORK_INTERFACE, event.peer.interface);
        if let Some(server) = &event.server {
            attributes.string(names::SERVER_ADDRESS, Some(&server.name));
            attributes.string(names::NAME_SOURCE, Some(values::name_source(server.source)));
            attributes.flag(names::NAME_UNVERIFIED, server.unverified);
        }
        attributes.integer(names::NETWORK_NAMESPACE, event.namespace.map(|namespace| namespace.inode));
        attributes.flag(names::NETWORK_HOST, event.namespace.is_some_and(|namespace| namespace.own));
    }

    /// The client is the endpoint that opened the connection. `server.address` holds the queried name only, never an address.
    fn roles(&self, attributes: &mut Attributes) {
        if self.inbound {
            attributes.integer(names::SERVER_PORT, self.event.local.port);
            endpoint(attributes, names::CLIENT_ADDRESS, names::CLIENT_PORT, self.event.peer);
        } else {
            attributes.integer(names::SERVER_PORT, self.event.peer.port);
        }
    }

    fn provenance(&self, attributes: &mut Attributes) {
        let event = self.event;
        attributes.string(names::ATTRIBUTION, Some(values::attribution(event.attribution)));
        attributes.string(names::CAPTURE, Some(event.layer.as_str()));
        attributes.string(names::VERDICT, event.verdict.map(values::verdict));
        attributes.flag(names::INBOUND, self.inbound);
        attributes.flag(names::STANDING, event.preexisting);
        attributes.flag(names::CONNECT_OUTSTANDING, event.outstanding);
    }

    fn figures(&self, attributes: &mut Attributes) {
        let event = self.event;
        attributes.display(names::ERROR_TYPE, self.error.map(ErrnoName));
        attributes.integer(names::CONNECT_DURATION_NS, event.connect_duration_ns);
        attributes.integer(names::CONNECTION_DURATION_NS, event.connection_duration_ns);
        attributes.integer(names::BYTES_SENT, event.bytes_sent);
        attributes.integer(names::BYTES_RECEIVED, event.bytes_received);
        attributes.integer(names::TCP_RETRANSMITS, event.retransmits);
        attributes.integer(names::TCP_RTT_NS, event.rtt_ns);
    }

    fn evaluation(&self, attributes: &mut Attributes) {
        let Some(evaluation) = &self.event.evaluation else { return };
        attributes.string(names::VERDICT_REASON, Some(evaluation.reason.as_str()));
        attributes.string(names::VERDICT_RULE, evaluation.rule.as_deref());
        attributes.string(names::VERDICT_ATTRIBUTION, Some(values::attribution(evaluation.attribution)));
        attributes.integer(names::VERDICT_DURATION_NS, evaluation.duration_ns);
    }
}

fn endpoint(attributes: &mut Attributes, address: &str, port: &str, endpoint: Endpoint) {
    attributes.display(address, endpoint.address);
    attributes.integer(port, endpoint.port);
}
