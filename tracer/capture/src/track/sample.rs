//! A record to start from in tests.

use egret_wire::{FlowRecord, Header, Kind, ProcessRef, VERSION};

/// A record of an IPv4 socket of which nothing else is known.
pub(super) fn flow(kind: Kind) -> FlowRecord {
    FlowRecord {
        header: Header { version: VERSION, kind: kind as u8, length: 176, flags: 0, time_ns: 0 },
        cookie: 0,
        process: ProcessRef::UNKNOWN,
        local: [0; 2],
        peer: [0; 2],
        opened_ns: 0,
        established_ns: 0,
        sent: 0,
        received: 0,
        sends: 0,
        receives: 0,
        retransmits: 0,
        srtt_us: 0,
        error: 0,
        netns: 0,
        local_port: 0,
        peer_port: 0,
        family: 2,
        protocol: 0,
        socket_type: 0,
        old_state: 0,
        spilled: 0,
        interface: 0,
        reserved: 0,
    }
}
