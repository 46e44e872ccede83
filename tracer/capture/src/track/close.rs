//! The end of sockets.

use egret_model::{Event, EventName, Transport};
use egret_wire::{CONNECTED, FlowRecord, PEER_PARTIAL, PEER_SPILLED, PREEXISTING, PeerTotals};

use super::event::{directed, is_peer_of};
use super::peers::{PeerTable, is_same_peer, key_of};
use super::tracker::Tracker;

impl Tracker {
    pub(super) fn closed(&mut self, flow: &FlowRecord, peers: &mut dyn PeerTable, out: &mut Vec<Event>) {
        if let Some(held) = self.waiting.take(flow.cookie) {
            out.push(self.unused(&held));
        }
        let used = self.peers.remove(flow.cookie);
        if flow.header.flags & PEER_SPILLED != 0 {
            self.close_peers(flow, &used, peers, out);
        }
        self.close_last(flow, &used, out);
        self.naming.forget(flow.cookie);
    }

    /// Reports the end of a socket's connection, or of its use of its last peer. `used` are the first records of
    /// all its peers.
    fn close_last(&mut self, closed: &FlowRecord, used: &[FlowRecord], out: &mut Vec<Event>) {
        let last = used.iter().find(|first| is_same_peer(first, closed));
        let unused = closed.sends == 0 && closed.receives == 0;
        let flow = last.map_or(*closed, |first| directed(FlowRecord { process: first.process, ..*closed }, first));
        let mut event = self.event(EventName::ConnectionClose, &flow);
        let found = self.preexisting.found.pop(&flow.cookie);
        let is_found = found.as_ref().is_some_and(|found| found.event.id == event.id);
        let reported = found.filter(|found| found.reported);
        let is_reported = reported.is_some();
        // A preexisting socket that was not listed and not used has nothing to report.
        let is_silent = unused || has_unknown_peer(&event);
        if flow.header.flags & PREEXISTING != 0 && is_silent && last.is_none() && !is_reported {
            return;
        }
        if let Some(found) = reported {
            if found.connecting && unused {
                event.name = EventName::ConnectionFailed;
            } else if !is_found && !used.iter().any(|first| is_peer_of(first, found.event.peer)) {
                // It has had other peers since it was listed.
                out.push(self.close_found(&found, &flow));
            }
        }
        if last.is_none() && self.has_never_begun(closed) && !(is_found && is_reported) {
            return;
        }
        set_durations(&mut event, &flow);
        out.push(event);
    }

    /// Whether a datagram socket exchanged nothing with its last peer, which it only named or connected to. Where
    /// the bytes of calls are not counted, a connected socket may have.
    fn has_never_begun(&self, closed: &FlowRecord) -> bool {
        let unused = closed.sends == 0 && closed.receives == 0;
        let is_counted = self.counts || closed.header.flags & CONNECTED == 0;
        closed.header.flags & PEER_SPILLED != 0 && unused && is_counted
    }

    /// Reports the ends of the peers of a socket other than its last.
    fn close_peers(&mut self, last: &FlowRecord, used: &[FlowRecord], peers: &mut dyn PeerTable, out: &mut Vec<Event>) {
        let (mut returned, mut known) = (0, 0);
        for first in used.iter().filter(|first| !is_same_peer(first, last)) {
            let totals = peers.take(&key_of(first), first.opened_ns);
            match totals {
                Some(_) => returned += 1,
                None => known += 1,
            }
            out.push(self.close_peer(first, totals.filter(|_| self.counts), last.header.time_ns));
        }
        // A part of the last one's totals is no peer that could return.
        let partial = u64::from(last.header.flags & PEER_PARTIAL != 0);
        self.peers.account(u64::from(last.spilled), returned, known + partial);
    }

    fn close_peer(&mut self, first: &FlowRecord, totals: Option<PeerTotals>, time_ns: u64) -> Event {
        let mut flow = *first;
        flow.header.time_ns = time_ns;
        flow.header.flags |= totals.map_or(PEER_PARTIAL, PeerTotals::flags);
        flow = directed(flow, first);
        flow.sent = totals.map_or(0, |totals| totals.sent);
        flow.received = totals.map_or(0, |totals| totals.received);
        let mut event = self.event(EventName::ConnectionClose, &flow);
        if !event.preexisting {
            event.connection_duration_ns = time_ns.checked_sub(flow.opened_ns);
        }
        event
    }
}

fn set_durations(event: &mut Event, flow: &FlowRecord) {
    if !event.preexisting {
        event.connection_duration_ns = flow.header.time_ns.checked_sub(flow.opened_ns);
    }
    if !event.inbound && flow.established_ns != 0 {
        event.connect_duration_ns = flow.established_ns.checked_sub(flow.opened_ns);
    }
}

/// Whether the peer of a datagram is unknown: the hooks were attached during a receive, and saw its end but not
/// its sender.
const fn has_unknown_peer(event: &Event) -> bool {
    matches!(event.transport, Some(Transport::Udp | Transport::UdpLite)) && event.peer.address.is_none()
}
