//! Packet sockets, whose release no hook sees: `sock_release` runs for internet sockets alone.
//!
//! What they moved is kept in a map, which outlives the socket. User space looks from time to time which of them are still
//! there: an iterator over the storage of all sockets, in every network namespace (`iter/bpf_sk_storage_map`, source
//! `bpf_iter_init_sk_storage_map` in net/core/bpf_sk_storage.c; Linux 5.9). Process context of the reader.

use core::ffi::c_void;

use aya_ebpf::bindings::seq_file;
use aya_ebpf::helpers::generated::bpf_seq_write;
use egret_wire::{Counter, PeerTotals};

use crate::datagram::Direction;
use crate::maps::{UNRELEASED, count};
use crate::socket::{PHASE_DATAGRAM, Socket, add};

const AF_PACKET: u16 = 17;

/// `struct bpf_iter__bpf_sk_storage_map`.
#[repr(C)]
struct Context {
    meta: *const Meta,
    map: *const c_void,
    sk: *const c_void,
    value: *const Socket,
}

/// The beginning of `struct bpf_iter_meta`.
#[repr(C)]
struct Meta {
    seq: *mut seq_file,
}

/// Writes the cookie of every packet socket.
#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/bpf_sk_storage_map")]
extern "C" fn packet_sockets(context: *const Context) -> i32 {
    // SAFETY: the kernel passes a whole context; the verifier checks each access. The value is null at the end of the list.
    unsafe {
        let value = (*context).value;
        if value.is_null() || (*value).phase != PHASE_DATAGRAM || (*value).family != AF_PACKET {
            return 0;
        }
        let cookie = (*value).cookie;
        bpf_seq_write((*(*context).meta).seq, (&raw const cookie).cast(), size_of::<u64>() as u32);
    }
    0
}

/// Adds what a packet socket has moved to what outlives it.
#[inline(always)]
pub(crate) fn moved(socket: &Socket, amount: u64, direction: Direction) {
    if socket.family != AF_PACKET {
        return;
    }
    let sent = direction == Direction::Sent;
    // SAFETY: a pointer from the map, valid for this run.
    if let Some(totals) = UNRELEASED.get_ptr_mut(socket.cookie).map(|totals| unsafe { &mut *totals }) {
        add(if sent { &mut totals.sent } else { &mut totals.received }, amount);
        add(if sent { &mut totals.sends } else { &mut totals.receives }, 1);
        return;
    }
    let totals = PeerTotals {
        opened_ns: socket.opened_ns,
        sent: if sent { amount } else { 0 },
        received: if sent { 0 } else { amount },
        sends: u64::from(sent),
        receives: u64::from(!sent),
        flags: 0,
    };
    if UNRELEASED.insert(socket.cookie, totals, 0).is_err() {
        count(Counter::PeerTable, 1);
    }
}
