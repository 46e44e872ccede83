//! The events that a flow record leads to, by its kind.

use egret_model::{Event, EventName};
use egret_wire::{FlowRecord, INBOUND, Kind, PREEXISTING};

use super::peers::PeerTable;
use super::tracker::Tracker;

impl Tracker {
    pub(super) fn report(&mut self, kind: Kind, flow: FlowRecord, peers: &mut dyn PeerTable, out: &mut Vec<Event>) {
        let is_new = flow.header.flags & PREEXISTING == 0;
        if is_new && matches!(kind, Kind::Connecting | Kind::Established | Kind::Failed) {
            self.supersede(&flow, out);
        }
        match kind {
            Kind::Connecting => self.connecting(&flow, out),
            Kind::Accepted => self.hold_back(flow, out),
            Kind::Established if is_new => self.established(&flow, out),
            Kind::Established => self.answered(flow, out),
            Kind::Owned => self.owned(&flow, out),
            Kind::Failed => self.failed(&flow, out),
            Kind::SocketError => out.push(self.event(EventName::ConnectionFailed, &flow)),
            Kind::Closed => self.closed(&flow, peers, out),
            Kind::Listening => out.push(self.event(EventName::Listen, &flow)),
            Kind::Bound => out.push(self.event(EventName::ConnectionOpen, &flow)),
            Kind::Datagram => self.datagram(flow, out),
            Kind::Send => out.push(self.event(EventName::DatagramSend, &flow)),
            // `Begun` is for the listing; the others are not written to this ring.
            Kind::Begun | Kind::Exec | Kind::Cgroup | Kind::Call | Kind::Question | Kind::Answer | Kind::Hello => {}
        }
    }

    /// A connect has waited for its answer for a second.
    fn connecting(&mut self, flow: &FlowRecord, out: &mut Vec<Event>) {
        self.unanswered.put(flow.cookie, ());
        let mut event = self.event(EventName::ConnectionOpen, flow);
        self.attribute_kernel(flow, &mut event);
        out.push(Event { outstanding: true, ..event });
    }

    fn established(&mut self, flow: &FlowRecord, out: &mut Vec<Event>) {
        let mut event = self.event(EventName::ConnectionOpen, flow);
        event.connect_duration_ns = flow.established_ns.checked_sub(flow.opened_ns);
        self.attribute_kernel(flow, &mut event);
        out.push(event);
    }

    fn failed(&mut self, flow: &FlowRecord, out: &mut Vec<Event>) {
        let mut event = self.event(EventName::ConnectionFailed, flow);
        event.connect_duration_ns = flow.header.time_ns.checked_sub(flow.opened_ns);
        self.attribute_kernel(flow, &mut event);
        out.push(event);
        self.naming.forget(flow.cookie);
    }

    /// The first datagram between a socket and a peer.
    fn datagram(&mut self, flow: FlowRecord, out: &mut Vec<Event>) {
        if flow.error == 0 && self.preexisting.is_undirected(&flow) {
            self.add_undirected(flow);
            return;
        }
        let flow = self.preexisting.directed_by_age(flow);
        if flow.error == 0 {
            self.peers.add(flow);
            self.packet_sockets.add(&flow);
        }
        let name = match flow.header.flags & (INBOUND | PREEXISTING) {
            0 => EventName::DatagramSend,
            // An answer to a datagram that was sent before the start.
            PREEXISTING => EventName::ConnectionOpen,
            _ => EventName::Accept,
        };
        out.push(self.event(name, &flow));
    }
}
