//! Copying a packet's payload into the ring.
//!
//! Straight into reserved room: these hooks run in process context and in softirqs that interrupt it, so there is no
//! scratch memory that one run of them would have to itself.

use core::ptr;

use aya_ebpf::helpers::generated::{bpf_get_socket_cookie, bpf_skb_load_bytes};
use egret_wire::{Address, Counter, Header, Kind, NAME_TCP, NameRecord, VERSION};

use super::packet::{IPPROTO_TCP, Packet, Payload};
use super::share;
use crate::kernel::masked;
use crate::maps::{NAMES, count};
use crate::record;

/// Room for payload in the three kinds of entries: most questions fit in the first, most answers in the second.
const SMALL: usize = 256;
const MIDDLE: usize = 1024;
const LARGE: usize = 4096;

/// What to copy, and what to say of it.
pub(crate) struct Message {
    pub(crate) kind: Kind,
    pub(crate) payload: Payload,
    /// Process that holds the socket; zero when unknown.
    pub(crate) pid: u32,
    /// Its user; [`NO_USER`] when unknown.
    pub(crate) user: u32,
}

/// All sockets whose process is not known share what a user has.
pub(crate) const NO_USER: u32 = u32::MAX;

/// A record with room for some payload.
#[repr(C)]
struct Entry<const ROOM: usize> {
    record: NameRecord,
    payload: [u8; ROOM],
}

/// Writes the record with the smallest room that takes the payload, or as much of it as the largest does.
#[inline(always)]
pub(crate) fn write(packet: &Packet, message: &Message) -> Option<()> {
    let length = message.payload.length as usize;
    if length <= SMALL {
        write_in::<SMALL>(packet, message)
    } else if length <= MIDDLE {
        write_in::<MIDDLE>(packet, message)
    } else {
        write_in::<LARGE>(packet, message)
    }
}

#[inline(always)]
fn write_in<const ROOM: usize>(packet: &Packet, message: &Message) -> Option<()> {
    if !share::has_room(message.kind, message.user, size_of::<Entry<ROOM>>() as u64) {
        return lose(message.kind);
    }
    let remote = if message.kind as u8 == Kind::Answer as u8 { packet.source() } else { packet.destination() }?;
    let Some(mut entry) = NAMES.reserve::<Entry<ROOM>>(0) else {
        return lose(message.kind);
    };
    let length = message.payload.length as usize;
    // Compared again after the mask: the verifier does not follow what the compiler knows of the length from before.
    let length = masked::<0x7fff_ffff>(length);
    let captured = if length > ROOM { ROOM } else { length };
    // SAFETY: a pointer to reserved room for a whole entry; the helper writes at most `ROOM` bytes of payload.
    let failed = captured == 0
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
    entry.submit(record::wake_if_much(&NAMES, size_of::<Entry<ROOM>>() as u64));
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
        remote,
        pid: message.pid,
        sequence: message.payload.sequence,
        length: message.payload.length,
        remote_port: if answer { packet.source_port } else { packet.destination_port },
        captured: captured as u16,
    }
}
