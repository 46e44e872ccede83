//! Spans of connections.
//!
//! A trace a connection: the root `connection` from the opening to the end, below it `dns.resolve` if its process asked
//! for the peer's name, and `connect` if there was a handshake. The root comes at the end; a connection that lasts has a
//! span `connection.update` below it at times, that says what it has moved, so that a backend has its trace meanwhile.

mod attributes;
mod ids;
mod last;
mod own;
mod period;
mod place;
mod processes;
mod updates;

use egret_model::{Endpoint, Event, EventName, Reason, Timestamp, Verdict};
use nix::errno::Errno;
use opentelemetry::SpanId;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};

pub(super) use self::attributes::Attributes;
use self::ids::Ids;
pub(super) use self::ids::Seed;
use self::last::Errors;
use self::own::Own;
use self::period::{Period, Periods};
use self::place::Place;
use self::processes::Processes;
use self::updates::Updates;
use super::wire;
use crate::errno::ErrnoName;
use crate::{names, values};

/// Makes the spans of connections out of their records.
#[derive(Debug)]
pub(super) struct Spans {
    seed: Seed,
    own: Own,
    errors: Errors,
    processes: Processes,
    updates: Updates,
}

impl Spans {
    /// Spans of this host, without those about the connections of the process `own_pid`.
    pub(super) fn new(seed: Seed, own_pid: u32) -> Self {
        Self {
            seed,
            own: Own::new(own_pid),
            errors: Errors::default(),
            processes: Processes::default(),
            updates: Updates::default(),
        }
    }

    /// Appends the spans that are made of this record to `out`, encoded as the field `spans` of `ScopeSpans`; says how many:
    /// none unless it is the last record of a connection, or an update whose time has come.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, event: &Event) -> u64 {
        if self.own.has(event) {
            return 0;
        }
        if event.name == EventName::ConnectionUpdate {
            return self.update(out, event);
        }
        if !last::is_last(event) {
            self.errors.note(event);
            return 0;
        }
        self.updates.forget(event.id);
        let error = self.errors.take(event);
        let about_process = event.process.as_ref().map_or(&[][..], |process| self.processes.encoded(process));
        let connection = Connection::of(event, error, self.seed);
        wire::span(out, &connection.root(), about_process);
        let children = [connection.resolve(), connection.connect()];
        children.iter().flatten().for_each(|child| wire::span(out, child, &[]));
        children.iter().flatten().fold(1, |count, _| count + 1)
    }
}

impl Spans {
    fn update(&mut self, out: &mut Vec<u8>, event: &Event) -> u64 {
        let Some(since) = self.updates.due(event) else { return 0 };
        let about_process = event.process.as_ref().map_or(&[][..], |process| self.processes.encoded(process));
        let connection = Connection::of(event, None, self.seed);
        wire::span(out, &connection.update(ids::update(self.seed, event), since), about_process);
        1
    }
}

/// A connection that is over, or about which no more will be known.
struct Connection<'a> {
    event: &'a Event,
    error: Option<i32>,
    inbound: bool,
    ids: Ids,
    place: Place,
    periods: Periods,
}

impl<'a> Connection<'a> {
    fn of(event: &'a Event, error: Option<i32>, seed: Seed) -> Self {
        let ids = Ids::of(seed, event);
        let inbound = event.inbound || event.name == EventName::Accept;
        Self { event, error, inbound, ids, place: Place::of(event, &ids), periods: Periods::of(event) }
    }

    /// Without the attributes of the process.
    fn root(&self) -> Span {
        let mut attributes = Attributes::with_capacity(28);
        attributes.shown(names::CONNECTION_ID, Some(self.event.id));
        self.network(&mut attributes);
        self.roles(&mut attributes);
        self.provenance(&mut attributes);
        self.figures(&mut attributes);
        self.judgement(&mut attributes);
        Span {
            parent_span_id: self.place.parent.map(|parent| parent.to_bytes().to_vec()).unwrap_or_default(),
            flags: self.place.root_flags(),
            kind: if self.inbound { SpanKind::Server } else { SpanKind::Client }.into(),
            attributes: attributes.into(),
            status: self.status(),
            ..self.span("connection", self.ids.root, self.periods.root)
        }
    }

    /// What has moved so far, in a span that ends now. It says all that the root will say, which is not there yet.
    fn update(&self, id: SpanId, since: Option<Timestamp>) -> Span {
        let period = self.periods.root.since(since);
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
        attributes.shown(names::SERVER_ADDRESS, Some(resolver.ip()));
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
        attributes.shown(names::ERROR_TYPE, self.error.filter(|_| failed).map(ErrnoName));
        let span = self.child("connect", self.ids.connect, period);
        let status = if failed { self.status() } else { None };
        Some(Span { kind: SpanKind::Internal.into(), attributes: attributes.into(), status, ..span })
    }

    fn child(&self, name: &str, id: SpanId, period: Period) -> Span {
        let parent_span_id = self.ids.root.to_bytes().to_vec();
        Span { parent_span_id, flags: self.place.child_flags(), ..self.span(name, id, period) }
    }

    fn span(&self, name: &str, id: SpanId, period: Period) -> Span {
        Span {
            trace_id: self.place.trace.to_bytes().to_vec(),
            span_id: id.to_bytes().to_vec(),
            name: name.to_owned(),
            start_time_unix_nano: period.start,
            end_time_unix_nano: period.end,
            ..Span::default()
        }
    }

    /// Unset unless something failed: whether a connection did what it was for, egret cannot tell. What was blocked failed,
    /// also where the kernel reports no error for it: a datagram may vanish in silence.
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
        match self.event.judgement.as_ref().map(|judgement| judgement.reason).map(Reason::as_str) {
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
        if let Some(server) = &event.server {
            attributes.string(names::SERVER_ADDRESS, Some(&server.name));
            attributes.string(names::NAME_SOURCE, Some(values::name_source(server.source)));
        }
    }

    /// Client is who began the connection. `server.address` is the name that was asked for, so it is not repeated here for
    /// want of one.
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
        attributes.truth(names::INBOUND, self.inbound);
        attributes.truth(names::STANDING, event.standing);
    }

    fn figures(&self, attributes: &mut Attributes) {
        let event = self.event;
        attributes.shown(names::ERROR_TYPE, self.error.map(ErrnoName));
        attributes.integer(names::CONNECT_DURATION_NS, event.connect_duration_ns);
        attributes.integer(names::CONNECTION_DURATION_NS, event.connection_duration_ns);
        attributes.integer(names::BYTES_SENT, event.bytes_sent);
        attributes.integer(names::BYTES_RECEIVED, event.bytes_received);
        attributes.integer(names::TCP_RETRANSMITS, event.retransmits);
        attributes.integer(names::TCP_RTT_NS, event.rtt_ns);
    }

    fn judgement(&self, attributes: &mut Attributes) {
        let Some(judgement) = &self.event.judgement else { return };
        attributes.string(names::VERDICT_REASON, Some(judgement.reason.as_str()));
        attributes.string(names::VERDICT_RULE, judgement.rule.as_deref());
        attributes.string(names::VERDICT_ATTRIBUTION, Some(values::attribution(judgement.attribution)));
        attributes.integer(names::VERDICT_DURATION_NS, judgement.duration_ns);
    }
}

fn endpoint(attributes: &mut Attributes, address: &str, port: &str, endpoint: Endpoint) {
    attributes.shown(address, endpoint.address);
    attributes.integer(port, endpoint.port);
}
