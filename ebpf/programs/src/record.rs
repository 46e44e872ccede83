//! Writing records of flows.

use aya_ebpf::bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP};
use aya_ebpf::helpers::bpf_ktime_get_boot_ns;
use aya_ebpf::maps::RingBuf;
use egret_state::Socket;
use egret_wire::{Counter, FlowRecord, Header, Kind, VERSION};

use crate::config::setting;
use crate::maps::{FLOWS, READER_ASLEEP, count};

/// Bytes that the ring adds to a record: its header (`BPF_RINGBUF_HDR_SZ`), and padding to a multiple of eight.
const RECORD_HEADER: u64 = 8 + 7;

/// The fields of a record that are not in the state of the socket.
#[derive(Clone, Copy, Default)]
pub(crate) struct Detail {
    pub(crate) error: i32,
    pub(crate) retransmits: u32,
    pub(crate) srtt_us: u32,
    pub(crate) old_state: u16,
}

/// `CLOCK_BOOTTIME`, nanoseconds.
#[inline(always)]
pub(crate) fn now() -> u64 {
    // SAFETY: a helper without arguments.
    unsafe { bpf_ktime_get_boot_ns() }
}

/// Writes the state of a socket. If the ring is full, the record is counted as lost.
#[inline(always)]
pub(crate) fn write(kind: Kind, time_ns: u64, socket: &Socket, detail: Detail) {
    count(Counter::FlowProduced, 1);
    let Some(mut entry) = FLOWS.reserve::<FlowRecord>(0) else {
        count(Counter::FlowRingFull, 1);
        return;
    };
    entry.write(FlowRecord {
        header: header(kind, socket.flags().on_wire(), time_ns),
        cookie: socket.cookie,
        process: socket.process,
        local: socket.local,
        peer: socket.peer,
        opened_ns: socket.opened_ns,
        established_ns: socket.established_ns,
        sent: socket.sent,
        received: socket.received,
        sends: socket.sends as u32,
        receives: socket.receives as u32,
        retransmits: detail.retransmits,
        srtt_us: detail.srtt_us,
        error: detail.error,
        netns: socket.netns,
        local_port: socket.local_port,
        peer_port: socket.peer_port,
        family: socket.family,
        protocol: socket.protocol,
        socket_type: socket.socket_type,
        old_state: detail.old_state,
        spilled: socket.spilled as u32,
        interface: socket.interface,
        reserved: 0,
    });
    entry.submit(wake_flags(&FLOWS, size_of::<FlowRecord>() as u64));
}

#[inline(always)]
fn header(kind: Kind, flags: u32, time_ns: u64) -> Header {
    Header { version: VERSION, kind: kind as u8, length: size_of::<FlowRecord>() as u16, flags, time_ns }
}

/// Whether this record, of `length` bytes, wakes the reader: if it sleeps without a time limit, or if the waiting
/// records reach the limit with this one. Otherwise the reader wakes within its time limit, and a busy host has
/// few wake-ups: each is an interrupt that the CPU sends to itself, which costs more than the rest of a record.
#[inline(always)]
pub(crate) fn wake_flags(ring: &RingBuf, length: u64) -> u64 {
    let flags = wake_at_limit(ring, length);
    match READER_ASLEEP.get(0) {
        // The kernel's own rule: wake if the reader has read everything before.
        Some(1) if flags == u64::from(BPF_RB_NO_WAKEUP) => 0,
        _ => flags,
    }
}

/// The same for records that are not urgent: the reader sleeps until the waiting records reach the limit.
#[inline(always)]
pub(crate) fn wake_at_limit(ring: &RingBuf, length: u64) -> u64 {
    let waiting = ring.query(u64::from(BPF_RB_AVAIL_DATA));
    let limit = u64::from(setting!(wake_bytes));
    // At the records after this one the reader is awake, or about to be; it reads until the ring is empty.
    if waiting >= limit && waiting < limit + length + RECORD_HEADER {
        u64::from(BPF_RB_FORCE_WAKEUP)
    } else {
        u64::from(BPF_RB_NO_WAKEUP)
    }
}
