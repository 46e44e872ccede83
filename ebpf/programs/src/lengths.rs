//! Tracepoints `sock:sock_send_length` and `sock:sock_recv_length`: a send or receive call returned.
//!
//! Source: `call_trace_sock_send_length` and `call_trace_sock_recv_length` in net/socket.c; Linux 6.3. Every path
//! into a socket ends there: system calls, `write`, `sendfile`, `splice`, `io_uring`, the kernel's own sockets.
//! Process context.
//!
//! This is the hottest code of egret. A socket of another family has no state and costs one look-up and one load.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_get_socket_cookie;
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use egret_state::{Direction, Flags, Phase, Socket};
use egret_wire::Kind;

use crate::config::setting;
use crate::kernel::{load, read_or_zero};
use crate::platform::Kernel;
use crate::record::{self, Detail};
use crate::{process, sock, socket, start};

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const AF_PACKET: u16 = 17;
const SOCK_STREAM: u16 = 1;
const IPPROTO_UDP: u16 = 17;
const IPPROTO_UDPLITE: u16 = 136;
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
    // A peek consumes nothing, and the error queue has copies of sent data.
    if flags & (MSG_PEEK | MSG_ERRQUEUE) == 0 {
        try_moved(ctx.arg(0), ctx.arg(1), Direction::Received);
    } else if let Some(socket) = socket::find(ctx.arg(0)) {
        socket.nothing_moved(&Kernel { sk: ctx.arg(0) });
    }
    0
}

#[inline(always)]
fn try_moved(sk: *mut c_void, result: i32, direction: Direction) -> Option<()> {
    let socket = match socket::find(sk) {
        Some(socket) if socket.phase() != Phase::New => socket,
        _ => adopt(sk, result, direction)?,
    };
    let kernel = Kernel { sk };
    if socket.phase() == Phase::Datagram {
        socket.moved(&kernel, result, direction);
    } else {
        socket.moved_stream(&kernel, result, direction);
        if socket.flags().has(Flags::UNOWNED) {
            own(socket);
        }
    }
    Some(())
}

/// The first process that sends or receives on a socket without a known owner is its owner. Usually it is that of
/// the listener, which the record of the accept has named already.
#[inline(always)]
fn own(socket: &mut Socket) {
    if socket.take_owner(process::current()) {
        record::write(Kind::Owned, record::now(), socket, Detail::default());
    }
}

/// Follows a socket from its first use on: it is preexisting, or of a kind that no other hook announces.
#[inline(always)]
fn adopt(sk: *mut c_void, result: i32, direction: Direction) -> Option<&'static mut Socket> {
    // SAFETY: `sk` is the tracepoint's typed argument.
    let family: u16 = unsafe { load(sk.cast(), setting!(skc_family)) };
    if (family != AF_INET && family != AF_INET6 && family != AF_PACKET) || result < 0 {
        return None;
    }
    let is_udp =
        family != AF_PACKET && matches!(read_or_zero(sk.cast(), setting!(sk_protocol)), IPPROTO_UDP | IPPROTO_UDPLITE);
    let is_connected = family != AF_PACKET && sock::connected_address(sk, family) != [0; 2];
    if is_udp && !is_connected && direction == Direction::Sent {
        // The hook that names the peer ran before the start: the next send has one.
        return None;
    }
    let socket = socket::get_or_create(sk)?;
    identify(socket, sk, family);
    if socket.socket_type == SOCK_STREAM {
        socket.adopt_stream(start::is_accepted(sk.cast()));
        return Some(socket);
    }
    socket.adopt_datagram(if is_connected {
        // Connected before the start: the first datagram that it receives does not show that the peer began.
        Flags::CONNECTED
    } else if is_udp {
        start::direction(sk.cast(), direction == Direction::Received)
    } else {
        Flags::NONE
    });
    Some(socket)
}

/// Sets the kind of the socket, from the kernel's structure.
#[inline(always)]
fn identify(socket: &mut Socket, sk: *mut c_void, family: u16) {
    // SAFETY: `sk` is the tracepoint's typed argument, and the helper takes any socket.
    socket.cookie = unsafe { bpf_get_socket_cookie(sk) };
    socket.family = family;
    socket.protocol = read_or_zero(sk.cast(), setting!(sk_protocol));
    socket.socket_type = read_or_zero(sk.cast(), setting!(sk_type));
    socket.opened_ns = record::now();
    if family != AF_PACKET {
        sock::fill_local(socket, sk);
        sock::fill_peer(socket, sk);
    }
}
