//! cgroup `connect4` and `connect6`: a program asks to connect a socket.
//!
//! Source: `__inet_stream_connect` and `inet_dgram_connect` in net/ipv4/af_inet.c, through `pre_connect`; Linux 4.17.
//! Runs in the context of the process that connects, also for `io_uring` and TCP Fast Open, before a local port is
//! chosen. Programs that rewrite the address may run before or after this one: it sees the address at its turn.

use aya_ebpf::bindings::bpf_sock_addr;
use aya_ebpf::helpers::generated::bpf_get_socket_cookie;
use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;
use egret_wire::{Address, Kind};

use crate::datagram;
use crate::kernel::words;
use crate::record::{self, Detail};
use crate::socket::{self, PHASE_ATTEMPT, PHASE_DATAGRAM, Socket, mapped};
use crate::{attempt, grants, owners, process};

const SOCK_STREAM: u32 = 1;

#[cgroup_sock_addr(connect4)]
pub(crate) fn connect4(ctx: SockAddrContext) -> i32 {
    // SAFETY: field of the context, checked by the verifier.
    let address = unsafe { mapped((*ctx.sock_addr).user_ip4) };
    try_connect(&ctx, address);
    1
}

#[cgroup_sock_addr(connect6)]
pub(crate) fn connect6(ctx: SockAddrContext) -> i32 {
    // SAFETY: as above.
    let address = unsafe { words!(ctx.sock_addr, bpf_sock_addr, user_ip6) };
    try_connect(&ctx, address);
    1
}

#[inline(always)]
fn try_connect(ctx: &SockAddrContext, peer: Address) -> Option<()> {
    let addr = ctx.sock_addr;
    // SAFETY: fields of the context, checked by the verifier.
    let (sk, socket_type) = unsafe { ((*addr).__bindgen_anon_1.sk, (*addr).type_) };
    let socket = socket::find_or_make(sk.cast())?;
    let now = record::now();
    attempt::end(socket, now);
    if socket_type == SOCK_STREAM {
        begin(socket, addr, peer, now);
        socket.flags = 0;
        socket.phase = PHASE_ATTEMPT;
        grants::apply(addr, socket);
    } else {
        // SAFETY: field of the context, checked by the verifier.
        let port = unsafe { u16::from_be((*addr).user_port as u16) };
        if !datagram::is_used_with(socket, peer, port) {
            // Totals of the peer before, if any, are not to be mixed with this one's.
            datagram::leave_peer(socket);
            begin(socket, addr, peer, now);
        }
        socket.phase = PHASE_DATAGRAM;
        if datagram::connect(socket) {
            record::write(Kind::Bound, now, socket, Detail::default());
        }
        owners::connected(addr, socket);
    }
    Some(())
}

/// Fills in what a connect tells.
#[inline(always)]
fn begin(socket: &mut Socket, addr: *mut bpf_sock_addr, peer: Address, now: u64) {
    // SAFETY: fields of the context, checked by the verifier.
    unsafe {
        socket.cookie = bpf_get_socket_cookie(addr.cast());
        socket.family = (*addr).family as u16;
        socket.protocol = (*addr).protocol as u16;
        socket.socket_type = (*addr).type_ as u16;
        socket.peer_port = u16::from_be((*addr).user_port as u16);
    }
    socket.peer = peer;
    socket.opened_ns = now;
    socket.established_ns = 0;
    socket.hello = 0;
    socket.reset_totals();
    socket.process = process::current();
}
