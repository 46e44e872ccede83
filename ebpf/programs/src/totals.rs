//! Iterator `bpf_sk_storage_map`: the totals of every socket that is followed, whenever user space asks.
//!
//! Source: `bpf_sk_storage_map_seq_show` in net/core/bpf_sk_storage.c; Linux 5.9. Process context, that of the reader. It
//! goes through the storage of all sockets, whatever their network namespace, and costs nothing between two readings: no
//! clock is looked at while data moves, and a socket that fell silent is reported like a busy one.

use core::ffi::c_void;
use core::ptr;

use aya_ebpf::bindings::seq_file;
use aya_ebpf::helpers::generated::bpf_seq_write;
use egret_wire::{CONFIG_LENGTHS, FlowRecord, Kind, PEER_SPILLED};

use crate::config::{has, setting};
use crate::kernel::read_or_zero;
use crate::peers;
use crate::record::{self, Detail};
use crate::socket::{PHASE_DATAGRAM, PHASE_ESTABLISHED, Socket};

const IPPROTO_TCP: u16 = 6;

/// `struct bpf_iter__bpf_sk_storage_map`, part of the kernel's interface to programs.
#[repr(C)]
pub(crate) struct Context {
    meta: *const Meta,
    map: *const c_void,
    sk: *const u8,
    value: *const Socket,
}

/// `struct bpf_iter_meta`.
#[repr(C)]
struct Meta {
    seq: *mut seq_file,
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/bpf_sk_storage_map")]
extern "C" fn socket_totals(ctx: *const Context) -> i32 {
    try_totals(ctx);
    0
}

#[inline(always)]
fn try_totals(ctx: *const Context) -> Option<()> {
    // SAFETY: fields of the context, checked by the verifier. The value is null at the end of the iteration.
    let (meta, value) = unsafe { ((*ctx).meta, (*ctx).value) };
    if value.is_null() {
        return None;
    }
    // SAFETY: checked above; valid for this run.
    let socket = unsafe { &*value };
    let in_use = match socket.phase {
        PHASE_ESTABLISHED => true,
        PHASE_DATAGRAM => socket.sends | socket.receives != 0,
        _ => false,
    };
    if !in_use {
        return None;
    }
    let mut flow = record::flow(Kind::Totals, record::now(), socket, Detail::default());
    if socket.protocol == IPPROTO_TCP && socket.phase == PHASE_ESTABLISHED {
        // SAFETY: field of the context, checked by the verifier.
        add_uncounted(&mut flow, unsafe { (*ctx).sk });
    }
    if socket.flags & PEER_SPILLED != 0 {
        add_spilled(&mut flow, socket);
    }
    // SAFETY: the record has no padding, and the helper checks both pointers.
    unsafe { bpf_seq_write((*meta).seq, ptr::from_ref(&flow).cast(), size_of::<FlowRecord>() as u32) };
    Some(())
}

/// What TCP counted and no call did: what `splice` took, and everything where calls are not counted. One byte less, for a FIN
/// may be one; the record of the connection's end has it.
#[inline(always)]
fn add_uncounted(flow: &mut FlowRecord, sk: *const u8) {
    if sk.is_null() {
        return;
    }
    let (sent, received) = of_tcp(sk);
    if received > flow.received + 1 {
        flow.received = received - 1;
    }
    if !has(CONFIG_LENGTHS) && sent > flow.sent + 1 {
        flow.sent = sent - 1;
    }
}

/// What programs wrote to a TCP socket, and what they read from it, as TCP itself counts.
///
/// Written are first transmissions, and what still waits for its own. Read is the stream without its unread part, and a FIN
/// counts as one byte of it.
#[inline(always)]
pub(crate) fn of_tcp(sk: *const u8) -> (u64, u64) {
    let sequence = |offset| read_or_zero::<u32>(sk, offset);
    let total = |offset| read_or_zero::<u64>(sk, offset);
    let transmitted = total(setting!(tcp_bytes_sent)).saturating_sub(total(setting!(tcp_bytes_retrans)));
    let waiting = sequence(setting!(tcp_write_seq)).wrapping_sub(sequence(setting!(tcp_snd_nxt)));
    let unread = sequence(setting!(tcp_rcv_nxt)).wrapping_sub(sequence(setting!(tcp_copied_seq)));
    let received = total(setting!(tcp_bytes_received)).saturating_sub(u64::from(unread));
    (transmitted + u64::from(waiting), received)
}

/// Adds what the table holds for the current peer. While a thread moves totals from the socket to the table they are in both
/// or in neither: then the record has the table's alone, which only grow, and the next one has the rest.
#[inline(always)]
fn add_spilled(flow: &mut FlowRecord, socket: &Socket) {
    let (sent, received) = peers::find(socket).map_or((0, 0), |totals| (totals.sent, totals.received));
    // SAFETY: fields of a valid value, read again: another CPU may have changed them.
    let unchanged = unsafe {
        ptr::read_volatile(&raw const socket.busy) == 0
            && ptr::read_volatile(&raw const socket.peer) == flow.peer
            && ptr::read_volatile(&raw const socket.peer_port) == flow.peer_port
            && ptr::read_volatile(&raw const socket.sends) as u32 == flow.sends
            && ptr::read_volatile(&raw const socket.receives) as u32 == flow.receives
    };
    if unchanged {
        flow.sent += sent;
        flow.received += received;
    } else {
        flow.sent = sent;
        flow.received = received;
    }
}
