//! Tracepoints `sock:sock_send_length` and `sock:sock_recv_length`: a send or receive call returned.
//!
//! Source: `call_trace_sock_send_length` and `call_trace_sock_recv_length` in net/socket.c; Linux 6.3. Every path into a
//! socket ends there: system calls, `write`, `sendfile`, `splice`, `io_uring`, the kernel's own sockets. Process context.
//!
//! This is the hottest code of egret. A socket of another family has no state and costs one look-up and one load.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::{bpf_get_socket_cookie, bpf_jiffies64};
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use egret_wire::{Address, CONNECTED, Kind, PREEXISTING, UNOWNED};

use crate::config::setting;
use crate::datagram::{self, Direction};
use crate::kernel::{follow_or_null, load, read_or_zero};
use crate::process;
use crate::record::{self, Detail};
use crate::socket::{self, PHASE_DATAGRAM, PHASE_ESTABLISHED, PHASE_NEW, Socket, add, mapped};

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const AF_PACKET: u16 = 17;
const SOCK_STREAM: u16 = 1;
const MSG_PEEK: i32 = 0x2;
const MSG_ERRQUEUE: i32 = 0x2000;

#[btf_tracepoint(function = "sock_send_length")]
pub(crate) fn sock_send_length(ctx: BtfTracePointContext) -> i32 {
    try_moved(ctx.arg(0), ctx.arg(1), Direction::Sent);
    0
}

#[btf_tracepoint(function = "sock_recv_length")]
pub(crate) fn sock_recv_length(ctx: BtfTracePointContext) -> i32 {
    let flags: i32 = ctx.arg(2);
    // A peek reads nothing, and the error queue holds copies of what was sent.
    if flags & (MSG_PEEK | MSG_ERRQUEUE) == 0 {
        try_moved(ctx.arg(0), ctx.arg(1), Direction::Received);
    } else if let Some(socket) = socket::find(ctx.arg(0)) {
        datagram::nothing_moved(socket);
    }
    0
}

#[inline(always)]
fn try_moved(sk: *mut c_void, result: i32, direction: Direction) -> Option<()> {
    let socket = match socket::find(sk) {
        Some(socket) if socket.phase != PHASE_NEW => socket,
        _ => adopt(sk, result)?,
    };
    if socket.phase == PHASE_DATAGRAM {
        datagram::moved(socket, sk, result, direction);
    } else {
        if result > 0 {
            match direction {
                Direction::Sent => {
                    add(&mut socket.sent, result as u64);
                    socket.sends += 1;
                }
                Direction::Received => {
                    add(&mut socket.received, result as u64);
                    socket.receives += 1;
                }
            }
        }
        if socket.flags & UNOWNED != 0 {
            own(socket);
        }
    }
    tell_totals(socket);
    Some(())
}

/// The first to send or receive on a socket whose holder was not known names it. Most often it is the listener itself,
/// which the record of the accept has named already.
#[inline(always)]
fn own(socket: &mut Socket) {
    socket.flags &= !UNOWNED;
    let process = process::current();
    let known = socket.process.pid == process.pid && socket.process.exec_id == process.exec_id;
    if !known || socket.flags & PREEXISTING != 0 {
        socket.process = process;
        record::write(Kind::Owned, record::now(), socket, Detail::default());
    }
}

/// Totals of a busy flow, at most once an interval.
#[inline(always)]
fn tell_totals(socket: &mut Socket) {
    // SAFETY: a helper without arguments; the verifier replaces it by a load.
    let jiffies = unsafe { bpf_jiffies64() };
    if socket.told == 0 {
        socket.told = jiffies;
    } else if jiffies - socket.told >= u64::from(setting!(totals_jiffies)) {
        socket.told = jiffies;
        record::write(Kind::Totals, record::now(), socket, Detail::default());
    }
}

/// Begins to follow a socket at its first use: it is older than egret, or a kind that no other hook announces.
#[inline(always)]
fn adopt(sk: *mut c_void, result: i32) -> Option<&'static mut Socket> {
    // SAFETY: `sk` is the tracepoint's typed argument.
    let family: u16 = unsafe { load(sk.cast(), setting!(skc_family)) };
    if (family != AF_INET && family != AF_INET6 && family != AF_PACKET) || result < 0 {
        return None;
    }
    let socket = socket::find_or_make(sk)?;
    // SAFETY: `sk` is the tracepoint's typed argument, and the helper takes any socket.
    socket.cookie = unsafe { bpf_get_socket_cookie(sk) };
    socket.family = family;
    socket.protocol = read_or_zero(sk.cast(), setting!(sk_protocol));
    socket.socket_type = read_or_zero(sk.cast(), setting!(sk_type));
    socket.opened_ns = record::now();
    if family != AF_PACKET {
        fill_local(socket, sk);
        fill_peer(socket, sk);
    }
    if socket.socket_type == SOCK_STREAM {
        socket.phase = PHASE_ESTABLISHED;
        socket.flags = PREEXISTING | UNOWNED;
    } else {
        socket.phase = PHASE_DATAGRAM;
        socket.flags = if socket.peer_port != 0 { CONNECTED } else { 0 };
        socket.unreported = 1;
    }
    Some(socket)
}

/// Reads the local end and the network namespace out of the socket.
#[inline(always)]
pub(crate) fn fill_local(socket: &mut Socket, sk: *mut c_void) {
    let sk: *const u8 = sk.cast();
    // An unbound raw or packet socket has no ports; what cannot be read stays unknown.
    socket.local_port = read_or_zero(sk, setting!(skc_num));
    socket.local = if socket.family == AF_INET6 {
        read_or_zero(sk, setting!(skc_v6_rcv_saddr))
    } else {
        mapped(read_or_zero(sk, setting!(skc_rcv_saddr)))
    };
    socket.netns = read_or_zero(follow_or_null(sk, setting!(skc_net)), setting!(net_inum));
}

/// Reads the peer out of the socket, if it is connected to one and no hook has named it: raw and ICMP sockets.
#[inline(always)]
pub(crate) fn fill_peer(socket: &mut Socket, sk: *mut c_void) {
    let peer = connected_address(socket, sk);
    if peer != [0; 2] {
        socket.peer = peer;
        socket.peer_port = connected_port(sk);
    }
}

/// Address that the socket is connected to; zeroes if it is not.
#[inline(always)]
pub(crate) fn connected_address(socket: &Socket, sk: *mut c_void) -> Address {
    let sk: *const u8 = sk.cast();
    if socket.family == AF_INET6 {
        return read_or_zero(sk, setting!(skc_v6_daddr));
    }
    match read_or_zero(sk, setting!(skc_daddr)) {
        0_u32 => [0; 2],
        address => mapped(address),
    }
}

/// Port that the socket is connected to; zero if it is not.
#[inline(always)]
pub(crate) fn connected_port(sk: *mut c_void) -> u16 {
    u16::from_be(read_or_zero(sk.cast(), setting!(skc_dport)))
}
