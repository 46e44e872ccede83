//! Copying a packet's payload into the ring.
//!
//! It is copied straight into the reserved record: these hooks run in process context and in softirqs that
//! interrupt it, so that a scratch buffer would not be exclusive to one run.

use core::ptr;

use aya_ebpf::helpers::generated::{bpf_get_socket_cookie, bpf_skb_load_bytes};
use egret_wire::{Address, Counter, Header, Kind, NAME_TCP, NameRecord, ProcessRef, VERSION};

use super::packet::{IPPROTO_TCP, Packet, Payload};
use super::share;
use crate::kernel::masked;
use crate::maps::{NAMES, count};
use crate::record;

/// Bytes of payload in the three sizes of records: most questions fit in the first, most answers in the second.
const SMALL: usize = 256;
const MIDDLE: usize = 1024;
const LARGE: usize = 4096;
// The last byte of each is a mask of lengths.
const _: () = assert!(SMALL.is_power_of_two() && MIDDLE.is_power_of_two() && LARGE.is_power_of_two());

/// A payload to copy, and the fields of its record.
pub(crate) struct Message {
    pub(crate) kind: Kind,
    pub(crate) payload: Payload,
    /// Owner of the socket; zeroes if unknown.
    pub(crate) process: ProcessRef,
    /// Its user; [`egret_wire::NO_USER`] if unknown: all such sockets have one share.
    pub(crate) user: u32,
}

/// A record with space for payload.
#[repr(C)]
struct Entry<const ROOM: usize> {
    record: NameRecord,
    payload: [u8; ROOM],
}

/// Writes the smallest record that the payload fits in. The largest truncates it.
#[inline(always)]
pub(crate) fn write(packet: &Packet, message: &Message) -> Option<()> {
    let length = message.payload.length as usize;
    if length <= SMALL {
        write_in::<SMALL, { SMALL as i32 - 1 }>(packet, message)
    } else if length <= MIDDLE {
        write_in::<MIDDLE, { MIDDLE as i32 - 1 }>(packet, message)
    } else {
        write_in::<LARGE, { LARGE as i32 - 1 }>(packet, message)
    }
}

#[inline(always)]
fn write_in<const ROOM: usize, const LAST: i32>(packet: &Packet, message: &Message) -> Option<()> {
    if !share::has_room(message.kind, message.user, size_of::<Entry<ROOM>>() as u64) {
        return lose(message.kind);
    }
    let remote = if message.kind as u8 == Kind::Answer as u8 { packet.source() } else { packet.destination() }?;
    let Some(mut entry) = NAMES.reserve::<Entry<ROOM>>(0) else {
        return lose(message.kind);
    };
    let length = message.payload.length as usize;
    // Subtracting one, masking and adding one bounds the length to 1..=ROOM in a way that the verifier of every
    // kernel follows. Before Linux 6.8 it refuses a length that may be zero, and ignores the comparison of a copy.
    let captured = if length > ROOM { ROOM } else { length };
    let captured = masked::<LAST>(captured.wrapping_sub(1)) + 1;
    // SAFETY: a pointer to reserved space for a whole entry; the helper writes at most `ROOM` bytes of payload.
    let failed = length == 0
        || unsafe {
            let to = ptr::addr_of_mut!((*entry.as_mut_ptr()).payload);
            bpf_skb_load_bytes(packet.context(), message.payload.offset, to.cast(), captured as u32) != 0
        };
    if failed {
        entry.discard(0);
        return None;
    }
    // SAFETY: as above.
    unsafe {
        ptr::addr_of_mut!((*entry.as_mut_ptr()).record).write(describe::<ROOM>(packet, message, remote, captured))
    };
    count(Counter::NameProduced, 1);
    entry.submit(record::wake_at_limit(&NAMES, size_of::<Entry<ROOM>>() as u64));
    Some(())
}

#[inline(always)]
fn lose(kind: Kind) -> Option<()> {
    count(Counter::NameProduced, 1);
    count(share::lost(kind), 1);
    None
}

#[inline(always)]
fn describe<const ROOM: usize>(packet: &Packet, message: &Message, remote: Address, captured: usize) -> NameRecord {
    let answer = message.kind as u8 == Kind::Answer as u8;
    NameRecord {
        header: Header {
            version: VERSION,
            kind: message.kind as u8,
            length: size_of::<Entry<ROOM>>() as u16,
            flags: if packet.protocol == IPPROTO_TCP { NAME_TCP } else { 0 },
            time_ns: record::now(),
        },
        // SAFETY: the helper takes the context.
        cookie: unsafe { bpf_get_socket_cookie(packet.context()) },
        exec_id: message.process.exec_id,
        remote,
        pid: message.process.pid,
        netns: packet.netns(),
        sequence: message.payload.sequence,
        length: message.payload.length,
        remote_port: if answer { packet.source_port } else { packet.destination_port },
        captured: captured as u16,
        uid: message.user,
    }
}
