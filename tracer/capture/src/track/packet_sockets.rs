//! Packet sockets, whose end no hook sees.

use std::collections::HashMap;

use egret_model::Event;
use egret_wire::{FlowRecord, Kind, PeerTotals};

use super::peers::PeerTable;
use super::tracker::Tracker;
use crate::host;

/// Packet sockets whose end is checked for, 200 bytes each: as many as the kernel's table has entries for.
const CAPACITY: usize = 4096;
/// The record of a packet socket that has not come for so long was lost, nanoseconds.
const RECORD_NS: u64 = 10_000_000_000;
const AF_PACKET: u16 = 17;

/// First records of the packet sockets that are open, by cookie.
#[derive(Default)]
pub(super) struct PacketSockets(HashMap<u64, FlowRecord>);

impl PacketSockets {
    /// Remembers the first record of a socket, if it is a packet socket.
    pub(super) fn add(&mut self, flow: &FlowRecord) {
        if flow.family == AF_PACKET && self.0.len() < CAPACITY {
            self.0.insert(flow.cookie, *flow);
        }
    }
}

impl Tracker {
    /// Whether there are open packet sockets.
    pub(crate) fn has_packet_sockets(&self) -> bool {
        !self.packet_sockets.0.is_empty()
    }

    /// Whether the beginning of a packet socket was reported, or was lost.
    pub(crate) fn has_begun(&self, cookie: u64, opened_ns: u64) -> bool {
        self.packet_sockets.0.contains_key(&cookie) || host::boot_now().saturating_sub(opened_ns) > RECORD_NS
    }

    /// Reports the end of a packet socket.
    pub(crate) fn close_packet_socket(
        &mut self,
        cookie: u64,
        totals: PeerTotals,
        peers: &mut dyn PeerTable,
        out: &mut Vec<Event>,
    ) {
        let Some(mut flow) = self.packet_sockets.0.remove(&cookie) else { return };
        flow.header.time_ns = host::boot_now();
        let PeerTotals { sent, received, sends, receives, .. } = totals;
        let calls = |calls| u32::try_from(calls).unwrap_or(u32::MAX);
        flow = FlowRecord { sent, received, sends: calls(sends), receives: calls(receives), ..flow };
        self.flow(Kind::Closed, flow, peers, out);
    }
}
